//! What one client, and the log, may take.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Requests of one client that are answered in a second; further ones wait.
pub const REQUESTS_PER_SECOND: u32 = 100;

/// Lets [`REQUESTS_PER_SECOND`] pass, and as many at once after a pause.
#[derive(Debug)]
pub(super) struct Pace {
    /// When the request would be answered that used up all allowance.
    horizon: Instant,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { horizon: now }
    }

    /// Takes one request; returns how long it has to wait.
    pub(super) fn take(&mut self, now: Instant) -> Duration {
        let second = Duration::from_secs(1);
        self.horizon = self.horizon.max(now) + second / REQUESTS_PER_SECOND;
        self.horizon.saturating_duration_since(now + second)
    }
}

/// Opens once a second, and counts how often it was found closed.
#[derive(Debug)]
pub(super) struct LogGate {
    since: Instant,
    opens_at_ms: AtomicU64,
    held_back: AtomicU64,
}

impl Default for LogGate {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            opens_at_ms: AtomicU64::new(0),
            held_back: AtomicU64::new(0),
        }
    }
}

impl LogGate {
    /// How many were held back since the last one that passed, if this one passes.
    pub(super) fn pass(&self) -> Option<u64> {
        self.pass_at(self.since.elapsed())
    }

    fn pass_at(&self, elapsed: Duration) -> Option<u64> {
        let now = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let opens = self.opens_at_ms.load(Ordering::Relaxed);
        // Counters of no consequence but for the log: nothing is ordered by them.
        let passes = now >= opens
            && self
                .opens_at_ms
                .compare_exchange(opens, now + 1_000, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if passes {
            return Some(self.held_back.swap(0, Ordering::Relaxed));
        }
        self.held_back.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_answered_at_the_allowed_pace() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let waits: Vec<_> = (0..300).map(|_| pace.take(start)).collect();
        assert!(waits[..100].iter().all(Duration::is_zero));
        assert!(
            waits[299] > Duration::from_millis(1_900),
            "{:?}",
            waits[299]
        );
        // After a pause the allowance is back.
        assert!(pace.take(start + Duration::from_secs(60)).is_zero());
    }

    #[test]
    fn the_log_hears_once_a_second_and_how_often_in_between() {
        let gate = LogGate::default();
        assert_eq!(gate.pass_at(Duration::ZERO), Some(0));
        for ms in 1..1_000 {
            assert_eq!(gate.pass_at(Duration::from_millis(ms)), None);
        }
        assert_eq!(gate.pass_at(Duration::from_millis(1_000)), Some(999));
    }
}
