//! One oracle for unit tests, property tests and the fuzz target: whatever the bytes, the decoder neither panics nor
//! publishes a record that is not one.

use super::decoder::{BboConfig, BboDecoder};
use super::messages::{LENGTHS, TYPES, visit_fields};
use crate::decoder::Decoder;
use crate::itch50::harness::{Collector, native_bytes};
use crate::sink::{MessageContext, Output, Outputs};

/// Decodes `input` as a row of messages, each behind one byte of length (where it is longer than what follows, the rest is
/// one message), and checks what must hold of any message.
///
/// # Panics
/// A message was counted not at all or twice, or a record is not well formed.
pub fn exercise(input: &[u8]) {
    let config = BboConfig {
        // Few, so that there is soon no room.
        instruments_max: 3,
        ..BboConfig::default()
    };
    let Ok(mut decoder) = BboDecoder::new(&config) else {
        unreachable!("the default configuration is valid")
    };
    let (mut rest, mut sequence) = (input, 0);
    while let [length, behind @ ..] = rest {
        let (message, next) = behind.split_at(behind.len().min(usize::from(*length)));
        rest = next;
        sequence += 1;
        exercise_message(&mut decoder, sequence, message);
    }
}

/// Inputs to begin with: each type of message by itself, and all of them in a row.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let framed = |kind: &u8| {
        let length = LENGTHS[usize::from(*kind)];
        let mut seed = vec![b' '; usize::from(length) + 1];
        (seed[0], seed[1]) = (length, *kind);
        if let Some(stock) = seed.get_mut(10..18) {
            stock.copy_from_slice(b"AAPL    ");
        }
        seed
    };
    let mut seeds: Vec<Vec<u8>> = TYPES.iter().map(framed).collect();
    seeds.push(seeds.concat());
    seeds
}

fn exercise_message(decoder: &mut BboDecoder, sequence: u64, message: &[u8]) {
    let wants = Outputs::NONE
        .with(Output::Native)
        .with(Output::Plain)
        .with(Output::Full);
    let mut sink = Collector::new(wants);
    let before = handled(decoder);
    let context = MessageContext {
        sequence,
        ts_recv: 1_730_817_000_000_000_000,
    };
    decoder.message(&context, message, &mut sink);
    assert_eq!(handled(decoder), before + 1, "each message is counted once");

    let native = sink.records(Output::Native);
    let (plain, full) = (sink.records(Output::Plain), sink.records(Output::Full));
    if !visit_fields(message, |_, _| ()) {
        assert!(
            native.is_empty() && plain.is_empty() && full.is_empty(),
            "what is no message publishes no record"
        );
        return;
    }
    assert_eq!(native.len(), 1, "one native record a message");
    assert_eq!(native_bytes(native[0]).as_deref(), Some(message));
    assert_eq!(plain, full, "every message says all");
    assert_eq!(plain.len(), 1, "one record a message");
    let length = usize::from(plain[0][0].to_le_bytes()[0]) * 4;
    assert_eq!(length, plain[0].len() * 8, "the header says the length");
}

fn handled(decoder: &BboDecoder) -> u64 {
    let counters = decoder.counters();
    counters.messages() + counters.unknown_types + counters.length_errors()
}
