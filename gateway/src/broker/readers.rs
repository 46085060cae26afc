//! Who reads what, how far they are, and what clients did.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gateway_queue::clock::Clock;
use gateway_queue::{
    BellCounters, Bells, ChannelLatency, PositionPage, PositionWriter, QueueError, ReaderClock,
    ReaderPosition, Watch,
};
use serde::Serialize;

use super::books::Purse;
use super::catalogue::{Catalogue, Offered};
use super::counters::{BrokerCounters, Counters, count};
use super::entitlement::{Reason, Refusal};
use super::limit::{Admissions, Full, LogGate};
use super::series::{Names, least_free};
use super::{Offer, PeerCredentials};

/// A reader, as metrics and status report it. Position, loss and time of the last poll are what the reader says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReaderStatus {
    /// Number of the subscription: no two since the gateway started share one.
    pub id: u64,
    /// What it calls itself, printable and at most 31 bytes.
    pub name: String,
    /// What it is called in metrics: its name, or `other` after very many names.
    pub consumer: String,
    /// Tells readers apart that have `consumer`, user and queue in common: the least number that was free.
    pub number: usize,
    /// Its process, 0 where a namespace hides it.
    pub pid: u32,
    /// Its user.
    pub uid: u32,
    /// Its queue.
    pub queue: String,
    /// The next slot it will read, counted since the gateway started.
    pub position: u64,
    /// Published slots that it has not read; at most as many as were published.
    pub lag: u64,
    /// Slots it lost.
    pub lost: u64,
    /// How many times the publisher overran it.
    pub overruns: u64,
    /// Nanoseconds since its last poll; `None` before the first.
    pub last_poll_age_ns: Option<u64>,
}

/// A reader's labels in metrics, and how late it has its records: any values at all, as it says.
#[derive(Clone, Debug)]
pub struct ReaderLatencies {
    /// As in [`ReaderStatus`].
    pub consumer: String,
    /// As in [`ReaderStatus`].
    pub number: usize,
    /// Its user.
    pub uid: u32,
    /// Its queue.
    pub queue: String,
    /// Number of its page, which no other has had.
    pub instance: u64,
    /// From the worker's stamp until it had records, by channel, as it says.
    pub received: Vec<ChannelLatency>,
    /// From their publication until it had them, by channel, as it says.
    pub published: Vec<ChannelLatency>,
    /// By which clock it measured the first, as it says.
    pub clock: ReaderClock,
}

/// What a reader says of its clock: any values at all.
#[derive(Clone, Copy, Debug)]
pub struct ReaderClockSaid {
    /// As in [`ReaderLatencies`].
    pub instance: u64,
    /// What it says.
    pub clock: ReaderClock,
}

/// A reader as the broker holds it.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) name: String,
    pub(super) peer: Option<PeerCredentials>,
    pub(super) queue: Offered,
    pub(super) page: PositionPage,
    /// Has the helper ring for it while it sleeps.
    pub(super) _watch: Watch,
}

impl Reader {
    fn uid(&self) -> u32 {
        self.peer.as_ref().map_or(u32::MAX, |peer| peer.uid)
    }
}

/// A reader with its labels in metrics.
#[derive(Debug)]
struct Listed {
    reader: Reader,
    consumer: String,
    number: usize,
    instance: u64,
}

#[derive(Debug, Default)]
struct Readers {
    by_id: BTreeMap<u64, Listed>,
    names: Names,
    /// Pages listed so far.
    instances: u64,
}

impl Readers {
    fn list(&mut self, id: u64, reader: Reader) {
        let consumer = self.names.shown(&reader.name);
        let same = |other: &&Listed| {
            other.consumer == consumer
                && other.reader.uid() == reader.uid()
                && other.reader.queue.handle.name() == reader.queue.handle.name()
        };
        let number = match self.by_id.get(&id) {
            // It changes to its queue's next epoch.
            Some(before) => before.number,
            None => least_free(self.by_id.values().filter(same).map(|other| other.number)),
        };
        self.instances += 1;
        let listed = Listed {
            reader,
            consumer,
            number,
            instance: self.instances,
        };
        self.by_id.insert(id, listed);
    }
}

/// Lines at once about what clients did wrong; then one a second.
const COMPLAINTS_AT_ONCE: u32 = 1;
/// Lines at once about readers that come and go: a restart of every strategy is told whole, a flood is not.
const READER_LINES_AT_ONCE: u32 = 50;

/// The readers at this moment, and counters. Shared by broker and reporters.
#[derive(Debug)]
pub struct Registry {
    readers: Mutex<Readers>,
    next_id: AtomicU64,
    catalogue: Arc<Catalogue>,
    pub(super) admissions: Arc<Admissions>,
    pub(super) counters: Counters,
    pub(super) bells: Bells,
    pub(super) purse: Purse,
    log: LogGate,
    reader_log: LogGate,
}

impl Registry {
    pub(crate) fn new(catalogue: Arc<Catalogue>) -> Self {
        Self {
            readers: Mutex::default(),
            next_id: AtomicU64::new(0),
            catalogue,
            admissions: Arc::default(),
            counters: Counters::default(),
            bells: Bells::new(),
            purse: Purse::default(),
            log: LogGate::new(COMPLAINTS_AT_ONCE),
            reader_log: LogGate::new(READER_LINES_AT_ONCE),
        }
    }

