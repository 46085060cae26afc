//! One cache line of orders.

use crate::memory::Zeroed;
use crate::vectors::Vectors;

/// Orders in a bucket.
pub(super) const PLACES: usize = 3;
/// [`Bucket::passed`] counts no further than this, and from there on says "many" until all is forgotten.
const PASSED_MANY: u8 = u8::MAX;

/// What is known of an order that rests: everything but side and price, which its level has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resting {
    /// What is left of it.
    pub(crate) size: u32,
    /// The level that it rests at.
    pub(crate) level: u32,
    /// Later ones have higher stamps, modulo 2³².
    pub(crate) stamp: u32,
}

/// Three orders, field by field. All zero, as fresh memory is, means empty.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Bucket {
    references: [u64; PLACES],
    sizes: [u32; PLACES],
    levels: [u32; PLACES],
    stamps: [u32; PLACES],
    /// The rest of the line means something in the index's current generation only.
    pub(super) generation: u16,
    /// A bit for each place with an order.
    pub(super) taken: u8,
    /// Orders that found this bucket full and went on to another.
    pub(super) passed: u8,
}

const _: () = assert!(size_of::<Bucket>() == 64);
// What `Bucket::words` and the mask of its fourth word rely on.
const _: () = assert!(std::mem::offset_of!(Bucket, references) == 0 && PLACES == 3);

// SAFETY: integers only.
unsafe impl Zeroed for Bucket {}

impl Bucket {
    /// Empties the bucket if what it holds is of another generation.
    #[inline(always)]
    pub(super) fn renew(&mut self, generation: u16) {
        if self.generation != generation {
            self.generation = generation;
            self.taken = 0;
            self.passed = 0;
        }
    }

    /// The line's first four words: the references, and one that says nothing.
    #[inline(always)]
    fn words(&self) -> &[u64; 4] {
        // SAFETY: a bucket is 64 bytes of integers without padding, aligned enough, and borrowed as long as the words.
        unsafe { &*std::ptr::from_ref(self).cast() }
    }

    /// The place of `reference`. All places are compared: where an order lies in its bucket is chance.
    #[inline(always)]
    pub(super) fn find<V: Vectors>(&self, vectors: V, reference: u64) -> Option<usize> {
        let same = vectors.same(self.words(), reference) & u32::from(self.taken);
        // The bit behind the last place, which is never reached, bounds the answer.
        let place = (same | 1 << PLACES).trailing_zeros() as usize;
        (place < PLACES).then_some(place)
    }

    /// A place without an order.
    #[inline(always)]
    pub(super) fn vacant(&self) -> Option<usize> {
        let place = self.taken.trailing_ones() as usize;
        (place < PLACES).then_some(place)
    }

    /// The reference of a place that is taken.
    #[inline(always)]
    pub(super) fn reference(&self, place: usize) -> u64 {
        self.references[place]
    }

    /// The order in a place that is taken.
    #[inline(always)]
    pub(super) fn order(&self, place: usize) -> Resting {
        Resting {
            size: self.sizes[place],
            level: self.levels[place],
            stamp: self.stamps[place],
        }
    }

    #[inline(always)]
    pub(super) fn put(&mut self, place: usize, reference: u64, order: Resting) {
        self.references[place] = reference;
        self.set(place, order);
        self.taken |= 1 << place;
    }

    #[inline(always)]
    pub(super) fn set(&mut self, place: usize, order: Resting) {
        self.sizes[place] = order.size;
        self.levels[place] = order.level;
        self.stamps[place] = order.stamp;
    }

    #[inline(always)]
    pub(super) fn set_size(&mut self, place: usize, size: u32) {
        self.sizes[place] = size;
    }

    #[inline(always)]
    pub(super) fn vacate(&mut self, place: usize) {
        self.taken &= !(1 << place);
    }

    /// The places with an order.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> + use<> {
        let taken = self.taken;
        (0..PLACES).filter(move |place| taken & 1 << place != 0)
    }

    /// Notes that an order went on from here.
    #[inline(always)]
    pub(super) fn pass(&mut self) {
        self.passed = self.passed.saturating_add(1);
    }

    /// Notes that an order that went on from here is gone.
    #[inline(always)]
    pub(super) fn unpass(&mut self) {
        if self.passed != PASSED_MANY {
            self.passed -= 1;
        }
    }
}
