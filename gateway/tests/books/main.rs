//! Books as a service: the table, orders on request and the conflated queue, against an independent book.
//!
//! | module | what lives there |
//! |---|---|
//! | `rig` | a broker, a queue that the tests publish to, a builder that they step |
//! | `flow` | messages about orders as a `full` queue has them, and what rests after them, kept naively |
//! | `table` | what the table says, also of books that cannot be trusted |
//! | `joining` | readers that come late |
//! | `conflation` | the conflated queue |
//! | `rotation` | queues and tables that go on in other memory |
#![allow(clippy::unwrap_used, reason = "tests")]

mod conflation;
mod flow;
mod joining;
mod rig;
mod rotation;
mod table;
