//! The exchange, for those who cannot wait for it: rehearse peak rates, loss and failover, and test without a feed.
//!
//! A [`source::Source`] gives messages: [`flow::OrderFlow`] generates a trading day in Nasdaq TotalView-ITCH 5.0, fixed
//! by a seed; [`flow::PitchFlow`] tells the same day in Cboe PITCH, [`flow::Mdp3Flow`] in CME's MDP 3.0, [`flow::IexFlow`]
//! in IEX's TOPS, DEEP or DEEP+; [`source::ItchFileSource`] and [`capture_source::CaptureSource`] read files.
//! [`publisher::publish`] packs them into the feed's packets, offers each packet to every line, whose
//! [`impairment::Impairment`] decides what becomes of it, and sends what is left by a [`transmit::Transmit`]: UDP multicast, or a capture file. The [`report::Report`] says
//! exactly what was sent and what was not. [`inject::inject`] puts captured frames back onto a wire as they were.
//!
//! Beside the lines, [`recovery::Servers`] answers re-requests and serves snapshots out of the [`venue::Venue`]'s memory. A
//! [`scenario::Scenario`] puts all of it into one file: what is published, what goes wrong, and when.
//!
//! Everything but sockets and files is deterministic: the same seed and options give the same packets.

pub mod capture_source;
pub mod clock;
pub mod counts;
mod error;
pub mod flow;
pub mod impairment;
pub mod inject;
pub mod packetiser;
pub mod publisher;
mod random;
pub mod ranges;
pub mod recovery;
pub mod report;
pub mod scenario;
pub mod source;
pub mod transmit;
pub mod venue;

pub use error::SimError;
