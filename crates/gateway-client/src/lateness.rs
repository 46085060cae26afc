//! How late a record is, where that can be told.
//!
//! Gateway and reader each keep a clock of their own to the system's. When that is set, each learns of it within a second,
//! and until both have, the distance between their stamps is that of the step, not a latency.

use std::time::{Duration, SystemTime};

use gateway_queue::clock::Clock;

/// What is later than this may be so because a clock was set: the clock is compared with the system's.
const DOUBTFUL_NS: u64 = 1_000_000;
/// A gateway has learned after this time that the system's clock was set, whoever learned of it first.
const LEARNED: Duration = Duration::from_secs(2);

/// Measures how late records are.
#[derive(Debug)]
pub(crate) struct Lateness {
    /// By how much the clock was set when it was last looked at.
    set_by_ns: i64,
    /// Steady time from which on the gateway's stamps are of the same clock again.
    trusted_from_ns: u64,
}

impl Lateness {
    pub(crate) fn new(clock: &Clock) -> Self {
        Self {
            set_by_ns: clock.set_by_ns(),
            trusted_from_ns: 0,
        }
    }

    /// How late a record with the gateway's stamp `received` is when the counter stands at `ticks`, in nanoseconds; `None`
    /// where a clock was set a moment ago, or the stamp is of the future.
    pub(crate) fn measure(&mut self, clock: &Clock, ticks: u64, received: u64) -> Option<u64> {
        let (now, steady) = (clock.at(ticks), clock.steady(ticks));
        let late = now.checked_sub(received);
        if late.is_none_or(|late| late > DOUBTFUL_NS) && strays(clock) {
            clock.recalibrate();
        }
        let set_by_ns = clock.set_by_ns();
        if std::mem::replace(&mut self.set_by_ns, set_by_ns) != set_by_ns {
            self.trusted_from_ns = steady.saturating_add(LEARNED.as_nanos() as u64);
        }
        late.filter(|_| steady >= self.trusted_from_ns)
    }
}

/// Whether the system's clock is elsewhere than `clock` says.
fn strays(clock: &Clock) -> bool {
    // One set to a time before 1970 is.
    let system = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    system.map_or(true, |system| {
        system.as_nanos().abs_diff(u128::from(clock.now())) > u128::from(DOUBTFUL_NS)
    })
}

#[cfg(test)]
mod tests {
    use gateway_queue::clock::{Readings, Simultaneous};

    use super::*;

    const HOUR_NS: u64 = 3_600_000_000_000;

    /// Has the clock learn that the system's was set by an hour, which is not so.
    fn set_forward(clock: &Clock) {
        let beside = |ns: u64| Simultaneous {
            ticks: clock.ticks(),
            ns,
            width_ticks: 0,
        };
        let (now, monotonic) = (clock.now(), steady_monotonic(clock));
        clock.recalibrate_by(&Readings {
            realtime: beside(now + HOUR_NS),
            monotonic: beside(monotonic),
            raw_ns: 0,
        });
        assert!(clock.set_by_ns().unsigned_abs().abs_diff(HOUR_NS) < HOUR_NS / 2);
    }

    /// `CLOCK_MONOTONIC` now, by the clock.
    fn steady_monotonic(clock: &Clock) -> u64 {
        clock
            .steady_now()
            .wrapping_sub(clock.steady_from_monotonic(0))
    }

    fn later(clock: &Clock, seconds: u64) -> u64 {
        clock.ticks() + clock.ticks_in(Duration::from_secs(seconds))
    }

    #[test]
    fn a_record_is_as_late_as_the_clock_says_and_one_of_the_future_tells_nothing() {
        let clock = Clock::new();
        let mut lateness = Lateness::new(&clock);
        let ticks = clock.ticks();
        let now = clock.at(ticks);
        assert_eq!(lateness.measure(&clock, ticks, now - 700), Some(700));
        assert_eq!(lateness.measure(&clock, ticks, now), Some(0));
        assert_eq!(lateness.measure(&clock, ticks, now + 1), None);
        assert_eq!(lateness.measure(&clock, ticks, u64::MAX), None);
    }

    #[test]
    fn a_reader_that_learned_that_the_clock_was_set_waits_until_the_gateway_has() {
        let clock = Clock::new();
        let mut lateness = Lateness::new(&clock);
        set_forward(&clock);
        for seconds in 0..=1 {
            let ticks = later(&clock, seconds);
            let received = clock.at(ticks) - 700;
            assert_eq!(lateness.measure(&clock, ticks, received), None);
        }
        let ticks = later(&clock, 10);
        let now = clock.at(ticks);
        assert_eq!(lateness.measure(&clock, ticks, now - 700), Some(700));
    }

    #[test]
    fn a_reader_that_has_not_learned_of_it_looks_before_it_believes_an_hour() {
        let clock = Clock::new();
        set_forward(&clock);
        // The system's clock is an hour behind this one now, as if it had been set back; the gateway knows.
        let mut lateness = Lateness::new(&clock);
        let ticks = clock.ticks();
        let received = clock.at(ticks) - HOUR_NS;
        assert_eq!(lateness.measure(&clock, ticks, received), None);
        assert!(clock.set_by_ns().unsigned_abs() < HOUR_NS / 2);
        let ticks = later(&clock, 10);
        let now = clock.at(ticks);
        assert_eq!(lateness.measure(&clock, ticks, now - 700), Some(700));
    }
}
