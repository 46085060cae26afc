#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use super::*;
use crate::side::BookSide;

/// One side beside a map.
struct Twin {
    levels: Levels,
    side: Side,
    map: BTreeMap<i64, (u64, u32)>,
    of: BookSide,
}

impl Twin {
    fn new(levels_max: u32, of: BookSide) -> Self {
        Self {
            levels: Levels::new(levels_max, 1).unwrap(),
            side: Side::EMPTY,
            map: BTreeMap::new(),
            of,
        }
    }

    fn add(&mut self, price: i64, size: u32) -> bool {
        let owner = Owner {
            slot: 0,
            side: self.of,
            price,
        };
        let Some(added) = self.levels.add(Portable, &mut self.side, owner, size) else {
            return false;
        };
        assert_eq!(self.levels.numbers.owner(added.number()), Some(owner));
        let key = self.of.key(price);
        assert_eq!(added.is_new_level(), !self.map.contains_key(&key));
        let (sum, orders) = self.map.entry(key).or_default();
        *sum += u64::from(size);
        *orders += 1;
        assert_eq!(
            added.rank().min(TOP),
            self.map.range(..key).count().min(TOP)
        );
        true
    }

    fn remove(&mut self, price: i64, size: u32) {
        let key = self.of.key(price);
        let number = self
            .levels
            .levels(&self.side)
            .find(|seen| seen.key == key)
            .unwrap()
            .number;
        let rank = self.map.range(..key).count().min(TOP);
        let given = self
            .levels
            .reduce(Portable, &mut self.side, key, number, size, true);
        assert_eq!(given.map(|rank| rank.min(TOP)), Some(rank));
        let (sum, orders) = self.map.get_mut(&key).unwrap();
        *sum -= u64::from(size);
        *orders -= 1;
        if *orders == 0 {
            self.map.remove(&key);
        }
    }

    fn check(&self) {
        let ours: Vec<_> = self
            .levels
            .levels(&self.side)
            .map(|seen| (seen.key, (seen.size, seen.orders)))
            .collect();
        let theirs: Vec<_> = self.map.iter().map(|(&key, &held)| (key, held)).collect();
        assert_eq!(ours, theirs);
        assert_eq!(self.side.len() as usize, theirs.len());
        let mut at = self.side.first;
        while let Some(leaf) = self.levels.leaves.nodes.get(at as usize) {
            // Each leaf knows where it ends: what is above belongs into the next.
            assert_eq!(self.levels.leaf_of(Portable, &self.side, leaf.bound), at);
            if leaf.next != NONE {
                assert_eq!(
                    self.levels.leaf_of(Portable, &self.side, leaf.bound + 1),
                    leaf.next
                );
            } else {
                assert_eq!(leaf.bound, i64::MAX);
            }
            at = leaf.next;
        }
        for (key, _) in theirs {
            let spot = self.levels.find(Portable, &self.side, key).unwrap();
            assert!(self.levels.leaves.nodes[spot.leaf as usize].has(spot.at, key));
            assert_eq!(spot.leaf, self.levels.leaf_of(Portable, &self.side, key));
        }
    }
}

fn xorshift(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn a_side_is_a_sorted_map_however_many_levels_come_and_go() {
    for (seed, of, prices) in [
        (1, BookSide::Bid, 40),
        (2, BookSide::Ask, 700),
        (3, BookSide::Bid, 5_000),
        (4, BookSide::Ask, 30_000),
    ] {
        let mut twin = Twin::new(40_000, of);
        let mut state = seed;
        let mut resting = Vec::new();
        for round in 0..12 {
            // It grows and shrinks in turn, to nothing in the end.
            let grows = round % 2 == 0;
            for _ in 0..2_000 {
                let draw = xorshift(&mut state);
                if draw % 10 < if grows { 8 } else { 1 } || resting.is_empty() {
                    let price = (draw >> 8) as i64 % prices - prices / 2;
                    assert!(twin.add(price, 7));
                    resting.push(price);
                } else {
                    let at = (draw >> 8) as usize % resting.len();
                    twin.remove(resting.swap_remove(at), 7);
                }
            }
            twin.check();
        }
        for price in resting.drain(..) {
            twin.remove(price, 7);
        }
        twin.check();
        assert_eq!(twin.side.height, 0);
    }
}

#[test]
fn ascending_and_descending_prices_and_the_extremes() {
    for of in [BookSide::Bid, BookSide::Ask] {
        let mut twin = Twin::new(10_000, of);
        for price in 0..3_000 {
            assert!(twin.add(price, 1));
        }
        for price in (-3_000..0).rev() {
            assert!(twin.add(price, 1));
        }
        for price in [i64::MIN, i64::MAX, i64::MIN, i64::MAX] {
            assert!(twin.add(price, 1));
        }
        twin.check();
        for price in (-3_000..3_000).step_by(2) {
            twin.remove(price, 1);
        }
        twin.check();
        twin.remove(i64::MIN, 1);
        twin.remove(i64::MAX, 1);
        twin.check();
    }
}

#[test]
fn what_is_cleared_can_be_used_again() {
    let mut twin = Twin::new(1_000, BookSide::Ask);
    let (leaves, inners) = (twin.levels.leaves.left, twin.levels.inners.left);
    for _ in 0..20 {
        for price in 0..1_000 {
            assert!(twin.add(price * 3 % 1_000, 2));
        }
        let orders = twin.levels.clear(&mut twin.side);
        assert_eq!(orders, 1_000);
        twin.map.clear();
        twin.check();
        assert_eq!(twin.levels.leaves.left, leaves);
        assert_eq!(twin.levels.inners.left, inners);
        assert_eq!(twin.levels.live(), 0);
        // Nothing was swept, so the numbers are taken still.
        assert!(!twin.add(1, 1));
        twin.levels.numbers.reset();
        twin.levels.clear(&mut twin.side);
    }
}

#[test]
fn a_level_too_many_is_refused_and_harms_nothing() {
    let mut twin = Twin::new(100, BookSide::Bid);
    for price in 0..100 {
        assert!(twin.add(price, 1));
    }
    assert!(!twin.add(100, 1));
    assert!(twin.add(99, 1), "a level that is there takes more orders");
    twin.check();
    twin.remove(50, 1);
    assert!(twin.add(100, 1));
    twin.check();
}

#[test]
fn a_side_without_leaves_or_inner_nodes_left_is_as_it_was() {
    let mut levels = Levels::new(4_000, 1).unwrap();
    levels.leaves.left = 3;
    let mut side = Side::EMPTY;
    let owner = |price| Owner {
        slot: 0,
        side: BookSide::Ask,
        price,
    };
    let mut added = 0;
    for price in 0..100 {
        added += u32::from(levels.add(Portable, &mut side, owner(price), 1).is_some());
    }
    assert_eq!(side.len(), added);
    assert_eq!(levels.levels(&side).count() as u32, added);
    assert!((22..=45).contains(&added), "{added}");
}
