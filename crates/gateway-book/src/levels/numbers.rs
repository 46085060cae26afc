//! The numbers of levels: by them an order knows side and price without holding either.

use std::io;

use crate::memory::{Pages, Zeroed};
use crate::side::BookSide;

/// Whose level a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    /// The instrument's slot.
    pub(crate) slot: u32,
    pub(crate) side: BookSide,
    pub(crate) price: i64,
}

impl Owner {
    /// Slot and side in one number.
    #[inline(always)]
    pub(crate) const fn whose(self) -> u32 {
        self.slot << 1 | self.side as u32
    }
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct Number {
    price: i64,
    /// Slot and side of a level that is there, [`DEAD`] for one that is gone while orders at it are not.
    owner: u32,
    /// Of a dead level the orders that are still to be swept.
    stale: u32,
}

/// No slot has this number: see [`crate::options::INSTRUMENTS_MAX`].
const DEAD: u32 = u32::MAX;

// SAFETY: integers only.
unsafe impl Zeroed for Number {}

/// All numbers, taken or free.
#[derive(Debug)]
pub(crate) struct Numbers {
    all: Pages<Number>,
    /// Those given back, the last one last. Apart from the numbers, so that giving one back stores to no line that may be
    /// far: later stores, and loads that have to wait for these, would queue up behind it.
    free: Pages<u32>,
    free_len: usize,
    /// Numbers from here on were never taken since the last reset.
    fresh: u32,
}

impl Numbers {
    pub(crate) fn new(total: u32) -> io::Result<Self> {
        Ok(Self {
            all: Pages::new(total as usize)?,
            free: Pages::new(total as usize)?,
            free_len: 0,
            fresh: 0,
        })
    }

    pub(crate) const fn bytes(&self) -> u64 {
        self.all.bytes() + self.free.bytes()
    }

    /// A number for a level, by [`Owner::whose`] and its key.
    pub(crate) fn take(&mut self, whose: u32, key: i64) -> Option<u32> {
        let number = if let Some(last) = self.free_len.checked_sub(1) {
            self.free_len = last;
            self.free[last]
        } else if (self.fresh as usize) < self.all.len() {
            self.fresh += 1;
            self.fresh - 1
        } else {
            return None;
        };
        self.all[number as usize] = Number {
            price: BookSide::from_bit(whose as usize & 1).key(key),
            owner: whose,
            stale: 0,
        };
        Some(number)
    }

    /// Gives the number of a level without orders back.
    #[inline]
    pub(crate) fn give_back(&mut self, number: u32) {
        self.free[self.free_len] = number;
        self.free_len += 1;
        // It is the next to be taken.
        self.all.prefetch(number as usize, 0);
    }

    /// Whose level it is; `None` if it is dead.
    #[inline]
    pub(crate) fn owner(&self, number: u32) -> Option<Owner> {
        let Number { price, owner, .. } = self.all[number as usize];
        let side = BookSide::from_bit(owner as usize & 1);
        (owner != DEAD).then_some(Owner {
            slot: owner >> 1,
            side,
            price,
        })
    }

    /// The level is gone, its `orders` orders are to be swept.
    pub(crate) fn kill(&mut self, number: u32, orders: u32) {
        if orders == 0 {
            return self.give_back(number);
        }
        let dead = &mut self.all[number as usize];
        dead.owner = DEAD;
        dead.stale = orders;
    }

    /// An order at this level, which is dead, is gone.
    pub(crate) fn swept(&mut self, number: u32) {
        let dead = &mut self.all[number as usize];
        debug_assert_eq!(dead.owner, DEAD);
        dead.stale = dead.stale.saturating_sub(1);
        if dead.stale == 0 {
            self.give_back(number);
        }
    }

    /// No number is taken any more.
    pub(crate) fn reset(&mut self) {
        self.fresh = 0;
        self.free_len = 0;
    }
}
