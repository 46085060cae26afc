#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

fn drifting(ns_per_tick: f64) -> (Clock, Base) {
    let base = Base::new(1_000, 5_000_000_000, ns_per_tick);
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
fn a_step_that_was_not_noticed_is_seen_and_stamps_of_the_wall_are_converted() {
    let clock = Clock::new();
    assert!(clock.follows_wall());
    let steady = clock.steady_now();
    assert_eq!(clock.steady_from_wall(clock.wall(steady)), steady);
    // As if the wall clock had been set by as much the other way.
    for by_ns in [5_000_000_000, -5_000_000_000] {
        clock.set_by_ns.store(by_ns, Ordering::Relaxed);
        assert!(!clock.follows_wall());
        assert_eq!(clock.steady_from_wall(clock.wall(steady)), steady);
    }
    assert!(Clock::manual(7).follows_wall());
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
        let found = clock.correct(&mut base, ticks, realtime, None);
        assert!(!found.stepped());
        error = found.error_ns;
        last = clock.at(ticks);
    }
    assert!(error.abs() < 1_000, "{error} ns left");
}

#[test]
fn takes_a_step_at_once_and_reports_it() {
    let (clock, mut base) = drifting(0.5);
    let found = clock.correct(
        &mut base,
        2_000_001_000,
        6_000_000_000 + 3_600_000_000_000,
        None,
    );
    assert_eq!(found.disruption, Some(Disruption::WallClock));
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
        let found = clock.correct(&mut base, ticks, steady.wrapping_add_signed(set_by), None);
        assert_eq!(found.stepped(), step != 0);
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
    assert!(!clock.recalibrate().stepped());
    let (before, now, after) = (realtime_ns(), clock.now(), realtime_ns());
    assert!(
        now + 1_000_000 > before && now < after + 1_000_000,
        "{before} {now} {after}"
    );
    let mut base = *clock.base.lock().unwrap();
    let (ticks, realtime) = wall_clock(monotonic_ns);
    let steady = clock.steady(ticks);
    assert!(
        clock
            .correct(&mut base, ticks, realtime + 60_000_000_000, None)
            .stepped()
    );
    assert_eq!(clock.steady(ticks), steady);
    assert_eq!(clock.at(ticks), realtime + 60_000_000_000);
}

/// A second of the counter, of the wall clock and of the kernel's own, each with what it deviates by.
struct World {
    clock: Clock,
    readings: Readings,
}

impl World {
    fn new() -> Self {
        Self::with_rate(0.5)
    }

    /// With a clock that takes the counter for one of this rate.
    fn with_rate(ns_per_tick: f64) -> Self {
        let (clock, _) = drifting(ns_per_tick);
        let at = |ns| Simultaneous {
            ticks: 1_000,
            ns,
            width_ticks: 40,
        };
        let readings = Readings {
            realtime: at(5_000_000_000),
            monotonic: at(77),
            raw_ns: 33,
        };
        let first = clock.recalibrate_by(&readings);
        assert_eq!((first.error_ns, first.disruption), (0, None));
        Self { clock, readings }
    }

    fn second(&mut self, ticks: i64, wall_ns: i64, monotonic_ns: i64) -> Calibration {
        self.slewed_second(ticks, wall_ns, monotonic_ns, monotonic_ns)
    }

    /// A second in which the hardware's time goes on by another `raw_ns` than the kernel's.
    fn slewed_second(
        &mut self,
        ticks: i64,
        wall_ns: i64,
        monotonic_ns: i64,
        raw_ns: i64,
    ) -> Calibration {
        let raw = &mut self.readings.raw_ns;
        *raw = raw.wrapping_add_signed(1_000_000_000 + raw_ns);
        for (reading, ns) in [
            (&mut self.readings.realtime, wall_ns),
            (&mut self.readings.monotonic, monotonic_ns),
        ] {
            reading.ticks = reading.ticks.wrapping_add_signed(2_000_000_000 + ticks);
            reading.ns = reading.ns.wrapping_add_signed(1_000_000_000 + ns);
        }
        self.clock.recalibrate_by(&self.readings)
    }
}

