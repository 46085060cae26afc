//! The channel's instruments, by CME's security id.
//!
//! Security ids go into the millions; the gateway's tables want small numbers. So instruments are numbered here, from 1, in
//! the order in which they appear. A definition tells the symbol, which may be much later than the first update, or never
//! where nobody listens to the instrument feed.
//!
//! Three tables: a small one that every entry looks into (a quarter of a cache line, at most half full), one of the
//! instruments' last reports, and one of what only definitions and states need. Nothing is allocated after construction; instruments beyond the room are refused.

use super::reports::Reports;
use super::sbe::Text;
use crate::decoder::DecoderCounters;
use crate::sink::{InstrumentId, RecordSink};

/// 2^64 divided by the golden ratio: its products spread over the high bits (Fibonacci hashing).
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
/// Places for instrument groups: a channel has some hundreds at most.
const GROUP_PLACES: usize = 1 << 13;

#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
struct Entry {
    /// The security id; 0 where the place is free.
    security_id: u32,
    number: u16,
    /// Whether records of an event are out, and its last one is not.
    open: bool,
    /// Whether any record of its books went out since the last new beginning.
    told: bool,
    /// How many gaps there were when the instrument's levels were known to be right.
    levels_clean_at: u32,
    /// The same of its orders.
    orders_clean_at: u32,
}

/// Which of an instrument's books is meant: after a loss, one may be known again while the other is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Books {
    Levels,
    Orders,
    Both,
}

/// What a definition told.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    symbol: Text<20>,
    asset: Text<6>,
    /// In which place of the groups, and 1 more; 0: in none.
    group: u32,
    /// The number of the next instrument of the group; 0: there is none.
    next_of_group: u32,
}

/// A group of instruments: its name and the number of one of them.
#[derive(Clone, Copy, Debug, Default)]
struct Group {
    name: Text<6>,
    first: u32,
}

/// Where an instrument stands in the directory, until the session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(usize);

/// The channel's instruments.
#[derive(Debug)]
pub(super) struct Directory {
    entries: Box<[Entry]>,
    shift: u32,
    /// By number.
    known: Box<[Known]>,
    reports: Reports,
    groups: Box<[Group]>,
    groups_used: usize,
    used: u32,
    /// Gaps so far.
    gaps: u32,
    /// How many of them there were at the last new beginning.
    anew_at: u32,
    /// Places of the instruments that are [`Entry::told`].
    told: Vec<u32>,
    /// Whether an id was refused that nobody asked [`Directory::take_refused`] about yet.
    refused: bool,
    /// Whether an instrument began anew that nobody asked [`Directory::take_news`] about yet.
    news: bool,
    /// The one found last, which is most often the next one too.
    last: (u32, Place),
}

impl Directory {
    /// An empty one for up to `instruments_max` instruments, 1 to 65,535.
    pub(super) fn new(instruments_max: u16) -> Self {
        let room = usize::from(instruments_max.max(1));
        let places = (room * 2).next_power_of_two();
        Self {
            entries: vec![Entry::default(); places].into_boxed_slice(),
            shift: 64 - places.trailing_zeros(),
            known: vec![Known::default(); room + 1].into_boxed_slice(),
            reports: Reports::new(room),
            groups: vec![Group::default(); GROUP_PLACES].into_boxed_slice(),
            groups_used: 0,
            used: 0,
            gaps: 0,
            anew_at: 0,
            told: Vec::with_capacity(room),
            refused: false,
            news: false,
            last: (0, Place(0)),
        }
    }

    /// Finds the instrument of that security id, or numbers it. `None` where it is no id, or there is no room for another:
    /// [`take_refused`](Self::take_refused) says so later.
    #[inline(always)]
    pub(super) fn find(&mut self, security_id: i32) -> Option<Place> {
        let id = security_id.cast_unsigned();
        if id == self.last.0 && id != 0 {
            return Some(self.last.1);
        }
        let at = self.search(id);
        let place = if self.entries[at].security_id == id && id != 0 {
            Place(at)
        } else {
            self.number_new(at, security_id)?
        };
        self.last = (id, place);
        Some(place)
    }

    /// Where the id stands, or would stand. Ends at a free place: at most half are taken.
    #[inline(always)]
    fn search(&self, id: u32) -> usize {
        let mask = self.entries.len() - 1;
        let mut at = (u64::from(id).wrapping_mul(GOLDEN) >> self.shift) as usize & mask;
        loop {
            let found = self.entries[at].security_id;
            if found == id || found == 0 {
                return at;
            }
            at = (at + 1) & mask;
        }
    }

