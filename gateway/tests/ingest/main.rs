//! The network providers on real links: veth pairs between network namespaces, ordinary UDP senders.
//!
//! All but `loopback` need root, and say so where they have none.

#![allow(clippy::unwrap_used)]

mod frames;
mod ladder;
mod leftovers;
mod loopback;
mod pressure;
mod rig;
mod tiers;
