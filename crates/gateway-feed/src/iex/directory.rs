//! The day's instruments: IEX names them by symbol alone, so they are numbered here, in the order in which they appear,
//! from 1 (or as a symbols file says).
//!
//! Two tables: what is known of each instrument, in the order of their appearance, and where in it a symbol stands, by the
//! symbol's hash, at most half full. One table of entries by hash would be looked into once instead of twice, but a line of
//! the cache would hold a single instrument, and thousands of lines more be in use than the nearest caches have. Nothing is
//! allocated after construction; symbols beyond its room are refused and counted.

use crate::decoder::DecoderCounters;
use crate::itch50::fields::Symbol;
use crate::sink::{InstrumentId, RecordSink};

/// 2^64 divided by the golden ratio: its products spread over the high bits (Fibonacci hashing).
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
struct Entry {
    /// The symbol's bytes; 0 (no symbol has eight zero bytes) where there is none.
    symbol: u64,
    instrument: u32,
    /// How many gaps there were when the instrument's book was known to be right.
    clean_at: u32,
}

/// An instrument as the directory has it, until the next message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    slot: u16,
    entry: Entry,
}

impl Place {
    /// The instrument.
    #[inline(always)]
    pub(crate) const fn instrument(self) -> InstrumentId {
        InstrumentId(self.entry.instrument)
    }
}

/// The day's instruments by symbol.
#[derive(Debug)]
pub(crate) struct Directory {
    /// By a symbol's hash: in which slot of the entries it stands; 0 where the place is free.
    slots: Box<[u16]>,
    /// In the order of appearance, from slot 1 on.
    entries: Box<[Entry]>,
    shift: u32,
    /// Slots that are taken.
    used: u16,
    next_instrument: u32,
    /// Gaps since the last new beginning.
    gaps: u32,
}

impl Directory {
    /// An empty one for up to `instruments_max` instruments, 1 to 65,535.
    pub(crate) fn new(instruments_max: u16) -> Self {
        let room = usize::from(instruments_max.max(1));
        let places = (room * 2).next_power_of_two();
        Self {
            slots: vec![0; places].into_boxed_slice(),
            entries: vec![Entry::default(); room + 1].into_boxed_slice(),
            shift: 64 - places.trailing_zeros(),
            used: 0,
            next_instrument: 1,
            gaps: 0,
        }
    }

    /// Whether a book built from all records so far can be trusted.
    #[inline(always)]
    pub(crate) const fn is_clean(&self, place: &Place) -> bool {
        place.entry.clean_at == self.gaps
    }

    /// What is known of the instrument is right, whatever was lost before.
    #[inline(always)]
    pub(crate) fn cleanse(&mut self, place: &mut Place) {
        if !self.is_clean(place) {
            place.entry.clean_at = self.gaps;
            self.store(*place);
        }
    }

    /// Out of line: a message after a loss is rare, and a line that is not written need not be written back.
    #[cold]
    #[inline(never)]
    fn store(&mut self, place: Place) {
        self.entries[usize::from(place.slot)] = place.entry;
    }

    /// Messages about any instrument may be missing.
    pub(crate) fn taint_all(&mut self) {
        self.gaps = self.gaps.saturating_add(1);
    }

    /// Every instrument begins anew, with an empty book.
    pub(crate) fn begin_anew(&mut self) {
        self.gaps = 0;
        for entry in &mut self.entries[1..=usize::from(self.used)] {
            entry.clean_at = 0;
        }
    }

    /// The instruments that are known, in the order of their appearance.
    pub(crate) fn known(&self) -> impl Iterator<Item = InstrumentId> {
        self.entries[1..=usize::from(self.used)]
            .iter()
            .map(|entry| InstrumentId(entry.instrument))
    }

    /// Finds the instrument of that symbol, or numbers it and tells `sink`. `None` where it is no symbol, or there is no
    /// room for another: that is counted.
    #[inline(always)]
    pub(crate) fn find<S: RecordSink>(
        &mut self,
        symbol: Symbol,
        counters: &mut DecoderCounters,
        sink: &mut S,
    ) -> Option<Place> {
        let word = u64::from_ne_bytes(symbol.0);
        let mut slot = self.slots.get(self.home(word)).copied().unwrap_or(0);
        let mut entry = self.entry(slot);
        if entry.symbol != word || word == 0 {
            // As a number, which stays in a register where a place would go through memory.
            slot = self.find_further(symbol, counters, sink);
            if slot == 0 {
                return None;
            }
            entry = self.entry(slot);
        }
        Some(Place { slot, entry })
    }

    /// The slot of an instrument that does not stand at the first place for its symbol, or is numbered now; 0 where it
    /// cannot be.
    #[inline(never)]
    fn find_further<S: RecordSink>(
        &mut self,
        symbol: Symbol,
        counters: &mut DecoderCounters,
        sink: &mut S,
    ) -> u16 {
        let at = self.search(u64::from_ne_bytes(symbol.0));
        match self.slots[at] {
            0 => self.learn(at, symbol, self.next_instrument, counters, sink),
            slot => slot,
        }
    }

    /// Gives a symbol the number that a symbols file has for it.
    pub(crate) fn preset<S: RecordSink>(
        &mut self,
        symbol: Symbol,
        instrument: u16,
        counters: &mut DecoderCounters,
        sink: &mut S,
    ) {
        let at = self.search(u64::from_ne_bytes(symbol.0));
        if self.slots[at] == 0 {
            self.learn(at, symbol, instrument.into(), counters, sink);
        }
    }

