//! The channel's instruments, by CME's security id.
//!
//! Security ids go into the millions; the gateway's tables want small numbers. So instruments are numbered here, from 1, in
//! the order in which they appear. A definition tells the symbol, which may be much later than the first update, or never
//! where nobody listens to the instrument feed.
//!
//! Two tables: a small one that every entry looks into (an eighth of a cache line, at most half full), and one of what
//! only definitions and states need. Nothing is allocated after construction; instruments beyond the room are refused
//! and counted.

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
    number: u32,
    /// How many gaps there were when the instrument's book was known to be right.
    clean_at: u32,
    /// Whether records of an event are out, and its last one is not.
    open: bool,
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
    groups: Box<[Group]>,
    groups_used: usize,
    used: u32,
    /// Gaps since the last new beginning.
    gaps: u32,
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
            groups: vec![Group::default(); GROUP_PLACES].into_boxed_slice(),
            groups_used: 0,
            used: 0,
            gaps: 0,
            last: (0, Place(0)),
        }
    }

    /// Finds the instrument of that security id, or numbers it. `None` where it is no id, or there is no room for another:
    /// that is counted.
    #[inline(always)]
    pub(super) fn find(
        &mut self,
        security_id: i32,
        counters: &mut DecoderCounters,
    ) -> Option<Place> {
        let id = security_id.cast_unsigned();
        if id == self.last.0 && id != 0 {
            return Some(self.last.1);
        }
        let at = self.search(id);
        let place = if self.entries[at].security_id == id && id != 0 {
            Place(at)
        } else {
            self.number_new(at, security_id, counters)?
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
    fn number_new(
        &mut self,
        at: usize,
        security_id: i32,
        counters: &mut DecoderCounters,
    ) -> Option<Place> {
        let number = self.used + 1;
        if security_id <= 0 || number as usize >= self.known.len() {
            counters.symbols_refused += 1;
            return None;
        }
        let security_id = security_id.cast_unsigned();
        self.used = number;
        self.entries[at] = Entry {
            security_id,
            number,
            // Nothing of it can be missing that was not missing of all: clean only where nothing ever was.
            clean_at: 0,
            open: false,
        };
        Some(Place(at))
    }

    #[inline(always)]
    fn entry(&self, place: Place) -> Entry {
        self.entries.get(place.0).copied().unwrap_or_default()
    }

    /// The instrument's number.
    #[inline(always)]
    pub(super) fn instrument(&self, place: Place) -> InstrumentId {
        InstrumentId(self.entry(place).number)
    }

    /// The number of the instrument of that id, and its symbol; 0 and nothing where it is not known.
    pub(super) fn look_up(&self, security_id: i32) -> (u32, &[u8]) {
        let id = security_id.cast_unsigned();
        let entry = self.entries[self.search(id)];
        if id == 0 || entry.security_id != id {
            return (0, b"");
        }
        (
            entry.number,
            self.known[entry.number as usize].symbol.trimmed(),
        )
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
        let number = self.entry(place).number;
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

    /// Whether a book built from all records so far can be trusted.
    #[inline(always)]
    pub(super) fn is_clean(&self, place: Place) -> bool {
        self.entry(place).clean_at == self.gaps
    }

    /// What is known of the instrument is right, whatever was lost before.
    pub(super) fn cleanse(&mut self, place: Place) {
        let gaps = self.gaps;
        if let Some(entry) = self.entries.get_mut(place.0) {
            entry.clean_at = gaps;
        }
    }

    /// Messages about any instrument may be missing.
    pub(super) fn taint_all(&mut self) {
        self.gaps = self.gaps.saturating_add(1);
    }

    /// Every instrument begins anew, with an empty book.
    pub(super) fn begin_anew(&mut self) {
        self.gaps = 0;
        for entry in self.entries.iter_mut() {
            entry.clean_at = 0;
            entry.open = false;
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
        self.used = 0;
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
        let mut counters = DecoderCounters::new();
        for _ in 0..2 {
            for n in 1..=100 {
                let place = directory.find(n * 7_919, &mut counters).unwrap();
                assert_eq!(directory.instrument(place).0, n.cast_unsigned());
                assert_eq!(directory.look_up(n * 7_919).0, n.cast_unsigned());
            }
        }
        for no_id in [0, -1, i32::MIN, 5] {
            assert_eq!(directory.find(no_id, &mut counters), None, "{no_id}");
        }
        assert_eq!(counters.symbols_refused, 4);
        assert_eq!(directory.look_up(5), (0, b"".as_slice()));
    }

    #[test]
    fn a_symbol_is_told_once_and_groups_hold_their_members() {
        let mut directory = Directory::new(10);
        let mut counters = DecoderCounters::new();
        let mut sink = Collector::new(Outputs::NONE);
        let names = (Text::new("ES"), Text::new("ES"));
        for _ in 0..2 {
            for (id, symbol) in [(9, "ESU6"), (4, "ESU6-ESZ6")] {
                let place = directory.find(id, &mut counters).unwrap();
                directory.learn(place, Text::new(symbol), names, &mut counters, &mut sink);
            }
        }
        assert_eq!((sink.published.len(), counters.instruments), (2, 2));
        assert_eq!(members(&directory, "ES"), [2, 1]);
        assert_eq!(members(&directory, "NQ"), [0; 0]);
        assert_eq!(directory.look_up(4), (2, b"ESU6-ESZ6".as_slice()));
        // A blank symbol, and one of no characters.
        let place = directory.find(77, &mut counters).unwrap();
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
        let mut counters = DecoderCounters::new();
        let old = directory.find(1, &mut counters).unwrap();
        assert!(directory.is_clean(old));
        directory.taint_all();
        let new = directory.find(2, &mut counters).unwrap();
        assert!(!directory.is_clean(old) && !directory.is_clean(new));
        directory.cleanse(old);
        assert!(directory.is_clean(old) && !directory.is_clean(new));
        directory.begin_anew();
        assert!(directory.is_clean(new));
    }
}
