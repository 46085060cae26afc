//! A queue's instruments as the feeds define them: symbol, number, tick, lot, multiplier and status, for late joiners too.
//!
//! A directory is read from a queue that keeps the day's definitions: one with `classes = ["definitions", "status"]` and room
//! for all of them. It begins with the oldest record that the queue holds, so that a reader who comes late has what came
//! early, and goes on with each [`Instruments::update`]. It reads what any reader of the queue may read, and takes nothing
//! else of the gateway.
//!
//! Numbers of instruments mean something within a channel, and symbols within a venue. So an instrument is known by
//! [`InstrumentKey`], and what a symbol or a number alone names is told only where it names one instrument.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::c_char;
use std::ops::Bound;
use std::time::Duration;

use dbn::{SecurityUpdateAction, StatusAction, TriState};
use gateway_record::v3::{InstrumentDefMsg, StatusMsg};
use gateway_record::{ControlKind, ControlRecord};

use crate::client::{Client, SubscribeOptions};
use crate::record::Record;
use crate::subscription::{Closed, Event, Subscription};
use crate::wait::WaitStrategy;
use crate::{ClientError, Start};

/// What tells an instrument from all others of a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstrumentKey {
    /// DBN publisher of its records: the venue.
    pub publisher_id: u16,
    /// The id of its channel, as the gateway numbers them.
    pub channel_id: u16,
    /// What records of that channel call it.
    pub instrument_id: u32,
}

/// An instrument as it was last defined, and what was last said about trading in it.
#[derive(Clone, Debug, PartialEq)]
pub struct DefinedInstrument {
    /// Its definition: the tick is `min_price_increment`, the lot `min_lot_size_round_lot`, the multiplier
    /// `contract_multiplier` and `unit_of_measure_qty`; what the feed does not say is undefined as in DBN. Of a spread, which
    /// is defined by a record a leg, that of its first leg.
    pub definition: InstrumentDefMsg,
    /// The records of a spread's legs, in the order of their `leg_index`: all of them are there once there are as many as its
    /// `leg_count` says. Empty where it has no legs.
    pub legs: Vec<InstrumentDefMsg>,
    /// Its trading status: the last status record, with what it does not say of trading or short sales as it was said before;
    /// `None` before the first, and where the queue has none.
    pub status: Option<StatusMsg>,
    /// Position of its last definition's record in the queue, counted since the gateway started.
    pub position: u64,
}

impl DefinedInstrument {
    /// What tells it from all others.
    #[must_use]
    pub const fn key(&self) -> InstrumentKey {
        key(&self.definition)
    }

    /// Its symbol, without the padding of the feed; empty where that is no text.
    #[must_use]
    pub fn symbol(&self) -> &str {
        symbol(&self.definition)
    }
}

const fn key(definition: &InstrumentDefMsg) -> InstrumentKey {
    InstrumentKey {
        publisher_id: definition.hd.publisher_id,
        channel_id: definition.channel_id,
        instrument_id: definition.hd.instrument_id,
    }
}

fn symbol(definition: &InstrumentDefMsg) -> &str {
    definition.raw_symbol().unwrap_or_default().trim_end()
}

/// What the records so far define.
#[derive(Debug, Default)]
struct Directory {
    instruments: BTreeMap<InstrumentKey, DefinedInstrument>,
    /// Which instruments have a symbol, in any channel.
    by_symbol: HashMap<String, Vec<InstrumentKey>>,
    /// Which instruments of a venue have a number, in any channel.
    by_id: HashMap<(u16, u32), Vec<InstrumentKey>>,
    /// Whether records of any channel are missing that may have been definitions.
    lost: bool,
    /// Channels of whose present session messages are missing that may have been definitions.
    lacking: HashSet<u8>,
    /// Statuses that named no instrument, or several.
    statuses_unassigned: u64,
    changes: u64,
}

impl Directory {
    fn apply(&mut self, record: &Record<'_>, position: u64) {
        match record {
            Record::Definition(definition) => self.define(definition, position),
            Record::Status(status) => self.set_status(status),
            Record::Control(control) => self.control(control),
            _ => {}
        }
    }

