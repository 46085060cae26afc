//! Line A and line B of a MoldUDP64 stream through a channel: real captures where they are, and a twin made by our
//! own encoder that always runs.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use gateway_capture::CaptureReader;
use gateway_feed::arbitration::{Defect, LineId};
use gateway_feed::channel::{Channel, ChannelConfig};
use gateway_feed::harness::{Echo, Item, Log, check};
use gateway_feed::moldudp64::{Packet, PacketBuilder, Session};
use gateway_test_support::data::find_or_skip;

const LOST_ON_BOTH: [(u64, u64); 2] = [(291, 295), (329, 329)];

/// What a line brought: when, and the packet.
type Arrival = (u64, LineId, Vec<u8>);

/// The UDP payloads of a capture; lines are told apart by their group, in the order in which they appear.
fn arrivals(path: PathBuf) -> Vec<Arrival> {
    let mut reader = CaptureReader::open(path).unwrap();
    let mut groups = BTreeMap::new();
    let mut arrivals = Vec::new();
    while let Some(captured) = reader.next().unwrap() {
        let udp = gateway_wire::parse(captured.frame).unwrap();
        let lines = groups.len() as u8;
        let line = *groups.entry(udp.destination).or_insert(LineId(lines));
        let payload = udp.payload(captured.frame).unwrap();
        arrivals.push((captured.timestamp_ns, line, payload.to_vec()));
    }
    arrivals
}

fn run(arrivals: &[Arrival]) -> (Channel<Echo>, Log) {
    let config = ChannelConfig::default();
    let mut channel = Channel::new(config, Echo::default());
    let mut log = Log::default();
    for (time, line, packet) in arrivals {
        assert_eq!(channel.on_packet(*line, *time, packet, &mut log), None);
    }
    channel.finish(arrivals.last().unwrap().0, &mut log);
    check(&channel, &config, &log);
    (channel, log)
}

/// The stream of 1,000 messages that loses on both lines what the captures lose, with the captures' kind of trouble.
fn twin() -> Vec<Arrival> {
    let mut builder = PacketBuilder::new(Session::from_name("TWIN").unwrap(), 1, 1_400);
    let mut arrivals = Vec::new();
    let mut now = 1_577_716_200_000_000_000;
    let mut send = |now: u64, packet: &[u8], lost: [bool; 2], swap: bool| {
        for line in (0..2).filter(|&line| !lost[line]) {
            let late = if swap && line == 0 { 30_000 } else { 0 };
            arrivals.push((
                now + 7_000 * line as u64 + late,
                LineId(line as u8),
                packet.to_vec(),
            ));
        }
    };
    let mut sequence = 1_u64;
    while sequence <= 1_000 {
        // Packets of one to seven messages, but for the boundaries of what is lost.
        let boundary = [291, 296, 329, 330, 1_001]
            .into_iter()
            .find(|&boundary| sequence < boundary)
            .unwrap();
        let both = matches!(sequence, 291 | 329);
        let count = if both {
            boundary - sequence
        } else {
            (1 + sequence % 7).min(boundary - sequence)
        };
        for message in sequence..sequence + count {
            builder.push(&message.to_be_bytes()).unwrap();
        }
        now += 20_000;
        let lost = [
            both || sequence.is_multiple_of(13),
            both || sequence % 17 == 3 && !sequence.is_multiple_of(13),
        ];
        builder.finish(|packet| send(now, packet, lost, sequence.is_multiple_of(5)));
        sequence += count;
    }
    for repeat in 0..3 {
        send(
            now + 1_000_000_000 * repeat,
            &builder.end_of_session(),
            [false; 2],
            false,
        );
    }
    arrivals.sort_by_key(|(time, ..)| *time);
    arrivals
}

