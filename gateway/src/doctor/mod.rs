//! `gateway doctor`: is this machine fit to receive market data, and what would make it so.
//!
//! A [`Check`] is a pure function over what was read of the machine: files of `/proc` and `/sys` ([`Files`]), what the
//! kernel says of an interface by netlink and ioctl ([`Device`]), and what the configuration wants ([`Wants`]). Reading
//! and judging are apart so that every check is tested with answers that a test makes up. Nothing here changes anything.

mod check;
pub mod checks;
mod counters;
mod device;
mod examination;
mod files;
mod functions;
pub mod jitter;
mod look;
pub mod probe;
mod script;
mod system;
#[cfg(test)]
mod testing;
mod text;
mod wants;

pub use check::{Check, Outcome, Place, Remedy, Seen, Severity, Side, Verdict};
pub use checks::ALL;
pub use counters::Counters;
pub use device::Device;
pub use examination::{Examination, Findings};
pub use files::{Files, RootFiles};
pub use functions::{LinkState, VirtualFunction};
pub use look::Look;
pub use script::script;
pub use system::{ClockState, System};
pub use text::page;
pub use wants::Wants;
