//! The resting orders of all books by their reference.
//!
//! A table of cache lines with three orders each, much as `gateway-feed` has one for its decoders: the line follows from
//! the reference alone, so it can be prefetched; a removal frees the place at once; an operation looks at
//! [`PROBES_MAX`] lines at most, whatever the references are. An order knows its level by number rather than its
//! instrument, side and price, and when it came: twenty bytes.
//!
//! Emptying one book must not cost a walk over the orders of all. Its levels die instead, and what rests at a dead level
//! is *stale*: it is no order any more, but takes its place until [`Orders::sweep`] comes by.

mod bucket;

use std::io;
use std::ops::Range;

use bucket::Bucket;
pub(crate) use bucket::Resting;

use crate::memory::Pages;
use crate::vectors::{Portable, Vectors};

/// The most buckets that an operation looks at: those that share all but the low bits of their number.
const PROBES_MAX: usize = 64;
/// Orders for each four buckets, on average, when `orders_max` rest: 42 % of the places, 51.2 bytes an order. One order in
/// 25 finds its bucket full; with 36.6 bytes an order it was one in twelve.
const ORDERS_PER_FOUR_BUCKETS: usize = 5;
/// 2⁶⁴ divided by the golden ratio: spreads references that count up as evenly as can be.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// Where an order lies, until the next insertion, removal or sweep: its home, the buckets passed on the way from there,
/// and its place. One number, because one that is put together in memory is loaded again before it is there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position(u64);

/// The first bucket that an order may lie in: see [`Orders::prefetch`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Home(u32);

/// A place of an order's home, to be taken.
pub(crate) struct Vacancy<'a> {
    bucket: &'a mut Bucket,
    place: usize,
}

/// An order that lies at home.
pub(crate) struct AtHome<'a> {
    bucket: &'a mut Bucket,
    place: usize,
}

/// What became of an order that was to be remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Insertion {
    /// It is.
    New,
    /// It is, and this order of the same reference was forgotten for it.
    Replaced(Resting),
    /// There is no place for it.
    Full,
}

/// Resting orders by reference.
#[derive(Debug)]
pub(crate) struct Orders {
    buckets: Pages<Bucket>,
    /// Buckets of another generation are empty.
    generation: u16,
    /// The bucket that is swept next.
    cursor: usize,
    /// No order is here whose reference is above this.
    newest: u64,
}

impl Orders {
    /// Room for `orders_max` orders, and as many stale ones as sweeping lets come together.
    pub(crate) fn new(orders_max: u32) -> io::Result<Self> {
        let buckets = (orders_max as usize * 4).div_ceil(ORDERS_PER_FOUR_BUCKETS);
        Ok(Self {
            buckets: Pages::new(buckets.next_multiple_of(PROBES_MAX))?,
            generation: 1,
            cursor: 0,
            newest: 0,
        })
    }

    pub(crate) const fn bytes(&self) -> u64 {
        self.buckets.bytes()
    }

    #[inline(always)]
    fn home(&self, reference: u64) -> usize {
        let spread = reference.wrapping_mul(GOLDEN);
        ((u128::from(spread) * self.buckets.len() as u128) >> 64) as usize
    }

    /// Asks for what an operation on `reference` will look at first, and says where that is.
    #[inline(always)]
    pub(crate) fn prefetch(&self, reference: u64) -> Home {
        let home = self.home(reference);
        self.buckets.prefetch(home, 0);
        Home(home as u32)
    }

