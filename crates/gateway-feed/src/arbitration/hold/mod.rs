//! Packets that came ahead of their turn: a bounded buffer in the order of their numbers.
//!
//! Whatever comes in whatever order, a packet costs the same few steps in and out: what is held lies in a skip list by
//! number ([`order`]), in a list by arrival ([`arrivals`]), and its bytes in blocks ([`store`]). All of it is allocated
//! at construction.

mod arrivals;
mod order;
pub(super) mod store;

use arrivals::Arrivals;
pub(super) use order::Key;
use order::Order;
use store::{BLOCK_BYTES, Chain, Store};

use super::LineId;
use crate::sink::Nanos;
use crate::transport::FrameKind;

/// No UDP payload is longer.
pub(super) const PACKET_BYTES_MAX: usize = 65_536;

/// The bytes that hold as many full Ethernet payloads as packets may be held, and the longest UDP payload at least.
pub(super) const fn bytes_for(packets_max: usize) -> usize {
    let packets = packets_max.saturating_mul(6 * BLOCK_BYTES);
    match packets_max {
        0 => 0,
        _ if packets < PACKET_BYTES_MAX => PACKET_BYTES_MAX,
        _ => packets,
    }
}

/// A frame that waits. One without messages stands for what a heartbeat or an end of session announced.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    /// The numbering that `first` counts in.
    pub(super) epoch: u64,
    pub(super) first: u64,
    /// Messages, all of them whole.
    pub(super) count: u32,
    pub(super) kind: FrameKind,
    pub(super) line: LineId,
    pub(super) received: Nanos,
    /// Where the stream stood when it came.
    pub(super) next_before: u64,
    /// Whether it would give up the place where the stream stands; its line does not count as having shown it yet.
    pub(super) doubtful: bool,
    /// Whether another packet that was not stored said the same.
    pub(super) vouched: bool,
    bytes: Chain,
}

impl Held {
    /// A frame that has not been stored yet.
    pub(super) fn new(
        epoch: u64,
        first: u64,
        count: u32,
        kind: FrameKind,
        line: LineId,
        received: Nanos,
    ) -> Self {
        Self {
            epoch,
            first,
            count,
            kind,
            line,
            received,
            next_before: 0,
            doubtful: false,
            vouched: false,
            bytes: Chain::NONE,
        }
    }

    /// Whether the same on `line` at `now` is more than a copy that the network made: it came on another line, or later
    /// than `window`.
    pub(super) fn is_news(&self, line: LineId, now: Nanos, window: Nanos) -> bool {
        line != self.line || now.saturating_sub(self.received) >= window
    }

    /// The number behind its last message.
    pub(super) const fn end(&self) -> u64 {
        self.first.saturating_add(self.count as u64)
    }

    /// What it is sorted by.
    pub(super) const fn key(&self) -> Key {
        (self.epoch, self.first)
    }
}

/// The buffer.
#[derive(Debug)]
pub(super) struct Hold {
    /// By slot; meaningless where the slot is free.
    frames: Box<[Held]>,
    free: Vec<u32>,
    order: Order,
    arrivals: Arrivals,
    store: Store,
    /// Where the bytes of the frame taken out last lie in one piece.
    whole: Box<[u8]>,
    /// The lowest key of a frame held in doubt, as far as known without a search.
    doubtful_from: Option<Key>,
}

impl Hold {
    /// Room for `packets_max` frames whose bodies take `bytes_max` bytes together, in blocks of [`BLOCK_BYTES`].
    pub(super) fn new(packets_max: usize, bytes_max: usize) -> Self {
        let slots = u32::try_from(packets_max).unwrap_or(u32::MAX);
        let unused = Held::new(0, 0, 0, FrameKind::Data, LineId(0), 0);
        let slots_max = slots as usize;
        Self {
            frames: vec![unused; slots_max].into_boxed_slice(),
            free: (0..slots).rev().collect(),
            order: Order::new(slots_max),
            arrivals: Arrivals::new(slots_max),
            store: Store::new(bytes_max),
            whole: vec![0; bytes_max.min(PACKET_BYTES_MAX)].into_boxed_slice(),
            doubtful_from: None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.free.len() == self.frames.len()
    }

    pub(super) fn len(&self) -> usize {
        self.frames.len() - self.free.len()
    }

    pub(super) fn front(&self) -> Option<&Held> {
        self.frames.get(self.order.front()? as usize)
    }

    /// The frames, lowest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Held> {
        let slots = std::iter::successors(self.order.front(), |slot| self.order.behind(*slot));
        slots.filter_map(|slot| self.frames.get(slot as usize))
    }

    /// Whether a frame of `length` bytes can be stored now.
    pub(super) fn fits(&self, length: usize) -> bool {
        !self.free.is_empty() && self.holds(length) && self.store.fits(length)
    }

    /// Whether a frame of `length` bytes can be stored if nothing else is held.
    pub(super) fn holds(&self, length: usize) -> bool {
        length <= self.whole.len() && self.store.holds(length)
    }

