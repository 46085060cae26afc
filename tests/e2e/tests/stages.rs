//! How long packets take over a real link, by stage, channel and reader: every view tells the same under the same names.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use gateway_e2e::{Lab, Observer};
use gateway_feed::record::ControlKind;
use gateway_test_harness::config::Input;
use gateway_test_harness::{Config, Metrics, wait};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(40);
const FLOW: &str = "generate --messages 60000 --symbols 20 --pace rate=20000 --end-of-session";

/// The row of a stage: of all channels, or of one reader.
fn row<'a>(status: &'a Value, stage: &str) -> &'a Value {
    let rows = status["stages"].as_array().unwrap();
    let row = rows.iter().find(|row| row["stage"] == stage);
    row.unwrap_or_else(|| panic!("no {stage} in {rows:#?}"))
}

/// What a reader measures by two clocks says which they are and how far apart, over each window: the last whole one is a
/// part of the time since the start.
fn assert_clock_and_bound(metrics: &Metrics, of_reader: &[(&str, &str)]) {
    let counts = metrics.select("gateway_tick_to_strategy_seconds_count", of_reader);
    // Of each channel the same.
    let mut clocks: Vec<&str> = counts
        .filter_map(|sample| sample.labels.get("clock").map(String::as_str))
        .collect();
    clocks.dedup();
    let info = metrics.select("gateway_clock_info", &[]);
    let source: Vec<&str> = info
        .filter_map(|sample| sample.labels.get("source").map(String::as_str))
        .collect();
    assert_eq!(clocks, source);
    let bounds = ["10s", "start"].map(|window| reader_bound(metrics, of_reader, window));
    assert!(
        matches!(bounds, [Some(last), Some(start)] if last > 0.0 && last <= start),
        "{bounds:?}"
    );
}

/// How wrong what a reader measures may be.
fn reader_bound(metrics: &Metrics, of_reader: &[(&str, &str)], window: &str) -> Option<f64> {
    let mut labels = of_reader.to_vec();
    labels.push(("window", window));
    metrics.sum("gateway_tick_to_strategy_error_bound_seconds", &labels)
}

