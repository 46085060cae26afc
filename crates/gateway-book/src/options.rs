//! How large the books may get.

use std::io;

/// The most orders that books can be made for: 2²⁸, about 14 GB.
pub const ORDERS_MAX: u32 = 1 << 28;
/// The most levels that books can be made for.
pub const LEVELS_MAX: u32 = 1 << 28;
/// The most instruments that books can be made for.
pub const INSTRUMENTS_MAX: u32 = 1 << 20;

/// Limits, and with them the memory that is taken at the start: nothing is taken later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BooksOptions {
    /// The most orders that rest at a time, 1 to [`ORDERS_MAX`]; 52 bytes each. The book of an order beyond it is not
    /// valid any more. A million is enough for a busy day of all of Nasdaq.
    pub orders_max: u32,
    /// The most price levels that there are at a time, 1 to [`LEVELS_MAX`]; about 100 bytes each. The book of a level
    /// beyond it is not valid any more.
    pub levels_max: u32,
    /// The most instruments, 1 to [`INSTRUMENTS_MAX`]; about 800 bytes each. What lies beyond has no book.
    pub instruments_max: u32,
    /// The publisher whose records these are: 2 is XNAS.ITCH. Instruments and orders of two publishers may have the
    /// same numbers, so each needs books of its own; records of others are counted and not applied. `None`: the
    /// publisher of the first record.
    pub publisher_id: Option<u16>,
}

impl Default for BooksOptions {
    fn default() -> Self {
        Self {
            orders_max: 1_000_000,
            levels_max: 500_000,
            instruments_max: 16_384,
            publisher_id: None,
        }
    }
}

/// Why there can be no books.
#[derive(Debug, thiserror::Error)]
pub enum BooksError {
    /// A limit out of range.
    #[error("{name} = {value}: use 1 to {max}")]
    Limit {
        /// The option.
        name: &'static str,
        /// Its value.
        value: u32,
        /// Its greatest value.
        max: u32,
    },
    /// The system has no memory for them.
    #[error(
        "no memory for books of {orders_max} orders, {levels_max} levels and {instruments_max} instruments: {source}; \
         use smaller limits, or a larger machine"
    )]
    Memory {
        /// The option.
        orders_max: u32,
        /// The option.
        levels_max: u32,
        /// The option.
        instruments_max: u32,
        /// What the system says.
        source: io::Error,
    },
}

impl BooksOptions {
    pub(crate) fn check(&self) -> Result<(), BooksError> {
        for (name, value, max) in [
            ("orders_max", self.orders_max, ORDERS_MAX),
            ("levels_max", self.levels_max, LEVELS_MAX),
            ("instruments_max", self.instruments_max, INSTRUMENTS_MAX),
        ] {
            if value == 0 || value > max {
                return Err(BooksError::Limit { name, value, max });
            }
        }
        Ok(())
    }
}
