//! Interfaces while the gateway runs: taken away, brought back, replaced; never a reason to restart.
//!
//! A port is an interface with its sockets, its program and its memberships. The kernel tells when a link changes
//! ([`LinkWatch`]), the [`machine`] says what to do about it, and the port does it: it has the worker give back what it
//! polls, drops sockets and program (on a thread of its own: drivers take their time), opens the interface again from
//! the top of the ladder of tiers, joins, and hands the new sockets to the worker. What was counted before stays
//! counted, and the feed's own numbers tell what was missed meanwhile.

mod health;
mod machine;
mod port;

use std::cell::Cell;
use std::time::{Duration, Instant};

use tracing::{info, warn};

pub(crate) use machine::LinkState;
use machine::Told;
use port::Port;

use super::groups::Groups;
use super::inputs::InterfaceState;
use crate::ingest::{
    IngestError, InterfaceRequest, LinkWatch, Opened, Opener, Provider, Stream, netdev,
};
use crate::worker::WorkerHandle;

/// How often what was sent to a worker or a thread is looked for.
const LOOK: Duration = Duration::from_millis(1);
/// How often links are asked for although none is said to have changed: what is lost of the kernel's messages is found.
const ASK_ANYWAY: Duration = Duration::from_secs(1);

/// An interface that was opened at the start.
#[derive(Debug)]
pub(super) struct Fitted {
    /// What the configuration asks of it.
    pub(super) request: InterfaceRequest,
    /// What keeps packets coming; its providers are with the worker.
    pub(super) opened: Opened,
    /// Index among the service's interfaces.
    pub(super) interface: usize,
    /// The worker that polls it.
    pub(super) worker: usize,
}

/// All interfaces.
#[derive(Debug)]
pub(super) struct Ports {
    ports: Vec<Port>,
    /// None where the kernel refuses to tell: links are then looked at many times a second instead.
    watch: Option<LinkWatch>,
    /// Whether links are to be asked for at the next look, whatever the time.
    stale: Cell<bool>,
    /// When they were asked for last, since the start.
    asked: Duration,
    started: Instant,
}

impl Ports {
    /// Watches over interfaces that are open. To be called within a tokio runtime.
    pub(super) fn new(fitted: Vec<Fitted>, opener: &Opener) -> Self {
        let watch = match LinkWatch::open() {
            Ok(watch) => Some(watch),
            Err(cause) => {
                warn!(%cause, "the kernel does not tell of changes of links; they are looked at 20 times a second");
                None
            }
        };
        Self {
            ports: fitted
                .into_iter()
                .map(|fitted| Port::new(fitted, opener.clone()))
                .collect(),
            watch,
            stale: Cell::new(true),
            asked: Duration::ZERO,
            started: Instant::now(),
        }
    }

    /// Waits until there may be something to do. May be dropped at any time.
    pub(super) async fn changed(&self) {
        let busy = self.ports.iter().any(Port::is_busy);
        tokio::select! {
            () = tokio::time::sleep(LOOK), if busy => {}
            () = async {
                match &self.watch {
                    Some(watch) => {
                        watch.changed().await;
                        self.stale.set(true);
                    }
                    None => std::future::pending().await,
                }
            } => {}
        }
    }

    /// Does what is to be done about every interface.
    pub(super) fn tend(
        &mut self,
        interfaces: &[InterfaceState],
        workers: &[WorkerHandle],
        groups: &mut Groups,
    ) {
        let now = self.started.elapsed();
        let ask = self.watch.is_none() || self.stale.take() || now - self.asked >= ASK_ANYWAY;
        if ask {
            self.asked = now;
        }
        for port in &mut self.ports {
            let interface = &interfaces[port.interface];
            port.send(interface, &workers[port.worker]);
            port.work_on(now, interface, &workers[port.worker].board, groups);
            if ask {
                port.ask();
            }
            port.tell(now, Told::Facts(port.facts), interface, groups);
            port.reopen(now, interface, groups);
            port.check(now, interface, &workers[port.worker].board, groups);
            port.show(interface);
        }
    }

    /// Takes note that an input of `worker` is of no use any more; `false` where it belongs to no interface.
    pub(super) fn lost(
        &mut self,
        worker: usize,
        input: usize,
        cause: &IngestError,
        interfaces: &[InterfaceState],
        groups: &mut Groups,
    ) -> bool {
        let now = self.started.elapsed();
        // The worker may know of a device's end before the kernel's message is read.
        self.stale.set(true);
        let Some(port) = self.of(worker, input, interfaces) else {
            return false;
        };
        let interface = &interfaces[port.interface];
        warn!(interface = interface.name, %cause, "an input is lost; the interface is opened again as soon as it is there");
        port.tell(now, Told::Lost, interface, groups);
        port.show(interface);
        true
    }

    /// Takes a provider that a worker gave back.
    pub(super) fn take_back(
        &mut self,
        worker: usize,
        input: usize,
        provider: Box<Provider>,
        interfaces: &[InterfaceState],
    ) {
        if let Some(port) = self.of(worker, input, interfaces) {
            port.take_back(provider);
        }
    }

    /// Has an interface, by its index among the service's, receive these streams instead: as many as before, each in its
    /// place. It is opened again for that.
    pub(super) fn receive(&mut self, interface: usize, streams: Vec<Stream>) {
        for port in &mut self.ports {
            if port.interface == interface {
                port.receive(streams.clone());
            }
        }
    }

    /// The interface that joins an interface's groups, and its index, if there is one now.
    pub(super) fn joining(&self, interface: usize) -> Option<(String, u32)> {
        let port = self.ports.iter().find(|port| port.interface == interface)?;
        let name = port.request.joining_interface();
        Some((name.to_owned(), netdev::index(name)?))
    }

    /// Opens every interface again that stands below the best tier that its configuration allows.
    pub(super) fn step_up(&mut self, interfaces: &[InterfaceState], groups: &mut Groups) {
        let now = self.started.elapsed();
        for port in &mut self.ports {
            let interface = &interfaces[port.interface];
            let below = port
                .opened
                .as_ref()
                .is_some_and(|open| !open.steps.is_empty());
            if below {
                port.forget_findings();
                info!(
                    interface = interface.name,
                    "opened again, to see whether a better tier works now"
                );
                port.tell(now, Told::StepUp, interface, groups);
            }
        }
    }

    fn of(
        &mut self,
        worker: usize,
        input: usize,
        interfaces: &[InterfaceState],
    ) -> Option<&mut Port> {
        self.ports.iter_mut().find(|port| {
            port.worker == worker
                && interfaces[port.interface]
                    .inputs
                    .iter()
                    .any(|seat| seat.seat.index == input)
        })
    }
}
