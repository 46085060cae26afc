//! The bytes of what is held: blocks of one size, chained, so that a short packet takes little and a long one fits.

/// How long a block is. A full Ethernet payload takes six, the shortest packets one.
pub(in crate::arbitration) const BLOCK_BYTES: usize = 256;
/// No block.
const NONE: u32 = u32::MAX;

/// Where a packet's bytes begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::arbitration) struct Chain {
    first: u32,
    length: u32,
}

impl Chain {
    /// Of no bytes.
    pub(in crate::arbitration) const NONE: Self = Self {
        first: NONE,
        length: 0,
    };
}

/// Preallocated blocks and the list of those that are free.
#[derive(Debug)]
pub(in crate::arbitration) struct Store {
    bytes: Box<[u8]>,
    /// By block: the one behind it, of its packet or among the free ones.
    next: Box<[u32]>,
    free: u32,
    free_count: usize,
}

impl Store {
    /// At least `bytes` bytes, in whole blocks.
    pub(in crate::arbitration) fn new(bytes: usize) -> Self {
        let blocks = bytes.div_ceil(BLOCK_BYTES).min(NONE as usize);
        let behind = |block: usize| {
            if block + 1 < blocks {
                block as u32 + 1
            } else {
                NONE
            }
        };
        Self {
            bytes: vec![0; blocks * BLOCK_BYTES].into_boxed_slice(),
            next: (0..blocks).map(behind).collect(),
            free: if blocks > 0 { 0 } else { NONE },
            free_count: blocks,
        }
    }

    /// Whether `length` bytes could be stored if nothing else were.
    pub(in crate::arbitration) fn holds(&self, length: usize) -> bool {
        length.div_ceil(BLOCK_BYTES) <= self.next.len()
    }

    /// Whether `length` bytes can be stored now.
    pub(in crate::arbitration) fn fits(&self, length: usize) -> bool {
        length.div_ceil(BLOCK_BYTES) <= self.free_count
    }

    /// Stores `body`; `None` where it does not [fit](Self::fits).
    pub(in crate::arbitration) fn put(&mut self, body: &[u8]) -> Option<Chain> {
        if !self.fits(body.len()) {
            return None;
        }
        let length = body.len() as u32;
        if body.is_empty() {
            return Some(Chain::NONE);
        }
        let first = self.free;
        let mut last = first;
        for part in body.chunks(BLOCK_BYTES) {
            last = self.free;
            let begin = last as usize * BLOCK_BYTES;
            self.bytes[begin..begin + part.len()].copy_from_slice(part);
            self.free = self.next[last as usize];
            self.free_count -= 1;
        }
        self.next[last as usize] = NONE;
        Some(Chain { first, length })
    }

    /// Copies the packet's bytes to the front of `into`, which is long enough for all that the store can hold of one
    /// packet, and frees its blocks.
    pub(in crate::arbitration) fn take<'a>(
        &mut self,
        chain: Chain,
        into: &'a mut [u8],
    ) -> &'a [u8] {
        let length = chain.length as usize;
        let mut block = chain.first;
        for part in into[..length].chunks_mut(BLOCK_BYTES) {
            let begin = block as usize * BLOCK_BYTES;
            part.copy_from_slice(&self.bytes[begin..begin + part.len()]);
            block = self.next[block as usize];
        }
        self.discard(chain);
        &into[..length]
    }

    /// Frees the packet's blocks.
    pub(in crate::arbitration) fn discard(&mut self, chain: Chain) {
        let mut block = chain.first;
        for _ in 0..(chain.length as usize).div_ceil(BLOCK_BYTES) {
            let behind = self.next[block as usize];
            self.next[block as usize] = self.free;
            self.free = block;
            self.free_count += 1;
            block = behind;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn packets_of_any_length_come_back_whole_and_leave_nothing_behind() {
        let mut store = Store::new(20 * BLOCK_BYTES);
        let mut room = vec![0; 20 * BLOCK_BYTES];
        let body = |length: usize| (0..length).map(|byte| byte as u8).collect::<Vec<_>>();
        for round in 0..50 {
            let lengths = [0, 1, 255, 256, 257, 1_452, 700 + round];
            let mut chains = lengths.map(|length| store.put(&body(length)).unwrap());
            if round % 2 == 0 {
                chains.reverse();
            }
            for chain in chains {
                if round % 3 == 0 {
                    store.discard(chain);
                } else {
                    let whole = store.take(chain, &mut room);
                    assert_eq!(whole, body(whole.len()));
                }
            }
            assert_eq!(store.free_count, 20);
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut store = Store::new(1_000);
        assert!(store.holds(1_024) && !store.holds(1_025));
        let chain = store.put(&[1; 600]).unwrap();
        assert_eq!(store.put(&[2; 257]), None);
        assert!(store.fits(256) && store.put(&[]).is_some());
        store.discard(chain);
        assert!(store.put(&[3; 1_024]).is_some());
        assert_eq!(Store::new(0).put(&[1]), None);
    }
}
