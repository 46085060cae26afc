//! The ring in a mapped file: what connects the protocol to the layout.

use std::sync::Arc;

use crate::layout::{HEAD, RESERVED, RESYNC, SLOT_BYTES, STATE, SUCCESSOR, StaticHeader};
use crate::mapping::Mapping;
use crate::ring::Memory;
use crate::sync::AtomicU64;

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
}
