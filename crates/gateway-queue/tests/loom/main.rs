//! The protocol under every interleaving and every value that a relaxed load may return, on rings small enough to
//! count them. Slots hold one or two payload words here; nothing in the protocol depends on their number.
//!
//! | module | what lives there |
//! |---|---|
//! | `ring` | a ring on the heap, records that can be told from each other, what a reader may see of them |
//! | `models` | what readers are promised: wrap, overrun, records of several slots, late join, the end |
//! | `bell` | readers that sleep, and who wakes them |
//! | `table` | entries that are replaced while they are read |
//! | `controls` | the same models with one ordering of the protocol left out, or its steps in a wrong order: each fails |
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test -p gateway-queue --release --test loom --target-dir target/loom
//! ```
#![cfg(loom)]
#![allow(clippy::unwrap_used, reason = "tests")]

mod bell;
mod controls;
mod models;
mod ring;
mod table;
