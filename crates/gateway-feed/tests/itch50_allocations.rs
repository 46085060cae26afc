//! After construction the ITCH decoder takes no memory, whatever comes.

#![allow(clippy::unwrap_used)]

use gateway_feed::decoder::{Decoder, Discontinuity};
use gateway_feed::itch50::messages::{LENGTHS, TYPES};
use gateway_feed::itch50::{ItchConfig, ItchDecoder, OrderIndexConfig, SYMBOL_LIMITS};
use gateway_feed::record::ControlRecord;
use gateway_feed::sink::{InstrumentId, MessageContext, Output, Outputs, RecordSink};
use gateway_feed::symbols;
use gateway_test_support::allocations::{self, CountingAllocator};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Counts records and symbols.
struct Tally {
    records: u64,
    symbols: u64,
}

impl RecordSink for Tally {
    fn wants(&self, _: InstrumentId) -> Outputs {
        Outputs::NONE
            .with(Output::Native)
            .with(Output::Plain)
            .with(Output::Full)
    }

    fn publish(&mut self, _: Output, _: InstrumentId, _: &[u64]) {
        self.records += 1;
    }

    fn control(&mut self, _: &ControlRecord) {}

    fn instrument(&mut self, _: InstrumentId, _: &[u8]) {
        self.symbols += 1;
    }
}

#[test]
fn decoding_takes_no_memory() {
    let config = ItchConfig {
        orders: Some(OrderIndexConfig {
            orders_max: 100,
            prefetch: true,
        }),
        symbols: symbols::parse("1,AAPL\n2,MSFT\n", SYMBOL_LIMITS).unwrap(),
        ..ItchConfig::default()
    };
    let mut decoder = ItchDecoder::new(&config).unwrap();
    let mut sink = Tally {
        records: 0,
        symbols: 0,
    };

    let before = allocations::of_this_thread();
    for session in 0..3 {
        for round in 0..100_u64 {
            for &message_type in TYPES {
                let mut bytes = [b'A'; 64];
                bytes[0] = message_type;
                bytes[1..3].copy_from_slice(&(round as u16 + 1).to_be_bytes());
                let length = usize::from(LENGTHS[usize::from(message_type)]);
                let context = MessageContext {
                    sequence: round,
                    ts_recv: (session + 1) * 1_577_716_200_000_000_000,
                };
                decoder.message(&context, &bytes[..length], &mut sink);
                decoder.message(&context, &bytes[..length - 1], &mut sink);
            }
            decoder.message(&MessageContext::default(), b"?", &mut sink);
        }
        let next = MessageContext {
            sequence: 1,
            ts_recv: (session + 1) * 1_577_716_200_000_000_001,
        };
        decoder.discontinuity(Discontinuity::Lost, &next, &mut sink);
        decoder.discontinuity(Discontinuity::SessionChanged, &next, &mut sink);
    }
    assert_eq!(allocations::of_this_thread() - before, 0);
    assert_eq!(decoder.counters().messages(), 3 * 100 * 23);
    // Each message as it is; and, plain and full, as one record, or two (U, and C which is not printable), or three
    // (E); and at the end of a session each instrument's book is cleared.
    let normalised = 23 + 1 + 1 + 2;
    assert_eq!(sink.records, 3 * 100 * (23 + 2 * normalised + 2));
    assert!(
        sink.symbols >= 2 * 3 * 100,
        "learnt and forgotten in each session"
    );
}
