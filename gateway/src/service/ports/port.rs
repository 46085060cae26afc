//! One interface while the gateway runs: what is done about it, step by step.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::task::JoinHandle;
use tracing::{error, info, warn};

use super::Fitted;
use super::health::Health;
use super::machine::{LinkState, Machine, Todo, Told};
use crate::ingest::netdev::LinkFacts;
use crate::ingest::{
    IngestError, InterfaceRequest, Mode, Opened, Opener, Provider, Stream, Tier, ladder,
};
use crate::service::groups::Groups;
use crate::service::inputs::{InterfaceState, Plugged};
use crate::worker::WorkerHandle;
use crate::worker::board::WorkerBoard;

/// An interface with its sockets, its program and its memberships.
#[derive(Debug)]
pub(super) struct Port {
    pub(super) request: InterfaceRequest,
    /// Index among the service's interfaces.
    pub(super) interface: usize,
    /// The worker that polls it.
    pub(super) worker: usize,
    pub(super) opened: Option<Opened>,
    /// Who opens it again.
    opener: Opener,
    /// The tier at the start.
    first_tier: Tier,
    /// The device that the sockets are on, or were last.
    index: u32,
    /// Where the link stood when it was asked for last.
    pub(super) facts: Option<LinkFacts>,
    machine: Machine,
    health: Health,
    /// What it has open is not what it shall receive.
    outdated: bool,
    work: Work,
    /// Providers on their way to the worker, by position among the interface's inputs.
    outbox: VecDeque<(usize, Box<Provider>)>,
    /// Sent to the worker, which has not yet given back what they took the place of.
    in_flight: usize,
    /// What was told last: each change is told once.
    told_state: LinkState,
    told_cause: String,
}

/// What a port is busy with.
#[derive(Debug)]
enum Work {
    Idle,
    /// The worker gives back what it polls.
    Unplugging {
        back: Vec<Provider>,
    },
    /// Sockets and program are closed.
    Dropping(JoinHandle<()>),
    /// The ladder is walked.
    Opening(JoinHandle<Result<Opened, IngestError>>),
}

/// Whether an interface's sockets are kept when its device goes: those of the socket tier alone, unless its card is to stamp
/// packets, which the next one has to be told anew.
fn outlives_its_device(request: &InterfaceRequest) -> bool {
    request.mode == Mode::Exactly(Tier::Socket) && !request.hardware_timestamps
}

impl Port {
    pub(super) fn new(fitted: Fitted, opener: Opener) -> Self {
        let Fitted {
            request,
            opened,
            interface,
            worker,
        } = fitted;
        let keeps = outlives_its_device(&request);
        let index = opened.interface_index;
        let facts = LinkFacts::of(&request.name);
        Self {
            machine: Machine::new(index, facts, keeps),
            facts,
            health: Health::default(),
            outdated: false,
            first_tier: opened.tier,
            opened: Some(opened),
            index,
            request,
            interface,
            worker,
            opener,
            work: Work::Idle,
            outbox: VecDeque::new(),
            in_flight: 0,
            told_state: LinkState::Live,
            told_cause: String::new(),
        }
    }

    pub(super) fn is_busy(&self) -> bool {
        !matches!(self.work, Work::Idle) || !self.outbox.is_empty() || self.in_flight > 0
    }

    /// Asks the kernel where the link stands: by name, because the configuration means the name; a device that was only
    /// renamed is still the one.
    pub(super) fn ask(&mut self) {
        self.facts = LinkFacts::of(&self.request.name).or_else(|| LinkFacts::of_index(self.index));
    }

    pub(super) fn tell(
        &mut self,
        now: Duration,
        told: Told,
        interface: &InterfaceState,
        groups: &mut Groups,
    ) {
        match self.machine.tell(now, told) {
            Todo::Nothing => {}
            Todo::Close => self.close(interface, groups),
            Todo::Open => {
                self.outdated = false;
                // What was found of another device says nothing about this one.
                if self.facts.is_none_or(|facts| facts.index != self.index) {
                    self.forget_findings();
                }
                let (request, opener) = (self.request.clone(), self.opener.clone());
                self.work = Work::Opening(tokio::task::spawn_blocking(move || {
                    ladder::open_by(&request, &opener)
                }));
            }
        }
    }

