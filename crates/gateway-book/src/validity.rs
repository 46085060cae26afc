//! Whether a book can be trusted, and why not.

/// Whether a book shows what rests at the venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// It does, since the record at this position of the queue.
    Valid {
        /// Where the book began: a start of the session, a Clear or the end of a snapshot.
        since: u64,
    },
    /// It may not. It gets valid when it begins anew: with a Clear, a snapshot, a restart of the numbers or the next
    /// session.
    Invalid {
        /// What happened first.
        reason: Reason,
        /// The position of the record with which it happened.
        since: u64,
    },
}

impl Validity {
    /// Whether it is [`Valid`](Self::Valid).
    #[must_use]
    pub const fn is_valid(self) -> bool {
        matches!(self, Self::Valid { .. })
    }
}

/// Why a book cannot be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Reason {
    /// Neither the start of a session nor a Clear was seen.
    NeverBegun = 1,
    /// The session was joined after its first message.
    LateStart = 2,
    /// Messages of the channel are lost for good.
    Gap = 3,
    /// The reader was too slow for its queue and lost records.
    Lapped = 4,
    /// A record said so (`F_MAYBE_BAD_BOOK`): the gateway lacked something that it needed.
    Flagged = 5,
    /// A snapshot has begun and is not complete.
    Snapshot = 6,
    /// A record named an order that is not known, or one of another instrument.
    UnknownOrder = 7,
    /// An order was added whose reference one that rests had already.
    DuplicateOrder = 8,
    /// A record lacked what it takes to apply it: side, price or size.
    IncompleteRecord = 9,
    /// `orders_max` or `levels_max` was reached.
    Overflow = 10,
    /// While the instrument trades the best bid is above the best ask, which no venue leaves so.
    Crossed = 11,
    /// A record named another side or price than its order has.
    Contradiction = 12,
}

impl Reason {
    /// All reasons, in the order of their numbers.
    pub const ALL: [Self; 12] = [
        Self::NeverBegun,
        Self::LateStart,
        Self::Gap,
        Self::Lapped,
        Self::Flagged,
        Self::Snapshot,
        Self::UnknownOrder,
        Self::DuplicateOrder,
        Self::IncompleteRecord,
        Self::Overflow,
        Self::Crossed,
        Self::Contradiction,
    ];

    /// The reason of that number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number).wrapping_sub(1)).copied()
    }

    /// A word for metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NeverBegun => "never_begun",
            Self::LateStart => "late_start",
            Self::Gap => "gap",
            Self::Lapped => "lapped",
            Self::Flagged => "flagged",
            Self::Snapshot => "snapshot",
            Self::UnknownOrder => "unknown_order",
            Self::DuplicateOrder => "duplicate_order",
            Self::IncompleteRecord => "incomplete_record",
            Self::Overflow => "overflow",
            Self::Crossed => "crossed",
            Self::Contradiction => "contradiction",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_numbered_from_one_on() {
        for (number, reason) in (1..).zip(Reason::ALL) {
            assert_eq!(reason as u8, number);
            assert_eq!(Reason::from_number(number), Some(reason));
        }
        assert_eq!(Reason::from_number(0), None);
        assert_eq!(Reason::from_number(13), None);
    }
}
