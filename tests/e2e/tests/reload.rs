//! A running gateway takes another configuration: filters of queues change between two messages, mistakes change nothing,
//! and what needs a restart is named.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::time::Duration;

use gateway_client::{Client, Event, Record, Start, SubscribeOptions};
use gateway_e2e::{Lab, Observer};
use gateway_test_harness::config::{Input, Queue};
use gateway_test_harness::{Config, Gateway, wait};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(30);

/// `gateway reload --json`: its exit code and what it printed.
fn reload(gateway: &Gateway) -> (Option<i32>, Value) {
    let output = gateway.command("reload").arg("--json").output().unwrap();
    let printed = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        let said = String::from_utf8_lossy(&output.stderr);
        panic!("{error}: {said}{}", gateway.process.output())
    });
    (output.status.code(), printed)
}

fn write(gateway: &Gateway, config: &Config) {
    std::fs::write(gateway.config_file(), config.to_toml(&gateway.socket())).unwrap();
}

fn with_filter(symbols: &[&str]) -> Config {
    Config {
        queues: vec![Queue::all("all"), Queue::all("some").only(symbols)],
        ..Config::new(Input::tier("copy"))
    }
}

#[test]
fn a_filter_changes_between_two_messages_and_no_reader_loses_any() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let config = with_filter(&["AAA*"]);
    let gateway = lab.gateway(&config).unwrap();
    let all = Observer::start(&gateway.socket(), "all").unwrap();
    let some = Observer::start(&gateway.socket(), "some").unwrap();
    let flow = "generate --messages 30000 --pace rate=6000 --end-of-session";
    let simulator = lab.simulator(&config, flow).unwrap();
    some.wait_for("records of the first filter", LIMIT, |seen| {
        seen.sequences.len() > 1000
    })
    .unwrap();

    write(&gateway, &with_filter(&["AAB*"]));
    let (code, printed) = reload(&gateway);
    assert_eq!(code, Some(0), "{printed:#}");
    let difference = &printed["differences"][0];
    assert_eq!(difference["item"], "queue \"some\"");
    assert_eq!(difference["key"], "symbols");
    assert_eq!(difference["old"], "[\"AAA*\"]");
    assert_eq!(difference["new"], "[\"AAB*\"]");
    assert_eq!(printed["differences"].as_array().unwrap().len(), 1);
    let report = simulator.finish(LIMIT).unwrap();
    let all = all
        .wait_for("every message", LIMIT, |seen| {
            seen.messages == report.messages
        })
        .unwrap();
    let some = some.settle(Duration::from_millis(200), LIMIT).unwrap();

    assert_eq!((some.lost_slots, some.closed, some.repeated), (0, None, 0));
    let symbols: HashMap<u32, &str> = all
        .symbols
        .iter()
        .map(|(id, symbol)| (*id, symbol.as_str()))
        .collect();
    let of = |start: &str, from: &[u32], sequences: &[u32]| -> Vec<u32> {
        let pairs = from.iter().zip(sequences);
        pairs
            .filter(|(id, _)| symbols[id].starts_with(start))
            .map(|(_, sequence)| *sequence)
            .collect()
    };
    let first = of("AAA", &some.instruments, &some.sequences);
    let later = of("AAB", &some.instruments, &some.sequences);
    assert_eq!(first.len() + later.len(), some.sequences.len());
    let (last, next) = (*first.last().unwrap(), *later.first().unwrap());
    assert!(last < next, "{last} {next}");
    // Whole on both sides of the change.
    let mut before = of("AAA", &all.instruments, &all.sequences);
    before.retain(|sequence| *sequence <= last);
    assert_eq!(first, before);
    let mut after = of("AAB", &all.instruments, &all.sequences);
    after.retain(|sequence| *sequence >= next);
    assert_eq!(later, after);
    let status = gateway.status().unwrap();
    assert_eq!(
        status["queues"][1]["rotations"], 1,
        "{:#}",
        status["queues"]
    );

    // Who comes later, and wants the oldest there is, gets nothing that the new filter keeps out.
    let client = Client::connect(gateway.socket()).unwrap();
    let oldest = SubscribeOptions {
        start: Start::Oldest,
        ..SubscribeOptions::named("late")
    };
    let mut late = client.subscribe("some", &oldest).unwrap();
    let mut seen = 0;
    loop {
        match late.poll() {
            Event::Record(Record::Mbo(order)) => {
                let symbol = symbols[&order.hd.instrument_id];
                assert!(symbol.starts_with("AAB"), "{symbol}");
                seen += 1;
            }
            Event::Record(_) => {}
            Event::Empty => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn mistakes_change_nothing_and_what_needs_a_restart_is_named() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let config = with_filter(&["AAA*"]);
    let gateway = lab.gateway(&config).unwrap();
    let text = config.to_toml(&gateway.socket());

    let wrong = text
        .replace("[\"AAA*\"]", "[]")
        .replace("slots = ", "slotz = ");
    std::fs::write(gateway.config_file(), wrong).unwrap();
    let (code, printed) = reload(&gateway);
    assert_eq!(code, Some(3), "{printed:#}");
    assert!(
        printed["error"].as_str().unwrap().contains("slotz"),
        "{printed:#}"
    );
    assert_eq!(gateway.status().unwrap()["reloads"]["refused"], 1);

    let mut longer = config.clone();
    longer.queues[0].slots = 1 << 17;
    longer.queues[1].classes = vec!["trades".to_owned()];
    write(&gateway, &longer);
    let (code, printed) = reload(&gateway);
    assert_eq!(code, Some(16), "{printed:#}");
    assert_eq!(printed["waiting"][0], "queue \"all\": slots");
    let at_restart: Vec<_> = printed["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| (d["key"].as_str().unwrap(), d["at_restart"] == true))
        .collect();
    assert_eq!(at_restart, [("slots", true), ("classes", false)]);

    // The same once more: nothing differs from what was read last, and what waits goes on waiting.
    let (code, printed) = reload(&gateway);
    assert_eq!(
        (code, printed["differences"].as_array().unwrap().len()),
        (Some(16), 0)
    );
    assert_eq!(printed["waiting"][0], "queue \"all\": slots");

    write(&gateway, &config);
    let output = gateway.command("reload").output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(
        told.contains("queue \"all\": slots: 131072 → 65536"),
        "{told}"
    );
    let status = gateway.status().unwrap();
    assert_eq!(status["reloads"]["waiting"].as_array().unwrap().len(), 0);
}

#[test]
fn lines_move_to_other_groups_without_a_restart() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    for tier in ["copy", "socket"] {
        let config = Config::new(Input::tier(tier));
        let gateway = lab.gateway(&config).unwrap();
        let observer = Observer::start(&gateway.socket(), "all").unwrap();
        let flow = |config: &Config, session: &str| {
            let arguments = format!(
                "generate --messages 600 --pace rate=6000 --session {session} --end-of-session"
            );
            let simulator = lab.simulator(config, &arguments).unwrap();
            simulator.finish(LIMIT).unwrap().messages
        };
        let first = flow(&config, "BEFORE");
        observer
            .wait_for("the first session", LIMIT, |seen| seen.messages == first)
            .unwrap();

        let mut moved = config.clone();
        for (line, last) in moved.lines.iter_mut().zip([11, 12]) {
            line.group = std::net::Ipv4Addr::new(239, 77, 0, last);
            line.port = 26_500;
        }
        write(&gateway, &moved);
        let (code, printed) = reload(&gateway);
        assert_eq!(code, Some(0), "{printed:#}");
        assert_eq!(printed["differences"][0]["key"], "lines");
        // The old groups are left when the interface is closed; then it is opened with the new ones.
        let joined = || lab.network.gateway.proc_net("igmp").unwrap();
        wait::until("the old groups to be left", LIMIT, || {
            Ok((!joined().contains("01004DEF") && joined().contains("0B004DEF")).then_some(()))
        })
        .unwrap();
        let live = || {
            let status = gateway.status().unwrap();
            let groups: Vec<_> = status["groups"]
                .as_array()
                .unwrap()
                .iter()
                .map(|group| {
                    (
                        group["group"].as_str().unwrap().to_owned(),
                        group["joined"] == true,
                    )
                })
                .collect();
            let moved = [
                ("239.77.0.11".to_owned(), true),
                ("239.77.0.12".to_owned(), true),
            ];
            (groups == moved && status["interfaces"][0]["state"] == "live").then_some(status)
        };
        let status = wait::until("the new groups", LIMIT, || Ok(live())).unwrap();
        assert_eq!(
            status["channels"][0]["lines"][0]["address"],
            "239.77.0.11:26500"
        );

        let second = flow(&moved, "AFTER");
        observer
            .wait_for("the second session", LIMIT, |seen| {
                seen.messages == first + second
            })
            .unwrap();
        let seen = observer.seen();
        assert_eq!((seen.lost_slots, seen.gap_messages()), (0, 0));
    }
}
