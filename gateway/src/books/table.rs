//! The table of all books: an entry for each, written once its message is complete.
//!
//! An entry's index is its book's slot. What changes within a batch of records is written once, at the batch's end: the
//! books that it touched, as they are then.

use gateway_book::{Applied, Book, BookSide, Books, Subject, Validity};
use gateway_feed::record::book::{
    BookEntry, BookState, BookSymbol, LEVELS, LastTrade, Level, SCHEMA_ID, SCHEMA_VERSION,
    TradingStatus,
};
use gateway_queue::QueueError;
use gateway_queue::table::{TableHandle, TableOptions, TableWriter};

/// A book whose message is not complete after so many further records is shown as it is: its last record was left out
/// of the queue.
const INCOMPLETE_RECORDS_MAX: u64 = 1_024;

/// What the table needs to know of an instrument beside its book.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    symbol: BookSymbol,
    received_ns: u64,
    /// Whether it is among the touched.
    touched: bool,
    renamed: bool,
}

/// Writes a table.
#[derive(Debug)]
pub struct BookWriter {
    writer: TableWriter,
    options: TableOptions,
    known: Vec<Known>,
    /// Slots whose books changed since they were written.
    touched: Vec<u32>,
}

impl BookWriter {
    /// Makes a table of books for `queue`; memory for what it will ever need is taken now.
    ///
    /// # Errors
    /// The kernel refuses memory.
    pub fn create(
        name: &str,
        queue: &str,
        instruments_max: u32,
    ) -> Result<(Self, TableHandle), QueueError> {
        let options = TableOptions {
            name: name.to_owned(),
            source: queue.to_owned(),
            entries_max: instruments_max,
            schema_id: SCHEMA_ID,
            schema_version: SCHEMA_VERSION,
            ..TableOptions::default()
        };
        let (writer, handle) = TableWriter::create(&options)?;
        let table = Self {
            writer,
            options,
            known: vec![Known::default(); instruments_max as usize],
            touched: Vec::with_capacity(instruments_max as usize),
        };
        Ok((table, handle))
    }

    /// Takes note of a record; `received_ns` is when the gateway received it. Calls `changed` for each book that it
    /// concerns.
    #[inline]
    pub fn note(
        &mut self,
        books: &Books,
        applied: &Applied,
        received_ns: u64,
        mut changed: impl FnMut(u32),
    ) {
        match applied.subject {
            Subject::Nobody => {}
            Subject::Instrument { slot, .. } => {
                self.touch(slot, received_ns);
                changed(slot);
                if let Some(other) = applied.also {
                    self.touch(other, received_ns);
                    changed(other);
                }
            }
            Subject::Channel(_) | Subject::All => {
                for book in books.instruments() {
                    let concerned = match applied.subject {
                        Subject::Channel(channel) => book.channel() == channel,
                        _ => true,
                    };
                    if concerned {
                        self.touch(book.slot(), received_ns);
                        changed(book.slot());
                    }
                }
            }
        }
    }

    #[inline]
    fn touch(&mut self, slot: u32, received_ns: u64) {
        let Some(known) = self.known.get_mut(slot as usize) else {
            return;
        };
        if received_ns != 0 {
            known.received_ns = received_ns;
        }
        if !known.touched {
            known.touched = true;
            self.touched.push(slot);
        }
    }

    /// Takes note of an instrument's symbol. `false` where it is too long.
    pub fn name(&mut self, slot: u32, symbol: &str) -> bool {
        let Some(symbol) = BookSymbol::new(symbol) else {
            return false;
        };
        let Some(known) = self.known.get_mut(slot as usize) else {
            return true;
        };
        if known.symbol != symbol {
            known.symbol = symbol;
            known.renamed = true;
            self.touch(slot, 0);
        }
        true
    }

    /// The slot of the instrument of that symbol.
    #[must_use]
    pub fn find(&self, books: &Books, symbol: &str) -> Option<u32> {
        let symbol = BookSymbol::new(symbol).filter(|symbol| *symbol != BookSymbol::default())?;
        let known = &self.known[..books.instruments().len()];
        let found = known.iter().position(|known| known.symbol == symbol)?;
        u32::try_from(found).ok()
    }

