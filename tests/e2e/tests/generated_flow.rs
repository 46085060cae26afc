//! The simulator's own flow over a real link, with loss on both lines: everything sent is delivered or declared lost.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use gateway_e2e::{Lab, Observer};
use gateway_feed::record::ControlKind;
use gateway_test_harness::config::{Input, Queue};
use gateway_test_harness::{Config, LineReport, Metrics, Report, wait};

const LIMIT: Duration = Duration::from_secs(40);
const FLOW: &str = "generate --symbols 40 --messages 60000 --pace rate=30000 --messages-per-packet 6 --loss-a 0.02 \
                    --loss-b 0.02 --heartbeat-ms 100 --end-of-session";

fn reconciles_on(tier: &str, flow: &str) {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let config = Config {
        queues: vec![
            Queue::all("all"),
            Queue::all("some").only(&["AAA[A-H]"]),
            Queue::all("raw").of("native"),
            Queue::all("full").of("full"),
        ],
        ..Config::new(Input::tier(tier))
    };
    let gateway = lab.gateway(&config).unwrap();
    let socket = gateway.socket();
    let all = [
        Observer::start(&socket, "all").unwrap(),
        Observer::start(&socket, "all").unwrap(),
    ];
    let some = Observer::start(&socket, "some").unwrap();
    let raw = Observer::start(&socket, "raw").unwrap();
    let full = Observer::start(&socket, "full").unwrap();

    let report = lab.simulator(&config, flow).unwrap().finish(LIMIT).unwrap();
    let dropped = report.lost_on_both.ranges.clone();
    assert!(
        report.lines.values().all(|line| line.packets_dropped > 0),
        "the flow has no loss: {report:?}"
    );

    for observer in &all {
        let what = "the end of the session";
        let seen = observer
            .wait_for(what, LIMIT, |seen| seen.has(ControlKind::SessionEnd))
            .unwrap();
        assert_eq!(
            seen.messages + seen.gap_messages(),
            report.messages,
            "sent = delivered + lost"
        );
        assert_eq!(seen.gap_messages(), report.lost_on_both.messages);
        assert_eq!(merged(&seen.gaps), merged(&dropped));
        assert_eq!(
            (seen.out_of_order, seen.repeated, seen.lost_slots),
            (0, 0, 0)
        );
    }
    let every = all[0].seen();
    let metrics = wait::until("the counters on show to catch up", LIMIT, || {
        let metrics = gateway.metrics()?;
        let sum = |name| metrics.sum(name, &[]).unwrap_or_default() as u64;
        let shown = sum("gateway_messages_total") + sum("gateway_messages_lost_total");
        Ok((shown >= report.messages).then_some(metrics))
    });
    assert_every_packet_is_accounted_for(&metrics.unwrap(), &report, tier);

    let seen = raw
        .wait_for("as many native messages", LIMIT, |seen| {
            seen.messages >= every.messages
        })
        .unwrap();
    assert_eq!(seen.messages, every.messages);

    let seen = full
        .wait_for("the end of the session", LIMIT, |seen| {
            seen.has(ControlKind::SessionEnd)
        })
        .unwrap();
    assert_eq!(seen.sequences, every.sequences);
    assert!(seen.incomplete > 0, "orders of which the add was lost");
    assert_eq!(
        (seen.suspect > 0, seen.suspect_before_gap),
        (true, 0),
        "books are in doubt from the first gap on"
    );

    let seen = some.settle(Duration::from_millis(200), LIMIT).unwrap();
    let wanted: Vec<u32> = seen
        .symbols
        .iter()
        .map(|(instrument, _)| *instrument)
        .collect();
    let expected = [
        "AAAA", "AAAB", "AAAC", "AAAD", "AAAE", "AAAF", "AAAG", "AAAH",
    ];
    let found: Vec<&str> = seen
        .symbols
        .iter()
        .map(|(_, symbol)| symbol.as_str())
        .collect();
    assert_eq!(found, expected);
    let filtered = every
        .instruments
        .iter()
        .filter(|instrument| wanted.contains(instrument))
        .count();
    assert_eq!(
        seen.sequences.len(),
        filtered,
        "the filtered queue has its instruments' messages and no other"
    );
    assert_eq!(
        seen.gaps, every.gaps,
        "a gap concerns every reader of the channel"
    );
}

