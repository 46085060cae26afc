//! Real messages, where there are any: counts, and field by field what other decoders read.

use std::collections::BTreeMap;
use std::path::Path;

use gateway_capture::{CaptureReader, ItchFileReader};
use gateway_feed::decoder::Decoder;
use gateway_feed::itch50::harness::Collector;
use gateway_feed::moldudp64::Packet;
use gateway_feed::sink::{MessageContext, Output, Outputs};
use gateway_test_support::data::find_or_skip;

use crate::peers::{compare, one_of_each};
use crate::support::{RECEIVED, decoder};

/// What a row of messages came to.
struct Totals {
    by_type: BTreeMap<char, u64>,
    plain_records: usize,
    instruments: u64,
}

/// Decodes `messages`, comparing each with other decoders; every one must be a message.
fn decode_all<'a>(messages: impl IntoIterator<Item = &'a [u8]>) -> Totals {
    let mut decoder = decoder(2);
    let mut sink = Collector::new(Outputs::NONE.with(Output::Plain).with(Output::Native));
    let mut count = 0;
    for message in messages {
        count += 1;
        compare(message);
        decoder.message(
            &MessageContext {
                sequence: count,
                ts_recv: RECEIVED,
            },
            message,
            &mut sink,
        );
    }
    let counters = decoder.counters();
    assert_eq!(counters.messages(), count, "every message decodes");
    assert_eq!(
        sink.records(Output::Native).len() as u64,
        count,
        "one native record a message"
    );
    let by_type = (0..=255_u8)
        .filter(|&kind| counters.by_type[usize::from(kind)] > 0)
        .map(|kind| (kind as char, counters.by_type[usize::from(kind)]))
        .collect();
    Totals {
        by_type,
        plain_records: sink.records(Output::Plain).len(),
        instruments: counters.instruments,
    }
}

fn read_file(path: &Path) -> Vec<Vec<u8>> {
    let mut reader = ItchFileReader::open(path).unwrap();
    let mut messages = Vec::new();
    while let Some((_, message)) = reader.next().unwrap() {
        messages.push(message.to_vec());
    }
    messages
}

fn totals_of_file(path: &Path) -> Totals {
    let messages = read_file(path);
    decode_all(messages.iter().map(Vec::as_slice))
}

fn counts<const N: usize>(expected: [(char, u64); N]) -> BTreeMap<char, u64> {
    BTreeMap::from(expected)
}

#[test]
fn our_own_messages_count_as_the_real_ones_would() {
    let messages = one_of_each();
    let totals = decode_all(messages.iter().chain(&messages).map(Vec::as_slice));
    assert_eq!(totals.by_type.len(), 23);
    assert!(totals.by_type.values().all(|&count| count == 2));
    // One record each, but E three, C (not printable) two, U two.
    assert_eq!(totals.plain_records, 2 * (23 + 2 + 1 + 1));
    assert_eq!(totals.instruments, 1);
}

#[test]
fn the_real_snippet_decodes_as_other_decoders_read_it() {
    let Some(path) = find_or_skip("nasdaq-itch50/12302019_SNIPPET.NASDAQ_ITCH50") else {
        return;
    };
    let totals = totals_of_file(&path);
    let expected = counts([
        ('A', 367),
        ('U', 225),
        ('F', 193),
        ('D', 167),
        ('E', 28),
        ('X', 6),
        ('I', 4),
        ('P', 4),
        ('Q', 4),
        ('S', 1),
        ('C', 1),
    ]);
    assert_eq!(totals.by_type, expected);
    // One record each, U two, E three, C two because it is not printable.
    assert_eq!(totals.plain_records, 1_000 + 225 + 2 * 28 + 1);
}

#[test]
fn the_simulated_file_decodes_as_other_decoders_read_it() {
    let Some(path) = find_or_skip("ritch-itch50/ex20101224.lenprefixed.itch50") else {
        return;
    };
    let totals = totals_of_file(&path);
    let expected = counts([
        ('P', 5_000),
        ('A', 4_997),
        ('D', 1_745),
        ('E', 198),
        ('X', 45),
        ('U', 12),
        ('S', 6),
        ('R', 3),
        ('H', 3),
        ('F', 3),
    ]);
    assert_eq!(totals.by_type, expected);
    assert_eq!(totals.instruments, 3);
}

#[test]
fn every_captured_packet_of_nasdaq_bx_and_psx_decodes_as_other_decoders_read_it() {
    let Some(folder) = find_or_skip("omi/Nasdaq") else {
        return;
    };
    let mut captures = 0;
    for protocol in std::fs::read_dir(folder).unwrap() {
        let protocol = protocol.unwrap().path();
        if !protocol.to_string_lossy().contains("TotalView.Itch.v5.0") {
            continue;
        }
        for capture in std::fs::read_dir(protocol).unwrap() {
            let capture = capture.unwrap().path();
            let messages = read_capture(&capture);
            assert!(!messages.is_empty(), "{} holds messages", capture.display());
            println!("{}: {} messages", capture.display(), messages.len());
            decode_all(messages.iter().map(Vec::as_slice));
            captures += 1;
        }
    }
    assert_eq!(captures, 24);
}

/// The messages of the MoldUDP64 packets of a capture.
fn read_capture(path: &Path) -> Vec<Vec<u8>> {
    let mut reader = CaptureReader::open(path).unwrap();
    let mut messages = Vec::new();
    while let Some(captured) = reader.next().unwrap() {
        let udp = captured.udp().unwrap();
        let payload = &captured.frame[udp.payload_offset..][..udp.payload_len];
        let packet = Packet::parse(payload).unwrap();
        messages.extend(packet.messages().map(|message| message.bytes.to_vec()));
    }
    messages
}
