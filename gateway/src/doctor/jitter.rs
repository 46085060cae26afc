//! How long each core runs something else: gaps in the time-stamp counter, as `hwlat` finds them from user space.
//!
//! A thread on each core does nothing but read the counter. Whatever stands between two reads took the core away: an
//! interrupt, the scheduler, the hypervisor, the firmware. What it costs a worker is exactly that.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gateway_queue::clock::Clock;
use serde::Serialize;

use crate::metrics::histogram::Histogram;
use crate::worker::{PinError, pin};

/// From here on a gap is long: a packet of a burst waits for it.
const GAP_LONG_NS: u64 = 20_000;
/// From here on somebody else had the core: no read takes so long.
const GAP_LOST_NS: u64 = 1_000;
/// Upper bounds of the printed histogram in nanoseconds.
const BOUNDS_NS: [u64; 9] = [
    100, 1_000, 5_000, 10_000, 20_000, 50_000, 100_000, 1_000_000, 10_000_000,
];
/// Reads between two looks at whether to stop.
const READS: u32 = 4096;

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// How long, in seconds.
    pub seconds: f64,
    /// Each core.
    pub cores: Vec<Core>,
}

/// One core.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Core {
    /// Its number.
    pub core: usize,
    /// How often the counter was read.
    pub reads: u64,
    /// The longest time between two reads, in nanoseconds.
    pub gap_max_ns: u64,
    /// Half of all times between two reads were no longer: what a read takes.
    pub gap_p50_ns: u64,
    /// Of all times between two reads, 99 of 100 were no longer.
    pub gap_p99_ns: u64,
    /// Of all times between two reads, 999 of 1000 were no longer.
    pub gap_p999_ns: u64,
    /// The share of the time that gaps longer than 1 us took, 0 to 1.
    pub lost_ratio: f64,
    /// How many were longer than 20 us.
    pub gaps_long: u64,
    /// All of them, by length.
    pub gaps: Vec<Bucket>,
}

/// Gaps up to a length, and longer than those of the bucket before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Bucket {
    /// The length in nanoseconds; `None` for any.
    pub at_most_ns: Option<u64>,
    /// How many.
    pub count: u64,
}

/// Measures on all of these cores at the same time.
///
/// # Errors
///
/// A core does not exist or may not be used, or a thread cannot be started.
pub fn measure(cores: &[usize], span: Duration, stop: &AtomicBool) -> Result<Report, String> {
    let began = std::time::Instant::now();
    let found: Result<Vec<Core>, String> = std::thread::scope(|scope| {
        let threads: Vec<_> = cores
            .iter()
            .map(|&core| scope.spawn(move || on_core(core, span, stop)))
            .collect();
        threads
            .into_iter()
            .map(|thread| match thread.join() {
                Ok(result) => result.map_err(|error| error.to_string()),
                Err(_) => Err("a measuring thread ended early".to_owned()),
            })
            .collect()
    });
    Ok(Report {
        cores: found?,
        seconds: began.elapsed().as_secs_f64(),
    })
}

fn on_core(core: usize, span: Duration, stop: &AtomicBool) -> Result<Core, PinError> {
    pin("the measuring thread", core)?;
    let clock = Clock::global();
    let gaps = Histogram::new();
    let mut lost_ns = 0;
    let begin = clock.ticks();
    let mut last = begin;
    let end = last.wrapping_add(clock.ticks_in(span));
    // Pairs with nothing: the flag alone is the message.
    while end.wrapping_sub(last).cast_signed() > 0 && !stop.load(Ordering::Relaxed) {
        for _ in 0..READS {
            let now = clock.ticks();
            let gap = clock.duration_ns(now.wrapping_sub(last));
            gaps.record(gap);
            if gap > GAP_LOST_NS {
                lost_ns += gap;
            }
            last = now;
        }
    }
    let span_ns = clock.duration_ns(last.wrapping_sub(begin)).max(1);
    let all = gaps.snapshot();
    let mut below = 0;
    let mut buckets: Vec<Bucket> = BOUNDS_NS
        .iter()
        .map(|&bound| {
            let count = all.count_at_most(bound);
            let bucket = Bucket {
                at_most_ns: Some(bound),
                count: count.saturating_sub(below),
            };
            below = count.max(below);
            bucket
        })
        .collect();
    buckets.push(Bucket {
        at_most_ns: None,
        count: all.count.saturating_sub(below),
    });
    Ok(Core {
        core,
        reads: all.count,
        gap_max_ns: all.max_ns,
        gap_p50_ns: all.quantile_ns(0.5),
        gap_p99_ns: all.quantile_ns(0.99),
        gap_p999_ns: all.quantile_ns(0.999),
        lost_ratio: lost_ns as f64 / span_ns as f64,
        gaps_long: all.count.saturating_sub(all.count_at_most(GAP_LONG_NS)),
        gaps: buckets,
    })
}

