//! Zero-copy views of the messages: a checked length once, then field accessors that cannot fail.
//!
//! A view borrows the packet's bytes. Field values are what the wire says; codes that the specification does not list
//! are passed on, not rejected.

use super::fields::{Field, FieldValue, Price4, Price8, Symbol, read_timestamp};
use super::layout::for_each_message;

/// Why bytes are no message. The decoder counts these by variant; neither carries an offset because the transport
/// knows where the message began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// No bytes at all.
    #[error(
        "empty message: a message has at least its type; check the transport's length prefixes"
    )]
    Empty,
    /// A type that this edition of the specification does not list.
    #[error("unknown message type {}: a newer edition of the feed, or not ITCH 5.0", .0.escape_ascii())]
    UnknownType(u8),
    /// Fewer or more bytes than the type has.
    #[error(
        "message type {} has {expected} bytes, not {found}: another edition of the feed, or a damaged capture",
        .message_type.escape_ascii()
    )]
    Length {
        /// The message's type.
        message_type: u8,
        /// Bytes that the type has.
        expected: usize,
        /// Bytes that the message has.
        found: usize,
    },
}

macro_rules! views {
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
                    match message.try_into() {
                        Ok(bytes) => Self::from_array(bytes),
                        Err(_) => None,
                    }
                }

                #[inline(always)]
                fn from_array(bytes: &'a [u8; $length]) -> Option<Self> {
                    if bytes[0] == $tag { Some(Self(bytes)) } else { None }
                }

                /// The message's bytes.
                #[must_use]
                #[inline(always)]
                pub const fn bytes(&self) -> &'a [u8; $length] {
                    self.0
                }

                /// The day's number of the instrument; 0 where the message concerns none.
                #[must_use]
                #[inline(always)]
                pub fn stock_locate(&self) -> u16 {
                    u16::read(&self.0[1..3])
                }

                /// Nasdaq's internal tracking number.
                #[must_use]
                #[inline(always)]
                pub fn tracking_number(&self) -> u16 {
                    u16::read(&self.0[3..5])
                }

                /// Nanoseconds since midnight, venue time.
                #[must_use]
                #[inline(always)]
                pub fn timestamp(&self) -> u64 {
                    read_timestamp(self.0)
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
                    visit("stock_locate", self.stock_locate().value());
                    visit("tracking_number", self.tracking_number().value());
                    visit("timestamp", self.timestamp().value());
                    $( visit(stringify!($field), self.$field().value()); )*
                }
            }

            impl std::fmt::Debug for $name<'_> {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.debug_struct(stringify!($name))
                        .field("stock_locate", &self.stock_locate())
                        .field("tracking_number", &self.tracking_number())
                        .field("timestamp", &self.timestamp())
                        $( .field(stringify!($field), &self.$field()) )*
                        .finish()
                }
            }

            // The fields tile the message: none is missing, none overlaps.
            const _: () = {
                let mut next = 11;
                $(
                    assert!($offset == next);
                    next += <$type as Field>::SIZE;
                )*
                assert!(next == $length);
            };
        )*

        /// Any message, by its type.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Message<'a> {
            $(
                $(#[$doc])*
                $name($name<'a>),
            )*
        }

        impl<'a> Message<'a> {
            /// Views `bytes` as the message that their first byte names.
            ///
            /// # Errors
            /// The type is unknown, or the length is not that of the type.
            pub fn parse(bytes: &'a [u8]) -> Result<Self, MessageError> {
                let &message_type = bytes.first().ok_or(MessageError::Empty)?;
                let wrong_length = |expected| MessageError::Length { message_type, expected, found: bytes.len() };
                match message_type {
                    $( $tag => $name::parse(bytes).map(Self::$name).ok_or_else(|| wrong_length($length)), )*
                    unknown => Err(MessageError::UnknownType(unknown)),
                }
            }

            /// The name of the message in this module, e.g. `AddOrder`.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self {
                    $( Self::$name(_) => stringify!($name), )*
                }
            }

            /// The byte that names the type.
            #[must_use]
            pub const fn message_type(&self) -> u8 {
                match self {
                    $( Self::$name(_) => $tag, )*
                }
            }

            /// Calls `visit` with the name and value of each field behind the type, in wire order.
            pub fn visit_fields(&self, visit: impl FnMut(&'static str, FieldValue)) {
                match self {
                    $( Self::$name(view) => view.visit_fields(visit), )*
                }
            }
        }

        /// Every message type of the specification, in its order.
        pub const TYPES: &[u8] = &[$( $tag ),*];

        /// The length of a message by the byte that names its type; 0 where there is no such type.
        pub const LENGTHS: [u8; 256] = {
            let mut lengths = [0; 256];
            $( lengths[$tag as usize] = $length; )*
            lengths
        };
    };
}

for_each_message!(views);

#[cfg(test)]
mod tests {
    use super::*;

    /// Lengths as the specification's tables print them.
    #[test]
    fn the_lengths_are_those_of_the_specification() {
        let specified = [
            (b'S', 12),
            (b'R', 39),
            (b'H', 25),
            (b'Y', 20),
            (b'L', 26),
            (b'V', 35),
            (b'W', 12),
            (b'K', 28),
            (b'J', 35),
            (b'h', 21),
            (b'A', 36),
            (b'F', 40),
            (b'E', 31),
            (b'C', 36),
            (b'X', 23),
            (b'D', 19),
            (b'U', 35),
            (b'P', 44),
            (b'Q', 40),
            (b'B', 19),
            (b'I', 50),
            (b'N', 20),
            (b'O', 48),
        ];
        assert_eq!(TYPES.len(), specified.len());
        for (message_type, length) in specified {
            assert_eq!(
                LENGTHS[usize::from(message_type)],
                length,
                "type {}",
                message_type as char
            );
        }
        assert_eq!(
            LENGTHS.iter().filter(|&&length| length != 0).count(),
            specified.len()
        );
    }

    #[test]
    fn what_is_no_message_says_why() {
        assert_eq!(Message::parse(&[]), Err(MessageError::Empty));
        assert_eq!(Message::parse(b"Z"), Err(MessageError::UnknownType(b'Z')));
        let error = MessageError::Length {
            message_type: b'D',
            expected: 19,
            found: 3,
        };
        assert_eq!(Message::parse(b"D12"), Err(error));
        assert_eq!(
            error.to_string(),
            "message type D has 19 bytes, not 3: another edition of the feed, or a damaged capture"
        );
    }
}