/// Three users, each of whom recalibrates once a second: an error is told for a second at least, and not for ever.
#[test]
fn an_error_bound_falls_however_many_recalibrate() {
    let World {
        clock,
        mut readings,
    } = World::new();
    let mut third = |wall_ns: u64| {
        readings.raw_ns += 333_000_000;
        for (reading, more_ns) in [
            (&mut readings.realtime, wall_ns),
            (&mut readings.monotonic, 0),
        ] {
            reading.ticks += 666_000_000;
            reading.ns += 333_000_000 + more_ns;
        }
        assert_eq!(clock.recalibrate_by(&readings).disruption, None);
        clock.error_bound_ns().unwrap()
    };
    for _ in 0..9 {
        assert!(third(0) < 1_000);
    }
    // A time daemon moves the clock by less than a step.
    assert!(third(200_000) >= 200_000);
    for _ in 0..3 {
        assert!(third(0) >= 200_000);
    }
    let told: Vec<u64> = (0..60).map(|_| third(0)).collect();
    assert!(*told.last().unwrap() < 1_000, "{told:?}");
}

#[test]
fn a_wall_clock_that_is_set_is_told_from_a_counter_that_jumps() {
    const HOUR: i64 = 3_600_000_000_000;
    let mut world = World::new();
    for (ticks, wall, monotonic, error, disruption) in [
        (0, 0, 0, 0, None),
        (0, HOUR, 0, HOUR, Some(Disruption::WallClock)),
        (0, -HOUR, 0, -HOUR, Some(Disruption::WallClock)),
        (0, -2_000_000, 0, -2_000_000, Some(Disruption::WallClock)),
        // The machine was stopped for a minute, which the counter has seen and the kernel has not …
        (
            120_000_000_000,
            60_000_000_000,
            0,
            0,
            Some(Disruption::Counter),
        ),
        // … or it was moved to one whose counter stands elsewhere.
        (
            -1_000_000_000_000,
            0,
            0,
            500_000_000_000,
            Some(Disruption::Counter),
        ),
        (0, 0, 0, 0, None),
    ] {
        let before = world.clock.steady(world.readings.realtime.ticks);
        let found = world.second(ticks, wall, monotonic);
        assert_eq!(found.disruption, disruption, "{ticks} {wall} {monotonic}");
        assert!((found.error_ns - error).abs() < 1_000, "{found:?}");
        assert_eq!(found.width_ns, 20);
        // Only the counter moves what the kernel stamps away from it.
        let moved = found.monotonic_error_ns;
        assert_eq!(
            moved > 1_000,
            disruption == Some(Disruption::Counter),
            "{moved}"
        );
        // Steady time has gone on by a second, or by as much as the counter says.
        let steady = world.clock.steady(world.readings.realtime.ticks);
        let passed = steady.wrapping_sub(before).cast_signed();
        let expected = 1_000_000_000 + (ticks / 2).max(0);
        assert!((passed - expected).abs() < 1_000, "{ticks} {passed}");
        // What the kernel stamps is converted by what was found last.
        let now = world.readings;
        let told = world.clock.from_monotonic(now.monotonic.ns);
        assert!(told.abs_diff(now.realtime.ns) < 1_000, "{told}");
        let told = world.clock.steady_from_monotonic(now.monotonic.ns);
        assert!(told.abs_diff(steady) < 1_000, "{told}");
    }
}

/// Seconds until recalibrations find nothing wrong any more, each of `ticks` more than 2 000 000 000 and of `ns` more than
/// 1 000 000 000; time is right from then on.
fn seconds_to_heal(world: &mut World, ticks: i64, ns: i64) -> u32 {
    healed(world, ticks, ns, Disruption::Counter)
}

/// The same, where only the kernel's time is `ns` longer, and the hardware's is not.
fn seconds_to_heal_slewed(world: &mut World, ns: i64) -> u32 {
    healed(world, 0, ns, Disruption::Slew)
}

fn healed(world: &mut World, ticks: i64, ns: i64, disruption: Disruption) -> u32 {
    let raw_ns = if disruption == Disruption::Slew {
        0
    } else {
        ns
    };
    let mut disrupted = 0;
    for second in 1..=20 {
        let before = world.clock.steady(world.readings.realtime.ticks);
        let found = world.slewed_second(ticks, ns, ns, raw_ns);
        let steady = world.clock.steady(world.readings.realtime.ticks);
        if found.stepped() {
            assert_eq!(found.disruption, Some(disruption));
            assert_eq!(disrupted + 1, second, "disrupted again: {found:?}");
            disrupted = second;
            continue;
        }
        assert!(found.error_ns.abs() < 1_000, "{found:?}");
        assert!(found.drift.abs() < 1e-6, "{found:?}");
        let passed = steady.wrapping_sub(before).cast_signed();
        assert!((passed - (1_000_000_000 + ns)).abs() < 1_000, "{passed}");
    }
    disrupted
}

