//! Cboe PITCH: messages in, records out.
#![allow(clippy::unwrap_used, reason = "tests")]

mod fixtures;
mod orders;
mod properties;
mod real_data;
mod session;

use gateway_feed::decoder::Decoder;
use gateway_feed::itch50::OrderIndexConfig;
use gateway_feed::itch50::harness::Collector;
use gateway_feed::pitch::layout::WriteTime;
use gateway_feed::pitch::{Market, PitchConfig, PitchDecoder};
use gateway_feed::record::v3::MboMsg;
use gateway_feed::sink::{MessageContext, Output, Outputs};

/// 2023-11-14 22:13:20 UTC, 17:13:20 in New York, when packets are received.
pub(crate) const RECEIVED: u64 = 1_700_000_000_000_000_000;
/// The seconds since New York's midnight at that time; an hour less since Chicago's.
pub(crate) const SECONDS: u32 = 62_000;

pub(crate) fn decoder(market: Market) -> PitchDecoder {
    PitchDecoder::new(&PitchConfig {
        channel_id: 7,
        orders: Some(OrderIndexConfig {
            orders_max: 1_000,
            prefetch: true,
        }),
        ..PitchConfig::new(market)
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

/// A decoder that has been told the time, and what it has published since.
pub(crate) struct Bench {
    pub(crate) decoder: PitchDecoder,
    pub(crate) sink: Collector,
    pub(crate) sequence: u64,
}

impl Bench {
    pub(crate) fn new(market: Market) -> Self {
        let mut bench = Self {
            decoder: decoder(market),
            sink: everything(),
            sequence: 0,
        };
        let seconds = match market {
            Market::Futures => SECONDS - 3_600,
            _ => SECONDS,
        };
        bench.take(&WriteTime { seconds }.encode(Market::Equities));
        bench
    }

    /// Takes a message, and forgets what was published before.
    pub(crate) fn take(&mut self, message: &[u8]) {
        self.sequence += 1;
        self.sink.published.clear();
        let context = MessageContext {
            sequence: self.sequence,
            ts_recv: RECEIVED,
        };
        self.decoder.message(&context, message, &mut self.sink);
    }

    /// The order records of the last message.
    pub(crate) fn orders(&self, output: Output) -> Vec<Summary> {
        let records = self.sink.records(output);
        records
            .into_iter()
            .map(|words| summary(&view(words)))
            .collect()
    }

    /// The only record of the last message, which is the same in both normalised outputs.
    pub(crate) fn one<T>(&self) -> T {
        let full = self.sink.records(Output::Full);
        assert_eq!(full, self.sink.records(Output::Plain));
        assert_eq!(full.len(), 1);
        view(full[0])
    }
}

/// Instrument, action, side, order, price, size, flags.
pub(crate) type Summary = (u32, char, char, u64, i64, u32, u8);

pub(crate) fn summary(order: &MboMsg) -> Summary {
    (
        order.hd.instrument_id,
        order.action as u8 as char,
        order.side as u8 as char,
        order.order_id,
        order.price,
        order.size,
        order.flags.raw(),
    )
}

/// A record of words as the struct.
pub(crate) fn view<T>(words: &[u64]) -> T {
    assert_eq!(size_of_val(words), size_of::<T>());
    // SAFETY: DBN's structs are integers without padding, and the words are as long.
    unsafe { words.as_ptr().cast::<T>().read() }
}

/// What a message says behind its byte of length, from the bytes as the wire has them.
pub(crate) fn message(parts: &[&[u8]]) -> Vec<u8> {
    let bytes = parts.concat();
    assert_eq!(usize::from(bytes[0]), bytes.len(), "the length says itself");
    bytes[1..].to_vec()
}
