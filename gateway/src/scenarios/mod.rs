//! The scenarios: how long a request takes to the other machine and back, by the kernel's sockets and by the gateway's
//! way in, over whatever lies between two virtual machines, or a virtual machine and its host.
//!
//! Two ends take part. The *responder* answers each request with a reply; the *requester* sends them, measures, and
//! writes the report. They agree over a TCP connection ([`control`]); what is measured are UDP datagrams ([`packet`])
//! between the addresses of the interfaces under test. Both ends receive by the path that is measured ([`receiver`]);
//! all paths send by an ordinary UDP socket, as strategies that are told by market data to send an order do.

pub mod control;
mod exchange;
pub mod facts;
pub mod measure;
pub mod packet;
mod path;
pub mod receiver;
pub mod report;
pub mod respond;
pub mod statistics;

pub use path::{Link, Path, Scenario};

/// UDP and TCP port on which the responder answers unless told otherwise.
pub const RESPONDER_PORT: u16 = 24_500;
/// UDP port to which replies go unless told otherwise.
pub const REQUESTER_PORT: u16 = 24_501;

/// Nanoseconds of a clock of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClockKind {
    /// `CLOCK_MONOTONIC`: means something on this machine only.
    Monotonic,
    /// `CLOCK_REALTIME`: means something on two machines, as far as something keeps their clocks together.
    Realtime,
}

impl ClockKind {
    /// Its time now, in nanoseconds.
    #[inline]
    #[must_use]
    pub fn now(self) -> u64 {
        let id = match self {
            Self::Monotonic => rustix::time::ClockId::Monotonic,
            Self::Realtime => rustix::time::ClockId::Realtime,
        };
        let time = rustix::time::clock_gettime(id);
        time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
    }
}

/// What a thread that found nothing to do does next: where it has a processor of its own it looks again at once.
#[derive(Debug, Clone, Copy)]
pub struct Idle {
    yields: bool,
}

impl Idle {
    /// For a run in which so many threads spin on this machine.
    #[must_use]
    pub fn for_threads(spinning: usize) -> Self {
        Self {
            yields: spinning > facts::processors(),
        }
    }

    /// Whether threads have to take turns on a processor: then times say little.
    #[must_use]
    pub const fn shares_a_processor(self) -> bool {
        self.yields
    }

    /// Waits a moment.
    #[inline]
    pub fn wait(self) {
        if self.yields {
            std::thread::yield_now();
        } else {
            std::hint::spin_loop();
        }
    }
}
