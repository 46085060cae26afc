//! The reading side of the protocol: relaxed loads and fences, which is all that is guaranteed on read-only pages.

use super::{CONTINUATION, Geometry, Memory, OnLapped, record_words};
use crate::sync::{Ordering, Site, fence_at};

/// What one look at the ring brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A whole record was copied.
    Record {
        /// Position of its first slot.
        position: u64,
        /// Its length.
        words: usize,
    },
    /// Nothing new.
    Empty,
    /// The writer overtook this reader: so many slots passed unread.
    Lost(u64),
}

/// Reads records from a ring. Any number may read one ring; none leaves a trace in it.
#[derive(Debug)]
pub struct Reader<M, const P: usize> {
    memory: M,
    geometry: Geometry,
    on_lapped: OnLapped,
    next: u64,
    /// Slots passed unread and not yet reported.
    lost: u64,
    /// Before the first record, slots of a record that began earlier are nobody's loss.
    started: bool,
}

impl<M: Memory, const P: usize> Reader<M, P> {
    /// A reader whose next position is `next`; see [`Self::head`], [`Self::oldest`].
    pub fn new(memory: M, geometry: Geometry, next: u64, on_lapped: OnLapped) -> Self {
        Self {
            memory,
            geometry,
            on_lapped,
            next,
            lost: 0,
            started: false,
        }
    }

    /// Position of the next slot to be read.
    #[inline(always)]
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// The ring's memory.
    pub const fn memory(&self) -> &M {
        &self.memory
    }

    /// Counts slots as lost that the reader asked for and the ring no longer holds.
    pub const fn add_lost(&mut self, slots: u64) {
        self.lost += slots;
        self.started |= slots > 0;
    }

    /// First position not yet published in `memory`.
    pub fn head(memory: &M) -> u64 {
        let head = memory.head().load(Ordering::Relaxed);
        // Partner: the Release store of head; slots below it are complete for this reader from here on.
        fence_at(Site::HeadThenSlots, Ordering::Acquire);
        head
    }

    /// First position that the writer will not overwrite within its present and next block.
    pub fn oldest(memory: &M, geometry: Geometry) -> u64 {
        let reserved = memory.reserved().load(Ordering::Relaxed);
        (reserved + geometry.block)
            .saturating_sub(geometry.slots)
            .min(Self::head(memory))
    }

    /// Copies the next record into `buffer` if there is one. Allocates nothing, makes no system call, executes no
    /// locked instruction.
    #[inline(always)]
    pub fn poll(&mut self, buffer: &mut [u64; crate::RECORD_WORDS_MAX]) -> Step {
        const { assert!(P >= 1 && P <= crate::RECORD_WORDS_MAX) };
        let n = self.next;
        if self.lost != 0 || self.memory.slot(n)[0].load(Ordering::Relaxed) != n + 1 {
            return self.not_ready(buffer);
        }
        self.copy(n, buffer)
    }

    /// Copies the record at `n`, whose sequence word was just seen.
    #[inline(always)]
    fn copy(&mut self, n: u64, buffer: &mut [u64; crate::RECORD_WORDS_MAX]) -> Step {
        // Partner: the Release store of the sequence word: the payload is at least as new as the sequence.
        fence_at(Site::SequenceThenCopy, Ordering::Acquire);
        let slot = self.memory.slot(n);
        for (index, word) in buffer[..P].iter_mut().enumerate() {
            *word = slot[1 + index].load(Ordering::Relaxed);
        }
        let words = record_words(buffer[0]);
        if words > P {
            return self.copy_rest(n, words, buffer);
        }
        if self.overwritten(n) {
            return self.resume();
        }
        self.started = true;
        self.next = n + 1;
        Step::Record { position: n, words }
    }

    /// Whether the writer may have been overwriting slot `n` while it was copied.
    #[inline(always)]
    fn overwritten(&self, n: u64) -> bool {
        // Partner: the writer's Release fence between reservation and payload: whoever copied a word of a later lap
        // sees the reservation that covered it.
        fence_at(Site::CopyThenReservation, Ordering::Acquire);
        self.memory.reserved().load(Ordering::Relaxed) > n + self.geometry.slots
    }