#[test]
fn every_stage_that_two_clocks_or_one_can_measure_is_told_everywhere_under_one_name() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let config = Config::new(Input::tier("copy"));
    let gateway = lab.gateway(&config).unwrap();
    let observer = Observer::start(&gateway.socket(), "all").unwrap();
    lab.simulator(&config, FLOW).unwrap().finish(LIMIT).unwrap();
    let ended = |seen: &gateway_e2e::Seen| seen.has(ControlKind::SessionEnd);
    observer.wait_for("the end", LIMIT, ended).unwrap();
    // Windows are whole ones: a packet or two that come later leave the one before.
    wait::until("a window with packets", LIMIT, || {
        let metrics = gateway.metrics()?;
        let labels = [("stage", "ring_pub"), ("window", "10s")];
        Ok(metrics
            .sum("gateway_latency_max_seconds", &labels)
            .map(drop))
    })
    .unwrap();
    // A reader learns how good its clock is within a second, a window that begins after that has it.
    let of_reader = [("consumer", "observer"), ("queue", "all")];
    wait::until("a window of the reader's error bound", LIMIT, || {
        let metrics = gateway.metrics()?;
        Ok(reader_bound(&metrics, &of_reader, "10s").filter(|bound| *bound > 0.0))
    })
    .unwrap();

    let (metrics, status) = (gateway.metrics().unwrap(), gateway.status().unwrap());
    let packets = metrics.sum("gateway_rx_packets_total", &[]).unwrap();
    assert!(packets > 1_000.0, "{packets}");
    let unstamped = metrics
        .select("gateway_stage_available", &[("stage", "xdp_ring")])
        .any(|sample| sample.value == 0.0);
    for stage in ["xdp_ring", "ring_pub"] {
        if stage == "xdp_ring" && unstamped {
            println!("skipped: xdp_ring: this kernel's veth keeps no room for a stamp");
            continue;
        }
        let of_channel = [("stage", stage), ("channel", "nasdaq")];
        let count = metrics.sum("gateway_stage_latency_seconds_count", &of_channel);
        assert_eq!(count, Some(packets), "{stage}");
        assert_eq!(row(&status, stage)["latency"]["count"], packets as u64);
        let start = [("stage", stage), ("window", "start")];
        let bound = metrics.sum("gateway_stage_error_bound_seconds", &start);
        // Of one clock exactly; two are never read at quite the same moment.
        let is_told = |bound: f64| match stage {
            "ring_pub" => bound == 0.0,
            _ => bound > 0.0,
        };
        assert!(bound.is_some_and(is_told), "{stage} {bound:?}");
    }
    // A reader looks at one record in 128 slots, and at the first.
    let looked = metrics.sum("gateway_tick_to_strategy_seconds_count", &of_reader);
    let looked = looked.unwrap();
    let records = observer.seen().records as f64;
    assert!(
        looked >= records / 128.0 - 1.0 && looked <= records,
        "{looked} of {records}"
    );
    let reader = row(&status, "tick_to_strategy");
    assert_eq!(reader["latency"]["count"], looked as u64);
    assert_eq!(reader["of"], "observer all");

    assert_clock_and_bound(&metrics, &of_reader);
    // Of the record in each 1,024th slot it says when it was published, too; all are of the one channel, but trades and
    // statuses do not say so.
    let published = metrics.sum("gateway_publish_to_read_seconds_count", &of_reader);
    let published = published.unwrap();
    assert!(
        published >= 1.0 && published <= records / 1_024.0 + 1.0,
        "{published} of {records}"
    );
    let of_channel = [("consumer", "observer"), ("channel", "nasdaq")];
    for stage in ["publish_to_read", "tick_to_strategy"] {
        let name = format!("gateway_{stage}_seconds_count");
        let named = metrics.sum(&name, &of_channel);
        assert!(named.unwrap() >= 1.0, "{stage}");
    }
    assert_eq!(
        row(&status, "pub_app")["latency"]["count"],
        published as u64
    );
    // What people see has the same names, and nothing else does.
    let text = |arguments: &[&str]| {
        let mut command = gateway.command(arguments[0]);
        let output = command.args(&arguments[1..]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let top = text(&["top", "--once", "--interval-ms", "100"]);
    let said = text(&["status"]);
    for name in status["stages"].as_array().unwrap() {
        let name = name["stage"].as_str().unwrap();
        assert!(["ring_pub", "xdp_ring", "pub_app", "tick_to_strategy"].contains(&name));
        assert!(top.contains(name), "{name} in {top}");
        assert!(
            said.contains(&format!("latency {name} of ")),
            "{name} in {said}"
        );
    }
}

#[test]
fn packets_of_sockets_are_measured_from_the_kernel_on_and_it_is_told_why_not_from_the_card() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let mut config = Config::new(Input::tier("socket"));
    // veth stamps nothing: whoever asks is told so, by the helper.
    config.interface_keys = "hardware_timestamps = true".to_owned();
    let gateway = lab.gateway(&config).unwrap();
    let observer = Observer::start(&gateway.socket(), "all").unwrap();
    lab.simulator(&config, FLOW).unwrap().finish(LIMIT).unwrap();
    let ended = |seen: &gateway_e2e::Seen| seen.has(ControlKind::SessionEnd);
    observer.wait_for("the end", LIMIT, ended).unwrap();
    // The kernel begins to stamp a moment after the first socket has asked for it; a worker shows its counters a moment after
    // the packets.
    let (metrics, packets, stamped_packets) = wait::until("packets on show", LIMIT, || {
        let metrics = gateway.metrics()?;
        let packets = metrics.sum("gateway_rx_packets_total", &[]);
        let measured = metrics.sum(
            "gateway_stage_latency_seconds_count",
            &[("stage", "kernel_ring"), ("channel", "nasdaq")],
        );
        let bound = metrics.sum(
            "gateway_stage_error_bound_seconds",
            &[("stage", "kernel_ring"), ("window", "start")],
        );
        let unstamped = metrics.sum("gateway_rx_stamped_total", &[("by", "none")]);
        let (Some(packets), Some(measured)) = (packets, measured) else {
            return Ok(None);
        };
        let whole = measured + unstamped.unwrap_or(0.0) == packets;
        let whole = whole && bound.is_some_and(|bound| bound > 0.0);
        Ok(whole.then_some((metrics, packets, measured)))
    })
    .unwrap();
    assert!(
        packets > 1_000.0 && stamped_packets > packets / 2.0,
        "{stamped_packets} of {packets}"
    );
    let status = gateway.status().unwrap();
    assert_eq!(
        row(&status, "kernel_ring")["latency"]["count"],
        stamped_packets as u64
    );
    let stamped = |by| metrics.sum("gateway_rx_stamped_total", &[("by", by)]);
    assert_eq!(stamped("software"), Some(stamped_packets));
    assert_eq!(stamped("hardware"), None);
    for (by, is_it) in [("hardware", 0.0), ("software", 1.0), ("xdp", 0.0)] {
        assert_eq!(metrics.sum("gateway_stamping", &[("by", by)]), Some(is_it));
    }
    let available = |stage| metrics.sum("gateway_stage_available", &[("stage", stage)]);
    let stages = ["kernel_ring", "nic_kernel", "xdp_ring", "nic_xdp"].map(available);
    assert_eq!(stages, [1.0, 0.0, 0.0, 0.0].map(Some));
    let stamping = &status["interfaces"][0]["stamping"];
    assert_eq!(stamping["by"], "software");
    let reason = stamping["reason"].as_str().unwrap();
    assert!(
        reason.contains("the card does not stamp what it receives"),
        "{reason}"
    );
    let output = gateway.command("status").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let line = format!("stamped by software  packets software {stamped_packets}");
    let why = format!("not by the card: {reason}");
    assert!(said.contains(&line) && said.contains(&why), "{said}");
}

