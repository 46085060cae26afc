//! The levels of all books: for each side a tree whose leaves are fourteen neighbouring levels.
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
#[cfg(test)]
mod tests;

use std::io;

pub(crate) use numbers::{Numbers, Owner};

use crate::memory::{Pages, Zeroed};
use inner::Inner;
use leaf::{Holding, LEVELS, Leaf, NONE};

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
}

/// An inner node on the way down, and the place of the child that was taken.
type Step = (u32, usize);

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
        let leaf = side.first as usize;
        for line in 0..4 {
            self.leaves.nodes.prefetch(leaf, line);
        }
        if side.height > 0 {
            for line in 0..3 {
                self.inners.nodes.prefetch(side.root as usize, line);
            }
        }
    }

    /// Adds an order of that size; gives the level's number and rank. `None` where there is no place for the level.
    #[inline(always)]
    pub(crate) fn add(&mut self, side: &mut Side, owner: Owner, size: u32) -> Option<Added> {
        if side.root == NONE {
            self.plant(side)?;
        }
        let key = owner.side.key(owner.price);
        let spot = self.find(side, key);
        let leaf = &mut self.leaves.nodes[spot.leaf as usize];
        if leaf.has(spot.at, key) {
            let holding = leaf.holding_mut(spot.at);
            holding.size += u64::from(size);
            holding.orders += 1;
            let number = holding.level;
            return Some(Added {
                number,
                rank: self.rank(side, spot),
                new_level: false,
            });
        }
        self.add_level(side, spot, owner, size)
    }

    /// Adds a level with one order at `spot`, where it belongs.
    fn add_level(
        &mut self,
        side: &mut Side,
        mut spot: Spot,
        owner: Owner,
        size: u32,
    ) -> Option<Added> {
        let key = owner.side.key(owner.price);
        let number = self.numbers.take(owner)?;
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
        Some(Added {
            number,
            rank: self.rank(side, spot),
            new_level: true,
        })
    }

    /// Takes `size` off the level, and one order if `order`; gives its rank. `None` if there is no level of this key
    /// and number.
    #[inline(always)]
    pub(crate) fn reduce(
        &mut self,
        side: &mut Side,
        key: i64,
        number: u32,
        size: u32,
        order: bool,
    ) -> Option<usize> {
        if side.root == NONE {
            return None;
        }
        let spot = self.find(side, key);
        let leaf = &mut self.leaves.nodes[spot.leaf as usize];
        if !leaf.has(spot.at, key) {
            return None;
        }
        let holding = leaf.holding_mut(spot.at);
        if holding.level != number {
            return None;
        }
        holding.size = holding.size.saturating_sub(size.into());
        holding.orders -= u32::from(order);
        let left = holding.orders;
        let rank = self.rank(side, spot);
        if left == 0 {
            self.remove_level(side, spot, key);
        }
        Some(rank)
    }

    /// Adds `size` to the level without an order; gives its rank.
    pub(crate) fn enlarge(&mut self, side: &Side, key: i64, size: u32) -> Option<usize> {
        if side.root == NONE {
            return None;
        }
        let spot = self.find(side, key);
        let leaf = &mut self.leaves.nodes[spot.leaf as usize];
        leaf.has(spot.at, key).then_some(())?;
        leaf.holding_mut(spot.at).size += u64::from(size);
        Some(self.rank(side, spot))
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
        let mut spot = Spot {
            leaf: side.first,
            at: 0,
        };
        std::iter::from_fn(move || {
            let leaf = self.leaves.nodes.get(spot.leaf as usize)?;
            if spot.at >= leaf.len() {
                return None;
            }
            let Holding {
                size,
                orders,
                level,
            } = *leaf.holding(spot.at);
            let seen = Seen {
                key: leaf.key(spot.at),
                size,
                orders,
                number: level,
            };
            spot.at += 1;
            if spot.at == leaf.len() {
                spot = Spot {
                    leaf: leaf.next,
                    at: 0,
                };
            }
            Some(seen)
        })
    }

    /// Where the level of that key is or belongs. The side has a root.
    #[inline(always)]
    fn find(&self, side: &Side, key: i64) -> Spot {
        let first = &self.leaves.nodes[side.first as usize];
        if side.height == 0 || key <= first.last() {
            return Spot {
                leaf: side.first,
                at: first.search(key),
            };
        }
        self.find_far(side, key)
    }

    fn find_far(&self, side: &Side, key: i64) -> Spot {
        let mut at = side.root;
        for _ in 0..side.height {
            let node = &self.inners.nodes[at as usize];
            at = node.child(node.search(key));
        }
        Spot {
            leaf: at,
            at: self.leaves.nodes[at as usize].search(key),
        }
    }

    /// How many levels are better, up to [`TOP`].
    #[inline(always)]
    fn rank(&self, side: &Side, spot: Spot) -> usize {
        if spot.leaf == side.first {
            return spot.at.min(TOP);
        }
        self.rank_far(side, spot)
    }

    fn rank_far(&self, side: &Side, spot: Spot) -> usize {
        let mut better = 0;
        let mut at = side.first;
        // No leaf is empty here, so this ends within `TOP` of them.
        while better < TOP && at != spot.leaf && at != NONE {
            let leaf = &self.leaves.nodes[at as usize];
            better += leaf.len().max(1);
            at = leaf.next;
        }
        (better + spot.at).min(TOP)
    }

    /// The inner nodes above the leaf of `key`, from the root on.
    fn way(&self, side: &Side, key: i64) -> ([Step; HEIGHT_MAX], usize) {
        let mut way = [(NONE, 0); HEIGHT_MAX];
        let height = (side.height as usize).min(HEIGHT_MAX);
        let mut at = side.root;
        for step in &mut way[..height] {
            let node = &self.inners.nodes[at as usize];
            *step = (at, node.search(key));
            at = node.child(step.1);
        }
        (way, height)
    }

    /// Gives a side its first leaf.
    #[cold]
    fn plant(&mut self, side: &mut Side) -> Option<()> {
        let leaf = self.leaves.take(Leaf::EMPTY)?;
        *side = Side {
            root: leaf,
            first: leaf,
            ..Side::EMPTY
        };
        Some(())
    }

    /// Makes two leaves of one that is full; gives the place that `key` belongs to. `None`, and all as it was, where
    /// there are no nodes left.
    #[cold]
    #[inline(never)]
    fn split(&mut self, side: &mut Side, full: u32, key: i64) -> Option<Spot> {
        let (way, height) = self.way(side, key);
        // In the worst case every node on the way is split, and there is a new root.
        if height == HEIGHT_MAX || self.inners.left < height as u32 + 1 {
            return None;
        }
        let new = self.leaves.take(Leaf::EMPTY)?;
        let mut upper = Leaf::EMPTY;
        let lower = &mut self.leaves.nodes[full as usize];
        lower.split_into(&mut upper);
        (upper.previous, upper.next) = (full, lower.next);
        lower.next = new;
        let separator = upper.key(0);
        if let Some(next) = self.leaves.nodes.get_mut(upper.next as usize) {
            next.previous = new;
        }
        self.leaves.nodes[new as usize] = upper;
        self.insert_child(side, &way[..height], separator, new);
        let leaf = if key < separator { full } else { new };
        Some(Spot {
            leaf,
            at: self.leaves.nodes[leaf as usize].search(key),
        })
    }

    /// Puts a child behind the one that the way leads to. There are nodes enough.
    fn insert_child(&mut self, side: &mut Side, way: &[Step], mut separator: i64, mut child: u32) {
        for &(node, at) in way.iter().rev() {
            let lower = &mut self.inners.nodes[node as usize];
            if !lower.is_full() {
                lower.insert_behind(at, separator, child);
                return;
            }
            let mut upper = Inner::EMPTY;
            let between = lower.split_into(&mut upper);
            match at.checked_sub(lower.len()) {
                None => lower.insert_behind(at, separator, child),
                Some(at) => upper.insert_behind(at, separator, child),
            }
            let Some(new) = self.inners.take(upper) else {
                return;
            };
            (separator, child) = (between, new);
        }
        let mut root = Inner::above(side.root);
        root.insert_behind(0, separator, child);
        if let Some(new) = self.inners.take(root) {
            side.root = new;
            side.height += 1;
        }
    }

    /// Removes a level without orders.
    fn remove_level(&mut self, side: &mut Side, spot: Spot, key: i64) {
        let leaf = &mut self.leaves.nodes[spot.leaf as usize];
        self.numbers.give_back(leaf.holding(spot.at).level);
        leaf.remove(spot.at);
        side.levels -= 1;
        self.live -= 1;
        if leaf.len() == 0 && side.height > 0 {
            self.remove_leaf(side, spot.leaf, key);
        }
    }

    /// Removes the leaf that was left empty when `key` went.
    #[cold]
    #[inline(never)]
    fn remove_leaf(&mut self, side: &mut Side, empty: u32, key: i64) {
        let (way, height) = self.way(side, key);
        let Leaf { previous, next, .. } = self.leaves.nodes[empty as usize];
        if let Some(previous) = self.leaves.nodes.get_mut(previous as usize) {
            previous.next = next;
        }
        if let Some(next) = self.leaves.nodes.get_mut(next as usize) {
            next.previous = previous;
        }
        if side.first == empty {
            side.first = next;
        }
        self.leaves.give_back(empty);
        for &(node, at) in way[..height].iter().rev() {
            let inner = &mut self.inners.nodes[node as usize];
            inner.remove(at);
            if inner.len() > 0 {
                break;
            }
            self.inners.give_back(node);
        }
        // A root with one child says nothing.
        while side.height > 0 {
            let root = &self.inners.nodes[side.root as usize];
            if root.len() > 1 {
                break;
            }
            let child = root.child(0);
            self.inners.give_back(side.root);
            side.root = child;
            side.height -= 1;
        }
    }

    /// Gives the inner nodes of a tree back.
    fn fell(&mut self, node: u32, height: u32) {
        if height == 0 {
            return;
        }
        let inner = self.inners.nodes[node as usize];
        if height > 1 {
            for &child in inner.children() {
                self.fell(child, height - 1);
            }
        }
        self.inners.give_back(node);
    }
}

