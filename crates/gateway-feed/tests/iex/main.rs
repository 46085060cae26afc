//! IEX: messages in, records out.
#![allow(clippy::unwrap_used, reason = "tests")]

mod fixtures;
mod properties;
mod real_data;

use gateway_feed::decoder::Decoder;
use gateway_feed::iex::{IexConfig, IexDecoder};
use gateway_feed::itch50::harness::Collector;
use gateway_feed::sink::{MessageContext, Output, Outputs};

/// 2018-01-02 15:00:00 UTC, when packets are received.
pub(crate) const RECEIVED: u64 = 1_514_905_200_000_000_000;

pub(crate) fn decoder() -> IexDecoder {
    IexDecoder::new(&IexConfig {
        channel_id: 7,
        ..IexConfig::default()
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
    decoder: &mut IexDecoder,
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
