//! A machine with an SR-IOV network card, where there is none: QEMU guests in which the gateway runs over emulated
//! physical and virtual functions, with the simulated exchange on the other end of the wire.
//!
//! It proves function, never speed: under TCG every instruction is emulated. `cargo xtask lab` runs the tests;
//! `docs/lab.md` tells how it is built and how to add one.
//!
//! Nothing is left behind: the taps live in a network namespace without a name, QEMU dies with the process that started
//! it, and what was written lies under one folder.

pub mod agent;
pub mod depot;
pub mod machine;
pub mod topology;

pub use agent::Agent;
pub use depot::{Depot, Kernel, System};
pub use machine::{Accelerator, Machine};
