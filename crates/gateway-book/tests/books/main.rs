//! Books beside naive ones: over the simulator's flow, real events, and whatever may come.

#![allow(clippy::unwrap_used, reason = "tests")]

mod flow;
mod hostile;
mod lobster;
mod naive;
mod rules;
mod support;
