//! Books: their sides, orders alone, and snapshots of levels and orders. Levels are updated in `levels`.

use dbn::flags::{LAST, MBP, PUBLISHER_SPECIFIC, SNAPSHOT};
use dbn::{Action, Side, UNDEF_ORDER_SIZE, UNDEF_PRICE};

use super::decoder::{END_OF_EVENT, Incoming, LAST_IMPLIED, LAST_QUOTE, Mdp3Decoder};
use super::directory::{Books, Place};
use super::schema::{
    LongSnapshot, LongSnapshotEntry, LongTcpSnapshot, OrderBook, OrderSnapshot, Snapshot,
    SnapshotEntry, TcpSnapshot, TcpSnapshotEntry,
};
use super::statistics::Statistic;
use crate::sink::{InstrumentId, RecordSink, publish_each};

/// How deep books are: levels of orders, and of implied ones.
const DEPTH: u8 = 10;
const IMPLIED_DEPTH: u8 = 2;

/// Which side of which book an entry is of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Side, flags and depth.
    Side(Side, u8, u8),
    Reset,
    Unknown,
}

impl Part {
    #[inline(always)]
    pub(super) const fn of(entry_type: u8) -> Self {
        match entry_type {
            b'0' => Self::Side(Side::Bid, 0, DEPTH),
            b'1' => Self::Side(Side::Ask, 0, DEPTH),
            b'E' => Self::Side(Side::Bid, PUBLISHER_SPECIFIC, IMPLIED_DEPTH),
            b'F' => Self::Side(Side::Ask, PUBLISHER_SPECIFIC, IMPLIED_DEPTH),
            b'J' => Self::Reset,
            _ => Self::Unknown,
        }
    }
}

/// Whether a message with these indicators completes its event's books.
#[inline(always)]
pub(super) const fn completes(match_event_indicator: u8) -> bool {
    match_event_indicator & (END_OF_EVENT | LAST_QUOTE | LAST_IMPLIED) != 0
}

impl Mdp3Decoder {
    /// The one instrument that all of a message's entries name; `None` where they name several, or one that cannot be
    /// numbered.
    #[inline(always)]
    pub(super) fn sole(&mut self, mut security_ids: impl Iterator<Item = i32>) -> Option<Place> {
        let first = security_ids.next()?;
        if security_ids.any(|id| id != first) {
            return None;
        }
        self.directory.find(first)
    }

    /// The instrument of a message: the one that all of its entries name, or none.
    #[inline(always)]
    pub(super) fn about(&mut self, security_ids: impl Iterator<Item = i32>) -> InstrumentId {
        match self.sole(security_ids) {
            Some(place) => self.directory.instrument(place),
            None => InstrumentId(0),
        }
    }

    /// An instrument's book is empty: no order, and no level. From here on it can be trusted.
    #[cold]
    pub(super) fn reset<S: RecordSink>(
        &mut self,
        incoming: &Incoming<'_>,
        time: u64,
        place: Place,
        last: bool,
        sink: &mut S,
    ) {
        self.directory.begin(place);
        let event = self.event(incoming.context, place, Books::Both, time);
        let wanted = sink.wants(event.instrument());
        for flags in [0, MBP | if last { LAST } else { 0 }] {
            let record = event.record(Action::Clear, Side::None, 0, UNDEF_PRICE, 0, flags);
            publish_each(wanted, event.instrument(), &record, sink);
        }
        self.note_last(place, last);
    }

    #[inline(always)]
    pub(super) fn order<S: RecordSink>(
        &mut self,
        incoming: &Incoming<'_>,
        time: u64,
        order: &Order,
        (side, part): (Side, u8),
        last: bool,
        sink: &mut S,
    ) -> bool {
        let action = match order.update_action {
            0 => Action::Add,
            1 => Action::Modify,
            2 => Action::Cancel,
            _ => return false,
        };
        let Some(place) = self.directory.find(order.security_id) else {
            return false;
        };
        let event = self.event(incoming.context, place, Books::Orders, time);
        let price = incoming.price(order.price);
        let flags = part | if last { LAST } else { 0 };
        let record = event.record(action, side, order.order_id, price, order.size, flags);
        publish_each(
            sink.wants(event.instrument()),
            event.instrument(),
            &record,
            sink,
        );
        self.note_last(place, last);
        true
    }