#[test]
fn a_rate_that_was_wrong_at_the_start_is_mended() {
    for wrong in [0.5, 0.92, 0.998, 1.002, 1.08, 1.9] {
        let mut world = World::with_rate(0.5 * wrong);
        assert_eq!(seconds_to_heal(&mut world, 0, 0), 2, "{wrong}");
        assert!((world.clock.hz() - 2e9).abs() < 1e3);
    }
}

#[test]
fn the_rate_of_another_machine_is_taken_over() {
    for ticks in [-600_000_000, 3_000_000, 1_400_000_000] {
        let mut world = World::new();
        // It was moved within a second, and that machine's counter stands elsewhere.
        let moved = world.second(-5_000_000_000_000, 0, 0);
        assert_eq!(moved.disruption, Some(Disruption::Counter));
        assert_eq!(seconds_to_heal(&mut world, ticks, 0), 2, "{ticks}");
    }
}

#[test]
fn a_clock_that_is_slewed_hard_is_followed_and_so_is_the_end_of_it() {
    let mut world = World::new();
    assert_eq!(seconds_to_heal_slewed(&mut world, 80_000_000), 2);
    assert_eq!(seconds_to_heal_slewed(&mut world, 0), 2);
    // A counter that jumps is told from it as before, also while the clock is slewed.
    assert_eq!(seconds_to_heal_slewed(&mut world, 5_000_000), 2);
    let jumped = world.slewed_second(120_000_000_000, 5_000_000, 5_000_000, 0);
    assert_eq!(jumped.disruption, Some(Disruption::Counter));
}

#[test]
fn two_jumps_in_a_row_make_no_rate() {
    let mut world = World::new();
    for ticks in [400_000_000, 1_600_000_000, -700_000_000] {
        let found = world.second(ticks, 0, 0);
        assert_eq!(found.disruption, Some(Disruption::Counter));
        assert!((found.hz - 2e9).abs() < 1e3, "{found:?}");
    }
    assert_eq!(world.second(0, 0, 0).disruption, None);
}

#[test]
fn readings_older_than_the_last_ones_change_nothing() {
    let mut world = World::new();
    world.second(0, 0, 0);
    let older = world.readings;
    // Another thread has seen since that the clock was set.
    let set = world.second(0, 3_600_000_000_000, 0);
    assert_eq!(set.disruption, Some(Disruption::WallClock));
    let now = world.readings.realtime.ticks;
    let told = |clock: &Clock| (clock.at(now), clock.steady(now), clock.hz());
    let before = told(&world.clock);
    let found = world.clock.recalibrate_by(&older);
    assert_eq!((found.error_ns, found.disruption), (0, None));
    assert_eq!(told(&world.clock), before);
    assert_eq!(world.second(0, 0, 0).disruption, None);
}

#[test]
fn drift_is_told_as_a_part_of_the_rate_at_first() {
    let mut world = World::new();
    let mut found = world.second(0, 0, 0);
    assert!(found.drift.abs() < 1e-9);
    for _ in 0..5 {
        // 20 ppm more ticks in the same second.
        found = world.second(40_000, 0, 0);
    }
    assert!((found.drift - 20e-6).abs() < 1e-7, "{}", found.drift);
    assert!(found.disruption.is_none());
}

#[test]
fn a_manual_clock_stands_where_it_is_set() {
    let clock = Clock::manual(7);
    assert_eq!((clock.now(), clock.source()), (7, Source::Manual));
    clock.set(1_700_000_000_000_000_000);
    assert_eq!(clock.now(), 1_700_000_000_000_000_000);
    assert_eq!(clock.recalibrate().error_ns, 0);
    assert_eq!(clock.now(), 1_700_000_000_000_000_000);
}

#[test]
fn the_kernel_s_stamps_are_converted() {
    let clock = Clock::new();
    clock.recalibrate();
    let (told, now) = (clock.from_monotonic(monotonic_ns()), clock.now());
    assert!(told.abs_diff(now) < 1_000_000, "{told} {now}");
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
    let rate = measured_rate(|| {
        tries += 1;
        ((0, 0), (1_000, 20_000_000))
    });
    assert_eq!((rate, tries), (None, CALIBRATIONS_MAX));
    // A counter that jumps once is tried again.
    let mut ticks = [40_000_000_000, 40_000_000].into_iter();
    let rate = measured_rate(|| ((0, 0), (ticks.next().unwrap(), 20_000_000)));
    assert_eq!(rate, Some(0.5));
}
