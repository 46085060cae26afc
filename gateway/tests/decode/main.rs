//! `gateway decode` with the real binary: files that other tools read, how they end, and what they cost.

#![allow(clippy::unwrap_used, reason = "tests")]

mod bbo;
#[path = "../common/mod.rs"]
mod common;
mod detect;
mod files;
mod input;
mod interrupt;
mod mdp3;
mod memory;
mod output;
mod pitch;
mod progress;
mod python;
mod reader;