    /// 43, 47.
    #[inline(always)]
    pub(super) fn order_book<S: RecordSink>(
        &mut self,
        incoming: &Incoming<'_>,
        book: &OrderBook<'_>,
        sink: &mut S,
    ) {
        let complete = completes(book.root.match_event_indicator());
        let time = book.root.transact_time();
        let about = self.about(book.entries.iter().map(|entry| entry.security_id()));
        self.native(incoming, about, sink);
        let mut mapped = true;
        let mut entries = book.entries.iter();
        while let Some(entry) = entries.next() {
            let id = entry.security_id();
            let last = complete
                && !entries
                    .rest()
                    .into_iter()
                    .any(|later| later.security_id() == id);
            let part = Part::of(entry.entry_type());
            mapped &= match (part, self.directory.find(id)) {
                (Part::Reset, Some(place)) => {
                    self.reset(incoming, time, place, last, sink);
                    true
                }
                (Part::Side(side, flags, _), Some(_)) => {
                    let order = Order {
                        security_id: id,
                        order_id: entry.order_id().unwrap_or_default(),
                        price: entry.price(),
                        size: size_or_undefined(entry.display_quantity()),
                        update_action: entry.update_action(),
                    };
                    self.order(incoming, time, &order, (side, flags), last, sink)
                }
                _ => false,
            };
        }
        if !mapped {
            self.unmapped_too(incoming, about, sink);
        }
        if complete {
            self.close_event(incoming.context, time, sink);
        }
    }

    /// 38, 52, 61, 68, 69: an instrument's levels and statistics as they are.
    pub(super) fn level_snapshot<V: LevelSnapshot, S: RecordSink>(
        &mut self,
        incoming: &Incoming<'_>,
        view: &V,
        sink: &mut S,
    ) {
        let (security_id, time) = view.about();
        let Some(place) = self.directory.find(security_id) else {
            return self.unmapped(incoming, InstrumentId(0), sink);
        };
        let instrument = self.directory.instrument(place);
        self.native(incoming, instrument, sink);
        self.directory.tell(place);
        self.directory.cleanse(place, Books::Levels);
        let event = self.event(incoming.context, place, Books::Levels, time);
        let wanted = sink.wants(instrument);
        let levels = view.entries().filter(|entry| entry.is_level()).count();
        let mut publish = |action, side, number: u8, price, size, flags| {
            let flags = MBP | SNAPSHOT | flags;
            let record = event.record(action, side, number.into(), price, size, flags);
            publish_each(wanted, instrument, &record, sink);
        };
        let last = |done: usize| if done == levels { LAST } else { 0 };
        publish(Action::Clear, Side::None, 0, UNDEF_PRICE, 0, last(0));
        let mut done = 0;
        for entry in view.entries() {
            if let Part::Side(side, part, _) = Part::of(entry.entry_type) {
                done += 1;
                let price = incoming.price(entry.price);
                publish(
                    Action::Add,
                    side,
                    entry.level,
                    price,
                    entry.size,
                    part | last(done),
                );
            }
        }
        for entry in view.entries().filter(|entry| !entry.is_level()) {
            if let Some(statistic) = Statistic::of(entry.entry_type, entry.open_close_settl_flag) {
                let statistic = Statistic {
                    price: incoming.price(entry.price),
                    quantity: entry.quantity,
                    reference_day: entry.trading_reference_date,
                    flags: entry.settl_price_type,
                    ..statistic
                };
                let record = self.statistic(instrument, time, incoming.context, &statistic);
                self.reference(instrument, &record, sink);
            }
        }
    }

