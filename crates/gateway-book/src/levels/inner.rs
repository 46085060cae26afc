//! What says in which leaf a key is.

use super::leaf::NONE;
use crate::memory::Zeroed;
use crate::vectors::{KEYS, Vectors};

/// Children of an inner node.
pub(super) const CHILDREN: usize = KEYS + 1;

/// Children by what separates them: `separators[n]` is the lowest key that is in child `n + 1` or behind it.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Inner {
    separators: [i64; CHILDREN - 1],
    pub(super) length: u32,
    /// Of a free node the next free one.
    pub(super) next: u32,
    children: [u32; CHILDREN],
}

const _: () = assert!(size_of::<Inner>() == 192);

// SAFETY: integers only.
unsafe impl Zeroed for Inner {}

impl Inner {
    pub(super) const EMPTY: Self = Self {
        separators: [i64::MAX; CHILDREN - 1],
        length: 0,
        next: NONE,
        children: [NONE; CHILDREN],
    };

    /// A node with one child.
    pub(super) fn above(child: u32) -> Self {
        let mut node = Self::EMPTY;
        node.children[0] = child;
        node.length = 1;
        node
    }

    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        (self.length as usize).min(CHILDREN)
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() == CHILDREN
    }

    #[inline(always)]
    pub(super) fn child(&self, at: usize) -> u32 {
        self.children[at]
    }

    pub(super) fn children(&self) -> &[u32] {
        &self.children[..self.len()]
    }

    /// The place of the child that `key` is in.
    #[inline(always)]
    pub(super) fn search<V: Vectors>(&self, vectors: V, key: i64) -> usize {
        // Places without a separator hold the greatest number. Where that is the key, it is in the last child.
        match key.checked_add(1) {
            Some(above) => vectors.below(&self.separators, above),
            None => self.len().saturating_sub(1),
        }
    }

    /// Puts `child`, which begins at `separator`, behind the one at `at`. The node is not full.
    pub(super) fn insert_behind(&mut self, at: usize, separator: i64, child: u32) {
        let length = self.len();
        debug_assert!(at < length && length < CHILDREN);
        self.separators.copy_within(at..length - 1, at + 1);
        self.children.copy_within(at + 1..length, at + 2);
        self.separators[at] = separator;
        self.children[at + 1] = child;
        self.length += 1;
    }

    /// Takes the child at `at` out.
    pub(super) fn remove(&mut self, at: usize) {
        let length = self.len();
        debug_assert!(at < length);
        // What separated it from its better neighbour goes, or, for the first, from the worse one.
        if length > 1 {
            self.separators
                .copy_within(at.max(1)..length - 1, at.max(1) - 1);
            self.separators[length - 2] = i64::MAX;
        }
        self.children.copy_within(at + 1..length, at);
        self.children[length - 1] = NONE;
        self.length -= 1;
    }

    /// Moves the upper half into `upper`, which is empty; gives what separates the two. The node is full.
    pub(super) fn split_into(&mut self, upper: &mut Self) -> i64 {
        let (length, half) = (self.len(), self.len() / 2);
        let separator = self.separators[half - 1];
        upper.children[..length - half].copy_from_slice(&self.children[half..length]);
        upper.separators[..length - half - 1].copy_from_slice(&self.separators[half..length - 1]);
        upper.length = (length - half) as u32;
        self.children[half..].fill(NONE);
        self.separators[half - 1..].fill(i64::MAX);
        self.length = half as u32;
        separator
    }
}