    fn define(&mut self, definition: &InstrumentDefMsg, position: u64) {
        let key = key(definition);
        self.changes += 1;
        let before = self.forget(key);
        if definition.security_update_action == SecurityUpdateAction::Delete as c_char {
            return;
        }
        let names = self.by_symbol.entry(symbol(definition).to_owned());
        names.or_default().push(key);
        let numbers = self.by_id.entry((key.publisher_id, key.instrument_id));
        numbers.or_default().push(key);
        // A number that was given to another instrument has nothing of the one before.
        let before = before.filter(|before| before.symbol() == symbol(definition));
        let (status, legs) =
            before.map_or((None, Vec::new()), |before| (before.status, before.legs));
        let legs = with_leg(legs, definition);
        let instrument = DefinedInstrument {
            definition: legs.first().unwrap_or(definition).clone(),
            legs,
            status,
            position,
        };
        self.instruments.insert(key, instrument);
    }

    fn forget(&mut self, key: InstrumentKey) -> Option<DefinedInstrument> {
        let instrument = self.instruments.remove(&key)?;
        let remove = |keys: &mut Vec<InstrumentKey>| {
            keys.retain(|other| *other != key);
            keys.is_empty()
        };
        if self
            .by_symbol
            .get_mut(instrument.symbol())
            .is_some_and(remove)
        {
            self.by_symbol.remove(instrument.symbol());
        }
        let number = (key.publisher_id, key.instrument_id);
        if self.by_id.get_mut(&number).is_some_and(remove) {
            self.by_id.remove(&number);
        }
        Some(instrument)
    }

    /// A status names venue and number, not the channel.
    fn set_status(&mut self, status: &StatusMsg) {
        let number = (status.hd.publisher_id, status.hd.instrument_id);
        let keys = self.by_id.get(&number).map_or(&[][..], Vec::as_slice);
        let found = only(keys).and_then(|key| self.instruments.get_mut(&key));
        if let Some(instrument) = found {
            instrument.status = Some(merged(instrument.status.as_ref(), status));
            self.changes += 1;
        } else {
            self.statuses_unassigned += 1;
        }
    }

    fn control(&mut self, control: &ControlRecord) {
        let channel = control.channel_id;
        match ControlKind::from_number(control.kind) {
            Some(ControlKind::SessionStart) => {
                // Its name is cut to eight bytes here, so that two days' may be alike: whatever it is, it begins anew.
                self.clear(channel);
                if control.sequence > 1 {
                    // Joined late: what was defined before is not known.
                    self.lacking.insert(channel);
                } else {
                    self.lacking.remove(&channel);
                }
            }
            // One of an instrument is about its book, and no definition is missing.
            Some(ControlKind::Gap) if control.instrument_id == 0 => {
                self.lacking.insert(channel);
            }
            _ => {}
        }
    }

    /// What the day before has defined is of no use any more.
    fn clear(&mut self, channel: u8) {
        let of_channel = |key: &&InstrumentKey| key.channel_id == u16::from(channel);
        let keys: Vec<InstrumentKey> = self
            .instruments
            .keys()
            .filter(of_channel)
            .copied()
            .collect();
        self.changes += keys.len() as u64;
        for key in keys {
            self.forget(key);
        }
    }

    /// Nobody knows which channels' records were lost, nor which channels there are: no session makes up for it.
    fn is_whole(&self) -> bool {
        !self.lost && self.lacking.is_empty()
    }
}

/// The legs of an instrument after `record`, which defines one of them or, without legs, all of the instrument.
fn with_leg(mut legs: Vec<InstrumentDefMsg>, record: &InstrumentDefMsg) -> Vec<InstrumentDefMsg> {
    legs.retain(|leg| leg.leg_count == record.leg_count);
    if record.leg_index < record.leg_count {
        match legs.binary_search_by_key(&record.leg_index, |leg| leg.leg_index) {
            Ok(at) => legs[at] = record.clone(),
            Err(at) => legs.insert(at, record.clone()),
        }
    }
    legs
}

