//! A captured morning over a real link: what comes out is what the captures' truth says.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use gateway_e2e::{Lab, Observer, Seen, capture};
use gateway_feed::record::ControlKind;
use gateway_test_harness::config::{Input, Queue};
use gateway_test_harness::network::EXCHANGE_INTERFACE;
use gateway_test_harness::{Config, Simulator};

const LIMIT: Duration = Duration::from_secs(20);

/// Replays captures frame by frame into a gateway and returns what a strategy saw, or `None` where the test is
/// skipped. The last capture ends the session.
fn replay(config: &Config, files: &[&str]) -> Option<Seen> {
    let files: Vec<_> = files
        .iter()
        .map(|name| capture::file(name))
        .collect::<Option<_>>()?;
    let lab = Lab::open().unwrap()?;
    let gateway = lab.gateway(config).unwrap();
    let observer = Observer::start(&gateway.socket(), "all").unwrap();
    for file in files {
        let file = file.to_str().unwrap().to_owned();
        let arguments = [
            "replay",
            &file,
            "--raw",
            "--interface",
            EXCHANGE_INTERFACE,
            "--pace",
            "rate=2000",
            "--json",
        ];
        let arguments: Vec<String> = arguments.iter().map(|&word| word.to_owned()).collect();
        let mut simulator = Simulator::start(&lab.binaries, &lab.network, &arguments).unwrap();
        assert!(
            simulator.process.wait(LIMIT).unwrap().success(),
            "{}",
            simulator.process.output()
        );
    }
    let what = "the end of the session";
    let seen = observer
        .wait_for(what, LIMIT, |seen| seen.has(ControlKind::SessionEnd))
        .unwrap();
    Some(seen)
}

fn assert_truth(seen: &Seen) {
    assert_eq!(seen.gaps, capture::LOST_ON_BOTH);
    assert_eq!(seen.messages, capture::ON_EITHER_LINE);
    assert_eq!(
        (seen.out_of_order, seen.repeated, seen.lost_slots),
        (0, 0, 0)
    );
}

#[test]
fn both_lines_merged_give_994_messages_on_the_copy_tier() {
    if let Some(seen) = replay(
        &capture::config(Input::tier("copy")),
        &["AB_merged_by_time.pcap"],
    ) {
        assert_truth(&seen);
    }
}

#[test]
fn both_lines_merged_give_994_messages_on_the_skb_tier() {
    if let Some(seen) = replay(
        &capture::config(Input::tier("skb")),
        &["AB_merged_by_time.pcap"],
    ) {
        assert_truth(&seen);
    }
}

#[test]
fn both_lines_merged_give_994_messages_on_the_socket_tier() {
    if let Some(seen) = replay(
        &capture::config(Input::tier("socket")),
        &["AB_merged_by_time.pcap"],
    ) {
        assert_truth(&seen);
    }
}

#[test]
fn vlan_tags_duplicates_and_swaps_do_not_show() {
    // Line A alone, so its own losses are gaps: 969 of 1,000 messages.
    let config = capture::config(Input::tier("copy"));
    let Some(seen) = replay(&config, &["lineA_vlan141_dup_reorder.pcap"]) else {
        return;
    };
    assert_eq!(seen.messages, 969);
    assert_eq!(seen.messages + seen.gap_messages(), capture::MESSAGES);
    assert_eq!(
        (seen.out_of_order, seen.repeated, seen.lost_slots),
        (0, 0, 0)
    );
}

#[test]
fn native_records_are_the_exchanges_bytes() {
    let config = capture::config(Input::tier("copy"));
    let config = Config {
        queues: vec![Queue::all("all").of("native")],
        ..config
    };
    let Some(seen) = replay(&config, &["AB_merged_by_time.pcap"]) else {
        return;
    };
    assert_eq!(seen.native.len() as u64, capture::ON_EITHER_LINE);
    let adds = seen
        .native
        .iter()
        .filter(|message| message[0] == b'A')
        .count();
    assert!(
        (360..=367).contains(&adds),
        "{adds} of the morning's 367 adds"
    );
}
