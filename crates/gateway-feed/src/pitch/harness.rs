//! One oracle for unit tests, property tests and the fuzz target: whatever the bytes, the decoder neither panics nor
//! publishes a record that is not one.

use super::Market;
use super::decoder::{PitchConfig, PitchDecoder};
use super::layout::{Lengths, TYPES};
use super::transport::{PacketBuilder, PitchUnit};
use crate::decoder::{Decoder, Discontinuity};
use crate::itch50::OrderIndexConfig;
use crate::itch50::harness::{Collector, native_bytes};
use crate::sink::{MessageContext, Output, Outputs};
use crate::transport::Transport;

/// Takes `input`, behind a first byte that chooses the market and whether there is an index of orders, as a packet, and,
/// where it is none, as a row of messages, each behind one byte of length (where it is longer than what follows, the rest
/// is one message), and checks what must hold of any message.
///
/// # Panics
/// A message was counted not at all or twice, or a record is not well formed.
pub fn exercise(input: &[u8]) {
    let Some((choice, input)) = input.split_first() else {
        return;
    };
    let market = Market::ALL[usize::from(*choice) % Market::ALL.len()];
    let config = PitchConfig {
        // Few, so that there is soon no room.
        instruments_max: 3,
        orders: (*choice < 0x80).then_some(OrderIndexConfig {
            orders_max: 50,
            prefetch: true,
        }),
        ..PitchConfig::new(market)
    };
    let Ok(mut decoder) = PitchDecoder::new(&config) else {
        unreachable!("the default configuration is valid")
    };
    let mut sequence = 0;
    let mut take = |message: &[u8]| {
        sequence += 1;
        if let Some(kind) = discontinuity(sequence) {
            let context = MessageContext {
                sequence,
                ts_recv: 1_700_000_000_000_000_000,
            };
            decoder.discontinuity(kind, &context, &mut Collector::new(Outputs::NONE));
        }
        exercise_message(&mut decoder, market, sequence, message);
    };
    if let Ok(frame) = PitchUnit::frame(input) {
        let walked = PitchUnit::walk(&frame, 0, |_, message| take(message));
        assert!(walked.whole <= frame.count, "more messages than announced");
        if walked.whole > 0 {
            return;
        }
    }
    let mut rest = input;
    while let [length, behind @ ..] = rest {
        let (message, next) = behind.split_at(behind.len().min(usize::from(*length)));
        rest = next;
        take(message);
    }
}

/// What happens to the channel before that message.
const fn discontinuity(sequence: u64) -> Option<Discontinuity> {
    match sequence % 11 {
        5 => Some(Discontinuity::Lost),
        8 => Some(Discontinuity::Restarted),
        10 => Some(Discontinuity::SessionChanged),
        _ => None,
    }
}

/// Inputs to begin with, for each market: every type of message by itself, of the length that it has there, and a unit's
/// packet of all of them.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (choice, market) in (0..).zip(Market::ALL) {
        let lengths = Lengths::of(market);
        let mut packet = PacketBuilder::new(1, 1, 1_472);
        for &(kind, least) in TYPES {
            let length = usize::from(lengths.usual(kind).max(least)) - 1;
            let mut message = vec![b' '; length];
            message[0] = kind;
            // What does not fit the packet any more is by itself only.
            let _ = packet.push(&message);
            seeds.push([&[choice, length as u8], &message[..]].concat());
        }
        packet.finish(|packet| seeds.push([&[choice], packet].concat()));
    }
    seeds
}

fn exercise_message(decoder: &mut PitchDecoder, market: Market, sequence: u64, message: &[u8]) {
    let wants = Outputs::NONE
        .with(Output::Native)
        .with(Output::Plain)
        .with(Output::Full);
    let mut sink = Collector::new(wants);
    let before = handled(decoder);
    let context = MessageContext {
        sequence,
        ts_recv: 1_700_000_000_000_000_000,
    };
    decoder.prefetch(message);
    decoder.message(&context, message, &mut sink);
    assert_eq!(handled(decoder), before + 1, "each message is counted once");

    let native = sink.records(Output::Native);
    let (plain, full) = (sink.records(Output::Plain), sink.records(Output::Full));
    if !Lengths::of(market).fit(message) {
        assert!(
            native.is_empty() && plain.is_empty() && full.is_empty(),
            "what is no message publishes no record"
        );
        return;
    }
    assert_eq!(native.len(), 1, "one native record a message");
    assert_eq!(native_bytes(native[0]).as_deref(), Some(message));
    assert_eq!(
        plain.len(),
        full.len(),
        "what is completed is the same records"
    );
    for record in plain.iter().chain(&full) {
        let length = usize::from(record[0].to_le_bytes()[0]) * 4;
        assert_eq!(length, record.len() * 8, "the header says the length");
    }
    let orders = decoder.counters().orders;
    assert!(orders.live <= 50, "no more orders than there is room for");
}

fn handled(decoder: &PitchDecoder) -> u64 {
    let counters = decoder.counters();
    counters.messages() + counters.unknown_types + counters.length_errors()
}
