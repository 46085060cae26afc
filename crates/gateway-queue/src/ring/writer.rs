//! The publishing side of the protocol.

use super::{CONTINUATION, Geometry, Memory, STAMP_SLOTS};
use crate::sync::{Ordering, Site, fence_at, ordered};

/// Writes records into a ring. There is one per ring: it keeps its position to itself and loads nothing shared.
#[derive(Debug)]
pub struct Writer<M, const P: usize> {
    memory: M,
    next: u64,
    reserved: u64,
    block: u64,
    /// The record over the slot of this position is stamped.
    stamped: u64,
    /// A record that ends behind this position wants a look first: the lesser of `reserved` and `stamped`.
    attended: u64,
}

impl<M: Memory, const P: usize> Writer<M, P> {
    /// A writer at position 0 of zeroed memory.
    pub fn new(memory: M, geometry: Geometry) -> Self {
        debug_assert!(geometry.slots.is_power_of_two() && geometry.block >= 1);
        debug_assert!(geometry.record_words_max.div_ceil(P) as u64 <= geometry.block);
        Self {
            memory,
            next: 0,
            reserved: 0,
            block: geometry.block,
            stamped: 0,
            attended: 0,
        }
    }

    /// Position of the next record.
    #[inline(always)]
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// The ring's memory.
    pub const fn memory(&self) -> &M {
        &self.memory
    }

    /// What is done once in many slots, before a record is published that ends at `end`: announces that positions below that
    /// may be overwritten, in whole blocks, and stamps the record if it lies over a slot of which the record is. So out of
    /// line.
    #[cold]
    #[inline(never)]
    fn attend(&mut self, end: u64) {
        if self.reserved < end {
            while self.reserved < end {
                self.reserved += self.block;
            }
            self.memory
                .reserved()
                .store(self.reserved, Ordering::Relaxed);
            // Orders the reservation before every payload store from here on, that is, before all that it covers and those
            // of later blocks: no publish needs a fence of its own. Partner: the Acquire fence between a reader's copy and its
            // look at the reservation. Nothing on x86.
            fence_at(Site::ReservationThenPayload, Ordering::Release);
        }
        if self.stamped < end {
            self.memory.stamp(end - 1);
            self.stamped = end.next_multiple_of(STAMP_SLOTS);
        }
        self.attended = self.reserved.min(self.stamped);
    }

    /// Publishes a record of one slot.
    #[inline(always)]
    pub fn publish_array<const N: usize>(&mut self, words: &[u64; N]) {
        const {
            assert!(
                N >= 1 && N <= P,
                "longer records take several slots: publish_slots"
            )
        };
        let n = self.next;
        if n >= self.attended {
            self.attend(n + 1);
        }
        // Before the first of the stores, behind which the compiler has to load again what lies behind `self`.
        let (slot, head, words) = (self.memory.slot(n), self.memory.head(), *words);
        for index in (0..N).rev() {
            slot[1 + index].store(words[index], Ordering::Relaxed);
        }
        // Publishes the payload; partner: the reader's Acquire fence after it loaded this word.
        let release = ordered(Site::PayloadThenSequence, Ordering::Release);
        slot[0].store(n + 1, release);
        // Partner: the Acquire fence after a load of head where a reader joins or resumes.
        let release = ordered(Site::SequenceThenHead, Ordering::Release);
        head.store(n + 1, release);
        self.next = n + 1;
    }

    /// Publishes a record over as many slots as it needs, last slot first.
    ///
    /// The caller guarantees `1 ..= block * P` words.
    pub fn publish_slots(&mut self, words: &[u64]) {
        let n = self.next;
        let slots = words.len().div_ceil(P) as u64;
        debug_assert!(slots >= 1 && slots <= self.block);
        if n + slots > self.attended {
            self.attend(n + slots);
        }
        for (offset, chunk) in words.chunks(P).enumerate().rev() {
            let position = n + offset as u64;
            let slot = self.memory.slot(position);
            for (to, word) in slot[1..].iter().zip(chunk).rev() {
                to.store(*word, Ordering::Relaxed);
            }
            let (mark, order) = if offset == 0 {
                // The record's publication: all else is stored before it. Partner: the reader's Acquire fence after
                // it loaded this word.
                let release = ordered(Site::PayloadsThenSequence, Ordering::Release);
                (0, release)
            } else {
                // Nobody reads a payload on the strength of this word alone.
                (CONTINUATION, Ordering::Relaxed)
            };
            slot[0].store((position + 1) | mark, order);
        }
        // Partner: the Acquire fence after a load of head where a reader joins or resumes.
        let release = ordered(Site::SequencesThenHead, Ordering::Release);
        self.memory.head().store(n + slots, release);
        self.next = n + slots;
    }

    /// Declares the next record the first from which state can be rebuilt.
    pub fn mark_resync(&mut self) {
        // A reader bounds it by head and reservation: no order needed.
        self.memory.resync().store(self.next, Ordering::Relaxed);
    }

    /// Says where state can be rebuilt if `before` is the writer of the epoch before this one, which goes on where that
    /// ends: a record that lies so far in front.
    pub fn carry_resync(&mut self, before: &Self) {
        // Only that writer stores the word: no order needed to read it back.
        let mark = before.memory.resync().load(Ordering::Relaxed);
        let carried = mark.wrapping_sub(before.next);
        self.memory.resync().store(carried, Ordering::Relaxed);
    }
}
