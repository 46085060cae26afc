//! Nasdaq BBO 2.1 (QBBO), BX BBO 2.1 and PSX BBO 2.1: the best bid and offer of each exchange, over MoldUDP64.
//!
//! `layout` tabulates the messages, `messages` views and writes them, `decoder` makes records. Nearly all messages are those
//! of ITCH 5.0 without the stock locate, so instruments are numbered here, in the order in which they appear. The
//! specifications are "Nasdaq Best Bid and Offer (QBBO)", "Nasdaq BX Best Bid and Offer" and "Nasdaq PSX Best Bid and Offer",
//! each version 2.1; `docs/feeds/nasdaq-bbo.md` tabulates what becomes of each message. All integers are big-endian.

mod classes;
pub mod decoder;
#[cfg(any(test, feature = "harness"))]
pub mod harness;
mod layout;
pub mod messages;

pub use classes::classes;
pub use decoder::{BboConfig, BboConfigError, BboDecoder};
