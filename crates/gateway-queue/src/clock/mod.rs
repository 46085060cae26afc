//! Wall-clock time at the price of reading the processor's counter.
//!
//! A [`Clock`] converts ticks of the time-stamp counter to nanoseconds since the Unix epoch. It is calibrated against
//! `CLOCK_REALTIME` when made, and again whenever a housekeeping thread calls [`Clock::recalibrate`]: a small error is
//! worked off over the following second, so that time stays continuous and never runs backwards; a large one (the
//! administrator or a time daemon set the clock) is taken over at once and reported. Reading takes no lock and makes
//! no system call.
//!
//! Where counter and kernel disagree by much about the time that has passed, and the counter ran at one rate both times that
//! they did so in a row, it is not a jump but a rate that was wrong (measured at a bad moment, or that of another machine):
//! the one found is taken over.
//!
//! Time stamps are to follow a wall clock that is set; durations and time-outs are not. So a clock has two times, which
//! differ by [`Clock::set_by_ns`]: that of the wall ([`Clock::now`]), and a steady one ([`Clock::steady_now`]) that goes on
//! as if the wall clock had never been set. A counter that falls behind the kernel (the machine was moved to another, whose
//! counter stands elsewhere) does not hold it up for longer than until the next recalibration.
//!
//! The kernel's own stamps count from another moment (`CLOCK_MONOTONIC`); [`Clock::steady_from_monotonic`] and
//! [`Clock::from_monotonic`] convert them by the distance found at the last recalibration.
//!
//! Where the counter is not invariant (old or emulated processors) and on other architectures ticks are nanoseconds
//! of `CLOCK_MONOTONIC`, read by the C library without entering the kernel on most machines.

mod bound;
mod counter;

use std::convert::Infallible;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use crate::anchors::{Anchor, Anchors};
use bound::Bound;
pub use counter::Simultaneous;
use counter::{monotonic_ns, raw_ns, realtime_ns, simultaneously, tsc, tsc_is_invariant};

/// Errors above this are steps of the wall clock, not drift, in nanoseconds: 1 ms.
pub const STEP_NS: i64 = 1_000_000;
/// A counter whose rate makes no sense so often is not used.
const CALIBRATIONS_MAX: u32 = 5;
/// A shorter base tells nothing about the counter's rate.
const RATE_BASE_NS: u64 = 10_000_000;
/// Counters run at 0.5 to 10 GHz: other rates, in nanoseconds a tick, are those of a clock or counter that jumped.
const RATES: RangeInclusive<f64> = 0.1..=2.0;
/// Rates that differ by no more than this part are one: two jumps in a row hardly tell the same.
const RATE_AGREES: f64 = 0.01;
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
    /// Whoever holds the clock: it stands where it was set ([`Clock::manual`]).
    Manual,
}

impl Source {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tsc => "tsc",
            Self::System => "system",
            Self::Manual => "manual",
        }
    }
}

/// What was done to time between two recalibrations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disruption {
    /// The wall clock was set; the counter went on as it should.
    WallClock,
    /// Counter and kernel disagree about how much time has passed: the machine was stopped, resumed or moved, or the
    /// counter is not to be trusted.
    Counter,
    /// Counter and hardware agree, but a time daemon makes the kernel's time run faster or slower than that by more than 1 ms
    /// between two recalibrations (above 1,000 ppm where there is one a second), or has just ceased to.
    Slew,
}

/// The clocks underneath, read by a recalibration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readings {
    /// Counter and wall clock.
    pub realtime: Simultaneous,
    /// Counter and `CLOCK_MONOTONIC`.
    pub monotonic: Simultaneous,
    /// `CLOCK_MONOTONIC_RAW` just after that, in nanoseconds: of no time daemon's doing.
    pub raw_ns: u64,
}

