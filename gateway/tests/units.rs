//! Several units of PITCH on one group and port, from a capture file to a strategy's hands: each is a channel of its own.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::time::Duration;

use common::{Running, until};
use gateway::config::Config;
use gateway::service::status::Status;
use gateway_capture::{LinkType, PcapWriter};
use gateway_client::{Client, Event, Record, Start, SubscribeOptions, WaitStrategy};
use gateway_feed::pitch::PacketBuilder;
use gateway_feed::record::ControlKind;
use gateway_sim::flow::{FlowOptions, OrderFlow, PitchFlow};
use gateway_sim::source::Source;
use gateway_wire::build::UdpFrame;

const PORT: u16 = 30_501;
/// 2026-11-20 14:30 UTC, a Friday: half past nine in New York.
const START_NS: u64 = 1_795_185_000_000_000_000;

/// A unit's messages. The order numbers of any two begin alike.
fn day(seed: u64) -> Vec<Vec<u8>> {
    let mut flow = PitchFlow::new(OrderFlow::new(FlowOptions {
        seed,
        messages: 2_000,
        symbols: 20,
        ..FlowOptions::default()
    }));
    let mut day = Vec::new();
    while let Some(message) = flow.next().unwrap() {
        day.push(message.bytes.to_vec());
    }
    day
}

/// The packets of a unit, one message each.
fn packets(unit: u8, day: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut builder = PacketBuilder::new(unit, 1, 1_400);
    let packet = |message: &Vec<u8>| {
        builder.push(message).unwrap();
        builder.finish(<[u8]>::to_vec)
    };
    day.iter().map(packet).collect()
}

/// Writes what lines A and B carry of units 1, 2 and 9, in turns: of unit 1 both lines lose every hundredth packet, of unit 2
/// line A loses every third. Returns how many packets of unit 9 are there.
fn write(path: &Path, days: [&[Vec<u8>]; 3]) -> u64 {
    let output = BufWriter::new(File::create(path).unwrap());
    let mut writer = PcapWriter::new(output, LinkType::Ethernet).unwrap();
    let of_units = [(1, days[0]), (2, days[1]), (9, days[2])].map(|(unit, day)| packets(unit, day));
    let (mut time, mut foreign) = (START_NS, 0);
    for number in 0..of_units.iter().map(Vec::len).max().unwrap() {
        for (index, packets) in of_units.iter().enumerate() {
            let Some(payload) = packets.get(number) else {
                continue;
            };
            for line in 0..2_u8 {
                let lost = match index {
                    0 => number % 100 == 50,
                    1 => line == 0 && number % 3 == 0,
                    _ => false,
                };
                if lost {
                    continue;
                }
                foreign += u64::from(index == 2);
                time += 1_000;
                let mut frame = [0; 512];
                let length = UdpFrame {
                    destination: [224, 0, 62, line],
                    destination_port: PORT,
                    payload,
                    ..UdpFrame::default()
                }
                .write(&mut frame)
                .unwrap();
                writer.write(time, &frame[..length]).unwrap();
            }
        }
    }
    writer.finish().unwrap();
    foreign
}

fn config(folder: &Path, file: &Path) -> Config {
    let unit = |unit: u8| {
        format!(
            r#"
[[channel]]
name = "unit{unit}"
feed = "cboe-pitch-equities"
unit = {unit}
worker = "w0"
lines = [{{ group = "224.0.62.0", port = {PORT} }}, {{ group = "224.0.62.1", port = {PORT} }}]
[[queue]]
name = "native{unit}"
channels = ["unit{unit}"]
records = "native"
[[queue]]
name = "full{unit}"
channels = ["unit{unit}"]
"#
        )
    };
    let text = format!(
        "[gateway]\nbroker_socket = \"{}\"\nmetrics_listen = \"\"\n[[capture]]\nname = \"cap\"\nfile = \"{}\"\n\
         [[worker]]\nname = \"w0\"\ninputs = [\"cap\"]\nwait = \"sleep\"\n{}{}",
        folder.join("broker.sock").display(),
        file.display(),
        unit(1),
        unit(2),
    );
    gateway::config::parse(&text, folder).unwrap()
}

/// What a strategy reads of a queue that nothing is published to any more.
#[derive(Default)]
struct Read {
    natives: Vec<Vec<u8>>,
    gaps: Vec<(u64, u64)>,
    /// Order records before any gap of a book that is said to be wrong.
    suspect: u64,
    orders: u64,
}

fn read(client: &Client, queue: &str) -> Read {
    let options = SubscribeOptions {
        start: Start::Oldest,
        wait: WaitStrategy::Sleep(Duration::from_millis(1)),
        ..SubscribeOptions::named("test")
    };
    let mut subscription = client.subscribe(queue, &options).unwrap();
    let mut read = Read::default();
    loop {
        match subscription.poll() {
            Event::Record(Record::Native { bytes, .. }) => read.natives.push(bytes.to_vec()),
            Event::Record(Record::Control(control)) => {
                if control.kind == ControlKind::Gap as u16 {
                    read.gaps.push((control.sequence, control.count));
                }
            }
            Event::Record(Record::Mbo(order)) => {
                read.orders += 1;
                let suspect = order.flags.raw() & dbn::flags::MAYBE_BAD_BOOK != 0;
                read.suspect += u64::from(suspect && read.gaps.is_empty());
            }
            Event::Record(_) => {}
            Event::Empty => return read,
            other => panic!("{queue}: {other:?}"),
        }
    }
}

#[test]
fn units_on_one_port_are_channels_of_their_own_and_what_one_loses_is_its_own() {
    let days = [1, 2, 3].map(day);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("units.pcap");
    let foreign = write(&file, [&days[0], &days[1], &days[2]]);
    let gateway = Running::start(config(folder.path(), &file));
    let client = gateway.client();
    let status = until("the capture's end", || {
        let status: Status = serde_json::from_str(&client.status().unwrap()).unwrap();
        let settled = status.queues.iter().all(|queue| queue.published > 0);
        (status.interfaces[0].state == "finished" && settled).then_some(status)
    });

    let lossy = read(&client, "native1");
    let lost: Vec<(u64, u64)> = (0..days[0].len() as u64)
        .filter(|number| number % 100 == 50)
        .map(|number| (number + 1, 1))
        .collect();
    assert!(lost.len() > 10, "{}", lost.len());
    assert_eq!(lossy.gaps, lost);
    let kept = (0..).zip(&days[0]).filter(|(number, _)| number % 100 != 50);
    let kept: Vec<&Vec<u8>> = kept.map(|(_, message)| message).collect();
    assert_eq!(lossy.natives.iter().collect::<Vec<_>>(), kept);

    let whole = read(&client, "native2");
    assert_eq!((whole.natives, whole.gaps), (days[1].clone(), Vec::new()));
    // The orders of the two have the same numbers, and are not taken for each other.
    let orders = read(&client, "full2");
    assert_eq!((orders.suspect, orders.gaps.len()), (0, 0));
    assert!(orders.orders > 1_000, "{}", orders.orders);
    let orders = |channel: usize| status.channels[channel].orders.as_ref().unwrap();
    assert_eq!((orders(1).unknown, orders(1).duplicate), (0, 0));
    assert_eq!(orders(0).duplicate, 0);

    // What is of neither is counted once.
    let others = [0, 1].map(|channel: usize| status.channels[channel].other_units);
    assert_eq!(others, [foreign, 0]);
    let lines = status.channels.iter().flat_map(|channel| &channel.lines);
    let of_lines: u64 = lines.map(|line| line.packets).sum();
    assert_eq!(of_lines, status.interfaces[0].queues[0].packets);
}
