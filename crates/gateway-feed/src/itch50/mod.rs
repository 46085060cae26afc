//! Nasdaq TotalView-ITCH 5.0 (Nasdaq, BX and PSX).
//!
//! `messages` views the exchange's bytes, `encode` writes them, `decoder` makes records of them, `directory` knows
//! which symbol a stock locate is, `glimpse` asks for a snapshot. Section numbers (§) are those of Nasdaq's specification "Nasdaq TotalView-ITCH
//! 5.0"; `docs/feeds/nasdaq-itch50.md` tabulates what becomes of each message.

mod classes;
pub mod decoder;
pub mod directory;
pub mod encode;
pub mod fields;
mod full;
pub mod glimpse;
#[cfg(any(test, feature = "harness"))]
pub mod harness;
mod layout;
pub mod messages;
mod other;
pub(crate) mod reference;
mod shape;

pub use classes::classes;
pub use decoder::{ItchConfig, ItchConfigError, ItchDecoder, OrderIndexConfig, SYMBOL_LIMITS};
pub(crate) use reference::copy_text;
