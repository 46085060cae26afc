//! The resting orders of a channel by their reference: what messages that only name an order leave out.
//!
//! A table of buckets of one cache line each. A bucket holds three orders, field by field, and how many orders that
//! belong here found it full and went on to a bucket behind. So a look-up touches one line for nine orders of ten,
//! knows without a second line when there is nothing to find, and can be prefetched, because the line follows from the
//! reference alone. A removal frees the place at once: no tombstones, nothing to sweep. Every operation looks at
//! [`PROBES_MAX`] buckets at most, whatever the references are; an order that finds no place there, or comes when
//! `orders_max` orders rest, is refused and the caller told. Forgetting everything is one store.
//!
//! All memory is taken and touched when the index is made. `bench/README.md` has the measurements against
//! `hashbrown` and others.

mod bucket;
mod memory;
#[cfg(test)]
mod tests;

use dbn::Side;

pub use memory::Backing;

use bucket::PASSED_MANY;
use memory::Buckets;

/// The most buckets that an operation looks at.
pub const PROBES_MAX: usize = 32;
/// Orders for each four buckets, on average, when `orders_max` rest: 58 % of the places, 36.6 bytes an order.
const ORDERS_PER_FOUR_BUCKETS: u64 = 7;

/// The most orders that an index can be made for: 2²⁸, about 10 GB.
pub const ORDERS_MAX: u32 = 1 << 28;

/// What is known of a resting order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestingOrder {
    /// In the feed's own units; for ITCH 1e-4 dollars.
    pub price: u32,
    /// Shares that are left.
    pub size: u32,
    /// The instrument's number in the feed; for ITCH the stock locate.
    pub instrument: u16,
    /// [`Side::None`] where the order's own origin was not known.
    pub side: Side,
}

/// What became of an order that was to be remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insertion {
    /// It is.
    New,
    /// It is, and this order of the same reference was forgotten for it.
    Replaced(RestingOrder),
    /// There is no place for it.
    Full,
}

/// Why an index cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum OrderIndexError {
    /// A number of orders out of range.
    #[error("an order index for {orders_max} orders: use 1 to {ORDERS_MAX}")]
    OrdersMax {
        /// The number.
        orders_max: u32,
    },
    /// The system has no memory for it.
    #[error(
        "no memory for an order index of {bytes} bytes: {source}; use a smaller orders_max, or a larger machine"
    )]
    Memory {
        /// How much was asked for.
        bytes: u64,
        /// What the system says.
        source: std::io::Error,
    },
}

/// Resting orders by reference. See the [module](self).
#[derive(Debug)]
pub struct OrderIndex {
    buckets: Buckets,
    /// Buckets of another generation are empty.
    generation: u32,
    live: u32,
    orders_max: u32,
}

impl OrderIndex {
    /// An empty index; all memory that it will ever need is present when this returns.
    ///
    /// # Errors
    /// `orders_max` is 0 or above [`ORDERS_MAX`], or there is no memory.
    pub fn new(orders_max: u32) -> Result<Self, OrderIndexError> {
        if orders_max == 0 || orders_max > ORDERS_MAX {
            return Err(OrderIndexError::OrdersMax { orders_max });
        }
        // One home for each bucket behind the last too, so that no chain wraps around.
        let homes = (u64::from(orders_max) * 4).div_ceil(ORDERS_PER_FOUR_BUCKETS);
        let buckets = Buckets::new(homes, PROBES_MAX as u64 - 1)?;
        Ok(Self {
            buckets,
            generation: 1,
            live: 0,
            orders_max,
        })
    }

    /// Orders that rest now.
    #[must_use]
    #[inline(always)]
    pub const fn len(&self) -> u32 {
        self.live
    }

    /// Whether no order rests.
    #[must_use]
    #[inline(always)]
    pub const fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// The most orders that can rest.
    #[must_use]
    pub const fn orders_max(&self) -> u32 {
        self.orders_max
    }

