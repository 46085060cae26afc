//! Counts of durations by bands a quarter of a power of two wide: coarse enough to be sent every second, fine enough for a
//! heat map and for the quantiles of the last second (within a tenth).

use serde::{Deserialize, Serialize};

use crate::metrics::histogram::Snapshot;

/// Bands: from 32 ns, four for each power of two; the first has all that is shorter, the last all that is longer.
pub const BANDS: usize = 108;
/// The first band's upper bound is this many nanoseconds.
const FLOOR_NS: f64 = 32.0;

/// Durations by band.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bands {
    /// The band of the first count.
    pub first: usize,
    /// Counts, without the zeros before and behind.
    pub counts: Vec<u64>,
}

impl From<&Snapshot> for Bands {
    fn from(snapshot: &Snapshot) -> Self {
        // Whole nanoseconds: a bound of 32 has 31 below it.
        let mut bounds = [u64::MAX; BANDS];
        for (band, bound) in bounds.iter_mut().take(BANDS - 1).enumerate() {
            *bound = upper_ns(band).ceil() as u64 - 1;
        }
        let mut below = 0;
        let counts = snapshot.counts_at_most(&bounds).map(|up_to| {
            let here = up_to.saturating_sub(below);
            below = up_to.max(below);
            here
        });
        Self::trimmed(counts.to_vec())
    }
}

impl Bands {
    fn trimmed(mut counts: Vec<u64>) -> Self {
        let Some(first) = counts.iter().position(|count| *count > 0) else {
            return Self::default();
        };
        let end = counts.iter().rposition(|count| *count > 0).unwrap_or(first) + 1;
        counts.truncate(end);
        counts.drain(..first);
        Self { first, counts }
    }

    /// The count of one band.
    #[must_use]
    pub fn of(&self, band: usize) -> u64 {
        let index = band.checked_sub(self.first);
        index
            .and_then(|index| self.counts.get(index))
            .copied()
            .unwrap_or_default()
    }

    /// All that was counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        let add = |sum: u64, count: &u64| sum.saturating_add(*count);
        self.counts.iter().fold(0, add)
    }

    /// What was counted since `before`.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let more = |band| self.of(band).saturating_sub(before.of(band));
        Self::trimmed((0..BANDS).map(more).collect())
    }

    /// The duration that a share `quantile` (0 to 1) does not exceed, in nanoseconds, as the middle of its band; `None`
    /// where nothing was counted.
    #[must_use]
    pub fn quantile_ns(&self, quantile: f64) -> Option<u64> {
        let total = self.total();
        let rank = ((quantile.clamp(0.0, 1.0) * total as f64).ceil() as u64).max(1);
        let mut below: u64 = 0;
        for (index, count) in self.counts.iter().enumerate() {
            below = below.saturating_add(*count);
            if below >= rank {
                let upper = upper_ns(self.first.saturating_add(index).min(BANDS - 1));
                return Some((upper * 2f64.powf(-0.125)).round() as u64);
            }
        }
        None
    }
}

/// The duration that a band's all stay below, in nanoseconds.
fn upper_ns(band: usize) -> f64 {
    FLOOR_NS * 2f64.powf(band as f64 / 4.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;
    use crate::metrics::histogram::Histogram;

    fn bands(values: &[u64]) -> Bands {
        let histogram = Histogram::new();
        values.iter().for_each(|value| histogram.record(*value));
        (&histogram.snapshot()).into()
    }

    #[test]
    fn nothing_counted_has_no_quantile() {
        assert_eq!(bands(&[]), Bands::default());
        assert_eq!(Bands::default().quantile_ns(0.5), None);
    }

    #[test]
    fn what_came_since_is_what_came_since() {
        let before = bands(&[100, 5_000]);
        let now = bands(&[100, 5_000, 5_000, 70]);
        let since = now.since(&before);
        assert_eq!(since.total(), 2);
        assert_eq!(since.quantile_ns(1.0), before.quantile_ns(1.0));
        // A gateway that began anew has counted less.
        assert_eq!(before.since(&now).total(), 0);
    }

    #[test]
    fn a_gateway_that_lies_does_no_harm() {
        let lying = Bands {
            first: usize::MAX,
            counts: vec![u64::MAX, u64::MAX],
        };
        assert_eq!(lying.total(), u64::MAX);
        assert!(lying.quantile_ns(0.99).is_some());
        assert_eq!(lying.since(&Bands::default()).total(), 0);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_quantiles_are_within_a_tenth(
            values in prop::collection::vec(40u64..1_000_000_000, 1..200),
            quantile in 0.0..1.0f64,
        ) {
            let bands = bands(&values);
            prop_assert_eq!(bands.total(), values.len() as u64);
            let mut sorted = values;
            sorted.sort_unstable();
            let rank = ((quantile * sorted.len() as f64).ceil() as usize).max(1);
            let (told, exact) = (bands.quantile_ns(quantile).unwrap() as f64, sorted[rank - 1] as f64);
            prop_assert!((told - exact).abs() <= 0.11 * exact, "{} for {}", told, exact);
        }
    }
}