    /// Writes what changed. `position` is the next slot of the queue to be read: all below it is applied.
    pub fn flush(&mut self, books: &Books, position: u64) {
        // Entries are added in the order of their slots, which their indices are.
        while let Some(book) = books.slot(self.writer.entries()) {
            let words = self.entry(books, book).words();
            if !can_be_shown(books, book) || self.writer.add(&words).is_none() {
                break;
            }
        }
        let mut touched = std::mem::take(&mut self.touched);
        touched.retain(|&slot| {
            let book = books.slot(slot);
            let Some(book) = book.filter(|book| can_be_shown(books, *book)) else {
                return true;
            };
            if slot >= self.writer.entries() {
                return true;
            }
            let words = self.entry(books, book).words();
            let known = &mut self.known[slot as usize];
            known.touched = false;
            if std::mem::take(&mut known.renamed) {
                self.writer.rename(slot, &words);
            } else {
                self.writer.store(slot, &words);
            }
            false
        });
        self.touched = touched;
        if self.touched.is_empty() {
            self.writer.set_applied(position);
        }
    }

    /// Whether every book is shown as it is: no message is applied half.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.touched.is_empty()
    }

    /// Says that the builder is alive.
    pub fn heartbeat(&mut self, now_ns: u64) {
        self.writer.heartbeat(now_ns);
    }

    /// Makes a table with the same entries and has this one write to that; the old one is returned, to be ended.
    ///
    /// # Errors
    /// The kernel refuses memory; nothing changed then.
    pub fn rotate(
        &mut self,
        books: &Books,
        position: u64,
    ) -> Result<(TableWriter, TableHandle), QueueError> {
        let (writer, handle) = TableWriter::create(&self.options)?;
        let old = std::mem::replace(&mut self.writer, writer);
        self.flush(books, position);
        Ok((old, handle))
    }

    fn entry(&self, books: &Books, book: Book<'_>) -> BookEntry {
        let known = &self.known[book.slot() as usize];
        let (state, state_since) = worth(book.validity());
        let status = book.status();
        BookEntry {
            position: books.sequence() + 1,
            instrument_id: book.id().0,
            state,
            state_since,
            ts_event: book.ts_event(),
            ts_recv: known.received_ns,
            sequence: book.venue_sequence(),
            levels: book.top::<LEVELS>().each_ref().map(Level::from),
            bid_levels: book.levels_len(BookSide::Bid),
            ask_levels: book.levels_len(BookSide::Ask),
            last_trade: book.last_trade().map(|trade| LastTrade {
                price: trade.price,
                size: trade.size,
                side: match trade.aggressor {
                    Some(BookSide::Bid) => b'B',
                    Some(BookSide::Ask) => b'A',
                    None => b'N',
                },
                ts_event: trade.ts_event,
            }),
            status: (status.ts_event != 0).then_some(TradingStatus {
                action: status.action,
                reason: status.reason,
                is_trading: status.is_trading,
                is_quoting: status.is_quoting,
                is_short_sell_restricted: status.is_short_sell_restricted,
                ts_event: status.ts_event,
            }),
            symbol: known.symbol,
        }
    }
}

/// Whether a book is what it is after a message, as far as is known.
fn can_be_shown(books: &Books, book: Book<'_>) -> bool {
    let since = books.sequence().saturating_sub(book.sequence());
    book.is_complete() || since >= INCOMPLETE_RECORDS_MAX
}

/// What a book is worth, as the table says it.
#[must_use]
pub fn worth(validity: Validity) -> (BookState, u64) {
    match validity {
        Validity::Valid { since } => (BookState::Valid, since),
        Validity::Invalid { reason, since } => (BookState::from_number(reason as u8), since),
    }
}

#[cfg(test)]
mod tests {
    use gateway_book::Reason;

    use super::*;

    #[test]
    fn the_reasons_of_the_books_are_those_of_the_table() {
        for reason in Reason::ALL {
            let (state, since) = worth(Validity::Invalid { reason, since: 7 });
            assert_eq!((state.name(), since), (reason.name(), 7));
        }
        let valid = worth(Validity::Valid { since: 8 });
        assert_eq!(valid, (BookState::Valid, 8));
        assert_eq!(BookState::ALL.len(), Reason::ALL.len() + 1);
    }
}