#[test]
fn an_af_xdp_tier_says_why_it_does_not_measure_from_the_card_on() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    for (tier, keys, why) in [
        ("skb", "", "`hardware_timestamps` is not set"),
        ("skb", "hardware_timestamps = true", "skb mode"),
    ] {
        let mut config = Config::new(Input::tier(tier));
        config.interface_keys = keys.to_owned();
        let gateway = lab.gateway(&config).unwrap();
        let metrics = gateway.metrics().unwrap();
        assert_not_measured(&metrics, why);
        let output = gateway.command("status").output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let stamped = said
            .lines()
            .find(|line| line.contains("stamped by xdp  not by the card: "));
        assert!(stamped.is_some_and(|line| line.contains(why)), "{said}");
    }
}

fn assert_not_measured(metrics: &Metrics, why: &str) {
    let stage = metrics
        .select("gateway_stage_available", &[("stage", "nic_xdp")])
        .next()
        .unwrap();
    assert_eq!(stage.value, 0.0);
    assert!(stage.labels["reason"].contains(why), "{:?}", stage.labels);
    assert_eq!(metrics.sum("gateway_stamping", &[("by", "xdp")]), Some(1.0));
}

#[test]
fn a_confined_service_has_the_helper_load_the_program_that_asks_for_the_card_s_stamps() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let mut config = Config::new(Input::tier("copy"));
    config.interface_keys = "hardware_timestamps = true".to_owned();
    let gateway = lab.gateway(&config).unwrap();
    let observer = Observer::start(&gateway.socket(), "all").unwrap();
    lab.simulator(&config, FLOW).unwrap().finish(LIMIT).unwrap();
    let ended = |seen: &gateway_e2e::Seen| seen.has(ControlKind::SessionEnd);
    observer.wait_for("the end", LIMIT, ended).unwrap();
    // veth lends its stamps to programs, and has none: the program asks of every packet, and says so.
    let metrics = wait::until("packets on show", LIMIT, || {
        let metrics = gateway.metrics()?;
        let packets = metrics.sum("gateway_rx_packets_total", &[]);
        let asked = metrics.sum("gateway_xdp_card_stamps_total", &[("result", "unstamped")]);
        let all = packets.is_some_and(|packets| packets > 1_000.0) && asked == packets;
        Ok(all.then_some(metrics))
    })
    .unwrap();
    for result in ["stamped", "unsupported", "failed"] {
        let counted = metrics.sum("gateway_xdp_card_stamps_total", &[("result", result)]);
        assert_eq!(counted, None, "{result}");
    }
    assert_not_measured(&metrics, "the card does not stamp what it receives");
    let output = gateway.command("status").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("  asked the driver: unstamped "), "{said}");
}
