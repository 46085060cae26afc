//! From a capture file to a strategy's hands, in one process: every message once, every loss announced, every sum right.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::time::Duration;

use common::{Running, config, toml, until, write_capture, write_messages};
use gateway::service::status::{ChannelStatus, Status};
use gateway_client::{Client, Event, Record, Start, SubscribeOptions, WaitStrategy};
use gateway_feed::itch50::fields::{Price4, Symbol};
use gateway_feed::nasdaq_bbo::messages::write;
use gateway_feed::record::ControlKind;
use gateway_test_support::data::find_or_skip;

/// What a strategy saw of a queue until the session's end.
#[derive(Debug, Default)]
struct Seen {
    native: Vec<Vec<u8>>,
    orders: u64,
    other: u64,
    controls: u64,
    gaps: Vec<(u64, u64)>,
    instruments: std::collections::BTreeSet<u32>,
}

fn read(client: &Client, queue: &str) -> Seen {
    let options = SubscribeOptions {
        start: Start::Oldest,
        wait: WaitStrategy::Sleep(Duration::from_millis(1)),
        ..SubscribeOptions::named("test")
    };
    let mut subscription = client.subscribe(queue, &options).unwrap();
    let mut seen = Seen::default();
    loop {
        match subscription.wait(Duration::from_secs(10)) {
            Event::Record(Record::Control(control)) => {
                seen.controls += 1;
                match ControlKind::from_number(control.kind).unwrap() {
                    ControlKind::Gap => {
                        let last = control.sequence + control.count - 1;
                        seen.gaps.push((control.sequence, last));
                    }
                    ControlKind::SessionEnd => return seen,
                    _ => {}
                }
            }
            Event::Record(Record::Native { bytes, .. }) => seen.native.push(bytes.to_vec()),
            Event::Record(Record::Mbo(order)) => {
                seen.orders += 1;
                seen.instruments.insert(order.hd.instrument_id);
            }
            Event::Record(_) => seen.other += 1,
            other => panic!("{queue}: {other:?}"),
        }
    }
}

/// The status once the capture is at its end and the worker has shown its counters.
fn final_status(client: &Client) -> Status {
    until("the capture's end", || {
        let status: Status = serde_json::from_str(&client.status().unwrap()).unwrap();
        let settled = status.queues.iter().all(|queue| queue.published > 0);
        (status.interfaces[0].state == "finished" && settled).then_some(status)
    })
}

/// Invariant 1: what came in is accounted for, step by step.
fn reconcile(status: &Status, packets_in_file: u64, native: &Seen) {
    let input = &status.interfaces[0].queues[0];
    let refused: u64 = input.refused.iter().map(|count| count.count).sum();
    assert_eq!(input.packets + refused, packets_in_file, "file → ring");
    let channel: &ChannelStatus = &status.channels[0];
    let of_lines: u64 = channel.lines.iter().map(|line| line.packets).sum();
    assert_eq!(of_lines, input.packets, "ring → lines");
    for line in &channel.lines {
        let accounted = line.delivered
            + line.duplicates
            + line.late
            + line.before_start
            + line.stale
            + line.implausible
            + line.truncated
            + line.holding;
        assert_eq!(line.messages, accounted, "line {} → messages", line.name);
    }
    let delivered: u64 = channel.lines.iter().map(|line| line.delivered).sum();
    assert_eq!(delivered, channel.messages, "lines → channel");
    let decoded: u64 = channel.by_type.iter().map(|count| count.count).sum();
    let undecoded: u64 = channel.errors.iter().map(|count| count.count).sum();
    assert_eq!(decoded + undecoded, channel.messages, "channel → decoder");
    let queue = status
        .queues
        .iter()
        .find(|queue| queue.name == "native")
        .unwrap();
    assert_eq!(
        queue.published,
        decoded + native.controls,
        "decoder → records"
    );
    assert_eq!(
        queue.published,
        native.native.len() as u64 + native.controls,
        "records → strategy"
    );
}

#[test]
fn a_queue_of_some_classes_has_those_records_and_the_gaps() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ab.pcap");
    let truth = write_capture(&file, 5_000, |_, packet| packet % 100 == 50, |_| 0);
    let queue = |name: &str, records: &str, classes: &str| {
        format!(
            "[[queue]]\nname = \"{name}\"\nchannels = [\"itch\"]\nrecords = \"{records}\"\nclasses = [{classes}]\n"
        )
    };
    let queues = [
        queue("trades", "plain", "\"trades\""),
        queue("directory", "plain", "\"definitions\""),
        queue("executions", "native", "\"trades\""),
        queue("control", "native", "\"control\""),
    ]
    .concat();
    let gateway = Running::start(config(folder.path(), &file, "asap", &queues));
    let client = gateway.client();
    let sent = |types: &[u8]| {
        let of_types = truth
            .delivered
            .iter()
            .filter(|(_, m)| types.contains(&m[0]));
        of_types.map(|(_, m)| m.clone()).collect::<Vec<_>>()
    };
    let trades = read(&client, "trades");
    // A trade with each printable execution, and the trades that are none.
    let printable = sent(b"C").iter().filter(|m| m[31] == b'Y').count();
    assert_eq!(trades.orders as usize, printable + sent(b"EPQ").len());
    assert!(trades.orders > 100 && trades.native.is_empty() && trades.other == 0);
    let directory = read(&client, "directory");
    assert_eq!(
        (directory.orders, directory.other as usize),
        (0, sent(b"R").len())
    );
    let executions = read(&client, "executions");
    assert_eq!(executions.native, sent(b"ECPQB"));
    let control = read(&client, "control");
    assert!(control.native.is_empty());
    for seen in [trades, directory, executions, control] {
        assert_eq!(seen.gaps, truth.gaps);
    }
}

