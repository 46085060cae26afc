//! The day's securities: who is listed, how popular each is, at what price it trades.

use gateway_feed::itch50::fields::Symbol;

use crate::random::Random;

/// The most securities that a day may list: a stock locate has 16 bits and 0 means none.
pub const SYMBOLS_MAX: u32 = 65_535;
/// One cent, in units of 0.0001 USD.
pub(super) const TICK: u32 = 100;
/// The highest price of an order: 200,000 USD, the limit of the specification.
pub(super) const PRICE_MAX: u32 = 2_000_000_000;

/// One security. Its stock locate is its place in the [`Listing`], counted from 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Security {
    pub(super) symbol: Symbol,
    /// Where it trades now, a multiple of [`TICK`].
    pub(super) reference: u32,
}

/// All securities and their popularity, which falls with the rank as Zipf's law has it.
#[derive(Debug)]
pub(super) struct Listing {
    securities: Vec<Security>,
    /// Security by popularity, the most popular first.
    by_rank: Vec<u16>,
    /// Sum of the weights up to each rank.
    weights: Vec<u64>,
}

impl Listing {
    /// `count` securities (1..=[`SYMBOLS_MAX`]).
    pub(super) fn new(count: u32, random: &mut Random) -> Self {
        let count = count.clamp(1, SYMBOLS_MAX);
        let securities = (0..count)
            // Most shares cost 5 to 100 USD, a few much more.
            .map(|index| Security {
                symbol: symbol(index),
                reference: (500 + random.below(9_500) * (1 + random.halving())) * TICK,
            })
            .collect();
        let mut by_rank: Vec<u16> = (0..count).map(|index| index as u16).collect();
        for index in (1..by_rank.len()).rev() {
            by_rank.swap(index, random.below(index as u32 + 1) as usize);
        }
        let mut sum = 0;
        let weights = (0..u64::from(count)).map(|rank| {
            sum += (1 << 32) / (rank + 1);
            sum
        });
        Self {
            securities,
            by_rank,
            weights: weights.collect(),
        }
    }

    pub(super) fn len(&self) -> u32 {
        self.securities.len() as u32
    }

    pub(super) fn get(&self, index: u16) -> &Security {
        &self.securities[usize::from(index)]
    }

    /// Picks a security by its popularity.
    pub(super) fn pick(&self, random: &mut Random) -> u16 {
        let total = self.weights.last().copied().unwrap_or(0);
        let draw = random.below_u64(total);
        self.by_rank[self.weights.partition_point(|&sum| sum <= draw)]
    }

    /// Lets the price of a security wander by a cent now and then; it stays above 1 USD.
    pub(super) fn wander(&mut self, index: u16, random: &mut Random) {
        let security = &mut self.securities[usize::from(index)];
        match random.below(16) {
            0 if security.reference < PRICE_MAX / 2 => security.reference += TICK,
            1 if security.reference > 100 * TICK => security.reference -= TICK,
            _ => {}
        }
    }
}

/// The stock locate of a security.
pub(super) fn locate(index: u16) -> u16 {
    index + 1
}

/// Four letters, "AAAA" on: enough for every stock locate.
fn symbol(index: u32) -> Symbol {
    let letter = |place: u32| b'A' + (index / 26_u32.pow(place) % 26) as u8;
    let mut text = [b' '; 8];
    for (place, byte) in (0..4).rev().zip(&mut text) {
        *byte = letter(place);
    }
    Symbol(text)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn symbols_are_valid_and_differ() {
        let listing = Listing::new(SYMBOLS_MAX, &mut Random::new(1, 0));
        let symbols: HashSet<_> = listing
            .securities
            .iter()
            .map(|security| security.symbol)
            .collect();
        assert_eq!(symbols.len(), SYMBOLS_MAX as usize);
        assert!(symbols.iter().all(Symbol::is_valid));
        assert_eq!(locate(u16::MAX - 1), u16::MAX);
    }

    #[test]
    fn popularity_falls_with_the_rank() {
        let mut random = Random::new(1, 0);
        let listing = Listing::new(100, &mut random);
        let mut picks = [0_u32; 100];
        for _ in 0..100_000 {
            picks[usize::from(listing.pick(&mut random))] += 1;
        }
        let of_rank = |rank: usize| picks[usize::from(listing.by_rank[rank])];
        // The harmonic number of 100 is 5.187.
        assert!((18_000..20_500).contains(&of_rank(0)), "{}", of_rank(0));
        assert!((9_000..10_500).contains(&of_rank(1)), "{}", of_rank(1));
        assert!((100..300).contains(&of_rank(99)), "{}", of_rank(99));
    }
}
