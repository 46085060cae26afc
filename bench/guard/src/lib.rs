//! What the guard of instruction counts replays, and what it replays it through.
//!
//! `cargo xtask bench instructions` runs the program of this package under `valgrind --tool=callgrind`, once a case, and
//! compares instructions a message with those in `bench/instructions.toml`. So everything here is the same in every
//! run: messages are drawn from fixed seeds and written by the feeds' own encoders, and clocks stand still.

pub mod cases;
pub mod inputs;
pub mod look;
mod worker;
