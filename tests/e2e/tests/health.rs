//! What the gateway says of busy polling and of the multicast filter is what the kernel does.
#![allow(clippy::unwrap_used)]

use std::fmt::Write;
use std::process::Command;
use std::time::Duration;

use gateway::ingest::filter_table::filter_table;
use gateway::ingest::netdev;
use gateway_e2e::{Lab, Observer};
use gateway_test_harness::config::Input;
use gateway_test_harness::network::GATEWAY_INTERFACE;
use gateway_test_harness::{Binaries, Config, wait};

const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn busy_polling_is_judged_and_status_metric_log_and_explanation_agree() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let config = Config::new(Input::tier("copy"));
    let mut gateway = lab.gateway(&config).unwrap();
    let observer = Observer::start(&gateway.socket(), "all").unwrap();
    let flow = "generate --messages 600 --pace rate=6000 --end-of-session";
    let report = lab.simulator(&config, flow).unwrap().finish(LIMIT).unwrap();
    observer
        .wait_for("every message", LIMIT, |seen| {
            seen.messages == report.messages
        })
        .unwrap();
    // Some kernels let veth's queues be polled and some do not; once packets have come it is known.
    let status = gateway.status().unwrap();
    let queue = &status["interfaces"][0]["queues"][0];
    let state = queue["busy_poll"].as_str().unwrap().to_owned();
    let in_vain = match state.as_str() {
        "polls" => false,
        "in_vain" | "refused" => true,
        other => panic!("{other} after {} packets", queue["packets"]),
    };
    assert_eq!(queue["busy_poll_reason"].is_string(), in_vain, "{queue:#}");
    let metric = gateway.metrics().unwrap().sum("gateway_busy_poll", &[]);
    assert_eq!(metric, Some(if in_vain { 0.0 } else { 1.0 }));
    let text = gateway.command("explain").output().unwrap().stdout;
    let text = String::from_utf8(text).unwrap();
    let says = if in_vain {
        "queue 0 is driven by interrupts"
    } else {
        "the worker drives every queue itself"
    };
    assert!(text.contains(says), "{text}");
    std::thread::sleep(Duration::from_millis(500));
    let (ended, _) = gateway.process.terminate(Duration::from_secs(5)).unwrap();
    let log = gateway.process.output();
    assert!(ended.success(), "{log}");
    let told = log.matches("the kernel does not poll").count();
    assert_eq!(told, usize::from(state == "in_vain"), "{log}");
    println!("busy polling: {state}");
}

#[test]
fn the_multicast_filter_is_counted_as_the_kernel_lists_it() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let gateway = lab.gateway(&Config::new(Input::tier("auto"))).unwrap();
    let listed = || {
        let shown = lab
            .network
            .gateway
            .ip(&format!("maddress show dev {GATEWAY_INTERFACE}"));
        let shown = shown.unwrap();
        shown.lines().filter(|line| line.contains("link")).count()
    };
    wait::until("the addresses to be counted", LIMIT, || {
        let counted = gateway.metrics()?.sum("gateway_multicast_groups", &[]);
        Ok((counted == Some(listed() as f64)).then_some(()))
    })
    .unwrap();
    assert!(listed() >= 3, "both lines and all hosts");
    let max = gateway
        .metrics()
        .unwrap()
        .sum("gateway_multicast_groups_max", &[]);
    assert_eq!(max, None, "veth has no limit");
}

/// `gateway check` on a machine that has the interface, and a filter too small for the groups.
#[test]
fn more_groups_than_the_filter_holds_are_a_warning_of_check() {
    let limited = netdev::names().into_iter().find_map(|name| {
        let table = filter_table(&netdev::driver(&name).ok()?)?;
        Some((name, table.addresses_max?))
    });
    let Some((name, max)) = limited else {
        println!("skipped: no interface here has a multicast filter of known size");
        return;
    };
    let config = |channels: u32| {
        let mut text = format!(
            "[[interface]]\nname = \"{name}\"\n[[worker]]\nname = \"w\"\ninputs = [\"{name}\"]\n"
        );
        for channel in 0..channels {
            let line =
                |line: u32| format!("{{ group = \"239.78.{channel}.{line}\", port = 26400 }}");
            let lines: Vec<String> = (1..=4).map(line).collect();
            write!(
                text,
                "[[channel]]\nname = \"c{channel}\"\nfeed = \"nasdaq-itch50\"\nworker = \"w\"\nlines = [{}]\n",
                lines.join(", ")
            )
            .unwrap();
        }
        text.push_str("[[queue]]\nname = \"all\"\nchannels = [\"c0\"]\n");
        text
    };
    let binaries = Binaries::of_this_build().unwrap();
    let check = |channels: u32| {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("gateway.toml");
        std::fs::write(&file, config(channels)).unwrap();
        let mut command = Command::new(binaries.path("gateway"));
        let output = command
            .args(["check", "--json", "-c"])
            .arg(&file)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{text}");
        text
    };
    assert!(!check(1).contains("multicast addresses"));
    let text = check(max.div_ceil(4));
    assert!(text.contains("multicast addresses"), "{text}");
    assert!(text.contains(&format!("holds {max}")), "{text}");
}
