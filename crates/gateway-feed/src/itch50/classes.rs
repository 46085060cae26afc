//! Which classes a message of ITCH 5.0 belongs to.

use crate::class::Classes;

/// The classes of a message type. An execution is both: it changes an order, and it is a trade.
#[must_use]
pub const fn classes(message_type: u8) -> Classes {
    match message_type {
        b'A' | b'F' | b'X' | b'D' | b'U' => Classes::ORDERS,
        b'E' | b'C' => Classes::ORDERS.union(Classes::TRADES),
        b'P' | b'Q' | b'B' => Classes::TRADES,
        b'R' => Classes::DEFINITIONS,
        b'H' | b'h' | b'Y' => Classes::STATUS,
        b'I' => Classes::IMBALANCE,
        _ => Classes::OTHER,
    }
}
