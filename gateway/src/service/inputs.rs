//! Interfaces and captures as the control plane knows them.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gateway_wire::shared::Verdict;

use super::ports::LinkState;
use super::state::Seat;
use crate::clock::CardClock;
use crate::ingest::busy_poll::{BusyPollWish, BusyPolling};
use crate::ingest::netdev::{self, KernelVersion, Napi};
use crate::ingest::{
    Facts, KernelDropReader, KernelDrops, Opened, Provider, Stamping, Step, Tier, VerdictCounts,
    VerdictReader,
};

/// An input's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum InputState {
    Running = 0,
    Finished = 1,
    Failed = 2,
}

/// What holds an input's place at this moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plugged {
    pub(crate) queue: Option<u32>,
    pub(crate) huge_pages: bool,
    busy_poll: BusyPollWish,
    drops: Option<KernelDropReader>,
}

impl Plugged {
    pub(crate) fn of(provider: &Provider) -> Self {
        Self {
            queue: provider.queue(),
            huge_pages: provider.huge_pages(),
            busy_poll: provider.busy_poll_wish(),
            drops: provider.drop_reader(),
        }
    }

    fn drops(&self) -> Option<KernelDrops> {
        self.drops.as_ref()?.read().ok().flatten()
    }
}

/// A place among a worker's inputs, and what is in it.
#[derive(Debug)]
pub(crate) struct InputSeat {
    pub(crate) seat: Seat,
    /// What is in it, or was last.
    plugged: Mutex<Option<Plugged>>,
    /// Whether it is empty: its interface is not there, or has fewer receive queues than it may have.
    empty: AtomicBool,
    /// What the kernel dropped on the way to those that were in it before.
    drops_before: Mutex<KernelDrops>,
    /// Whether its worker polls it no more.
    over: AtomicBool,
}

impl InputSeat {
    pub(crate) fn new(seat: Seat, plugged: Option<Plugged>) -> Self {
        Self {
            seat,
            empty: AtomicBool::new(plugged.is_none()),
            plugged: Mutex::new(plugged),
            drops_before: Mutex::default(),
            over: AtomicBool::new(false),
        }
    }

    /// What is in it, or was last; `None` where there never was anything.
    pub(crate) fn plugged(&self) -> Option<Plugged> {
        locked(&self.plugged).clone()
    }

    pub(crate) fn is_plugged(&self) -> bool {
        // Relaxed: read by the thread that writes it.
        !self.empty.load(Ordering::Relaxed)
    }

    pub(crate) fn plug(&self, plugged: Plugged) {
        *locked(&self.plugged) = Some(plugged);
        self.empty.store(false, Ordering::Relaxed);
    }

    fn unplug(&self) {
        let mut plugged = locked(&self.plugged);
        if let Some(plugged) = &mut *plugged {
            let drops = plugged.drops().unwrap_or_default();
            // Read no more: it is part of what was before.
            plugged.drops = None;
            let mut before = locked(&self.drops_before);
            *before = *before + drops;
        }
        self.empty.store(true, Ordering::Relaxed);
    }

    /// What the kernel dropped on the way to it since the start; `None` for a capture.
    pub(crate) fn drops(&self) -> Option<KernelDrops> {
        let before = *locked(&self.drops_before);
        let now = locked(&self.plugged).as_ref().and_then(Plugged::drops);
        match now {
            Some(now) => Some(before + now),
            None => (before != KernelDrops::default()).then_some(before),
        }
    }

    /// What takes packets off its receive queue, where the kernel names it.
    pub(crate) fn napi(&self) -> Option<Napi> {
        let id = locked(&self.plugged).as_ref()?.drops.as_ref()?.napi_id()?;
        if id == 0 { None } else { netdev::napi(id).ok() }
    }

    /// Whether the worker truly drives its receive queue, judged by whether packets came.
    pub(crate) fn busy_polling(&self, kernel: KernelVersion, packets: u64) -> BusyPolling {
        let plugged = locked(&self.plugged);
        let Some(plugged) = plugged.as_ref() else {
            return BusyPolling::Off;
        };
        let napi_id = plugged.drops.as_ref().and_then(KernelDropReader::napi_id);
        BusyPolling::of(&plugged.busy_poll, kernel, napi_id.unwrap_or(0), packets)
    }

    /// What the kernel dropped on the way to what is in it now; `None` where nothing is.
    pub(super) fn drops_now(&self) -> Option<KernelDrops> {
        if !self.is_plugged() {
            return None;
        }
        locked(&self.plugged).as_ref().and_then(Plugged::drops)
    }

    fn receives(&self) -> bool {
        // Relaxed: read by the thread that writes it.
        !self.over.load(Ordering::Relaxed) && self.is_plugged()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How an interface is open, or was last.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    pub(crate) tier: Tier,
    pub(crate) steps: Vec<Step>,
    /// By what packets are stamped; `None` of a capture.
    pub(crate) stamping: Option<Stamping>,
    /// What the kernel said before it was opened.
    pub(crate) facts: Facts,
    verdicts: Option<VerdictReader>,
    /// Frames by verdict of the programs before the present one.
    verdicts_before: Option<VerdictCounts>,
    /// Why it is not open.
    pub(crate) waiting_for: Option<String>,
}

impl Way {
    /// Frames that the present program redirected; `None` where there is no program.
    pub(super) fn redirected_now(&self) -> Option<u64> {
        Some(self.verdicts_now()?.get(Verdict::Redirected))
    }

