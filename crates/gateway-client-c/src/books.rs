//! Book tables: best prices and levels of any instrument, as they are now.

use std::ffi::c_char;

use client::{BookBest, BookEntry, BookError, BookTable, Instrument, Level};

use crate::arguments::{exclusive, hand_out, reference, take_back, text};
use crate::connection::gateway_client;
use crate::status::{Failure, gateway_status, guard};

/// A book table that is read. One thread at a time may use it.
pub struct gateway_books {
    inner: BookTable,
}

/// An instrument's place in one table; found by `gateway_books_find`. Look for it again after a restart of the gateway.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gateway_instrument {
    /// The instrument, as records name it.
    pub id: u32,
    /// Its entry in the table.
    pub entry: u32,
}

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

fn failure(error: BookError) -> Failure {
    let status = match error {
        BookError::Closed(_) => gateway_status::GATEWAY_ERROR_CLOSED,
        BookError::NoInstrument => gateway_status::GATEWAY_ERROR_UNKNOWN_INSTRUMENT,
        BookError::Contended => gateway_status::GATEWAY_ERROR_AGAIN,
    };
    Failure::of(status, error.to_string())
}

fn found(instrument: Option<Instrument>, what: &str) -> Result<gateway_instrument, Failure> {
    let instrument = instrument.ok_or_else(|| {
        let status = gateway_status::GATEWAY_ERROR_UNKNOWN_INSTRUMENT;
        Failure::of(
            status,
            format!("the table has no instrument {what}, or it was not announced yet"),
        )
    })?;
    Ok(gateway_instrument {
        id: instrument.id,
        entry: instrument.entry(),
    })
}

impl From<gateway_instrument> for Instrument {
    fn from(instrument: gateway_instrument) -> Self {
        Self::new(instrument.entry, instrument.id)
    }
}

/// Begins to read the table of `book` under the name `reader`. `*books` is the table, or null after a failure; end it
/// with `gateway_books_close`.
///
/// Fails as `gateway_subscribe`, with `GATEWAY_ERROR_UNKNOWN_BOOK` where there is no such book.
///
/// # Safety
/// `client` is an open connection, `book` and `reader` are zero-terminated texts and `books` may be written; each may be
/// null, which is refused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_books_open(
    client: *const gateway_client,
    book: *const c_char,
    reader: *const c_char,
    books: *mut *mut gateway_books,
) -> gateway_status {
    guard(|| {
        // SAFETY: the caller's promise.
        unsafe {
            hand_out(books, "books", || {
                let client = reference(client, "client")?;
                let inner = client
                    .inner
                    .books(text(book, "book")?, text(reader, "reader")?)?;
                Ok(gateway_books { inner })
            })
        }
    })
}

/// Ends a table's reader; null is nothing.
///
/// # Safety
/// `books` is null or came from `gateway_books_open`, and nobody uses it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_books_close(books: *mut gateway_books) {
    let _ = guard(|| {
        // SAFETY: the caller's promise.
        unsafe { take_back(books) };
        Ok(())
    });
}

/// Opens the table of the same name again, after `GATEWAY_ERROR_CLOSED`. Instruments found before are of another table.
///
/// Fails as `gateway_books_open`; the table is unchanged then.
///
/// # Safety
/// `books` is an open table that nobody else uses, or null, which is refused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_books_reattach(books: *mut gateway_books) -> gateway_status {
    guard(|| {
        // SAFETY: the caller's promise.
        unsafe { exclusive(books, "books")? }.inner.reattach()?;
        Ok(())
    })
}

/// Finds the instrument of that symbol. Fails with `GATEWAY_ERROR_UNKNOWN_INSTRUMENT` where it was not announced yet.
///
/// # Safety
/// `books` is an open table that nobody else uses, `symbol` a zero-terminated text and `instrument` may be written; each
/// may be null, which is refused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_books_find(
    books: *mut gateway_books,
    symbol: *const c_char,
    instrument: *mut gateway_instrument,
) -> gateway_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (books, symbol, instrument) = unsafe {
            (
                exclusive(books, "books")?,
                text(symbol, "symbol")?,
                exclusive(instrument, "instrument")?,
            )
        };
        *instrument = found(books.inner.find(symbol), symbol)?;
        Ok(())
    })
}

/// Finds the instrument that records name so. Fails as `gateway_books_find`.
///
/// # Safety
/// `books` is an open table that nobody else uses and `instrument` may be written; each may be null, which is refused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_books_find_id(
    books: *mut gateway_books,
    id: u32,
    instrument: *mut gateway_instrument,
) -> gateway_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (books, instrument) = unsafe {
            (
                exclusive(books, "books")?,
                exclusive(instrument, "instrument")?,
            )
        };
        *instrument = found(books.inner.find_id(id), &id.to_string())?;
        Ok(())
    })
}

/// Copies an instrument's best bid and ask: whole, of one moment.
///
/// Fails with `GATEWAY_ERROR_CLOSED` where the table ended, `GATEWAY_ERROR_UNKNOWN_INSTRUMENT` where the instrument is of
/// another table, `GATEWAY_ERROR_AGAIN` where it was replaced during every attempt; `*best` is unchanged then.
///
/// # Safety
/// `books` is an open table that nobody else uses and `best` may be written; each may be null, which is refused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_books_best(
    books: *mut gateway_books,
    instrument: gateway_instrument,
    best: *mut gateway_best,
) -> gateway_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (books, best) = unsafe { (exclusive(books, "books")?, exclusive(best, "best")?) };
        *best = books.inner.best(instrument.into()).map_err(failure)?.into();
        Ok(())
    })
}

/// Copies an instrument's book: whole, of one moment. Fails as `gateway_books_best`.
///
/// # Safety
/// `books` is an open table that nobody else uses and `book` may be written; each may be null, which is refused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_books_read(
    books: *mut gateway_books,
    instrument: gateway_instrument,
    book: *mut gateway_book,
) -> gateway_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (books, book) = unsafe { (exclusive(books, "books")?, exclusive(book, "book")?) };
        *book = books.inner.read(instrument.into()).map_err(failure)?.into();
        Ok(())
    })
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

    #[test]
    fn nulls_are_refused() {
        let null = std::ptr::null_mut();
        let instrument = gateway_instrument { id: 1, entry: 0 };
        // SAFETY: nulls are allowed.
        unsafe {
            let refused = gateway_status::GATEWAY_ERROR_ARGUMENT;
            let mut books = null;
            let name = c"books".as_ptr();
            let client = std::ptr::null();
            assert_eq!(
                gateway_books_open(client, name, name, &raw mut books),
                refused
            );
            let mut best = std::mem::zeroed();
            assert_eq!(gateway_books_best(null, instrument, &raw mut best), refused);
            gateway_books_close(null);
        }
    }
}
