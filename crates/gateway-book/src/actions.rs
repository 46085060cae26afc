//! What each action of an order record does.

use dbn::flags::{LAST, MAYBE_BAD_BOOK, SNAPSHOT};
use dbn::{UNDEF_ORDER_SIZE, UNDEF_PRICE};

use crate::applied::Change;
use crate::books::Books;
use crate::effect::Effect;
use crate::instruments::state;
use crate::levels::{Added, Owner};
use crate::mbo::Mbo;
use crate::orders::{Insertion, Position, Resting};
use crate::side::BookSide;
use crate::validity::Reason;
use crate::vectors::Portable;

/// Buckets that are looked at for stale orders with each order that is added, while there are any. With four of them,
/// all are looked at before a fifth as many orders as there may be were added.
const SWEEP_BUCKETS: usize = 4;
/// Fewer stale orders than this are left to sweeping when no order rests any more.
const STALE_MIN: u32 = 4_096;

impl Books {
    #[inline(always)]
    pub(crate) fn add(&mut self, slot: u32, mbo: Mbo<'_>) -> Effect {
        let (Some((side, price)), Some(size)) = (mbo.place(), mbo.order_size()) else {
            return self.incomplete(slot);
        };
        self.add_order(slot, mbo.order_id(), side, price, size)
    }

    #[inline(always)]
    fn add_order(
        &mut self,
        slot: u32,
        order_id: u64,
        side: BookSide,
        price: i64,
        size: u32,
    ) -> Effect {
        // One that takes another's place needs none.
        if self.live >= self.options.orders_max && !self.rests(order_id) {
            return self.orders_overflow(slot);
        }
        let owner = Owner { slot, side, price };
        let instrument = self.instruments.get_mut(slot);
        let Some(added) =
            self.levels
                .add(Portable, &mut instrument.sides[side as usize], owner, size)
        else {
            return self.levels_overflow(slot, order_id);
        };
        if added.is_new_best() {
            instrument.state |= state::MAY_CROSS;
        }
        let resting = Resting {
            size,
            level: added.number(),
            stamp: self.stamp,
        };
        self.stamp = self.stamp.wrapping_add(1);
        if self.stale > 0 {
            self.sweep();
        }
        match self.orders.insert(order_id, resting) {
            Insertion::New => {
                self.live += 1;
                Effect::at_rank(added.rank())
            }
            Insertion::Replaced(before) => self.replaced(slot, added, before),
            Insertion::Full => self.take_back(slot, owner, added, size),
        }
    }

    #[inline(always)]
    pub(crate) fn cancel(&mut self, slot: u32, mbo: Mbo<'_>) -> Effect {
        let Some(position) = self.orders.find(mbo.order_id()) else {
            return self.unknown_order(slot);
        };
        let resting = self.orders.get(position);
        let whole = mbo.size() >= resting.size;
        let size = mbo.size().min(resting.size);
        // A side that the record lacks is taken for a bid, at a price that no level has.
        let side = mbo.side_or_bid();
        let instrument = self.instruments.get_mut(slot);
        let rank = self.levels.reduce(
            Portable,
            &mut instrument.sides[side as usize],
            side.key(mbo.price()),
            resting.level,
            size,
            whole,
        );
        let Some(rank) = rank else {
            return self.cancel_elsewhere(slot, mbo, position, resting);
        };
        self.reduce_order(position, resting, mbo.size());
        Effect::at_rank(rank)
    }

    /// Whether an order of that reference rests in any book.
    #[cold]
    #[inline(never)]
    fn rests(&self, order_id: u64) -> bool {
        let found = self.orders.find(order_id);
        let level = found.map(|position| self.orders.get(position).level);
        level.is_some_and(|level| self.levels.numbers.owner(level).is_some())
    }

    /// Takes `size` off an order, whose level was told.
    #[inline(always)]
    fn reduce_order(&mut self, position: Position, resting: Resting, size: u32) {
        if size < resting.size {
            self.orders.set_size(position, resting.size - size);
            return;
        }
        self.orders.remove(position);
        self.live -= 1;
        let overdrawn = size > resting.size && size != UNDEF_ORDER_SIZE;
        self.counters.overdrawn += u64::from(overdrawn);
    }

