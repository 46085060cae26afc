//! The memberships of a running gateway: joined last, looked after all the time, left first.

use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::error::ServiceError;
use super::inputs::InterfaceState;
use super::ports::Fitted;
use crate::ingest::{IngestError, JoinedGroups, Joins, Standing};

/// How long after the kernel has refused to join again it is asked the next time.
const RETRY: Duration = Duration::from_secs(1);

/// All memberships; dropping it leaves the groups.
#[derive(Debug)]
pub(super) struct Groups(Vec<Held>);

/// Those of one interface.
#[derive(Debug)]
struct Held {
    joins: Joins,
    /// Index among the service's interfaces.
    interface: usize,
    /// Not to be tried before.
    retry: Option<Instant>,
}

impl Groups {
    /// Joins what every interface needs.
    ///
    /// # Errors
    /// The kernel refuses a group.
    pub(super) fn join(
        fitted: &[Fitted],
        interfaces: &[InterfaceState],
    ) -> Result<Self, ServiceError> {
        let mut all = Self(Vec::new());
        for port in fitted {
            let joins = port.opened.join(&port.request)?;
            interfaces[port.interface].membership.set_joined(true);
            all.add(joins, port.interface);
        }
        Ok(all)
    }

    /// Looks after these, too: those of an interface that was opened again.
    pub(super) fn add(&mut self, joins: Joins, interface: usize) {
        self.0.push(Held {
            joins,
            interface,
            retry: None,
        });
    }

    /// Leaves the groups of an interface, by its index among the service's.
    pub(super) fn leave(&mut self, interface: usize) {
        self.0.retain(|held| held.interface != interface);
    }

    /// Looks whether all groups are still joined, joins again those that are not, and leaves those of interfaces that
    /// nobody receives from any more.
    pub(super) fn tend(&mut self, interfaces: &[InterfaceState]) {
        self.0.retain(|held| {
            let interface = &interfaces[held.interface];
            if !interface.receives() {
                interface.membership.set_joined(false);
            }
            interface.receives()
        });
        if self.0.is_empty() {
            return;
        }
        // Without `/proc` the devices are looked at instead.
        let kernel = JoinedGroups::read().ok();
        for held in &mut self.0 {
            held.tend(kernel.as_ref(), &interfaces[held.interface]);
        }
    }
}

impl Held {
    fn tend(&mut self, kernel: Option<&JoinedGroups>, interface: &InterfaceState) {
        if self.retry.is_some_and(|retry| Instant::now() < retry) {
            return;
        }
        self.retry = None;
        let standing = self.joins.tend(kernel);
        let groups = self.joins.groups().len();
        let on = self.joins.interface();
        let joined = matches!(standing, Standing::Joined | Standing::JoinedAgain);
        // Told at each change, not at each look.
        let news = interface.membership.set_joined(joined);
        match standing {
            Standing::Joined => {}
            Standing::JoinedAgain => {
                interface.membership.count_rejoin();
                info!(
                    interface = on,
                    groups, "the kernel had dropped the memberships; they are joined again"
                );
            }
            Standing::InterfaceGone if news => warn!(
                interface = on,
                groups,
                "the memberships went with their interface; they are joined again once there is one of this name"
            ),
            Standing::InterfaceGone => {}
            Standing::Refused(cause) => self.refused(&cause, news),
        }
    }

    fn refused(&mut self, cause: &IngestError, news: bool) {
        self.retry = Some(Instant::now() + RETRY);
        if news {
            warn!(
                interface = self.joins.interface(),
                %cause,
                retry_s = RETRY.as_secs(),
                "the kernel has dropped the memberships and refuses to join again; tried again until it does"
            );
        }
    }
}
