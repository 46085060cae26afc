//! The broker over real sockets: what clients get, what hostile ones do, what nobody can do to a queue.
#![allow(clippy::unwrap_used, reason = "tests")]

mod blocking;
mod books;
mod clients;
mod entitlements;
mod hostile;
mod isolation;
mod joining;
mod multi;
mod rig;
mod rotation;
mod siege;
mod socket;
#[path = "../common/users.rs"]
mod users;
