//! Workers: the threads that poll, decode and publish.

pub mod control;
pub mod filter;
pub mod sink;
