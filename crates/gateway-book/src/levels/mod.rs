//! The levels of all books: for each side a tree whose leaves are twelve neighbouring levels.
//!
//! Nearly everything happens at the best levels, and these are one leaf: what it takes is one search in two or three
//! cache lines. Further away a side is a B+ tree, so that a book of thousands of levels costs a few more nodes rather
//! than a walk. Leaves know their neighbours, for whoever walks from the best level outwards.
//!
//! Nodes come from two pools made at the start. A node goes back when it is empty and is never merged with another, as
//! levels come again where they were. A tree gets higher only when its root is full, so one higher than
//! [`HEIGHT_MAX`] takes more insertions than there are nanoseconds in a century.

mod inner;
mod leaf;
mod numbers;
mod pool;
#[cfg(test)]
mod tests;
mod tree;

use std::io;

pub(crate) use numbers::{Numbers, Owner};

use inner::Inner;
use leaf::{Holding, LEVELS, Leaf, NONE};
use pool::Pool;

use crate::vectors::{Apart, Portable, Vectors};

/// Inner nodes above each other, at most.
const HEIGHT_MAX: usize = 24;

/// How many of the best levels of a side are told apart from what is behind them.
pub(crate) const TOP: usize = 10;

/// One side of one book.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Side {
    /// A leaf where `height` is 0, else an inner node; [`NONE`] before the first level.
    root: u32,
    /// The leaf with the best levels.
    first: u32,
    /// Levels there are.
    levels: u32,
    height: u32,
}

/// A level, seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) key: i64,
    pub(crate) size: u64,
    pub(crate) orders: u32,
    pub(crate) number: u32,
}

/// Where a level is or belongs.
#[derive(Clone, Copy)]
struct Spot {
    leaf: u32,
    at: usize,
    /// Levels in better leaves, up to [`TOP`] and a leaf's.
    better: usize,
}

/// The search for a level that is not in the first leaf.
struct Behind<'a> {
    levels: &'a Levels,
    side: &'a Side,
    key: i64,
}

impl Apart for Behind<'_> {
    #[inline(always)]
    fn run<V: Vectors>(self, vectors: V) -> u64 {
        let Self { levels, side, key } = self;
        let leaf = levels.leaf_of(vectors, side, key);
        levels.spot_in(vectors, side, leaf, key).packed()
    }
}

#[derive(Debug)]
pub(crate) struct Levels {
    leaves: Pool<Leaf>,
    inners: Pool<Inner>,
    pub(crate) numbers: Numbers,
    /// Levels of all books.
    live: u32,
}

impl Side {
    pub(crate) const EMPTY: Self = Self {
        root: NONE,
        first: NONE,
        levels: 0,
        height: 0,
    };

    pub(crate) const fn len(&self) -> u32 {
        self.levels
    }
}

impl Spot {
    /// A place in the first leaf.
    #[inline(always)]
    const fn first(side: &Side, at: usize) -> Self {
        Self {
            leaf: side.first,
            at,
            better: 0,
        }
    }

    /// How many levels are better, or some number from [`TOP`] on.
    #[inline(always)]
    fn rank(self) -> usize {
        self.better + self.at
    }

    /// In one number, which a function can be given in a register.
    #[inline(always)]
    const fn packed(self) -> u64 {
        self.leaf as u64 | (self.at as u64) << 32 | (self.better as u64) << 40
    }

    #[inline(always)]
    const fn unpacked(packed: u64) -> Self {
        Self {
            leaf: packed as u32,
            at: (packed >> 32) as u8 as usize,
            better: (packed >> 40) as usize,
        }
    }
}

impl Levels {
    /// Room for `levels_max` levels, if they are neighbours as prices usually are.
    pub(crate) fn new(levels_max: u32, instruments_max: u32) -> io::Result<Self> {
        // Each side of each book keeps a leaf; beyond these a third of a leaf's places is taken in the worst usual case.
        let leaves = instruments_max as usize * 2 + (levels_max as usize).div_ceil(LEVELS / 3);
        let inners = leaves.div_ceil(inner::CHILDREN / 4) + 2 * HEIGHT_MAX;
        Ok(Self {
            leaves: Pool::new(leaves)?,
            inners: Pool::new(inners)?,
            numbers: Numbers::new(levels_max)?,
            live: 0,
        })
    }

