//! Which classes a message of TOPS, DEEP or DEEP+ belongs to.

use crate::class::Classes;

/// The classes of a message type. An execution of DEEP+ is both: it changes an order, and it is a trade.
#[must_use]
pub const fn classes(message_type: u8) -> Classes {
    match message_type {
        b'Q' | b'8' | b'5' | b'a' | b'M' | b'R' | b'C' => Classes::ORDERS,
        b'L' => Classes::ORDERS.union(Classes::TRADES),
        b'T' | b'B' => Classes::TRADES,
        b'D' => Classes::DEFINITIONS,
        b'H' | b'O' | b'P' => Classes::STATUS,
        b'A' => Classes::IMBALANCE,
        _ => Classes::OTHER,
    }
}