    #[cold]
    #[inline(never)]
    fn number_new(&mut self, at: usize, security_id: i32) -> Option<Place> {
        let number = u16::try_from(self.used + 1).ok();
        let number = number.filter(|&number| usize::from(number) < self.known.len());
        let Some(number) = number.filter(|_| security_id > 0) else {
            self.refused = true;
            return None;
        };
        self.used = number.into();
        // Nothing of it can be missing that was not missing of all: clean only where nothing was since the beginning.
        let before = self.gaps.wrapping_sub(1);
        self.entries[at] = Entry {
            security_id: security_id.cast_unsigned(),
            number,
            open: false,
            told: false,
            levels_clean_at: before,
            orders_clean_at: before,
        };
        Some(Place(at))
    }

    /// Whether [`find`](Self::find) refused an id since it was last asked.
    #[inline(always)]
    pub(super) fn take_refused(&mut self) -> bool {
        std::mem::take(&mut self.refused)
    }

    /// The number of an instrument that a message names without being about its book: another's leg or underlying, one
    /// whose state changes. 0 where it is not known and more than half of the room is taken: what is left is for
    /// instruments that have books. Such an id may come before anything else of its instrument: CME defines spreads before
    /// their legs.
    pub(super) fn number_of(&mut self, security_id: i32) -> u32 {
        let known = self.look_up(security_id).0;
        if known != 0 || security_id <= 0 || self.used as usize * 2 >= self.known.len() - 1 {
            return known;
        }
        self.find(security_id)
            .map_or(0, |place| self.instrument(place).0)
    }

    #[inline(always)]
    fn entry(&self, place: Place) -> Entry {
        self.entries.get(place.0).copied().unwrap_or_default()
    }

    /// The instrument's number.
    #[inline(always)]
    pub(super) fn instrument(&self, place: Place) -> InstrumentId {
        InstrumentId(self.entry(place).number.into())
    }

    /// The number of the instrument of that id, and its symbol; 0 and nothing where it is not known.
    pub(super) fn look_up(&self, security_id: i32) -> (u32, &[u8]) {
        let id = security_id.cast_unsigned();
        let entry = self.entries[self.search(id)];
        if id == 0 || entry.security_id != id {
            return (0, b"");
        }
        let number = usize::from(entry.number);
        (entry.number.into(), self.known[number].symbol.trimmed())
    }

    /// Takes note of what a definition tells, and tells `sink` a symbol that is news.
    pub(super) fn learn<S: RecordSink>(
        &mut self,
        place: Place,
        symbol: Text<20>,
        (group, asset): (Text<6>, Text<6>),
        counters: &mut DecoderCounters,
        sink: &mut S,
    ) {
        let number = u32::from(self.entry(place).number);
        let Some(known) = self.known.get_mut(number as usize) else {
            return;
        };
        known.asset = asset;
        if known.symbol != symbol {
            let text = symbol.trimmed();
            if text.is_empty() || !text.iter().all(|byte| (b' '..=b'~').contains(byte)) {
                counters.symbols_refused += 1;
            } else {
                counters.instruments += u64::from(known.symbol == Text::default());
                known.symbol = symbol;
                sink.instrument(InstrumentId(number), text);
            }
        }
        if known.group == 0 && !group.trimmed().is_empty() {
            self.join(number, group);
        }
    }

    /// Adds an instrument to its group. An instrument stays in the first group that it was told to be of.
    fn join(&mut self, number: u32, group: Text<6>) {
        let at = self.search_group(&group);
        if self.groups[at].first == 0 {
            // A quarter is left free, so that a search ends.
            if self.groups_used * 4 >= GROUP_PLACES * 3 {
                return;
            }
            self.groups_used += 1;
            self.groups[at].name = group;
        }
        let known = &mut self.known[number as usize];
        known.group = at as u32 + 1;
        known.next_of_group = self.groups[at].first;
        self.groups[at].first = number;
    }

    fn search_group(&self, name: &Text<6>) -> usize {
        let mut word = [0; 8];
        word[..6].copy_from_slice(&name.0);
        let hash = u64::from_le_bytes(word).wrapping_mul(GOLDEN);
        let mut at = (hash >> (64 - GROUP_PLACES.trailing_zeros())) as usize;
        loop {
            let group = &self.groups[at];
            if group.first == 0 || group.name == *name {
                return at;
            }
            at = (at + 1) % GROUP_PLACES;
        }
    }