    /// Stores a frame that waits since `since`, behind those with equal or lower numbers. Whoever calls made sure that
    /// it [fits](Self::fits), and that time does not run backwards.
    pub(super) fn insert(&mut self, held: Held, body: &[u8], since: Nanos) {
        let Some(bytes) = self.store.put(body) else {
            return;
        };
        let Some(slot) = self.free.pop() else {
            self.store.discard(bytes);
            return;
        };
        self.frames[slot as usize] = Held { bytes, ..held };
        if held.doubtful {
            let lowest = self.doubtful_from.unwrap_or(held.key());
            self.doubtful_from = Some(lowest.min(held.key()));
        }
        self.order.insert(slot, held.key());
        self.arrivals.push(slot, since);
    }

    /// Takes the lowest frame out, with its bytes.
    pub(super) fn pop(&mut self) -> Option<(Held, &[u8])> {
        let slot = self.order.pop_front()?;
        self.arrivals.remove(slot);
        self.free.push(slot);
        let held = self.frames[slot as usize];
        self.passed_doubt(held.key());
        Some((held, self.store.take(held.bytes, &mut self.whole)))
    }

    /// Throws the lowest frame away.
    pub(super) fn discard_lowest(&mut self) {
        if let Some(slot) = self.order.pop_front() {
            self.discard(slot);
            self.passed_doubt(self.frames[slot as usize].key());
        }
    }

    /// The frame with `key`, the lowest one, left.
    fn passed_doubt(&mut self, key: Key) {
        if self.doubtful_from.is_some_and(|from| from <= key) {
            let front = self.front().filter(|front| front.doubtful);
            self.doubtful_from = front.map(Held::key);
        }
    }

    /// Throws away every frame whose key is at least `from`, and tells each to `gone`.
    pub(super) fn discard_from(&mut self, from: Key, mut gone: impl FnMut(&Held)) {
        let mut cut = self.order.cut(from);
        while let Some(slot) = cut {
            cut = self.order.behind(slot);
            gone(&self.frames[slot as usize]);
            self.discard(slot);
        }
        self.doubtful_from = self.doubtful_from.filter(|lowest| *lowest < from);
    }

    fn discard(&mut self, slot: u32) {
        self.arrivals.remove(slot);
        self.free.push(slot);
        self.store.discard(self.frames[slot as usize].bytes);
    }

    /// The frame that begins last at or before `key`.
    pub(super) fn last_up_to(&self, key: Key) -> Option<&Held> {
        self.frames.get(self.order.last_up_to(key)? as usize)
    }

    /// The frame that begins first at or behind `key`.
    pub(super) fn first_from(&self, key: Key) -> Option<&Held> {
        self.frames.get(self.order.first_from(key)? as usize)
    }

    /// The one behind that.
    pub(super) fn second_from(&self, key: Key) -> Option<&Held> {
        let slot = self.order.behind(self.order.first_from(key)?)?;
        self.frames.get(slot as usize)
    }

    /// The lowest frame held in doubt.
    pub(super) fn first_doubtful(&self) -> Option<&Held> {
        self.first_from(self.doubtful_from?)
            .filter(|held| held.doubtful)
    }

    /// The stored frame that holds all of `first .. end` of the numbering `epoch`, if a single one does. Looks at the
    /// one that begins last at or before `first`, where copies of the same packet are found.
    pub(super) fn covering(&mut self, epoch: u64, first: u64, end: u64) -> Option<&mut Held> {
        let slot = self.order.last_up_to((epoch, first))?;
        self.frames
            .get_mut(slot as usize)
            .filter(|held| held.epoch == epoch && held.count > 0 && held.end() >= end)
    }

    /// A frame that shows already that the numbers before `sequence` exist, and no more than `distance` beyond.
    pub(super) fn announcing(
        &mut self,
        epoch: u64,
        sequence: u64,
        distance: u64,
    ) -> Option<&mut Held> {
        let key = (epoch, sequence);
        let frames = &self.frames;
        let announces = |slot: &u32| {
            frames.get(*slot as usize).is_some_and(|held| {
                held.epoch == epoch
                    && held.end() >= sequence
                    && held.first.saturating_sub(sequence) <= distance
            })
        };
        let slot = self
            .order
            .last_up_to(key)
            .filter(announces)
            .or_else(|| self.order.first_from(key).filter(announces))?;
        self.frames.get_mut(slot as usize)
    }

    /// When the first frame to lose patience does; `Nanos::MAX` when nothing waits.
    #[inline]
    pub(super) fn deadline(&self, timeout: Nanos) -> Nanos {
        match self.arrivals.oldest() {
            Some((_, since)) => since.saturating_add(timeout),
            None => Nanos::MAX,
        }
    }

    /// The highest keys of those that have waited for `timeout` at `now`: of the ones not held in doubt, and of the ones
    /// that are. They are not told again.
    pub(super) fn overdue(&mut self, now: Nanos, timeout: Nanos) -> (Option<Key>, Option<Key>) {
        let (mut plain, mut doubtful) = (None, None);
        while let Some((slot, since)) = self.arrivals.oldest()
            && since.saturating_add(timeout) <= now
        {
            self.arrivals.remove(slot);
            let held = &self.frames[slot as usize];
            let highest = if held.doubtful {
                &mut doubtful
            } else {
                &mut plain
            };
            *highest = (*highest).max(Some(held.key()));
        }
        (plain, doubtful)
    }

    /// The clock stepped back to `now`: nothing has waited since a later time.
    pub(super) fn rebase(&mut self, now: Nanos) {
        self.arrivals.rebase(now);
    }
}
