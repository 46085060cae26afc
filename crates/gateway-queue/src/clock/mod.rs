//! Wall-clock time at the price of reading the processor's counter.
//!
//! A [`Clock`] converts ticks of the time-stamp counter to nanoseconds since the Unix epoch. It is calibrated against
//! `CLOCK_REALTIME` when made, and again whenever a housekeeping thread calls [`Clock::recalibrate`]: a small error is
//! worked off over the following second, so that time stays continuous and never runs backwards; a large one (the
//! administrator or a time daemon set the clock) is taken over at once and reported. Reading takes no lock and makes
//! no system call.
//!
//! Time stamps are to follow a wall clock that is set; durations and time-outs are not. So a clock has two times, which
//! differ by [`Clock::set_by_ns`]: that of the wall ([`Clock::now`]), and a steady one ([`Clock::steady_now`]) that goes on
//! as if the wall clock had never been set.
//!
//! Where the counter is not invariant (old or emulated processors) and on other architectures ticks are nanoseconds
//! of `CLOCK_MONOTONIC`, read by the C library without entering the kernel on most machines.

mod counter;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crate::anchors::{Anchor, Anchors};
use counter::{monotonic_ns, simultaneous, tsc, tsc_is_invariant};

/// Errors above this are steps of the wall clock, not drift: 1 ms.
const STEP_NS: i64 = 1_000_000;
/// A counter whose rate makes no sense so often is not used.
const CALIBRATIONS_MAX: u32 = 5;
/// A shorter base tells nothing about the counter's rate.
const RATE_BASE_NS: u64 = 10_000_000;
/// An error is worked off over this time …
const SLEW_NS: f64 = 1e9;
/// … and by no more than this part of time's speed.
const SLEW_MAX: f64 = 500e-6;
/// Scale of the rate: 2⁻³² nanoseconds a tick.
const RATE_ONE: f64 = 4_294_967_296.0;

/// Where a clock's ticks come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The processor's invariant time-stamp counter.
    Tsc,
    /// `clock_gettime(CLOCK_MONOTONIC)`.
    System,
}

/// What a recalibration found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    /// Wall clock minus this clock before the correction, in nanoseconds.
    pub error_ns: i64,
    /// Whether the wall clock was set, so that this clock's time jumped by `error_ns`.
    pub stepped: bool,
    /// Ticks a second from now on, the correction included.
    pub hz: f64,
}

/// Nanoseconds since the Unix epoch from ticks of a counter. Shared by reference; readers never wait.
#[derive(Debug)]
pub struct Clock {
    source: Source,
    /// From ticks to steady time.
    anchors: Anchors,
    /// From steady time to the wall clock's.
    set_by_ns: AtomicI64,
    base: Mutex<Base>,
}

/// A simultaneous reading of both clocks, and the counter's true rate as last measured.
#[derive(Clone, Copy, Debug)]
struct Base {
    ticks: u64,
    realtime: u64,
    ns_per_tick: f64,
}

impl Clock {
    /// A calibrated clock. Takes about 20 ms where there is an invariant counter.
    #[must_use]
    pub fn new() -> Self {
        if !tsc_is_invariant() {
            return Self::system();
        }
        Self::calibrated(|| {
            let first = simultaneous(tsc);
            std::thread::sleep(Duration::from_millis(20));
            (first, simultaneous(tsc))
        })
    }

    /// A clock by the counter whose readings, some time apart, `measure` takes; by the system's where they make no
    /// sense again and again.
    fn calibrated(mut measure: impl FnMut() -> ((u64, u64), (u64, u64))) -> Self {
        for _ in 0..CALIBRATIONS_MAX {
            let ((ticks, realtime), (ticks_later, realtime_later)) = measure();
            let elapsed = ticks_later.wrapping_sub(ticks).max(1);
            let ns_per_tick = realtime_later.saturating_sub(realtime) as f64 / elapsed as f64;
            // A wall clock that was set just then makes nonsense of the rate: counters run at 0.5 to 10 GHz.
            if (0.1..=2.0).contains(&ns_per_tick) {
                let base = Base {
                    ticks: ticks_later,
                    realtime: realtime_later,
                    ns_per_tick,
                };
                return Self::anchored(Source::Tsc, base);
            }
        }
        Self::system()
    }

    fn system() -> Self {
        let (ticks, realtime) = simultaneous(monotonic_ns);
        let base = Base {
            ticks,
            realtime,
            ns_per_tick: 1.0,
        };
        Self::anchored(Source::System, base)
    }

    fn anchored(source: Source, base: Base) -> Self {
        Self {
            source,
            anchors: Anchors::new(anchor(base.ticks, base.realtime, base.ns_per_tick)),
            set_by_ns: AtomicI64::new(0),
            base: Mutex::new(base),
        }
    }

