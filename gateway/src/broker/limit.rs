//! What one client, and the log, may take.

use std::sync::{Mutex, PoisonError};
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

/// Lets so many lines into the log in any second that begins with one, and counts those it held back.
#[derive(Debug)]
pub(super) struct LogGate {
    lines_per_second: u32,
    window: Mutex<Window>,
}

#[derive(Debug, Default)]
struct Window {
    began: Option<Instant>,
    lines: u32,
    held_back: u64,
}

impl LogGate {
    pub(super) fn new(lines_per_second: u32) -> Self {
        Self {
            lines_per_second,
            window: Mutex::default(),
        }
    }

    /// How many were held back since the last one that passed, if this one passes.
    pub(super) fn pass(&self) -> Option<u64> {
        self.pass_at(Instant::now())
    }

    fn pass_at(&self, now: Instant) -> Option<u64> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let over = window
            .began
            .is_none_or(|began| now.saturating_duration_since(began) >= Duration::from_secs(1));
        if over {
            window.began = Some(now);
            window.lines = 0;
        }
        if window.lines < self.lines_per_second {
            window.lines += 1;
            return Some(std::mem::take(&mut window.held_back));
        }
        window.held_back += 1;
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
    fn the_log_hears_so_many_lines_a_second_and_how_many_it_missed() {
        let gate = LogGate::new(2);
        let start = Instant::now();
        let at = |ms| gate.pass_at(start + Duration::from_millis(ms));
        assert_eq!((at(0), at(1)), (Some(0), Some(0)));
        for ms in 2..1_000 {
            assert_eq!(at(ms), None);
        }
        assert_eq!(
            (at(1_000), at(1_001), at(1_002)),
            (Some(998), Some(0), None)
        );
    }
}
