//! A strategy that remembers everything.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use dbn::{Action, flags, v3};
use gateway_client::{Client, Closed, Event, Record, Start, SubscribeOptions, WaitStrategy};
use gateway_feed::record::{ControlKind, ControlRecord};
use gateway_test_harness::wait;

/// What a strategy saw so far.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Records of every kind.
    pub records: u64,
    /// Messages: a record that ends its message's event, or a record that is the only one of its message.
    pub messages: u64,
    /// The sequences of order messages in the order in which they came.
    pub sequences: Vec<u32>,
    /// The instruments of order messages, in the same order.
    pub instruments: Vec<u32>,
    /// Order records that lack a field.
    pub incomplete: u64,
    /// Order records of an instrument whose book may be wrong.
    pub suspect: u64,
    /// Of these, those that came before any gap.
    pub suspect_before_gap: u64,
    /// What rests of each order, by the records alone.
    pub resting: HashMap<u64, u32>,
    /// Cancels of an order that does not rest, or of more than rests of it.
    pub overdrawn: u64,
    /// First and last sequence of each gap.
    pub gaps: Vec<(u64, u64)>,
    /// Control records in the order in which they came.
    pub controls: Vec<ControlRecord>,
    /// Bytes of the exchange's messages in native records, one message after the other.
    pub native: Vec<Vec<u8>>,
    /// Symbols that definitions named.
    pub symbols: Vec<(u32, String)>,
    /// Slots lost by being too slow.
    pub lost_slots: u64,
    /// How the queue ended.
    pub closed: Option<Closed>,
    /// Records whose sequence was lower than that of one before.
    pub out_of_order: u64,
    /// Messages whose sequence came a second time.
    pub repeated: u64,
    /// Records between the beginning and the end of a snapshot. They count as such and as nothing else; but the book is
    /// built anew from them, and what is wrong with it is counted from there on.
    pub in_snapshots: u64,
    /// When the last order record was received, nanoseconds since the Unix epoch.
    pub received_ns: u64,
    in_snapshot: bool,
    last_record: u32,
    last_message: Option<u32>,
}

impl Seen {
    fn take(&mut self, record: &Record<'_>) {
        self.records += 1;
        let is_control = matches!(record, Record::Control(_));
        if self.in_snapshot && !is_control {
            self.in_snapshots += 1;
            if let Record::Mbo(mbo) = record {
                self.order(mbo);
            }
            return;
        }
        match record {
            Record::Mbo(mbo) => {
                self.received_ns = mbo.ts_recv;
                self.out_of_order += u64::from(mbo.sequence < self.last_record);
                self.last_record = mbo.sequence;
                self.order(mbo);
                // No message of the venue clears a book: it is what the end of a numbering leads to.
                let clears = matches!(mbo.action(), Ok(Action::Clear));
                if mbo.flags.raw() & flags::LAST != 0 && !clears {
                    self.repeated += u64::from(self.last_message == Some(mbo.sequence));
                    self.last_message = Some(mbo.sequence);
                    self.messages += 1;
                    self.sequences.push(mbo.sequence);
                    self.instruments.push(mbo.hd.instrument_id);
                }
            }
            Record::Control(control) => {
                if control.kind == ControlKind::Gap as u16 && control.instrument_id == 0 {
                    self.gaps
                        .push((control.sequence, control.sequence + control.count - 1));
                }
                let begins = [ControlKind::SessionStart, ControlKind::Reset];
                if begins.iter().any(|kind| control.kind == *kind as u16) {
                    (self.last_record, self.last_message) = (0, None);
                    self.resting.clear();
                }
                if control.kind == ControlKind::SnapshotBegin as u16 {
                    self.in_snapshot = true;
                    self.resting.clear();
                    (self.incomplete, self.suspect, self.overdrawn) = (0, 0, 0);
                }
                if control.kind == ControlKind::SnapshotEnd as u16 {
                    self.in_snapshot = false;
                }
                self.controls.push(**control);
            }
            Record::Native { bytes, .. } => {
                self.messages += 1;
                self.native.push(bytes.to_vec());
            }
            Record::Definition(definition) => {
                self.messages += 1;
                let symbol = definition
                    .raw_symbol()
                    .unwrap_or_default()
                    .trim_end()
                    .to_owned();
                self.symbols.push((definition.hd.instrument_id, symbol));
            }
            Record::Mbp1(_)
            | Record::Mbp10(_)
            | Record::Trade(_)
            | Record::Statistics(_)
            | Record::Status(_)
            | Record::Imbalance(_)
            | Record::Other(_) => self.messages += 1,
        }
    }

