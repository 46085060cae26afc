//! What nearly all records are: an Add or a Cancel of an instrument that is known, with nothing the matter.
//!
//! Whatever else may be so is found out before anything is done, and such a record goes the way that all can go
//! ([`Books::order_record`]). So there is little to look at here, and it is looked at once.

use dbn::flags::LAST;
use dbn::{UNDEF_ORDER_SIZE, UNDEF_PRICE};

use crate::applied::{Applied, Change, Subject};
use crate::books::Books;
use crate::effect::Effect;
use crate::instruments::{Instrument, state};
use crate::levels::Owner;
use crate::mbo::{Mbo, WORDS};
use crate::orders::{Home, Resting};
use crate::side::BookSide;
use crate::vectors::Vectors;
use gateway_record::InstrumentId;

/// What a usual record did.
#[derive(Clone, Copy)]
pub(crate) struct Usual {
    /// The instrument's.
    slot: u32,
    change: u8,
    complete: bool,
    validity: bool,
}

impl Usual {
    #[inline(always)]
    pub(crate) const fn applied(self, words: &[u64; WORDS]) -> Applied {
        Applied {
            subject: Subject::Instrument {
                id: InstrumentId(Mbo(words).instrument()),
                slot: self.slot,
            },
            change: Change::from_number(self.change),
            complete: self.complete,
            validity: self.validity,
            ..Applied::NOTHING
        }
    }
}

impl Instrument {
    /// Whether nothing but order and level need be looked at for a record.
    #[inline(always)]
    const fn is_usual(&self, mbo: Mbo<'_>) -> bool {
        let unusual = state::MAY_CROSS | state::SNAPSHOT;
        self.channel == mbo.channel()
            && mbo.flags() & !LAST == 0
            && mbo.has_side()
            && (self.state & (unusual | state::TOLD) == state::TOLD)
    }
}

impl Books {
    /// Applies a record if it is a usual one. `None` if not; nothing that shows was done then: a bucket may have been
    /// renewed, the highest reference noted, a side's first leaf taken. `slot` and `home` are its instrument's and its
    /// order's, `slot` only if it is an order record of the publisher.
    #[inline(always)]
    pub(crate) fn usual_record<V: Vectors>(
        &mut self,
        vectors: V,
        words: &[u64; WORDS],
        slot: u32,
        home: Home,
        sequence: u64,
    ) -> Option<Usual> {
        let mbo = Mbo(words);
        let instrument = self.instruments.try_get_mut(slot)?;
        if !instrument.is_usual(mbo) {
            return None;
        }
        let side = BookSide::from_bit(mbo.side_bit());
        let levels = &mut instrument.sides[mbo.side_bit()];
        let (size, price) = (mbo.size(), mbo.price());
        let mut may_cross = false;
        // Two branches, and not a jump by a table, which is mispredicted more often.
        let rank = if mbo.action() == b'A' {
            if size == 0 || size == UNDEF_ORDER_SIZE || price == UNDEF_PRICE {
                return None;
            }
            if self.live >= self.options.orders_max || self.stale > 0 {
                return None;
            }
            let vacancy = self.orders.vacancy(vectors, home, mbo.order_id())?;
            let owner = Owner { slot, side, price };
            let added = self.levels.add(vectors, levels, owner, size)?;
            let resting = Resting {
                size,
                level: added.number(),
                stamp: self.stamp,
            };
            vacancy.put(mbo.order_id(), resting);
            self.stamp = self.stamp.wrapping_add(1);
            self.live += 1;
            may_cross = added.is_new_best();
            added.rank()
        } else if mbo.action() == b'C' {
            let mut found = self.orders.at_home(vectors, home, mbo.order_id())?;
            let (key, level, resting) = (side.key(price), found.level(), found.size());
            let left = resting.saturating_sub(size);
            let whole = left == 0;
            let taken = resting - left;
            let rank = self
                .levels
                .reduce(vectors, levels, key, level, taken, whole)?;
            if whole {
                found.remove();
                self.live -= 1;
                if size > resting && size != UNDEF_ORDER_SIZE {
                    self.counters.overdrawn += 1;
                }
            } else {
                found.set_size(left);
            }
            rank
        } else {
            return None;
        };
        self.ts_recv = mbo.ts_recv();
        instrument.sequence = sequence;
        instrument.ts_event = mbo.ts_event();
        instrument.venue_sequence = mbo.venue_sequence();
        let complete = mbo.flags() & LAST != 0;
        let change = Effect::at_rank(rank).change().max(instrument.change);
        instrument.change = if complete { 0 } else { change };
        instrument.state = (instrument.state & !state::INCOMPLETE) | u8::from(!complete);
        let mut validity = false;
        if may_cross {
            instrument.state |= state::MAY_CROSS;
            validity = self.heed_flags(slot, mbo);
        }
        Some(Usual {
            slot,
            change,
            complete,
            validity,
        })
    }
}
