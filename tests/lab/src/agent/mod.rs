//! What works in the guest: one program that starts others, watches queues and answers the lab, one request at a time.

mod client;
pub mod protocol;

pub use client::{Agent, Ended, ProcessId};
