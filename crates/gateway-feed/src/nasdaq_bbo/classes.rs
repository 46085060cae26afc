//! Which class a message belongs to.

use crate::class::Classes;

/// The classes of a message type.
#[must_use]
pub const fn classes(message_type: u8) -> Classes {
    match message_type {
        b'Q' => Classes::ORDERS,
        b'R' => Classes::DEFINITIONS,
        b'H' | b'h' | b'Y' => Classes::STATUS,
        _ => Classes::OTHER,
    }
}
