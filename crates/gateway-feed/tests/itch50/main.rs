//! Nasdaq TotalView-ITCH 5.0, from bytes to records.

#![allow(clippy::unwrap_used)]

mod fixtures;
mod full;
mod model;
mod peers;
mod properties;
mod real_data;
mod session;
mod support;
