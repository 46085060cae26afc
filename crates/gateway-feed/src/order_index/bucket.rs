//! One cache line of orders.

use dbn::Side;

use super::RestingOrder;

/// Orders in a bucket.
pub(super) const PLACES: usize = 3;
/// [`Bucket::passed`] counts no further than this.
pub(super) const PASSED_MANY: u8 = u8::MAX;

/// No order is in a place whose side is this; a side is a letter.
const VACANT: u8 = 0;

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
    sides: [u8; PLACES],
    /// Orders that belong here or before and went on to a bucket behind, because this one was full.
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
        (0..PLACES)
            .find(|&place| self.references[place] == reference && self.sides[place] != VACANT)
    }

    /// A place without an order.
    #[inline(always)]
    pub(super) fn vacant(&self) -> Option<usize> {
        (0..PLACES).find(|&place| self.sides[place] == VACANT)
    }

    /// The order in a place; `None` for a vacant one.
    #[inline(always)]
    pub(super) fn order(&self, place: usize) -> Option<RestingOrder> {
        let side = match self.sides[place] {
            VACANT => return None,
            BID => Side::Bid,
            ASK => Side::Ask,
            _ => Side::None,
        };
        Some(RestingOrder {
            price: self.prices[place],
            size: self.sizes[place],
            instrument: self.instruments[place],
            side,
        })
    }

    #[inline(always)]
    pub(super) fn put(&mut self, place: usize, reference: u64, order: RestingOrder) {
        self.references[place] = reference;
        self.prices[place] = order.price;
        self.sizes[place] = order.size;
        self.instruments[place] = order.instrument;
        self.sides[place] = order.side as u8;
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
}

const BID: u8 = Side::Bid as u8;
const ASK: u8 = Side::Ask as u8;

// An order's side is never what says that there is no order.
const _: () = assert!(Side::None as u8 != VACANT && BID != VACANT && ASK != VACANT);
