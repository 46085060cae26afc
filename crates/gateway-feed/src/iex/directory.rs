//! The day's instruments: IEX names them by symbol alone, so they are numbered here, in the order in which they appear,
//! from 1 (or as a symbols file says).
//!
//! A table of the symbols' eight bytes, at most half full: one cache line for nearly every message. Nothing is allocated
//! after construction; symbols beyond its room are refused and counted.

use crate::decoder::DecoderCounters;
use crate::itch50::fields::Symbol;
use crate::sink::{InstrumentId, RecordSink};

/// 2^64 divided by the golden ratio: its products spread over the high bits (Fibonacci hashing).
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
struct Entry {
    /// The symbol's bytes; 0 (no symbol has eight zero bytes) where the place is free.
    symbol: u64,
    instrument: u32,
    /// How many gaps there were when the instrument's book was known to be right.
    clean_at: u32,
}

/// Where an instrument stands in the directory, until the next message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(usize);

/// The day's instruments by symbol.
#[derive(Debug)]
pub(crate) struct Directory {
    entries: Box<[Entry]>,
    shift: u32,
    room: usize,
    used: usize,
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
            entries: vec![Entry::default(); places].into_boxed_slice(),
            shift: 64 - places.trailing_zeros(),
            room,
            used: 0,
            next_instrument: 1,
            gaps: 0,
        }
    }

    /// The instrument at a place.
    #[inline(always)]
    pub(crate) fn instrument(&self, place: Place) -> InstrumentId {
        InstrumentId(self.entry(place).instrument)
    }

    /// Whether a book built from all records so far can be trusted.
    #[inline(always)]
    pub(crate) fn is_clean(&self, place: Place) -> bool {
        self.entry(place).clean_at == self.gaps
    }

    /// What is known of the instrument is right, whatever was lost before.
    #[inline(always)]
    pub(crate) fn cleanse(&mut self, place: Place) {
        let gaps = self.gaps;
        if let Some(entry) = self.entries.get_mut(place.0) {
            entry.clean_at = gaps;
        }
    }

    /// Messages about any instrument may be missing.
    pub(crate) fn taint_all(&mut self) {
        self.gaps = self.gaps.saturating_add(1);
    }

    /// Every instrument begins anew, with an empty book.
    pub(crate) fn begin_anew(&mut self) {
        self.gaps = 0;
        for entry in self.entries.iter_mut() {
            entry.clean_at = 0;
        }
    }

    /// The instruments that are known.
    pub(crate) fn known(&self) -> impl Iterator<Item = InstrumentId> {
        self.entries
            .iter()
            .filter(|entry| entry.symbol != 0)
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
        let at = self.search(word);
        if self.entries[at].symbol == word && word != 0 {
            return Some(Place(at));
        }
        let instrument = self.next_instrument;
        self.learn(at, symbol, instrument, counters, sink)
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
        if self.entries[at].symbol == 0 {
            self.learn(at, symbol, instrument.into(), counters, sink);
        }
    }

    /// Forgets all symbols, because the session they were numbered in is over, and tells `sink` so.
    pub(crate) fn forget<S: RecordSink>(&mut self, counters: &mut DecoderCounters, sink: &mut S) {
        for entry in self.entries.iter_mut() {
            if entry.symbol != 0 {
                sink.instrument(InstrumentId(entry.instrument), b"");
            }
            *entry = Entry::default();
        }
        self.used = 0;
        self.next_instrument = 1;
        counters.instruments = 0;
    }

    #[inline(always)]
    fn entry(&self, place: Place) -> Entry {
        self.entries.get(place.0).copied().unwrap_or_default()
    }

    /// Where the symbol stands, or would stand. Ends at a free place: at most half are taken.
    #[inline(always)]
    fn search(&self, word: u64) -> usize {
        let mask = self.entries.len() - 1;
        let mut at = (word.wrapping_mul(GOLDEN) >> self.shift) as usize & mask;
        loop {
            let found = self.entries[at].symbol;
            if found == word || found == 0 {
                return at;
            }
            at = (at + 1) & mask;
        }
    }

    #[cold]
    #[inline(never)]
    fn learn<S: RecordSink>(
        &mut self,
        at: usize,
        symbol: Symbol,
        instrument: u32,
        counters: &mut DecoderCounters,
        sink: &mut S,
    ) -> Option<Place> {
        if !symbol.is_valid() || self.used == self.room || instrument > u32::from(u16::MAX) {
            counters.symbols_refused += 1;
            return None;
        }
        self.entries[at] = Entry {
            symbol: u64::from_ne_bytes(symbol.0),
            instrument,
            // Nothing of it can be missing that was not missing of all: clean only where nothing ever was.
            clean_at: 0,
        };
        self.used += 1;
        self.next_instrument = self.next_instrument.max(instrument + 1);
        counters.instruments += 1;
        sink.instrument(InstrumentId(instrument), symbol.trimmed());
        Some(Place(at))
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
        let number = place.map(|place| directory.instrument(place).0);
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

    #[test]
    fn a_gap_taints_until_the_instrument_is_told_anew() {
        let mut directory = Directory::new(10);
        let mut counters = DecoderCounters::new();
        let mut sink = Collector::new(Outputs::NONE);
        let mut place = |directory: &mut Directory, text| {
            directory
                .find(Symbol::new(text).unwrap(), &mut counters, &mut sink)
                .unwrap()
        };
        let old = place(&mut directory, "OLD");
        assert!(directory.is_clean(old));
        directory.taint_all();
        // Also one that appears only now: its first messages may be among the lost ones.
        let new = place(&mut directory, "NEW");
        assert!(!directory.is_clean(old) && !directory.is_clean(new));
        directory.cleanse(old);
        assert!(directory.is_clean(old) && !directory.is_clean(new));
        directory.begin_anew();
        assert!(directory.is_clean(new));
    }
}
