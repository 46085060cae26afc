//! How a side grows and shrinks by whole leaves: what happens once for many levels.

use super::inner::Inner;
use super::leaf::{Leaf, NONE};
use super::{HEIGHT_MAX, Levels, Side, Spot};
use crate::vectors::Portable;

/// An inner node on the way down, and the place of the child that was taken.
type Step = (u32, usize);

impl Levels {
    /// The inner nodes above the leaf of `key`, from the root on.
    fn way(&self, side: &Side, key: i64) -> ([Step; HEIGHT_MAX], usize) {
        let mut way = [(NONE, 0); HEIGHT_MAX];
        let height = (side.height as usize).min(HEIGHT_MAX);
        let mut at = side.root;
        for step in &mut way[..height] {
            let node = &self.inners.nodes[at as usize];
            *step = (at, node.search(Portable, key));
            at = node.child(step.1);
        }
        (way, height)
    }

    /// Gives a side its first leaf.
    #[cold]
    pub(super) fn plant(&mut self, side: &mut Side) -> Option<Spot> {
        let leaf = self.leaves.take(Leaf::EMPTY)?;
        *side = Side {
            root: leaf,
            first: leaf,
            ..Side::EMPTY
        };
        Some(Spot {
            leaf,
            at: 0,
            better: 0,
        })
    }

    /// Makes two leaves of one that is full; gives the place that `key` belongs to. `None`, and all as it was, where
    /// there are no nodes left.
    #[cold]
    #[inline(never)]
    pub(super) fn split(&mut self, side: &mut Side, full: u32, key: i64) -> Option<Spot> {
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
        upper.bound = std::mem::replace(&mut lower.bound, separator - 1);
        if let Some(next) = self.leaves.nodes.get_mut(upper.next as usize) {
            next.previous = new;
        }
        self.leaves.nodes[new as usize] = upper;
        self.insert_child(side, &way[..height], separator, new);
        let leaf = if key < separator { full } else { new };
        Some(self.spot_in(Portable, side, leaf, key))
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

    /// Removes the leaf that was left empty when `key` went.
    #[cold]
    #[inline(never)]
    pub(super) fn remove_leaf(&mut self, side: &mut Side, empty: u32, key: i64) {
        let (way, height) = self.way(side, key);
        let Leaf {
            previous,
            next,
            bound,
            ..
        } = self.leaves.nodes[empty as usize];
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
                // What belonged to the first child belongs to the second now, and to the one before otherwise.
                if at > 0
                    && let Some(previous) = self.leaves.nodes.get_mut(previous as usize)
                {
                    previous.bound = bound;
                }
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
    pub(super) fn fell(&mut self, node: u32, height: u32) {
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