    /// Copies the slots behind the first of a record of several.
    #[cold]
    #[inline(never)]
    fn copy_rest(
        &mut self,
        n: u64,
        words: usize,
        buffer: &mut [u64; crate::RECORD_WORDS_MAX],
    ) -> Step {
        let mut whole = words <= self.geometry.record_words_max.min(crate::RECORD_WORDS_MAX);
        if whole {
            for (offset, chunk) in buffer[..words].chunks_mut(P).enumerate().skip(1) {
                let position = n + offset as u64;
                let slot = self.memory.slot(position);
                let sequence = slot[0].load(Ordering::Relaxed);
                if sequence != (position + 1) | CONTINUATION {
                    whole = false;
                    break;
                }
                for (word, from) in chunk.iter_mut().zip(&slot[1..]) {
                    *word = from.load(Ordering::Relaxed);
                }
            }
        }
        // The payload of every slot was stored before the first slot's sequence word, which `poll` acquired: only an
        // overwrite can spoil it, and slot `n` is overwritten before those behind it.
        if self.overwritten(n) {
            return self.resume();
        }
        self.started = true;
        if !whole {
            // A length that contradicts its slots: no publisher of ours writes it. One slot is given up, and what
            // continues it is skipped, so that the reader stays in step.
            self.next = n + 1;
            return Step::Lost(1);
        }
        self.next = n + words.div_ceil(P) as u64;
        Step::Record { position: n, words }
    }

    /// The uncommon ends of a poll: nothing there, overtaken, or inside of a record that began earlier.
    #[inline(never)]
    fn not_ready(&mut self, buffer: &mut [u64; crate::RECORD_WORDS_MAX]) -> Step {
        if self.lost != 0 {
            return Step::Lost(std::mem::take(&mut self.lost));
        }
        // No more than one record's continuation slots lie before the next start: the loop is bounded.
        for _ in 0..=self.geometry.block {
            let n = self.next;
            let word = self.memory.slot(n)[0].load(Ordering::Relaxed);
            let sequence = word & !CONTINUATION;
            if sequence != n + 1 {
                let ahead = sequence.wrapping_sub(n + 1).cast_signed() > 0;
                return if ahead {
                    self.resume()
                } else {
                    self.skipped_or(Step::Empty)
                };
            }
            if word & CONTINUATION == 0 {
                return if self.lost == 0 {
                    self.copy(n, buffer)
                } else {
                    self.skipped_or(Step::Empty)
                };
            }
            self.next = n + 1;
            self.lost += u64::from(self.started);
        }
        self.skipped_or(Step::Empty)
    }

    fn skipped_or(&mut self, step: Step) -> Step {
        match std::mem::take(&mut self.lost) {
            0 => step,
            lost => Step::Lost(lost),
        }
    }

    /// Goes on where the policy says after an overrun.
    #[cold]
    #[inline(never)]
    fn resume(&mut self) -> Step {
        // Partner: the Release store of whichever sequence word, or the Release fence before whichever payload,
        // showed the overrun: head and reservation are at least as new.
        fence_at(Site::OverrunThenHead, Ordering::Acquire);
        let head = Self::head(&self.memory);
        let target = match self.on_lapped {
            OnLapped::Latest => head,
            OnLapped::Oldest => Self::oldest(&self.memory, self.geometry),
            OnLapped::Resync => {
                let resync = self.memory.resync().load(Ordering::Relaxed);
                resync
                    .clamp(0, head)
                    .max(Self::oldest(&self.memory, self.geometry))
            }
        };
        // Position `next` was overwritten, so the one behind it exists.
        let target = target.max(self.next + 1);
        let lost = target - self.next + std::mem::take(&mut self.lost);
        self.started = true;
        self.next = target;
        Step::Lost(lost)
    }
}