    /// Bytes that the index takes, used or not.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.buckets.bytes()
    }

    /// What its memory is made of.
    #[must_use]
    pub const fn backing(&self) -> Backing {
        self.buckets.backing()
    }

    /// Asks the processor to fetch what an operation on `reference` will look at first.
    #[inline(always)]
    pub fn prefetch(&self, reference: u64) {
        self.buckets.prefetch(reference);
    }

    /// The order of that reference.
    #[must_use]
    #[inline]
    pub fn get(&self, reference: u64) -> Option<RestingOrder> {
        let (bucket, place) = self.find(reference)?;
        self.buckets.get(bucket).order(place)
    }

    /// Remembers an order.
    #[inline]
    pub fn insert(&mut self, reference: u64, order: RestingOrder) -> Insertion {
        let generation = self.generation;
        let home = self.buckets.home(reference);
        let first = self.buckets.get_mut(home);
        first.renew(generation);
        // Nine of ten: the bucket has a place, and no order went on from it, so none of this reference is behind.
        if first.passed == 0
            && first.find(reference).is_none()
            && self.live < self.orders_max
            && let Some(place) = first.vacant()
        {
            first.put(place, reference, order);
            self.live += 1;
            return Insertion::New;
        }
        self.insert_far(home, reference, order)
    }

    #[inline(never)]
    fn insert_far(&mut self, home: usize, reference: u64, order: RestingOrder) -> Insertion {
        if let Some((bucket, place)) = self.find(reference) {
            let bucket = self.buckets.get_mut(bucket);
            let before = bucket.order(place);
            bucket.put(place, reference, order);
            return before.map_or(Insertion::New, Insertion::Replaced);
        }
        if self.live >= self.orders_max {
            return Insertion::Full;
        }
        let generation = self.generation;
        for probe in home..home + PROBES_MAX {
            let bucket = self.buckets.get_mut(probe);
            bucket.renew(generation);
            if let Some(place) = bucket.vacant() {
                bucket.put(place, reference, order);
                for full in home..probe {
                    self.buckets.get_mut(full).pass();
                }
                self.live += 1;
                return Insertion::New;
            }
        }
        Insertion::Full
    }

    /// Takes `size` off the order of that reference and forgets it where nothing is left. Returns the order as it was
    /// before.
    #[inline]
    pub fn reduce(&mut self, reference: u64, size: u32) -> Option<RestingOrder> {
        let (at, place) = self.find(reference)?;
        let bucket = self.buckets.get_mut(at);
        let before = bucket.order(place)?;
        if before.size > size {
            bucket.set_size(place, before.size - size);
        } else {
            self.free(reference, at, place);
        }
        Some(before)
    }

    /// Forgets the order of that reference and returns it.
    #[inline]
    pub fn remove(&mut self, reference: u64) -> Option<RestingOrder> {
        let (at, place) = self.find(reference)?;
        let before = self.buckets.get(at).order(place)?;
        self.free(reference, at, place);
        Some(before)
    }

    /// Forgets all orders, at once.
    pub fn clear(&mut self) {
        self.live = 0;
        if self.generation == u32::MAX {
            // Once in four billion times the numbers of generations begin anew.
            self.buckets.wipe();
            self.generation = 0;
        }
        self.generation += 1;
    }

    #[inline(always)]
    fn find(&self, reference: u64) -> Option<(usize, usize)> {
        let home = self.buckets.home(reference);
        for probe in home..home + PROBES_MAX {
            let bucket = self.buckets.get(probe);
            if bucket.generation != self.generation {
                return None;
            }
            if let Some(place) = bucket.find(reference) {
                return Some((probe, place));
            }
            if bucket.passed == 0 {
                return None;
            }
        }
        None
    }

    #[inline(always)]
    fn free(&mut self, reference: u64, at: usize, place: usize) {
        self.buckets.get_mut(at).vacate(place);
        self.live -= 1;
        let home = self.buckets.home(reference);
        for full in home..at {
            let bucket = self.buckets.get_mut(full);
            // Once so many passed that the count stands at its end, it says "many" until all is forgotten.
            if bucket.passed != PASSED_MANY {
                bucket.passed -= 1;
            }
        }
    }
}
