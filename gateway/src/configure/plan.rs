//! What stages look at, and the list of them.

use crate::config::Config;
use crate::config::model::{Input, Interface, Worker};
use crate::ingest::{Mode, Tier};

use super::machine::Machine;
use super::profile::Profile;
use super::setting::Wish;
use super::{channels, coalescing, cpu_latency, huge_pages, igmp};
use super::{interrupts, napi, offloads, rings, steering};

/// What a stage has to go by.
pub struct Plan<'a> {
    /// The gateway's configuration.
    pub config: &'a Config,
    /// What the machine shall be set to.
    pub profile: &'a Profile,
    /// The machine as it is now.
    pub machine: &'a dyn Machine,
}

/// What a stage wants.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Settings.
    pub wishes: Vec<Wish>,
    /// What it has to say besides.
    pub notes: Vec<String>,
}

impl Wanted {
    pub(super) fn wish(&mut self, wish: Wish) {
        self.wishes.push(wish);
    }

    pub(super) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }
}

/// One kind of set-up.
#[derive(Clone, Copy)]
pub struct Stage {
    /// Its name.
    pub name: &'static str,
    /// What it does, in a line.
    pub about: &'static str,
    /// What it wants of a machine.
    pub wanted: fn(&Plan<'_>) -> Wanted,
}

/// All stages, in the order in which they are done; undone in the opposite one.
pub const STAGES: &[Stage] = &[
    offloads::STAGE,
    channels::STAGE,
    rings::STAGE,
    coalescing::STAGE,
    steering::STAGE,
    interrupts::STAGE,
    napi::STAGE,
    huge_pages::STAGE,
    igmp::STAGE,
    cpu_latency::STAGE,
];

impl<'a> Plan<'a> {
    /// The interfaces that a worker polls, with it.
    pub(super) fn interfaces(&self) -> impl Iterator<Item = (&'a Interface, &'a Worker)> {
        let config = self.config;
        config.workers.iter().flat_map(move |worker| {
            worker.inputs.iter().filter_map(move |input| match input {
                Input::Interface(index) => Some((config.interfaces.get(*index)?, worker)),
                Input::Capture(_) => None,
            })
        })
    }
}

/// Whether the worker drives the interface's queues itself: only AF_XDP sockets are busy-polled.
pub(super) fn is_busy_polled(interface: &Interface) -> bool {
    interface.busy_poll && uses_af_xdp(interface)
}

/// Whether AF_XDP may be how its packets come.
pub(super) fn uses_af_xdp(interface: &Interface) -> bool {
    interface.mode != Mode::Exactly(Tier::Socket)
}