/// What is known of an instrument's status after `now`: a change of the short-sale restriction says nothing of trading, and
/// other changes may say nothing of the restriction.
fn merged(before: Option<&StatusMsg>, now: &StatusMsg) -> StatusMsg {
    let Some(before) = before else {
        return now.clone();
    };
    let mut status = now.clone();
    if now.action == StatusAction::SsrChange as u16 {
        status.action = before.action;
        status.reason = before.reason;
        status.trading_event = before.trading_event;
        status.is_trading = before.is_trading;
        status.is_quoting = before.is_quoting;
    }
    if now.is_short_sell_restricted == TriState::NotAvailable as c_char {
        status.is_short_sell_restricted = before.is_short_sell_restricted;
    }
    status
}

/// The one of them, if it is one.
fn only(keys: &[InstrumentKey]) -> Option<InstrumentKey> {
    match keys {
        [key] => Some(*key),
        _ => None,
    }
}

/// A queue's instruments, as of the last [`update`](Self::update).
#[derive(Debug)]
pub struct Instruments {
    subscription: Subscription,
    directory: Directory,
}

impl Instruments {
    pub(crate) fn open(client: &Client, queue: &str, reader: &str) -> Result<Self, ClientError> {
        let options = SubscribeOptions {
            start: Start::Oldest,
            // Nobody waits for a definition on a core of his own.
            wait: WaitStrategy::Block,
            ..SubscribeOptions::named(reader)
        };
        let subscription = client.subscribe(queue, &options)?;
        let mut instruments = Self {
            directory: Directory {
                // What was overwritten before may have been definitions.
                lost: subscription.position() > 0,
                ..Directory::default()
            },
            subscription,
        };
        instruments.update();
        Ok(instruments)
    }

    /// Takes what the queue has had since the last update, but nothing that comes meanwhile, so that it ends on a busy queue
    /// too; why the queue ended, once all of it was taken. A loss is no end: see [`is_whole`](Self::is_whole).
    pub fn update(&mut self) -> Option<Closed> {
        self.read(Duration::ZERO)
    }

    /// As [`update`](Self::update), but where there is nothing new waits for it until `timeout`, asleep in the kernel.
    pub fn wait(&mut self, timeout: Duration) -> Option<Closed> {
        self.read(timeout)
    }

    fn read(&mut self, timeout: Duration) -> Option<Closed> {
        // The first poll that finds nothing looks for the queue's end and says where this reader is, not one of many.
        self.subscription.has_slept();
        if !timeout.is_zero()
            && let Some(ended) = self.take(|subscription| subscription.wait(timeout))
        {
            return ended;
        }
        let head = self.subscription.head();
        while self.subscription.position() < head {
            if let Some(ended) = self.take(Subscription::poll) {
                return ended;
            }
        }
        // Whether that was all; of a queue that has gone on meanwhile, one record more.
        self.take(Subscription::poll).flatten()
    }

    /// Takes one event; where it was no record and no loss, whether the queue has ended.
    fn take(
        &mut self,
        next: impl FnOnce(&mut Subscription) -> Event<'_>,
    ) -> Option<Option<Closed>> {
        match next(&mut self.subscription) {
            Event::Record(_) => {}
            Event::Lost(_) => {
                self.directory.lost = true;
                return None;
            }
            Event::Empty => return Some(None),
            Event::Closed(reason) => return Some(Some(reason)),
        }
        let record = self.subscription.current();
        let position = record.position;
        self.directory.apply(&Record::from_words(record), position);
        None
    }

