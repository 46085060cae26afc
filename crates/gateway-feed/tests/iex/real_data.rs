//! Real captures, where there are any.

use std::collections::BTreeMap;
use std::path::Path;

use gateway_capture::CaptureReader;
use gateway_feed::arbitration::LineId;
use gateway_feed::channel::{Channel, ChannelConfig};
use gateway_feed::decoder::Decoder;
use gateway_feed::iex::messages::{QuoteUpdate, TradeReport};
use gateway_feed::iex::{DEEP, DEEP_PLUS, IexDecoder, IexTp, TOPS};
use gateway_feed::itch50::harness::native_bytes;
use gateway_feed::record::{ControlKind, ControlRecord};
use gateway_feed::sink::Output;
use gateway_feed::transport::{FrameKind, Transport};
use gateway_test_support::data::find_or_skip;

use crate::{decoder, everything};

/// UDP payloads of a capture with their times.
fn payloads(path: &Path) -> Vec<(u64, Vec<u8>)> {
    let mut reader = CaptureReader::open(path).unwrap();
    let mut payloads = Vec::new();
    while let Some(captured) = reader.next().unwrap() {
        let udp = gateway_wire::parse(captured.frame).unwrap();
        let payload = udp.payload(captured.frame).unwrap();
        payloads.push((captured.timestamp_ns, payload.to_vec()));
    }
    payloads
}

fn by_type(decoder: &IexDecoder) -> BTreeMap<char, u64> {
    let counters = decoder.counters();
    (0..=255_u8)
        .map(|kind| (kind as char, counters.by_type[usize::from(kind)]))
        .filter(|(_, count)| *count > 0)
        .collect()
}

#[test]
fn a_day_of_tops_decodes_without_a_gap_and_field_by_field() {
    let Some(path) = find_or_skip("iex/TOPS16.pcap.gz") else {
        return;
    };
    let packets = payloads(&path);
    let mut channel: Channel<IexDecoder, IexTp<TOPS>> =
        Channel::new(ChannelConfig::default(), decoder());
    let mut sink = everything();
    let mut heartbeats = 0;
    for (time, packet) in &packets {
        let frame = IexTp::<TOPS>::frame(packet).unwrap();
        heartbeats += u64::from(frame.kind == FrameKind::Heartbeat);
        assert_eq!(channel.on_packet(LineId(0), *time, packet, &mut sink), None);
    }
    let counters = channel.counters();
    assert_eq!((packets.len(), heartbeats), (13_022, 237));
    assert_eq!(
        (counters.messages, counters.gaps, counters.gap_messages),
        (57_674, 0, 0)
    );
    let expected = [
        ('A', 642),
        ('B', 3),
        ('D', 10),
        ('H', 7_803),
        ('O', 7_801),
        ('P', 7_802),
        ('Q', 27_217),
        ('S', 6),
        ('T', 6_390),
    ];
    assert_eq!(by_type(channel.decoder()), BTreeMap::from(expected));
    assert_eq!(channel.decoder().counters().instruments, 7_799);
    assert_eq!(channel.decoder().counters().symbols_refused, 0);

    // Each quote and trade again, read at the offsets of the specification's tables by other code.
    let native = sink.records(Output::Native);
    let full = sink.records(Output::Full);
    assert_eq!(native.len(), full.len(), "one record a message");
    let little = |bytes: &[u8]| {
        bytes
            .iter()
            .rev()
            .fold(0_u64, |n, &byte| n << 8 | u64::from(byte))
    };
    let nano = |units: u64| match units {
        0 => dbn::UNDEF_PRICE as u64,
        units => units * 100_000,
    };
    for (native, full) in native.iter().zip(&full) {
        let bytes = native_bytes(native).unwrap();
        match bytes[0] {
            QuoteUpdate::TYPE => {
                assert_eq!(full[1], little(&bytes[2..10]));
                assert_eq!(full[6], nano(little(&bytes[22..30])), "bid");
                assert_eq!(full[7], nano(little(&bytes[30..38])), "ask");
                let sizes = little(&bytes[18..22]) | little(&bytes[38..42]) << 32;
                assert_eq!(full[8], sizes);
            }
            TradeReport::TYPE => {
                assert_eq!(full[2], little(&bytes[30..38]), "trade id");
                assert_eq!(full[3], nano(little(&bytes[22..30])), "price");
                assert_eq!(full[4] & 0xffff_ffff, little(&bytes[18..22]), "size");
            }
            _ => {}
        }
    }
}

#[test]
fn lost_segments_of_a_day_are_told_message_by_message() {
    let Some(path) = find_or_skip("iex/TOPS16.pcap.gz") else {
        return;
    };
    let mut channel: Channel<IexDecoder, IexTp<TOPS>> =
        Channel::new(ChannelConfig::default(), decoder());
    let mut sink = everything();
    let mut dropped = 0;
    let packets = payloads(&path);
    let last = packets.len() - 1;
    for (number, (time, packet)) in packets.iter().enumerate() {
        let frame = IexTp::<TOPS>::frame(packet).unwrap();
        if number % 50 == 49 && number < last - 50 {
            dropped += u64::from(frame.count);
            continue;
        }
        channel.on_packet(LineId(0), *time, packet, &mut sink);
        channel.on_time(*time + 1_000_000_000, &mut sink);
    }
    channel.finish(packets[last].0 + 2_000_000_000, &mut sink);
    assert!(dropped > 0);
    let lost: u64 = sink
        .published
        .iter()
        .filter_map(|published| match published {
            gateway_feed::itch50::harness::Published::Control(control) => Some(*control),
            _ => None,
        })
        .filter(|control: &ControlRecord| control.kind == ControlKind::Gap as u16)
        .map(|control| control.count)
        .sum();
    assert_eq!(lost, dropped);
    assert_eq!(channel.counters().messages, 57_674 - dropped);
}

/// Decodes every packet of every capture in a folder, each a stream of its own.
fn folder<const PROTOCOL: u16>(path: &Path) -> BTreeMap<char, u64> {
    let mut decoder = decoder();
    let mut sink = everything();
    for file in std::fs::read_dir(path).unwrap() {
        for (_, packet) in payloads(&file.unwrap().path()) {
            let frame = IexTp::<PROTOCOL>::frame(&packet).unwrap();
            let walked = IexTp::<PROTOCOL>::walk(&frame, 0, |sequence, message| {
                crate::decode(&mut decoder, &mut sink, sequence, message);
            });
            assert_eq!((walked.whole, walked.cut_at), (frame.count, None));
        }
    }
    let counters = decoder.counters();
    assert_eq!(
        counters.unknown_types + counters.length_errors(),
        0,
        "{path:?}"
    );
    by_type(&decoder)
}

#[test]
fn every_captured_packet_of_deep_deep_plus_and_tops_decodes() {
    let Some(path) = find_or_skip("omi/Iex") else {
        return;
    };
    assert_eq!(
        folder::<DEEP>(&path.join("Deep.IexTp.v1.0")),
        BTreeMap::from([('5', 1)])
    );
    let orders = folder::<DEEP_PLUS>(&path.join("DeepPlus.IexTp.1.0.2"));
    for kind in ['a', 'M', 'R', 'L', 'T', 'B', 'O', 'P', 'H', 'D', 'E', 'S'] {
        assert!(orders.contains_key(&kind), "{kind} in {orders:?}");
    }
    let states = folder::<TOPS>(&path.join("Tops.IexTp.v1.5"));
    assert!(
        states.contains_key(&'D') && states.contains_key(&'H'),
        "{states:?}"
    );
}
