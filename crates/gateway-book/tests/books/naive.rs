//! Books as one would write them without a thought for speed: sorted maps of orders, everything else worked out from
//! them when it is asked for.

use std::collections::{BTreeMap, HashMap};

use dbn::flags::{LAST, MAYBE_BAD_BOOK, SNAPSHOT};
use gateway_book::record::ControlKind;
use gateway_book::record::v3::MboMsg;
use gateway_book::{BookSide, Level};

const UNDEFINED_PRICE: i64 = i64::MAX;
const UNDEFINED_SIZE: u32 = u32::MAX;

/// Side, rank of the price (the best is the lowest), when it came.
type Priority = (u8, i128, u64);

/// An order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) id: u64,
    pub(crate) side: BookSide,
    pub(crate) price: i64,
    pub(crate) size: u32,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct NaiveBook {
    orders: BTreeMap<Priority, Order>,
    channel: u8,
    faulty: bool,
    begun: bool,
    in_snapshot: bool,
    may_cross: bool,
    trading: bool,
    told: bool,
    last_trade: Option<(i64, u32)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Default)]
enum Channel {
    Right,
    #[default]
    Wrong,
    Late,
    Snapshot,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Naive {
    pub(crate) books: BTreeMap<u32, NaiveBook>,
    by_id: HashMap<u64, (u32, Priority)>,
    channels: HashMap<u8, Channel>,
    came: u64,
}

fn priority(side: BookSide, price: i64, came: u64) -> Priority {
    match side {
        BookSide::Bid => (0, -i128::from(price), came),
        BookSide::Ask => (1, i128::from(price), came),
    }
}

impl NaiveBook {
    pub(crate) fn levels(&self, side: BookSide) -> Vec<Level> {
        let mut levels: Vec<Level> = Vec::new();
        for order in self.orders.values().filter(|order| order.side == side) {
            match levels.last_mut() {
                Some(level) if level.price == order.price => {
                    level.size += u64::from(order.size);
                    level.orders += 1;
                }
                _ => levels.push(Level {
                    price: order.price,
                    size: order.size.into(),
                    orders: 1,
                }),
            }
        }
        levels
    }

    /// In price-time priority, bids before asks.
    pub(crate) fn orders(&self) -> Vec<Order> {
        self.orders.values().copied().collect()
    }

    pub(crate) fn last_trade(&self) -> Option<(i64, u32)> {
        self.last_trade
    }

    fn is_crossed(&self) -> bool {
        let (bids, asks) = (self.levels(BookSide::Bid), self.levels(BookSide::Ask));
        match (bids.first(), asks.first()) {
            (Some(bid), Some(ask)) => bid.price > ask.price,
            _ => false,
        }
    }
}

impl Naive {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn is_valid(&self, id: u32) -> bool {
        let book = &self.books[&id];
        !book.faulty && (book.begun || self.channel(book.channel) == Channel::Right)
    }

    fn channel(&self, channel: u8) -> Channel {
        self.channels.get(&channel).cloned().unwrap_or_default()
    }

    /// Something is wrong with a book that was right so far, or is to be right at the end of a snapshot.
    fn fault(&mut self, id: u32) {
        let channel = self.channel(self.books[&id].channel);
        if self.is_valid(id) || self.books[&id].in_snapshot || channel == Channel::Snapshot {
            self.book(id).faulty = true;
            // A snapshot that is not right does not get so by being complete.
            self.book(id).in_snapshot = false;
        }
    }

    fn book(&mut self, id: u32) -> &mut NaiveBook {
        self.books.entry(id).or_default()
    }

    fn remove(&mut self, order_id: u64) {
        if let Some((id, at)) = self.by_id.remove(&order_id) {
            self.book(id).orders.remove(&at);
        }
    }

    fn add(&mut self, id: u32, order: Order) {
        self.came += 1;
        let at = priority(order.side, order.price, self.came);
        let duplicate = self.by_id.get(&order.id).map(|(other, _)| *other);
        self.remove(order.id);
        let best = self
            .book(id)
            .levels(order.side)
            .first()
            .map(|best| best.price);
        let better = match (best, order.side) {
            (None, _) => true,
            (Some(best), BookSide::Bid) => order.price > best,
            (Some(best), BookSide::Ask) => order.price < best,
        };
        self.book(id).may_cross |= better;
        self.book(id).orders.insert(at, order);
        self.by_id.insert(order.id, (id, at));
        if let Some(other) = duplicate {
            self.fault(other);
            self.fault(id);
        }
    }

    fn empty(&mut self, id: u32) {
        for order in self.book(id).orders() {
            self.remove(order.id);
        }
        let book = self.book(id);
        (book.faulty, book.begun, book.in_snapshot) = (false, false, false);
        book.may_cross = false;
    }

    pub(crate) fn define(&mut self, id: u32) {
        self.book(id);
    }

    pub(crate) fn status(&mut self, id: u32, trading: Option<bool>) {
        let book = self.book(id);
        book.trading = trading.unwrap_or(book.trading);
    }

    pub(crate) fn lost(&mut self) {
        for channel in 0..=255 {
            self.channels.insert(channel, Channel::Wrong);
        }
        for book in self.books.values_mut() {
            book.begun = false;
        }
    }

