//! The symbols that a channel has learnt, where the control plane can read them.
//!
//! The worker is the only writer, and writes when an instrument is announced: some thousand times a day. A reader takes
//! the number of changes first: what it reads then is at least as new, and what changes later the worker knows by number.

use std::sync::atomic::{AtomicU64, Ordering};

use super::filter::INSTRUMENTS;

/// Longest symbol that is matched; a longer one (no feed has it) matches `*` only.
pub(super) const SYMBOL_BYTES_MAX: usize = 24;
const WORDS: usize = SYMBOL_BYTES_MAX / 8;

/// Symbols by instrument.
#[derive(Debug)]
pub struct Symbols {
    words: Box<[[AtomicU64; WORDS]]>,
    changes: AtomicU64,
}

impl Symbols {
    pub(super) fn new() -> Self {
        let empty = || [const { AtomicU64::new(0) }; WORDS];
        Self {
            words: std::iter::repeat_with(empty).take(INSTRUMENTS).collect(),
            changes: AtomicU64::new(0),
        }
    }

    /// Takes down an instrument's symbol, none where it is empty or too long; the number of this change.
    pub(super) fn put(&self, instrument: usize, symbol: &[u8]) -> u64 {
        let mut bytes = [0; SYMBOL_BYTES_MAX];
        if let Some(place) = bytes.get_mut(..symbol.len()) {
            place.copy_from_slice(symbol);
        }
        if let Some(words) = self.words.get(instrument) {
            for (word, bytes) in words.iter().zip(bytes.as_chunks::<8>().0) {
                // Relaxed: published by the store below.
                word.store(u64::from_ne_bytes(*bytes), Ordering::Relaxed);
            }
        }
        // One writer: nobody else counts. Release: partner of the load in `changes`.
        let number = self.changes.load(Ordering::Relaxed) + 1;
        self.changes.store(number, Ordering::Release);
        number
    }

    /// How often a symbol was put down. What [`get`](Self::get) returns after this has at least these changes.
    pub(super) fn changes(&self) -> u64 {
        // Acquire: partner of the store in `put`.
        self.changes.load(Ordering::Acquire)
    }

    /// An instrument's symbol and its length. While the worker puts another one down it may be a mixture of both, which a
    /// later change then corrects.
    pub(super) fn get(&self, instrument: usize) -> ([u8; SYMBOL_BYTES_MAX], usize) {
        let mut bytes = [0; SYMBOL_BYTES_MAX];
        if let Some(words) = self.words.get(instrument) {
            for (word, bytes) in words.iter().zip(bytes.as_chunks_mut::<8>().0) {
                // Relaxed: ordered by the load in `changes`.
                *bytes = word.load(Ordering::Relaxed).to_ne_bytes();
            }
        }
        let length = bytes.iter().position(|byte| *byte == 0);
        (bytes, length.unwrap_or(SYMBOL_BYTES_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_are_kept_by_instrument_and_changes_counted() {
        let symbols = Symbols::new();
        let text = |instrument| {
            let (bytes, length) = symbols.get(instrument);
            String::from_utf8_lossy(&bytes[..length]).into_owned()
        };
        assert_eq!((text(7), symbols.changes()), (String::new(), 0));
        assert_eq!(symbols.put(7, b"AAPL"), 1);
        assert_eq!(symbols.put(8, b"SIXTEENLETTERS16"), 2);
        assert_eq!(
            (text(7).as_str(), text(8).as_str()),
            ("AAPL", "SIXTEENLETTERS16")
        );
        symbols.put(8, b"longer than a symbol may be");
        symbols.put(7, b"");
        symbols.put(INSTRUMENTS, b"NONE");
        assert_eq!((text(7), text(8), text(INSTRUMENTS)), Default::default());
        assert_eq!(symbols.changes(), 5);
    }
}
