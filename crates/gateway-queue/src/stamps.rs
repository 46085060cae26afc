//! When records were published: of one in [`STAMP_SLOTS`] slots, in a table of the publisher's page.
//!
//! A stamp is one word, so that none is ever read half: the counter's lowest 48 bits (26 hours at 3 GHz), and above them
//! which of the records that share the place it is of. It is stored before its record is published: whoever has the record
//! has the stamp, too, or a later one's, which says so.

use crate::ring::STAMP_SLOTS;

/// Stamps that the table has room for.
pub(crate) const STAMPS_KEPT: u64 = 64;
const TICKS_BITS: u32 = 48;
const TICKS_MASK: u64 = (1 << TICKS_BITS) - 1;

/// Where a stamp is, and of which record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Its place in the table.
    pub(crate) index: usize,
    /// The position over whose slot the stamped record lies.
    pub(crate) stamped: u64,
    /// Which of the records that share the place: no two for as many slots as the largest ring has.
    tag: u64,
}

/// Of the record whose last slot is that of `position`.
pub(crate) const fn place(position: u64) -> Place {
    let number = position / STAMP_SLOTS;
    Place {
        index: (number % STAMPS_KEPT) as usize,
        stamped: number * STAMP_SLOTS,
        tag: (number / STAMPS_KEPT) << TICKS_BITS,
    }
}

impl Place {
    /// The word of a stamp.
    pub(crate) const fn word(self, ticks: u64) -> u64 {
        self.tag | (ticks & TICKS_MASK)
    }

    /// The ticks of the word of a stamp; `None` where it is of another record.
    pub(crate) const fn ticks(self, word: u64) -> Option<u64> {
        if word & !TICKS_MASK == self.tag {
            Some(word & TICKS_MASK)
        } else {
            None
        }
    }
}

/// Ticks from a stamp until the counter stood at `now`; `None` where it was stamped later.
pub(crate) const fn ticks_since(stamp: u64, now: u64) -> Option<u64> {
    let passed = now.wrapping_sub(stamp) & TICKS_MASK;
    if passed <= TICKS_MASK / 2 {
        Some(passed)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::SLOTS_MAX;

    #[test]
    fn a_stamp_is_of_one_record_within_any_ring() {
        let first = place(5 * STAMP_SLOTS + 3);
        assert_eq!((first.index, first.stamped), (5, 5 * STAMP_SLOTS));
        let word = first.word(u64::MAX - 7);
        assert_eq!(first.ticks(word), Some(TICKS_MASK - 7));
        let mut later = 5 * STAMP_SLOTS;
        while later < SLOTS_MAX {
            later += STAMPS_KEPT * STAMP_SLOTS;
            assert_eq!(place(later).index, 5);
            assert_eq!(place(later).ticks(word), None, "{later}");
        }
    }

    #[test]
    fn ticks_are_counted_over_the_end_of_the_48_bits() {
        assert_eq!(ticks_since(TICKS_MASK - 4, TICKS_MASK + 6), Some(10));
        assert_eq!(ticks_since(10, 10), Some(0));
        assert_eq!(ticks_since(11, 10), None);
    }
}