impl Report {
    /// The table that people read.
    #[must_use]
    pub fn page(&self) -> String {
        let mut text = format!(
            "gaps between two reads of the time-stamp counter, {:.1} s on each core\n\n\
             {:>4} {:>12} {:>10} {:>12} {:>12} {:>9}\n",
            self.seconds, "core", "reads", "p99.9", "longest", ">20 us a s", "time lost"
        );
        for core in &self.cores {
            text.push_str(&format!(
                "{:>4} {:>12} {:>7} ns {:>9.1} us {:>12.1} {:>7.3} %\n",
                core.core,
                core.reads,
                core.gap_p999_ns,
                core.gap_max_ns as f64 / 1e3,
                core.gaps_long as f64 / self.seconds.max(f64::EPSILON),
                core.lost_ratio * 100.0
            ));
        }
        text.push_str("\nhow many, by length:\n");
        for core in &self.cores {
            let counts: Vec<String> = core
                .gaps
                .iter()
                .filter(|bucket| bucket.count > 0)
                .map(|bucket| match bucket.at_most_ns {
                    Some(ns) => format!("<={} {}", length(ns), bucket.count),
                    None => format!("longer {}", bucket.count),
                })
                .collect();
            text.push_str(&format!("{:>4} {}\n", core.core, counts.join("  ")));
        }
        text
    }
}

fn length(ns: u64) -> String {
    match ns {
        0..1_000 => format!("{ns}ns"),
        1_000..1_000_000 => format!("{}us", ns / 1_000),
        _ => format!("{}ms", ns / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// The first CPU that this process may use.
    fn usable() -> usize {
        let allowed = rustix::thread::sched_getaffinity(None).unwrap();
        (0..rustix::thread::CpuSet::MAX_CPU)
            .find(|&cpu| allowed.is_set(cpu))
            .unwrap()
    }

    #[test]
    fn every_read_is_in_a_bucket_and_the_longest_is_no_shorter_than_the_quantile() {
        let stop = AtomicBool::new(false);
        let report = measure(&[usable()], Duration::from_millis(50), &stop).unwrap();
        let core = &report.cores[0];
        assert!(core.reads > 0, "{core:?}");
        assert_eq!(core.gaps.iter().map(|b| b.count).sum::<u64>(), core.reads);
        assert!(core.gap_max_ns >= core.gap_p999_ns, "{core:?}");
        assert!(core.gap_p999_ns >= core.gap_p99_ns, "{core:?}");
        assert!(core.gap_p99_ns >= core.gap_p50_ns, "{core:?}");
        assert!((0.0..=1.0).contains(&core.lost_ratio), "{core:?}");
        let lost = core.gap_max_ns > GAP_LOST_NS;
        assert_eq!(core.lost_ratio > 0.0, lost, "{core:?}");
        let long: u64 = core
            .gaps
            .iter()
            .filter(|b| b.at_most_ns.is_none_or(|ns| ns > GAP_LONG_NS))
            .map(|b| b.count)
            .sum();
        assert_eq!(long, core.gaps_long);
        assert!(report.page().contains("longest"), "{}", report.page());
    }

    #[test]
    fn a_core_that_does_not_exist_is_named_and_a_signal_ends_it() {
        let stop = AtomicBool::new(true);
        let report = measure(&[usable()], Duration::from_secs(600), &stop).unwrap();
        assert_eq!(report.cores[0].reads, 0);
        let error = measure(&[1000], Duration::from_millis(1), &stop).unwrap_err();
        assert!(error.contains("CPU 1000"), "{error}");
    }
}
