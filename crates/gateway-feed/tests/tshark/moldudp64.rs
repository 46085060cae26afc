//! MoldUDP64, and the headers below it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use gateway_capture::{CaptureReader, LinkType, PcapWriter};
use gateway_feed::moldudp64::{Packet, PacketBuilder, PacketKind, Session};
use gateway_sim::flow::{FlowOptions, OrderFlow};
use gateway_test_support::data::find_or_skip;
use gateway_wire::build::UdpFrame;

use crate::{hexadecimal, knows_or_skip, scratch, text, tshark};

const FIELDS: [&str; 9] = [
    "ip.src",
    "ip.dst",
    "udp.dstport",
    "moldudp64.session",
    "moldudp64.sequence",
    "moldudp64.count",
    "moldudp64.msgseq",
    "moldudp64.msglen",
    "moldudp64.msgdata",
];

/// The values of each field of a packet.
type Values = Vec<Vec<String>>;

/// The same fields as we read them, `None` of a packet that is none of ours; and the ports that packets went to.
fn ours(path: &Path) -> (Vec<Option<Values>>, BTreeSet<u16>) {
    let mut reader = CaptureReader::open(path).unwrap();
    let (mut packets, mut ports) = (Vec::new(), BTreeSet::new());
    while let Some(captured) = reader.next().unwrap() {
        let udp = captured.udp().ok();
        let read = udp.and_then(|udp| {
            let payload = udp.payload(captured.frame)?;
            let packet = Packet::parse(payload).ok()?;
            ports.insert(udp.destination_port);
            let address = |[a, b, c, d]: [u8; 4]| vec![format!("{a}.{b}.{c}.{d}")];
            let count = match packet.kind {
                PacketKind::Data { count } => count,
                PacketKind::Heartbeat => 0,
                PacketKind::EndOfSession => u16::MAX,
            };
            let session = text(&packet.session.0);
            let messages: Vec<&[u8]> = packet.messages().map(|message| message.bytes).collect();
            let each = |value: &dyn Fn(u64, &[u8]) -> String| {
                let numbered = (packet.sequence..).zip(&messages);
                numbered
                    .map(|(number, message)| value(number, message))
                    .collect()
            };
            Some(vec![
                address(udp.source),
                address(udp.destination),
                vec![udp.destination_port.to_string()],
                Some(session)
                    .into_iter()
                    .filter(|name| !name.is_empty())
                    .collect(),
                vec![packet.sequence.to_string()],
                vec![count.to_string()],
                each(&|number, _| number.to_string()),
                each(&|_, message| message.len().to_string()),
                each(&|_, message| hexadecimal(message)),
            ])
        });
        packets.push(read);
    }
    (packets, ports)
}

/// Compares a capture, packet by packet and field by field; how many packets and messages there were.
fn compare(path: &Path) -> (usize, usize) {
    let (ours, ports) = ours(path);
    let as_protocol: Vec<_> = ports
        .iter()
        .map(|port| format!("udp.port=={port},moldudp64"))
        .collect();
    let theirs = tshark(path, &as_protocol, &FIELDS);
    assert_eq!(ours.len(), theirs.len(), "{}", path.display());
    let (mut packets, mut messages) = (0, 0);
    for (number, (ours, mut theirs)) in (1..).zip(ours.into_iter().zip(theirs)) {
        let Some(ours) = ours else {
            let nothing = theirs[3..].iter().all(Vec::is_empty);
            assert!(nothing, "packet {number} of {}", path.display());
            continue;
        };
        for name in &mut theirs[3] {
            *name = name.trim().to_owned();
        }
        for (field, (ours, theirs)) in FIELDS.iter().zip(ours.iter().zip(&theirs)) {
            assert_eq!(
                ours,
                theirs,
                "{field} of packet {number} of {}",
                path.display()
            );
        }
        packets += 1;
        messages += ours[6].len();
    }
    (packets, messages)
}

/// A day of the simulated exchange with as many messages a packet as come to pass, heartbeats, and the session's end.
fn write_day(path: &Path) -> (usize, usize) {
    let output = BufWriter::new(File::create(path).unwrap());
    let mut writer = PcapWriter::new(output, LinkType::Ethernet).unwrap();
    let (mut packets, mut messages) = (0, 0);
    let mut send = |payload: &[u8]| {
        let mut frame = [0; 2_048];
        let length = UdpFrame {
            destination: [233, 54, 12, 111],
            destination_port: 26_477,
            payload,
            ..UdpFrame::default()
        }
        .write(&mut frame)
        .unwrap();
        packets += 1;
        writer.write(packets as u64, &frame[..length]).unwrap();
    };
    let mut flow = OrderFlow::new(FlowOptions {
        symbols: 20,
        messages: 3_000,
        ..FlowOptions::default()
    });
    let mut builder = PacketBuilder::new(Session(*b"20261120A "), u64::MAX - 5_000, 1_472);
    send(&builder.heartbeat());
    while let Some(message) = flow.next() {
        builder.push(message.bytes).unwrap();
        messages += 1;
        // Packets of 1 to 29 messages.
        if usize::from(builder.count()) > messages % 29 {
            builder.finish(&mut send);
        }
    }
    builder.finish(&mut send);
    send(&builder.end_of_session());
    writer.finish().unwrap();
    (packets, messages)
}

#[test]
fn a_simulated_day_is_read_as_tshark_reads_it() {
    if !knows_or_skip("moldudp64") {
        return;
    }
    let path = scratch("tshark_day.pcap");
    let written = write_day(&path);
    assert_eq!(compare(&path), written);
    assert!(written.1 >= 3_000, "{written:?}");
}

#[test]
fn captures_are_read_as_tshark_reads_them() {
    if !knows_or_skip("moldudp64") {
        return;
    }
    let Some(folder) = find_or_skip("") else {
        return;
    };
    let captures = |folder: PathBuf| {
        let entries = std::fs::read_dir(folder).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.filter(|path| path.extension().is_some_and(|of| of == "pcap"))
    };
    let mut total = (0, 0);
    let mut take = |path: PathBuf| {
        let (packets, messages) = compare(&path);
        assert!(packets > 0, "{}", path.display());
        total = (total.0 + packets, total.1 + messages);
    };
    captures(folder.join("nasdaq-moldudp64-ab")).for_each(&mut take);
    for feed in std::fs::read_dir(folder.join("omi/Nasdaq")).unwrap() {
        let feed = feed.unwrap().path();
        // The later sets have no ports any more, by which tshark could be told what they carry.
        if feed.to_string_lossy().ends_with("TotalView.Itch.v5.0") {
            captures(feed).for_each(&mut take);
        }
    }
    println!("{} packets, {} messages", total.0, total.1);
    assert_eq!(total, (975, 5_873));
}