/// What a recalibration found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    /// Wall clock minus this clock before the correction, in nanoseconds.
    pub error_ns: i64,
    /// Why this clock's time jumped by `error_ns`, if it did.
    pub disruption: Option<Disruption>,
    /// How far the readings may have been apart, in nanoseconds: neither error is better known.
    pub width_ns: u64,
    /// By how much [`Clock::steady_from_monotonic`] was wrong before the correction, in nanoseconds. A wall clock that is
    /// set makes no difference to it.
    pub monotonic_error_ns: u64,
    /// By which part the counter ran faster than when this clock was made, or since its rate turned out to be another, as
    /// last measured: 1e-6 is 1 ppm.
    pub drift: f64,
    /// Ticks a second from now on, the correction included.
    pub hz: f64,
}

impl Calibration {
    /// Whether this clock's time jumped.
    #[must_use]
    pub const fn stepped(&self) -> bool {
        self.disruption.is_some()
    }
}

/// Nanoseconds since the Unix epoch from ticks of a counter. Shared by reference; readers never wait.
#[derive(Debug)]
pub struct Clock {
    source: Source,
    /// From ticks to steady time.
    anchors: Anchors,
    /// From steady time to the wall clock's.
    set_by_ns: AtomicI64,
    /// Steady time minus `CLOCK_MONOTONIC`, wrapping. No other memory is read on its strength: relaxed.
    from_monotonic: AtomicU64,
    /// Where a manual clock stands.
    manual: AtomicU64,
    /// How wrong it may have been of late; 0 before it was compared.
    error_bound_ns: AtomicU64,
    base: Mutex<Base>,
}

/// The kernel's clocks that nobody sets, and the counter beside them.
#[derive(Clone, Copy, Debug)]
struct Kernel {
    ticks: u64,
    monotonic_ns: u64,
    raw_ns: u64,
}

/// A simultaneous reading of both clocks, and the counter's true rate as last measured.
#[derive(Clone, Copy, Debug)]
struct Base {
    ticks: u64,
    realtime: u64,
    ns_per_tick: f64,
    /// As it was first.
    first_ns_per_tick: f64,
    /// Counter and kernel at the last recalibration.
    monotonic: Option<Kernel>,
    /// How much faster the kernel's time ran than the hardware when `ns_per_tick` was measured.
    slewed: f64,
    /// The rate until the last recalibration, if counter and kernel disagreed then.
    suspected_ns_per_tick: Option<f64>,
    /// How wrong the clock was of late.
    bound: Bound,
}

impl Base {
    fn new(ticks: u64, realtime: u64, ns_per_tick: f64) -> Self {
        Self {
            ticks,
            realtime,
            ns_per_tick,
            first_ns_per_tick: ns_per_tick,
            monotonic: None,
            slewed: 1.0,
            suspected_ns_per_tick: None,
            bound: Bound::default(),
        }
    }

    /// Takes over the rate at which the counter ran since the last recalibration, where it ran at the same before that and
    /// disagreed with the kernel both times.
    fn suspect(&mut self, jump: Option<Jump>) {
        let measured = jump.and_then(|jump| jump.ns_per_tick);
        let before = std::mem::replace(&mut self.suspected_ns_per_tick, measured);
        if let (Some(before), Some(measured)) = (before, measured)
            && (measured / before - 1.0).abs() <= RATE_AGREES
        {
            self.ns_per_tick = measured;
            self.first_ns_per_tick = measured;
            self.suspected_ns_per_tick = None;
            self.slewed = jump.map_or(1.0, |jump| jump.slewed);
        }
    }
}

/// Counter and wall clock at the same moment.
fn wall_clock(ticks: impl Fn() -> u64) -> (u64, u64) {
    let Ok(found) = simultaneously(ticks, || Ok::<_, Infallible>(realtime_ns()));
    (found.ticks, found.ns)
}

/// Nanoseconds a tick by the readings of counter and steady clock, some time apart, that `measure` takes; `None` where they
/// make no sense again and again.
fn measured_rate(mut measure: impl FnMut() -> ((u64, u64), (u64, u64))) -> Option<f64> {
    (0..CALIBRATIONS_MAX).find_map(|_| {
        let ((ticks, ns), (ticks_later, ns_later)) = measure();
        rate(ticks_later.wrapping_sub(ticks), ns_later.saturating_sub(ns))
    })
}