    /// The readers at this moment, oldest first.
    #[must_use]
    pub fn readers(&self) -> Vec<ReaderStatus> {
        let now = Clock::global().now();
        let offer = self.catalogue.now();
        self.lock()
            .by_id
            .iter()
            .map(|(id, listed)| listed.status(*id, now, &offer))
            .collect()
    }

    /// How late the `most` oldest readers have their records, oldest first, and how many readers there are. Of the others
    /// nothing is copied, or looked at: of each it would be some 540 KiB.
    #[must_use]
    pub fn latencies(&self, most: usize) -> (Vec<ReaderLatencies>, usize) {
        let (pages, number): (Vec<_>, usize) = {
            let readers = self.lock();
            let oldest = readers.by_id.values().take(most);
            (
                oldest.map(Listed::without_latencies).collect(),
                readers.by_id.len(),
            )
        };
        // Clients come and go meanwhile.
        let said = pages.into_iter().map(|(page, mut said)| {
            // The clock last: a reader says which it is before it measures.
            said.received = page.received();
            said.published = page.published();
            said.clock = page.clock();
            said
        });
        (said.collect(), number)
    }

    /// What the readers say of their clocks, oldest reader first.
    #[must_use]
    pub fn clocks(&self) -> Vec<ReaderClockSaid> {
        let readers = self.lock();
        let listed = readers.by_id.values();
        listed
            .map(|listed| ReaderClockSaid {
                instance: listed.instance,
                clock: listed.reader.page.clock(),
            })
            .collect()
    }

    /// What clients did so far.
    #[must_use]
    pub fn counters(&self) -> BrokerCounters {
        self.counters.read()
    }

    /// What was done for readers that sleep.
    #[must_use]
    pub fn bells(&self) -> BellCounters {
        self.bells.counters()
    }

    /// Takes a reader in; `id` is the one it had, where it changes to its queue's next epoch.
    pub(super) fn add(&self, id: Option<u64>, reader: Reader) -> u64 {
        count(&self.counters.subscriptions);
        let changes = id.is_some();
        // A counter: only its own order matters.
        let id = id.unwrap_or_else(|| self.next_id.fetch_add(1, Ordering::Relaxed));
        if let Some(held_back) = self.reader_log.pass() {
            let (queue, peer) = (reader.queue.handle.name(), Peer(reader.peer.as_ref()));
            let what = match changes {
                false => "reader attached",
                true => "reader attached to the queue's next epoch",
            };
            tracing::info!(reader = reader.name, queue, %peer, held_back, "{what}");
        }
        self.lock().list(id, reader);
        id
    }

    /// Takes in a reader of this process, which has no client.
    ///
    /// # Errors
    /// The kernel refuses a page.
    pub(crate) fn attach_internal(
        self: &Arc<Self>,
        name: &str,
        queue: &Offered,
    ) -> Result<InternalReader, QueueError> {
        let (reader, page) = self.internal(name, queue)?;
        Ok(InternalReader {
            id: self.add(None, reader),
            name: name.to_owned(),
            page,
            registry: Arc::clone(self),
        })
    }

    fn internal(
        &self,
        name: &str,
        queue: &Offered,
    ) -> Result<(Reader, PositionWriter), QueueError> {
        let (page, fd) = PositionPage::create()?;
        let writer = PositionWriter::attach(&fd)?;
        let reader = Reader {
            name: name.to_owned(),
            peer: Some(PeerCredentials::own()),
            queue: queue.clone(),
            _watch: self.bells.watch(&queue.handle, &page),
            page,
        };
        Ok((reader, writer))
    }

    /// Says that a client reads a book's table.
    pub(super) fn table_given(&self, reader: &str, book: &str, peer: Option<&PeerCredentials>) {
        if let Some(held_back) = self.reader_log.pass() {
            tracing::info!(reader, book, peer = %Peer(peer), held_back, "reader attached to a book table");
        }
    }

    pub(super) fn remove(&self, id: u64) {
        let Some(Listed { reader, .. }) = self.lock().by_id.remove(&id) else {
            return;
        };
        if let Some(held_back) = self.reader_log.pass() {
            let (queue, lost) = (reader.queue.handle.name(), reader.page.read().lost);
            tracing::info!(reader = reader.name, queue, lost, held_back, "reader gone");
        }
    }

    pub(super) fn accept_failed(&self, error: &io::Error) {
        count(&self.counters.resource_failures);
        if let Some(held_back) = self.log.pass() {
            tracing::error!(%error, held_back, "a client's connection cannot be taken: raise the limit of open files");
        }
    }

    pub(super) fn refused_full(&self, peer: Option<&PeerCredentials>, full: Full) {
        let counter = match full {
            Full::Clients { .. } => &self.counters.refused_busy,
            Full::User { .. } => &self.counters.refused_user_busy,
        };
        self.complain(counter, peer, &full);
    }