/// What became of an order's level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Added {
    pub(crate) number: u32,
    pub(crate) rank: usize,
    /// Whether the level is there for this order.
    pub(crate) new_level: bool,
}

/// Nodes that are taken and given back.
#[derive(Debug)]
struct Pool<T> {
    nodes: Pages<T>,
    /// The first of those given back; each names the next.
    free: u32,
    /// Nodes from here on were never taken.
    fresh: u32,
    /// Nodes that can be taken.
    left: u32,
}

trait Node: Zeroed {
    fn next(&self) -> u32;
    fn set_next(&mut self, next: u32);
}

impl Node for Leaf {
    fn next(&self) -> u32 {
        self.next
    }

    fn set_next(&mut self, next: u32) {
        self.next = next;
    }
}

impl Node for Inner {
    fn next(&self) -> u32 {
        self.next
    }

    fn set_next(&mut self, next: u32) {
        self.next = next;
    }
}

impl<T: Node> Pool<T> {
    fn new(total: usize) -> io::Result<Self> {
        Ok(Self {
            nodes: Pages::new(total)?,
            free: NONE,
            fresh: 0,
            left: u32::try_from(total).unwrap_or(NONE - 1),
        })
    }

    fn take(&mut self, node: T) -> Option<u32> {
        self.left = self.left.checked_sub(1)?;
        let at = self.free;
        let at = if at != NONE {
            self.free = self.nodes[at as usize].next();
            at
        } else {
            self.fresh += 1;
            self.fresh - 1
        };
        self.nodes[at as usize] = node;
        Some(at)
    }

    fn give_back(&mut self, at: u32) {
        self.nodes[at as usize].set_next(self.free);
        self.free = at;
        self.left += 1;
    }
}
