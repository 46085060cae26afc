//! One cache line of orders.

use dbn::Side;

use super::{PROBES_MAX, RestingOrder};

/// Places of a bucket; a power of two.
pub(super) const PLACES: usize = 4;
/// [`Bucket::passed`] counts no further than this, and from there on says "many" until all is forgotten.
const PASSED_MANY: u8 = u8::MAX;
/// The bits of [`Bucket::taken`] for narrow orders that belong here: one a place.
const OWN: u8 = 0b1111;
/// Where the bits begin for what is no such order.
const OTHERS_SHIFT: u32 = 4;
/// The bits of two places, the first at place 0.
const PAIR: u8 = 0b11;
/// Where the pairs begin that a wide order may take.
const PAIRS: u32 = 0b0101;

/// Bits of a note that say which side an order has; the others say how many buckets it passed on its way here.
const SIDE_BITS: u32 = 2;
const SIDE_MASK: u8 = (1 << SIDE_BITS) - 1;
/// Sides by their codes, see [`code`]. A table, because which side an order has is what no branch predictor can know.
static SIDES: [Side; 4] = [Side::Bid, Side::Ask, Side::None, Side::None];

const _: () = assert!(PROBES_MAX <= 1 << (u8::BITS - SIDE_BITS));

/// How a bucket knows an order.
#[derive(Clone, Copy, Debug)]
pub(super) enum Key {
    /// By a tag, which with the bucket where the order belongs is as good as its reference.
    Narrow(u32),
    /// By its reference, which is too large for that: it takes a pair of places, and the tags of both.
    Wide(u64),
}

/// Four orders, field by field. All zero, as fresh memory is, means empty.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Bucket {
    tags: [u32; PLACES],
    prices: [u32; PLACES],
    sizes: [u32; PLACES],
    instruments: [u16; PLACES],
    /// Side and buckets passed. A wide order, and the second place that it takes, have passed none.
    notes: [u8; PLACES],
    /// The rest of the line means something in the index's current generation only.
    pub(super) generation: u16,
    /// Which places are taken: bits 0 to 3 by narrow orders that belong here, bits 4 to 7 by others.
    taken: u8,
    /// Orders that found this bucket full and went on to another.
    pub(super) passed: u8,
}

