//! Updates of books by price, and of the orders behind their levels.
//!
//! A level's record is flagged [`MBP`] and has the level's number (1: the best) in place of an order's, because MDP 3.0
//! updates levels by their number: an added level pushes those below it down, a cancelled one lets them move up.
//!
//! Nearly every message is of one instrument. What its records have in common is then computed once; what an entry does is
//! looked up in two tables and not asked, because sides and actions come in an order that no branch predictor foresees.

use dbn::flags::{LAST, MBP};
use dbn::{Action, Side, UNDEF_ORDER_SIZE, UNDEF_PRICE};

use super::book::{Order, Part, completes, size_or_undefined};
use super::decoder::{Incoming, Mdp3Decoder};
use super::directory::{Books, Place};
use super::sbe::{Block, Group};
use super::schema::{BookEntry, BookOrder, Incremental, LongBookEntry};
use crate::record::MboEvent;
use crate::sink::{InstrumentId, RecordSink, publish_each};

/// A level's update.
#[derive(Clone, Copy)]
pub(super) struct Level {
    security_id: i32,
    price: Option<i64>,
    size: u32,
    number: u8,
    update_action: u8,
    entry_type: u8,
}

/// An entry that updates a level.
pub(super) trait LevelEntry {
    fn level(&self) -> Level;
    fn security_id(&self) -> i32;
    fn rpt_seq(&self) -> u32;
}

macro_rules! level_entry {
    ($entry:ident) => {
        impl LevelEntry for $entry<'_> {
            #[inline(always)]
            fn level(&self) -> Level {
                Level {
                    security_id: self.security_id(),
                    price: self.price(),
                    size: size_or_undefined(self.size()),
                    number: self.price_level(),
                    update_action: self.update_action(),
                    entry_type: self.entry_type(),
                }
            }

            #[inline(always)]
            fn security_id(&self) -> i32 {
                $entry::security_id(self)
            }

            #[inline(always)]
            fn rpt_seq(&self) -> u32 {
                $entry::rpt_seq(self)
            }
        }
    };
}

level_entry!(BookEntry);
level_entry!(LongBookEntry);

/// Side and flags of a level's record in their places, by the entry's type; 0 where that is no side of a book.
static SIDE_CODES: [u64; 256] = {
    let mut codes = [0; 256];
    let mut entry_type = 0;
    while entry_type < 256 {
        if let Part::Side(side, part, _) = Part::of(entry_type as u8) {
            codes[entry_type] = MboEvent::side_code(side) | MboEvent::flags(MBP | part);
        }
        entry_type += 1;
    }
    codes
};

/// The action of a level's record in its place, by the update's action; 0 where it is of more than one level, or unknown.
static ACTION_CODES: [u64; 256] = {
    let mut codes = [0; 256];
    codes[0] = MboEvent::codes(Action::Add, 0);
    codes[1] = MboEvent::codes(Action::Modify, 0);
    codes[2] = MboEvent::codes(Action::Cancel, 0);
    codes[5] = MboEvent::codes(Action::Modify, 0);
    codes
};

impl Level {
    /// Side, action and flags of the update's record; `None` where it is not one record.
    #[inline(always)]
    fn codes(&self) -> Option<u64> {
        let side = SIDE_CODES[usize::from(self.entry_type)];
        let action = ACTION_CODES[usize::from(self.update_action)];
        (side != 0 && action != 0).then_some(side | action)
    }

    /// The update's record.
    #[inline(always)]
    fn record(
        &self,
        incoming: &Incoming<'_>,
        event: &MboEvent,
        codes: u64,
        last: bool,
    ) -> [u64; 7] {
        let codes = codes | (u64::from(last) * MboEvent::flags(LAST));
        let price = incoming.price(self.price);
        event.record_of_codes(codes, self.number.into(), price, self.size)
    }
}

