//! Sleeping readers: nobody sleeps through a record, whoever comes first.

use std::sync::Arc;

use gateway_queue::RECORD_WORDS_MAX;
use gateway_queue::ring::{Announcement, Look, OnLapped, Reader, Sleeper, Step, Writer, ring};
use gateway_queue::sync::{AtomicU32, AtomicU64, Ordering};
use loom::sync::{Condvar, Mutex};
use loom::thread;

use crate::models::explore;
use crate::ring::{Ring, geometry, publish};

/// A word to sleep on, as the kernel has it: it compares and queues up under a lock that a waker takes, too.
struct Futex {
    word: AtomicU32,
    lock: Mutex<()>,
    sleepers: Condvar,
}

impl Futex {
    fn new() -> Self {
        Self {
            word: AtomicU32::new(0),
            lock: Mutex::new(()),
            sleepers: Condvar::new(),
        }
    }

    fn wait(&self, seen: u32) {
        let guard = self.lock.lock().unwrap();
        if self.word.load(Ordering::Relaxed) == seen {
            drop(self.sleepers.wait(guard).unwrap());
        }
    }

    fn wake_all(&self) {
        drop(self.lock.lock().unwrap());
        self.sleepers.notify_all();
    }
}

/// What a reader shares with the ringer.
struct Page {
    asleep: Futex,
    awaited: AtomicU64,
    bell: Futex,
}

impl Page {
    fn announcement(&self) -> Announcement<'_> {
        Announcement {
            asleep: &self.asleep.word,
            awaited: &self.awaited,
        }
    }
}

/// How a reader announces sleep number `sleep`, until `position` is there. Returns the bell that it may sleep on.
type Announce = fn(page: &Page, sleep: u32, position: u64) -> u32;

/// The sleep by which the reader of the model says that it needs the ringer no more.
const DONE: u32 = u32::MAX;

/// A writer of one record, a reader that has read the one before and sleeps until it has this one, a ringer.
fn sleeper(announce: Announce) {
    explore(move || {
        let shape = geometry(4, 1, 1);
        let memory = Ring::<1>::new(shape);
        let mut writer = Writer::<_, 1>::new(memory.clone(), shape);
        publish(&mut writer, 1);
        let mut reader = Reader::<_, 1>::new(memory.clone(), shape, 1, OnLapped::Oldest);
        let page = Arc::new(Page {
            asleep: Futex::new(),
            awaited: AtomicU64::new(0),
            bell: Futex::new(),
        });

        let publishing = thread::spawn(move || publish(&mut writer, 1));
        let ringing = {
            let page = Arc::clone(&page);
            thread::spawn(move || {
                let mut sleeper = Sleeper::default();
                loop {
                    let look = sleeper.look(page.announcement(), |awaited| {
                        assert_eq!(awaited, 1, "rung for another position");
                        Reader::<_, 1>::head(&memory) > awaited
                    });
                    match look {
                        Look::Due if sleeper.seen() == DONE => return,
                        Look::Due => {
                            ring(&page.bell.word);
                            page.bell.wake_all();
                        }
                        Look::Asleep => thread::yield_now(),
                        Look::Awake => page.asleep.wait(sleeper.seen()),
                    }
                }
            })
        };

        let mut buffer = [0; RECORD_WORDS_MAX];
        let mut sleep = 0;
        while reader.poll(&mut buffer) == Step::Empty {
            sleep += 1;
            let seen = announce(&page, sleep, reader.next());
            page.asleep.wake_all();
            page.bell.wait(seen);
        }
        let _ = page.announcement().announce(&page.bell.word, DONE, 1);
        page.asleep.wake_all();
        publishing.join().unwrap();
        ringing.join().unwrap();
    });
}

#[test]
pub(crate) fn nobody_sleeps_through_a_record() {
    sleeper(|page, sleep, position| {
        page.announcement()
            .announce(&page.bell.word, sleep, position)
    });
}

/// Rung for between the two, it would sleep on the bell that was rung, and nobody rings twice for one sleep.
pub(crate) fn the_bell_is_looked_at_after_the_announcement() {
    sleeper(|page, sleep, position| {
        let _ = page
            .announcement()
            .announce(&page.bell.word, sleep, position);
        page.bell.word.load(Ordering::Relaxed)
    });
}