    pub(crate) fn control(&mut self, kind: u16, channel: u8, sequence: u64) {
        let ids: Vec<u32> = self
            .books
            .iter()
            .filter(|(_, book)| book.channel == channel)
            .map(|(id, _)| *id)
            .collect();
        let begin = |naive: &mut Self, state| {
            for &id in &ids {
                naive.empty(id);
            }
            naive.channels.insert(channel, state);
        };
        let state = if sequence <= 1 {
            Channel::Right
        } else {
            Channel::Late
        };
        match ControlKind::from_number(kind) {
            Some(ControlKind::SessionStart) => {
                begin(self, state);
                for id in ids {
                    self.book(id).trading = false;
                    self.book(id).last_trade = None;
                }
            }
            Some(ControlKind::Reset) => begin(self, state),
            Some(ControlKind::SnapshotBegin) => begin(self, Channel::Snapshot),
            Some(ControlKind::SnapshotEnd) if self.channel(channel) == Channel::Snapshot => {
                self.channels.insert(channel, Channel::Right);
            }
            Some(ControlKind::Gap) => {
                self.channels.insert(channel, Channel::Wrong);
                for id in ids {
                    self.book(id).begun = false;
                }
            }
            _ => {}
        }
    }

    pub(crate) fn order(&mut self, record: &MboMsg) {
        let id = record.hd.instrument_id;
        let flags = record.flags.raw();
        let book = self.book(id);
        if book.channel != record.channel_id {
            book.channel = record.channel_id;
            book.begun = false;
            // What was told of it elsewhere says nothing here.
            book.faulty |= book.told;
            book.in_snapshot = false;
        }
        book.told = true;
        let side = match record.side as u8 {
            b'B' => Some(BookSide::Bid),
            b'A' => Some(BookSide::Ask),
            _ => None,
        };
        let price = (record.price != UNDEFINED_PRICE).then_some(record.price);
        let place = side.zip(price);
        let size = (record.size != 0 && record.size != UNDEFINED_SIZE).then_some(record.size);
        let known = self
            .by_id
            .get(&record.order_id)
            .copied()
            .filter(|(owner, _)| *owner == id)
            .map(|(_, at)| (at, self.books[&id].orders[&at]));
        match record.action as u8 {
            b'A' => match (place, size) {
                (Some((side, price)), Some(size)) => {
                    let order = Order {
                        id: record.order_id,
                        side,
                        price,
                        size,
                    };
                    self.add(id, order);
                }
                _ => self.fault(id),
            },
            b'M' => {
                if known.is_none() {
                    self.fault(id);
                }
                match (known, place, size) {
                    (_, None, _) | (_, _, None) => self.fault(id),
                    (None, Some((side, price)), Some(size)) => {
                        let order = Order {
                            id: record.order_id,
                            side,
                            price,
                            size,
                        };
                        self.add(id, order);
                    }
                    (Some((at, old)), Some((side, price)), Some(size)) => {
                        let order = Order {
                            id: record.order_id,
                            side,
                            price,
                            size,
                        };
                        if (old.side, old.price) == (side, price) && size <= old.size {
                            self.book(id).orders.insert(at, order);
                        } else if (old.side, old.price) == (side, price) {
                            // No new level, so nothing that may cross.
                            let may_cross = self.book(id).may_cross;
                            self.remove(record.order_id);
                            self.add(id, order);
                            self.book(id).may_cross = may_cross;
                        } else {
                            self.remove(record.order_id);
                            self.add(id, order);
                        }
                    }
                }
            }
            b'C' => match known {
                None => self.fault(id),
                Some((at, mut order)) => {
                    let contradicts = place.is_some_and(|said| said != (order.side, order.price));
                    if record.size >= order.size {
                        self.remove(record.order_id);
                    } else {
                        order.size -= record.size;
                        self.book(id).orders.insert(at, order);
                    }
                    if contradicts {
                        self.fault(id);
                    }
                }
            },
            b'R' => self.clear(id, flags),
            b'T' => {
                if let (Some(price), Some(size)) = (price, size) {
                    self.book(id).last_trade = Some((price, size));
                }
            }
            _ => {}
        }
        self.flags(id, record.action as u8, flags);
    }

    fn clear(&mut self, id: u32, flags: u8) {
        self.empty(id);
        let begins = match self.channel(self.books[&id].channel) {
            Channel::Snapshot => false,
            Channel::Late => flags & SNAPSHOT != 0,
            Channel::Right | Channel::Wrong => true,
        };
        let book = self.book(id);
        book.begun = begins;
        if begins && flags & MAYBE_BAD_BOOK != 0 {
            book.faulty = true;
        } else if begins && flags & SNAPSHOT != 0 && flags & LAST == 0 {
            book.faulty = true;
            book.in_snapshot = true;
        }
    }

    fn flags(&mut self, id: u32, action: u8, flags: u8) {
        // Whether a snapshot of this instrument is being told, right or wrong, is not asked for here: one that went
        // wrong is faulty, and stays so.
        if flags & MAYBE_BAD_BOOK != 0 {
            self.fault(id);
        }
        let of_channel = self.channel(self.books[&id].channel) == Channel::Snapshot;
        if flags & SNAPSHOT != 0 && action != b'R' && !of_channel && !self.books[&id].in_snapshot {
            self.fault(id);
        }
        let book = self.book(id);
        if book.in_snapshot && flags & SNAPSHOT == 0 {
            book.in_snapshot = false;
        }
        if book.in_snapshot && flags & LAST != 0 {
            book.in_snapshot = false;
            book.faulty = false;
        }
        if flags & LAST != 0 && self.books[&id].may_cross {
            self.book(id).may_cross = false;
            if self.books[&id].trading && self.books[&id].is_crossed() {
                self.fault(id);
            }
        }
    }
}
