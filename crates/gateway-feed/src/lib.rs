//! Protocols: transport framing, line arbitration and decoders.
//!
//! Pure functions and state machines over borrowed bytes: no I/O, no clock of their own (time is an argument), no
//! allocation after construction. One folder a feed.

pub mod arbitration;
pub mod channel;
pub mod class;
pub mod decoder;
pub mod detect;
#[cfg(any(test, feature = "harness"))]
pub mod harness;
pub mod iex;
pub mod itch50;
mod little_endian;
pub mod mdp3;
pub mod moldudp64;
pub mod nasdaq_bbo;
pub mod native;
pub mod order_index;
pub mod pitch;
pub mod recovery;
pub mod session_time;
pub mod sink;
pub mod soupbintcp;
pub mod symbols;
pub mod transport;

pub use gateway_record as record;
