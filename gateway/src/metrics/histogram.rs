//! A latency histogram of fixed size: log-linear, one writer, read by anybody at any time.
//!
//! The buckets are those of [`gateway_queue::buckets`], at most 1/128 wide. The writer does a load and a store, no locked instruction and no allocation.

use std::sync::atomic::{AtomicU64, Ordering};

use gateway_queue::buckets::{BUCKETS, bounds, bucket_of};

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

    /// Whether anything was counted.
    #[must_use]
    pub fn has_counted(&self) -> bool {
        // Nothing longer than nothing is in the first bucket.
        let none_ns = self.buckets.first();
        self.max.load(Ordering::Relaxed) > 0
            || none_ns.is_some_and(|bucket| bucket.load(Ordering::Relaxed) > 0)
    }

    /// Copies what is counted now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let counts: Vec<u64> = self
            .buckets
            .iter()
            .map(|bucket| bucket.load(Ordering::Relaxed))
            .collect();
        Snapshot::new(
            counts,
            self.sum.load(Ordering::Relaxed),
            self.max.load(Ordering::Relaxed),
        )
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
    /// Of counts by bucket, which may be any values at all: a reader of a queue writes its own.
    #[must_use]
    pub fn new(counts: Vec<u64>, sum_ns: u64, max_ns: u64) -> Self {
        Self {
            count: counts
                .iter()
                .fold(0, |sum, count| sum.saturating_add(*count)),
            counts,
            sum_ns,
            max_ns,
        }
    }

    /// What was counted since `before`; the longest of it to a bucket's width, because nobody takes it apart while it is
    /// counted.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let counts: Vec<u64> = self
            .counts
            .iter()
            .enumerate()
            .map(|(index, count)| {
                count.saturating_sub(before.counts.get(index).copied().unwrap_or_default())
            })
            .collect();
        let longest = counts.iter().rposition(|count| *count > 0);
        let max_ns = longest.map_or(0, |index| {
            let (low, width) = bounds(index);
            // The last bucket has no end.
            let end = if index + 1 == BUCKETS {
                u64::MAX
            } else {
                low + width - 1
            };
            end.min(self.max_ns.max(low))
        });
        Self::new(counts, self.sum_ns.wrapping_sub(before.sum_ns), max_ns)
    }

    /// Adds what `other` counted.
    pub fn merge(&mut self, other: &Self) {
        if self.counts.is_empty() {
            self.counts = vec![0; BUCKETS];
        }
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine = mine.saturating_add(*theirs);
        }
        self.count = self.count.saturating_add(other.count);
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
            below = count.saturating_add(below);
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
        let [count] = self.counts_at_most(&[nanos]);
        count
    }

    /// How many durations are at most as long as each of `bounds`, which rise, to a bucket's precision.
    #[must_use]
    pub fn counts_at_most<const N: usize>(&self, bounds: &[u64; N]) -> [u64; N] {
        let (mut at_most, mut index) = (0_u64, 0);
        bounds.map(|bound| {
            let end = bucket_of(bound) + 1;
            for count in self.counts.iter().take(end).skip(index) {
                at_most = at_most.saturating_add(*count);
            }
            index = index.max(end);
            at_most
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(
            snapshot.counts_at_most(&[0, 7, 699, u64::MAX]),
            [0, 1, 99, 100_000]
        );
        assert_eq!(snapshot.quantile_ns(1.0), 700_000);
    }

    #[test]
    fn an_empty_histogram_tells_zero() {
        let mut merged = Snapshot::default();
        merged.merge(&Histogram::new().snapshot());
        assert_eq!(
            (merged.quantile_ns(0.99), merged.counts_at_most(&[5])),
            (0, [0])
        );
    }

    #[test]
    fn a_window_has_what_was_counted_in_it() {
        let histogram = Histogram::new();
        histogram.record(1_000_000);
        let before = histogram.snapshot();
        for _ in 0..99 {
            histogram.record(500);
        }
        histogram.record(20_000);
        let window = histogram.snapshot().since(&before);
        assert_eq!(window.count, 100);
        assert_eq!(window.sum_ns, 99 * 500 + 20_000);
        assert!((500..=504).contains(&window.quantile_ns(0.5)));
        assert!(
            (20_000..20_200).contains(&window.max_ns),
            "{}",
            window.max_ns
        );
        let empty = histogram.snapshot().since(&histogram.snapshot());
        assert_eq!((empty.count, empty.max_ns), (0, 0));
    }

    #[test]
    fn counts_that_make_no_sense_are_told_without_harm() {
        let hostile = Snapshot::new(vec![u64::MAX; BUCKETS], u64::MAX, 5);
        assert_eq!(hostile.count, u64::MAX);
        let mut merged = hostile.clone();
        merged.merge(&hostile);
        assert!(merged.quantile_ns(0.99) <= 5);
        assert_eq!(hostile.counts_at_most(&[5, 50]), [u64::MAX; 2]);
        let window = Snapshot::new(vec![1; BUCKETS], 0, 0).since(&hostile);
        assert_eq!(window.count, 0);
    }
}