    /// Has it receive these streams instead.
    pub(super) fn receive(&mut self, streams: Vec<Stream>) {
        self.request.streams = streams;
        self.outdated = true;
    }

    /// Opens it again where what it has open is outdated. What is being opened is looked at when it is open.
    pub(super) fn reopen(
        &mut self,
        now: Duration,
        interface: &InterfaceState,
        groups: &mut Groups,
    ) {
        if self.outdated && self.opened.is_some() && !self.is_busy() {
            info!(
                interface = interface.name,
                "opened again, for the lines as they are configured now"
            );
            self.tell(now, Told::StepUp, interface, groups);
        }
    }

    /// Has tiers tried again that were found not to work.
    pub(super) fn forget_findings(&mut self) {
        self.request.avoid.clear();
    }

    /// Looks whether what is redirected arrives, and steps down where the tier turns out not to work.
    pub(super) fn check(
        &mut self,
        now: Duration,
        interface: &InterfaceState,
        board: &WorkerBoard,
        groups: &mut Groups,
    ) {
        let Some(opened) = &self.opened else {
            return;
        };
        let tier = opened.tier;
        let driver = &opened.facts.driver;
        self.health
            .count_addresses(now, self.index, driver, interface);
        if self.is_busy() {
            return;
        }
        let Some(step) = self.health.look(now, tier, interface, board) else {
            return;
        };
        if self.request.allows_below(tier) {
            self.request.avoid.push(step);
            self.tell(now, Told::Lost, interface, groups);
        } else {
            error!(
                interface = interface.name,
                %tier,
                "nothing is received, and `mode`, `lowest_tier` or `require` allow no lower tier"
            );
        }
    }

    /// Begins to give everything up: memberships first, then what the worker polls.
    fn close(&mut self, interface: &InterfaceState, groups: &mut Groups) {
        groups.leave(self.interface);
        interface.membership.set_joined(false);
        // What was opened and did not reach the worker yet is given up unseen.
        self.outbox.clear();
        let plugged = interface.inputs.iter().enumerate();
        self.outbox.extend(
            plugged
                .filter(|(_, seat)| seat.is_plugged())
                .map(|(position, _)| (position, Box::new(Provider::unplugged()))),
        );
        self.work = Work::Unplugging { back: Vec::new() };
    }

    /// Sends the worker what it shall poll. What it does not take now it is sent again at the next look.
    pub(super) fn send(&mut self, interface: &InterfaceState, worker: &WorkerHandle) {
        while let Some((position, provider)) = self.outbox.pop_front() {
            let input = interface.inputs[position].seat.index;
            if !worker.can_take_commands() {
                self.outbox.push_front((position, provider));
                return;
            }
            match worker.swap(input, provider) {
                Ok(()) => self.in_flight += 1,
                Err(cause) => {
                    error!(interface = interface.name, %cause, "an input did not reach its worker");
                }
            }
        }
    }

