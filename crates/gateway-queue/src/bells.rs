//! Who rings: the gateway's helper, which wakes readers that sleep, so that the publisher need not know of them.
//!
//! While nobody sleeps the helper sleeps itself, on the words in which readers announce their sleep. While somebody
//! does it looks at the head of that reader's queue, once each interval, and wakes all who sleep on a queue that has
//! something for one of them. The publisher pays for nothing of it but the line of its head, which the helper takes
//! from its cache at most once an interval, and not at all while nobody sleeps.
//!
//! Readers' pages are hostile: whatever they say costs a look an interval and a ring a look.

use std::num::NonZeroU64;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::futex::{self, WaitList};
use crate::layout::State;
use crate::ring::{Look, Sleeper};
use crate::sync::{AtomicU32, AtomicU64, Ordering};
use crate::{PositionPage, QueueHandle};

/// The interval between two looks that [`Bells::run`] is made for.
pub const LOOK_INTERVAL: Duration = Duration::from_micros(20);
/// One look in so many is also at the state of the queue.
const LOOKS_PER_STATE: u64 = 64;
/// Even where nothing woke it the helper looks again after this time.
const IDLE_MAX: Duration = Duration::from_secs(1);

/// What the helper did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BellCounters {
    /// Looks at the readers' announcements. While nobody sleeps, one a second.
    pub looks: u64,
    /// Bells rung; each woke all sleepers of a queue.
    pub rings: u64,
}

/// The bells of a gateway's queues. Cheap to clone; one thread [runs](Self::run) them.
#[derive(Clone, Debug, Default)]
pub struct Bells {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Sorted by the epoch of the queue: those of one queue stand together.
    watched: Mutex<Vec<Watched>>,
    next_id: AtomicU64,
    /// A futex: how many times the list changed.
    changes: AtomicU32,
    stopped: AtomicBool,
    looks: AtomicU64,
    rings: AtomicU64,
}

#[derive(Debug)]
struct Watched {
    id: u64,
    queue: QueueHandle,
    page: PositionPage,
    sleeper: Sleeper,
}

impl Watched {
    fn look(&mut self, at_state: bool) -> Look {
        let queue = &self.queue;
        self.sleeper.look(self.page.announcement(), |awaited| {
            queue.head() > awaited || at_state && queue.state() != State::Live
        })
    }
}

/// A reader whose sleep is watched. Dropped, it is not.
#[derive(Debug)]
#[must_use = "dropped, nobody rings for the reader"]
pub struct Watch {
    shared: Arc<Shared>,
    id: u64,
}

impl Bells {
    /// Bells of no queue yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Rings for the reader of `queue` that has `page`, as long as the result lives.
    pub fn watch(&self, queue: &QueueHandle, page: &PositionPage) -> Watch {
        // A counter: only its own order matters.
        let id = self.shared.next_id.fetch_add(1, Ordering::Relaxed);
        let watched = Watched {
            id,
            queue: queue.clone(),
            page: page.clone(),
            sleeper: Sleeper::default(),
        };
        let mut list = self.shared.list();
        let at = list.partition_point(|other| other.queue.epoch() <= queue.epoch());
        list.insert(at, watched);
        drop(list);
        self.shared.changed();
        Watch {
            shared: Arc::clone(&self.shared),
            id,
        }
    }

    /// What was done so far.
    #[must_use]
    pub fn counters(&self) -> BellCounters {
        // Statistics: no order needed.
        BellCounters {
            looks: self.shared.looks.load(Ordering::Relaxed),
            rings: self.shared.rings.load(Ordering::Relaxed),
        }
    }

    /// Has [`Self::run`] return.
    pub fn stop(&self) {
        // Partner: the Acquire load in `run`. The change that follows wakes it.
        self.shared.stopped.store(true, Ordering::Release);
        self.shared.changed();
    }

    /// Rings until [`Self::stop`]: the life of a thread, which belongs on a housekeeping core. It looks no oftener than
    /// every `interval`, see [`LOOK_INTERVAL`], and sleeps while no reader does.
    pub fn run(&self, interval: Duration) {
        // Without it the kernel adds 50 µs to each sleep of an ordinary thread. Best effort: readers wake later.
        let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
        let mut words = WaitList::default();
        // Keeps what is waited for in memory.
        let mut pages: Vec<PositionPage> = Vec::new();
        loop {
            let began = Instant::now();
            // Partner: the Release of whoever changed the list: a later change ends the wait below.
            let changes = self.shared.changes.load(Ordering::Acquire);
            if self.shared.stopped.load(Ordering::Acquire) {
                // Nobody sleeps through the end of its queue.
                self.look_at(true);
                return;
            }
            let somebody_sleeps = self.look();
            if !somebody_sleeps {
                words.clear();
                pages.clear();
                words.push(&self.shared.changes, changes);
                for watched in self.shared.list().iter() {
                    pages.push(watched.page.clone());
                    words.push(watched.page.announcement().asleep, watched.sleeper.seen());
                }
                let _ = words.wait(IDLE_MAX);
            }
            // A reader that toggles its announcement is looked at no oftener than the others.
            std::thread::sleep(interval.saturating_sub(began.elapsed()));
        }
    }

    /// Looks at every reader once, and rings where something is due. Whether somebody sleeps on.
    ///
    /// At the state of queues it looks every 64th time only, because the publisher's heartbeat shares its line: who
    /// sleeps on a queue that ends learns of it 1.3 ms later.
    pub fn look(&self) -> bool {
        // A statistic, which only this thread changes.
        let looks = self.shared.looks.load(Ordering::Relaxed);
        self.look_at(looks.is_multiple_of(LOOKS_PER_STATE))
    }

    fn look_at(&self, at_state: bool) -> bool {
        let (mut somebody_sleeps, mut rings) = (false, 0);
        let mut list = self.shared.list();
        for one_queue in list.chunk_by_mut(|a, b| a.queue.epoch() == b.queue.epoch()) {
            let mut due = false;
            for watched in &mut *one_queue {
                let look = watched.look(at_state);
                somebody_sleeps |= look == Look::Asleep;
                due |= look == Look::Due;
            }
            if due {
                one_queue[0].queue.ring_bell();
                rings += 1;
            }
        }
        drop(list);
        // Statistics: no order needed.
        self.shared.looks.fetch_add(1, Ordering::Relaxed);
        self.shared.rings.fetch_add(rings, Ordering::Relaxed);
        somebody_sleeps
    }
}

impl Shared {
    fn list(&self) -> MutexGuard<'_, Vec<Watched>> {
        // Whoever panicked held it for one operation of a vector: the list is whole.
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
        // Partner: the Acquire load in `run`.
        self.changes.fetch_add(1, Ordering::Release);
        futex::wake_all(&self.changes);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.list().retain(|watched| watched.id != self.id);
        self.shared.changed();
    }
}
