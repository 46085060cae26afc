//! A latency histogram of fixed size: log-linear, one writer, read by anybody at any time.
//!
//! Each power of two is divided into [`SUB_BUCKETS`] equal buckets, so a bucket is never wider than 1/128 of its lower
//! bound: a quantile, told as the bucket's middle, is within 0.4 % of the true value. Below 128 ns every nanosecond
//! has a bucket. The writer does a load and a store, no locked instruction and no allocation.

use std::sync::atomic::{AtomicU64, Ordering};

/// Buckets for each power of two.
const SUB_BUCKETS: u64 = 1 << SUB_BITS;
const SUB_BITS: u32 = 7;
/// Values from here on (about 69 s) count in the last bucket.
const VALUE_BITS: u32 = 36;
const BUCKETS: usize = ((VALUE_BITS - SUB_BITS + 1) as usize) << SUB_BITS;

/// Counts durations in nanoseconds.
#[derive(Debug)]
pub struct Histogram {
    buckets: Box<[AtomicU64]>,
    sum: AtomicU64,
    max: AtomicU64,
}

impl Histogram {
    /// Empty. All memory it will ever use is taken here: 30 KiB.
    #[must_use]
    pub fn new() -> Self {
        Self {
            buckets: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
            max: AtomicU64::new(0),
        }
    }

    /// Counts one duration. Only one thread may call this: a concurrent call loses counts (and nothing else).
    #[inline]
    pub fn record(&self, nanos: u64) {
        // Relaxed throughout: counts only, no other memory is read on the strength of them.
        let bucket = &self.buckets[bucket_of(nanos)];
        bucket.store(bucket.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        self.sum.store(
            self.sum.load(Ordering::Relaxed).wrapping_add(nanos),
            Ordering::Relaxed,
        );
        if nanos > self.max.load(Ordering::Relaxed) {
            self.max.store(nanos, Ordering::Relaxed);
        }
    }

    /// Copies what is counted now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let counts: Vec<u64> = self
            .buckets
            .iter()
            .map(|bucket| bucket.load(Ordering::Relaxed))
            .collect();
        Snapshot {
            count: counts.iter().sum(),
            counts,
            sum_ns: self.sum.load(Ordering::Relaxed),
            max_ns: self.max.load(Ordering::Relaxed),
        }
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

/// A histogram at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    counts: Vec<u64>,
    /// How many durations were counted.
    pub count: u64,
    /// Their sum.
    pub sum_ns: u64,
    /// The longest, exactly.
    pub max_ns: u64,
}

impl Snapshot {
    /// Adds what `other` counted.
    pub fn merge(&mut self, other: &Self) {
        if self.counts.is_empty() {
            self.counts = vec![0; BUCKETS];
        }
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.count += other.count;
        self.sum_ns = self.sum_ns.wrapping_add(other.sum_ns);
        self.max_ns = self.max_ns.max(other.max_ns);
    }

    /// The duration that a share `quantile` (0 to 1) of all does not exceed; 0 when nothing was counted.
    #[must_use]
    pub fn quantile_ns(&self, quantile: f64) -> u64 {
        let rank = ((quantile.clamp(0.0, 1.0) * self.count as f64).ceil() as u64).max(1);
        if rank >= self.count {
            return self.max_ns;
        }
        let mut below = 0;
        for (index, count) in self.counts.iter().enumerate() {
            below += count;
            if below >= rank {
                let (low, width) = bounds(index);
                return (low + width / 2).min(self.max_ns);
            }
        }
        self.max_ns
    }

    /// How many durations are at most `nanos`, to the bucket's precision.
    #[must_use]
    pub fn count_at_most(&self, nanos: u64) -> u64 {
        self.counts.iter().take(bucket_of(nanos) + 1).sum()
    }
}

/// The bucket that `nanos` counts in.
#[inline]
fn bucket_of(nanos: u64) -> usize {
    let value = nanos.min((1 << VALUE_BITS) - 1);
    if value < SUB_BUCKETS {
        return value as usize;
    }
    // The octave's number, and the SUB_BITS bits below the leading one.
    let octave = value.ilog2() - SUB_BITS;
    (((octave as usize) + 1) << SUB_BITS) + ((value >> octave) & (SUB_BUCKETS - 1)) as usize
}

/// Lower bound and width of a bucket.
fn bounds(index: usize) -> (u64, u64) {
    let octave = (index >> SUB_BITS) as u32;
    let offset = index as u64 & (SUB_BUCKETS - 1);
    match octave {
        0 => (offset, 1),
        octave => ((SUB_BUCKETS + offset) << (octave - 1), 1 << (octave - 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_tile_the_range_and_are_narrow() {
        let mut expected = 0;
        for index in 0..BUCKETS {
            let (low, width) = bounds(index);
            assert_eq!(low, expected);
            assert_eq!(bucket_of(low), index);
            assert_eq!(bucket_of(low + width - 1), index);
            assert!(
                width == 1 || width * 100 <= low,
                "bucket {index} is wider than 1 %"
            );
            expected = low + width;
        }
        assert_eq!(expected, 1 << VALUE_BITS);
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_of_a_known_distribution_are_within_one_percent() {
        let histogram = Histogram::new();
        for value in 1..=100_000u64 {
            histogram.record(value * 7);
        }
        let snapshot = histogram.snapshot();
        for quantile in [0.01, 0.5, 0.9, 0.99, 0.999] {
            let exact = quantile * 700_000.0;
            let told = snapshot.quantile_ns(quantile) as f64;
            assert!(
                (told - exact).abs() / exact < 0.01,
                "{quantile}: {told} for {exact}"
            );
        }
        assert_eq!(snapshot.max_ns, 700_000);
        assert_eq!(snapshot.count_at_most(u64::MAX), 100_000);
        assert_eq!(snapshot.quantile_ns(1.0), 700_000);
    }

    #[test]
    fn an_empty_histogram_tells_zero() {
        let mut merged = Snapshot::default();
        merged.merge(&Histogram::new().snapshot());
        assert_eq!((merged.quantile_ns(0.99), merged.count_at_most(5)), (0, 0));
    }
}