    /// A cancel whose order does not rest where the record says.
    #[cold]
    #[inline(never)]
    fn cancel_elsewhere(
        &mut self,
        slot: u32,
        mbo: Mbo<'_>,
        position: Position,
        resting: Resting,
    ) -> Effect {
        let Some(owner) = self.owner_of(slot, position, resting) else {
            return self.unknown_order(slot);
        };
        let effect = self.reduce_level(owner, resting.level, resting.size, mbo.size());
        self.reduce_order(position, resting, mbo.size());
        effect.and_validity(self.contradiction(slot, mbo, owner))
    }

    /// Whether a record says otherwise than its order.
    fn contradiction(&mut self, slot: u32, mbo: Mbo<'_>, owner: Owner) -> bool {
        if mbo
            .place()
            .is_none_or(|said| said == (owner.side, owner.price))
        {
            return false;
        }
        self.counters.contradictions += 1;
        self.fault(slot, Reason::Contradiction)
    }

    /// Side and price of an order, if it is one of this instrument; a stale one is forgotten.
    fn owner_of(&mut self, slot: u32, position: Position, resting: Resting) -> Option<Owner> {
        let owner = self.levels.numbers.owner(resting.level);
        if owner.is_none() {
            self.orders.remove(position);
            self.levels.numbers.swept(resting.level);
            self.stale -= 1;
        }
        owner.filter(|owner| owner.slot == slot)
    }

    /// Takes `size` off an order's level, or all that rests of the order.
    fn reduce_level(&mut self, owner: Owner, level: u32, resting: u32, size: u32) -> Effect {
        let side = &mut self.instruments.get_mut(owner.slot).sides[owner.side as usize];
        let key = owner.side.key(owner.price);
        self.levels
            .reduce(
                Portable,
                side,
                key,
                level,
                size.min(resting),
                size >= resting,
            )
            .map_or(Effect::NOTHING, Effect::at_rank)
    }

    /// An order keeps its priority if only its size changes, and not upwards. One that is not known is added.
    #[inline(never)]
    pub(crate) fn modify(&mut self, slot: u32, mbo: Mbo<'_>) -> Effect {
        let found = self.orders.find(mbo.order_id());
        let known = found.and_then(|position| {
            let resting = self.orders.get(position);
            let owner = self.owner_of(slot, position, resting)?;
            Some((position, resting, owner))
        });
        let Some((position, resting, owner)) = known else {
            let unknown = self.miss_order(slot);
            return self.add(slot, mbo).and_validity(unknown);
        };
        let (Some((side, price)), Some(size)) = (mbo.place(), mbo.order_size()) else {
            return self.incomplete(slot);
        };
        if (side, price) != (owner.side, owner.price) {
            let left = self.reduce_level(owner, resting.level, resting.size, resting.size);
            self.orders.remove(position);
            self.live -= 1;
            let added = self.add_order(slot, mbo.order_id(), side, price, size);
            return added.and_change(left.change());
        }
        let key = side.key(price);
        let levels = &mut self.instruments.get_mut(slot).sides[side as usize];
        let (rank, stamp) = if size > resting.size {
            self.stamp = self.stamp.wrapping_add(1);
            let stamp = self.stamp.wrapping_sub(1);
            (self.levels.enlarge(levels, key, size - resting.size), stamp)
        } else {
            let less = resting.size - size;
            let rank = self
                .levels
                .reduce(Portable, levels, key, resting.level, less, false);
            (rank, resting.stamp)
        };
        let level = resting.level;
        self.orders.set(position, Resting { size, level, stamp });
        rank.map_or(Effect::NOTHING, Effect::at_rank)
    }

    /// The book begins anew, without any order.
    #[cold]
    #[inline(never)]
    pub(crate) fn clear(&mut self, slot: u32, mbo: Mbo<'_>) -> Effect {
        self.empty(slot);
        let flags = mbo.flags();
        let channel = *self.channel_of(slot);
        let sequence = self.sequence();
        let instrument = self.instruments.get_mut(slot);
        instrument.begin(sequence);
        let begins = match channel.reason() {
            // It is complete when that of the channel is.
            Some(Reason::Snapshot) => false,
            // Behind a late start comes a Clear for each instrument, which says that what the session before left is
            // gone, and not that nothing rests.
            Some(Reason::LateStart) => flags & SNAPSHOT != 0,
            _ => true,
        };
        if begins {
            instrument.begun_in = channel.epoch();
            if flags & MAYBE_BAD_BOOK != 0 {
                instrument.fault = Reason::Flagged as u8;
            } else if flags & (SNAPSHOT | LAST) == SNAPSHOT {
                instrument.fault = Reason::Snapshot as u8;
                instrument.state |= state::SNAPSHOT;
            }
        }
        Effect::of(Change::Best).and_validity(true)
    }

