//! What the tests of the clients share: a gateway that plays a flow with losses, and queues that a test writes itself.
//!
//! Every language's client runs as a process of its own, as strategies do.

pub mod compilers;
pub mod conformance;
pub mod examples;
pub mod flow;
pub mod programs;
pub mod python;
pub mod sanitizer;
pub mod stage;