    /// The number of one instrument of a group; 0 where there is none.
    pub(super) fn first_of_group(&self, group: &Text<6>) -> u32 {
        self.groups[self.search_group(group)].first
    }

    /// The number of the next instrument of the same group (0: none), and the asset of this one.
    pub(super) fn next_of_group(&self, number: u32) -> (u32, Text<6>) {
        let known = self.known.get(number as usize).copied().unwrap_or_default();
        (known.next_of_group, known.asset)
    }

    /// Whether books built from all records so far can be trusted.
    #[inline(always)]
    pub(super) fn is_clean(&self, place: Place, books: Books) -> bool {
        let entry = self.entry(place);
        let levels = entry.levels_clean_at == self.gaps;
        let orders = entry.orders_clean_at == self.gaps;
        !self.in_doubt()
            || match books {
                Books::Levels => levels,
                Books::Orders => orders,
                Books::Both => levels && orders,
            }
    }

    /// What is known of the instrument is right, whatever was lost before.
    pub(super) fn cleanse(&mut self, place: Place, books: Books) {
        let gaps = self.gaps;
        if let Some(entry) = self.entries.get_mut(place.0) {
            if books != Books::Orders {
                entry.levels_clean_at = gaps;
            }
            if books != Books::Levels {
                entry.orders_clean_at = gaps;
            }
        }
    }

    /// Takes note of an instrument's reports ("RptSeq") in a message, the first and the last one of them.
    #[inline(always)]
    pub(super) fn report(&mut self, place: Place, (first, last): (u32, u32)) {
        let number = self.entry(place).number;
        if first == 1 && self.reports.last(number) == 0 {
            self.begin(place);
        }
        // An entry without a number says nothing of where the reports stand.
        if last != 0 {
            self.reports.note(number, last);
        }
    }

    /// "RptSeq" of the instrument's last report; 0 where it has had none.
    pub(super) fn reported(&self, place: Place) -> u32 {
        self.reports.last(self.entry(place).number)
    }

    /// The instrument's books are empty, or nothing was ever said of them: they are right from here on.
    #[cold]
    #[inline(never)]
    pub(super) fn begin(&mut self, place: Place) {
        self.cleanse(place, Books::Both);
        self.news |= self.in_doubt();
    }

