//! Interfaces and captures as the control plane knows them.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use super::state::Seat;
use crate::ingest::{KernelDropReader, Step, Tier, VerdictReader};

/// An input's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum InputState {
    Running = 0,
    Finished = 1,
    Failed = 2,
}

/// One provider as the control plane knows it.
#[derive(Debug)]
pub(crate) struct InputSeat {
    pub(crate) seat: Seat,
    pub(crate) queue: Option<u32>,
    pub(crate) huge_pages: bool,
    pub(crate) drops: Option<KernelDropReader>,
    /// Whether its worker polls it no more.
    pub(crate) over: AtomicBool,
}

#[cfg(test)]
impl InputSeat {
    /// An input that runs, of which nothing else is known.
    pub(crate) fn for_test(seat: Seat) -> Self {
        Self {
            seat,
            queue: None,
            huge_pages: false,
            drops: None,
            over: AtomicBool::new(false),
        }
    }
}

/// An interface or capture as the control plane knows it.
#[derive(Debug)]
pub(crate) struct InterfaceState {
    pub(crate) name: String,
    pub(crate) tier: Tier,
    pub(crate) steps: Vec<Step>,
    pub(crate) driver: String,
    pub(crate) inputs: Vec<InputSeat>,
    pub(crate) verdicts: Option<VerdictReader>,
    pub(crate) membership: MembershipState,
    state: AtomicU8,
}

impl InterfaceState {
    pub(crate) fn new(name: &str, tier: Tier) -> Self {
        Self {
            name: name.to_owned(),
            tier,
            steps: Vec::new(),
            driver: String::new(),
            inputs: Vec::new(),
            verdicts: None,
            membership: MembershipState::of(tier),
            state: AtomicU8::new(InputState::Running as u8),
        }
    }

    fn set_state(&self, state: InputState) {
        // Relaxed: shown to people and load balancers; no memory is read on its strength.
        self.state.store(state as u8, Ordering::Relaxed);
    }

    /// Takes note that an input of `worker` is over; whether it was one of this interface's.
    pub(crate) fn end(&self, worker: usize, input: usize, state: InputState) -> bool {
        let seat = self
            .inputs
            .iter()
            .find(|seat| seat.seat.worker == worker && seat.seat.index == input);
        if let Some(seat) = seat {
            // Relaxed: read by the thread that writes it.
            seat.over.store(true, Ordering::Relaxed);
            self.set_state(state);
        }
        seat.is_some()
    }

    /// Whether `worker` still polls an input of this interface.
    pub(crate) fn feeds(&self, worker: usize) -> bool {
        self.inputs
            .iter()
            .any(|seat| seat.seat.worker == worker && !seat.over.load(Ordering::Relaxed))
    }

    /// Whether any worker still polls an input of this interface.
    pub(crate) fn receives(&self) -> bool {
        self.inputs
            .iter()
            .any(|seat| !seat.over.load(Ordering::Relaxed))
    }

    /// Whether an input of this interface failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.state.load(Ordering::Relaxed) == InputState::Failed as u8
    }

    pub(super) fn state_name(&self) -> &'static str {
        match self.state.load(Ordering::Relaxed) {
            0 => "running",
            1 => "finished",
            _ => "failed",
        }
    }
}

/// Whether an interface's groups are joined.
///
/// Relaxed throughout: written by the thread that looks after the memberships, shown by the same or another.
#[derive(Debug)]
pub(crate) struct MembershipState {
    joined: AtomicBool,
    rejoins: AtomicU64,
}

impl MembershipState {
    /// At the start: only a capture has no group to join.
    fn of(tier: Tier) -> Self {
        Self {
            joined: AtomicBool::new(tier == Tier::Capture),
            rejoins: AtomicU64::new(0),
        }
    }

    /// Takes note of how it is now; whether that is news.
    pub(super) fn set_joined(&self, joined: bool) -> bool {
        self.joined.swap(joined, Ordering::Relaxed) != joined
    }

    pub(super) fn is_joined(&self) -> bool {
        self.joined.load(Ordering::Relaxed)
    }

    pub(super) fn count_rejoin(&self) {
        self.rejoins.fetch_add(1, Ordering::Relaxed);
    }

    /// How many times they were joined again.
    pub(super) fn rejoins(&self) -> u64 {
        self.rejoins.load(Ordering::Relaxed)
    }
}
