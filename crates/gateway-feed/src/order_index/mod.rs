//! The resting orders of a channel by their reference: what messages that only name an order leave out.
//!
//! A table of buckets of one cache line each. A bucket holds three orders, field by field, and how many orders found it
//! full and went on to another one. So a look-up touches one line for nine orders of ten, knows without a second line
//! when there is nothing to find, and can be prefetched, because the line follows from the reference alone. The second
//! bucket to try is the other line of the pair that processors fetch together. A removal frees the place at once: no tombstones, nothing to sweep. Every operation looks at
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

use memory::Buckets;

/// The most buckets that an operation looks at: those that share all but the low bits of their number.
pub const PROBES_MAX: usize = 64;
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
        let buckets = (u64::from(orders_max) * 4).div_ceil(ORDERS_PER_FOUR_BUCKETS);
        Ok(Self {
            buckets: Buckets::new(buckets.next_multiple_of(PROBES_MAX as u64))?,
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

    /// Asks the processor to fetch what an operation on `reference` may look at second. It looks at what
    /// [`prefetch`](Self::prefetch) fetched: to be called once that had time to arrive.
    #[inline(always)]
    pub fn prefetch_next(&self, reference: u64) {
        let home = self.buckets.home(reference);
        let bucket = self.buckets.get(home);
        // Computed rather than branched on: how full a bucket is is chance.
        let goes_on = (bucket.passed != 0) | bucket.vacant().is_none();
        self.buckets.prefetch_bucket(home ^ usize::from(goes_on));
    }

    /// The order of that reference.
    #[must_use]
    #[inline]
    pub fn get(&self, reference: u64) -> Option<RestingOrder> {
        let position = self.find(reference)?;
        Some(self.buckets.get(position.bucket()).order(position.place))
    }

    /// Remembers an order.
    #[inline(always)]
    pub fn insert(&mut self, reference: u64, order: RestingOrder) -> Insertion {
        let home = self.buckets.home(reference);
        let first = self.buckets.get_mut(home);
        first.renew(self.generation);
        // Most often the bucket has a place, and no order went on from it, so none of this reference is elsewhere.
        let known = first.find(reference).is_some();
        let elsewhere = (first.passed != 0) | known | (self.live >= self.orders_max);
        if let Some(place) = first.vacant()
            && !elsewhere
        {
            first.put(place, reference, order);
            self.live += 1;
            return Insertion::New;
        }
        self.insert_far(home, reference, order)
    }

    /// Looks along the whole way for an order of that reference, and for the first place that is vacant.
    #[inline(never)]
    fn insert_far(&mut self, home: usize, reference: u64, order: RestingOrder) -> Insertion {
        let mut found = None;
        let mut searching = true;
        for probe in 0..PROBES_MAX {
            let at = home ^ probe;
            let bucket = self.buckets.get_mut(at);
            bucket.renew(self.generation);
            if searching && let Some(place) = bucket.find(reference) {
                let before = bucket.order(place);
                bucket.put(place, reference, order);
                return Insertion::Replaced(before);
            }
            searching &= bucket.passed != 0;
            if found.is_none() {
                found = bucket.vacant().map(|place| (probe, place));
            }
            if !searching && found.is_some() {
                break;
            }
        }
        let Some((probes, place)) = found.filter(|_| self.live < self.orders_max) else {
            return Insertion::Full;
        };
        for probe in 0..probes {
            self.buckets.get_mut(home ^ probe).pass();
        }
        let bucket = self.buckets.get_mut(home ^ probes);
        bucket.put(place, reference, order);
        self.live += 1;
        Insertion::New
    }

    /// Takes `size` off the order of that reference and forgets it where nothing is left. Returns the order as it was
    /// before.
    #[inline(always)]
    pub fn reduce(&mut self, reference: u64, size: u32) -> Option<RestingOrder> {
        let position = self.find(reference)?;
        let bucket = self.buckets.get_mut(position.bucket());
        let before = bucket.order(position.place);
        if before.size > size {
            bucket.set_size(position.place, before.size - size);
        } else {
            self.free(position);
        }
        Some(before)
    }

    /// Forgets the order of that reference and returns it.
    #[inline]
    pub fn remove(&mut self, reference: u64) -> Option<RestingOrder> {
        let position = self.find(reference)?;
        let before = self.buckets.get(position.bucket()).order(position.place);
        self.free(position);
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

    /// Where the order of that reference lies: its home, how many buckets it passed, its place in the bucket.
    #[inline(always)]
    fn find(&self, reference: u64) -> Option<Position> {
        let home = self.buckets.home(reference);
        let bucket = self.buckets.get(home);
        let current = bucket.generation == self.generation;
        match bucket.find(reference) {
            Some(place) if current => Some(Position {
                home,
                probe: 0,
                place,
            }),
            _ if current && bucket.passed != 0 => self.find_far(home, reference),
            _ => None,
        }
    }

    /// Looks for an order that found its home full.
    #[inline(never)]
    fn find_far(&self, home: usize, reference: u64) -> Option<Position> {
        for probe in 1..PROBES_MAX {
            let bucket = self.buckets.get(home ^ probe);
            if bucket.generation != self.generation {
                return None;
            }
            if let Some(place) = bucket.find(reference) {
                return Some(Position { home, probe, place });
            }
            if bucket.passed == 0 {
                return None;
            }
        }
        None
    }

    #[inline(always)]
    fn free(&mut self, position: Position) {
        let Position { home, probe, place } = position;
        self.buckets.get_mut(home ^ probe).vacate(place);
        self.live -= 1;
        for passed in 0..probe {
            self.buckets.get_mut(home ^ passed).unpass();
        }
    }
}

/// Where an order lies.
#[derive(Clone, Copy)]
struct Position {
    home: usize,
    /// Buckets passed on the way from there.
    probe: usize,
    place: usize,
}

impl Position {
    const fn bucket(self) -> usize {
        self.home ^ self.probe
    }
}
