//! What a channel's recovery shows.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use gateway_feed::recovery::PlannerCounters;

/// What a channel's recovery has done so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeskCounters {
    /// What was planned and what came of it.
    pub planner: PlannerCounters,
    /// Re-request servers, or gap request proxies, in the order of the configuration.
    pub rerequest: Vec<ServerCounters>,
    /// Snapshot servers, in the order of the configuration.
    pub glimpse: Vec<ServerCounters>,
    /// The time that the snapshots that are whole took to fetch, in nanoseconds.
    pub snapshot_fetch_sum_ns: u64,
    /// Their bytes.
    pub snapshot_bytes: u64,
}

/// What a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerKind {
    /// A MoldUDP64 re-request server.
    Rerequest,
    /// A gap request proxy of PITCH.
    GapRequest,
    /// A GLIMPSE server.
    Glimpse,
    /// A spin server of PITCH.
    Spin,
}

impl ServerKind {
    /// As metrics and status name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rerequest => "rerequest",
            Self::GapRequest => "gap_request",
            Self::Glimpse => "glimpse",
            Self::Spin => "spin",
        }
    }
}

/// One server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerCounters {
    /// What it is.
    pub kind: ServerKind,
    /// Where it is.
    pub address: SocketAddr,
    /// Requests sent to it, or attempts to have a snapshot of it.
    pub requests: u64,
    /// Packets that came from it, requests that it accepted, or snapshots that were whole.
    pub answers: u64,
    /// Requests that could not be sent or were refused, sessions that ended and errors that the network told, or attempts that
    /// failed.
    pub failures: u64,
    /// The last of these; empty before the first.
    pub last_failure: String,
}

impl ServerCounters {
    /// Nothing so far.
    #[must_use]
    pub const fn new(kind: ServerKind, address: SocketAddr) -> Self {
        Self {
            kind,
            address,
            requests: 0,
            answers: 0,
            failures: 0,
            last_failure: String::new(),
        }
    }

    /// Takes note of a failure; whether it is another one than the last.
    pub(super) fn fail(&mut self, cause: &dyn std::fmt::Display) -> bool {
        self.failures += 1;
        let cause = cause.to_string();
        let news = self.last_failure != cause;
        self.last_failure = cause;
        news
    }
}

/// The counters, for whoever draws a picture of the gateway.
#[derive(Debug, Default)]
pub(crate) struct Desk(Mutex<DeskCounters>);

impl Desk {
    /// Of servers that were not asked yet.
    pub(crate) fn new(
        (asked, asked_kind): (&[SocketAddr], ServerKind),
        (glimpse, snapshot_kind): (&[SocketAddr], ServerKind),
    ) -> Self {
        let servers = |list: &[SocketAddr], kind| {
            let each = list
                .iter()
                .map(|address| ServerCounters::new(kind, *address));
            each.collect()
        };
        Self(Mutex::new(DeskCounters {
            rerequest: servers(asked, asked_kind),
            glimpse: servers(glimpse, snapshot_kind),
            ..DeskCounters::default()
        }))
    }

    /// What they are now.
    pub(crate) fn counters(&self) -> DeskCounters {
        self.open().clone()
    }

    pub(super) fn open(&self) -> MutexGuard<'_, DeskCounters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn rerequest(&self, server: usize, change: impl FnOnce(&mut ServerCounters)) {
        if let Some(server) = self.open().rerequest.get_mut(server) {
            change(server);
        }
    }

    /// Takes note that an attempt at a snapshot failed; whether for another cause than the last one.
    pub(super) fn snapshot_failed(&self, server: usize, cause: &dyn std::fmt::Display) -> bool {
        let mut counters = self.open();
        let server = counters.glimpse.get_mut(server);
        server.is_some_and(|server| server.fail(cause))
    }
}
