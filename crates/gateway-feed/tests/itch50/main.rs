//! Nasdaq TotalView-ITCH 5.0, from bytes to records.

#![allow(clippy::unwrap_used)]

mod fixtures;
mod properties;
mod session;
mod support;
