//! What the machine did besides: how near the cores are to each other, how busy they are, and what they lose to others.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use gateway::doctor::jitter;
use serde::{Deserialize, Serialize};

use crate::machine::pin_to;
use crate::queue::placement::{Class, busy, choose};
use crate::report::median;

/// How long each core is watched.
pub(super) const FLOOR: Duration = Duration::from_secs(10);
/// Round trips of a cache line, in batches.
const BATCHES: u64 = 100;
const BATCH: u64 = 16;
/// A bench is marked whose cores were busier than this with something else just before or after it.
const BUSY_MAX: f64 = 0.05;

/// What was seen at one moment.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Conditions {
    /// Half a round trip of a raw cache line between two cores, in nanoseconds; none with one core.
    pub(super) line_ns: Option<f64>,
    /// The share of their time that the cores were busy with something else, or taken by the host.
    pub(super) busy: f64,
    /// Processes that ran or wanted to, over the last minute.
    pub(super) load: f64,
}

impl Conditions {
    /// As it is now; takes a third of a second.
    pub(super) fn now(cores: &[usize]) -> Self {
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load.split(' ').next().and_then(|word| word.parse().ok());
        let chosen = choose(cores);
        Self {
            line_ns: match chosen[..] {
                [first, second, ..] => probe([first, second]),
                _ => None,
            },
            busy: busy(cores),
            load: load.unwrap_or_default(),
        }
    }

    /// Where the cores were.
    pub(super) fn class(&self) -> Option<Class> {
        self.line_ns.map(Class::of)
    }

    /// Whether something else ran.
    pub(super) fn disturbed(&self) -> bool {
        self.busy > BUSY_MAX
    }
}

#[repr(align(128))]
struct Line(AtomicU64);

/// Half a round trip of a cache line between `cores`, in nanoseconds: the median over batches.
fn probe(cores: [usize; 2]) -> Option<f64> {
    let (ping, pong) = (Line(AtomicU64::new(0)), Line(AtomicU64::new(0)));
    std::thread::scope(|scope| {
        // Threads of their own, so that this one stays where it is.
        let far = scope.spawn(|| {
            let pinned = pin_to(cores[1]);
            // Even where it failed: the other side waits.
            for n in 1..=BATCHES * BATCH {
                // Nothing else is handed over: no order needed.
                while ping.0.load(Ordering::Relaxed) != n {}
                pong.0.store(n, Ordering::Relaxed);
            }
            pinned
        });
        let near = scope.spawn(|| {
            let pinned = pin_to(cores[0]);
            let mut n = 0;
            let batches: Vec<f64> = (0..BATCHES)
                .map(|_| {
                    let start = Instant::now();
                    for _ in 0..BATCH {
                        n += 1;
                        ping.0.store(n, Ordering::Relaxed);
                        while pong.0.load(Ordering::Relaxed) != n {}
                    }
                    start.elapsed().as_nanos() as f64 / (2 * BATCH) as f64
                })
                .collect();
            pinned.then(|| median(&batches))
        });
        let (far, near) = (far.join().ok()?, near.join().ok()?);
        near.filter(|_| far)
    })
}

/// What each core loses while a thread of its own does nothing but read the counter.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Floor {
    /// How long each was watched, in seconds.
    pub(super) seconds: f64,
    pub(super) cores: Vec<CoreFloor>,
}

/// One core's gaps between two reads, in nanoseconds.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CoreFloor {
    pub(super) core: usize,
    pub(super) p50_ns: u64,
    pub(super) p99_ns: u64,
    pub(super) p999_ns: u64,
    pub(super) max_ns: u64,
    /// How many a second were longer than 20 µs.
    pub(super) long_per_s: f64,
    /// The share of the time that gaps above 1 µs took.
    pub(super) lost_ratio: f64,
}

impl Floor {
    /// Watches all `cores` at the same time, as the doctor's jitter meter does.
    ///
    /// # Errors
    /// A core may not be used.
    pub(super) fn measure(cores: &[usize]) -> Result<Self> {
        let report = jitter::measure(cores, FLOOR, &AtomicBool::new(false))
            .map_err(|error| anyhow!("the jitter floor cannot be measured: {error}"))?;
        let seconds = report.seconds;
        let floor = |core: &jitter::Core| CoreFloor {
            core: core.core,
            p50_ns: core.gap_p50_ns,
            p99_ns: core.gap_p99_ns,
            p999_ns: core.gap_p999_ns,
            max_ns: core.gap_max_ns,
            long_per_s: core.gaps_long as f64 / seconds,
            lost_ratio: core.lost_ratio,
        };
        Ok(Self {
            seconds,
            cores: report.cores.iter().map(floor).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_between_two_cores_takes_some_time_and_one_core_has_no_placement() {
        let cores = crate::machine::allowed();
        let conditions = Conditions::now(&cores);
        if choose(&cores).len() > 1 {
            assert!(
                conditions.line_ns.is_some_and(|nanos| nanos > 0.0),
                "{conditions:?}"
            );
        }
        assert_eq!(Conditions::now(&cores[..1]).line_ns, None);
    }
}
