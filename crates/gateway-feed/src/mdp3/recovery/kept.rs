//! Messages whose updates are withheld, until a snapshot says from which one on they count.
//!
//! One row of bytes and one of links, both taken at the start: each instrument's messages are a chain of links, so that a
//! snapshot costs what there is of its instrument, not what there is of all. When one row is full everything is let go,
//! and [`Kept::complete_from`] says so: a snapshot from before is of no use then, and the next one is waited for.

/// No link.
const NONE: u32 = u32::MAX;

/// A message.
#[derive(Clone, Copy, Debug)]
struct Message {
    start: u32,
    length: u32,
    packet: u32,
    ts_recv: u64,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    message: u32,
    next: u32,
}

/// An instrument's chain.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Chain {
    /// Which clearing of the rows it is of; another one: it is empty.
    age: u32,
    first: u32,
    last: u32,
}

/// The messages.
#[derive(Debug)]
pub(super) struct Kept {
    bytes: Vec<u8>,
    bytes_max: usize,
    messages: Vec<Message>,
    messages_max: usize,
    links: Vec<Link>,
    links_max: usize,
    /// How often the rows were cleared, from 1.
    age: u32,
    complete_from: u32,
    /// How often they were full.
    pub(super) overflows: u64,
}

impl Kept {
    /// Room for `messages_max` messages of `bytes_max` bytes together.
    pub(super) fn new(messages_max: usize, bytes_max: usize) -> Self {
        let bytes_max = bytes_max.min(u32::MAX as usize);
        let messages_max = messages_max.clamp(1, 1 << 24);
        // Most messages are about one or two instruments.
        let links_max = messages_max * 2;
        Self {
            bytes: Vec::with_capacity(bytes_max),
            bytes_max,
            messages: Vec::with_capacity(messages_max),
            messages_max,
            links: Vec::with_capacity(links_max),
            links_max,
            age: 1,
            complete_from: 0,
            overflows: 0,
        }
    }

    /// Every message that was to be kept is there, from this packet on.
    pub(super) const fn complete_from(&self) -> u32 {
        self.complete_from
    }

    /// Lets go everything; what is kept is complete from packet `from` on.
    pub(super) fn clear(&mut self, from: u32) {
        self.bytes.clear();
        self.messages.clear();
        self.links.clear();
        self.age = self.age.wrapping_add(1);
        self.complete_from = from;
    }

    /// Keeps a message; `None` where there is no room even when all others are gone. What is kept is complete from the
    /// next packet on then.
    pub(super) fn keep(&mut self, packet: u32, ts_recv: u64, bytes: &[u8]) -> Option<u32> {
        let full = self.messages.len() == self.messages_max
            || self.bytes.len() + bytes.len() > self.bytes_max;
        if full {
            self.overflows += 1;
            // Of this packet there may have been messages before.
            self.clear(packet.saturating_add(1));
            if bytes.len() > self.bytes_max {
                return None;
            }
        }
        let message = self.messages.len() as u32;
        self.messages.push(Message {
            start: self.bytes.len() as u32,
            length: bytes.len() as u32,
            packet,
            ts_recv,
        });
        self.bytes.extend_from_slice(bytes);
        Some(message)
    }

    /// Puts a message at the end of an instrument's chain, once.
    pub(super) fn link(&mut self, chain: &mut Chain, message: u32) {
        // It may have gone since, with all others.
        if message as usize >= self.messages.len() {
            return;
        }
        let is_empty = chain.age != self.age;
        if !is_empty
            && self.links.get(chain.last as usize).map(|link| link.message) == Some(message)
        {
            return;
        }
        if self.links.len() == self.links_max {
            let packet = self.messages.last().map_or(0, |message| message.packet);
            self.overflows += 1;
            return self.clear(packet.saturating_add(1));
        }
        let at = self.links.len() as u32;
        self.links.push(Link {
            message,
            next: NONE,
        });
        if is_empty {
            *chain = Chain {
                age: self.age,
                first: at,
                last: at,
            };
        } else {
            if let Some(last) = self.links.get_mut(chain.last as usize) {
                last.next = at;
            }
            chain.last = at;
        }
    }

    /// Packet, reception and bytes of each message of a chain, in order.
    pub(super) fn of(&self, chain: Chain) -> impl Iterator<Item = (u32, u64, &[u8])> {
        let mut at = if chain.age == self.age {
            chain.first
        } else {
            NONE
        };
        std::iter::from_fn(move || {
            let link = self.links.get(at as usize)?;
            at = link.next;
            let message = self.messages.get(link.message as usize)?;
            let start = message.start as usize;
            let bytes = self.bytes.get(start..start + message.length as usize)?;
            Some((message.packet, message.ts_recv, bytes))
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn packets(kept: &Kept, chain: Chain) -> Vec<(u32, Vec<u8>)> {
        let of = kept.of(chain);
        of.map(|(packet, _, bytes)| (packet, bytes.to_vec()))
            .collect()
    }

    #[test]
    fn each_chain_has_its_messages_in_order_and_once() {
        let mut kept = Kept::new(10, 1_000);
        let (mut a, mut b) = (Chain::default(), Chain::default());
        for packet in 1..=4 {
            let message = kept.keep(packet, 0, &[packet as u8; 3]).unwrap();
            kept.link(&mut a, message);
            kept.link(&mut a, message);
            if packet % 2 == 0 {
                kept.link(&mut b, message);
            }
        }
        let told = |numbers: &[u32]| -> Vec<(u32, Vec<u8>)> {
            numbers.iter().map(|&n| (n, vec![n as u8; 3])).collect()
        };
        assert_eq!(packets(&kept, a), told(&[1, 2, 3, 4]));
        assert_eq!(packets(&kept, b), told(&[2, 4]));
        assert_eq!(packets(&kept, Chain::default()), []);
        kept.clear(9);
        assert_eq!((packets(&kept, a), kept.complete_from()), (vec![], 9));
    }

    #[test]
    fn a_full_row_lets_everything_go_and_says_from_where_on_it_is_complete() {
        let mut kept = Kept::new(2, 1_000);
        let mut chain = Chain::default();
        for packet in 1..=3 {
            let message = kept.keep(packet, 0, b"message").unwrap();
            kept.link(&mut chain, message);
        }
        assert_eq!((kept.complete_from(), kept.overflows), (4, 1));
        assert_eq!(packets(&kept, chain), [(3, b"message".to_vec())]);
        assert_eq!(kept.keep(4, 0, &[0; 1_001]), None);
        assert_eq!((kept.complete_from(), kept.overflows), (5, 2));
        // Links run out before messages do.
        let mut kept = Kept::new(1, 1_000);
        let mut chains = [Chain::default(); 3];
        let message = kept.keep(7, 0, b"m").unwrap();
        for chain in &mut chains {
            kept.link(chain, message);
        }
        assert_eq!((kept.complete_from(), kept.overflows), (8, 1));
        assert!(chains.iter().all(|chain| kept.of(*chain).next().is_none()));
    }
}
