//! One oracle for unit tests, property tests and the fuzz target: whatever the bytes, the decoder neither panics nor
//! publishes a record that is not one.

use super::decoder::{IexConfig, IexDecoder};
use super::messages::LENGTHS;
use super::transport::IexTp;
use super::{DEEP_PLUS, TOPS};
use crate::decoder::Decoder;
use crate::itch50::harness::{Collector, native_bytes};
use crate::sink::{MessageContext, Output, Outputs};
use crate::transport::Transport;

/// Takes `input` as a segment, and, where it is none, as a row of messages, each behind one byte of length (where it is
/// longer than what follows, the rest is one message), and checks what must hold of any message.
///
/// # Panics
/// A message was counted not at all or twice, or a record is not well formed.
pub fn exercise(input: &[u8]) {
    let config = IexConfig {
        // Few, so that there is soon no room.
        instruments_max: 3,
        ..IexConfig::default()
    };
    let Ok(mut decoder) = IexDecoder::new(&config) else {
        unreachable!("the default configuration is valid")
    };
    let mut sequence = 0;
    let mut take = |message: &[u8]| {
        sequence += 1;
        exercise_message(&mut decoder, sequence, message);
    };
    if let Ok(frame) = IexTp::<TOPS>::frame(input).or_else(|_| IexTp::<DEEP_PLUS>::frame(input)) {
        let walked = IexTp::<TOPS>::walk(&frame, 0, |_, message| take(message));
        assert!(walked.whole <= frame.count, "more messages than announced");
        return;
    }
    let mut rest = input;
    while let [length, behind @ ..] = rest {
        let (message, next) = behind.split_at(behind.len().min(usize::from(*length)));
        rest = next;
        take(message);
    }
}

/// Inputs to begin with: each type of message by itself, of the length that it has, and segments of all of them.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let types = (0..=u8::MAX).zip(LENGTHS).filter(|(_, length)| *length > 0);
    let messages: Vec<Vec<u8>> = types
        .map(|(kind, length)| {
            let mut message = vec![b' '; usize::from(length)];
            message[0] = kind;
            message
        })
        .collect();
    let mut seeds: Vec<Vec<u8>> = messages
        .iter()
        .map(|message| [&[message.len() as u8], &message[..]].concat())
        .collect();
    for protocol in [TOPS, DEEP_PLUS] {
        let body: Vec<u8> = messages
            .iter()
            .flat_map(|m| [&(m.len() as u16).to_le_bytes()[..], m].concat())
            .collect();
        // Version, reserved, protocol, channel, session, length, count, offset, first sequence, time.
        let mut segment = vec![1, 0];
        segment.extend(protocol.to_le_bytes());
        segment.extend(1_u32.to_le_bytes());
        segment.extend(7_u32.to_le_bytes());
        segment.extend((body.len() as u16).to_le_bytes());
        segment.extend((messages.len() as u16).to_le_bytes());
        segment.extend(0_u64.to_le_bytes());
        segment.extend(1_u64.to_le_bytes());
        segment.extend(1_514_900_000_000_000_000_u64.to_le_bytes());
        segment.extend(body);
        seeds.push(segment);
    }
    seeds
}

fn exercise_message(decoder: &mut IexDecoder, sequence: u64, message: &[u8]) {
    let wants = Outputs::NONE
        .with(Output::Native)
        .with(Output::Plain)
        .with(Output::Full);
    let mut sink = Collector::new(wants);
    let before = handled(decoder);
    let context = MessageContext {
        sequence,
        ts_recv: 1_514_900_000_000_000_000,
    };
    decoder.message(&context, message, &mut sink);
    assert_eq!(handled(decoder), before + 1, "each message is counted once");

    let expected = message
        .first()
        .map_or(0, |&kind| usize::from(LENGTHS[usize::from(kind)]));
    let native = sink.records(Output::Native);
    let (plain, full) = (sink.records(Output::Plain), sink.records(Output::Full));
    if message.is_empty() || message.len() != expected {
        assert!(
            native.is_empty() && plain.is_empty() && full.is_empty(),
            "what is no message publishes no record"
        );
        return;
    }
    assert_eq!(native.len(), 1, "one native record a message");
    assert_eq!(native_bytes(native[0]).as_deref(), Some(message));
    assert_eq!(plain, full, "every message says all");
    assert!((1..=3).contains(&plain.len()), "one to three records");
    for record in plain {
        let length = usize::from(record[0].to_le_bytes()[0]) * 4;
        assert_eq!(length, record.len() * 8, "the header says the length");
    }
}

fn handled(decoder: &IexDecoder) -> u64 {
    let counters = decoder.counters();
    counters.messages() + counters.unknown_types + counters.length_errors()
}
