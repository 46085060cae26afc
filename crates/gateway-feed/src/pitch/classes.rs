//! Which classes a message of PITCH belongs to.

use crate::class::Classes;

/// The classes of a message type. An execution is both: it changes an order, and it is a trade.
#[must_use]
pub const fn classes(message_type: u8) -> Classes {
    match message_type {
        0x21 | 0x22 | 0x2F | 0x25..=0x29 | 0x97 => Classes::ORDERS,
        0x23 | 0x24 => Classes::ORDERS.union(Classes::TRADES),
        0x2A..=0x2C | 0x30 | 0xAF => Classes::TRADES,
        0x2E | 0x9A | 0x9E | 0xBB | 0xFA => Classes::DEFINITIONS,
        0x31 => Classes::STATUS,
        // Without these there is no time in any of the others.
        0x20 | 0xB1 => Classes::ALL,
        0x95 | 0x96 | 0xD1 | 0xAD | 0xAE => Classes::IMBALANCE,
        _ => Classes::OTHER,
    }
}