impl Mdp3Decoder {
    /// 32, 46, 64.
    #[inline(always)]
    pub(super) fn book<'a, L: LevelEntry + Block<'a>, S: RecordSink>(
        &mut self,
        incoming: &Incoming<'_>,
        root: &Incremental<'_>,
        levels: &Group<'a, L>,
        orders: &Group<'a, BookOrder<'a>>,
        sink: &mut S,
    ) {
        let complete = completes(root.match_event_indicator());
        let time = root.transact_time();
        let sole = self.sole(levels.iter().map(|entry| entry.security_id()));
        let about = sole.map_or(InstrumentId(0), |place| self.directory.instrument(place));
        self.native(incoming, about, sink);
        let mut mapped = match sole {
            Some(place) => {
                let last = complete && (orders.is_empty() || !are_behind(orders, levels));
                self.levels_of_one(incoming, time, place, levels, last, sink)
            }
            None => self.levels_of_several(incoming, (time, complete), levels, orders, sink),
        };
        if !orders.is_empty() {
            mapped &= self.orders_behind(incoming, (time, complete), levels, orders, sink);
        }
        if !mapped {
            self.unmapped_too(incoming, about, sink);
        }
        if complete {
            self.close_event(incoming.context, time, sink);
        }
    }

    /// Updates of one instrument's levels, `complete` where nothing of their event follows; `false` where one cannot be told
    /// in a record.
    #[inline(always)]
    fn levels_of_one<'a, L: LevelEntry + Block<'a>, S: RecordSink>(
        &mut self,
        incoming: &Incoming<'_>,
        time: u64,
        place: Place,
        levels: &Group<'a, L>,
        complete: bool,
        sink: &mut S,
    ) -> bool {
        let mut entries = levels.iter();
        let first = entries.rest().into_iter().next();
        let last = levels.last();
        self.report(
            place,
            [first, last].map(|entry| entry.map_or(0, |entry| entry.rpt_seq())),
        );
        let mut event = self.event(incoming.context, place, Books::Levels, time);
        let wanted = sink.wants(event.instrument());
        let mut mapped = true;
        // Whether the last record that went out was the event's last.
        let mut told = None;
        while let Some(entry) = entries.next() {
            let level = entry.level();
            let last = complete && entries.rest().is_empty();
            if let Some(codes) = level.codes() {
                let record = level.record(incoming, &event, codes, last);
                publish_each(wanted, event.instrument(), &record, sink);
                told = Some(last);
            } else if self.run_or_reset(incoming, time, place, &level, last, sink) {
                told = Some(last);
                // Behind a reset the book can be trusted.
                event = self.event(incoming.context, place, Books::Levels, time);
            } else {
                mapped = false;
            }
        }
        if let Some(last) = told {
            self.note_last(place, last);
        }
        mapped
    }

    /// The same of levels of several instruments; `complete` says it of the message, whose `orders` follow.
    #[inline(never)]
    fn levels_of_several<'a, L: LevelEntry + Block<'a>, S: RecordSink>(
        &mut self,
        incoming: &Incoming<'_>,
        (time, complete): (u64, bool),
        levels: &Group<'a, L>,
        orders: &Group<'a, BookOrder<'a>>,
        sink: &mut S,
    ) -> bool {
        let mut mapped = true;
        let mut entries = levels.iter();
        while let Some(entry) = entries.next() {
            let level = entry.level();
            let last = complete
                && !names(entries.rest(), level.security_id)
                && (orders.is_empty() || !orders_of(orders, levels, level.security_id));
            mapped &= match self.directory.find(level.security_id) {
                Some(place) => {
                    self.report(place, [entry.rpt_seq(); 2]);
                    self.level(incoming, time, place, &level, last, sink)
                }
                None => false,
            };
        }
        mapped
    }

    /// One level's update; `false` where it cannot be told in a record.
    fn level<S: RecordSink>(
        &mut self,
        incoming: &Incoming<'_>,
        time: u64,
        place: Place,
        level: &Level,
        last: bool,
        sink: &mut S,
    ) -> bool {
        let Some(codes) = level.codes() else {
            return self.run_or_reset(incoming, time, place, level, last, sink);
        };
        let event = self.event(incoming.context, place, Books::Levels, time);
        let record = level.record(incoming, &event, codes, last);
        let wanted = sink.wants(event.instrument());
        publish_each(wanted, event.instrument(), &record, sink);
        self.note_last(place, last);
        true
    }

