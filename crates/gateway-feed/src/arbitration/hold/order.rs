//! Slots in the order of their keys: a skip list over preallocated links.
//!
//! What is held mostly arrives in order and leaves in order: both ends cost a few loads and stores. A packet that
//! belongs into the middle costs the logarithm of what is held, where shifting a sorted array would cost all of it
//! for every such packet of a burst.

/// Enough for some 4^8 slots; more still work, a little slower.
const LEVELS: usize = 8;
/// No slot.
const NONE: u32 = u32::MAX;

/// What slots are ordered by: the numbering, and the number in it.
pub(in crate::arbitration) type Key = (u64, u64);

/// A skip list. Equal keys are in the order of their insertion.
#[derive(Debug)]
pub(super) struct Order {
    keys: Box<[Key]>,
    /// By slot and level: the slot behind it.
    next: Box<[[u32; LEVELS]]>,
    heights: Box<[u8]>,
    first: [u32; LEVELS],
    last: [u32; LEVELS],
    random: u32,
}

impl Order {
    pub(super) fn new(slots: usize) -> Self {
        Self {
            keys: vec![(0, 0); slots].into_boxed_slice(),
            next: vec![[NONE; LEVELS]; slots].into_boxed_slice(),
            heights: vec![0; slots].into_boxed_slice(),
            first: [NONE; LEVELS],
            last: [NONE; LEVELS],
            random: 0x9E37_79B9,
        }
    }

    /// The slot with the lowest key.
    pub(super) fn front(&self) -> Option<u32> {
        some(self.first[0])
    }

    /// The slot behind `slot`.
    pub(super) fn behind(&self, slot: u32) -> Option<u32> {
        some(self.next[slot as usize][0])
    }

    /// The last slot whose key is at most `key`.
    pub(super) fn last_up_to(&self, key: Key) -> Option<u32> {
        some(self.before(|other| other <= key)[0])
    }

    /// The first slot whose key is at least `key`.
    pub(super) fn first_from(&self, key: Key) -> Option<u32> {
        match some(self.before(|other| other < key)[0]) {
            Some(before) => self.behind(before),
            None => self.front(),
        }
    }

    /// Takes `slot` in, behind those with an equal or lower key.
    pub(super) fn insert(&mut self, slot: u32, key: Key) {
        let at_end = match some(self.last[0]) {
            Some(back) => self.keys[back as usize] <= key,
            None => true,
        };
        let before = if at_end {
            self.last
        } else {
            self.before(|other| other <= key)
        };
        let height = self.height();
        self.keys[slot as usize] = key;
        self.heights[slot as usize] = height as u8;
        for (level, before) in before.into_iter().enumerate().take(height) {
            let link = match some(before) {
                Some(before) => &mut self.next[before as usize][level],
                None => &mut self.first[level],
            };
            let behind = core::mem::replace(link, slot);
            self.next[slot as usize][level] = behind;
            if behind == NONE {
                self.last[level] = slot;
            }
        }
    }

    /// Takes the slot with the lowest key out.
    pub(super) fn pop_front(&mut self) -> Option<u32> {
        let slot = some(self.first[0])?;
        for level in 0..usize::from(self.heights[slot as usize]) {
            self.first[level] = self.next[slot as usize][level];
            if self.first[level] == NONE {
                self.last[level] = NONE;
            }
        }
        Some(slot)
    }

    /// Takes every slot out whose key is at least `key`; returns the first of them, which still leads to the others
    /// by [`behind`](Self::behind).
    pub(super) fn cut(&mut self, key: Key) -> Option<u32> {
        let before = self.before(|other| other < key);
        let head = match some(before[0]) {
            Some(before) => self.next[before as usize][0],
            None => self.first[0],
        };
        for (level, before) in before.into_iter().enumerate() {
            match some(before) {
                Some(before) => self.next[before as usize][level] = NONE,
                None => self.first[level] = NONE,
            }
            self.last[level] = before;
        }
        some(head)
    }

    /// By level: the last slot of those that `below` accepts, which are the first ones.
    fn before(&self, below: impl Fn(Key) -> bool) -> [u32; LEVELS] {
        let mut found = [NONE; LEVELS];
        let mut at = NONE;
        for level in (0..LEVELS).rev() {
            loop {
                let behind = match some(at) {
                    Some(at) => self.next[at as usize][level],
                    None => self.first[level],
                };
                if behind == NONE || !below(self.keys[behind as usize]) {
                    break;
                }
                at = behind;
            }
            found[level] = at;
        }
        found
    }

    /// One level, and with a chance of a quarter each the next.
    fn height(&mut self) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        1 + (self.random.trailing_zeros() as usize / 2).min(LEVELS - 1)
    }
}

const fn some(slot: u32) -> Option<u32> {
    if slot == NONE { None } else { Some(slot) }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a sorted vector, with many equal keys.
        #[test]
        fn it_is_a_stable_sorted_list(steps in vec((0..10_u8, 0..3_u64, 0..20_u64), 1..400)) {
            let mut order = Order::new(400);
            let mut model: Vec<(Key, u32)> = Vec::new();
            let mut free: Vec<u32> = (0..400).collect();
            for (step, epoch, first) in steps {
                let key = (epoch, first);
                match step {
                    0..6 => {
                        let Some(slot) = free.pop() else { continue };
                        let at = model.partition_point(|(other, _)| *other <= key);
                        model.insert(at, (key, slot));
                        order.insert(slot, key);
                    }
                    6..9 => {
                        let popped = (!model.is_empty()).then(|| model.remove(0).1);
                        prop_assert_eq!(order.pop_front(), popped);
                        free.extend(popped);
                    }
                    _ => {
                        let at = model.partition_point(|(other, _)| *other < key);
                        let mut slot = order.cut(key);
                        for (_, expected) in model.drain(at..) {
                            prop_assert_eq!(slot, Some(expected));
                            slot = order.behind(expected);
                            free.push(expected);
                        }
                        prop_assert_eq!(slot, None);
                    }
                }
                let mut slot = order.front();
                for (_, expected) in &model {
                    prop_assert_eq!(slot, Some(*expected));
                    slot = order.behind(*expected);
                }
                prop_assert_eq!(slot, None);
                let from = model.iter().find(|(other, _)| *other >= key);
                prop_assert_eq!(order.first_from(key), from.map(|(_, slot)| *slot));
                let up_to = model.iter().rev().find(|(other, _)| *other <= key);
                prop_assert_eq!(order.last_up_to(key), up_to.map(|(_, slot)| *slot));
            }
        }
    }
}
