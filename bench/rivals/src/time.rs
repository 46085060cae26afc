//! Time stamps, and what to make of many.

use gateway_queue::clock::{Clock, Source};

/// The counter, after everything before it and before everything behind it. About 20 ns.
#[inline(always)]
pub(crate) fn stamp(clock: &Clock) -> u64 {
    #[cfg(target_arch = "x86_64")]
    if matches!(clock.source(), Source::Tsc) {
        use core::arch::x86_64::{_mm_lfence, _rdtsc};
        // SAFETY: every x86-64 processor has these instructions, and Linux leaves the counter enabled.
        return unsafe {
            _mm_lfence();
            let ticks = _rdtsc();
            _mm_lfence();
            ticks
        };
    }
    clock.ticks()
}

/// Spins until the counter stands at `ticks`.
#[inline(always)]
pub(crate) fn wait_until(clock: &Clock, ticks: u64) {
    while clock.ticks() < ticks {
        std::hint::spin_loop();
    }
}

/// Nanoseconds of a (fractional) number of ticks.
pub(crate) fn nanos(clock: &Clock, ticks: f64) -> f64 {
    ticks * 1e9 / clock.hz()
}

/// Ticks by which the counter advances at once: many on some processors, and not always a whole number of them, where a
/// virtual machine's counter is the host's, scaled. 1 where no such step shows.
pub(crate) fn granularity(clock: &Clock) -> f64 {
    let mut last = stamp(clock);
    let mut differences = [0; STEP_SAMPLES];
    for (index, difference) in differences.iter_mut().enumerate() {
        // Durations of all lengths, or a constant duration would pass for the step.
        for spin in 0..index % 61 {
            std::hint::black_box(spin);
        }
        let now = stamp(clock);
        *difference = now.wrapping_sub(std::mem::replace(&mut last, now));
    }
    step_of(&differences)
}

/// Readings that tell the step.
const STEP_SAMPLES: usize = 1_024;
/// Steps that are looked for, in ticks: below them a step does no harm, and nearly everything lies on its multiples.
const STEP_RANGE: std::ops::Range<u32> = 8..256;
/// Candidates a tick.
const STEP_FRACTION: u32 = 32;
/// So many of the differences lie on multiples of a step. A virtual counter may be shifted now and then.
const STEP_SHARE: f64 = 0.9;

/// The largest number of which nearly all `differences` are multiples, as near as whole ticks can tell.
fn step_of(differences: &[u64]) -> f64 {
    let candidates = STEP_RANGE.start * STEP_FRACTION..STEP_RANGE.end * STEP_FRACTION;
    let step = candidates.rev().find_map(|candidate| {
        let step = f64::from(candidate) / f64::from(STEP_FRACTION);
        // Both readings of a difference are cut to whole ticks.
        let on_it = |difference: &&u64| {
            let steps = **difference as f64 / step;
            (steps - steps.round()).abs() * step <= 1.0
        };
        let count = differences.iter().filter(on_it).count();
        if (count as f64) < STEP_SHARE * differences.len() as f64 {
            return None;
        }
        // The candidate is near enough to count the steps of each difference, and these tell the step.
        let (mut sum, mut squares) = (0.0, 0.0);
        for difference in differences.iter().filter(on_it) {
            let steps = (*difference as f64 / step).round();
            sum += steps * *difference as f64;
            squares += steps * steps;
        }
        (squares > 0.0).then(|| sum / squares)
    });
    step.unwrap_or(1.0)
}

/// The quantile `q` of durations that a counter with steps of `step` measured: values of one step are taken as
/// evenly spread over it, so that a median is not a multiple of the step. Sorts `ticks`.
pub(crate) fn quantile_of_stepped(ticks: &mut [u64], q: f64, step: f64) -> f64 {
    ticks.sort_unstable();
    let Some(last) = ticks.len().checked_sub(1) else {
        return f64::NAN;
    };
    let rank = q * last as f64;
    let value = ticks[rank.round() as usize];
    // All within one step of the counter, which need not divide the values evenly.
    let half = step / 2.0;
    let from = ticks.partition_point(|&other| (other as f64) < value as f64 - half);
    let to = ticks.partition_point(|&other| (other as f64) < value as f64 + half);
    let within = (rank - from as f64 + 0.5) / (to - from) as f64;
    value as f64 + step * (within.clamp(0.0, 1.0) - 0.5)
}

/// The median; NaN of nothing.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        len if len % 2 == 1 => values[len / 2],
        len => f64::midpoint(values[len / 2 - 1], values[len / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_lies_between_the_steps_of_the_counter() {
        // Three quarters of the values are 100, one quarter 126: the median lies low in the step around 100.
        let mut ticks: Vec<u64> = (0..400)
            .map(|i| if i % 4 == 3 { 126 } else { 100 })
            .collect();
        let median = quantile_of_stepped(&mut ticks, 0.5, 26.0);
        assert!((100.0..113.0).contains(&median), "{median}");
        let high = quantile_of_stepped(&mut ticks, 0.99, 26.0);
        assert!((126.0..139.0).contains(&high), "{high}");
    }

    #[test]
    fn the_counter_s_step_is_found_though_it_was_shifted_once() {
        let mut differences: Vec<u64> = (0..1_000).map(|i| 26 * (2 + i % 3)).collect();
        differences[500] = 53;
        let step = step_of(&differences);
        assert!((step - 26.0).abs() < 0.01, "{step}");
        assert_eq!(step_of(&[0, 0]), 1.0);
        assert_eq!(step_of(&[]), 1.0);
    }

    #[test]
    fn a_step_need_not_be_a_whole_number_of_ticks() {
        let mut reading = 0.37_f64;
        let readings: Vec<u64> = (0..1_000)
            .map(|i| {
                reading += 24.45 * f64::from(2 + i % 7);
                reading as u64
            })
            .collect();
        let differences: Vec<u64> = readings.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let step = step_of(&differences);
        assert!((step - 24.45).abs() < 0.05, "{step}");
    }

    #[test]
    fn a_counter_that_counts_every_tick_has_no_step() {
        let differences: Vec<u64> = (0..1_000).map(|i| 48 + i * 7 % 211).collect();
        assert_eq!(step_of(&differences), 1.0);
    }

    #[test]
    fn the_median_of_an_even_number_is_the_middle() {
        assert_eq!(median(&mut [4.0, 1.0, 3.0, 2.0]), 2.5);
        assert!(median(&mut []).is_nan());
    }
}
