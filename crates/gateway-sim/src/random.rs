//! Random numbers that a seed fixes for good.
//!
//! The draws are written out here rather than taken from a library's distributions, whose results may change with its
//! version: the same seed must give the same session next year.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A stream of draws from a seed.
#[derive(Clone, Debug)]
pub(crate) struct Random(ChaCha8Rng);

impl Random {
    /// Stream `stream` of `seed`: streams of one seed are independent of each other.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(stream);
        Self(generator)
    }

    /// Evenly from `0..limit`; 0 where `limit` is 0.
    pub(crate) fn below(&mut self, limit: u32) -> u32 {
        ((u64::from(self.0.next_u32()) * u64::from(limit)) >> 32) as u32
    }

    /// Evenly from `0..limit`; 0 where `limit` is 0.
    pub(crate) fn below_u64(&mut self, limit: u64) -> u64 {
        ((u128::from(self.0.next_u64()) * u128::from(limit)) >> 64) as u64
    }

    /// True with the chance `parts` in `of`.
    pub(crate) fn chance(&mut self, parts: u32, of: u32) -> bool {
        self.below(of) < parts
    }

    /// 0 half of the time, 1 a quarter of it, and so on; at most 31.
    pub(crate) fn halving(&mut self) -> u32 {
        self.0.next_u32().trailing_zeros().min(31)
    }

    /// True with probability `rate` (0 never, 1 always). Always takes one draw, so that what follows does not depend
    /// on `rate`.
    pub(crate) fn happens(&mut self, rate: f64) -> bool {
        // 53 bits: every such number is an f64 exactly.
        let draw = (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        draw < rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_stay_in_their_range_and_streams_differ() {
        let mut random = Random::new(1, 0);
        for _ in 0..10_000 {
            assert!(random.below(7) < 7);
            assert!(random.below_u64(1 << 40) < 1 << 40);
            assert!(random.halving() < 32);
            assert!(!random.happens(0.0));
            assert!(random.happens(1.0));
        }
        assert_eq!(random.below(0), 0);
        let draws = |stream| Random::new(1, stream).below_u64(u64::MAX);
        assert_ne!(draws(0), draws(1));
        assert_eq!(draws(1), draws(1));
    }

    /// The promise of the module: these numbers never change.
    #[test]
    fn draws_of_a_seed_are_fixed() {
        let mut random = Random::new(42, 1);
        let draws: Vec<u32> = (0..4).map(|_| random.below(1_000_000)).collect();
        assert_eq!(draws, [553_862, 716_791, 645_999, 166_910]);
    }
}
