//! Prices: as the wire has them, and as the order index keeps them.

use dbn::UNDEF_PRICE;

use super::Market;
use crate::little_endian::Field;

/// A price of four implied decimals ("Binary Long Price"): one unit is 0.0001.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Price4(pub i64);

impl Price4 {
    /// The price in units of 1e-9, as DBN has it; undefined where it does not fit.
    #[must_use]
    #[inline(always)]
    pub const fn to_nano(self) -> i64 {
        match self.0.checked_mul(100_000) {
            Some(nano) => nano,
            None => UNDEF_PRICE,
        }
    }
}

impl Field for Price4 {
    const SIZE: usize = 8;

    #[inline(always)]
    fn read(bytes: &[u8]) -> Self {
        Self(i64::read(bytes))
    }

    #[inline(always)]
    fn write(self, bytes: &mut [u8]) {
        self.0.write(bytes);
    }
}

/// A price of two implied decimals ("Binary Short Price"), which some markets sign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ShortPrice(pub u16);

impl ShortPrice {
    /// The same price in units of 0.0001.
    #[must_use]
    #[inline(always)]
    pub const fn long(self, market: Market) -> Price4 {
        let cents = if market.signs_short_prices() {
            self.0.cast_signed() as i64
        } else {
            self.0 as i64
        };
        Price4(cents * 100)
    }
}

impl Field for ShortPrice {
    const SIZE: usize = 2;

    #[inline(always)]
    fn read(bytes: &[u8]) -> Self {
        Self(u16::read(bytes))
    }

    #[inline(always)]
    fn write(self, bytes: &mut [u8]) {
        self.0.write(bytes);
    }
}

/// The lowest bit of a compact price says what the others count.
const CENTS: u32 = 1;

/// A price in 32 bits, as the order index has room for: up to 107,374.1823 either way in units of 0.0001, above that in
/// units of 0.01 up to 10,737,418.23. `None` for what is neither.
#[inline(always)]
pub(super) const fn compact(price: Price4) -> Option<u32> {
    const MAX: i64 = (1 << 30) - 1;
    if -MAX <= price.0 && price.0 <= MAX {
        return Some((price.0 as i32).cast_unsigned() << 1);
    }
    let cents = price.0 / 100;
    if price.0 % 100 == 0 && -MAX <= cents && cents <= MAX {
        return Some((cents as i32).cast_unsigned() << 1 | CENTS);
    }
    None
}

/// The price that `compact` made `code` of.
#[inline(always)]
pub(super) const fn expand(code: u32) -> Price4 {
    let count = (code.cast_signed() >> 1) as i64;
    let unit = if code & CENTS == 0 { 1 } else { 100 };
    Price4(count * unit)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_ends_of_what_fits() {
        let limit = (1 << 30) - 1;
        for units in [
            0,
            1,
            -1,
            limit,
            -limit,
            7_000_000_000, // 700,000.00: a share of Berkshire Hathaway
            limit * 100,
            -limit * 100,
        ] {
            assert_eq!(expand(compact(Price4(units)).unwrap()), Price4(units));
        }
        for units in [
            limit + 2,
            limit * 100 + 100,
            7_000_000_001,
            i64::MAX,
            i64::MIN,
        ] {
            assert_eq!(compact(Price4(units)), None, "{units}");
        }
    }

    #[test]
    fn short_prices_have_a_sign_where_the_market_has_one() {
        let short = ShortPrice(0xFFFF);
        assert_eq!(short.long(Market::Equities), Price4(6_553_500));
        assert_eq!(short.long(Market::Options), Price4(6_553_500));
        assert_eq!(short.long(Market::ComplexOptions), Price4(-100));
        assert_eq!(short.long(Market::Futures), Price4(-100));
        assert_eq!(Price4(i64::MAX).to_nano(), UNDEF_PRICE);
        assert_eq!(Price4(-15).to_nano(), -1_500_000);
    }

    proptest! {
        #[test]
        fn what_is_kept_is_what_was_said(units in any::<i64>(), cents in -20_000_000_000_i64..20_000_000_000) {
            for units in [units, units % 3_000_000_000, cents * 100] {
                if let Some(code) = compact(Price4(units)) {
                    prop_assert_eq!(expand(code), Price4(units));
                } else {
                    prop_assert!(units.abs() > 1_073_741_823);
                }
            }
        }
    }
}
