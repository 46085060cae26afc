//! What was delivered since the books are in doubt.
//!
//! A snapshot takes its time, and says what was when it was taken. So that it can be brought to where the stream is by
//! then, what was delivered in between is kept, as much of it as there is room for: the oldest goes first.

use std::collections::VecDeque;

use super::LineId;
use super::hold::store::{Chain, Store};
use crate::sink::Nanos;

/// A packet that was delivered, but for its first `skip` messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    pub(super) first: u64,
    pub(super) count: u32,
    pub(super) skip: u32,
    pub(super) line: LineId,
    pub(super) received: Nanos,
    bytes: Chain,
}

impl Kept {
    pub(super) const fn new(
        first: u64,
        count: u32,
        skip: u32,
        line: LineId,
        received: Nanos,
    ) -> Self {
        Self {
            first,
            count,
            skip,
            line,
            received,
            bytes: Chain::NONE,
        }
    }

    /// The number behind its last message.
    pub(super) const fn end(&self) -> u64 {
        self.first.saturating_add(self.count as u64)
    }
}

/// The packets, in the order of their delivery: together they have every number from [`from`](Self::from) on.
#[derive(Debug)]
pub(super) struct Retained {
    packets: VecDeque<Kept>,
    packets_max: usize,
    store: Store,
    whole: Box<[u8]>,
    from: u64,
}

impl Retained {
    /// Room for `packets_max` packets whose bodies take `bytes_max` bytes together.
    pub(super) fn new(packets_max: usize, bytes_max: usize) -> Self {
        Self {
            packets: VecDeque::with_capacity(packets_max),
            packets_max,
            store: Store::new(bytes_max),
            whole: vec![0; bytes_max.min(super::hold::PACKET_BYTES_MAX)].into_boxed_slice(),
            from: 0,
        }
    }

    /// The lowest number from which on everything is kept.
    pub(super) const fn from(&self) -> u64 {
        self.from
    }

    pub(super) fn len(&self) -> usize {
        self.packets.len()
    }

    /// Forgets everything: what comes next begins at `from`.
    pub(super) fn restart(&mut self, from: u64) {
        while let Some(kept) = self.packets.pop_front() {
            self.store.discard(kept.bytes);
        }
        self.from = from;
    }

    /// Keeps a packet that was delivered just now; returns how many older ones went for it.
    pub(super) fn push(&mut self, kept: Kept, body: &[u8]) -> u64 {
        let mut gone = 0;
        while self.packets.len() >= self.packets_max || !self.store.fits(body.len()) {
            let Some(oldest) = self.packets.pop_front() else {
                // It has no room even alone.
                self.from = kept.end();
                return gone + 1;
            };
            self.store.discard(oldest.bytes);
            self.from = oldest.end();
            gone += 1;
        }
        if let Some(bytes) = self.store.put(body) {
            self.packets.push_back(Kept { bytes, ..kept });
        }
        gone
    }

    /// Takes the oldest packet out, with its bytes.
    pub(super) fn pop(&mut self) -> Option<(Kept, &[u8])> {
        let kept = self.packets.pop_front()?;
        self.from = kept.end();
        Some((kept, self.store.take(kept.bytes, &mut self.whole)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn kept(first: u64) -> Kept {
        Kept::new(first, 2, 0, LineId(0), 7)
    }

    #[test]
    fn the_oldest_goes_first_and_what_is_left_says_where_it_begins() {
        let mut retained = Retained::new(3, 3 * 256);
        retained.restart(1);
        for first in [1, 3, 5] {
            assert_eq!(retained.push(kept(first), &[first as u8; 100]), 0);
        }
        assert_eq!((retained.from(), retained.len()), (1, 3));
        assert_eq!(retained.push(kept(7), &[7; 300]), 2);
        assert_eq!((retained.from(), retained.len()), (5, 2));
        let (oldest, body) = retained.pop().unwrap();
        assert_eq!((oldest.first, body), (5, &[5; 100][..]));
        assert_eq!(retained.push(kept(9), &[9; 800]), 2);
        assert_eq!((retained.from(), retained.len()), (11, 0));
        assert_eq!(retained.push(kept(11), &[1; 1]), 0);
        retained.restart(20);
        assert!(retained.pop().is_none());
        assert_eq!(retained.from(), 20);
    }
}
