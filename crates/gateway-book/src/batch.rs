//! Records that are applied together, so that what they touch can be fetched beforehand.
//!
//! A record costs little more than the cache misses of the order and the level that it names. One by one these follow
//! each other; of a batch, those of the records behind are on their way while one is applied. A reader fills a batch with
//! what its queue holds, and applies it when it is full or the queue is empty.

use crate::applied::Applied;
use crate::books::{Books, NO_SLOT};
use crate::mbo::WORDS;

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
        self.apply_entries(batch, each);
    }

    /// The same, compiled for processors that compare four prices at once: all that came since 2013, nearly.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn apply_batch_by_vectors(&mut self, batch: &mut Batch, each: impl FnMut(&Self, Applied)) {
        self.apply_entries(batch, each);
    }

    #[inline(always)]
    fn apply_entries(&mut self, batch: &mut Batch, mut each: impl FnMut(&Self, Applied)) {
        let entries = &batch.entries[..batch.length];
        let mut slots = [NO_SLOT; BATCH_RECORDS];
        for (entry, slot) in entries.iter().zip(&mut slots).take(ORDERS_AHEAD) {
            *slot = self.prefetch_order(&entry.words);
        }
        for (entry, &slot) in entries.iter().zip(&slots).take(LEVELS_AHEAD) {
            self.prefetch_levels(&entry.words, slot);
        }
        for (at, entry) in entries.iter().enumerate() {
            if let Some(entry) = entries.get(at + ORDERS_AHEAD) {
                slots[at + ORDERS_AHEAD] = self.prefetch_order(&entry.words);
            }
            if let Some(entry) = entries.get(at + LEVELS_AHEAD) {
                self.prefetch_levels(&entry.words, slots[at + LEVELS_AHEAD]);
            }
            self.begin_record(entry.sequence);
            let length = entry.length as usize;
            let outcome = if length == WORDS && self.is_order_record(&entry.words) {
                self.order_record(&entry.words, slots[at], entry.sequence)
            } else {
                let kept = &entry.words[..length.min(WORDS)];
                self.other_record(kept, length, entry.sequence)
            };
            each(self, outcome.applied());
        }
        batch.length = 0;
    }
}

/// Whether the processor has what [`Books::apply_batch_by_vectors`] is compiled for.
#[cfg(target_arch = "x86_64")]
pub(crate) fn has_vectors() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("lzcnt")
        && is_x86_feature_detected!("popcnt")
}
