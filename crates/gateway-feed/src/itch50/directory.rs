//! Which symbol a stock locate is today.
//!
//! Nasdaq numbers its instruments anew each day and announces the numbers in stock directory messages before the
//! market opens. A capture that starts later misses them, but most messages that name an instrument carry both the
//! number and the symbol; from any of these the directory learns too. Looking whether there is anything to learn is
//! one load and one compare, and never taken after an instrument's first message.

use super::fields::Symbol;
use crate::decoder::DecoderCounters;
use crate::sink::{InstrumentId, RecordSink};

/// One word for each possible stock locate; 0 (no symbol has eight zero bytes) where it is not known.
const LOCATES: usize = 1 << 16;

/// The day's symbols by stock locate: 512 KiB, of which a day touches about a sixth.
#[derive(Clone, Debug)]
pub struct Directory {
    symbols: Box<[u64; LOCATES]>,
}

impl Directory {
    /// A directory that knows nothing.
    #[must_use]
    pub fn new() -> Self {
        // From a vector, so that the array never stands on the stack.
        let symbols = vec![0; LOCATES].into_boxed_slice();
        Self {
            symbols: symbols.try_into().expect("the vector has this length"),
        }
    }

    /// The symbol of `locate`, where it is known.
    #[must_use]
    pub fn symbol(&self, locate: u16) -> Option<Symbol> {
        match self.symbols[usize::from(locate)] {
            0 => None,
            word => Some(Symbol(word.to_ne_bytes())),
        }
    }

    /// What stands for the symbol of `locate`: its eight bytes as a word, or 0.
    #[inline(always)]
    pub(super) fn word(&self, locate: u16) -> u64 {
        self.symbols[usize::from(locate)]
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
        let slot = &mut self.symbols[usize::from(locate)];
        counters.instruments += u64::from(*slot == 0);
        *slot = u64::from_ne_bytes(stock.0);
        sink.instrument(InstrumentId(locate.into()), stock.trimmed());
    }

    /// Forgets all symbols, because the session they were valid for is over, and tells `sink` so.
    pub(super) fn forget<S: RecordSink>(&mut self, counters: &mut DecoderCounters, sink: &mut S) {
        for (locate, slot) in (0..).zip(self.symbols.iter_mut()) {
            if *slot != 0 {
                *slot = 0;
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
