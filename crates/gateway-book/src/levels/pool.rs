//! Where the nodes of all trees come from: a fixed number, all made at the start.

use std::io;

use super::inner::Inner;
use super::leaf::{Leaf, NONE};
use crate::memory::{Pages, Zeroed};

/// Nodes that are taken and given back.
#[derive(Debug)]
pub(super) struct Pool<T> {
    pub(super) nodes: Pages<T>,
    /// The first of those given back; each names the next.
    free: u32,
    /// Nodes from here on were never taken.
    fresh: u32,
    /// Nodes that can be taken.
    pub(super) left: u32,
}

pub(super) trait Node: Zeroed {
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
    pub(super) fn new(total: usize) -> io::Result<Self> {
        Ok(Self {
            nodes: Pages::new(total)?,
            free: NONE,
            fresh: 0,
            left: u32::try_from(total).unwrap_or(NONE - 1),
        })
    }

    pub(super) fn take(&mut self, node: T) -> Option<u32> {
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

    pub(super) fn give_back(&mut self, at: u32) {
        self.nodes[at as usize].set_next(self.free);
        self.free = at;
        self.left += 1;
    }
}