/// Nanoseconds a tick where a counter counted so many ticks in so many nanoseconds, if it may be one.
fn rate(ticks: u64, ns: u64) -> Option<f64> {
    let ns_per_tick = ns as f64 / ticks.max(1) as f64;
    (ns >= RATE_BASE_NS && RATES.contains(&ns_per_tick)).then_some(ns_per_tick)
}

impl Clock {
    /// A calibrated clock. Takes about 20 ms where there is an invariant counter.
    #[must_use]
    pub fn new() -> Self {
        if !tsc_is_invariant() {
            return Self::system();
        }
        // The steady clock, which nobody sets meanwhile. Not the raw one: where a time daemon makes time run faster or
        // slower, that is the rate at which it will be compared.
        let steady = || {
            let Ok(found) = simultaneously(tsc, || Ok::<_, Infallible>(monotonic_ns()));
            (found.ticks, found.ns)
        };
        let rate = measured_rate(|| {
            let first = steady();
            std::thread::sleep(Duration::from_millis(20));
            (first, steady())
        });
        let Some(ns_per_tick) = rate else {
            return Self::system();
        };
        let (ticks, realtime) = wall_clock(tsc);
        let clock = Self::anchored(Source::Tsc, Base::new(ticks, realtime, ns_per_tick));
        clock.find_monotonic();
        clock
    }

    /// A clock that stands at `ns` until it is [set](Self::set): for tests and simulations.
    #[must_use]
    pub fn manual(ns: u64) -> Self {
        let clock = Self::anchored(Source::Manual, Base::new(0, 0, 1.0));
        clock.set(ns);
        clock
    }

    /// Sets a manual clock; does nothing to another.
    pub fn set(&self, ns: u64) {
        self.manual.store(ns, Ordering::Relaxed);
    }

    fn system() -> Self {
        let (ticks, realtime) = wall_clock(monotonic_ns);
        let clock = Self::anchored(Source::System, Base::new(ticks, realtime, 1.0));
        clock.find_monotonic();
        clock
    }