#[test]
fn both_lines_together_lose_only_what_both_lost() {
    let Some(path) = find_or_skip("nasdaq-moldudp64-ab/AB_merged_by_time.pcap") else {
        return;
    };
    let (channel, log) = run(&arrivals(path));
    assert_eq!(log.sequences().len(), 994);
    assert_eq!(log.gaps(), LOST_ON_BOTH);
    assert_eq!(log.items.first(), Some(&Item::SessionStart(1)));
    assert_eq!(log.items.last(), Some(&Item::SessionEnd(1_001)));
    let counters = channel.counters();
    let [a, b, ..] = counters.lines;
    assert_eq!((a.packets, a.messages), (159, 969));
    assert_eq!((b.packets, b.messages), (159, 954));
    assert_eq!(a.delivered + b.delivered, 994);
    assert_eq!(a.duplicates + b.duplicates, 969 + 954 - 994);
    assert_eq!(
        (counters.heartbeats, counters.sessions, counters.resets),
        (8, 1, 0)
    );
    // Each line's own holes, as truth.json lists them: 31 and 46 messages.
    assert_eq!((a.gap_messages, b.gap_messages), (31, 46));
    assert!(
        b.skew_packets > 100 && b.skew_max_ns < 100_000,
        "line B is some 7 us behind"
    );
}

#[test]
fn each_line_alone_loses_what_it_lost() {
    for (name, messages) in [("lineA", 969), ("lineB", 954), ("ref_lossless", 1_000)] {
        let Some(path) = find_or_skip(&format!("nasdaq-moldudp64-ab/{name}.pcap")) else {
            return;
        };
        let (channel, log) = run(&arrivals(path));
        assert_eq!(log.sequences().len(), messages, "{name}");
        assert_eq!(
            channel.counters().gap_messages,
            1_000 - messages as u64,
            "{name}"
        );
    }
}

#[test]
fn a_tagged_line_with_copies_and_swapped_packets_is_put_in_order() {
    let Some(path) = find_or_skip("nasdaq-moldudp64-ab/lineA_vlan141_dup_reorder.pcap") else {
        return;
    };
    let (channel, log) = run(&arrivals(path));
    let line = channel.counters().lines[0];
    assert_eq!(log.sequences().len(), 969);
    assert_eq!(channel.counters().gap_messages, 31);
    assert_eq!(channel.counters().resets, 0);
    assert!(line.duplicates > 0 && line.out_of_order > 0);
    assert_eq!(
        line.late, 0,
        "no packet is swapped by more than the hold time"
    );
}

#[test]
fn the_twin_of_both_lines_loses_only_what_both_lost() {
    let (channel, log) = run(&twin());
    assert_eq!(log.sequences().len(), 994);
    assert_eq!(log.gaps(), LOST_ON_BOTH);
    assert_eq!(log.items.last(), Some(&Item::SessionEnd(1_001)));
    let [a, b, ..] = channel.counters().lines;
    assert!(a.wins > 0 && b.wins > 0 && a.out_of_order > 0);
    for item in &log.items {
        if let Item::Message { sequence, bytes } = item {
            assert_eq!(bytes.as_slice(), sequence.to_be_bytes());
        }
    }
}

#[test]
fn of_a_file_cut_within_its_last_message_all_others_are_taken() {
    let Some(path) = find_or_skip("moldudp64/mold.sample.dat") else {
        return;
    };
    let bytes = std::fs::read(path).unwrap();
    let mut channel = Channel::<Echo>::new(ChannelConfig::default(), Echo::default());
    let mut log = Log::default();
    let mut defects = Vec::new();
    // The file's packets lie back to back without UDP around them: each begins where the messages before it end.
    let mut offset = 0;
    while offset < bytes.len() {
        let packet = Packet::parse(&bytes[offset..]).unwrap();
        let mut messages = packet.messages();
        messages.by_ref().for_each(drop);
        let end = match messages.walked().cut_at {
            Some(_) => bytes.len(),
            None => offset + 20 + messages.offset(),
        };
        defects.extend(
            channel
                .on_packet(LineId(0), 1, &bytes[offset..end], &mut log)
                .map(|defect| (offset, defect)),
        );
        offset = end;
    }
    assert_eq!(log.sequences(), (1..=40).collect::<Vec<_>>());
    assert_eq!(channel.counters().lines[0].truncated, 1);
    let cut = Defect::Truncated {
        offset: 2_755 - 2 - 1_881 - 20,
        missing: 1,
        announced: 13,
    };
    assert_eq!(defects, [(1_881, cut)]);
}
