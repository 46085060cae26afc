//! What is known of each instrument today: its symbol, and whether its book can be trusted.
//!
//! Nasdaq numbers its instruments anew each day and announces the numbers in stock directory messages before the
//! market opens. A capture that starts later misses them, but most messages that name an instrument carry both the
//! number and the symbol; from any of these the directory learns too. Looking whether there is anything to learn is
//! one load and one compare, and never taken after an instrument's first message.
//!
//! Trust is one compare as well. Messages that are lost could have been about any instrument, so a gap raises one
//! number, and every instrument that was clean before is not any longer.

use super::fields::Symbol;
use crate::decoder::DecoderCounters;
use crate::sink::{InstrumentId, RecordSink};

/// One entry for each possible stock locate.
const LOCATES: usize = 1 << 16;
/// An instrument that nothing but a new beginning makes clean.
const TAINTED: u32 = u32::MAX;

#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
struct Entry {
    /// The symbol's bytes; 0 (no symbol has eight zero bytes) where it is not known.
    symbol: u64,
    /// How many gaps there were when the instrument's book was known to be right.
    clean_at: u32,
}

/// The day's instruments by stock locate: 1 MiB, of which a day touches about a sixth.
#[derive(Debug)]
pub struct Directory {
    entries: Box<[Entry; LOCATES]>,
    /// Gaps since the last new beginning.
    gaps: u32,
}

impl Directory {
    /// A directory that knows nothing.
    #[must_use]
    pub fn new() -> Self {
        // From a vector, so that the array never stands on the stack.
        let entries = vec![Entry::default(); LOCATES].into_boxed_slice();
        Self {
            entries: entries.try_into().expect("the vector has this length"),
            gaps: 0,
        }
    }

    /// The symbol of `locate`, where it is known.
    #[must_use]
    pub fn symbol(&self, locate: u16) -> Option<Symbol> {
        match self.word(locate) {
            0 => None,
            word => Some(Symbol(word.to_ne_bytes())),
        }
    }

    /// What stands for the symbol of `locate`: its eight bytes as a word, or 0.
    #[inline(always)]
    pub(super) fn word(&self, locate: u16) -> u64 {
        self.entries[usize::from(locate)].symbol
    }

    /// Whether a book of `locate`, built from all records so far, can be trusted.
    #[inline(always)]
    pub(super) fn is_clean(&self, locate: u16) -> bool {
        self.entries[usize::from(locate)].clean_at == self.gaps
    }

    /// Messages about any instrument may be missing.
    pub(super) fn taint_all(&mut self) {
        // At the end of the numbers, which no feed reaches, all stay as they are: not clean.
        self.gaps = (self.gaps + 1).min(TAINTED - 1);
    }

    /// Something about this instrument is missing.
    #[cold]
    pub(super) fn taint(&mut self, locate: u16) {
        self.entries[usize::from(locate)].clean_at = TAINTED;
    }

    /// Every instrument begins anew, without any order.
    pub(super) fn begin_anew(&mut self) {
        self.gaps = 0;
        for entry in self.entries.iter_mut() {
            entry.clean_at = 0;
        }
    }

    /// The instruments that may have orders: those whose symbol is known, and those of which it is known only that
    /// something is missing.
    pub(super) fn may_have_orders(&self) -> impl Iterator<Item = InstrumentId> {
        let may_have = |entry: &Entry| entry.symbol != 0 || entry.clean_at == TAINTED;
        let numbered = (0..).zip(self.entries.iter());
        numbered.filter_map(move |(locate, entry)| may_have(entry).then_some(InstrumentId(locate)))
    }

    /// Takes note that `locate` is `stock`, and tells `sink` if that is news.
    #[inline(always)]
    pub(super) fn observe<S: RecordSink>(
        &mut self,
        locate: u16,
        stock: Symbol,
        counters: &mut DecoderCounters,
        sink: &mut S,
    ) {
        if self.word(locate) != u64::from_ne_bytes(stock.0) {
            self.learn(locate, stock, counters, sink);
        }
    }

    /// Learns that `locate` is `stock`, unless it is no symbol, and tells `sink`.
    #[cold]
    #[inline(never)]
    pub(super) fn learn<S: RecordSink>(
        &mut self,
        locate: u16,
        stock: Symbol,
        counters: &mut DecoderCounters,
        sink: &mut S,
    ) {
        // Locate 0 is no instrument: a message may name a stock without numbering it.
        if locate == 0 {
            return;
        }
        if !stock.is_valid() {
            counters.symbols_refused += 1;
            return;
        }
        let symbol = &mut self.entries[usize::from(locate)].symbol;
        counters.instruments += u64::from(*symbol == 0);
        *symbol = u64::from_ne_bytes(stock.0);
        sink.instrument(InstrumentId(locate.into()), stock.trimmed());
    }

    /// Forgets all symbols, because the session they were valid for is over, and tells `sink` so.
    pub(super) fn forget<S: RecordSink>(&mut self, counters: &mut DecoderCounters, sink: &mut S) {
        for (locate, entry) in (0..).zip(self.entries.iter_mut()) {
            if entry.symbol != 0 {
                entry.symbol = 0;
                sink.instrument(InstrumentId(locate), b"");
            }
        }
        counters.instruments = 0;
    }
}

impl Default for Directory {
    fn default() -> Self {
        Self::new()
    }
}
