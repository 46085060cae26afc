//! Re-request servers: how each behaves, and how fast they may be asked.

use crate::sink::Nanos;

/// What is known of one server.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Server {
    /// It is left alone until then.
    pub(super) rests_until: Nanos,
    /// Requests in a row that it did not answer.
    pub(super) failures: u32,
}

impl Server {
    /// It answered: it may be asked at once again.
    pub(super) fn answered(&mut self) {
        self.rests_until = 0;
        self.failures = 0;
    }

    /// It did not answer in time.
    pub(super) fn failed(&mut self, now: Nanos, backoff: Backoff) {
        self.failures = self.failures.saturating_add(1);
        self.rests_until = now.saturating_add(backoff.after(self.failures));
    }
}

/// A pause that doubles with each failure in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// After the first failure, in nanoseconds.
    pub min_ns: Nanos,
    /// The longest, in nanoseconds.
    pub max_ns: Nanos,
}

impl Backoff {
    /// The pause after so many failures in a row, in nanoseconds.
    #[must_use]
    pub fn after(self, failures: u32) -> Nanos {
        match failures {
            0 => 0,
            _ => self
                .min_ns
                .saturating_mul(1 << (failures - 1).min(32))
                .min(self.max_ns),
        }
    }
}

/// So many a second, and so many at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    interval_ns: Nanos,
    burst: u64,
    /// When all that was let through would have been at an even pace.
    paced: Nanos,
}

impl Rate {
    pub(super) fn new(per_second: u32, burst: u32) -> Self {
        Self {
            interval_ns: 1_000_000_000 / u64::from(per_second.max(1)),
            burst: u64::from(burst.max(1)),
            paced: 0,
        }
    }

    /// When one more may go: now, or later.
    pub(super) fn free_at(&self, now: Nanos) -> Nanos {
        let ahead = self.interval_ns.saturating_mul(self.burst - 1);
        self.paced.saturating_sub(ahead).max(now)
    }

    /// The clock stepped back to `now`: nothing is waited for that lies further ahead than a burst.
    pub(super) fn rebase(&mut self, now: Nanos) {
        let burst = self.interval_ns.saturating_mul(self.burst);
        self.paced = self.paced.min(now.saturating_add(burst));
    }

    /// One goes.
    pub(super) fn take(&mut self, now: Nanos) {
        self.paced = self.paced.max(now).saturating_add(self.interval_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_their_end_and_begin_anew_after_an_answer() {
        let backoff = Backoff {
            min_ns: 10,
            max_ns: 55,
        };
        let pauses = [0, 1, 2, 3, 4, 90].map(|failures| backoff.after(failures));
        assert_eq!(pauses, [0, 10, 20, 40, 55, 55]);
        let mut server = Server::default();
        server.failed(100, backoff);
        server.failed(100, backoff);
        assert_eq!(server.rests_until, 120);
        server.answered();
        server.failed(200, backoff);
        assert_eq!(server.rests_until, 210);
    }

    #[test]
    fn a_burst_goes_at_once_and_the_rest_at_an_even_pace() {
        let mut rate = Rate::new(10, 3);
        let second = 1_000_000_000;
        let mut now = 7 * second;
        let mut waits = Vec::new();
        for _ in 0..5 {
            let free = rate.free_at(now);
            waits.push((free - now) / 1_000_000);
            now = free;
            rate.take(now);
        }
        assert_eq!(waits, [0, 0, 0, 100, 100]);
        // Set back by far: a burst's worth at most is waited for.
        now = second;
        rate.rebase(now);
        assert_eq!(rate.free_at(now), now + 100_000_000);
    }
}
