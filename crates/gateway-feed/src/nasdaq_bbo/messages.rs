//! Views of the messages, which borrow the packet's bytes, and writers of them, for simulators and tests.
//!
//! A view's length is checked once, its fields cannot fail. Field values are what the wire says; codes that the
//! specification does not list are passed on, not rejected.

use super::layout::for_each_message;
use crate::itch50::fields::{Field, FieldValue, Price4, Price8, Symbol};

/// The bytes of a timestamp, in front of which every message has as many.
const TIMESTAMP: std::ops::Range<usize> = 3..9;

macro_rules! messages {
    ($(
        $(#[$doc:meta])*
        $name:ident = $tag:literal, $length:literal {
            $( $(#[$field_doc:meta])* $offset:literal $field:ident: $type:ty, )*
        }
    )*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, PartialEq, Eq)]
            pub struct $name<'a>(&'a [u8; $length]);

            impl<'a> $name<'a> {
                /// The byte that names the type.
                pub const TYPE: u8 = $tag;
                /// Bytes of a message of this type.
                pub const LENGTH: usize = $length;

                /// Views `message`; `None` if its type or its length is another.
                #[must_use]
                #[inline(always)]
                pub fn parse(message: &'a [u8]) -> Option<Self> {
                    let bytes: &[u8; $length] = message.try_into().ok()?;
                    (bytes[0] == $tag).then_some(Self(bytes))
                }

                /// The message's bytes.
                #[must_use]
                #[inline(always)]
                pub const fn bytes(&self) -> &'a [u8; $length] {
                    self.0
                }

                /// The venue's internal tracking number.
                #[must_use]
                #[inline(always)]
                pub fn tracking_number(&self) -> u16 {
                    u16::read(&self.0[1..3])
                }

                /// Nanoseconds since midnight, venue time.
                #[must_use]
                #[inline(always)]
                pub fn timestamp(&self) -> u64 {
                    // One load of eight bytes, two of them before the field.
                    u64::read(&self.0[TIMESTAMP.start - 2..TIMESTAMP.end]) & 0x0000_FFFF_FFFF_FFFF
                }

                $(
                    $(#[$field_doc])*
                    #[must_use]
                    #[inline(always)]
                    pub fn $field(&self) -> $type {
                        <$type as Field>::read(&self.0[$offset..$offset + <$type as Field>::SIZE])
                    }
                )*

                /// Calls `visit` with the name and value of each field behind the type, in wire order.
                pub fn visit_fields(&self, mut visit: impl FnMut(&'static str, FieldValue)) {
                    visit("tracking_number", self.tracking_number().value());
                    visit("timestamp", self.timestamp().value());
                    $( visit(stringify!($field), self.$field().value()); )*
                }
            }

            impl std::fmt::Debug for $name<'_> {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.debug_struct(stringify!($name))
                        .field("tracking_number", &self.tracking_number())
                        .field("timestamp", &self.timestamp())
                        $( .field(stringify!($field), &self.$field()) )*
                        .finish()
                }
            }

            // The fields tile the message: none is missing, none overlaps.
            const _: () = {
                let mut next = TIMESTAMP.end;
                $(
                    assert!($offset == next);
                    next += <$type as Field>::SIZE;
                )*
                assert!(next == $length);
            };
        )*

        /// Writers, one a type: plain structs of the fields, which say nothing about whether these make sense together.
        pub mod write {
            use super::{Field, Price4, Price8, Symbol, TIMESTAMP};

            $(
                $(#[$doc])*
                #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
                pub struct $name {
                    /// The venue's internal tracking number.
                    pub tracking_number: u16,
                    /// Nanoseconds since midnight, venue time; the low 48 bits are written.
                    pub timestamp: u64,
                    $( $(#[$field_doc])* pub $field: $type, )*
                }

                impl $name {
                    /// The message as the wire has it.
                    #[must_use]
                    pub fn encode(&self) -> [u8; $length] {
                        let mut bytes = [0; $length];
                        bytes[0] = $tag;
                        self.tracking_number.write(&mut bytes[1..3]);
                        bytes[TIMESTAMP].copy_from_slice(&self.timestamp.to_be_bytes()[2..]);
                        $( self.$field.write(&mut bytes[$offset..$offset + <$type as Field>::SIZE]); )*
                        bytes
                    }
                }
            )*
        }

        /// Every message type of the specification, in its order.
        pub const TYPES: &[u8] = &[$( $tag ),*];

        /// The length of a message by the byte that names its type; 0 where there is no such type.
        pub const LENGTHS: [u8; 256] = {
            let mut lengths = [0; 256];
            $( lengths[$tag as usize] = $length; )*
            lengths
        };

        /// Calls `visit` with the name and value of each field of `message`; `false` where it is none.
        pub fn visit_fields(message: &[u8], visit: impl FnMut(&'static str, FieldValue)) -> bool {
            match message.first() {
                $( Some(&$tag) => $name::parse(message).map(|view| view.visit_fields(visit)).is_some(), )*
                _ => false,
            }
        }
    };
}

for_each_message!(messages);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Lengths as the specification's tables add up to.
    #[test]
    fn the_lengths_are_those_of_the_specification() {
        let specified = [
            (b'S', 10),
            (b'R', 37),
            (b'H', 23),
            (b'Y', 18),
            (b'V', 33),
            (b'W', 10),
            (b'K', 26),
            (b'h', 19),
            (b'Q', 34),
            (b'A', 42),
            (b'N', 18),
        ];
        assert_eq!(TYPES.len(), specified.len());
        for (kind, length) in specified {
            assert_eq!(LENGTHS[usize::from(kind)], length, "{}", kind as char);
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let written = write::Quotation {
            tracking_number: 0x0102,
            timestamp: 0xFFFF_0304_0506_0708,
            stock: Symbol::new("AAPL").unwrap(),
            security_class: b'Q',
            bid_price: Price4(1_234_500),
            bid_size: 300,
            ask_price: Price4(1_234_700),
            ask_size: 100,
        };
        let bytes = written.encode();
        let view = Quotation::parse(&bytes).unwrap();
        assert_eq!(view.tracking_number(), 0x0102);
        assert_eq!(view.timestamp(), 0x0304_0506_0708);
        assert_eq!(view.stock().to_string(), "AAPL");
        assert_eq!((view.bid_price().0, view.bid_size()), (1_234_500, 300));
        assert_eq!((view.ask_price().0, view.ask_size()), (1_234_700, 100));
        let mut names = Vec::new();
        assert!(visit_fields(&bytes, |name, _| names.push(name)));
        let expected = [
            "tracking_number",
            "timestamp",
            "stock",
            "security_class",
            "bid_price",
            "bid_size",
            "ask_price",
            "ask_size",
        ];
        assert_eq!(names, expected);
        assert_eq!(Quotation::parse(&bytes[..33]), None);
        assert!(!visit_fields(b"S", |_, _| unreachable!()));
    }
}
