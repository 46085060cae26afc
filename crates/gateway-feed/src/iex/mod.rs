//! IEX: TOPS 1.6 (quotes and trades), DEEP 1.0 (price levels) and DEEP+ (orders), all over IEX-TP 1.
//!
//! `transport` is IEX-TP, `messages` views and writes what it carries, `directory` numbers the symbols, `decoder` makes
//! records. Section names are those of the specifications "IEX Transport Specification" 1.25, "IEX TOPS Specification"
//! 1.66, "IEX DEEP Specification" 1.08 and "IEX DEEP+ Specification" 1.02, which have no numbers;
//! `docs/feeds/iex.md` tabulates what becomes of each message. All integers are little-endian, times are nanoseconds since
//! the Unix epoch, prices have four decimals.

mod classes;
pub mod decoder;
pub(crate) mod directory;
#[cfg(any(test, feature = "harness"))]
pub mod harness;
pub mod messages;
mod records;
pub mod transport;
mod updates;

pub use classes::classes;
pub use decoder::{IexConfig, IexConfigError, IexDecoder, SYMBOL_LIMITS};
pub use transport::{IexTp, PacketBuilder};

/// The message protocol id of TOPS 1.6 ("Message Protocol ID").
pub const TOPS: u16 = 0x8003;
/// The message protocol id of DEEP 1.0.
pub const DEEP: u16 = 0x8004;
/// The message protocol id of DEEP+.
pub const DEEP_PLUS: u16 = 0x8005;