    pub(crate) const fn bytes(&self) -> u64 {
        self.leaves.nodes.bytes() + self.inners.nodes.bytes() + self.numbers.bytes()
    }

    pub(crate) const fn live(&self) -> u32 {
        self.live
    }

    /// Asks for the best levels of a side.
    #[inline(always)]
    pub(crate) fn prefetch(&self, side: &Side) {
        for line in 0..4 {
            self.leaves.nodes.prefetch(side.first as usize, line);
        }
    }

    /// Adds an order of that size; gives the level's number and rank. `None` where there is no place for the level.
    #[inline(always)]
    pub(crate) fn add<V: Vectors>(
        &mut self,
        vectors: V,
        side: &mut Side,
        owner: Owner,
        size: u32,
    ) -> Option<Added> {
        let key = owner.side.key(owner.price);
        let whose = owner.whose();
        let Some(first) = self.leaves.nodes.get_mut(side.first as usize) else {
            let spot = self.plant(side)?.packed();
            return self.add_level(side, spot, key, whose, size);
        };
        if key > first.bound {
            let packed = self.behind(vectors, side, key);
            let spot = Spot::unpacked(packed);
            let leaf = &mut self.leaves.nodes[spot.leaf as usize];
            return match leaf.grow(spot.at, key, size) {
                Some(number) => Some(Added::new(number, spot.rank(), false)),
                None => self.add_level(side, packed, key, whose, size),
            };
        }
        let at = first.search(vectors, key);
        if let Some(number) = first.grow(at, key, size) {
            return Some(Added::new(number, at, false));
        }
        let spot = Spot::first(side, at).packed();
        self.add_level(side, spot, key, whose, size)
    }

    /// Adds a level with one order at `spot`, where it belongs.
    #[inline(never)]
    fn add_level(
        &mut self,
        side: &mut Side,
        spot: u64,
        key: i64,
        whose: u32,
        size: u32,
    ) -> Option<Added> {
        let mut spot = Spot::unpacked(spot);
        let number = self.numbers.take(whose, key)?;
        if self.leaves.nodes[spot.leaf as usize].len() == LEVELS {
            let Some(found) = self.split(side, spot.leaf, key) else {
                self.numbers.give_back(number);
                return None;
            };
            spot = found;
        }
        let holding = Holding {
            size: size.into(),
            orders: 1,
            level: number,
        };
        self.leaves.nodes[spot.leaf as usize].insert(spot.at, key, holding);
        side.levels += 1;
        self.live += 1;
        Some(Added::new(number, spot.rank(), true))
    }

    /// Takes `size` off the level, and one order if `order`; gives its rank. `None` if there is no level of this key
    /// and number.
    #[inline(always)]
    pub(crate) fn reduce<V: Vectors>(
        &mut self,
        vectors: V,
        side: &mut Side,
        key: i64,
        number: u32,
        size: u32,
        order: bool,
    ) -> Option<usize> {
        let first = self.leaves.nodes.get_mut(side.first as usize)?;
        if key > first.bound {
            let packed = self.behind(vectors, side, key);
            let spot = Spot::unpacked(packed);
            let leaf = &mut self.leaves.nodes[spot.leaf as usize];
            if leaf.shrink(spot.at, key, number, size, order)? == 0 {
                self.remove_level(side, packed, key);
            }
            return Some(spot.rank());
        }
        let at = first.search(vectors, key);
        if first.shrink(at, key, number, size, order)? == 0 {
            let spot = Spot::first(side, at).packed();
            self.remove_level(side, spot, key);
        }
        Some(at)
    }

    /// Adds `size` to the level without an order; gives its rank.
    pub(crate) fn enlarge(&mut self, side: &Side, key: i64, size: u32) -> Option<usize> {
        let spot = self.find(Portable, side, key)?;
        let leaf = &mut self.leaves.nodes[spot.leaf as usize];
        leaf.has(spot.at, key).then_some(())?;
        leaf.holding_mut(spot.at).size += u64::from(size);
        Some(spot.rank())
    }

    /// Empties a side; its levels die. Gives how many orders rested there.
    pub(crate) fn clear(&mut self, side: &mut Side) -> u32 {
        let mut orders = 0;
        let mut at = side.first;
        while at != NONE {
            let leaf = &self.leaves.nodes[at as usize];
            for rank in 0..leaf.len() {
                let holding = leaf.holding(rank);
                orders += holding.orders;
                self.numbers.kill(holding.level, holding.orders);
            }
            let next = leaf.next;
            self.leaves.give_back(at);
            at = next;
        }
        self.fell(side.root, side.height);
        self.live -= side.levels;
        *side = Side::EMPTY;
        orders
    }

