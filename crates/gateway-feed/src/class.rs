//! Classes of records: what a queue may choose besides instruments.
//!
//! A normalised record's class is in its type and, for order records, in its action. A native record's is in the
//! exchange's message type, which each feed knows: [`crate::itch50::classes`].

use std::ops::BitOr;

use dbn::rtype;

use crate::record::{RTYPE_CONTROL, RTYPE_NATIVE};

/// Where the action of an order record lies: the word, and the bits below it.
const ACTION_WORD: usize = 4;
const ACTION_SHIFT: u32 = 48;
/// Where a native record's message begins.
const MESSAGE_WORD: usize = 2;

/// A set of classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Classes(u8);

impl Classes {
    /// No class.
    pub const NONE: Self = Self(0);
    /// Resting orders: what a book is built from, and fills.
    pub const ORDERS: Self = Self(1);
    /// Trades, crosses and their corrections.
    pub const TRADES: Self = Self(2);
    /// Instruments.
    pub const DEFINITIONS: Self = Self(4);
    /// Trading status and short-sale restrictions.
    pub const STATUS: Self = Self(8);
    /// Auctions.
    pub const IMBALANCE: Self = Self(16);
    /// What has no class of its own.
    pub const OTHER: Self = Self(32);
    /// About the channel: gaps, resets, sessions.
    pub const CONTROL: Self = Self(64);
    /// Every class.
    pub const ALL: Self = Self(127);

    /// Each class and its name in a configuration.
    pub const NAMED: [(&'static str, Self); 7] = [
        ("orders", Self::ORDERS),
        ("trades", Self::TRADES),
        ("definitions", Self::DEFINITIONS),
        ("status", Self::STATUS),
        ("imbalance", Self::IMBALANCE),
        ("other", Self::OTHER),
        ("control", Self::CONTROL),
    ];

    /// All classes of either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the sets have a class in common.
    #[must_use]
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The class of order records with this action.
    #[must_use]
    pub const fn of_action(action: u8) -> Self {
        match action {
            b'T' => Self::TRADES,
            _ => Self::ORDERS,
        }
    }

    /// The class of records of this type that are neither order nor native records.
    #[must_use]
    pub const fn of_type(kind: u8) -> Self {
        match kind {
            rtype::MBP_0 => Self::TRADES,
            rtype::INSTRUMENT_DEF => Self::DEFINITIONS,
            rtype::STATUS => Self::STATUS,
            rtype::IMBALANCE => Self::IMBALANCE,
            RTYPE_CONTROL => Self::CONTROL,
            _ => Self::OTHER,
        }
    }
}

impl BitOr for Classes {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.union(other)
    }
}

/// Where in a record its class is to be looked up, and under which byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClassKey {
    /// An order record, by its action.
    Action(u8),
    /// A native record, by the exchange's message type.
    Message(u8),
    /// Any other, by its type.
    Type(u8),
}

impl ClassKey {
    /// The key of a record of whole words, of a feed whose messages have the byte of their type at `type_at`, below 8.
    #[inline(always)]
    #[must_use]
    pub fn of(words: &[u64], type_at: u8) -> Self {
        let word = |index: usize| words.get(index).copied().unwrap_or_default();
        match (word(0) >> 8) as u8 {
            rtype::MBO => Self::Action((word(ACTION_WORD) >> ACTION_SHIFT) as u8),
            RTYPE_NATIVE => {
                Self::Message(word(MESSAGE_WORD).to_le_bytes()[usize::from(type_at & 7)])
            }
            kind => Self::Type(kind),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::v3::MboMsg;

    #[test]
    fn the_action_is_where_the_struct_has_it() {
        let offset = std::mem::offset_of!(MboMsg, action);
        assert_eq!(
            (offset / 8, offset % 8 * 8),
            (ACTION_WORD, ACTION_SHIFT as usize)
        );
        assert_eq!(size_of::<crate::record::NativeHeader>(), MESSAGE_WORD * 8);
    }

    #[test]
    fn keys_are_read_from_records_of_any_length() {
        let mut order = [0_u64; 7];
        order[0] = 14 | u64::from(rtype::MBO) << 8;
        order[4] = u64::from(b'T') << 48 | u64::from(b'A') << 56;
        assert_eq!(ClassKey::of(&order, 0), ClassKey::Action(b'T'));
        let native = [8 | u64::from(RTYPE_NATIVE) << 8, 0, u64::from(b'E')];
        assert_eq!(ClassKey::of(&native, 0), ClassKey::Message(b'E'));
        let behind = [native[0], 0, u64::from(b'E') << 16];
        assert_eq!(ClassKey::of(&behind, 2), ClassKey::Message(b'E'));
        assert_eq!(ClassKey::of(&native[..2], 0), ClassKey::Message(0));
        assert_eq!(
            ClassKey::of(&[0x1300], 0),
            ClassKey::Type(rtype::INSTRUMENT_DEF)
        );
        assert_eq!(ClassKey::of(&[], 0), ClassKey::Type(0));
    }

    #[test]
    fn names_cover_every_class_once() {
        let all = Classes::NAMED
            .iter()
            .fold(Classes::NONE, |all, (_, class)| {
                assert!(!all.meets(*class));
                all | *class
            });
        assert_eq!(all, Classes::ALL);
    }
}
