//! Books as C structs: best prices, levels, last trade and status of an instrument.

use std::ffi::c_char;

use client::dbn::BidAskPair;
use client::{BookBest, BookEntry, Level};

use crate::record::mirrors;

/// A price level of both sides: DBN's `BidAskPair`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gateway_level {
    /// Bid price in units of 1e-9; `INT64_MAX` where there is no such level.
    pub bid_px: i64,
    /// Ask price, likewise.
    pub ask_px: i64,
    /// Size bid.
    pub bid_sz: u32,
    /// Size offered.
    pub ask_sz: u32,
    /// Orders that bid.
    pub bid_ct: u32,
    /// Orders that offer.
    pub ask_ct: u32,
}

mirrors!(
    gateway_level = BidAskPair {
        bid_px,
        ask_px,
        bid_sz,
        ask_sz,
        bid_ct,
        ask_ct
    }
);

/// Best bid and ask of an instrument.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gateway_best {
    /// Records of the queue below this position are in it.
    pub position: u64,
    /// When the venue changed it last, in nanoseconds since the Unix epoch; 0 before the first time.
    pub ts_event: u64,
    /// The best prices.
    pub level: gateway_level,
    /// The instrument.
    pub instrument_id: u32,
    /// 0 where it shows what rests at the venue; otherwise the number of a reason, see `gateway_book_state_name`.
    pub state: u32,
}

/// An instrument's book.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gateway_book {
    /// Records of the queue below this position are in it.
    pub position: u64,
    /// The position at which `state` began.
    pub state_since: u64,
    /// When the venue changed it last, in nanoseconds since the Unix epoch; 0 before the first time.
    pub ts_event: u64,
    /// When the gateway received that.
    pub ts_recv: u64,
    /// Ten levels, best first.
    pub levels: [gateway_level; 10],
    /// Price of the last trade in units of 1e-9; meaningless where its size is 0.
    pub last_trade_price: i64,
    /// Time of the last trade.
    pub last_trade_ts_event: u64,
    /// Time of the last status; 0 where there was none.
    pub status_ts_event: u64,
    /// The instrument.
    pub instrument_id: u32,
    /// As in `gateway_best`.
    pub state: u32,
    /// Levels of the bid side, those beyond ten too.
    pub bid_levels: u32,
    /// Levels of the ask side, those beyond ten too.
    pub ask_levels: u32,
    /// Size of the last trade; 0 where there was none.
    pub last_trade_size: u32,
    /// The lower 32 bits of the channel's sequence.
    pub sequence: u32,
    /// DBN's `StatusAction` of the last status.
    pub status_action: u16,
    /// DBN's `StatusReason` of the last status.
    pub status_reason: u16,
    /// The side that initiated the last trade: `'A'`, `'B'` or `'N'`.
    pub last_trade_side: c_char,
    /// Whether it trades: `'Y'`, `'N'` or `'~'`.
    pub is_trading: c_char,
    /// Whether it is quoted: `'Y'`, `'N'` or `'~'`.
    pub is_quoting: c_char,
    /// The symbol, up to 32 bytes, terminated by zero; empty while it is not known.
    pub symbol: [c_char; 33],
}

impl From<Level> for gateway_level {
    fn from(level: Level) -> Self {
        Self {
            bid_px: level.bid_px,
            ask_px: level.ask_px,
            bid_sz: level.bid_sz,
            ask_sz: level.ask_sz,
            bid_ct: level.bid_ct,
            ask_ct: level.ask_ct,
        }
    }
}

impl From<BookBest> for gateway_best {
    fn from(best: BookBest) -> Self {
        Self {
            position: best.position,
            ts_event: best.ts_event,
            level: best.best.into(),
            instrument_id: best.instrument_id,
            state: best.state.number().into(),
        }
    }
}

impl From<BookEntry> for gateway_book {
    fn from(book: BookEntry) -> Self {
        let letter = |byte: u8| byte as c_char;
        let mut symbol = [0; 33];
        for (place, byte) in symbol.iter_mut().zip(book.symbol.as_str().bytes()) {
            *place = letter(byte);
        }
        let (trade, status) = (book.last_trade, book.status);
        Self {
            position: book.position,
            state_since: book.state_since,
            ts_event: book.ts_event,
            ts_recv: book.ts_recv,
            levels: book.levels.map(Into::into),
            last_trade_price: trade.map_or(0, |trade| trade.price),
            last_trade_ts_event: trade.map_or(0, |trade| trade.ts_event),
            status_ts_event: status.map_or(0, |status| status.ts_event),
            instrument_id: book.instrument_id,
            state: book.state.number().into(),
            bid_levels: book.bid_levels,
            ask_levels: book.ask_levels,
            last_trade_size: trade.map_or(0, |trade| trade.size),
            sequence: book.sequence,
            status_action: status.map_or(0, |status| status.action),
            status_reason: status.map_or(0, |status| status.reason),
            last_trade_side: letter(trade.map_or(b'N', |trade| trade.side)),
            is_trading: letter(status.map_or(b'~', |status| status.is_trading)),
            is_quoting: letter(status.map_or(b'~', |status| status.is_quoting)),
            symbol,
        }
    }
}

/// A word for the `state` of a book: `valid`, or why it cannot be trusted.
#[unsafe(no_mangle)]
pub extern "C" fn gateway_book_state_name(state: u32) -> *const c_char {
    let name = match state {
        0 => c"valid",
        1 => c"never_begun",
        2 => c"late_start",
        3 => c"gap",
        4 => c"lapped",
        5 => c"flagged",
        6 => c"snapshot",
        7 => c"unknown_order",
        8 => c"duplicate_order",
        9 => c"incomplete_record",
        10 => c"overflow",
        11 => c"crossed",
        12 => c"contradiction",
        _ => c"other",
    };
    name.as_ptr()
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use client::{BookState, BookSymbol};

    use super::*;

    #[test]
    fn the_names_of_states_are_those_of_the_rust_client() {
        for number in 0..=u8::MAX {
            // SAFETY: a literal.
            let name = unsafe { CStr::from_ptr(gateway_book_state_name(number.into())) };
            let expected = BookState::from_number(number).name();
            assert_eq!(name.to_str(), Ok(expected));
        }
    }

    #[test]
    fn a_book_keeps_its_values() {
        let mut entry = BookEntry {
            position: 5,
            state: BookState::Gap,
            ..BookEntry::unknown(7)
        };
        entry.levels[9].ask_sz = 11;
        entry.symbol = BookSymbol::new(&"X".repeat(32)).unwrap_or_default();
        let book = gateway_book::from(entry);
        assert_eq!((book.position, book.state, book.instrument_id), (5, 3, 7));
        assert_eq!(book.levels[9].ask_sz, 11);
        assert_eq!((book.symbol[31], book.symbol[32]), (b'X' as c_char, 0));
        assert_eq!((book.last_trade_size, book.status_ts_event), (0, 0));
    }
}
