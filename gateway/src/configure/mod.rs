//! Setting a machine up for the gateway: what it takes from a configuration and a profile, and back again.
//!
//! Each stage ([`plan::STAGES`], a file each) says which settings it wants at which values. The [`engine`] reads, remembers
//! ([`journal`]), writes and puts back; the [`machine`] knows where settings are. A driver that refuses something costs
//! that setting only.

mod card;
mod channels;
mod coalescing;
mod cpu_latency;
pub mod engine;
mod huge_pages;
mod igmp;
mod interrupts;
pub mod journal;
pub mod machine;
mod napi;
mod offloads;
pub mod plan;
pub mod profile;
pub mod report;
mod rings;
pub mod setting;
mod steering;
