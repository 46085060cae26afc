//! Capture files through the running gateway: no network, no privilege.
#![allow(clippy::unwrap_used)]

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use gateway_e2e::{Observer, capture};
use gateway_feed::record::ControlKind;
use gateway_test_harness::config::{Input, Line};
use gateway_test_harness::{Binaries, Config, Gateway, Metrics, Namespace, simulator, wait};
use gateway_test_support::data;
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(20);

fn play(binaries: &Binaries, config: &Config) -> Gateway {
    Gateway::start(binaries, &Namespace::current(), config).unwrap()
}

fn input(file: &Path) -> Input {
    Input::Capture {
        file: file.to_path_buf(),
        pace: "asap",
    }
}

/// No metrics server: tests run beside each other and beside a gateway of the machine's.
fn quiet(config: Config) -> Config {
    Config {
        metrics_listen: String::new(),
        ..config
    }
}

#[test]
fn a_captured_morning_gives_994_messages() {
    let Some(file) = capture::file("AB_merged_by_time.pcap") else {
        return;
    };
    let binaries = Binaries::of_this_build().unwrap();
    let gateway = play(&binaries, &quiet(capture::config(input(&file))));
    let observer = Observer::start(&gateway.socket(), "all").unwrap();
    let ended = |seen: &gateway_e2e::Seen| seen.has(ControlKind::SessionEnd);
    let seen = observer
        .wait_for("the end of the session", LIMIT, ended)
        .unwrap();
    assert_eq!(seen.messages, capture::ON_EITHER_LINE);
    assert_eq!(seen.gaps, capture::LOST_ON_BOTH);
    assert_eq!(
        (seen.out_of_order, seen.repeated, seen.lost_slots),
        (0, 0, 0)
    );
}

#[test]
fn a_capture_of_our_own_with_loss_on_both_lines_reconciles() {
    let binaries = Binaries::of_this_build().unwrap();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("lines.pcap");
    let output = Command::new(binaries.path("gateway-sim"))
        .args([
            "generate",
            "--messages",
            "20000",
            "--symbols",
            "20",
            "--loss-a",
            "0.03",
            "--loss-b",
            "0.03",
        ])
        .args([
            "--line-a",
            "239.77.0.1:26400",
            "--line-b",
            "239.77.0.2:26400",
            "--reorder",
            "0.01",
        ])
        .args([
            "--pace",
            "rate=100000",
            "--end-of-session",
            "--json",
            "--output-pcap",
        ])
        .arg(&file)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let report = simulator::Report::parse(&output.stdout).unwrap();
    assert!(
        report.lost_on_both.messages > 0,
        "the flow has no loss on both lines: {report:?}"
    );

    let gateway = play(&binaries, &quiet(Config::new(input(&file))));
    let observer = Observer::start(&gateway.socket(), "all").unwrap();
    let ended = |seen: &gateway_e2e::Seen| seen.has(ControlKind::SessionEnd);
    let seen = observer
        .wait_for("the end of the session", LIMIT, ended)
        .unwrap();
    assert_eq!(seen.messages + seen.gap_messages(), report.messages);
    assert_eq!(seen.gap_messages(), report.lost_on_both.messages);
    assert_eq!(
        (seen.out_of_order, seen.repeated, seen.lost_slots),
        (0, 0, 0)
    );
}

#[test]
fn frames_with_wrong_checksums_pass_and_are_counted() {
    let Some(file) = data::find_or_skip("iex/TOPS16.pcap.gz") else {
        return;
    };
    let binaries = Binaries::of_this_build().unwrap();
    let line = Line {
        name: "A",
        group: Ipv4Addr::new(224, 67, 0, 199),
        port: 16_642,
    };
    // A port of its own: the machine's network namespace is shared.
    let metrics_listen = "127.0.0.1:39464".to_owned();
    let config = Config {
        lines: vec![line],
        metrics_listen,
        ..Config::new(input(&file))
    };
    let gateway = play(&binaries, &config);
    let received = |metrics: &Metrics| {
        metrics
            .sum("gateway_rx_packets_total", &[])
            .unwrap_or_default()
    };
    let metrics = wait::until("13,022 packets", LIMIT, || {
        let metrics = gateway.metrics()?;
        Ok((received(&metrics) >= 13_022.0).then_some(metrics))
    })
    .unwrap();
    assert_eq!(received(&metrics), 13_022.0);
    assert_eq!(
        metrics.sum("gateway_rx_checksum_wrong_total", &[]),
        Some(13_021.0)
    );
    assert_eq!(
        metrics
            .sum("gateway_rx_refused_total", &[])
            .unwrap_or_default(),
        0.0
    );
}
