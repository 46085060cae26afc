//! The network providers on real links: veth pairs between network namespaces, ordinary UDP senders.
//!
//! All but `loopback` and `captures` need root, and say so where they have none.

#![allow(clippy::unwrap_used)]

mod allocations;
mod captures;
mod card_stamps;
mod faults;
mod frames;
mod ladder;
mod leftovers;
mod loopback;
mod pinned;
mod pressure;
mod recreated;
mod rig;
mod tiers;
