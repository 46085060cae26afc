//! Records that are applied together, so that what they touch can be fetched beforehand.
//!
//! A record costs little more than the cache misses of the order and the level that it names. One by one these follow
//! each other; of a batch, those of the records behind are on their way while one is applied. A reader fills a batch with
//! what its queue holds, and applies it when it is full or the queue is empty.

use crate::applied::Applied;
use crate::books::{Books, NO_SLOT};
use crate::effect::Outcome;
use crate::mbo::WORDS;
use crate::orders::Home;
#[cfg(target_arch = "x86_64")]
use crate::vectors::Avx2;
use crate::vectors::{Portable, Vectors};

/// Records in a batch: as many messages as a packet has, and then some.
pub const BATCH_RECORDS: usize = 64;

/// How many records before a record is applied its order and its book are asked for.
const ORDERS_AHEAD: usize = 16;
/// How many records before a record is applied its levels are asked for, which its book says the place of.
const LEVELS_AHEAD: usize = 8;

#[derive(Clone, Copy, Debug)]
struct Entry {
    words: [u64; WORDS],
    /// Words that the record has; those behind the seventh are not kept, as no record that matters has them.
    length: u32,
    sequence: u64,
    /// Of an order record the instrument's slot, if it was found, and where its order lies first. Looked up when the batch
    /// is applied.
    slot: u32,
    home: Home,
}

/// Up to [`BATCH_RECORDS`] records.
#[derive(Debug)]
pub struct Batch {
    entries: Box<[Entry; BATCH_RECORDS]>,
    length: usize,
}

impl Batch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        let nothing = Entry {
            words: [0; WORDS],
            length: 0,
            sequence: 0,
            slot: NO_SLOT,
            home: Home::default(),
        };
        Self {
            entries: Box::new([nothing; BATCH_RECORDS]),
            length: 0,
        }
    }

    /// Takes a record of position `sequence`. A full batch takes none and says `false`.
    #[inline(always)]
    pub fn push(&mut self, record: &[u64], sequence: u64) -> bool {
        let Some(entry) = self.entries.get_mut(self.length) else {
            return false;
        };
        if let Ok(words) = <&[u64; WORDS]>::try_from(record) {
            entry.words = *words;
        } else {
            let kept = record.len().min(WORDS);
            entry.words[..kept].copy_from_slice(&record[..kept]);
        }
        entry.length = record.len() as u32;
        entry.sequence = sequence;
        self.length += 1;
        true
    }

    /// Records in it.
    #[must_use]
    #[inline(always)]
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Whether it holds no record.
    #[must_use]
    #[inline(always)]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Whether it takes no more records.
    #[must_use]
    #[inline(always)]
    pub const fn is_full(&self) -> bool {
        self.length == BATCH_RECORDS
    }
}

impl Default for Batch {
    fn default() -> Self {
        Self::new()
    }
}

impl Books {
    /// Applies the records of a batch in their order, which is empty then. `each` sees the books as they are after each
    /// record.
    #[inline]
    pub fn apply_batch(&mut self, batch: &mut Batch, each: impl FnMut(&Self, Applied)) {
        #[cfg(target_arch = "x86_64")]
        if self.has_vectors {
            // SAFETY: the processor has what the function may use: `has_vectors` says so.
            unsafe { self.apply_batch_by_vectors(batch, each) };
            return;
        }
        self.apply_entries(Portable, batch, each);
    }

    /// The same, compiled for processors that compare four prices at once: all that came since 2013, nearly.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn apply_batch_by_vectors(&mut self, batch: &mut Batch, each: impl FnMut(&Self, Applied)) {
        // SAFETY: this function is for processors with AVX2 and the others only.
        let vectors = unsafe { Avx2::new() };
        self.apply_entries(vectors, batch, each);
    }

    #[inline(always)]
    fn apply_entries<V: Vectors>(
        &mut self,
        vectors: V,
        batch: &mut Batch,
        mut each: impl FnMut(&Self, Applied),
    ) {
        let entries = &mut batch.entries[..batch.length];
        batch.length = 0;
        for entry in entries.iter_mut().take(ORDERS_AHEAD) {
            self.look_up(entry);
        }
        for entry in entries.iter().take(LEVELS_AHEAD) {
            self.prefetch_levels(&entry.words, entry.slot);
        }
        for at in 0..entries.len() {
            if let Some(entry) = entries.get_mut(at + ORDERS_AHEAD) {
                self.look_up(entry);
            }
            if let Some(entry) = entries.get(at + LEVELS_AHEAD) {
                self.prefetch_levels(&entry.words, entry.slot);
            }
            let entry = &entries[at];
            self.begin_record(entry.sequence);
            if let Some(usual) = self.usual_record(
                vectors,
                &entry.words,
                entry.slot,
                entry.home,
                entry.sequence,
            ) {
                each(self, usual.applied(&entry.words));
            } else {
                let outcome = self.any_record(entry);
                each(self, outcome.applied());
            }
        }
    }

    /// Finds out which book and which place in the index of orders a record is about, and asks for both.
    #[inline(always)]
    fn look_up(&self, entry: &mut Entry) {
        (entry.slot, entry.home) = if entry.length as usize == WORDS {
            self.prefetch_order(&entry.words)
        } else {
            (NO_SLOT, Home::default())
        };
    }

    /// Applies a record of a batch, whatever it is.
    #[inline(never)]
    fn any_record(&mut self, entry: &Entry) -> Outcome {
        let length = entry.length as usize;
        if length == WORDS && self.is_order_record(&entry.words) {
            self.order_record(&entry.words, entry.slot, entry.sequence)
        } else {
            let kept = &entry.words[..length.min(WORDS)];
            self.other_record(kept, length, entry.sequence)
        }
    }
}