    /// A place at home for an order that is nowhere yet. `None` where there is none, or the order may be elsewhere.
    #[inline(always)]
    pub(crate) fn vacancy<V: Vectors>(
        &mut self,
        vectors: V,
        home: Home,
        reference: u64,
    ) -> Option<Vacancy<'_>> {
        let bucket = self.buckets.get_mut(home.0 as usize)?;
        bucket.renew(self.generation);
        let place = bucket.vacant()?;
        if reference > self.newest {
            self.newest = reference;
        } else if bucket.passed != 0 || bucket.find(vectors, reference).is_some() {
            return None;
        }
        Some(Vacancy { bucket, place })
    }

    /// The order of that reference, if it lies at home.
    #[inline(always)]
    pub(crate) fn at_home<V: Vectors>(
        &mut self,
        vectors: V,
        home: Home,
        reference: u64,
    ) -> Option<AtHome<'_>> {
        let bucket = self.buckets.get_mut(home.0 as usize)?;
        if bucket.generation != self.generation {
            return None;
        }
        let place = bucket.find(vectors, reference)?;
        Some(AtHome { bucket, place })
    }

    /// Where the order of that reference lies.
    #[inline(always)]
    pub(crate) fn find(&self, reference: u64) -> Option<Position> {
        let home = self.home(reference);
        let bucket = &self.buckets[home];
        let current = bucket.generation == self.generation;
        match bucket.find(Portable, reference) {
            Some(place) if current => Some(Position::new(home, 0, place)),
            _ if current && bucket.passed != 0 => self.find_far(home, reference),
            _ => None,
        }
    }

    #[inline(never)]
    fn find_far(&self, home: usize, reference: u64) -> Option<Position> {
        for probe in 1..PROBES_MAX {
            let bucket = &self.buckets[home ^ probe];
            if bucket.generation != self.generation {
                return None;
            }
            if let Some(place) = bucket.find(Portable, reference) {
                return Some(Position::new(home, probe, place));
            }
            if bucket.passed == 0 {
                return None;
            }
        }
        None
    }

    #[inline(always)]
    pub(crate) fn get(&self, position: Position) -> Resting {
        self.buckets[position.bucket()].order(position.place())
    }

    #[inline(always)]
    pub(crate) fn set(&mut self, position: Position, order: Resting) {
        self.buckets[position.bucket()].set(position.place(), order);
    }

    #[inline(always)]
    pub(crate) fn set_size(&mut self, position: Position, size: u32) {
        self.buckets[position.bucket()].set_size(position.place(), size);
    }

    /// Remembers an order. It is refused only where there is no place for it.
    #[inline(always)]
    pub(crate) fn insert(&mut self, reference: u64, order: Resting) -> Insertion {
        let home = self.home(reference);
        let generation = self.generation;
        let first = &mut self.buckets[home];
        first.renew(generation);
        // Exchanges number orders upwards: most often it is new for sure. Else it is where no order went on from the
        // bucket, so that none of this reference is elsewhere.
        let is_new = reference > self.newest;
        self.newest = self.newest.max(reference);
        if let Some(place) = first.vacant()
            && (is_new || (first.passed == 0 && first.find(Portable, reference).is_none()))
        {
            first.put(place, reference, order);
            return Insertion::New;
        }
        self.insert_far(home, reference, order, !is_new)
    }

    /// Looks along the whole way for the first place that is vacant and, if it is `searching`, for an order of that
    /// reference.
    #[inline(never)]
    fn insert_far(
        &mut self,
        home: usize,
        reference: u64,
        order: Resting,
        mut searching: bool,
    ) -> Insertion {
        let mut found = None;
        for probe in 0..PROBES_MAX {
            let bucket = &mut self.buckets[home ^ probe];
            bucket.renew(self.generation);
            if searching && let Some(place) = bucket.find(Portable, reference) {
                let before = bucket.order(place);
                bucket.set(place, order);
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
        let Some((probes, place)) = found else {
            return Insertion::Full;
        };
        for probe in 0..probes {
            self.buckets[home ^ probe].pass();
        }
        self.buckets[home ^ probes].put(place, reference, order);
        Insertion::New
    }

    /// Forgets the order at a position.
    #[inline(always)]
    pub(crate) fn remove(&mut self, position: Position) {
        self.buckets[position.bucket()].vacate(position.place());
        for passed in 0..position.probe() {
            self.buckets[position.home() ^ passed].unpass();
        }
    }

    /// Looks at the next `buckets` buckets and forgets the orders of which `stale` says so; it is asked once each.
    pub(crate) fn sweep(&mut self, buckets: usize, mut stale: impl FnMut(u32) -> bool) {
        for _ in 0..buckets {
            let at = self.cursor;
            self.cursor = if at + 1 == self.buckets.len() {
                0
            } else {
                at + 1
            };
            let bucket = self.buckets[at];
            if bucket.generation != self.generation {
                continue;
            }
            for place in bucket.places() {
                if stale(bucket.order(place).level) {
                    let home = self.home(bucket.reference(place));
                    self.remove(Position::new(home, home ^ at, place));
                }
            }
        }
    }

    /// Forgets all orders, at once.
    pub(crate) fn clear(&mut self) {
        self.newest = 0;
        if self.generation == u16::MAX {
            self.buckets.wipe();
            self.generation = 0;
        }
        self.generation += 1;
    }

    /// How many buckets there are.
    pub(crate) fn buckets(&self) -> usize {
        self.buckets.len()
    }

    /// The orders of some buckets, stale ones too, in no order. An order stays in its bucket until it is removed or put
    /// anew.
    pub(crate) fn in_buckets(&self, range: Range<usize>) -> impl Iterator<Item = (u64, Resting)> {
        self.buckets[range]
            .iter()
            .filter(|bucket| bucket.generation == self.generation)
            .flat_map(|bucket| {
                bucket
                    .places()
                    .map(|place| (bucket.reference(place), bucket.order(place)))
            })
    }
}

impl Vacancy<'_> {
    /// The order rests there.
    #[inline(always)]
    pub(crate) fn put(self, reference: u64, order: Resting) {
        self.bucket.put(self.place, reference, order);
    }
}

impl AtHome<'_> {
    #[inline(always)]
    pub(crate) fn size(&self) -> u32 {
        self.bucket.order(self.place).size
    }

    #[inline(always)]
    pub(crate) fn level(&self) -> u32 {
        self.bucket.order(self.place).level
    }

    #[inline(always)]
    pub(crate) fn set_size(&mut self, size: u32) {
        self.bucket.set_size(self.place, size);
    }

    /// The order is gone. None went on to get here.
    #[inline(always)]
    pub(crate) fn remove(self) {
        self.bucket.vacate(self.place);
    }
}

impl Position {
    #[inline(always)]
    const fn new(home: usize, probe: usize, place: usize) -> Self {
        Self(home as u64 | (probe as u64) << 32 | (place as u64) << 40)
    }

    #[inline(always)]
    const fn home(self) -> usize {
        self.0 as u32 as usize
    }

    #[inline(always)]
    const fn probe(self) -> usize {
        (self.0 >> 32) as u8 as usize
    }

    #[inline(always)]
    const fn place(self) -> usize {
        (self.0 >> 40) as usize
    }

    #[inline(always)]
    const fn bucket(self) -> usize {
        self.home() ^ self.probe()
    }
}
