//! CME MDP 3.0: messages in, records out.
#![allow(clippy::unwrap_used, reason = "tests")]

mod definitions;
mod fixtures;
mod limits;
mod properties;
mod real_data;
mod recovery;
mod schema;
mod versions;

use gateway_feed::decoder::Decoder;
use gateway_feed::itch50::harness::Collector;
use gateway_feed::mdp3::{Mdp3Config, Mdp3Decoder};
use gateway_feed::record::{RTYPE_NATIVE, v3};
use gateway_feed::sink::{MessageContext, Output, Outputs};

/// 2018-09-15 15:00:00 UTC, when packets are received.
pub(crate) const RECEIVED: u64 = 1_537_023_600_000_000_000;

pub(crate) fn decoder() -> Mdp3Decoder {
    Mdp3Decoder::new(&Mdp3Config {
        channel_id: 7,
        ..Mdp3Config::default()
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

pub(crate) fn decode(decoder: &mut Mdp3Decoder, sink: &mut Collector, message: &[u8]) {
    let context = MessageContext {
        sequence: 5,
        ts_recv: RECEIVED,
    };
    decoder.message(&context, message, sink);
}

/// Bytes from hexadecimal digits; spaces are for the reader.
pub(crate) fn bytes(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}

/// A record of words as the struct.
pub(crate) fn view<T>(words: &[u64]) -> T {
    assert_eq!(size_of_val(words), size_of::<T>());
    // SAFETY: DBN's structs are integers without padding, and the words are as long.
    unsafe { words.as_ptr().cast::<T>().read() }
}

/// The full records as lines of text, the plain ones being the same.
pub(crate) fn lines(sink: &Collector) -> Vec<String> {
    let full = sink.records(Output::Full);
    assert_eq!(full, sink.records(Output::Plain), "every message says all");
    full.iter().map(|words| line(words)).collect()
}

fn line(words: &[u64]) -> String {
    match words[0].to_le_bytes()[1] {
        dbn::rtype::MBO => {
            let order: v3::MboMsg = view(words);
            assert_eq!((order.hd.publisher_id, order.channel_id), (1, 7));
            let flags: String = [
                (dbn::flags::LAST, 'L'),
                (dbn::flags::MBP, 'M'),
                (dbn::flags::PUBLISHER_SPECIFIC, 'p'),
                (dbn::flags::SNAPSHOT, 'S'),
                (dbn::flags::MAYBE_BAD_BOOK, '?'),
            ]
            .iter()
            .filter(|(flag, _)| order.flags.raw() & flag != 0)
            .map(|(_, letter)| *letter)
            .collect();
            let price = match order.price {
                dbn::UNDEF_PRICE => "-".to_owned(),
                price => price.to_string(),
            };
            let size = match order.size {
                dbn::UNDEF_ORDER_SIZE => "-".to_owned(),
                size => size.to_string(),
            };
            format!(
                "{} {} #{} order {:#x} {price} x {size} {flags}",
                order.action as u8 as char,
                order.side as u8 as char,
                order.hd.instrument_id,
                order.order_id,
            )
            .trim_end()
            .to_owned()
        }
        dbn::rtype::STATISTICS => {
            let statistic: v3::StatMsg = view(words);
            let number = |number: i64| match number {
                i64::MAX => "-".to_owned(),
                number => number.to_string(),
            };
            let day = match statistic.ts_ref {
                u64::MAX => String::new(),
                ts_ref => format!(" of day {}", ts_ref / 86_400_000_000_000),
            };
            format!(
                "stat {} #{} {} x {} action {} flags {}{day}",
                statistic.stat_type,
                statistic.hd.instrument_id,
                number(statistic.price),
                number(statistic.quantity),
                statistic.update_action,
                statistic.stat_flags,
            )
        }
        dbn::rtype::STATUS => {
            let status: v3::StatusMsg = view(words);
            format!(
                "status #{} action {} reason {} event {} trading {} quoting {}",
                status.hd.instrument_id,
                status.action,
                status.reason,
                status.trading_event,
                status.is_trading as u8 as char,
                status.is_quoting as u8 as char,
            )
        }
        dbn::rtype::INSTRUMENT_DEF => format!("definition #{}", words[0] >> 32),
        RTYPE_NATIVE => format!("native #{}", words[0] >> 32),
        other => format!("rtype {other:#x}"),
    }
}
