//! Order books: what rests at the venue, built from the records of a `full` queue.
//!
//! [`Books`] takes the records of one publisher, one by one ([`Books::apply`]) or in batches ([`Books::apply_batch`],
//! several times as fast), and keeps a book for each instrument: all price levels, all orders, the last trade, the
//! trading status, and whether the book can be trusted. [`Applied`] says what a record changed; [`Book`] is the view of
//! one instrument. There is no I/O and no clock, and no memory is taken or freed after construction.
//!
//! ```
//! use gateway_book::{BookSide, Books, BooksOptions};
//! use gateway_book::record::{InstrumentId, MboEvent};
//! use dbn::{Action, Side};
//!
//! let mut books = Books::new(&BooksOptions { orders_max: 1_000, levels_max: 1_000, ..BooksOptions::default() })?;
//! let event = MboEvent::new(MboEvent::head(2), MboEvent::channel(0), InstrumentId(13), 0, 0, 1);
//! let add = event.record(Action::Add, Side::Bid, 42, 99_500_000_000, 100, dbn::flags::LAST);
//! let applied = books.apply(&add, 0);
//! assert!(applied.complete);
//! let book = books.instrument(InstrumentId(13)).expect("it was heard of");
//! assert_eq!(book.best(BookSide::Bid).map(|level| level.price), Some(99_500_000_000));
//! assert!(!book.validity().is_valid(), "nobody knows what rested before");
//! # Ok::<(), gateway_book::BooksError>(())
//! ```
//!
//! # What is done with what should not be
//!
//! Any record in any order is defined, counted ([`BookCounters`]) and never a panic; what may have made a book wrong
//! makes it invalid ([`Validity`]) until it begins anew.
//!
//! | what | book | counted as | makes invalid |
//! |---|---|---|---|
//! | reader came after the session's first message | empty | | `LateStart`, or `NeverBegun` if it never saw a start |
//! | messages lost (Gap), records lost ([`Books::lost`]) | as it was | `gaps`, `losses` | all of the channel: `Gap`; all: `Lapped` |
//! | record flagged `F_MAYBE_BAD_BOOK` | applied | | `Flagged` |
//! | Cancel of an order that is not known, or is another instrument's | as it was | `unknown_orders` | `UnknownOrder` |
//! | Modify of such an order | the order is added | `unknown_orders` | `UnknownOrder` |
//! | Cancel that names another side or price | the order's own count | `contradictions` | `Contradiction` |
//! | Cancel without side, price or size of an order that is known | applied; without a size the whole order | | |
//! | Cancel of more than is left | the order is gone | `overdrawn` | no: the feed's decoder counts it likewise |
//! | Add under the reference of an order that rests | the older order is gone | `duplicate_orders` | both books: `DuplicateOrder` |
//! | Add or Modify without side, price or size, or of size 0 | as it was | `incomplete` | `IncompleteRecord` |
//! | no place for an order or level | as it was | `orders_overflowed`, `levels_overflowed` | `Overflow` |
//! | no place for an instrument | none | `instruments_overflowed` | |
//! | best bid above best ask when a message is complete, while the status says that it trades | as it is | `crossed` | `Crossed` |
//! | an instrument is told of in another channel than before | as it was | | `NeverBegun` |
//! | locked, or crossed while the status says otherwise or nothing (auctions) | as it is | | no: [`Book::is_locked`], [`Book::is_crossed`] |
//! | halt, pause, quoting only | as it is; orders may be cancelled | | no |
//! | wrong length, unknown action | as it was | `malformed` | |
//! | record of another publisher | as it was | `foreign` | |
//!
//! A book begins anew, empty and valid, with a Clear; with a session whose first message is seen, or a restart of its
//! numbers; and with a snapshot, once that is complete: of the channel ([`SnapshotEnd`]) or of the instrument (Clear and
//! Adds flagged `F_SNAPSHOT`, the last `F_LAST`). A Clear behind a late start is no beginning: it tells of the session
//! before.
//!
//! [`SnapshotEnd`]: gateway_record::ControlKind::SnapshotEnd

mod actions;
mod applied;
mod batch;
mod book;
mod books;
mod channels;
mod control;
mod counters;
mod effect;
#[cfg(any(test, feature = "harness"))]
pub mod harness;
mod instruments;
mod levels;
mod mbo;
mod memory;
mod options;
mod orders;
mod scan;
mod side;
mod snapshot;
mod trust;
mod usual;
mod validity;
mod vectors;

pub use applied::{Applied, Change, Subject};
pub use batch::{BATCH_RECORDS, Batch};
pub use book::{Book, Level};
pub use books::Books;
pub use counters::BookCounters;
pub use gateway_record as record;
pub use instruments::{LastTrade, TradingStatus};
pub use options::{BooksError, BooksOptions, INSTRUMENTS_MAX, LEVELS_MAX, ORDERS_MAX};
pub use scan::{OrderScan, ScannedOrders};
pub use side::BookSide;
pub use snapshot::words;
pub use validity::{Reason, Validity};