    /// Forgets all symbols, because the session they were numbered in is over, and tells `sink` so.
    pub(crate) fn forget<S: RecordSink>(&mut self, counters: &mut DecoderCounters, sink: &mut S) {
        for entry in &mut self.entries[1..=usize::from(self.used)] {
            sink.instrument(InstrumentId(entry.instrument), b"");
            *entry = Entry::default();
        }
        self.slots.fill(0);
        self.used = 0;
        self.next_instrument = 1;
        counters.instruments = 0;
    }

    #[inline(always)]
    fn entry(&self, slot: u16) -> Entry {
        self.entries
            .get(usize::from(slot))
            .copied()
            .unwrap_or_default()
    }

    /// The first place for a symbol.
    #[inline(always)]
    fn home(&self, word: u64) -> usize {
        (word.wrapping_mul(GOLDEN) >> self.shift) as usize
    }

    /// The place of a symbol, or the free one that it would have. There is one: at most half are taken.
    fn search(&self, word: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = self.home(word) & mask;
        loop {
            let slot = self.slots[at];
            if slot == 0 || self.entry(slot).symbol == word {
                return at;
            }
            at = (at + 1) & mask;
        }
    }

    /// Numbers the instrument of a symbol whose place is `at`; gives its slot, or 0 where it cannot be numbered.
    #[cold]
    #[inline(never)]
    fn learn<S: RecordSink>(
        &mut self,
        at: usize,
        symbol: Symbol,
        instrument: u32,
        counters: &mut DecoderCounters,
        sink: &mut S,
    ) -> u16 {
        let slot = self.used.saturating_add(1);
        let has_room = usize::from(self.used) + 1 < self.entries.len();
        if !symbol.is_valid() || !has_room || instrument > u32::from(u16::MAX) {
            counters.symbols_refused += 1;
            return 0;
        }
        self.slots[at] = slot;
        self.entries[usize::from(slot)] = Entry {
            symbol: u64::from_ne_bytes(symbol.0),
            instrument,
            // Nothing of it can be missing that was not missing of all: clean only where nothing ever was.
            clean_at: 0,
        };
        self.used = slot;
        self.next_instrument = self.next_instrument.max(instrument + 1);
        counters.instruments += 1;
        sink.instrument(InstrumentId(instrument), symbol.trimmed());
        slot
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::itch50::harness::{Collector, Published};
    use crate::sink::Outputs;

    fn find(directory: &mut Directory, text: &str) -> (Option<u32>, DecoderCounters) {
        let mut counters = DecoderCounters::new();
        let mut sink = Collector::new(Outputs::NONE);
        let place = directory.find(Symbol::new(text).unwrap(), &mut counters, &mut sink);
        let number = place.map(|place| place.instrument().0);
        let told = matches!(sink.published.as_slice(), [Published::Symbol { instrument, symbol }]
            if Some(instrument.0) == number && symbol == text.as_bytes());
        assert_eq!(told, counters.instruments == 1, "{text}");
        (number, counters)
    }

    #[test]
    fn symbols_are_numbered_as_they_appear_and_found_again() {
        let mut directory = Directory::new(100);
        for round in 0..2 {
            for n in 1..=100 {
                let (number, counters) = find(&mut directory, &format!("S{n}"));
                assert_eq!(number, Some(n));
                assert_eq!(counters.instruments, u64::from(round == 0));
            }
        }
        let (number, counters) = find(&mut directory, "ONEMORE");
        assert_eq!((number, counters.symbols_refused), (None, 1));
        assert_eq!(directory.known().count(), 100);
    }

    #[test]
    fn what_is_no_symbol_is_refused() {
        let mut directory = Directory::new(10);
        let mut counters = DecoderCounters::new();
        for bytes in [[0; 8], *b"        ", *b"A B     ", [0xff; 8]] {
            let place = directory.find(
                Symbol(bytes),
                &mut counters,
                &mut Collector::new(Outputs::NONE),
            );
            assert_eq!(place, None);
        }
        assert_eq!((counters.symbols_refused, counters.instruments), (4, 0));
    }

    fn place(directory: &mut Directory, text: &str) -> Place {
        let mut counters = DecoderCounters::new();
        let mut sink = Collector::new(Outputs::NONE);
        let symbol = Symbol::new(text).unwrap();
        directory.find(symbol, &mut counters, &mut sink).unwrap()
    }

    #[test]
    fn a_gap_taints_until_the_instrument_is_told_anew() {
        let mut directory = Directory::new(10);
        let is_clean = |directory: &mut Directory, text| {
            let place = place(directory, text);
            directory.is_clean(&place)
        };
        assert!(is_clean(&mut directory, "OLD"));
        directory.taint_all();
        // Also one that appears only now: its first messages may be among the lost ones.
        assert!(!is_clean(&mut directory, "OLD") && !is_clean(&mut directory, "NEW"));
        let mut old = place(&mut directory, "OLD");
        directory.cleanse(&mut old);
        assert!(directory.is_clean(&old));
        assert!(is_clean(&mut directory, "OLD") && !is_clean(&mut directory, "NEW"));
        directory.begin_anew();
        assert!(is_clean(&mut directory, "OLD") && is_clean(&mut directory, "NEW"));
    }
}
