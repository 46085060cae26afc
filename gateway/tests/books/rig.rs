//! A broker in this process, a queue to publish to, and a builder that is stepped.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gateway::books::{Builder, Plan, Step};
use gateway::broker::{Broker, Catalogue, Offered, Registry};
use gateway::config::model::{Conflated, ConflatedRecords};
use gateway_book::BooksOptions;
use gateway_client::Client;
use gateway_queue::{Publisher, PublisherOptions, QueueHandle};

/// The channel of the flow; the queue has another one, which is silent.
pub(crate) const CHANNEL: u8 = 0;

pub(crate) struct Rig {
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) path: PathBuf,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    _directory: tempfile::TempDir,
}

pub(crate) fn queue(slots: u64) -> (Publisher, QueueHandle) {
    let options = PublisherOptions {
        name: "all".into(),
        slots,
        lock_memory: false,
        ..Default::default()
    };
    Publisher::create(&options).unwrap()
}

impl Rig {
    /// A queue of so many slots, and a broker that gives it out.
    pub(crate) fn new(slots: u64) -> (Self, Publisher) {
        let (publisher, handle) = queue(slots);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("broker.sock");
        let broker = Broker::bind(&path).unwrap();
        let (catalogue, registry) = (broker.catalogue(), broker.registry());
        catalogue.change(|offer| offer.queues = vec![Offered::first(handle)]);
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime
                .block_on(broker.run(String::new, async { drop(stopped.await) }))
                .unwrap();
        });
        let rig = Self {
            catalogue,
            registry,
            path,
            stop: Some(stop),
            thread: Some(thread),
            _directory: directory,
        };
        (rig, publisher)
    }

    pub(crate) fn builder(&self, conflated: Option<Conflated>) -> Builder {
        let plan = Plan {
            name: "books".into(),
            queue: "all".into(),
            channels: vec![CHANNEL, CHANNEL + 1],
            books: BooksOptions {
                orders_max: 20_000,
                levels_max: 20_000,
                instruments_max: 16,
                publisher_id: None,
            },
            conflated,
        };
        Builder::new(plan, &self.catalogue, &self.registry).unwrap()
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.path).unwrap()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            ended.unwrap().unwrap();
        }
    }
}

pub(crate) fn conflated(records: ConflatedRecords, interval: Duration) -> Conflated {
    Conflated {
        records,
        interval,
        slots: 4_096,
    }
}

/// Steps until there is nothing left to read.
pub(crate) fn settle(builder: &mut Builder) {
    while builder.step() == Step::Worked {}
}

/// Has the builder step on a thread of its own while `work` runs.
pub(crate) fn meanwhile<T>(builder: &mut Builder, work: impl FnOnce() -> T) -> T {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // A flag: nothing is passed on by it.
            while !stop.load(Ordering::Relaxed) {
                if builder.step() == Step::Idle {
                    std::thread::yield_now();
                }
            }
        });
        // Stopped also where the work panics, so that the test ends.
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        stop.store(true, Ordering::Relaxed);
        match result {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

pub(crate) fn eventually(what: &str, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !happened() {
        assert!(Instant::now() < deadline, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(1));
    }
}
