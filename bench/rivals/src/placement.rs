//! Where the two cores are, as a raw cache line tells: a host may move virtual cores between two measurements.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use anyhow::Result;
use gateway_queue::clock::Clock;

use crate::ends::pin;
use crate::time::{median, nanos, stamp};

/// Round trips, a hundred batches of them.
const BATCHES: u64 = 100;
const BATCH: u64 = 16;

#[repr(align(128))]
struct Line(AtomicU64);

/// Half a round trip between `cores`, in nanoseconds: the median over batches. Pins the caller to the first.
pub(crate) fn probe(cores: [usize; 2]) -> Result<f64> {
    let clock = Clock::global();
    let (ping, pong) = (Line(AtomicU64::new(0)), Line(AtomicU64::new(0)));
    pin(cores[0])?;
    thread::scope(|scope| {
        let far = scope.spawn(|| -> Result<()> {
            let pinned = pin(cores[1]);
            // Even where it failed: the other side waits.
            for n in 1..=BATCHES * BATCH {
                // Nothing else is handed over: no order needed.
                while ping.0.load(Ordering::Relaxed) != n {}
                pong.0.store(n, Ordering::Relaxed);
            }
            pinned
        });
        let mut batches = Vec::with_capacity(BATCHES as usize);
        let mut n = 0;
        for _ in 0..BATCHES {
            let start = stamp(clock);
            for _ in 0..BATCH {
                n += 1;
                ping.0.store(n, Ordering::Relaxed);
                while pong.0.load(Ordering::Relaxed) != n {}
            }
            let ticks = stamp(clock) - start;
            batches.push(nanos(clock, ticks as f64) / (2 * BATCH) as f64);
        }
        far.join()
            .map_err(|_| anyhow::anyhow!("the probe's thread panicked"))??;
        Ok(median(&mut batches))
    })
}