    /// Keeps a strategy's book: what rests of each order.
    fn order(&mut self, record: &v3::MboMsg) {
        let flagged = |flag| u64::from(record.flags.raw() & flag != 0);
        self.incomplete += flagged(flags::PUBLISHER_SPECIFIC);
        self.suspect += flagged(flags::MAYBE_BAD_BOOK);
        if self.gaps.is_empty() {
            self.suspect_before_gap += flagged(flags::MAYBE_BAD_BOOK);
        }
        match record.action() {
            Ok(Action::Add | Action::Modify) => {
                self.resting.insert(record.order_id, record.size);
            }
            Ok(Action::Cancel) => match self.resting.get_mut(&record.order_id) {
                Some(size) if *size > record.size => *size -= record.size,
                Some(size) => {
                    self.overdrawn += u64::from(*size < record.size);
                    self.resting.remove(&record.order_id);
                }
                None => self.overdrawn += 1,
            },
            _ => {}
        }
    }

    /// Messages in gaps.
    pub fn gap_messages(&self) -> u64 {
        self.gaps.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// How many control records of `kind` came.
    pub fn count(&self, kind: ControlKind) -> usize {
        let of_kind = |control: &&ControlRecord| control.kind == kind as u16;
        self.controls.iter().filter(of_kind).count()
    }

    /// Whether a control record of `kind` came.
    pub fn has(&self, kind: ControlKind) -> bool {
        self.controls
            .iter()
            .any(|control| control.kind == kind as u16)
    }
}

/// A thread that reads a queue.
#[derive(Debug)]
pub struct Observer {
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Observer {
    /// Subscribes to `queue` and reads it from now on, the oldest record first.
    pub fn start(socket: &Path, queue: &str) -> Result<Self> {
        Self::start_at(socket, queue, Start::Oldest)
    }

    /// The same, beginning at `start`.
    pub fn start_at(socket: &Path, queue: &str, start: Start) -> Result<Self> {
        let client = Client::connect(socket).context("cannot reach the gateway")?;
        let options = SubscribeOptions {
            start,
            wait: WaitStrategy::Yield,
            ..SubscribeOptions::named("observer")
        };
        let mut subscription = client
            .subscribe(queue, &options)
            .with_context(|| format!("no queue {queue}"))?;
        let (seen, stop) = (
            Arc::new(Mutex::new(Seen::default())),
            Arc::new(AtomicBool::new(false)),
        );
        let (shared, stopped) = (Arc::clone(&seen), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            loop {
                let event = subscription.wait(Duration::from_millis(20));
                let mut seen = shared.lock().unwrap_or_else(PoisonError::into_inner);
                match event {
                    Event::Record(record) => seen.take(&record),
                    Event::Lost(slots) => seen.lost_slots += slots,
                    Event::Closed(reason) => {
                        seen.closed = Some(reason);
                        return;
                    }
                    // Relaxed: the flag is all there is to know.
                    Event::Empty if stopped.load(Ordering::Relaxed) => return,
                    Event::Empty => {}
                }
            }
        });
        Ok(Self {
            seen,
            stop,
            thread: Some(thread),
        })
    }

    /// What it saw so far.
    pub fn seen(&self) -> Seen {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `enough` was seen.
    pub fn wait_for(
        &self,
        what: &str,
        limit: Duration,
        enough: impl Fn(&Seen) -> bool,
    ) -> Result<Seen> {
        let result = wait::until(what, limit, || {
            let seen = self.lock();
            Ok(enough(&seen).then(|| seen.clone()))
        });
        result.with_context(|| {
            let seen = self.seen();
            format!(
                "seen: {} records, {} messages, gaps {:?}, {} slots lost, closed {:?}, controls {:?}",
                seen.records, seen.messages, seen.gaps, seen.lost_slots, seen.closed, seen.controls
            )
        })
    }

    /// Waits until nothing new came for `quiet`.
    pub fn settle(&self, quiet: Duration, limit: Duration) -> Result<Seen> {
        let mut before = self.seen().records;
        wait::until("the queue to become quiet", limit, || {
            thread::sleep(quiet);
            let now = self.seen().records;
            let settled = now == before;
            before = now;
            Ok(settled.then_some(()))
        })?;
        Ok(self.seen())
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread shows as counts that miss.
            let _ = thread.join();
        }
    }
}