    /// How many instruments there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.directory.instruments.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.directory.instruments.is_empty()
    }

    /// All of them, in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = &DefinedInstrument> {
        self.directory.instruments.values()
    }

    /// The first of them, or the first behind `key`; `None` behind the last.
    #[must_use]
    pub fn next_after(&self, key: Option<InstrumentKey>) -> Option<&DefinedInstrument> {
        let from = key.map_or(Bound::Unbounded, Bound::Excluded);
        let mut behind = self.directory.instruments.range((from, Bound::Unbounded));
        behind.next().map(|(_, instrument)| instrument)
    }

    /// The instrument of that key.
    #[must_use]
    pub fn get(&self, key: InstrumentKey) -> Option<&DefinedInstrument> {
        self.directory.instruments.get(&key)
    }

    /// The instrument of that symbol; `None` where there is none, or where several venues or channels have one: see
    /// [`named`](Self::named).
    #[must_use]
    pub fn find(&self, symbol: &str) -> Option<&DefinedInstrument> {
        let keys = self.directory.by_symbol.get(symbol)?;
        self.get(only(keys)?)
    }

    /// The instruments of that symbol, in the order of their definitions.
    pub fn named(&self, symbol: &str) -> impl Iterator<Item = &DefinedInstrument> {
        let keys = self.directory.by_symbol.get(symbol);
        keys.into_iter().flatten().filter_map(|key| self.get(*key))
    }

    /// The instrument that records of a venue call so; `None` where there is none, or where several channels of the venue
    /// number theirs alike: see [`get`](Self::get).
    #[must_use]
    pub fn find_id(&self, publisher_id: u16, instrument_id: u32) -> Option<&DefinedInstrument> {
        let keys = self.directory.by_id.get(&(publisher_id, instrument_id))?;
        self.get(only(keys)?)
    }

    /// Whether nothing can be missing. False for good where records were overwritten before this reader came, or lost since:
    /// nobody knows of which channels. False as well where the gateway joined a channel's session after its first message, or
    /// lost some of it, until that channel's next session: a snapshot does not make up for it. Of channels that have sent
    /// nothing so far it says nothing.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.directory.is_whole()
    }

    /// How often something was defined, taken back or changed its status: the same number means that all is as it was.
    #[must_use]
    pub const fn changes(&self) -> u64 {
        self.directory.changes
    }

    /// Statuses that could not be told to one instrument: of one that is not defined, or of a number that several channels
    /// of its venue have.
    #[must_use]
    pub const fn statuses_unassigned(&self) -> u64 {
        self.directory.statuses_unassigned
    }

    /// Slots of the queue that this reader has lost.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.subscription.lost()
    }

    /// Position of the next slot to be read, counted since the gateway started: the same after an update that found nothing.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.subscription.position()
    }

    /// Reads the queue of the same name again, after [`update`](Self::update) told its end: from its oldest record.
    ///
    /// # Errors
    /// As [`Client::instruments`]; nothing has changed then, so that the caller may try again later.
    pub fn reattach(&mut self, client: &Client, reader: &str) -> Result<(), ClientError> {
        let queue = self.subscription.header().name.clone();
        *self = Self::open(client, &queue, reader)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn definition(publisher: u16, channel: u16, id: u32, symbol: &str) -> InstrumentDefMsg {
        let mut definition = InstrumentDefMsg {
            channel_id: channel,
            security_update_action: SecurityUpdateAction::Add as c_char,
            min_price_increment: 10_000_000,
            ..InstrumentDefMsg::default()
        };
        definition.hd.publisher_id = publisher;
        definition.hd.instrument_id = id;
        for (to, from) in definition.raw_symbol.iter_mut().zip(symbol.bytes()) {
            *to = from.cast_signed();
        }
        definition
    }

    fn control(kind: ControlKind, channel_id: u8, session: [u8; 8]) -> ControlRecord {
        ControlRecord {
            length: 14,
            rtype: gateway_record::RTYPE_CONTROL,
            publisher_id: 2,
            instrument_id: 0,
            ts_event: 0,
            kind: kind as u16,
            channel_id,
            reserved: [0; 5],
            sequence: 1,
            count: 0,
            ts_recv: 0,
            session,
        }
    }

    fn status(publisher: u16, id: u32, action: u16) -> StatusMsg {
        let mut status = StatusMsg {
            action,
            ..StatusMsg::default()
        };
        status.hd.publisher_id = publisher;
        status.hd.instrument_id = id;
        status
    }

    #[derive(Default)]
    struct Told {
        directory: Directory,
        position: u64,
    }

    impl Told {
        fn tell(&mut self, record: &Record<'_>) -> &mut Self {
            self.position += 1;
            self.directory.apply(record, self.position);
            self
        }

        fn define(&mut self, publisher: u16, channel: u16, id: u32, symbol: &str) -> &mut Self {
            let definition = definition(publisher, channel, id, symbol);
            self.tell(&Record::Definition(&definition))
        }

        fn control(&mut self, kind: ControlKind, channel: u8, session: [u8; 8]) -> &mut Self {
            self.tell(&Record::Control(&control(kind, channel, session)))
        }

        fn symbols(&self) -> Vec<&str> {
            let all = self.directory.instruments.values();
            let mut symbols: Vec<_> = all.map(DefinedInstrument::symbol).collect();
            symbols.sort_unstable();
            symbols
        }
    }

    #[test]
    fn numbers_of_two_venues_and_of_two_channels_never_clash() {
        let mut told = Told::default();
        told.define(2, 0, 7, "AAPL  ")
            .define(40, 1, 7, "ES")
            .define(50, 2, 7, "ONE")
            .define(50, 3, 7, "TWO");
        assert_eq!(told.symbols(), ["AAPL", "ES", "ONE", "TWO"]);
        let directory = &told.directory;
        assert_eq!(directory.by_symbol["AAPL"].len(), 1);
        let named = |number| directory.by_id.get(&number).map(Vec::len);
        assert_eq!(
            [(2, 7), (40, 7), (50, 7)].map(named),
            [Some(1), Some(1), Some(2)]
        );
        // A status of the number that two channels have is of neither.
        let halted = status(50, 7, 8);
        told.tell(&Record::Status(&halted));
        assert_eq!(told.directory.statuses_unassigned, 1);
        assert!(
            told.directory
                .instruments
                .values()
                .all(|found| found.status.is_none())
        );
        let halted = status(2, 7, 8);
        told.tell(&Record::Status(&halted));
        let keys = &told.directory.by_symbol["AAPL"];
        let found = &told.directory.instruments[&keys[0]];
        assert_eq!(found.status.as_ref().unwrap().action, 8);
        // Defined again, it keeps its status; under another symbol it is another instrument, and the old one names nothing.
        told.define(2, 0, 7, "AAPL");
        let keys = &told.directory.by_symbol["AAPL"];
        assert!(told.directory.instruments[&keys[0]].status.is_some());
        told.define(2, 0, 7, "APPL");
        let keys = &told.directory.by_symbol["APPL"];
        assert!(told.directory.instruments[&keys[0]].status.is_none());
        assert!(!told.directory.by_symbol.contains_key("AAPL"));
    }

    #[test]
    fn a_status_keeps_what_the_next_one_does_not_speak_of() {
        let mut told = Told::default();
        told.define(2, 0, 7, "AAPL");
        let mut trading = status(2, 7, StatusAction::Trading as u16);
        trading.is_trading = TriState::Yes as c_char;
        told.tell(&Record::Status(&trading));
        let mut restricted = status(2, 7, StatusAction::SsrChange as u16);
        restricted.is_short_sell_restricted = TriState::Yes as c_char;
        told.tell(&Record::Status(&restricted));
        let found = |told: &Told| {
            let all = told.directory.instruments.values();
            let status = all.last().unwrap().status.clone().unwrap();
            let flags = [status.is_trading, status.is_short_sell_restricted];
            (status.action, flags.map(|flag| flag.cast_unsigned()))
        };
        assert_eq!(found(&told), (StatusAction::Trading as u16, *b"YY"));
        let mut halted = status(2, 7, StatusAction::Halt as u16);
        halted.is_trading = TriState::No as c_char;
        halted.is_short_sell_restricted = TriState::NotAvailable as c_char;
        told.tell(&Record::Status(&halted));
        assert_eq!(found(&told), (StatusAction::Halt as u16, *b"NY"));
    }

    #[test]
    fn a_new_session_clears_its_channel_and_what_is_deleted_is_gone() {
        let mut told = Told::default();
        told.control(ControlKind::SessionStart, 0, *b"MONDAY  ")
            .define(2, 0, 1, "A")
            .define(2, 0, 2, "B")
            .define(40, 1, 1, "ES");
        assert_eq!(told.symbols(), ["A", "B", "ES"]);
        let mut deleted = definition(2, 0, 2, "B");
        deleted.security_update_action = SecurityUpdateAction::Delete as c_char;
        told.tell(&Record::Definition(&deleted));
        assert_eq!(told.symbols(), ["A", "ES"]);
        told.control(ControlKind::SessionStart, 0, *b"TUESDAY ")
            .define(2, 0, 1, "C");
        assert_eq!(told.symbols(), ["C", "ES"]);
        // A feed that has no names for its sessions.
        told.control(ControlKind::SessionStart, 1, [0; 8]).control(
            ControlKind::SessionStart,
            1,
            [0; 8],
        );
        assert_eq!(told.symbols(), ["C"]);
        assert_eq!(told.directory.by_symbol.len(), 1);
        assert_eq!(told.directory.by_id.len(), 1);
    }

    #[test]
    fn what_may_lack_something_says_so_until_the_channel_begins_anew() {
        let mut told = Told::default();
        assert!(told.define(2, 0, 1, "A").directory.is_whole());
        told.control(ControlKind::Gap, 0, [0; 8]);
        assert!(!told.directory.is_whole());
        told.control(ControlKind::SessionStart, 1, *b"TUESDAY ");
        assert!(!told.directory.is_whole(), "another channel's");
        told.control(ControlKind::SessionStart, 0, *b"TUESDAY ");
        assert!(told.directory.is_whole());
        // A session that the gateway joined after its first message.
        let late = ControlRecord {
            sequence: 5_000,
            ..control(ControlKind::SessionStart, 0, *b"MONDAY  ")
        };
        told.tell(&Record::Control(&late));
        assert!(!told.directory.is_whole());
        told.control(ControlKind::SessionStart, 0, *b"TUESDAY ");
        assert!(told.directory.is_whole());
        // Of a third channel nothing may have come but what was lost.
        told.directory.lost = true;
        told.control(ControlKind::SessionStart, 0, *b"FRIDAY  ");
        told.control(ControlKind::SessionStart, 1, *b"FRIDAY  ");
        assert!(!told.directory.is_whole());
    }

    #[test]
    fn sessions_of_the_same_name_are_two_and_a_reset_keeps_the_instruments() {
        let mut told = Told::default();
        told.control(ControlKind::SessionStart, 0, *b"20261128")
            .define(2, 0, 1, "A");
        told.control(ControlKind::Reset, 0, *b"20261128");
        assert_eq!(told.symbols(), ["A"]);
        told.control(ControlKind::SessionStart, 0, *b"20261128");
        assert!(told.symbols().is_empty());
    }

    #[test]
    fn a_spread_has_all_its_legs_and_is_defined_by_the_first() {
        let leg = |count: u16, index: u16, of: u32| InstrumentDefMsg {
            leg_count: count,
            leg_index: index,
            leg_instrument_id: of,
            ..definition(40, 1, 9, "ESZ6-ESH7")
        };
        let legs = |told: &Told| {
            let spread = told.directory.instruments.values().next_back().unwrap();
            let legs = spread.legs.iter().map(|leg| leg.leg_instrument_id);
            (spread.definition.leg_index, legs.collect::<Vec<_>>())
        };
        let mut told = Told::default();
        told.tell(&Record::Definition(&leg(3, 0, 10)))
            .tell(&Record::Definition(&leg(3, 1, 11)))
            .tell(&Record::Definition(&leg(3, 2, 12)));
        assert_eq!(legs(&told), (0, vec![10, 11, 12]));
        // Told again, leg by leg, the others stay meanwhile.
        told.tell(&Record::Definition(&leg(3, 1, 21)));
        assert_eq!(legs(&told), (0, vec![10, 21, 12]));
        assert_eq!(told.directory.by_symbol["ESZ6-ESH7"].len(), 1);
        // Two legs now: those of three are none of them.
        told.tell(&Record::Definition(&leg(2, 1, 31)));
        assert_eq!(legs(&told), (1, vec![31]));
        told.tell(&Record::Definition(&leg(2, 0, 30)));
        assert_eq!(legs(&told), (0, vec![30, 31]));
        // Another instrument of that number, without any.
        told.define(40, 1, 9, "ES");
        assert_eq!(legs(&told), (0, vec![]));
    }
}
