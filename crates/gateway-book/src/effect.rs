//! What a record did, in numbers that stay in registers.
//!
//! Every record has an [`Applied`], and the code that makes it comes together from many branches. As a structure it would
//! go through the stack there: field by field into memory and out again by wider loads, each of which waits for the
//! stores before it to reach the cache. That took an eighth of the time that a record costs.

use gateway_record::InstrumentId;

use crate::applied::{Applied, Change, Subject};
use crate::books::NO_SLOT;
use crate::levels::TOP;

/// The change, as its number.
const CHANGE: u64 = 0xFF;
const TRADE: u64 = 1 << 8;
const VALIDITY: u64 = 1 << 9;
const COMPLETE: u64 = 1 << 10;
const STATUS: u64 = 1 << 11;
/// Where the kind of subject is.
const KIND_SHIFT: u32 = 12;
const KIND: u64 = 0b11;
/// Where the other instrument's slot is.
const ALSO_SHIFT: u32 = 32;

/// `bit` where something is so, without a branch.
#[inline(always)]
const fn bit(is: bool, bit: u64) -> u64 {
    is as u64 * bit
}

/// What an order record did to its book: [`Applied::change`], `trade`, `validity` and `also`.
#[derive(Clone, Copy)]
pub(crate) struct Effect(u64);

impl Effect {
    pub(crate) const NOTHING: Self = Self((NO_SLOT as u64) << ALSO_SHIFT);

    /// The level of that rank changed. Counted rather than branched on: at which rank a book changes is chance.
    #[inline(always)]
    pub(crate) const fn at_rank(rank: usize) -> Self {
        Self(Self::NOTHING.0 + Change::Deeper as u64 + (rank < TOP) as u64 + (rank == 0) as u64)
    }

    #[inline(always)]
    pub(crate) const fn of(change: Change) -> Self {
        Self(Self::NOTHING.0 | change as u64)
    }

    #[inline(always)]
    pub(crate) const fn validity(validity: bool) -> Self {
        Self::NOTHING.and_validity(validity)
    }

    #[inline(always)]
    pub(crate) const fn trade(trade: bool) -> Self {
        Self(Self::NOTHING.0 | bit(trade, TRADE))
    }

    /// Another instrument lost an order.
    pub(crate) const fn also(slot: u32) -> Self {
        Self((slot as u64) << ALSO_SHIFT)
    }

    /// That, and perhaps the validity changed.
    #[inline(always)]
    pub(crate) const fn and_validity(self, validity: bool) -> Self {
        Self(self.0 | bit(validity, VALIDITY))
    }

    /// That, and the book changed at least so near to the best price.
    #[inline(always)]
    pub(crate) fn and_change(self, change: u8) -> Self {
        Self(self.0 & !CHANGE | u64::from(self.change().max(change)))
    }

    /// The change, as its number.
    #[inline(always)]
    pub(crate) const fn change(self) -> u8 {
        self.0 as u8
    }

    /// What the record comes to.
    #[inline(always)]
    pub(crate) fn outcome(self, id: u32, slot: u32, complete: bool) -> Outcome {
        let kind = Kind::Instrument as u64;
        Outcome {
            whom: u64::from(slot) << 32 | u64::from(id),
            what: self.0 | bit(complete, COMPLETE) | kind << KIND_SHIFT,
        }
    }
}

/// Kinds of [`Subject`].
#[derive(Clone, Copy)]
enum Kind {
    Nobody = 0,
    Instrument = 1,
    Channel = 2,
    All = 3,
}

/// An [`Applied`] in two numbers.
#[derive(Clone, Copy)]
pub(crate) struct Outcome {
    /// Id and slot of an instrument, or a channel.
    whom: u64,
    /// Bits of an [`Effect`], and more.
    what: u64,
}

impl Outcome {
    /// What came to nothing.
    pub(crate) const NOTHING: Self = Self {
        whom: 0,
        what: Effect::NOTHING.0 | COMPLETE,
    };

