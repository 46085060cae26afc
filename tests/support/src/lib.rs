//! What tests of several crates share. It knows none of them, so that any of them may use it.

pub mod allocations;
pub mod data;
pub mod seeds;
