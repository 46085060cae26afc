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

/// Steps of the counter: on some processors it advances by many ticks at once.
pub(crate) fn granularity(clock: &Clock) -> u64 {
    let mut last = stamp(clock);
    let differences = [(); 8_192].map(|()| {
        let now = stamp(clock);
        now.wrapping_sub(std::mem::replace(&mut last, now))
    });
    step_of(&differences)
}

/// What divides the differences between readings. A virtual counter may be shifted now and then, and two readings
/// within one step may differ by 1: what divides most of their windows is taken.
fn step_of(differences: &[u64]) -> u64 {
    let divisor = |mut a: u64, mut b: u64| {
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    let windows = differences.chunks(32);
    let mut divisors: Vec<u64> = windows
        .map(|window| window.iter().copied().fold(0, divisor))
        .collect();
    divisors.sort_unstable();
    divisors
        .get(divisors.len() / 2)
        .map_or(1, |step| (*step).max(1))
}

/// The quantile `q` of durations that a counter with steps of `step` measured: values of one step are taken as
/// evenly spread over it, so that a median is not a multiple of the step. Sorts `ticks`.
pub(crate) fn quantile_of_stepped(ticks: &mut [u64], q: f64, step: u64) -> f64 {
    ticks.sort_unstable();
    let Some(last) = ticks.len().checked_sub(1) else {
        return f64::NAN;
    };
    let rank = q * last as f64;
    let value = ticks[rank.round() as usize];
    // All within one step of the counter, which need not divide the values evenly.
    let half = step as f64 / 2.0;
    let from = ticks.partition_point(|&other| (other as f64) < value as f64 - half);
    let to = ticks.partition_point(|&other| (other as f64) < value as f64 + half);
    let within = (rank - from as f64 + 0.5) / (to - from) as f64;
    value as f64 + step as f64 * (within.clamp(0.0, 1.0) - 0.5)
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
        let median = quantile_of_stepped(&mut ticks, 0.5, 26);
        assert!((100.0..113.0).contains(&median), "{median}");
        let high = quantile_of_stepped(&mut ticks, 0.99, 26);
        assert!((126.0..139.0).contains(&high), "{high}");
    }

    #[test]
    fn the_counter_s_step_is_found_though_it_was_shifted_once() {
        let mut differences: Vec<u64> = (0..1_000).map(|i| 26 * (2 + i % 3)).collect();
        differences[500] = 53;
        assert_eq!(step_of(&differences), 26);
        assert_eq!(step_of(&[0, 0]), 1);
        assert_eq!(step_of(&[]), 1);
    }

    #[test]
    fn the_median_of_an_even_number_is_the_middle() {
        assert_eq!(median(&mut [4.0, 1.0, 3.0, 2.0]), 2.5);
        assert!(median(&mut []).is_nan());
    }
}
