//! The atomics of the ring: the machine's, or loom's models of them.
//!
//! Only [`crate::ring`] is modelled, and it names its atomics through this module alone.

#[cfg(loom)]
pub use loom::sync::atomic::{AtomicU64, Ordering, fence};
#[cfg(not(loom))]
pub use std::sync::atomic::{AtomicU64, Ordering, fence};