/// Sender, XDP verdicts, ring, lines and messages: each packet is under exactly one count.
fn assert_every_packet_is_accounted_for(metrics: &Metrics, report: &Report, tier: &str) {
    let sum =
        |name: &str, labels: &[(&str, &str)]| metrics.sum(name, labels).unwrap_or_default() as u64;
    let received = sum("gateway_rx_packets_total", &[]);
    let sent: u64 = report.lines.values().map(LineReport::datagrams).sum();
    assert_eq!(received, sent, "sent = received");
    if tier != "socket" {
        assert_eq!(
            sum("gateway_xdp_verdicts_total", &[("verdict", "redirect")]),
            received,
            "redirected = received"
        );
        assert_eq!(sum("gateway_xsk_rx_dropped_total", &[]), 0);
    }
    assert_eq!(sum("gateway_rx_refused_total", &[]), 0);
    assert_eq!(sum("gateway_decode_errors_total", &[]), 0);
    for (name, line) in &report.lines {
        let packets = sum("gateway_group_packets_total", &[("line", name)]);
        assert_eq!(packets, line.datagrams(), "line {name}");
    }
    let messages = sum("gateway_messages_total", &[]);
    assert_eq!(
        messages + sum("gateway_messages_lost_total", &[]),
        report.messages,
        "sent = delivered + lost"
    );
    // Every message of every packet that came was delivered or had been delivered before.
    let came: u64 = report
        .lines
        .values()
        .map(LineReport::messages_received)
        .sum();
    let again = sum("gateway_duplicates_total", &[]);
    assert_eq!(messages + again, came, "came = delivered + duplicates");
    assert_eq!(sum("gateway_late_messages_total", &[]), 0);
}

/// Neighbouring ranges joined: one loss may be declared in two gaps.
fn merged(ranges: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let mut joined: Vec<(u64, u64)> = Vec::new();
    for &(first, last) in ranges {
        match joined.last_mut() {
            Some(before) if first == before.1 + 1 => before.1 = last,
            _ => joined.push((first, last)),
        }
    }
    joined
}

#[test]
fn sent_is_delivered_plus_lost_on_the_copy_tier() {
    reconciles_on("copy", &format!("{FLOW} --seed 1"));
}

#[test]
fn sent_is_delivered_plus_lost_on_the_skb_tier() {
    reconciles_on("skb", &format!("{FLOW} --seed 2"));
}

#[test]
fn sent_is_delivered_plus_lost_on_the_socket_tier() {
    reconciles_on("socket", &format!("{FLOW} --seed 3"));
}

#[test]
fn duplicates_swaps_and_a_late_line_b_change_nothing() {
    let worse = "--duplicate 0.01 --reorder 0.01 --delay-b-us 300 --seed 4";
    reconciles_on("copy", &format!("{FLOW} {worse}"));
}

/// Without loss a book built from `full` records holds exactly the orders that the gateway knows to rest.
#[test]
fn a_book_of_full_records_is_whole() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let config = Config {
        queues: vec![Queue::all("full").of("full")],
        ..Config::new(Input::tier("copy"))
    };
    let gateway = lab.gateway(&config).unwrap();
    let full = Observer::start(&gateway.socket(), "full").unwrap();
    let flow = "generate --symbols 40 --messages 30000 --pace rate=30000 --messages-per-packet 6 --end-of-session";
    let report = lab.simulator(&config, flow).unwrap().finish(LIMIT).unwrap();
    let seen = full
        .wait_for("the end of the session", LIMIT, |seen| {
            seen.has(ControlKind::SessionEnd)
        })
        .unwrap();
    assert_eq!((seen.messages, seen.lost_slots), (report.messages, 0));
    assert_eq!((seen.incomplete, seen.suspect, seen.overdrawn), (0, 0, 0));
    assert!(seen.resting.len() > 1_000);
    let live = wait::until("the counters on show to catch up", LIMIT, || {
        let metrics = gateway.metrics()?;
        let of = |name| metrics.sum(name, &[]).unwrap_or_default();
        let caught_up = of("gateway_messages_total") as u64 == report.messages;
        Ok(caught_up.then(|| of("gateway_orders_live")))
    });
    assert_eq!(live.unwrap() as usize, seen.resting.len());
}
