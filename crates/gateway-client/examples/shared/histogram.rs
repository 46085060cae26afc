//! A histogram of durations in fixed memory.

/// Steps within each doubling: a bucket is at most 1/64 of its value wide.
const STEPS: u64 = 64;
const STEPS_LOG2: u32 = STEPS.trailing_zeros();
const BUCKETS: usize = ((64 - STEPS_LOG2 as usize) + 1) * STEPS as usize;

/// Counts durations in nanoseconds, to 1.6 % of their value.
pub(crate) struct Histogram {
    counts: Box<[u64; BUCKETS]>,
    total: u64,
    max: u64,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Self {
            counts: Box::new([0; BUCKETS]),
            total: 0,
            max: 0,
        }
    }

    pub(crate) fn record(&mut self, nanoseconds: u64) {
        self.counts[bucket(nanoseconds)] += 1;
        self.total += 1;
        self.max = self.max.max(nanoseconds);
    }

    pub(crate) fn count(&self) -> u64 {
        self.total
    }

    pub(crate) fn max(&self) -> u64 {
        self.max
    }

    /// The upper edge of the bucket below which `part` (0 to 1) of all durations lie; 0 where there are none.
    pub(crate) fn quantile(&self, part: f64) -> u64 {
        let wanted = (self.total as f64 * part).ceil().max(1.0) as u64;
        let mut seen = 0;
        let found = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        found.map_or(0, |index| upper_edge(index).min(self.max))
    }
}

fn bucket(value: u64) -> usize {
    if value < STEPS {
        return value as usize;
    }
    let shift = value.ilog2() - STEPS_LOG2;
    ((u64::from(shift) + 1) * STEPS + ((value >> shift) - STEPS)) as usize
}

fn upper_edge(index: usize) -> u64 {
    let index = index as u64;
    if index < STEPS {
        return index;
    }
    let shift = index / STEPS - 1;
    (((index % STEPS + STEPS + 1) as u128) << shift)
        .saturating_sub(1)
        .min(u128::from(u64::MAX)) as u64
}