const _: () = assert!(size_of::<Bucket>() == 64);

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

    /// The place of the narrow order that belongs here and has that tag: a bit, or none.
    #[inline(always)]
    pub(super) fn own(&self, tag: u32) -> u32 {
        self.tagged(tag) & u32::from(self.taken & OWN)
    }

    /// The places with that tag, whatever they hold. All are asked, and the answers are counted rather than branched on:
    /// where an order lies in its bucket is chance, and a mispredicted branch costs more than four comparisons.
    #[inline(always)]
    fn tagged(&self, tag: u32) -> u32 {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::{
                _mm_castsi128_ps, _mm_cmpeq_epi32, _mm_load_si128, _mm_movemask_ps, _mm_set1_epi32,
            };
            // SAFETY: every x86-64 has SSE2. The tags are the first 16 bytes of a bucket, which is aligned to 64.
            let equal = unsafe {
                let tags = _mm_load_si128(self.tags.as_ptr().cast());
                let equal = _mm_cmpeq_epi32(tags, _mm_set1_epi32(tag.cast_signed()));
                _mm_movemask_ps(_mm_castsi128_ps(equal))
            };
            equal.cast_unsigned()
        }
        #[cfg(not(target_arch = "x86_64"))]
        self.places(|place| self.tags[place] == tag)
    }

    /// The places without an order, a bit each.
    #[inline(always)]
    pub(super) fn vacancies(&self) -> u32 {
        u32::from(!(self.taken | self.taken >> OTHERS_SHIFT) & OWN)
    }

    /// The place of the order that `key` means, `probe` buckets from where it belongs.
    #[inline(always)]
    pub(super) fn find(&self, key: Key, probe: usize) -> Option<usize> {
        first(match key {
            Key::Narrow(tag) if probe == 0 => self.own(tag),
            Key::Narrow(tag) => self.tagged(tag) & self.others(probe),
            Key::Wide(reference) => self.wide(reference) & self.others(0),
        })
    }

    /// The places of those that are no narrow orders of this bucket, and passed `probe` buckets. With none passed, these
    /// are wide orders.
    fn others(&self, probe: usize) -> u32 {
        let passed = self.places(|place| usize::from(self.notes[place] >> SIDE_BITS) == probe);
        passed & u32::from(self.taken >> OTHERS_SHIFT)
    }

    /// The pairs whose two tags are `reference`, whatever they hold.
    fn wide(&self, reference: u64) -> u32 {
        let halves = [reference as u32, (reference >> 32) as u32];
        self.tagged(halves[0]) & self.tagged(halves[1]) >> 1 & PAIRS
    }

    /// A place for an order of that key.
    #[inline(always)]
    pub(super) fn vacant(&self, key: Key) -> Option<usize> {
        let vacant = self.vacancies();
        first(match key {
            Key::Narrow(_) => vacant,
            Key::Wide(_) => vacant & vacant >> 1 & PAIRS,
        })
    }

    /// The set of the places that `is` says yes to.
    #[inline(always)]
    fn places(&self, is: impl Fn(usize) -> bool) -> u32 {
        (0..PLACES).fold(0, |set, place| set | u32::from(is(place)) << place)
    }

    /// The order in a place that is not vacant.
    #[inline(always)]
    pub(super) fn order(&self, place: usize) -> RestingOrder {
        RestingOrder {
            price: self.prices[place],
            size: self.sizes[place],
            instrument: self.instruments[place],
            side: side(self.notes[place]),
        }
    }

    /// What a place notes besides; its lowest bits are the code of the order's side.
    #[inline(always)]
    pub(super) fn note(&self, place: usize) -> u8 {
        self.notes[place]
    }

    /// Puts a narrow order that belongs here into a place that is vacant, or vacates one that it has. What is stored then
    /// means nothing, and storing it is cheaper than asking.
    #[inline(always)]
    pub(super) fn exchange(&mut self, place: usize, tag: u32, order: RestingOrder) {
        self.tags[place] = tag;
        self.prices[place] = order.price;
        self.sizes[place] = order.size;
        self.instruments[place] = order.instrument;
        self.notes[place] = code(order.side);
        self.taken ^= 1 << place;
    }

    /// Puts an order into a place, or a wide one into the pair that begins there. It belongs `probe` buckets from here.
    #[inline(always)]
    pub(super) fn put(&mut self, place: usize, key: Key, probe: usize, order: RestingOrder) {
        self.prices[place] = order.price;
        self.sizes[place] = order.size;
        self.instruments[place] = order.instrument;
        self.notes[place] = code(order.side);
        match key {
            Key::Narrow(tag) => {
                self.tags[place] = tag;
                self.notes[place] |= (probe as u8) << SIDE_BITS;
            }
            Key::Wide(reference) => {
                self.tags[place] = reference as u32;
                self.tags[place + 1] = (reference >> 32) as u32;
                self.notes[place + 1] = 0;
            }
        }
        self.taken |= taken(place, key, probe);
    }

    #[inline(always)]
    pub(super) fn set_size(&mut self, place: usize, size: u32) {
        self.sizes[place] = size;
    }

    /// Empties what [`put`](Self::put) filled.
    #[inline(always)]
    pub(super) fn vacate(&mut self, place: usize, key: Key, probe: usize) {
        self.taken &= !taken(place, key, probe);
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

/// The bits of [`Bucket::taken`] that an order sets.
#[inline(always)]
const fn taken(place: usize, key: Key, probe: usize) -> u8 {
    match key {
        Key::Narrow(_) if probe == 0 => 1 << place,
        Key::Narrow(_) => 1 << OTHERS_SHIFT << place,
        Key::Wide(_) => PAIR << OTHERS_SHIFT << place,
    }
}

/// The first place of a set.
#[inline(always)]
fn first(places: u32) -> Option<usize> {
    (places != 0).then(|| places.trailing_zeros() as usize)
}

/// The side of a note, or of a code.
#[inline(always)]
pub(super) fn side(note: u8) -> Side {
    SIDES[usize::from(note & SIDE_MASK)]
}

/// A side in two bits, computed from its letter.
#[inline(always)]
pub(super) const fn code(side: Side) -> u8 {
    let letter = side as u8;
    letter & 1 | letter >> 2 & 2
}

const _: () = assert!(code(Side::Bid) == 0 && code(Side::Ask) == 1 && code(Side::None) == 2);