    fn anchored(source: Source, base: Base) -> Self {
        Self {
            source,
            anchors: Anchors::new(anchor(base.ticks, base.realtime, base.ns_per_tick)),
            set_by_ns: AtomicI64::new(0),
            from_monotonic: AtomicU64::new(0),
            manual: AtomicU64::new(0),
            error_bound_ns: AtomicU64::new(0),
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
            Source::Manual => self.manual.load(Ordering::Relaxed),
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

    /// Whether this clock shows what the wall clock does, but for less than a step: whether none has been left unnoticed. A look
    /// at the system's clock, some tens of nanoseconds.
    #[must_use]
    pub fn follows_wall(&self) -> bool {
        let step_ns = STEP_NS.unsigned_abs();
        let (before, wall, after) = (self.now(), realtime_ns(), self.now());
        let near = before.saturating_sub(step_ns)..=after.saturating_add(step_ns);
        self.source == Source::Manual || near.contains(&wall)
    }

    /// The steady time of a wall clock's, by how that is set now: of stamps of `CLOCK_REALTIME`. Off by no more than this clock
    /// and the wall clock are apart; by a whole step for as long as one is not noticed ([`Self::follows_wall`]).
    #[inline]
    #[must_use]
    pub fn steady_from_wall(&self, wall_ns: u64) -> u64 {
        wall_ns.wrapping_add_signed(self.set_by_ns().wrapping_neg())
    }

    /// The steady time at which `CLOCK_MONOTONIC` stood at `monotonic_ns`: of the kernel's own stamps. Off by no more than
    /// both clocks were apart at the last recalibration and have drifted since; that the wall clock is set changes nothing.
    #[inline]
    #[must_use]
    pub fn steady_from_monotonic(&self, monotonic_ns: u64) -> u64 {
        monotonic_ns.wrapping_add(self.from_monotonic.load(Ordering::Relaxed))
    }

    /// The wall clock's time at which `CLOCK_MONOTONIC` stood at `monotonic_ns`, by how it is set now, in nanoseconds since
    /// the Unix epoch.
    #[inline]
    #[must_use]
    pub fn from_monotonic(&self, monotonic_ns: u64) -> u64 {
        self.wall(self.steady_from_monotonic(monotonic_ns))
    }

    /// Reads another clock, whose `read` may fail, and this one's counter at the same moment.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn beside<E>(&self, read: impl FnMut() -> Result<u64, E>) -> Result<Simultaneous, E> {
        simultaneously(|| self.ticks(), read)
    }

    /// Looks how far `CLOCK_MONOTONIC` is away.
    fn find_monotonic(&self) {
        let mut base = self.base();
        let found = self.read_beside(monotonic_ns);
        self.keep_monotonic(&mut base, found, raw_ns());
    }

    fn keep_monotonic(&self, base: &mut Base, found: Simultaneous, raw_ns: u64) {
        base.monotonic = Some(Kernel {
            ticks: found.ticks,
            monotonic_ns: found.ns,
            raw_ns,
        });
        let distance = self.steady(found.ticks).wrapping_sub(found.ns);
        self.from_monotonic.store(distance, Ordering::Relaxed);
    }

    /// By how much this clock and the wall clock differed at most before the last recalibration, in nanoseconds, or, where
    /// several users of it recalibrate it more often than twice a second, over the last one to two seconds; `None` before
    /// the first. Where the wall clock was set it is that of a step that nobody notices.
    #[must_use]
    pub fn error_bound_ns(&self) -> Option<u64> {
        Some(self.error_bound_ns.load(Ordering::Relaxed)).filter(|bound| *bound != 0)
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
        // Before anything is read: readings of a thread that waited here are older than those of the one before it.
        let mut base = self.base();
        let readings = Readings {
            realtime: self.read_beside(realtime_ns),
            monotonic: self.read_beside(monotonic_ns),
            raw_ns: raw_ns(),
        };
        self.correct_by(&mut base, &readings)
    }

    fn base(&self) -> MutexGuard<'_, Base> {
        self.base.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_beside(&self, read: impl Fn() -> u64) -> Simultaneous {
        let Ok(found) = self.beside(|| Ok::<_, Infallible>(read()));
        found
    }

    /// As [`Self::recalibrate`], with readings that were taken elsewhere, or made up. Those that are older than the ones of
    /// the last recalibration change nothing.
    pub fn recalibrate_by(&self, readings: &Readings) -> Calibration {
        let mut base = self.base();
        let last = base.monotonic.map_or(0, |kernel| kernel.monotonic_ns);
        if readings.monotonic.ns < last {
            return self.found(&base);
        }
        self.correct_by(&mut base, readings)
    }

    /// The caller holds the lock of `base`: there is one writer.
    fn correct_by(&self, base: &mut Base, readings: &Readings) -> Calibration {
        let Readings {
            realtime,
            monotonic,
            raw_ns,
        } = readings;
        let jump = base.jump(*monotonic, *raw_ns);
        // What the steady time was then, and what the kernel says has passed since.
        let steady_min = jump.map(|jump| {
            let passed_ns = monotonic.ns.saturating_sub(jump.monotonic_ns);
            self.steady(jump.ticks).wrapping_add(passed_ns)
        });
        let told = self.steady_from_monotonic(monotonic.ns);
        let monotonic_error_ns = told.abs_diff(self.steady(monotonic.ticks));
        base.suspect(jump);
        let mut found = self.correct(base, realtime.ticks, realtime.ns, steady_min);
        found.monotonic_error_ns = monotonic_error_ns;
        if let Some(jump) = jump
            && self.source != Source::Manual
        {
            found.disruption = Some(jump.disruption);
        }
        found.width_ns = self.duration_ns(realtime.width_ticks.max(monotonic.width_ticks));
        let error_ns = found.error_ns.unsigned_abs().min(STEP_NS.unsigned_abs());
        let bound_ns = error_ns.saturating_add(found.width_ns).max(1);
        let last_ns = base.monotonic.map_or(0, |kernel| kernel.monotonic_ns);
        let passed_ns = monotonic.ns.saturating_sub(last_ns);
        let largest_ns = base.bound.note(monotonic.ns, passed_ns, bound_ns);
        // Relaxed: a number for itself, with one writer, who has the lock.
        self.error_bound_ns.store(largest_ns, Ordering::Relaxed);
        self.keep_monotonic(base, *monotonic, *raw_ns);
        found
    }

    /// What there is to say where nothing was corrected.
    fn found(&self, base: &Base) -> Calibration {
        Calibration {
            error_ns: 0,
            disruption: None,
            width_ns: 0,
            monotonic_error_ns: 0,
            drift: base.first_ns_per_tick / base.ns_per_tick - 1.0,
            hz: self.hz(),
        }
    }

    /// The caller holds the lock of `base`: there is one writer. The steady time is `steady_min` at least, where it is
    /// known that the counter does not count on.
    fn correct(
        &self,
        base: &mut Base,
        ticks: u64,
        realtime: u64,
        steady_min: Option<u64>,
    ) -> Calibration {
        let mut found = self.found(base);
        if self.source == Source::Manual {
            return found;
        }
        let counted = self.steady(ticks);
        found.error_ns = realtime.wrapping_sub(self.wall(counted)).cast_signed();
        // A steady time that leaps ahead ends a wait early; one that goes back would never end it.
        let behind = |least: &u64| least.wrapping_sub(counted).cast_signed() > 0;
        let steady = steady_min.filter(behind).unwrap_or(counted);
        if found.error_ns.abs() > STEP_NS || steady != counted {
            base.ticks = ticks;
            base.realtime = realtime;
            let set_by_ns = realtime.wrapping_sub(steady).cast_signed();
            self.set_by_ns.store(set_by_ns, Ordering::Relaxed);
            self.anchors.store(anchor(ticks, steady, base.ns_per_tick));
            found.disruption = Some(Disruption::WallClock);
        } else {
            let elapsed_ns = realtime.saturating_sub(base.realtime);
            if elapsed_ns >= RATE_BASE_NS {
                let measured = elapsed_ns as f64 / ticks.wrapping_sub(base.ticks).max(1) as f64;
                base.ticks = ticks;
                base.realtime = realtime;
                base.ns_per_tick = measured;
            }
            let slew = (found.error_ns as f64 / SLEW_NS).clamp(-SLEW_MAX, SLEW_MAX);
            let ns_per_tick = base.ns_per_tick * (1.0 + slew);
            self.anchors.store(anchor(ticks, steady, ns_per_tick));
        }
        found.drift = base.first_ns_per_tick / base.ns_per_tick - 1.0;
        found.hz = self.hz();
        found
    }
}

/// Where counter and kernel stood before they came to disagree.
#[derive(Clone, Copy, Debug)]
struct Jump {
    ticks: u64,
    monotonic_ns: u64,
    /// At which rate the counter ran since, if it may have run at all.
    ns_per_tick: Option<f64>,
    /// How much faster the kernel's time ran than the hardware since.
    slewed: f64,
    /// Which of the two it was.
    disruption: Disruption,
}

impl Base {
    /// Whether counter and kernel disagree about how much time has passed since the last recalibration.
    fn jump(&self, now: Simultaneous, raw_ns: u64) -> Option<Jump> {
        let Kernel {
            ticks,
            monotonic_ns,
            raw_ns: raw_before_ns,
        } = self.monotonic?;
        let passed = now.ticks.wrapping_sub(ticks).cast_signed();
        // A counter that went back has counted nothing.
        let by_counter = (passed.max(0) as f64 * self.ns_per_tick) as u64;
        let by_kernel = now.ns.saturating_sub(monotonic_ns);
        let disagree = |a: u64, b: u64| a.abs_diff(b) > STEP_NS.unsigned_abs();
        if !disagree(by_counter, by_kernel) {
            return None;
        }
        let by_hardware = raw_ns.saturating_sub(raw_before_ns);
        // Without what a time daemon had done when the counter's rate was measured.
        let counted = (passed.max(0) as f64 * self.ns_per_tick / self.slewed) as u64;
        let disruption = if disagree(counted, by_hardware) {
            Disruption::Counter
        } else {
            Disruption::Slew
        };
        Some(Jump {
            ticks,
            monotonic_ns,
            ns_per_tick: rate(now.ticks.wrapping_sub(ticks), by_kernel),
            slewed: by_kernel as f64 / by_hardware.max(1) as f64,
            disruption,
        })
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
mod tests;
