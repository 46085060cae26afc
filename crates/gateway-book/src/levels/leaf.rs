//! Twelve neighbouring levels of one side of one book.

use crate::memory::Zeroed;
use crate::vectors::{KEYS, Vectors};

/// Levels in a leaf.
pub(super) const LEVELS: usize = KEYS;
/// No leaf.
pub(super) const NONE: u32 = u32::MAX;

/// What a level holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Holding {
    /// Of all its orders.
    pub(super) size: u64,
    /// Its orders.
    pub(super) orders: u32,
    /// Its number.
    pub(super) level: u32,
}

/// Levels by their keys: a key is the price on the ask side and its complement on the bid side, so that the best level
/// has the lowest key on both.
///
/// Levels stay where they are: that one comes or goes moves nothing but four bits of `order`.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Leaf {
    /// Of a place without a level the greatest number, so that a search need not know which these are. Three vectors of
    /// four, so that all are compared by three instructions.
    keys: [i64; LEVELS],
    /// The greatest key that belongs here: below the least that belongs into the next leaf.
    pub(super) bound: i64,
    order: Order,
    length: u32,
    /// The leaf with the next worse levels; of a free leaf the next free one.
    pub(super) next: u32,
    /// The leaf with the next better levels.
    pub(super) previous: u32,
    _padding: u32,
    holdings: [Holding; LEVELS],
}

const _: () = assert!(size_of::<Leaf>() == 320);
const _: () = assert!(std::mem::offset_of!(Leaf, holdings) == 128);

// SAFETY: integers only.
unsafe impl Zeroed for Leaf {}

/// The places of a leaf, four bits each: those with a level by their rank, best first, then the others.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
struct Order(u64);

impl Order {
    const FIRST: Self = Self(0xBA98_7654_3210);

    #[inline(always)]
    const fn place(self, rank: usize) -> usize {
        (self.0 >> (4 * rank)) as usize & 15
    }

    /// The bits below a rank.
    #[inline(always)]
    const fn below(rank: usize) -> u64 {
        (1 << (4 * rank)) - 1
    }

    /// Moves the place at rank `from` to `to`, which is not behind it.
    #[inline(always)]
    const fn bring_forward(self, from: usize, to: usize) -> Self {
        let place = self.place(from) as u64;
        let between = self.0 & Self::below(from) & !Self::below(to);
        let stays = self.0 & (Self::below(to) | !Self::below(from + 1));
        Self(stays | between << 4 | place << (4 * to))
    }

    /// Moves the place at rank `from` to `to`, which is not before it.
    #[inline(always)]
    const fn put_back(self, from: usize, to: usize) -> Self {
        let place = self.place(from) as u64;
        let between = self.0 & Self::below(to + 1) & !Self::below(from + 1);
        let stays = self.0 & (Self::below(from) | !Self::below(to + 1));
        Self(stays | between >> 4 | place << (4 * to))
    }
}

impl Leaf {
    pub(super) const EMPTY: Self = Self {
        keys: [i64::MAX; LEVELS],
        bound: i64::MAX,
        order: Order::FIRST,
        length: 0,
        next: NONE,
        previous: NONE,
        _padding: 0,
        holdings: [Holding {
            size: 0,
            orders: 0,
            level: 0,
        }; LEVELS],
    };

    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        (self.length as usize).min(LEVELS)
    }

    /// How many keys are lower: the rank that `key` has, or would have.
    #[inline(always)]
    pub(super) fn search<V: Vectors>(&self, vectors: V, key: i64) -> usize {
        vectors.below(&self.keys, key)
    }

    /// The place of a rank. A place for every number, so that nothing need be checked.
    #[inline(always)]
    fn place(&self, rank: usize) -> usize {
        self.order.place(rank).min(LEVELS - 1)
    }

    /// Whether `key` has rank `rank`.
    #[inline(always)]
    pub(super) fn has(&self, rank: usize, key: i64) -> bool {
        (rank < self.length as usize) && self.keys[self.place(rank)] == key
    }

    #[inline(always)]
    pub(super) fn key(&self, rank: usize) -> i64 {
        self.keys[self.place(rank)]
    }

    #[inline(always)]
    pub(super) fn holding(&self, rank: usize) -> &Holding {
        &self.holdings[self.place(rank)]
    }

    #[inline(always)]
    pub(super) fn holding_mut(&mut self, rank: usize) -> &mut Holding {
        &mut self.holdings[self.place(rank)]
    }

    /// Adds an order of that size to the level of `key`, if that is there and has rank `rank`; gives its number.
    #[inline(always)]
    pub(super) fn grow(&mut self, rank: usize, key: i64, size: u32) -> Option<u32> {
        if !self.has(rank, key) {
            return None;
        }
        let holding = self.holding_mut(rank);
        holding.size += u64::from(size);
        holding.orders += 1;
        Some(holding.level)
    }

    /// Takes `size` off the level of `key` and `number`, and one order if `order`; gives how many orders are left. `None` if
    /// there is none with rank `rank`.
    #[inline(always)]
    pub(super) fn shrink(
        &mut self,
        rank: usize,
        key: i64,
        number: u32,
        size: u32,
        order: bool,
    ) -> Option<u32> {
        if !self.has(rank, key) {
            return None;
        }
        let holding = self.holding_mut(rank);
        if holding.level != number {
            return None;
        }
        debug_assert!(holding.size >= u64::from(size));
        holding.size = holding.size.wrapping_sub(size.into());
        holding.orders -= u32::from(order);
        Some(holding.orders)
    }

    /// Gives a level rank `rank`. The leaf is not full.
    #[inline(always)]
    pub(super) fn insert(&mut self, rank: usize, key: i64, holding: Holding) {
        let length = self.len();
        debug_assert!(rank <= length && length < LEVELS);
        let place = self.place(length);
        self.order = self.order.bring_forward(length, rank);
        self.keys[place] = key;
        self.holdings[place] = holding;
        self.length += 1;
    }

    /// Takes the level of rank `rank` out.
    #[inline(always)]
    pub(super) fn remove(&mut self, rank: usize) {
        let length = self.len();
        debug_assert!(rank < length);
        let place = self.place(rank);
        self.keys[place] = i64::MAX;
        self.order = self.order.put_back(rank, length - 1);
        self.length -= 1;
    }

    /// Moves the upper half into `upper`, which is empty; the lower half has the first places then.
    pub(super) fn split_into(&mut self, upper: &mut Self) {
        let whole = *self;
        let (length, half) = (whole.len(), whole.len() / 2);
        *self = Self {
            bound: whole.bound,
            next: whole.next,
            previous: whole.previous,
            ..Self::EMPTY
        };
        for rank in 0..half {
            self.insert(rank, whole.key(rank), *whole.holding(rank));
        }
        for rank in half..length {
            upper.insert(rank - half, whole.key(rank), *whole.holding(rank));
        }
    }
}
