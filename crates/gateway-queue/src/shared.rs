//! The ring in a mapped file: what connects the protocol to the layout.

use std::sync::Arc;

use crate::clock::Clock;
use crate::layout::{HEAD, RESERVED, RESYNC, SLOT_BYTES, STAMPS, STATE, SUCCESSOR, StaticHeader};
use crate::mapping::Mapping;
use crate::ring::Memory;
use crate::stamps;
use crate::sync::{AtomicU64, Ordering};

/// A mapped queue's words. Holds bare pointers, so that the hot path computes one address and loads nothing else.
#[derive(Debug)]
pub(crate) struct MappedRing {
    head: *const AtomicU64,
    reserved: *const AtomicU64,
    ring: *const [AtomicU64; SLOT_BYTES / 8],
    mask: u64,
    mapping: Arc<Mapping>,
}

// SAFETY: the pointers lead into the mapping that the same value keeps alive, to atomics that threads may share.
unsafe impl Send for MappedRing {}

impl MappedRing {
    /// The ring that `header` describes. The header was validated against the mapping's length.
    pub(crate) fn new(mapping: Arc<Mapping>, header: &StaticHeader) -> Self {
        let mask = header.slots - 1;
        // Both ends of the ring lie inside of the mapping, or this panics before any pointer is made.
        let first = header.ring_offset as usize;
        let last = first + mask as usize * SLOT_BYTES;
        let _ = (mapping.word(first), mapping.word(last + SLOT_BYTES - 8));
        // SAFETY: `first` was just found inside of the mapping.
        let ring = unsafe { mapping.base().add(first) };
        Self {
            head: mapping.word(HEAD),
            reserved: mapping.word(RESERVED),
            ring: ring.cast(),
            mask,
            mapping,
        }
    }

    /// The counter when the record with the slots from `start` to `end` was published, in its lowest 48 bits, if it was
    /// stamped and nothing has taken the stamp's place since.
    pub(crate) fn stamp_of(&self, start: u64, end: u64) -> Option<u64> {
        let place = stamps::place(end.checked_sub(1)?);
        if start > place.stamped {
            return None;
        }
        // Relaxed: who has the record has acquired what was stored before it.
        let word = self.mapping.word(STAMPS + place.index * 8);
        place.ticks(word.load(Ordering::Relaxed))
    }

    pub(crate) const fn mapping(&self) -> &Arc<Mapping> {
        &self.mapping
    }
}

impl Memory for MappedRing {
    #[inline(always)]
    fn head(&self) -> &AtomicU64 {
        // SAFETY: made from a reference into the mapping that `self` keeps alive.
        unsafe { &*self.head }
    }

    #[inline(always)]
    fn reserved(&self) -> &AtomicU64 {
        // SAFETY: made from a reference into the mapping that `self` keeps alive.
        unsafe { &*self.reserved }
    }

    fn resync(&self) -> &AtomicU64 {
        self.mapping.word(RESYNC)
    }

    fn state(&self) -> &AtomicU64 {
        self.mapping.word(STATE)
    }

    fn successor(&self) -> &AtomicU64 {
        self.mapping.word(SUCCESSOR)
    }

    #[inline(always)]
    fn slot(&self, position: u64) -> &[AtomicU64] {
        // SAFETY: the masked index is below the number of slots, whose last one `new` found inside of the mapping
        // that `self` keeps alive.
        unsafe { &*self.ring.add((position & self.mask) as usize) }
    }

    fn stamp(&self, position: u64) {
        let place = stamps::place(position);
        let word = self.mapping.word(STAMPS + place.index * 8);
        // Relaxed: one word, stored before the record whose publication a reader acquires.
        word.store(place.word(Clock::global().ticks()), Ordering::Relaxed);
    }
}