#[test]
fn every_message_of_our_own_capture_arrives_once_and_losses_are_announced() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ab.pcap");
    let lost = |line: usize, packet: u64| match line {
        0 => packet % 7 == 3,
        _ => packet % 5 == 3,
    };
    let truth = write_capture(&file, 5_000, lost, |_| 0);
    assert!(!truth.gaps.is_empty() && truth.delivered.len() > 4_000);
    let symbols = "[[queue]]\nname = \"none\"\nchannels = [\"itch\"]\nsymbols = [\"NOSUCH\"]\n";
    let mut gateway = Running::start(config(folder.path(), &file, "asap", symbols));
    let client = gateway.client();

    let native = read(&client, "native");
    let sent: Vec<&Vec<u8>> = truth.delivered.iter().map(|(_, bytes)| bytes).collect();
    assert_eq!(native.native.len(), sent.len());
    assert!(
        native
            .native
            .iter()
            .zip(sent)
            .all(|(got, sent)| got == sent)
    );
    assert_eq!(native.gaps, truth.gaps);

    let plain = read(&client, "all");
    assert_eq!(plain.gaps, truth.gaps);
    assert!(plain.orders as usize > truth.delivered.len() / 2);
    let filtered = read(&client, "none");
    assert_eq!((filtered.orders, filtered.gaps), (0, truth.gaps.clone()));

    let status = final_status(&client);
    reconcile(&status, truth.packets, &native);
    assert_eq!(status.channels[0].next_sequence, truth.next);
    assert!(status.ready);
    assert_eq!(
        status.stages[0].latency.count,
        status.interfaces[0].queues[0].packets
    );
    // How long ago its packets were captured says nothing about a reader, and nothing about a way that they did not take.
    assert!(status.stages.iter().all(|stage| stage.stage == "ring_pub"));
    gateway.stop().unwrap();
    assert!(!gateway.socket.exists(), "the socket is removed");
}

#[test]
fn quotations_of_nasdaq_bbo_reach_a_strategy() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bbo.pcap");
    let stock = Symbol::new("AAPL").unwrap();
    let directory = write::StockDirectory {
        stock,
        round_lot_size: 100,
        ..write::StockDirectory::default()
    }
    .encode();
    let quotation = |bid: u32| {
        write::Quotation {
            stock,
            bid_price: Price4(bid),
            bid_size: 100,
            ..write::Quotation::default()
        }
        .encode()
    };
    let quotations = [1_000_000, 1_000_100, 1_000_200].map(quotation);
    let messages: Vec<&[u8]> = std::iter::once(&directory[..])
        .chain(quotations.iter().map(|message| &message[..]))
        .collect();
    write_messages(&file, &messages);
    let text = toml(folder.path(), &file, "asap", "", "");
    let text = text.replace("nasdaq-itch50", "nasdaq-bbo");
    let config = gateway::config::parse(&text, folder.path()).unwrap();
    let gateway = Running::start(config);
    let client = gateway.client();
    let native = read(&client, "native");
    assert_eq!(native.native, messages);
    let full = read(&client, "all");
    assert_eq!((full.other, full.orders, full.gaps.len()), (4, 0, 0));
    let status = final_status(&client);
    assert_eq!(status.channels[0].feed, "nasdaq-bbo");
    assert_eq!(
        (status.channels[0].messages, status.channels[0].lost),
        (4, 0)
    );
}

#[test]
fn the_real_a_and_b_lines_give_994_of_1000_messages() {
    let Some(file) = find_or_skip("nasdaq-moldudp64-ab/AB_merged_by_time.pcap") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let gateway = Running::start(config(folder.path(), &file, "asap", ""));
    let client = gateway.client();
    let native = read(&client, "native");
    assert_eq!(native.native.len(), 994);
    assert_eq!(native.gaps, [(291, 295), (329, 329)]);
    let plain = read(&client, "all");
    assert_eq!(plain.gaps, [(291, 295), (329, 329)]);
    let status = final_status(&client);
    assert_eq!(status.channels[0].lost, 6);
    reconcile(&status, 318, &native);
}
