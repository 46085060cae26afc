//! The data types of the specification (§ "Data Types"): big-endian integers, fixed-point prices, alpha fields.

/// A field type: how it is read from, and written to, exactly `SIZE` bytes.
pub trait Field: Copy {
    /// Bytes on the wire.
    const SIZE: usize;

    /// Reads the field from `SIZE` bytes.
    fn read(bytes: &[u8]) -> Self;

    /// Writes the field to `SIZE` bytes.
    fn write(self, bytes: &mut [u8]);

    /// The field as something to print.
    fn value(self) -> FieldValue;
}

/// A field's value, for printing it without knowing its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldValue {
    /// An integer.
    Integer(u64),
    /// A price with four decimals.
    Price4(Price4),
    /// A price with eight decimals.
    Price8(Price8),
    /// Text of `len` bytes, padding included; the rest of the array is zero.
    Text {
        /// The bytes as the wire has them, from the start.
        bytes: [u8; 8],
        /// How many of them belong to the field.
        len: usize,
    },
}

/// A price with four implied decimals: one unit is 0.0001 USD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Price4(pub u32);

impl Price4 {
    /// The price in units of 1e-9, as DBN has it. Exact: no `u32` overflows.
    #[must_use]
    #[inline(always)]
    pub const fn to_nano(self) -> i64 {
        self.0 as i64 * 100_000
    }
}

impl std::fmt::Display for Price4 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:04}", self.0 / 10_000, self.0 % 10_000)
    }
}

/// A price with eight implied decimals: one unit is 0.00000001 (the levels of the market-wide circuit breaker).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Price8(pub u64);

impl Price8 {
    /// The price in units of 1e-9, exact; `None` where it does not fit an `i64` (above 9,223,372,036.85477580).
    #[must_use]
    pub const fn to_nano(self) -> Option<i64> {
        match self.0.checked_mul(10) {
            Some(nano) if nano <= i64::MAX as u64 => Some(nano as i64),
            _ => None,
        }
    }
}

impl std::fmt::Display for Price8 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:08}", self.0 / 100_000_000, self.0 % 100_000_000)
    }
}

/// A stock symbol: eight bytes, left-justified, padded with spaces on the right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol(pub [u8; 8]);

impl Symbol {
    /// `text` padded with spaces; `None` if it is empty, longer than eight bytes, or not graphic ASCII throughout.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.is_empty() || bytes.len() > 8 || !bytes.iter().all(u8::is_ascii_graphic) {
            return None;
        }
        let mut padded = [b' '; 8];
        padded[..bytes.len()].copy_from_slice(bytes);
        Some(Self(padded))
    }

    /// The symbol without its padding; empty if it is blank.
    #[must_use]
    pub const fn trimmed(&self) -> &[u8] {
        self.0.trim_ascii_end()
    }

    /// Whether the symbol is one: at least one byte, graphic ASCII throughout, then spaces only.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let text = self.trimmed();
        !text.is_empty() && text.iter().all(u8::is_ascii_graphic)
    }
}

impl std::fmt::Display for Symbol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.trimmed().escape_ascii())
    }
}

/// Reads the 48-bit timestamp of every message (bytes 5..11): nanoseconds since midnight.
#[inline(always)]
pub(super) fn read_timestamp<const N: usize>(message: &[u8; N]) -> u64 {
    // One load of eight bytes, two of them before the field: every message is long enough on both sides.
    u64::read(&message[3..11]) & 0x0000_FFFF_FFFF_FFFF
}

macro_rules! integer_field {
    ($type:ty) => {
        impl Field for $type {
            const SIZE: usize = size_of::<$type>();

            #[inline(always)]
            fn read(bytes: &[u8]) -> Self {
                let mut array = [0; size_of::<$type>()];
                array.copy_from_slice(bytes);
                <$type>::from_be_bytes(array)
            }

            #[inline(always)]
            fn write(self, bytes: &mut [u8]) {
                bytes.copy_from_slice(&self.to_be_bytes());
            }

            fn value(self) -> FieldValue {
                FieldValue::Integer(u64::from(self))
            }
        }
    };
}