    /// Takes a provider that the worker gave back.
    pub(super) fn take_back(&mut self, provider: Box<Provider>) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Work::Unplugging { back } = &mut self.work {
            back.push(*provider);
        }
    }

    /// Looks what has become of the work that others do.
    pub(super) fn work_on(
        &mut self,
        now: Duration,
        interface: &InterfaceState,
        board: &WorkerBoard,
        groups: &mut Groups,
    ) {
        match std::mem::replace(&mut self.work, Work::Idle) {
            Work::Idle => {}
            // The worker does things in order: with the last answer it has nothing of this interface any more.
            Work::Unplugging { back } if self.outbox.is_empty() && self.in_flight == 0 => {
                interface.close();
                let opened = self.opened.take();
                self.work = Work::Dropping(tokio::task::spawn_blocking(move || {
                    // The program before its sockets: what it passes to the kernel is not lost in between.
                    drop(opened);
                    drop(back);
                }));
            }
            Work::Dropping(thread) if thread.is_finished() => {
                self.tell(now, Told::Closed, interface, groups);
            }
            Work::Opening(thread) if thread.is_finished() => {
                let told = match crate::service::finished(thread) {
                    Some(Ok(opened)) => self.fit(opened, interface, board, groups),
                    Some(Err(error)) => Err(error.to_string()),
                    None => Err(
                        "the thread that opens it panicked; this is a defect, please report it"
                            .to_owned(),
                    ),
                };
                let told = told.unwrap_or_else(|cause| {
                    self.tell_cause(interface, cause);
                    Told::Failed
                });
                self.tell(now, told, interface, groups);
            }
            busy => self.work = busy,
        }
    }

    /// Joins and hands out what was opened.
    fn fit(
        &mut self,
        mut opened: Opened,
        interface: &InterfaceState,
        board: &WorkerBoard,
        groups: &mut Groups,
    ) -> Result<Told, String> {
        let seats = &interface.inputs;
        if opened.providers.len() > seats.len() {
            return Err(format!(
                "it has {} receive queues now, and had {} when the gateway started; restart the gateway, or `ethtool -L {} \
                 combined {}`",
                opened.providers.len(),
                seats.len(),
                self.request.name,
                seats.len(),
            ));
        }
        let joins = opened
            .join(&self.request)
            .map_err(|error| error.to_string())?;
        interface.open(&opened);
        let providers = std::mem::take(&mut opened.providers);
        for (position, (seat, provider)) in seats.iter().zip(providers).enumerate() {
            seat.plug(Plugged::of(&provider));
            self.outbox.push_back((position, Box::new(provider)));
        }
        self.health.reopened(interface, board);
        groups.add(joins, self.interface);
        interface.membership.set_joined(true);
        let lower = opened.tier < self.first_tier;
        self.index = opened.interface_index;
        info!(
            interface = interface.name,
            tier = %opened.tier,
            index = self.index,
            "receiving again"
        );
        self.told_cause.clear();
        self.opened = Some(opened);
        Ok(Told::Opened {
            index: self.index,
            lower,
        })
    }

    fn tell_cause(&mut self, interface: &InterfaceState, cause: String) {
        interface.set_waiting_for(&cause);
        if self.told_cause != cause {
            warn!(
                interface = interface.name,
                cause, "not opened yet; tried again until it is"
            );
            self.told_cause = cause;
        }
    }

    /// Shows the state, and tells of it where it is news.
    pub(super) fn show(&mut self, interface: &InterfaceState) {
        let state = self.machine.state();
        interface.set_link(state);
        if state == self.told_state {
            return;
        }
        let (name, before) = (&interface.name, self.told_state.name());
        let state_name = state.name();
        match state {
            LinkState::Absent => warn!(
                interface = name,
                state = state_name,
                before,
                "the interface is gone; it is opened again as soon as there is one of this name"
            ),
            LinkState::Down => warn!(
                interface = name,
                state = state_name,
                before,
                "the link is down or without carrier; `ip link show dev {name}` says which"
            ),
            LinkState::Degraded => warn!(
                interface = name,
                state = state_name,
                before,
                "receiving at a lower tier than at the start; `gateway status` says why, SIGUSR1 tries again"
            ),
            LinkState::Attaching | LinkState::Live => {
                info!(interface = name, state = state_name, before, "link");
            }
        }
        self.told_state = state;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_whose_card_is_to_stamp_is_opened_anew_when_it_was_swapped() {
        let of = |mode, hardware_timestamps| {
            outlives_its_device(&InterfaceRequest {
                mode,
                hardware_timestamps,
                ..InterfaceRequest::new("eth1", Vec::new())
            })
        };
        let sockets = Mode::Exactly(Tier::Socket);
        assert!(of(sockets, false));
        assert!(!of(sockets, true), "the next card stamps nothing by itself");
        assert!(!of(Mode::Auto, false));
    }
}
