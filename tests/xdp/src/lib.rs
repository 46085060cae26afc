//! The XDP program over small named packets.
//!
//! [`fixtures`] says what each packet is and what must become of it. `tests/verdicts.rs` runs them through the
//! program in the kernel by `BPF_PROG_TEST_RUN`, which needs root; `tests/user_space.rs` runs the same through the
//! parser that the service uses, anywhere.
#![allow(clippy::unwrap_used, reason = "tests")]

pub mod card;
pub mod fixtures;
pub mod kernel;
pub mod namespace;
pub mod socket;
