//! One cache line of orders.

use dbn::Side;

use super::RestingOrder;

/// Orders in a bucket.
pub(super) const PLACES: usize = 3;
/// [`Bucket::passed`] counts no further than this, and from there on says "many" until all is forgotten.
const PASSED_MANY: u8 = u8::MAX;

/// Codes of the sides in a bucket. A vacant place has no order, whatever its other fields say.
const VACANT: u8 = 0;
const BID: u8 = 1;
const ASK: u8 = 2;
const NO_SIDE: u8 = 3;

/// Sides by their codes. A table, because which side an order has is what no branch predictor can know.
static SIDES: [Side; 4] = {
    let mut sides = [Side::None; 4];
    sides[BID as usize] = Side::Bid;
    sides[ASK as usize] = Side::Ask;
    sides
};

/// Three orders, field by field. All zero, as fresh memory is, means empty.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Bucket {
    references: [u64; PLACES],
    prices: [u32; PLACES],
    sizes: [u32; PLACES],
    /// The rest of the line means something in the index's current generation only.
    pub(super) generation: u32,
    instruments: [u16; PLACES],
    /// Codes.
    sides: [u8; PLACES],
    /// Orders that found this bucket full and went on to another.
    pub(super) passed: u8,
}

const _: () = assert!(size_of::<Bucket>() == 64);

impl Bucket {
    /// Empties the bucket if what it holds is of another generation.
    #[inline(always)]
    pub(super) fn renew(&mut self, generation: u32) {
        if self.generation != generation {
            self.generation = generation;
            self.sides = [VACANT; PLACES];
            self.passed = 0;
        }
    }

    /// The place of `reference`.
    #[inline(always)]
    pub(super) fn find(&self, reference: u64) -> Option<usize> {
        self.first(|place| (self.references[place] == reference) & (self.sides[place] != VACANT))
    }

    /// A place without an order.
    #[inline(always)]
    pub(super) fn vacant(&self) -> Option<usize> {
        self.first(|place| self.sides[place] == VACANT)
    }

    /// The first place that `is` says yes to. All are asked, and the answers are counted rather than branched on: where
    /// an order lies in its bucket is chance, and a mispredicted branch costs more than two comparisons.
    #[inline(always)]
    fn first(&self, is: impl Fn(usize) -> bool) -> Option<usize> {
        let mut yes = 0_u32;
        for place in 0..PLACES {
            yes |= u32::from(is(place)) << place;
        }
        (yes != 0).then(|| yes.trailing_zeros() as usize)
    }

    /// The order in a place that is not vacant.
    #[inline(always)]
    pub(super) fn order(&self, place: usize) -> RestingOrder {
        RestingOrder {
            price: self.prices[place],
            size: self.sizes[place],
            instrument: self.instruments[place],
            side: SIDES[usize::from(self.sides[place] & 3)],
        }
    }

    #[inline(always)]
    pub(super) fn put(&mut self, place: usize, reference: u64, order: RestingOrder) {
        self.references[place] = reference;
        self.prices[place] = order.price;
        self.sizes[place] = order.size;
        self.instruments[place] = order.instrument;
        self.sides[place] = code(order.side);
    }

    #[inline(always)]
    pub(super) fn set_size(&mut self, place: usize, size: u32) {
        self.sizes[place] = size;
    }

    #[inline(always)]
    pub(super) fn vacate(&mut self, place: usize) {
        self.sides[place] = VACANT;
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

#[inline(always)]
const fn code(side: Side) -> u8 {
    match side {
        Side::Bid => BID,
        Side::Ask => ASK,
        Side::None => NO_SIDE,
    }
}