    pub(super) fn refused_entitlement(&self, peer: Option<&PeerCredentials>, refusal: &Refusal) {
        let counter = match refusal.reason {
            Reason::NoRule => &self.counters.refused_no_rule,
            Reason::NotNamed { .. } => &self.counters.refused_not_named,
            Reason::ForeignUser => &self.counters.refused_foreign_user,
            Reason::UnknownUser => &self.counters.refused_unknown_user,
        };
        self.complain(counter, peer, refusal);
    }

    /// Counts what a client did wrong, and says so if nothing was said for a second.
    pub(super) fn complain(
        &self,
        counter: &AtomicU64,
        peer: Option<&PeerCredentials>,
        what: &dyn std::fmt::Display,
    ) {
        count(counter);
        if let Some(held_back) = self.log.pass() {
            tracing::warn!(peer = %Peer(peer), held_back, "client: {what}");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Readers> {
        // Whoever panicked held it for one map operation: the maps are whole.
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reader of this process. Dropped, it is gone from the list.
#[derive(Debug)]
pub struct InternalReader {
    id: u64,
    name: String,
    page: PositionWriter,
    registry: Arc<Registry>,
}

impl InternalReader {
    /// Goes on in the queue's next epoch.
    pub(crate) fn follow(&mut self, queue: &Offered) -> Result<(), QueueError> {
        let (reader, page) = self.registry.internal(&self.name, queue)?;
        self.registry.add(Some(self.id), reader);
        self.page = page;
        Ok(())
    }

    /// Says where it is.
    pub(crate) fn write(&self, position: ReaderPosition) {
        self.page.write(position);
    }
}

impl Drop for InternalReader {
    fn drop(&mut self) {
        self.registry.remove(self.id);
    }
}

impl Listed {
    /// Its page, and what it is called.
    fn without_latencies(&self) -> (PositionPage, ReaderLatencies) {
        let said = ReaderLatencies {
            consumer: self.consumer.clone(),
            number: self.number,
            uid: self.reader.uid(),
            queue: self.reader.queue.handle.name().to_owned(),
            instance: self.instance,
            received: Vec::new(),
            published: Vec::new(),
            clock: ReaderClock::default(),
        };
        (self.reader.page.clone(), said)
    }

    fn status(&self, id: u64, now: u64, offer: &Offer) -> ReaderStatus {
        let reader = &self.reader;
        let said = reader.page.read();
        let position = reader.queue.base.saturating_add(said.position);
        let name = reader.queue.handle.name();
        // The queue may have gone on in another epoch since.
        let queue = offer.find(name).unwrap_or(&reader.queue);
        // A position ahead of the queue is nonsense; nothing is behind it.
        let lag = queue.published().saturating_sub(position);
        let age = (said.last_poll_ns != 0).then(|| now.saturating_sub(said.last_poll_ns));
        ReaderStatus {
            id,
            name: reader.name.clone(),
            consumer: self.consumer.clone(),
            number: self.number,
            pid: reader.peer.as_ref().map_or(0, |peer| peer.pid),
            uid: reader.uid(),
            queue: name.to_owned(),
            position,
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

/// A peer for the log.
struct Peer<'a>(Option<&'a PeerCredentials>);

impl std::fmt::Display for Peer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(peer) => peer.fmt(f),
            None => f.write_str("unknown"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use gateway_queue::clock::Source;
    use gateway_queue::{Publisher, PublisherOptions};

    use super::*;

    #[test]
    fn only_the_oldest_readers_are_copied_each_with_the_clock_that_it_measures_by() {
        let (_publisher, handle) = Publisher::create(&PublisherOptions {
            name: "all".to_owned(),
            slots: 1_024,
            ..PublisherOptions::default()
        })
        .unwrap();
        let queue = Offered::first(handle);
        let registry = Arc::new(Registry::new(Arc::default()));
        let attach = |name: &str| registry.attach_internal(name, &queue).unwrap();
        let readers = ["first", "second", "third"].map(attach);
        for (reader, nanos) in readers.iter().zip([5, 7, 9]) {
            reader.page.write_clock(ReaderClock {
                source: Some(Source::System),
                error_bound_ns: Some(nanos),
            });
            reader.page.record_received(Some(3), nanos);
            reader.page.record_published(Some(3), nanos);
        }
        let told = |most| {
            let (said, number) = registry.latencies(most);
            let fields = |said: ReaderLatencies| {
                assert_eq!(said.published, said.received);
                assert_eq!(said.clock.source, Some(Source::System));
                let [ChannelLatency { latency, .. }] = &said.received[..] else {
                    panic!("{said:?}");
                };
                (said.consumer, latency.sum_ns)
            };
            (said.into_iter().map(fields).collect::<Vec<_>>(), number)
        };
        let named = |name: &str, sum_ns| (name.to_owned(), sum_ns);
        assert_eq!(told(2), (vec![named("first", 5), named("second", 7)], 3));
        let [first, ..] = readers;
        drop(first);
        assert_eq!(told(2), (vec![named("second", 7), named("third", 9)], 2));
        assert_eq!(told(0), (vec![], 2));
    }
}
