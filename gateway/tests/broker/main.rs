//! The broker over real sockets: what clients get, what hostile ones do, what nobody can do to a queue.
#![allow(clippy::unwrap_used, reason = "tests")]

mod clients;
mod entitlements;
mod hostile;
mod isolation;
mod rig;
mod socket;