    /// An update that is not of one level; `false` where it cannot be told in records.
    #[cold]
    #[inline(never)]
    fn run_or_reset<S: RecordSink>(
        &mut self,
        incoming: &Incoming<'_>,
        time: u64,
        place: Place,
        level: &Level,
        last: bool,
        sink: &mut S,
    ) -> bool {
        let (side, part, depth) = match Part::of(level.entry_type) {
            Part::Side(side, part, depth) => (side, part, depth),
            Part::Reset => {
                self.reset(incoming, time, place, last, sink);
                return true;
            }
            Part::Unknown => return false,
        };
        let numbers = match level.update_action {
            3 => 1..=level.number.min(depth),
            4 => level.number.max(1)..=depth,
            _ => return false,
        };
        self.cancel_run(incoming, time, (place, side, part), numbers, last, sink)
    }

    /// A side's levels of these numbers are gone, the deepest first; `false` where there is no such number.
    fn cancel_run<S: RecordSink>(
        &mut self,
        incoming: &Incoming<'_>,
        time: u64,
        (place, side, part): (Place, Side, u8),
        numbers: std::ops::RangeInclusive<u8>,
        last: bool,
        sink: &mut S,
    ) -> bool {
        if numbers.is_empty() {
            return false;
        }
        let event = self.event(incoming.context, place, Books::Levels, time);
        let wanted = sink.wants(event.instrument());
        let end = *numbers.start();
        for number in numbers.rev() {
            let flags = MBP | part | if last && number == end { LAST } else { 0 };
            let size = UNDEF_ORDER_SIZE;
            let record = event.record(
                Action::Cancel,
                side,
                number.into(),
                UNDEF_PRICE,
                size,
                flags,
            );
            publish_each(wanted, event.instrument(), &record, sink);
        }
        self.note_last(place, last);
        true
    }

    /// The orders behind levels; `false` where one cannot be told in a record.
    #[inline(never)]
    fn orders_behind<'a, L: LevelEntry + Block<'a>, S: RecordSink>(
        &mut self,
        incoming: &Incoming<'_>,
        (time, complete): (u64, bool),
        levels: &Group<'a, L>,
        orders: &Group<'a, BookOrder<'a>>,
        sink: &mut S,
    ) -> bool {
        let mut mapped = true;
        let mut rest = orders.iter();
        while let Some(order) = rest.next() {
            let Some(level) = referenced(&order, levels) else {
                mapped = false;
                continue;
            };
            let Part::Side(side, part, _) = Part::of(level.entry_type) else {
                mapped = false;
                continue;
            };
            let update = Order {
                security_id: level.security_id,
                order_id: order.order_id(),
                price: level.price,
                size: size_or_undefined(order.display_quantity()),
                update_action: order.update_action(),
            };
            let last = complete && !orders_of(&rest.rest(), levels, level.security_id);
            mapped &= self.order(incoming, time, &update, (side, part), last, sink);
        }
        mapped
    }
}

/// Whether any of the entries names the instrument.
#[inline(always)]
fn names<'a, L: LevelEntry + Block<'a>>(entries: Group<'a, L>, security_id: i32) -> bool {
    entries
        .into_iter()
        .any(|entry| entry.security_id() == security_id)
}

/// The level that an order is behind. Levels are numbered from 1 in their message.
#[inline(always)]
fn referenced<'a, L: LevelEntry + Block<'a>>(
    order: &BookOrder<'_>,
    levels: &Group<'a, L>,
) -> Option<Level> {
    let index = usize::from(order.reference_id()?).checked_sub(1)?;
    levels.get(index).map(|entry| entry.level())
}

/// Whether any of the orders is behind any of the levels.
#[inline(never)]
fn are_behind<'a, L: LevelEntry + Block<'a>>(
    orders: &Group<'a, BookOrder<'a>>,
    levels: &Group<'a, L>,
) -> bool {
    orders
        .iter()
        .any(|order| referenced(&order, levels).is_some())
}

/// Whether any of the orders is behind a level of the instrument.
#[inline(always)]
fn orders_of<'a, L: LevelEntry + Block<'a>>(
    orders: &Group<'a, BookOrder<'a>>,
    levels: &Group<'a, L>,
    security_id: i32,
) -> bool {
    orders.iter().any(|order| {
        referenced(&order, levels).is_some_and(|level| level.security_id == security_id)
    })
}