integer_field!(u16);
integer_field!(u32);
integer_field!(u64);

/// A single byte is a code of the specification: a letter or a digit in ASCII.
impl Field for u8 {
    const SIZE: usize = 1;

    #[inline(always)]
    fn read(bytes: &[u8]) -> Self {
        bytes[0]
    }

    #[inline(always)]
    fn write(self, bytes: &mut [u8]) {
        bytes[0] = self;
    }

    fn value(self) -> FieldValue {
        [self].value()
    }
}

impl<const N: usize> Field for [u8; N] {
    const SIZE: usize = N;

    #[inline(always)]
    fn read(bytes: &[u8]) -> Self {
        let mut array = [0; N];
        array.copy_from_slice(bytes);
        array
    }

    #[inline(always)]
    fn write(self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self);
    }

    fn value(self) -> FieldValue {
        const {
            assert!(
                N <= 8,
                "the specification's longest alpha field has eight bytes"
            )
        };
        let mut bytes = [0; 8];
        bytes[..N].copy_from_slice(&self);
        FieldValue::Text { bytes, len: N }
    }
}

macro_rules! wrapped_field {
    ($type:ident, $inner:ty, $value:expr) => {
        impl Field for $type {
            const SIZE: usize = size_of::<$inner>();

            #[inline(always)]
            fn read(bytes: &[u8]) -> Self {
                Self(<$inner>::read(bytes))
            }

            #[inline(always)]
            fn write(self, bytes: &mut [u8]) {
                self.0.write(bytes);
            }

            fn value(self) -> FieldValue {
                let value: fn($type) -> FieldValue = $value;
                value(self)
            }
        }
    };
}

wrapped_field!(Price4, u32, FieldValue::Price4);
wrapped_field!(Price8, u64, FieldValue::Price8);
wrapped_field!(Symbol, [u8; 8], |symbol| symbol.0.value());

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn prices_are_exact_in_units_of_1e_9() {
        assert_eq!(Price4(1).to_nano(), 100_000);
        assert_eq!(Price4(2_000_000_000).to_nano(), 200_000_000_000_000);
        assert_eq!(Price4(u32::MAX).to_nano(), 429_496_729_500_000);
        assert_eq!(Price8(300_012_345_678).to_nano(), Some(3_000_123_456_780));
        assert_eq!(Price8(u64::MAX).to_nano(), None);
        assert_eq!(
            Price8(i64::MAX as u64 / 10).to_nano(),
            Some(9_223_372_036_854_775_800)
        );
        assert_eq!(Price8(i64::MAX as u64 / 10 + 1).to_nano(), None);
        assert_eq!(Price4(1_234_567).to_string(), "123.4567");
        assert_eq!(Price8(12_345_678).to_string(), "0.12345678");
    }

    #[test]
    fn symbols_are_padded_and_trimmed() {
        let symbol = Symbol::new("BRK.B").unwrap();
        assert_eq!(&symbol.0, b"BRK.B   ");
        assert_eq!(symbol.trimmed(), b"BRK.B");
        assert_eq!(Symbol::new(""), None);
        assert_eq!(Symbol::new("NINECHARS"), None);
        assert_eq!(Symbol::new("A B"), None);
        assert!(!Symbol(*b"        ").is_valid());
        assert!(!Symbol(*b"A B     ").is_valid());
        assert!(!Symbol(*b"A\0      ").is_valid());
    }

    #[test]
    fn the_timestamp_is_48_bits_behind_the_tracking_number() {
        let message = [b'S', 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3, 4, 5, 6, b'O'];
        assert_eq!(read_timestamp(&message), 0x0102_0304_0506);
    }
}
