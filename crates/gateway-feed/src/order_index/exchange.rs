//! The most usual insertion and the most usual removal, by one and the same code.
//!
//! Which of the two a message needs is what no branch predictor can know. So both look at the order's home in the same
//! way, and which of them it is decides between values, never between ways through the code.

use super::bucket::{PLACES, code, side};
use super::{OrderIndex, RestingOrder};

/// Yes or no, as bits that choose between two values without a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice(u32);

impl Choice {
    /// Chooses the first.
    pub const YES: Self = Self(u32::MAX);
    /// Chooses the second.
    pub const NO: Self = Self(0);

    /// One of the two values.
    #[must_use]
    #[inline(always)]
    pub const fn of(self, yes: u32, no: u32) -> u32 {
        no ^ (yes ^ no) & self.0
    }
}

impl OrderIndex {
    /// Remembers `order` or, where it is not one that `adds`, forgets the order of that reference and instrument; what
    /// else `order` says is of no importance then.
    ///
    /// Only the usual case is dealt with: an order at home, and to be added one whose reference is above all before.
    /// Returns the order added or forgotten. `None` says that nothing was done, and that
    /// [`insert`](Self::insert) or [`remove`](Self::remove) has to find out.
    #[inline(always)]
    pub fn exchange(
        &mut self,
        reference: u64,
        adds: Choice,
        order: RestingOrder,
    ) -> Option<RestingOrder> {
        let narrow = self.buckets.is_narrow(reference);
        let (home, tag) = self.buckets.narrow(reference);
        let bucket = self.buckets.get_mut(home);
        bucket.renew(self.generation);
        let places = adds.of(bucket.vacancies(), bucket.own(tag));
        let place = places.trailing_zeros() as usize % PLACES;
        let before = bucket.order(place);
        let side_code = adds.of(code(order.side).into(), bucket.note(place).into());
        // A reference above all others is new for sure.
        let new = (reference > self.newest) & (self.live < self.orders_max);
        let known = before.instrument == order.instrument;
        let possible = adds.of(new.into(), known.into()) != 0;
        if !narrow || places == 0 || !possible {
            return None;
        }
        bucket.exchange(place, tag, order);
        self.live = self.live.wrapping_add(adds.of(1, u32::MAX));
        self.newest = self.newest.max(reference);
        Some(RestingOrder {
            price: adds.of(order.price, before.price),
            size: adds.of(order.size, before.size),
            instrument: order.instrument,
            side: side(side_code as u8),
        })
    }
}
