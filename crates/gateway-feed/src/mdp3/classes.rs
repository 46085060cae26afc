//! Which classes a message of MDP 3.0 belongs to.

use crate::class::Classes;

/// The classes of a template. A trade summary is both: it is a trade, and it says which orders were filled.
#[must_use]
pub const fn classes(template_id: u8) -> Classes {
    match template_id {
        4 | 32 | 38 | 43 | 44 | 46 | 47 | 52 | 53 | 59 | 61 | 64 | 68 | 69 => Classes::ORDERS,
        42 | 48 | 65 => Classes::ORDERS.union(Classes::TRADES),
        27 | 29 | 41 | 54..=58 | 63 => Classes::DEFINITIONS,
        30 | 60 => Classes::STATUS,
        _ => Classes::OTHER,
    }
}