    #[inline(always)]
    pub(crate) fn applied(self) -> Applied {
        let kind = self.what >> KIND_SHIFT & KIND;
        let also = (self.what >> ALSO_SHIFT) as u32;
        Applied {
            subject: if kind == Kind::Instrument as u64 {
                Subject::Instrument {
                    id: InstrumentId(self.whom as u32),
                    slot: (self.whom >> 32) as u32,
                }
            } else {
                self.subject_of_many()
            },
            change: Change::from_number(self.what as u8),
            complete: self.what & COMPLETE != 0,
            trade: self.what & TRADE != 0,
            status: self.what & STATUS != 0,
            also: (also != NO_SLOT).then_some(also),
            validity: self.what & VALIDITY != 0,
        }
    }

    #[cold]
    #[inline(never)]
    fn subject_of_many(self) -> Subject {
        match self.what >> KIND_SHIFT & KIND {
            kind if kind == Kind::Channel as u64 => Subject::Channel(self.whom as u8),
            kind if kind == Kind::All as u64 => Subject::All,
            _ => Subject::Nobody,
        }
    }
}

impl From<Applied> for Outcome {
    fn from(applied: Applied) -> Self {
        let (kind, whom) = match applied.subject {
            Subject::Nobody => (Kind::Nobody, 0),
            Subject::Instrument { id, slot } => {
                (Kind::Instrument, u64::from(slot) << 32 | u64::from(id.0))
            }
            Subject::Channel(channel) => (Kind::Channel, channel.into()),
            Subject::All => (Kind::All, 0),
        };
        let also = u64::from(applied.also.unwrap_or(NO_SLOT));
        Self {
            whom,
            what: applied.change as u64
                | bit(applied.trade, TRADE)
                | bit(applied.validity, VALIDITY)
                | bit(applied.complete, COMPLETE)
                | bit(applied.status, STATUS)
                | (kind as u64) << KIND_SHIFT
                | also << ALSO_SHIFT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_what_was_applied() {
        let instrument = Subject::Instrument {
            id: InstrumentId(u32::MAX),
            slot: 0x0012_3456,
        };
        for subject in [
            Subject::Nobody,
            instrument,
            Subject::Channel(0xA5),
            Subject::All,
        ] {
            for number in 0..4 {
                for bits in 0_u8..16 {
                    for also in [None, Some(0), Some(0x000F_FFFF)] {
                        let applied = Applied {
                            subject,
                            change: Change::from_number(number),
                            complete: bits & 1 != 0,
                            trade: bits & 2 != 0,
                            status: bits & 4 != 0,
                            also,
                            validity: bits & 8 != 0,
                        };
                        assert_eq!(Outcome::from(applied).applied(), applied);
                    }
                }
            }
        }
        assert_eq!(Outcome::NOTHING.applied(), Applied::NOTHING);
    }

    #[test]
    fn an_effect_on_a_book_becomes_its_outcome() {
        let effect = Effect::at_rank(4)
            .and_change(Change::Deeper as u8)
            .and_validity(true)
            .and_validity(false);
        let applied = effect.outcome(7, 9, false).applied();
        let expected = Applied {
            subject: Subject::Instrument {
                id: InstrumentId(7),
                slot: 9,
            },
            change: Change::Ten,
            complete: false,
            validity: true,
            ..Applied::NOTHING
        };
        assert_eq!(applied, expected);
        for (rank, change) in [
            (0, Change::Best),
            (1, Change::Ten),
            (TOP - 1, Change::Ten),
            (TOP, Change::Deeper),
        ] {
            assert_eq!(Effect::at_rank(rank).change(), change as u8);
        }
        assert_eq!(Effect::also(3).outcome(7, 9, true).applied().also, Some(3));
        assert!(Effect::trade(true).outcome(7, 9, true).applied().trade);
        assert!(!Effect::trade(false).outcome(7, 9, true).applied().trade);
    }
}
