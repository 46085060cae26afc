//! Who reads what, how far they are, and what clients did.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gateway_queue::clock::Clock;
use gateway_queue::{PositionPage, QueueHandle};
use serde::Serialize;

use super::PeerCredentials;
use super::limit::LogGate;

/// A reader, as metrics and status report it. Position, loss and time of the last poll are what the reader says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReaderStatus {
    /// Number of the subscription: no two since the gateway started share one.
    pub id: u64,
    /// What it calls itself, printable and at most 31 bytes.
    pub name: String,
    /// Its process, 0 where a namespace hides it.
    pub pid: u32,
    /// Its user.
    pub uid: u32,
    /// Its queue.
    pub queue: String,
    /// The next slot it will read.
    pub position: u64,
    /// Published slots that it has not read; at most as many as the queue published.
    pub lag: u64,
    /// Slots it lost.
    pub lost: u64,
    /// How many times the publisher overran it.
    pub overruns: u64,
    /// Nanoseconds since its last poll; `None` before the first.
    pub last_poll_age_ns: Option<u64>,
}

/// What clients did since the broker began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BrokerCounters {
    /// Connections taken.
    pub connections: u64,
    /// Connections at this moment.
    pub clients: u64,
    /// Subscriptions given.
    pub subscriptions: u64,
    /// Connections refused because there were too many.
    pub refused_busy: u64,
    /// Subscriptions refused: no such queue, or a second one on a connection.
    pub refused_subscriptions: u64,
    /// Messages that could not be understood.
    pub malformed: u64,
    /// Messages of another protocol version.
    pub wrong_version: u64,
    /// Requests that had to wait because their client asked too often.
    pub throttled: u64,
    /// Clients that did not read their answers.
    pub stuck: u64,
    /// Connections or subscriptions that failed for want of a resource.
    pub resource_failures: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) connections: AtomicU64,
    pub(super) clients: AtomicU64,
    pub(super) subscriptions: AtomicU64,
    pub(super) refused_busy: AtomicU64,
    pub(super) refused_subscriptions: AtomicU64,
    pub(super) malformed: AtomicU64,
    pub(super) wrong_version: AtomicU64,
    pub(super) throttled: AtomicU64,
    pub(super) stuck: AtomicU64,
    pub(super) resource_failures: AtomicU64,
}

/// A reader as the broker holds it.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) name: String,
    pub(super) peer: Option<PeerCredentials>,
    pub(super) queue: QueueHandle,
    pub(super) page: PositionPage,
}

/// Lines a second about what clients did wrong.
const COMPLAINTS_PER_SECOND: u32 = 1;
/// Lines a second about readers that come and go: a restart of every strategy is told whole, a flood is not.
const READER_LINES_PER_SECOND: u32 = 50;

/// The readers at this moment, and counters. Shared by broker and reporters.
#[derive(Debug)]
pub struct Registry {
    readers: Mutex<BTreeMap<u64, Reader>>,
    next_id: AtomicU64,
    pub(super) counters: Counters,
    log: LogGate,
    reader_log: LogGate,
}

impl Default for Registry {
    fn default() -> Self {
        Self {
            readers: Mutex::default(),
            next_id: AtomicU64::new(0),
            counters: Counters::default(),
            log: LogGate::new(COMPLAINTS_PER_SECOND),
            reader_log: LogGate::new(READER_LINES_PER_SECOND),
        }
    }
}

impl Registry {
    /// The readers at this moment, oldest first.
    #[must_use]
    pub fn readers(&self) -> Vec<ReaderStatus> {
        let now = Clock::global().now();
        self.lock()
            .iter()
            .map(|(id, reader)| reader.status(*id, now))
            .collect()
    }

    /// What clients did so far.
    #[must_use]
    pub fn counters(&self) -> BrokerCounters {
        // Statistics: no order needed.
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.counters;
        BrokerCounters {
            connections: get(&counters.connections),
            clients: get(&counters.clients),
            subscriptions: get(&counters.subscriptions),
            refused_busy: get(&counters.refused_busy),
            refused_subscriptions: get(&counters.refused_subscriptions),
            malformed: get(&counters.malformed),
            wrong_version: get(&counters.wrong_version),
            throttled: get(&counters.throttled),
            stuck: get(&counters.stuck),
            resource_failures: get(&counters.resource_failures),
        }
    }

    pub(super) fn add(&self, reader: Reader) -> u64 {
        // A counter: only its own order matters.
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        count(&self.counters.subscriptions);
        if let Some(held_back) = self.reader_log.pass() {
            let (queue, peer) = (reader.queue.name(), Peer(reader.peer));
            tracing::info!(reader = reader.name, queue, %peer, held_back, "reader attached");
        }
        self.lock().insert(id, reader);
        id
    }

    pub(super) fn remove(&self, id: u64) {
        let Some(reader) = self.lock().remove(&id) else {
            return;
        };
        if let Some(held_back) = self.reader_log.pass() {
            let (queue, lost) = (reader.queue.name(), reader.page.read().lost);
            tracing::info!(reader = reader.name, queue, lost, held_back, "reader gone");
        }
    }

    pub(super) fn accept_failed(&self, error: &io::Error) {
        count(&self.counters.resource_failures);
        if let Some(held_back) = self.log.pass() {
            tracing::error!(%error, held_back, "a client's connection cannot be taken: raise the limit of open files");
        }
    }

    pub(super) fn refused_busy(&self, peer: Option<PeerCredentials>, clients_max: usize) {
        count(&self.counters.refused_busy);
        if let Some(held_back) = self.log.pass() {
            let peer = Peer(peer);
            tracing::warn!(%peer, clients_max, held_back, "client refused: there are as many as allowed");
        }
    }

    /// Counts what a client did wrong, and says so if nothing was said for a second.
    pub(super) fn complain(
        &self,
        counter: &AtomicU64,
        peer: Option<PeerCredentials>,
        what: &dyn std::fmt::Display,
    ) {
        count(counter);
        if let Some(held_back) = self.log.pass() {
            tracing::warn!(peer = %Peer(peer), held_back, "client: {what}");
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Reader>> {
        // Whoever panicked held it for one map operation: the map is whole.
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader {
    fn status(&self, id: u64, now: u64) -> ReaderStatus {
        let said = self.page.read();
        let head = self.queue.head();
        // A position ahead of the queue is nonsense; nothing is behind it.
        let lag = head.saturating_sub(said.position);
        let age = (said.last_poll_ns != 0).then(|| now.saturating_sub(said.last_poll_ns));
        ReaderStatus {
            id,
            name: self.name.clone(),
            pid: self.peer.map_or(0, |peer| peer.pid),
            uid: self.peer.map_or(u32::MAX, |peer| peer.uid),
            queue: self.queue.name().to_owned(),
            position: said.position,
            lag,
            lost: said.lost,
            overruns: said.overruns,
            last_poll_age_ns: age,
        }
    }
}

impl ReaderStatus {
    /// Time since its last poll; `None` before the first.
    #[must_use]
    pub fn last_poll_age(&self) -> Option<Duration> {
        self.last_poll_age_ns.map(Duration::from_nanos)
    }
}

pub(super) fn count(counter: &AtomicU64) {
    // A statistic: no order needed.
    counter.fetch_add(1, Ordering::Relaxed);
}

/// A peer for the log.
struct Peer(Option<PeerCredentials>);

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Some(peer) => peer.fmt(f),
            None => f.write_str("unknown"),
        }
    }
}