    /// Frames by verdict of the present program; `None` where there is none.
    pub(crate) fn verdicts_now(&self) -> Option<VerdictCounts> {
        self.verdicts.as_ref()?.read().ok()
    }

    /// Frames by verdict since the start; `None` where there was never a program.
    pub(crate) fn verdicts(&self) -> Option<VerdictCounts> {
        match (self.verdicts_now(), self.verdicts_before) {
            (Some(now), Some(before)) => Some(now + before),
            (one, other) => one.or(other),
        }
    }
}

/// An interface or capture as the control plane knows it.
#[derive(Debug)]
pub(crate) struct InterfaceState {
    pub(crate) name: String,
    way: Mutex<Way>,
    pub(crate) inputs: Vec<InputSeat>,
    pub(crate) membership: MembershipState,
    /// Of a capture: an [`InputState`].
    state: AtomicU8,
    /// Of an interface: a [`LinkState`].
    link: AtomicU8,
    reopened: AtomicU64,
    lost_in_redirect: AtomicU64,
    multicast_addresses: AtomicU64,
}

impl InterfaceState {
    pub(crate) fn new(name: &str, tier: Tier) -> Self {
        Self {
            name: name.to_owned(),
            way: Mutex::new(Way {
                tier,
                steps: Vec::new(),
                stamping: None,
                facts: Facts::default(),
                verdicts: None,
                verdicts_before: None,
                waiting_for: None,
            }),
            inputs: Vec::new(),
            membership: MembershipState::of(tier),
            state: AtomicU8::new(InputState::Running as u8),
            link: AtomicU8::new(LinkState::Live as u8),
            reopened: AtomicU64::new(0),
            lost_in_redirect: AtomicU64::new(0),
            multicast_addresses: AtomicU64::new(0),
        }
    }

    /// One that was just opened.
    pub(crate) fn opened(name: &str, opened: &Opened) -> Self {
        let state = Self::new(name, opened.tier);
        state.set_way(opened);
        state
    }

    fn set_way(&self, opened: &Opened) {
        let mut way = locked(&self.way);
        way.tier = opened.tier;
        way.steps.clone_from(&opened.steps);
        way.stamping = Some(opened.stamping.clone());
        way.facts.clone_from(&opened.facts);
        way.verdicts = opened.program.as_ref().map(|p| p.verdict_reader());
        way.waiting_for = None;
    }

    /// Takes note that it is open again.
    pub(super) fn open(&self, opened: &Opened) {
        self.set_way(opened);
        self.reopened.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes note that its program and its sockets, which the worker has given back, are about to go.
    pub(super) fn close(&self) {
        self.inputs
            .iter()
            .filter(|seat| seat.is_plugged())
            .for_each(InputSeat::unplug);
        let mut way = locked(&self.way);
        way.verdicts_before = way.verdicts();
        way.verdicts = None;
    }

    pub(super) fn set_waiting_for(&self, cause: &str) {
        locked(&self.way).waiting_for = Some(cause.to_owned());
    }

    /// How it is open, or was last.
    pub(crate) fn way(&self) -> Way {
        locked(&self.way).clone()
    }

    /// Looks whether its card still stamps packets, where it was made to.
    pub(crate) fn look_at_card(&self) {
        if let Some(stamping) = &mut locked(&self.way).stamping {
            stamping.look(&self.name);
        }
    }

    /// The clock of its card, where that stamps packets, and the tier by which they come.
    pub(crate) fn card_clock(&self) -> Option<(Tier, Arc<CardClock>)> {
        let way = locked(&self.way);
        let clock = way.stamping.as_ref()?.clock.clone()?;
        Some((way.tier, clock))
    }

    /// How often it was opened again.
    pub(crate) fn reopened(&self) -> u64 {
        self.reopened.load(Ordering::Relaxed)
    }

    /// At least so many frames were lost between program and sockets since the start.
    pub(crate) fn lost_in_redirect(&self) -> u64 {
        self.lost_in_redirect.load(Ordering::Relaxed)
    }

    pub(super) fn set_lost_in_redirect(&self, frames: u64) {
        self.lost_in_redirect.store(frames, Ordering::Relaxed);
    }

    /// Addresses in its multicast filter at the last look.
    pub(crate) fn multicast_addresses(&self) -> u64 {
        self.multicast_addresses.load(Ordering::Relaxed)
    }

    pub(super) fn set_multicast_addresses(&self, addresses: u64) {
        self.multicast_addresses.store(addresses, Ordering::Relaxed);
    }

    pub(super) fn set_link(&self, link: LinkState) {
        // Relaxed: as `set_state`.
        self.link.store(link as u8, Ordering::Relaxed);
    }

    /// How the link stands; a capture's is always live.
    pub(crate) fn link(&self) -> LinkState {
        let number = usize::from(self.link.load(Ordering::Relaxed));
        LinkState::ALL.get(number).copied().unwrap_or_default()
    }

    /// Whether it is a capture file.
    pub(crate) fn is_capture(&self) -> bool {
        locked(&self.way).tier == Tier::Capture
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
            .any(|seat| seat.seat.worker == worker && seat.receives())
    }

    /// Whether any worker still polls an input of this interface.
    pub(crate) fn receives(&self) -> bool {
        self.inputs.iter().any(InputSeat::receives)
    }

    /// Whether an input of this interface failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.state.load(Ordering::Relaxed) == InputState::Failed as u8
    }

    pub(super) fn state_name(&self) -> &'static str {
        if !self.is_capture() {
            return self.link().name();
        }
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