    /// Empties a book; its orders get stale.
    pub(crate) fn empty(&mut self, slot: u32) {
        let [bids, asks] = &mut self.instruments.get_mut(slot).sides;
        let orders = self.levels.clear(bids) + self.levels.clear(asks);
        self.live -= orders;
        self.stale += orders;
        if self.live == 0 && self.stale >= STALE_MIN {
            self.orders.clear();
            self.levels.numbers.reset();
            self.stale = 0;
        }
    }

    pub(crate) fn trade(&mut self, slot: u32, mbo: Mbo<'_>) -> Effect {
        // A cross in which nothing crossed is told as well.
        let trade = mbo.price() != UNDEF_PRICE && mbo.order_size().is_some();
        if trade {
            let sequence = self.sequence();
            let instrument = self.instruments.get_mut(slot);
            instrument.trade_price = mbo.price();
            instrument.trade_size = mbo.size();
            instrument.trade_side = mbo.side_code();
            instrument.trade_ts_event = mbo.ts_event();
            instrument.trade_sequence = sequence;
        }
        Effect::trade(trade)
    }

    /// Forgets stale orders of a few more buckets.
    #[cold]
    #[inline(never)]
    fn sweep(&mut self) {
        let (numbers, stale) = (&mut self.levels.numbers, &mut self.stale);
        self.orders.sweep(SWEEP_BUCKETS, |level| {
            let dead = numbers.owner(level).is_none();
            if dead {
                numbers.swept(level);
                *stale -= 1;
            }
            dead
        });
    }

    /// An order was added under the reference of another, and has its place.
    #[cold]
    #[inline(never)]
    fn replaced(&mut self, slot: u32, added: Added, before: Resting) -> Effect {
        self.live += 1;
        let displaced = self.displaced(slot, before);
        displaced.and_change(Effect::at_rank(added.rank()).change())
    }

    /// An order was forgotten because one of this instrument came under its reference.
    fn displaced(&mut self, slot: u32, before: Resting) -> Effect {
        let Some(owner) = self.levels.numbers.owner(before.level) else {
            // A stale one: no order any more.
            self.levels.numbers.swept(before.level);
            self.stale -= 1;
            return Effect::NOTHING;
        };
        self.live -= 1;
        self.counters.duplicate_orders += 1;
        let mut effect = self.reduce_level(owner, before.level, before.size, before.size);
        if owner.slot != slot {
            let other = self.instruments.get_mut(owner.slot);
            other.change = other.change.max(effect.change());
            self.fault(owner.slot, Reason::DuplicateOrder);
            effect = Effect::also(owner.slot);
        }
        effect.and_validity(self.fault(slot, Reason::DuplicateOrder))
    }

    /// There was room for an order's level but not for the order.
    #[cold]
    #[inline(never)]
    fn take_back(&mut self, slot: u32, owner: Owner, added: Added, size: u32) -> Effect {
        self.reduce_level(owner, added.number(), size, size);
        self.orders_overflow(slot)
    }

    #[cold]
    #[inline(never)]
    fn orders_overflow(&mut self, slot: u32) -> Effect {
        self.counters.orders_overflowed += 1;
        Effect::validity(self.fault(slot, Reason::Overflow))
    }

    #[cold]
    #[inline(never)]
    fn levels_overflow(&mut self, slot: u32, order_id: u64) -> Effect {
        self.counters.levels_overflowed += 1;
        let mut effect = Effect::NOTHING;
        if let Some(position) = self.orders.find(order_id) {
            let before = self.orders.get(position);
            self.orders.remove(position);
            effect = self.displaced(slot, before);
        }
        effect.and_validity(self.fault(slot, Reason::Overflow))
    }

    #[cold]
    #[inline(never)]
    fn unknown_order(&mut self, slot: u32) -> Effect {
        Effect::validity(self.miss_order(slot))
    }

    /// A record named an order that is not known. Says whether that makes the book invalid.
    fn miss_order(&mut self, slot: u32) -> bool {
        self.counters.unknown_orders += 1;
        self.fault(slot, Reason::UnknownOrder)
    }

    #[cold]
    #[inline(never)]
    fn incomplete(&mut self, slot: u32) -> Effect {
        self.counters.incomplete += 1;
        Effect::validity(self.fault(slot, Reason::IncompleteRecord))
    }
}