    /// The best level.
    #[inline]
    pub(crate) fn best(&self, side: &Side) -> Option<Seen> {
        self.levels(side).next()
    }

    /// All levels of a side, best first.
    pub(crate) fn levels(&self, side: &Side) -> impl Iterator<Item = Seen> + Clone {
        let (mut at, mut rank) = (side.first, 0);
        std::iter::from_fn(move || {
            let leaf = self.leaves.nodes.get(at as usize)?;
            if rank >= leaf.len() {
                return None;
            }
            let Holding {
                size,
                orders,
                level,
            } = *leaf.holding(rank);
            let seen = Seen {
                key: leaf.key(rank),
                size,
                orders,
                number: level,
            };
            rank += 1;
            if rank == leaf.len() {
                (at, rank) = (leaf.next, 0);
            }
            Some(seen)
        })
    }

    /// Where the level of that key is or belongs. `None` before the first level of a side.
    #[inline(always)]
    fn find<V: Vectors>(&self, vectors: V, side: &Side, key: i64) -> Option<Spot> {
        let first = self.leaves.nodes.get(side.first as usize)?;
        if key > first.bound {
            return Some(Spot::unpacked(self.behind(vectors, side, key)));
        }
        Some(Spot::first(side, first.search(vectors, key)))
    }

    /// Where a level is or belongs that is not in the first leaf; [packed](Spot::packed).
    #[inline(always)]
    fn behind<V: Vectors>(&self, vectors: V, side: &Side, key: i64) -> u64 {
        vectors.apart(Behind {
            levels: self,
            side,
            key,
        })
    }

    /// The leaf that `key` belongs into.
    #[inline(always)]
    fn leaf_of<V: Vectors>(&self, vectors: V, side: &Side, key: i64) -> u32 {
        let mut at = side.root;
        for _ in 0..side.height {
            let node = &self.inners.nodes[at as usize];
            at = node.child(node.search(vectors, key));
        }
        at
    }

    #[inline(always)]
    fn spot_in<V: Vectors>(&self, vectors: V, side: &Side, leaf: u32, key: i64) -> Spot {
        let mut better = 0;
        let mut at = side.first;
        // No leaf is empty here, so this ends within `TOP` of them.
        while better < TOP && at != leaf && at != NONE {
            let leaf = &self.leaves.nodes[at as usize];
            better += leaf.len().max(1);
            at = leaf.next;
        }
        Spot {
            leaf,
            at: self.leaves.nodes[leaf as usize].search(vectors, key),
            better,
        }
    }

    /// Removes a level without orders.
    #[inline(never)]
    fn remove_level(&mut self, side: &mut Side, spot: u64, key: i64) {
        let spot = Spot::unpacked(spot);
        let leaf = &mut self.leaves.nodes[spot.leaf as usize];
        self.numbers.give_back(leaf.holding(spot.at).level);
        leaf.remove(spot.at);
        side.levels -= 1;
        self.live -= 1;
        if leaf.len() == 0 && side.height > 0 {
            self.remove_leaf(side, spot.leaf, key);
        }
    }
}

/// What became of an order's level, in one number, which stays in a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Added(u64);

impl Added {
    #[inline(always)]
    const fn new(number: u32, rank: usize, new_level: bool) -> Self {
        Self(number as u64 | (rank as u64) << 32 | (new_level as u64) << 40)
    }

    /// The level's.
    #[inline(always)]
    pub(crate) const fn number(self) -> u32 {
        self.0 as u32
    }

    /// How many levels are better, or some number from [`TOP`] on.
    #[inline(always)]
    pub(crate) const fn rank(self) -> usize {
        (self.0 >> 32) as u8 as usize
    }

    /// Whether the level is there for this order, and is the best.
    #[inline(always)]
    pub(crate) const fn is_new_best(self) -> bool {
        self.0 >> 32 == 1 << 8
    }

    /// Whether the level is there for this order.
    #[cfg(test)]
    pub(crate) const fn is_new_level(self) -> bool {
        self.0 >> 40 != 0
    }
}
