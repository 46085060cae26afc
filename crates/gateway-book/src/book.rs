//! The book of one instrument, to look at.

use std::fmt;

use dbn::{BidAskPair, UNDEF_PRICE};
use gateway_record::InstrumentId;

use crate::books::Books;
use crate::instruments::{Instrument, LastTrade, TradingStatus, state};
use crate::levels::Seen;
use crate::side::BookSide;
use crate::validity::Validity;

/// All that rests at one price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// In units of 1e-9.
    pub price: i64,
    /// Of all orders together.
    pub size: u64,
    /// How many orders.
    pub orders: u32,
}

/// The book of one instrument as it is after the last record that was applied.
#[derive(Clone, Copy)]
pub struct Book<'a> {
    books: &'a Books,
    slot: u32,
}

impl<'a> Book<'a> {
    pub(crate) const fn new(books: &'a Books, slot: u32) -> Self {
        Self { books, slot }
    }

    fn state(&self) -> &'a Instrument {
        self.books.instruments.get(self.slot)
    }

    /// The instrument.
    #[must_use]
    pub fn id(&self) -> InstrumentId {
        InstrumentId(self.state().id)
    }

    /// The place of the book among all of these [`Books`], from 0 on, which it keeps: for arrays beside them.
    #[must_use]
    pub const fn slot(&self) -> u32 {
        self.slot
    }

    /// The channel that the instrument's last order record came from.
    #[must_use]
    pub fn channel(&self) -> u8 {
        self.state().channel
    }

    /// Whether the book can be trusted.
    #[must_use]
    pub fn validity(&self) -> Validity {
        self.books.validity_of(self.state())
    }

    /// The position in the queue of the last record about the instrument.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.state().sequence
    }

    /// The low 32 bits of the venue's number of the last message about the instrument's orders.
    #[must_use]
    pub fn venue_sequence(&self) -> u32 {
        self.state().venue_sequence
    }

    /// The venue's time of the last record about the instrument's orders; nanoseconds since the Unix epoch.
    #[must_use]
    pub fn ts_event(&self) -> u64 {
        self.state().ts_event
    }

    /// Whether the last record was the last of its message: between the records of one the book is neither what it was
    /// before the message nor what it is after it.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.state().state & state::INCOMPLETE == 0
    }

    /// The best level of a side.
    #[must_use]
    pub fn best(&self, side: BookSide) -> Option<Level> {
        let best = self.books.levels.best(&self.state().sides[side as usize]);
        best.map(|seen| Level::new(side, seen))
    }

    /// All levels of a side, best first.
    pub fn levels(&self, side: BookSide) -> impl Iterator<Item = Level> + Clone + use<'a> {
        let levels = self.books.levels.levels(&self.state().sides[side as usize]);
        levels.map(move |seen| Level::new(side, seen))
    }

    /// How many levels a side has.
    #[must_use]
    pub fn levels_len(&self, side: BookSide) -> u32 {
        self.state().sides[side as usize].len()
    }

    /// The `N` best levels of both sides as DBN has them: without a level the price is undefined and all else 0. Sizes
    /// end at 4,294,967,294.
    #[must_use]
    pub fn top<const N: usize>(&self) -> [BidAskPair; N] {
        let mut pairs = [const { EMPTY_PAIR }; N];
        for (pair, level) in pairs.iter_mut().zip(self.levels(BookSide::Bid)) {
            (pair.bid_px, pair.bid_sz, pair.bid_ct) = level.as_dbn();
        }
        for (pair, level) in pairs.iter_mut().zip(self.levels(BookSide::Ask)) {
            (pair.ask_px, pair.ask_sz, pair.ask_ct) = level.as_dbn();
        }
        pairs
    }

    /// Whether the best bid is above the best ask.
    #[must_use]
    pub fn is_crossed(&self) -> bool {
        self.touch().is_some_and(|(bid, ask)| bid > ask)
    }

    /// Whether the best bid is the best ask.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.touch().is_some_and(|(bid, ask)| bid == ask)
    }

    fn touch(&self) -> Option<(i64, i64)> {
        self.best(BookSide::Bid)
            .zip(self.best(BookSide::Ask))
            .map(|(bid, ask)| (bid.price, ask.price))
    }

    /// The last trade of the session.
    #[must_use]
    pub fn last_trade(&self) -> Option<LastTrade> {
        self.state().last_trade()
    }

    /// What the venue said last about trading.
    #[must_use]
    pub fn status(&self) -> TradingStatus {
        self.state().status()
    }
}

/// A pair of levels that are not there.
const EMPTY_PAIR: BidAskPair = BidAskPair {
    bid_px: UNDEF_PRICE,
    ask_px: UNDEF_PRICE,
    bid_sz: 0,
    ask_sz: 0,
    bid_ct: 0,
    ask_ct: 0,
};

impl Level {
    fn new(side: BookSide, seen: Seen) -> Self {
        Self {
            price: side.key(seen.key),
            size: seen.size,
            orders: seen.orders,
        }
    }

    /// Price, size and number of orders as DBN has them.
    fn as_dbn(self) -> (i64, u32, u32) {
        let size = u32::try_from(self.size).unwrap_or(u32::MAX);
        (self.price, size.min(u32::MAX - 1), self.orders)
    }
}

impl fmt::Debug for Book<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Book")
            .field("id", &self.id())
            .field("bid", &self.best(BookSide::Bid))
            .field("ask", &self.best(BookSide::Ask))
            .field("validity", &self.validity())
            .field("sequence", &self.sequence())
            .finish_non_exhaustive()
    }
}
