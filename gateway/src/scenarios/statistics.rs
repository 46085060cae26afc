//! What a set of times comes to.

use serde::{Deserialize, Serialize};

/// Quantiles and moments of a measurement, in nanoseconds. A quantile is one of the samples: the smallest that at least
/// that share of all is not above.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// How many samples there were.
    pub samples: u64,
    /// The smallest.
    pub min_ns: u64,
    /// Their mean.
    pub mean_ns: f64,
    /// Half are not above it.
    pub p50_ns: u64,
    /// 90 % are not above it.
    pub p90_ns: u64,
    /// 99 % are not above it.
    pub p99_ns: u64,
    /// 99.9 % are not above it; with fewer than 1,000 samples it is the largest.
    pub p999_ns: u64,
    /// The largest.
    pub max_ns: u64,
    /// Their standard deviation.
    pub standard_deviation_ns: f64,
}

impl Distribution {
    /// Sorts `samples` (nanoseconds) and describes them; `None` where there are none.
    #[must_use]
    pub fn of(samples: &mut [u64]) -> Option<Self> {
        samples.sort_unstable();
        let (&min, &max) = (samples.first()?, samples.last()?);
        let count = samples.len() as f64;
        let mean = samples.iter().map(|&ns| ns as f64).sum::<f64>() / count;
        let variance = samples
            .iter()
            .map(|&ns| (ns as f64 - mean).powi(2))
            .sum::<f64>()
            / count;
        Some(Self {
            samples: samples.len() as u64,
            min_ns: min,
            mean_ns: mean,
            p50_ns: quantile(samples, 500),
            p90_ns: quantile(samples, 900),
            p99_ns: quantile(samples, 990),
            p999_ns: quantile(samples, 999),
            max_ns: max,
            standard_deviation_ns: variance.sqrt(),
        })
    }

    /// The median of each figure over several rounds; the samples are those of all.
    #[must_use]
    pub fn median_of(rounds: &[Self]) -> Option<Self> {
        if rounds.is_empty() {
            return None;
        }
        let whole = |of: fn(&Self) -> u64| {
            let mut values: Vec<u64> = rounds.iter().map(of).collect();
            values.sort_unstable();
            quantile(&values, 500)
        };
        let real = |of: fn(&Self) -> f64| {
            let mut values: Vec<f64> = rounds.iter().map(of).collect();
            values.sort_unstable_by(f64::total_cmp);
            values[(values.len() - 1) / 2]
        };
        Some(Self {
            samples: rounds.iter().map(|round| round.samples).sum(),
            min_ns: whole(|d| d.min_ns),
            mean_ns: real(|d| d.mean_ns),
            p50_ns: whole(|d| d.p50_ns),
            p90_ns: whole(|d| d.p90_ns),
            p99_ns: whole(|d| d.p99_ns),
            p999_ns: whole(|d| d.p999_ns),
            max_ns: whole(|d| d.max_ns),
            standard_deviation_ns: real(|d| d.standard_deviation_ns),
        })
    }
}

/// The smallest of the `sorted` that at least `per_mille` of them are not above.
fn quantile(sorted: &[u64], per_mille: usize) -> u64 {
    let rank = (sorted.len() * per_mille).div_ceil(1000).max(1);
    sorted[rank.min(sorted.len()) - 1]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_thousand_numbers_have_the_quantiles_that_one_expects() {
        let mut samples: Vec<u64> = (1..=1000).rev().collect();
        let d = Distribution::of(&mut samples).unwrap();
        assert_eq!(
            (d.min_ns, d.p50_ns, d.p90_ns, d.p99_ns, d.p999_ns, d.max_ns),
            (1, 500, 900, 990, 999, 1000)
        );
        assert!((d.mean_ns - 500.5).abs() < 1e-9);
        // Of 1 to n the variance is (n² - 1) / 12.
        assert!((d.standard_deviation_ns - (999_999.0_f64 / 12.0).sqrt()).abs() < 1e-6);
    }

    #[test]
    fn few_numbers_are_no_trouble() {
        assert_eq!(Distribution::of(&mut []), None);
        let d = Distribution::of(&mut [7]).unwrap();
        assert_eq!((d.min_ns, d.p50_ns, d.p999_ns, d.max_ns), (7, 7, 7, 7));
        let d = Distribution::of(&mut [1, 9]).unwrap();
        assert_eq!((d.p50_ns, d.p90_ns), (1, 9));
    }

    #[test]
    fn rounds_are_told_by_their_medians() {
        let rounds: Vec<_> = [[10, 20], [1000, 2000], [11, 22]]
            .into_iter()
            .map(|mut samples| Distribution::of(&mut samples).unwrap())
            .collect();
        let d = Distribution::median_of(&rounds).unwrap();
        assert_eq!((d.samples, d.min_ns, d.max_ns), (6, 11, 22));
        assert_eq!(Distribution::median_of(&[]), None);
    }
}
