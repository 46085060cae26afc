//! An open AF_XDP interface on its way from the process that opened it to the one that polls it: descriptors, and what is
//! known of them.

use std::os::fd::OwnedFd;

use serde::{Deserialize, Serialize};

use super::Obstacle;
use super::busy_poll::BusyPollWish;

/// An attached program.
#[derive(Debug)]
pub(crate) struct HandedProgram {
    /// The map of its counters.
    pub(crate) counters: OwnedFd,
    /// Its link: with the last descriptor of it the program goes, unless it is pinned.
    pub(crate) link: OwnedFd,
    /// Whether the link is pinned.
    pub(crate) pinned: bool,
    /// The lock of the link's place.
    pub(crate) lock: Option<OwnedFd>,
    /// Why it does not read the card's stamps; `None` where it does.
    pub(crate) no_card_stamps: Option<Obstacle>,
}

/// What is known of a receive queue's socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AboutQueue {
    /// The receive queue.
    pub(crate) queue: u32,
    /// Whether huge pages hold its memory.
    pub(crate) huge_pages: bool,
    /// What became of the wish for busy polling.
    pub(crate) busy_poll: BusyPollWish,
}

/// A receive queue's socket, bound and in the program's map.
#[derive(Debug)]
pub(crate) struct HandedQueue {
    pub(crate) about: AboutQueue,
    pub(crate) socket: OwnedFd,
    /// The memory file of its frames.
    pub(crate) memory: OwnedFd,
}

/// An open interface.
#[derive(Debug)]
pub(crate) struct Handover {
    pub(crate) program: HandedProgram,
    pub(crate) queues: Vec<HandedQueue>,
}
