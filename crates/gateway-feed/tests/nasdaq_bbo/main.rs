//! Nasdaq BBO: messages in, records out.
#![allow(clippy::unwrap_used, reason = "tests")]

mod fixtures;
mod properties;
mod real_data;

use gateway_feed::decoder::Decoder;
use gateway_feed::itch50::harness::Collector;
use gateway_feed::nasdaq_bbo::{BboConfig, BboDecoder};
use gateway_feed::sink::{MessageContext, Output, Outputs};

/// 2024-11-05 14:30:00.000000001 UTC: half past nine in New York.
pub(crate) const RECEIVED: u64 = 1_730_817_000_000_000_001;
/// Midnight of that day in New York.
pub(crate) const MIDNIGHT: u64 = 1_730_782_800_000_000_000;

pub(crate) fn decoder() -> BboDecoder {
    BboDecoder::new(&BboConfig {
        channel_id: 7,
        ..BboConfig::default()
    })
    .unwrap()
}

pub(crate) fn everything() -> Collector {
    Collector::new(
        Outputs::NONE
            .with(Output::Native)
            .with(Output::Plain)
            .with(Output::Full),
    )
}

pub(crate) fn decode(
    decoder: &mut BboDecoder,
    sink: &mut Collector,
    sequence: u64,
    message: &[u8],
) {
    let context = MessageContext {
        sequence,
        ts_recv: RECEIVED,
    };
    decoder.message(&context, message, sink);
}

/// A record of words as the struct.
pub(crate) fn view<T>(words: &[u64]) -> T {
    assert_eq!(size_of_val(words), size_of::<T>());
    // SAFETY: DBN's structs are integers without padding, and the words are as long.
    unsafe { words.as_ptr().cast::<T>().read() }
}