    /// Whether any instrument whose books were in doubt, or all of them, began anew since it was last asked.
    #[inline(always)]
    pub(super) fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.news)
    }

    /// What is known of the books of which `is_right` says so by number is right, whatever was lost before.
    #[cold]
    pub(super) fn cleanse_those(&mut self, is_right: impl Fn(u32, Books) -> bool) {
        let gaps = self.gaps;
        for entry in self.entries.iter_mut().filter(|entry| entry.number != 0) {
            if is_right(entry.number.into(), Books::Levels) {
                entry.levels_clean_at = gaps;
            }
            if is_right(entry.number.into(), Books::Orders) {
                entry.orders_clean_at = gaps;
            }
        }
    }

    /// The books of which `is_doubted` says so by number were given up: they are in doubt, whatever was known of them.
    #[cold]
    pub(super) fn taint_those(&mut self, is_doubted: impl Fn(u32, Books) -> bool) {
        let before = self.gaps.wrapping_sub(1);
        for entry in self.entries.iter_mut().filter(|entry| entry.number != 0) {
            if is_doubted(entry.number.into(), Books::Levels) {
                entry.levels_clean_at = before;
            }
            if is_doubted(entry.number.into(), Books::Orders) {
                entry.orders_clean_at = before;
            }
        }
    }

    /// Messages about any instrument may be missing.
    pub(super) fn taint_all(&mut self) {
        self.gaps = self.gaps.wrapping_add(1);
    }

    /// Whether messages may be missing since the last new beginning.
    #[inline(always)]
    pub(super) const fn in_doubt(&self) -> bool {
        self.anew_at != self.gaps
    }

    /// Every instrument begins anew, with an empty book. Costs as much as was told since the last time, not as much as
    /// there are instruments.
    pub(super) fn begin_anew(&mut self) {
        self.anew_at = self.gaps;
        self.news = true;
        self.reports.begin_anew();
        for place in self.told.drain(..) {
            if let Some(entry) = self.entries.get_mut(place as usize) {
                entry.told = false;
                entry.open = false;
            }
        }
    }

    /// The instruments of whose books a record went out since the last new beginning.
    pub(super) fn told(&self) -> impl Iterator<Item = InstrumentId> {
        let places = self.told.iter();
        places.map(|&place| self.instrument(Place(place as usize)))
    }

    /// Takes note that a record of the instrument's books went out.
    #[inline(always)]
    pub(super) fn tell(&mut self, place: Place) {
        if let Some(entry) = self.entries.get_mut(place.0)
            && !std::mem::replace(&mut entry.told, true)
        {
            // No more than there are instruments, for which there is room; and fewer places than a u32 counts.
            self.told.push(place.0 as u32);
        }
    }

    /// Says whether an event of the instrument goes on, and whether one did before.
    #[inline(always)]
    pub(super) fn set_open(&mut self, place: Place, open: bool) -> bool {
        match self.entries.get_mut(place.0) {
            Some(entry) => std::mem::replace(&mut entry.open, open),
            None => false,
        }
    }

    /// The numbers in use, from 1.
    pub(super) const fn used(&self) -> u32 {
        self.used
    }

    /// Forgets all instruments, because the session they were numbered in is over, and tells `sink` so.
    pub(super) fn forget<S: RecordSink>(&mut self, counters: &mut DecoderCounters, sink: &mut S) {
        for number in 1..=self.used {
            let known = &mut self.known[number as usize];
            if known.symbol != Text::default() {
                sink.instrument(InstrumentId(number), b"");
            }
            *known = Known::default();
        }
        self.entries.fill(Entry::default());
        self.groups.fill(Group::default());
        self.groups_used = 0;
        self.reports.begin_anew();
        self.used = 0;
        self.told.clear();
        self.last = (0, Place(0));
        counters.instruments = 0;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::itch50::harness::{Collector, Published};
    use crate::sink::Outputs;

    fn members(directory: &Directory, group: &str) -> Vec<u32> {
        let mut members = Vec::new();
        let mut number = directory.first_of_group(&Text::new(group));
        while number != 0 {
            members.push(number);
            number = directory.next_of_group(number).0;
        }
        members
    }

    #[test]
    fn instruments_are_numbered_as_they_appear_and_found_again() {
        let mut directory = Directory::new(100);
        for _ in 0..2 {
            for n in 1..=100 {
                let place = directory.find(n * 7_919).unwrap();
                assert_eq!(directory.instrument(place).0, n.cast_unsigned());
                assert_eq!(directory.look_up(n * 7_919).0, n.cast_unsigned());
            }
        }
        for no_id in [0, -1, i32::MIN, 5] {
            assert_eq!(directory.find(no_id), None, "{no_id}");
        }
        assert!(directory.take_refused() && !directory.take_refused());
        assert_eq!(directory.look_up(5), (0, b"".as_slice()));
    }

    #[test]
    fn a_report_without_a_number_is_forgotten_and_not_the_one_before_it() {
        let mut directory = Directory::new(10);
        let place = directory.find(5).unwrap();
        directory.report(place, (7, 8));
        directory.report(place, (0, 0));
        assert_eq!(directory.reported(place), 8);
        directory.taint_all();
        assert!(!directory.is_clean(place, Books::Levels));
        // Were the eighth forgotten, this would be the instrument's first.
        directory.report(place, (1, 1));
        assert!(!directory.is_clean(place, Books::Levels));
    }

    #[test]
    fn a_book_that_is_given_up_is_in_doubt_though_its_instrument_was_new() {
        let mut directory = Directory::new(10);
        let places = [5, 6].map(|id| directory.find(id).unwrap());
        directory.taint_all();
        for place in places {
            directory.report(place, (1, 1));
            assert!(directory.is_clean(place, Books::Both));
        }
        directory.taint_those(|number, books| number == 2 && books == Books::Orders);
        assert!(directory.is_clean(places[0], Books::Both));
        assert!(directory.is_clean(places[1], Books::Levels));
        assert!(!directory.is_clean(places[1], Books::Orders));
    }

    #[test]
    fn a_symbol_is_told_once_and_groups_hold_their_members() {
        let mut directory = Directory::new(10);
        let mut counters = DecoderCounters::new();
        let mut sink = Collector::new(Outputs::NONE);
        let names = (Text::new("ES"), Text::new("ES"));
        for _ in 0..2 {
            for (id, symbol) in [(9, "ESU6"), (4, "ESU6-ESZ6")] {
                let place = directory.find(id).unwrap();
                directory.learn(place, Text::new(symbol), names, &mut counters, &mut sink);
            }
        }
        assert_eq!((sink.published.len(), counters.instruments), (2, 2));
        assert_eq!(members(&directory, "ES"), [2, 1]);
        assert_eq!(members(&directory, "NQ"), [0; 0]);
        assert_eq!(directory.look_up(4), (2, b"ESU6-ESZ6".as_slice()));
        // A blank symbol, and one of no characters.
        let place = directory.find(77).unwrap();
        for symbol in ["", "\u{7f}"] {
            directory.learn(place, Text::new(symbol), names, &mut counters, &mut sink);
        }
        assert_eq!(counters.symbols_refused, 1, "the blank one is no news");
        directory.forget(&mut counters, &mut sink);
        assert_eq!(counters.instruments, 0);
        assert!(sink.published[2..].iter().all(
            |published| matches!(published, Published::Symbol { symbol, .. } if symbol.is_empty())
        ));
        assert_eq!((directory.used(), directory.look_up(9).0), (0, 0));
        assert_eq!(members(&directory, "ES"), [0; 0]);
    }

    #[test]
    fn a_gap_taints_until_the_instrument_is_told_anew() {
        let mut directory = Directory::new(10);
        let old = directory.find(1).unwrap();
        assert!(directory.is_clean(old, Books::Both));
        directory.taint_all();
        let new = directory.find(2).unwrap();
        let clean = |directory: &Directory, place| {
            [Books::Levels, Books::Orders, Books::Both]
                .map(|books| directory.is_clean(place, books))
        };
        assert_eq!(clean(&directory, old), [false; 3]);
        directory.cleanse(old, Books::Levels);
        assert_eq!(clean(&directory, old), [true, false, false]);
        directory.cleanse(old, Books::Orders);
        assert_eq!(clean(&directory, old), [true; 3]);
        assert_eq!(clean(&directory, new), [false; 3]);
        directory.begin_anew();
        assert_eq!(clean(&directory, new), [true; 3]);
        directory.taint_all();
        assert_eq!(clean(&directory, old), [false; 3], "each gap is a doubt");
        directory.cleanse(new, Books::Both);
        assert_eq!(clean(&directory, new), [true; 3]);
    }

    #[test]
    fn an_instruments_first_report_is_a_new_beginning() {
        let mut directory = Directory::new(10);
        let places = [5, 6, 7].map(|id| directory.find(id).unwrap());
        directory.report(places[0], (1, 3));
        assert!(!directory.take_news(), "nothing was in doubt");
        directory.taint_all();
        directory.report(places[0], (1, 1));
        directory.report(places[1], (2, 2));
        assert!(!directory.take_news(), "neither is the first one");
        directory.report(places[2], (1, 2));
        assert!(directory.take_news() && !directory.take_news());
        let clean =
            |directory: &Directory| places.map(|place| directory.is_clean(place, Books::Both));
        assert_eq!(clean(&directory), [false, false, true]);
        directory.cleanse_those(|number, books| (number, books) != (2, Books::Orders));
        assert_eq!(clean(&directory), [true, false, true]);
        assert_eq!(places.map(|place| directory.reported(place)), [1, 2, 2]);
        directory.begin_anew();
        assert!(directory.take_news());
        assert_eq!(places.map(|place| directory.reported(place)), [0; 3]);
    }

    #[test]
    fn what_is_named_only_takes_half_of_the_room() {
        let mut directory = Directory::new(4);
        assert_eq!([7, 8, 9].map(|id| directory.number_of(id)), [1, 2, 0]);
        assert_eq!([0, -7, 8].map(|id| directory.number_of(id)), [0, 0, 2]);
        assert!(!directory.take_refused());
        assert_eq!(
            [9, 10, 11].map(|id| directory.find(id).is_some()),
            [true, true, false]
        );
        assert_eq!(directory.number_of(9), 3);
    }

    #[test]
    fn a_new_beginning_is_of_those_that_were_told() {
        let mut directory = Directory::new(10);
        let places = [5, 6, 7].map(|id| directory.find(id).unwrap());
        for place in [places[2], places[0], places[2]] {
            directory.tell(place);
        }
        assert!(!directory.set_open(places[2], true));
        let told = |directory: &Directory| directory.told().map(|id| id.0).collect::<Vec<_>>();
        assert_eq!(told(&directory), [3, 1]);
        directory.begin_anew();
        assert_eq!(told(&directory), [0; 0]);
        assert!(!directory.set_open(places[2], false));
        directory.tell(places[2]);
        assert_eq!(told(&directory), [3]);
    }
}