    /// The clock that a process shares, made at first use. Whoever runs the process recalibrates it.
    pub fn global() -> &'static Self {
        static GLOBAL: OnceLock<Clock> = OnceLock::new();
        GLOBAL.get_or_init(Self::new)
    }

    /// Where the ticks come from.
    #[must_use]
    pub const fn source(&self) -> Source {
        self.source
    }

    /// Ticks a second.
    #[must_use]
    pub fn hz(&self) -> f64 {
        1e9 * RATE_ONE / self.anchors.rate() as f64
    }

    /// The counter now; [`Self::at`] converts it. About 10 ns.
    #[inline(always)]
    #[must_use]
    pub fn ticks(&self) -> u64 {
        match self.source {
            Source::Tsc => tsc(),
            Source::System => monotonic_ns(),
        }
    }

    /// Nanoseconds since the Unix epoch, by the wall clock as it is set.
    #[inline(always)]
    #[must_use]
    pub fn now(&self) -> u64 {
        self.at(self.ticks())
    }

    /// Nanoseconds since the Unix epoch when the counter stood at `ticks`: a recent reading, before or after the
    /// last calibration.
    #[inline]
    #[must_use]
    pub fn at(&self, ticks: u64) -> u64 {
        self.wall(self.steady(ticks))
    }

    /// Nanoseconds of a time that nobody sets, when the counter stood at `ticks`. It is the wall clock's until that is set
    /// for the first time after this clock was made, and means something in this process only.
    #[inline]
    #[must_use]
    pub fn steady(&self, ticks: u64) -> u64 {
        convert(ticks, self.anchors.load())
    }

    /// The steady time now: for durations and time-outs.
    #[inline(always)]
    #[must_use]
    pub fn steady_now(&self) -> u64 {
        self.steady(self.ticks())
    }

    /// By how much the wall clock was set since this clock was made, all in all: what it is ahead of the steady time.
    #[inline(always)]
    #[must_use]
    pub fn set_by_ns(&self) -> i64 {
        // Relaxed: a number for itself; whoever reads the one before stamps with the time from before.
        self.set_by_ns.load(Ordering::Relaxed)
    }

    /// The wall clock's time of a steady one, by how it is set now.
    #[inline(always)]
    #[must_use]
    pub fn wall(&self, steady: u64) -> u64 {
        steady.wrapping_add_signed(self.set_by_ns())
    }

    /// Nanoseconds that so many ticks last.
    #[inline]
    #[must_use]
    pub fn duration_ns(&self, ticks: u64) -> u64 {
        scale(ticks, self.anchors.rate())
    }

    /// Ticks that so many nanoseconds last.
    #[must_use]
    pub fn ticks_in(&self, duration: Duration) -> u64 {
        (duration.as_nanos() as f64 * self.hz() / 1e9) as u64
    }

    /// Compares this clock with the wall clock and corrects it. Once a second is right; call it from a thread that
    /// may wait, never from a hot path.
    pub fn recalibrate(&self) -> Calibration {
        let mut base = self.base.lock().unwrap_or_else(PoisonError::into_inner);
        let (ticks, realtime) = match self.source {
            Source::Tsc => simultaneous(tsc),
            Source::System => simultaneous(monotonic_ns),
        };
        self.correct(&mut base, ticks, realtime)
    }

    /// The caller holds the lock of `base`: there is one writer.
    fn correct(&self, base: &mut Base, ticks: u64, realtime: u64) -> Calibration {
        let steady = self.steady(ticks);
        let error_ns = realtime.wrapping_sub(self.wall(steady)).cast_signed();
        let stepped = error_ns.abs() > STEP_NS;
        if stepped {
            *base = Base {
                ticks,
                realtime,
                ns_per_tick: base.ns_per_tick,
            };
            let set_by_ns = self.set_by_ns().wrapping_add(error_ns);
            self.set_by_ns.store(set_by_ns, Ordering::Relaxed);
            self.anchors.store(anchor(ticks, steady, base.ns_per_tick));
            return Calibration {
                error_ns,
                stepped,
                hz: self.hz(),
            };
        }
        let elapsed_ns = realtime.saturating_sub(base.realtime);
        if elapsed_ns >= RATE_BASE_NS {
            let measured = elapsed_ns as f64 / ticks.wrapping_sub(base.ticks).max(1) as f64;
            *base = Base {
                ticks,
                realtime,
                ns_per_tick: measured,
            };
        }
        let slew = (error_ns as f64 / SLEW_NS).clamp(-SLEW_MAX, SLEW_MAX);
        let ns_per_tick = base.ns_per_tick * (1.0 + slew);
        self.anchors.store(anchor(ticks, steady, ns_per_tick));
        Calibration {
            error_ns,
            stepped,
            hz: self.hz(),
        }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

#[inline(always)]
fn scale(ticks: u64, rate: u64) -> u64 {
    ((u128::from(ticks) * u128::from(rate)) >> 32) as u64
}

fn anchor(ticks: u64, ns: u64, ns_per_tick: f64) -> Anchor {
    Anchor {
        ticks,
        ns,
        rate: (ns_per_tick * RATE_ONE) as u64,
    }
}

/// Ticks may lie before the anchor: a reading older than the last calibration.
#[inline(always)]
fn convert(ticks: u64, anchor: Anchor) -> u64 {
    let delta = ticks.wrapping_sub(anchor.ticks);
    if delta.cast_signed() >= 0 {
        anchor.ns.wrapping_add(scale(delta, anchor.rate))
    } else {
        anchor
            .ns
            .wrapping_sub(scale(delta.wrapping_neg(), anchor.rate))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::counter::realtime_ns;
    use super::*;

    fn drifting(ns_per_tick: f64) -> (Clock, Base) {
        let base = Base {
            ticks: 1_000,
            realtime: 5_000_000_000,
            ns_per_tick,
        };
        (Clock::anchored(Source::Tsc, base), base)
    }

    #[test]
    fn follows_the_wall_clock() {
        let clock = Clock::new();
        let (before, now, after) = (realtime_ns(), clock.now(), realtime_ns());
        assert!(
            now + 1_000_000 > before && now < after + 1_000_000,
            "{before} {now} {after}"
        );
        assert!(clock.recalibrate().error_ns.abs() < STEP_NS);
    }

    #[test]
    fn works_off_drift_without_running_backwards() {
        // The true rate is 0.5 ns a tick; the clock was calibrated 100 ppm wrong.
        let (clock, mut base) = drifting(0.5 * (1.0 + 100e-6));
        let mut last = 0;
        let mut error = 0;
        for second in 1..=10_u64 {
            let ticks = 1_000 + second * 2_000_000_000;
            let realtime = 5_000_000_000 + second * 1_000_000_000;
            assert!(clock.at(ticks - 1) >= last);
            let found = clock.correct(&mut base, ticks, realtime);
            assert!(!found.stepped);
            error = found.error_ns;
            last = clock.at(ticks);
        }
        assert!(error.abs() < 1_000, "{error} ns left");
    }

    #[test]
    fn takes_a_step_at_once_and_reports_it() {
        let (clock, mut base) = drifting(0.5);
        let found = clock.correct(&mut base, 2_000_001_000, 6_000_000_000 + 3_600_000_000_000);
        assert!(found.stepped);
        assert_eq!(clock.at(2_000_001_000), 6_000_000_000 + 3_600_000_000_000);
        assert!((found.hz - 2e9).abs() < 1e3);
    }

    #[test]
    fn steady_time_goes_on_while_the_wall_clock_is_set_back_and_forth() {
        let (clock, mut base) = drifting(0.5);
        const HOUR: i64 = 3_600_000_000_000;
        let mut set_by = 0;
        for (second, step) in (1..).zip([HOUR, -2 * HOUR, 0, HOUR, -2_000_000, HOUR]) {
            set_by += step;
            let ticks = 1_000 + second * 2_000_000_000;
            let steady = 5_000_000_000 + second * 1_000_000_000;
            let found = clock.correct(&mut base, ticks, steady.wrapping_add_signed(set_by));
            assert_eq!(found.stepped, step != 0);
            assert_eq!(clock.set_by_ns(), set_by);
            assert_eq!(clock.steady(ticks), steady);
            assert_eq!(clock.at(ticks), steady.wrapping_add_signed(set_by));
            // A reading from before the step, too.
            assert_eq!(clock.steady(ticks - 2_000), steady - 1_000);
        }
    }

    #[test]
    fn the_systems_clock_is_as_steady() {
        let clock = Clock::system();
        assert!(!clock.recalibrate().stepped);
        let (before, now, after) = (realtime_ns(), clock.now(), realtime_ns());
        assert!(
            now + 1_000_000 > before && now < after + 1_000_000,
            "{before} {now} {after}"
        );
        let mut base = *clock.base.lock().unwrap();
        let (ticks, realtime) = simultaneous(monotonic_ns);
        let steady = clock.steady(ticks);
        assert!(
            clock
                .correct(&mut base, ticks, realtime + 60_000_000_000)
                .stepped
        );
        assert_eq!(clock.steady(ticks), steady);
        assert_eq!(clock.at(ticks), realtime + 60_000_000_000);
    }

    #[test]
    fn converts_readings_from_before_the_anchor() {
        let (clock, _) = drifting(0.5);
        assert_eq!(clock.at(0), 5_000_000_000 - 500);
        assert_eq!(clock.at(3_000), 5_000_000_000 + 1_000);
    }

    #[test]
    fn a_counter_whose_rate_makes_no_sense_is_not_used() {
        let mut tries = 0;
        let clock = Clock::calibrated(|| {
            tries += 1;
            ((0, 0), (1_000, 20_000_000))
        });
        assert_eq!(clock.source(), Source::System);
        assert_eq!(tries, CALIBRATIONS_MAX);
        // A wall clock that is set once is tried again.
        let mut steps = [60_000_000_000, 20_000_000].into_iter();
        let clock = Clock::calibrated(|| ((0, 0), (40_000_000, steps.next().unwrap())));
        assert_eq!(clock.source(), Source::Tsc);
        assert!((clock.hz() - 2e9).abs() < 1e3);
    }
}
