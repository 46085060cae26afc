//! When each packet was with the strategy.

use std::sync::atomic::{AtomicU64, Ordering};

/// A time for each packet, written by whoever received it. A core that writes and one that reads share it.
pub(super) struct Arrivals(Box<[AtomicU64]>);

impl Arrivals {
    /// Room for packets 0 to `packets` − 1.
    pub(super) fn of(packets: usize) -> Self {
        Self((0..packets).map(|_| AtomicU64::new(0)).collect())
    }

    /// Packet `packet` was there at `now`; a second one of the same number and one too many are ignored.
    #[inline]
    pub(super) fn set(&self, packet: u64, now: u64) {
        if let Some(time) = self.0.get(packet as usize)
            && time.load(Ordering::Relaxed) == 0
        {
            // Read by `get`; the time itself is all that is handed over.
            time.store(now, Ordering::Relaxed);
        }
    }

    /// When it was there.
    #[inline]
    pub(super) fn get(&self, packet: u64) -> Option<u64> {
        // Written by `set`.
        let time = self.0.get(packet as usize)?.load(Ordering::Relaxed);
        (time != 0).then_some(time)
    }
}

/// Latencies of one measurement, in nanoseconds.
#[derive(Clone, Default)]
pub(super) struct Latencies {
    sorted: Vec<u64>,
    /// Packets that never came.
    pub(super) lost: u64,
}

impl Latencies {
    /// Of what was measured.
    pub(super) fn of(mut nanos: Vec<u64>, lost: u64) -> Self {
        nanos.sort_unstable();
        Self {
            sorted: nanos,
            lost,
        }
    }

    /// The nearest rank. What was lost came later than all else: NaN where the rank is one of those.
    pub(super) fn quantile(&self, q: f64) -> f64 {
        let all = self.sorted.len() as f64 + self.lost as f64;
        let rank = ((q * all).ceil() as usize).max(1);
        self.sorted
            .get(rank - 1)
            .map_or(f64::NAN, |nanos| *nanos as f64)
    }

    /// How many packets it is about.
    pub(super) fn packets(&self) -> u64 {
        self.sorted.len() as u64 + self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_arrival_counts_and_none_is_invented() {
        let arrivals = Arrivals::of(2);
        arrivals.set(1, 10);
        arrivals.set(1, 20);
        arrivals.set(2, 30);
        assert_eq!(
            [0, 1, 2].map(|packet| arrivals.get(packet)),
            [None, Some(10), None]
        );
    }

    #[test]
    fn quantiles_are_of_values_that_were_measured() {
        let latencies = Latencies::of((1..=1_000).rev().collect(), 0);
        assert_eq!(
            [0.5, 0.99, 0.999, 1.0].map(|q| latencies.quantile(q)),
            [500.0, 990.0, 999.0, 1_000.0]
        );
        assert!(Latencies::of(Vec::new(), 1).quantile(0.5).is_nan());
    }

    #[test]
    fn a_lost_packet_is_later_than_all_others() {
        let latencies = Latencies::of((1..=98).collect(), 2);
        assert_eq!(latencies.packets(), 100);
        assert_eq!(latencies.quantile(0.98), 98.0);
        assert!(latencies.quantile(0.99).is_nan());
    }
}