    /// 44, 53: a part of an instrument's orders.
    pub(super) fn order_snapshot<S: RecordSink>(
        &mut self,
        incoming: &Incoming<'_>,
        view: &OrderSnapshot<'_>,
        sink: &mut S,
    ) {
        let root = &view.root;
        let Some(place) = self.directory.find(root.security_id()) else {
            return self.unmapped(incoming, InstrumentId(0), sink);
        };
        let instrument = self.directory.instrument(place);
        self.native(incoming, instrument, sink);
        self.directory.tell(place);
        let (part, parts) = (root.current_chunk(), root.no_chunks());
        let this = OrderParts {
            place,
            last_processed: root.last_msg_seq_num_processed(),
            parts,
            part,
        };
        let unbroken = part == 1 || self.order_parts_next == Some(this);
        self.order_parts_next = (unbroken && part < parts).then(|| OrderParts {
            part: part + 1,
            ..this
        });
        if unbroken && part == parts {
            self.directory.cleanse(place, Books::Orders);
        }
        let event = self.event(incoming.context, place, Books::Orders, root.transact_time());
        let wanted = sink.wants(instrument);
        let complete = part >= parts;
        let count = view.entries.len();
        let mut publish = |action, side, order_id, price, size, done| {
            let last = if complete && done == count { LAST } else { 0 };
            let record = event.record(action, side, order_id, price, size, SNAPSHOT | last);
            publish_each(wanted, instrument, &record, sink);
        };
        if part <= 1 {
            publish(Action::Clear, Side::None, 0, UNDEF_PRICE, 0, 0);
        }
        for (done, entry) in (1..).zip(view.entries) {
            let side = match Part::of(entry.entry_type()) {
                Part::Side(side, ..) => side,
                Part::Reset | Part::Unknown => Side::None,
            };
            let price = incoming.price(Some(entry.price()));
            let size = size_or_undefined(Some(entry.display_quantity()));
            publish(Action::Add, side, entry.order_id(), price, size, done);
        }
    }
}

/// A part of an instrument's orders: the one that must come next, so that all of them are known with the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OrderParts {
    place: Place,
    /// The packet of the incremental feed that the orders are as of.
    last_processed: u32,
    parts: u32,
    part: u32,
}

/// An order's update.
pub(super) struct Order {
    pub(super) security_id: i32,
    pub(super) order_id: u64,
    pub(super) price: Option<i64>,
    pub(super) size: u32,
    pub(super) update_action: u8,
}

/// A quantity as a record has it: undefined where there is none, and where it does not fit.
#[inline(always)]
pub(super) fn size_or_undefined<Q>(quantity: Option<Q>) -> u32
where
    u32: TryFrom<Q>,
{
    quantity
        .and_then(|quantity| u32::try_from(quantity).ok())
        .unwrap_or(UNDEF_ORDER_SIZE)
}

/// An entry of a snapshot.
#[derive(Clone, Copy)]
pub(super) struct SnapshotValue {
    price: Option<i64>,
    size: u32,
    quantity: Option<i64>,
    level: u8,
    entry_type: u8,
    open_close_settl_flag: Option<u8>,
    trading_reference_date: Option<u16>,
    settl_price_type: u8,
}

impl SnapshotValue {
    const fn is_level(&self) -> bool {
        matches!(Part::of(self.entry_type), Part::Side(..))
    }
}

/// A snapshot of levels.
pub(super) trait LevelSnapshot {
    /// Of which instrument, and when.
    fn about(&self) -> (i32, u64);
    fn entries(&self) -> impl Iterator<Item = SnapshotValue>;
}

macro_rules! level_snapshot {
    ($view:ident, $entry:ident, $level:ty, |$e:ident| $rest:expr) => {
        impl LevelSnapshot for $view<'_> {
            fn about(&self) -> (i32, u64) {
                (self.root.security_id(), self.root.transact_time())
            }

            fn entries(&self) -> impl Iterator<Item = SnapshotValue> {
                self.entries.iter().map(|$e: $entry<'_>| {
                    let (trading_reference_date, settl_price_type) = $rest;
                    SnapshotValue {
                        price: $e.price(),
                        size: size_or_undefined($e.size()),
                        quantity: $e.size().and_then(|size| i64::try_from(size).ok()),
                        level: $e.price_level().and_then(|level: $level| u8::try_from(level).ok()).unwrap_or(0),
                        entry_type: $e.entry_type(),
                        open_close_settl_flag: $e.open_close_settl_flag(),
                        trading_reference_date,
                        settl_price_type,
                    }
                })
            }
        }
    };
}

level_snapshot!(Snapshot, SnapshotEntry, i8, |e| (
    e.trading_reference_date(),
    e.settl_price_type()
));
level_snapshot!(TcpSnapshot, TcpSnapshotEntry, i8, |e| (
    e.trading_reference_date(),
    e.settl_price_type()
));
level_snapshot!(LongSnapshot, LongSnapshotEntry, u8, |e| (None, 0));
level_snapshot!(LongTcpSnapshot, LongSnapshotEntry, u8, |e| (None, 0));
