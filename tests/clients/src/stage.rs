//! A broker in this process and a queue that the test itself writes: what happens when is the test's to say.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use gateway::broker::{Broker, Offer, Offered, Registry};
use gateway_queue::{Ending, Publisher, PublisherOptions};
use gateway_record::v3::{self, MboMsg};
use gateway_record::{WORDS_MAX, words_into};
use gateway_test_harness::wait;
use tempfile::TempDir;
use tokio::sync::oneshot;

const LIMIT: Duration = Duration::from_secs(20);

/// Slots of the queue.
pub const SLOTS: u64 = 1_024;

/// One queue, `all`, and its broker.
#[derive(Debug)]
pub struct Stage {
    publisher: Option<Publisher>,
    path: PathBuf,
    registry: Arc<Registry>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    folder: TempDir,
}

impl Stage {
    /// Opens it with [`SLOTS`] slots.
    pub fn open() -> Result<Self> {
        Self::of_slots(SLOTS)
    }

    /// Opens it with so many slots, a power of two.
    pub fn of_slots(slots: u64) -> Result<Self> {
        let folder = TempDir::new().context("no temporary folder")?;
        let path = folder.path().join("broker.sock");
        let options = PublisherOptions {
            name: "all".into(),
            slots,
            lock_memory: false,
            ..PublisherOptions::default()
        };
        let (publisher, handle) = Publisher::create(&options)?;
        let broker = Broker::bind(&path)?;
        broker.catalogue().change(|offer| {
            *offer = Offer {
                queues: vec![Offered::first(handle)],
                ..Offer::default()
            };
        });
        let registry = broker.registry();
        let (stop, stopped) = oneshot::channel::<()>();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = std::thread::spawn(move || {
            let done = broker.run(|| "{}".to_owned(), async {
                // An error is the sender's drop, which stops too.
                let _ = stopped.await;
            });
            if let Err(error) = runtime.block_on(done) {
                eprintln!("broker: {error}");
            }
        });
        Ok(Self {
            publisher: Some(publisher),
            path,
            registry,
            stop: Some(stop),
            thread: Some(thread),
            folder,
        })
    }

    /// The broker's socket.
    pub fn socket(&self) -> &Path {
        &self.path
    }

    /// A folder for this test's files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Publishes a record.
    pub fn publish<R: v3::Record>(&mut self, record: &R) {
        if let Some(publisher) = &mut self.publisher {
            publisher.publish(words_into(record, &mut [0; WORDS_MAX]));
        }
    }

    /// Publishes a record's words.
    pub fn publish_words(&mut self, words: &[u64]) {
        if let Some(publisher) = &mut self.publisher {
            publisher.publish(words);
        }
    }

    /// Returns when a reader called `name` is there.
    pub fn await_reader(&self, name: &str) -> Result<()> {
        self.await_lag(name, u64::MAX)
    }

    /// Returns when the reader called `name` has read everything.
    pub fn await_drained(&self, name: &str) -> Result<()> {
        self.await_lag(name, 0)
    }

    fn await_lag(&self, name: &str, lag_max: u64) -> Result<()> {
        wait::until(
            &format!("{name} with a lag of at most {lag_max}"),
            LIMIT,
            || {
                let readers = self.registry.readers();
                let is_there = readers.iter().any(|reader| {
                    reader.name == name
                        && reader.lag <= lag_max
                        && reader.last_poll_age_ns.is_some()
                });
                Ok(is_there.then_some(()))
            },
        )
    }

    /// Ends the queue in order, and the broker after it.
    pub fn close(&mut self) {
        if let Some(publisher) = self.publisher.take() {
            publisher.close(Ending::Closed);
        }
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // A broker that panicked has said so on stderr.
            let _ = thread.join();
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.close();
    }
}

/// An order of instrument 7 with that order id, received at `ts_recv`.
pub fn order(order_id: u64, ts_recv: u64) -> MboMsg {
    MboMsg {
        hd: v3::RecordHeader::new::<MboMsg>(gateway_client::dbn::rtype::MBO, 2, 7, ts_recv),
        order_id,
        price: 12_340_000_000,
        size: 100,
        flags: gateway_client::dbn::FlagSet::new(gateway_client::dbn::flags::LAST),
        channel_id: 1,
        action: b'A'.cast_signed(),
        side: b'B'.cast_signed(),
        ts_recv,
        ts_in_delta: 0,
        sequence: order_id as u32,
    }
}
