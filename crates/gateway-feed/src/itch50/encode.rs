//! Writers of the messages, one per type: what the simulator publishes and the tests feed.
//!
//! A writer is a plain struct of the message's fields. It says nothing about whether the values make sense together.

use super::fields::{Field, Price4, Price8, Symbol};
use super::layout::for_each_message;
use super::messages;

/// The largest timestamp that a message can carry: 48 bits of nanoseconds.
pub const TIMESTAMP_MAX: u64 = (1 << 48) - 1;

macro_rules! writers {
    ($(
        $(#[$doc:meta])*
        $name:ident = $tag:literal, $length:literal {
            $( $(#[$field_doc:meta])* $offset:literal $field:ident: $type:ty, )*
        }
    )*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
            pub struct $name {
                /// The day's number of the instrument; 0 where the message concerns none.
                pub stock_locate: u16,
                /// Nasdaq's internal tracking number.
                pub tracking_number: u16,
                /// Nanoseconds since midnight, venue time; the low 48 bits are written.
                pub timestamp: u64,
                $( $(#[$field_doc])* pub $field: $type, )*
            }

            impl $name {
                /// The byte that names the type.
                pub const TYPE: u8 = $tag;
                /// Bytes of a message of this type.
                pub const LENGTH: usize = $length;

                /// The message as the wire has it.
                #[must_use]
                pub fn encode(&self) -> [u8; $length] {
                    let mut bytes = [0; $length];
                    bytes[0] = $tag;
                    self.stock_locate.write(&mut bytes[1..3]);
                    self.tracking_number.write(&mut bytes[3..5]);
                    bytes[5..11].copy_from_slice(&self.timestamp.to_be_bytes()[2..]);
                    $( self.$field.write(&mut bytes[$offset..$offset + <$type as Field>::SIZE]); )*
                    bytes
                }
            }

            impl From<messages::$name<'_>> for $name {
                fn from(view: messages::$name<'_>) -> Self {
                    Self {
                        stock_locate: view.stock_locate(),
                        tracking_number: view.tracking_number(),
                        timestamp: view.timestamp(),
                        $( $field: view.$field(), )*
                    }
                }
            }
        )*
    };
}

for_each_message!(writers);
