//! The resting orders of a channel by their reference: what messages that only name an order leave out.
//!
//! A table of buckets of one cache line each. A bucket holds four orders, field by field, and how many orders found it
//! full and went on to another one. So a look-up touches one line for more than nine orders of ten, knows without a
//! second line when there is nothing to find, and can be prefetched, because the line follows from the reference alone.
//! The second bucket to try is the other line of the pair that processors fetch together. A removal frees the place at
//! once: no tombstones, nothing to sweep. Every operation looks at [`PROBES_MAX`] buckets at most, whatever the
//! references are; an order that finds no place there, or comes when `orders_max` orders rest, is refused and the caller
//! told. Forgetting everything is one store.
//!
//! Four orders have room in a line because it holds no references but tags of 32 bits, which with the bucket that an
//! order belongs into are as good as the reference: below 2⁴², or more in a larger index. A *wide* reference, above that,
//! is kept whole in a pair of places. Venues number orders from 1 each day; where all references are wide, an index has
//! room for three quarters of `orders_max`.
//!
//! All memory is taken and touched when the index is made. `bench/README.md` has the measurements against
//! `hashbrown` and others.

mod bucket;
mod exchange;
mod memory;
#[cfg(test)]
mod tests;

use dbn::Side;

pub use exchange::Choice;
pub use memory::Backing;

use bucket::Key;
use memory::Buckets;

/// The most buckets that an operation looks at: those that share all but the low bits of their number.
pub const PROBES_MAX: usize = 64;
/// Orders for each eight buckets, on average, when `orders_max` rest: 41 % of the places, 39.4 bytes an order.
const ORDERS_PER_EIGHT_BUCKETS: u64 = 13;
/// The fewest buckets, 64 KiB of them: with so many, references below 2⁴² are narrow.
const BUCKETS_MIN: u64 = 1 << 10;

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
    generation: u16,
    live: u32,
    orders_max: u32,
    /// No order rests whose reference is above this.
    newest: u64,
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
        let buckets = (u64::from(orders_max) * 8).div_ceil(ORDERS_PER_EIGHT_BUCKETS);
        let buckets = buckets.next_multiple_of(PROBES_MAX as u64);
        Ok(Self {
            buckets: Buckets::new(buckets.max(BUCKETS_MIN))?,
            generation: 1,
            live: 0,
            orders_max,
            newest: 0,
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
        let position = self.find(reference)?;
        Some(self.buckets.get(position.bucket()).order(position.place))
    }

    /// Remembers an order.
    #[inline(always)]
    pub fn insert(&mut self, reference: u64, order: RestingOrder) -> Insertion {
        let (home, key) = self.buckets.home(reference);
        // Exchanges order numbers upwards: most often it is new for sure.
        let new = reference > self.newest;
        self.newest = self.newest.max(reference);
        if new {
            self.insert_new(home, key, order)
        } else {
            self.insert_far(home, key, order, true)
        }
    }

    /// Remembers an order of which it is known that none of its reference rests.
    #[inline(always)]
    fn insert_new(&mut self, home: usize, key: Key, order: RestingOrder) -> Insertion {
        let first = self.buckets.get_mut(home);
        first.renew(self.generation);
        if let Some(place) = first.vacant(key)
            && self.live < self.orders_max
        {
            first.put(place, key, 0, order);
            self.live += 1;
            return Insertion::New;
        }
        self.insert_far(home, key, order, false)
    }

    /// Looks along the whole way for the first place that is vacant and, if it is `searching`, for an order of that
    /// reference.
    #[inline(never)]
    fn insert_far(
        &mut self,
        home: usize,
        key: Key,
        order: RestingOrder,
        mut searching: bool,
    ) -> Insertion {
        let mut found = None;
        for probe in 0..PROBES_MAX {
            let at = home ^ probe;
            let bucket = self.buckets.get_mut(at);
            bucket.renew(self.generation);
            if searching && let Some(place) = bucket.find(key, probe) {
                let before = bucket.order(place);
                bucket.put(place, key, probe, order);
                return Insertion::Replaced(before);
            }
            searching &= bucket.passed != 0;
            if found.is_none() {
                found = bucket.vacant(key).map(|place| (probe, place));
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
        bucket.put(place, key, probes, order);
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
        self.newest = 0;
        if self.generation == u16::MAX {
            // Once in 65,535 times the numbers of generations begin anew.
            self.buckets.wipe();
            self.generation = 0;
        }
        self.generation += 1;
    }

    /// Where the order of that reference lies.
    #[inline(always)]
    fn find(&self, reference: u64) -> Option<Position> {
        let (home, key) = self.buckets.home(reference);
        let bucket = self.buckets.get(home);
        let current = bucket.generation == self.generation;
        match bucket.find(key, 0) {
            Some(place) if current => Some(Position {
                home,
                key,
                probe: 0,
                place,
            }),
            _ if current && bucket.passed != 0 => self.find_far(home, key),
            _ => None,
        }
    }

    /// Looks for an order that found its home full.
    #[inline(never)]
    fn find_far(&self, home: usize, key: Key) -> Option<Position> {
        for probe in 1..PROBES_MAX {
            let bucket = self.buckets.get(home ^ probe);
            if bucket.generation != self.generation {
                return None;
            }
            if let Some(place) = bucket.find(key, probe) {
                return Some(Position {
                    home,
                    key,
                    probe,
                    place,
                });
            }
            if bucket.passed == 0 {
                return None;
            }
        }
        None
    }

    #[inline(always)]
    fn free(&mut self, position: Position) {
        let Position {
            home,
            key,
            probe,
            place,
        } = position;
        self.buckets.get_mut(home ^ probe).vacate(place, key, probe);
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
    /// How the order is known to the buckets on the way from there.
    key: Key,
    /// Buckets passed on that way.
    probe: usize,
    place: usize,
}

impl Position {
    const fn bucket(self) -> usize {
        self.home ^ self.probe
    }
}
