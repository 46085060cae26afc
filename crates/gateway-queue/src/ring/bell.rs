//! Readers that sleep in the kernel, as they announce themselves to whoever rings the bell.
//!
//! A sleeper waits until a word, the bell, changes. The writer of a ring never looks whether anybody sleeps and never
//! rings: a helper does, which looks at the announcements of all readers, and at head only while one of them sleeps.
//! It looks again and again, so that nothing depends on who comes first, the record or the sleeper; and it rings once
//! for each sleep, so that an announcement that is never withdrawn costs one ring.

use crate::sync::{AtomicU32, AtomicU64, Ordering, Site, fence_at, ordered};

/// What a reader says about its sleep, in words that it writes and the ringer reads. Hostile, for all the ringer knows.
#[derive(Clone, Copy, Debug)]
pub struct Announcement<'a> {
    /// Number of the sleep, 0 while awake; the ringer itself may sleep on it.
    pub asleep: &'a AtomicU32,
    /// First position that the sleeper has not read.
    pub awaited: &'a AtomicU64,
}

impl Announcement<'_> {
    /// Announces sleep number `sleep`, which is neither 0 nor the last one's, until `position` is published. Returns
    /// what `bell` was: the reader may sleep while it still is.
    ///
    /// Afterwards the announcement is to be shown to a ringer that sleeps on it.
    #[must_use]
    pub fn announce(self, bell: &AtomicU32, sleep: u32, position: u64) -> u32 {
        // Before the announcement: there is one ring for this sleep, and it changes what is seen here.
        let seen = bell.load(Ordering::Relaxed);
        self.awaited.store(position, Ordering::Relaxed);
        // Keeps both before it. Partner: the Acquire fence after the ringer's load, which then sees what this sleep
        // waits for and rings no sooner.
        let release = ordered(Site::AwaitedThenAsleep, Ordering::Release);
        self.asleep.store(sleep, release);
        seen
    }

    /// Says that the reader is awake.
    pub fn withdraw(self) {
        // A hint: a ring too many does no harm.
        self.asleep.store(0, Ordering::Relaxed);
    }
}

/// What the ringer found about one reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// It is awake, or was rung for already.
    Awake,
    /// It sleeps, and there is nothing for it.
    Asleep,
    /// It sleeps, and has to be rung for, now.
    Due,
}

/// Changes what sleepers wait for; whoever sleeps on `bell` is to be woken then.
pub fn ring(bell: &AtomicU32) {
    // The system call that follows orders it; a sleeper's kernel compares it under a lock.
    bell.fetch_add(1, Ordering::Relaxed);
}

/// What the ringer remembers of one reader.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sleeper {
    seen: u32,
    rung: u32,
}

impl Sleeper {
    /// Looks at the reader's announcement, and asks for news only if it sleeps: whether there is anything from a
    /// position on. [`Look::Due`] is said once a sleep.
    pub fn look(&mut self, announcement: Announcement<'_>, news: impl FnOnce(u64) -> bool) -> Look {
        self.seen = announcement.asleep.load(Ordering::Relaxed);
        if self.seen == 0 || self.seen == self.rung {
            return Look::Awake;
        }
        // Partner: the Release store of the sleep's number.
        fence_at(Site::AsleepThenAwaited, Ordering::Acquire);
        if !news(announcement.awaited.load(Ordering::Relaxed)) {
            return Look::Asleep;
        }
        self.rung = self.seen;
        Look::Due
    }

    /// What the last look saw: the ringer may sleep until the announcement says something else.
    #[must_use]
    pub const fn seen(self) -> u32 {
        self.seen
    }
}
