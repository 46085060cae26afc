//! A book as a row of an array.

use std::mem::offset_of;

use gateway_client::{BookEntry, Level};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::record::{Field, level_columns, make_dtype};

/// A book without anything optional: what there is none of is 0, or the letter that says so.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct BookRow {
    position: u64,
    state_since: u64,
    ts_event: u64,
    ts_recv: u64,
    last_trade_price: i64,
    last_trade_ts_event: u64,
    status_ts_event: u64,
    levels: [Level; 10],
    instrument_id: u32,
    sequence: u32,
    bid_levels: u32,
    ask_levels: u32,
    last_trade_size: u32,
    status_action: u16,
    status_reason: u16,
    last_trade_side: u8,
    is_trading: u8,
    is_quoting: u8,
    is_short_sell_restricted: u8,
    state: [u8; 20],
    symbol: [u8; 32],
}

// No padding, so that every byte of a row is written.
const _: () = assert!(size_of::<BookRow>() == 7 * 8 + 10 * 32 + 5 * 4 + 2 * 2 + 4 + 20 + 32);
const _: () = assert!(size_of::<Level>() == 32);

impl From<&BookEntry> for BookRow {
    fn from(book: &BookEntry) -> Self {
        let (trade, status) = (book.last_trade, book.status);
        Self {
            position: book.position,
            state_since: book.state_since,
            ts_event: book.ts_event,
            ts_recv: book.ts_recv,
            last_trade_price: trade.map_or(0, |trade| trade.price),
            last_trade_ts_event: trade.map_or(0, |trade| trade.ts_event),
            status_ts_event: status.map_or(0, |status| status.ts_event),
            levels: book.levels,
            instrument_id: book.instrument_id,
            sequence: book.sequence,
            bid_levels: book.bid_levels,
            ask_levels: book.ask_levels,
            last_trade_size: trade.map_or(0, |trade| trade.size),
            status_action: status.map_or(0, |status| status.action),
            status_reason: status.map_or(0, |status| status.reason),
            last_trade_side: trade.map_or(b'N', |trade| trade.side),
            is_trading: status.map_or(b'~', |status| status.is_trading),
            is_quoting: status.map_or(b'~', |status| status.is_quoting),
            is_short_sell_restricted: status.map_or(b'~', |status| status.is_short_sell_restricted),
            state: padded(book.state.name()),
            symbol: padded(book.symbol.as_str()),
        }
    }
}

/// A text as NumPy has it: zeros behind it, and cut where it is longer.
fn padded<const N: usize>(text: &str) -> [u8; N] {
    let mut bytes = [0; N];
    for (place, byte) in bytes.iter_mut().zip(text.bytes()) {
        *place = byte;
    }
    bytes
}

impl BookRow {
    /// The bytes of rows.
    pub(crate) fn bytes(rows: &[Self]) -> &[u8] {
        // SAFETY: every byte of rows without padding is initialised.
        unsafe { std::slice::from_raw_parts(rows.as_ptr().cast(), size_of_val(rows)) }
    }

    /// The NumPy type of a row.
    pub(crate) fn dtype(py: Python<'_>) -> PyResult<Py<PyAny>> {
        static DTYPE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let make = || make_dtype(py, Self::fields(), size_of::<Self>());
        Ok(DTYPE.get_or_try_init(py, make)?.clone_ref(py))
    }

    fn fields() -> Vec<Field> {
        let field = |(name, code, offset): (&'static str, &str, usize)| Field {
            name: name.into(),
            code: code.to_owned(),
            offset,
        };
        let mut fields = [
            ("position", "u8", offset_of!(Self, position)),
            ("state_since", "u8", offset_of!(Self, state_since)),
            ("ts_event", "u8", offset_of!(Self, ts_event)),
            ("ts_recv", "u8", offset_of!(Self, ts_recv)),
            ("last_trade_price", "i8", offset_of!(Self, last_trade_price)),
            (
                "last_trade_ts_event",
                "u8",
                offset_of!(Self, last_trade_ts_event),
            ),
            ("status_ts_event", "u8", offset_of!(Self, status_ts_event)),
            ("instrument_id", "u4", offset_of!(Self, instrument_id)),
            ("sequence", "u4", offset_of!(Self, sequence)),
            ("bid_levels", "u4", offset_of!(Self, bid_levels)),
            ("ask_levels", "u4", offset_of!(Self, ask_levels)),
            ("last_trade_size", "u4", offset_of!(Self, last_trade_size)),
            ("status_action", "u2", offset_of!(Self, status_action)),
            ("status_reason", "u2", offset_of!(Self, status_reason)),
            ("last_trade_side", "S1", offset_of!(Self, last_trade_side)),
            ("is_trading", "S1", offset_of!(Self, is_trading)),
            ("is_quoting", "S1", offset_of!(Self, is_quoting)),
            (
                "is_short_sell_restricted",
                "S1",
                offset_of!(Self, is_short_sell_restricted),
            ),
            ("state", "S20", offset_of!(Self, state)),
            ("symbol", "S32", offset_of!(Self, symbol)),
        ]
        .map(field)
        .to_vec();
        fields.extend(level_columns(10, offset_of!(Self, levels)));
        fields
    }
}
