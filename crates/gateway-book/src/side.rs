//! The two sides of a book.

/// A side of a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum BookSide {
    /// Those who buy: the highest price is the best.
    Bid = 0,
    /// Those who sell: the lowest price is the best.
    Ask = 1,
}

impl BookSide {
    /// The side that a record's letter names; `None` for a record without one.
    #[inline(always)]
    pub(crate) const fn from_code(code: u8) -> Option<Self> {
        // Which of the two it is is chance, and so not branched on.
        let side = if code == b'A' { Self::Ask } else { Self::Bid };
        if code.wrapping_sub(b'A') < 2 {
            Some(side)
        } else {
            None
        }
    }

    /// The side of that number: 1 for the asks.
    #[inline(always)]
    pub(crate) const fn from_bit(bit: usize) -> Self {
        if bit == 1 { Self::Ask } else { Self::Bid }
    }

    /// A price as a number that is the lower the better the price is. The same operation gives the price of a key.
    #[inline(always)]
    pub(crate) const fn key(self, price: i64) -> i64 {
        price ^ (self as i64 - 1)
    }

    /// The other side.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Bid => Self::Ask,
            Self::Ask => Self::Bid,
        }
    }
}

impl From<BookSide> for dbn::Side {
    fn from(side: BookSide) -> Self {
        match side {
            BookSide::Bid => Self::Bid,
            BookSide::Ask => Self::Ask,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_price_has_the_lowest_key_on_either_side() {
        assert!(BookSide::Bid.key(101) < BookSide::Bid.key(100));
        assert!(BookSide::Ask.key(100) < BookSide::Ask.key(101));
        for side in [BookSide::Bid, BookSide::Ask] {
            for price in [i64::MIN, -1, 0, 1, i64::MAX] {
                assert_eq!(side.key(side.key(price)), price);
            }
        }
    }
}
