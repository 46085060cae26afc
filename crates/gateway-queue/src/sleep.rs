//! Readers that sleep in the kernel until there is something to read.
//!
//! Nothing of it reaches the publisher: a sleeper announces itself in its own page, and the gateway's helper
//! ([`crate::Bells`]) rings. A gateway that was killed rings no more: sleep in slices, and look at its socket between.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::futex::{self, WaitList, Woken};
use crate::layout::BELL;
use crate::mapping::Mapping;
use crate::{Advance, PositionWriter, Subscriber};

/// A reader that has announced its sleep: from now on the gateway rings once there is something to read. Look at the
/// queue once more, then [`Self::wait`]. Dropped, the reader is awake.
#[derive(Debug)]
pub struct Asleep<'a> {
    page: &'a PositionWriter,
    ring: Arc<Mapping>,
    /// The bell before the announcement.
    seen: u32,
}

impl Asleep<'_> {
    /// Sleeps until the gateway rings, but no longer than `timeout`.
    #[must_use = "a sleep that timed out says nothing about the queue"]
    pub fn wait(self, timeout: Duration) -> Woken {
        futex::wait(self.ring.futex(BELL), self.seen, timeout)
    }

    /// Sleeps until the gateway rings for any of `sleepers`, but no longer than `timeout`. For up to 128 queues, from
    /// Linux 5.16 on: otherwise a sleep takes 1 ms at most.
    #[must_use = "a sleep that timed out says nothing about the queues"]
    pub fn wait_any(sleepers: Vec<Self>, timeout: Duration) -> Woken {
        let mut words = WaitList::default();
        for sleeper in &sleepers {
            words.push(sleeper.ring.futex(BELL), sleeper.seen);
        }
        words.wait(timeout)
    }
}

impl Drop for Asleep<'_> {
    fn drop(&mut self) {
        self.page.withdraw();
    }
}

impl Subscriber {
    /// Announces on this reader's own page that it is about to sleep until its next position is published, or the
    /// queue ends. One system call, which wakes the gateway's helper.
    #[must_use = "it is awake again once this is dropped"]
    pub fn fall_asleep<'a>(&self, page: &'a PositionWriter) -> Asleep<'a> {
        let ring = Arc::clone(self.mapping());
        let seen = page.announce(ring.futex(BELL), self.position());
        Asleep { page, ring, seen }
    }

    /// As [`Self::advance_or_state`], and sleeps until there is something, but no longer than `timeout`.
    pub fn advance_or_sleep(&mut self, page: &PositionWriter, timeout: Duration) -> Advance {
        let deadline = Instant::now().checked_add(timeout);
        loop {
            let advance = self.advance_or_state();
            let left = deadline.map_or(timeout, |at| at.saturating_duration_since(Instant::now()));
            if advance != Advance::Empty || left.is_zero() {
                return advance;
            }
            let asleep = self.fall_asleep(page);
            // What came before the announcement.
            let advance = self.advance_or_state();
            if advance != Advance::Empty {
                return advance;
            }
            let _ = asleep.wait(left);
        }
    }
}
