//! Book tables: best prices and levels of any instrument, as they are now.

use std::ffi::c_char;

use client::{BookError, BookTable, Instrument};

use crate::arguments::{exclusive, hand_out, reference, take_back, text};
use crate::book::{gateway_best, gateway_book};
use crate::connection::gateway_client;
use crate::status::{Failure, gateway_status, guard, guarded};
use crate::subscription::{gateway_checkpoint, gateway_health};

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

/// How many entries the table has, each of which is an instrument's; 0 where `books` is null.
///
/// # Safety
/// `books` is null or an open table that nobody else uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_books_count(books: *const gateway_books) -> usize {
    // SAFETY: the caller's promise.
    guarded(|| Ok(unsafe { reference(books, "books")? }.inner.entries() as usize)).unwrap_or(0)
}

/// The instrument of an entry, by its index from 0 on. Fails as `gateway_books_find`.
///
/// # Safety
/// `books` is an open table that nobody else uses and `instrument` may be written; each may be null, which is refused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_books_at(
    books: *const gateway_books,
    index: usize,
    instrument: *mut gateway_instrument,
) -> gateway_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (books, instrument) = unsafe {
            (
                reference(books, "books")?,
                exclusive(instrument, "instrument")?,
            )
        };
        let entry = u32::try_from(index).ok();
        let at = entry.and_then(|entry| books.inner.instrument(entry));
        *instrument = found(at, &format!("at index {index}"))?;
        Ok(())
    })
}

/// The place in the queue where a reader goes on that reads books now, by `start_run` and `start_position` of its options:
/// every book that is read after this call has all records below it, and tells by its `position` how much more it has.
///
/// # Safety
/// `books` is an open table that nobody else uses and `checkpoint` may be written; each may be null, which is refused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_books_checkpoint(
    books: *const gateway_books,
    checkpoint: *mut gateway_checkpoint,
) -> gateway_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (books, checkpoint) = unsafe {
            (
                reference(books, "books")?,
                exclusive(checkpoint, "checkpoint")?,
            )
        };
        *checkpoint = books.inner.checkpoint().into();
        Ok(())
    })
}

/// The builder's signs of life: its heartbeat is written every 10 ms, and one that is older than 100 ms is that of a builder
/// that is stuck. `live` is false once an error said that the table ended.
///
/// # Safety
/// `books` is an open table that nobody else uses and `health` may be written; each may be null, which is refused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_books_health(
    books: *const gateway_books,
    health: *mut gateway_health,
) -> gateway_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (books, health) = unsafe { (reference(books, "books")?, exclusive(health, "health")?) };
        *health = gateway_health {
            heartbeat_ns: books.inner.health().heartbeat_ns,
            live: books.inner.closed().is_none(),
        };
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

#[cfg(test)]
mod tests {
    use super::*;

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
