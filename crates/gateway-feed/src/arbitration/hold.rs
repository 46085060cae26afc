//! Packets that came ahead of their turn: a bounded buffer in the order of their numbers.

use std::collections::VecDeque;

use super::LineId;
use crate::sink::Nanos;
use crate::transport::FrameKind;

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
    /// Since when it waits: `received`, unless the clock stepped back since.
    pub(super) since: Nanos,
    /// Where its bytes are.
    slot: u32,
    length: u32,
}

impl Held {
    /// A frame that has not been stored yet.
    pub(super) const fn new(
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
            since: received,
            slot: 0,
            length: 0,
        }
    }

    /// The number behind its last message.
    pub(super) const fn end(&self) -> u64 {
        self.first.saturating_add(self.count as u64)
    }

    /// What it is sorted by.
    pub(super) const fn key(&self) -> (u64, u64) {
        (self.epoch, self.first)
    }
}

/// The buffer: as many slots as packets may wait, each as long as the longest packet that may.
#[derive(Debug)]
pub(super) struct Hold {
    frames: VecDeque<Held>,
    free: Vec<u32>,
    bytes: Box<[u8]>,
    slot_bytes: usize,
    frames_max: usize,
}

impl Hold {
    pub(super) fn new(packets_max: usize, packet_bytes_max: usize) -> Self {
        let packets = u32::try_from(packets_max).unwrap_or(u32::MAX);
        Self {
            frames: VecDeque::with_capacity(packets_max),
            free: (0..packets).rev().collect(),
            bytes: vec![0; packets_max.saturating_mul(packet_bytes_max)].into_boxed_slice(),
            slot_bytes: packet_bytes_max,
            frames_max: packets as usize,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.frames.len()
    }

    pub(super) fn front(&self) -> Option<&Held> {
        self.frames.front()
    }

    /// Whether a frame of `length` bytes can be stored now.
    pub(super) fn fits(&self, length: usize) -> bool {
        self.frames.len() < self.frames_max && length <= self.slot_bytes
    }

    /// Stores a frame behind those with equal or lower numbers; whoever calls made sure that it
    /// [fits](Self::fits).
    pub(super) fn insert(&mut self, mut held: Held, body: &[u8]) {
        let Some(slot) = self.free.pop() else { return };
        held.slot = slot;
        held.length = body.len() as u32;
        let begin = slot as usize * self.slot_bytes;
        self.bytes[begin..begin + body.len()].copy_from_slice(body);
        let position = self.position(held.key());
        self.frames.insert(position, held);
    }

    /// Takes the lowest frame out. Its bytes stay where they are until [`release`](Self::release).
    pub(super) fn pop(&mut self) -> Option<Held> {
        self.frames.pop_front()
    }

    /// The bytes of a frame that was stored.
    pub(super) fn body(&self, held: &Held) -> &[u8] {
        let begin = held.slot as usize * self.slot_bytes;
        &self.bytes[begin..begin + held.length as usize]
    }

    /// Gives the bytes of a frame free that was taken out.
    pub(super) fn release(&mut self, held: &Held) {
        self.free.push(held.slot);
    }

    /// The stored frame that holds all of `first .. end` of the numbering `epoch`, if a single one does. Looks at the
    /// one that begins last at or before `first`, where copies of the same packet are found.
    pub(super) fn covering(&self, epoch: u64, first: u64, end: u64) -> Option<&Held> {
        let position = self.position((epoch, first));
        self.frames
            .get(position.checked_sub(1)?)
            .filter(|held| held.epoch == epoch && held.count > 0 && held.end() >= end)
    }

    /// Whether what waits shows already that the numbers before `sequence` exist.
    pub(super) fn announces(&self, epoch: u64, sequence: u64) -> bool {
        self.frames
            .back()
            .is_some_and(|held| held.epoch == epoch && held.end() >= sequence)
    }

    /// When the hold time of the first frame to lose patience is over; `Nanos::MAX` when nothing waits.
    pub(super) fn deadline(&self, timeout: Nanos) -> Nanos {
        self.frames
            .iter()
            .map(|held| held.since.saturating_add(timeout))
            .min()
            .unwrap_or(Nanos::MAX)
    }

    /// How many frames, from the lowest on, must go because the hold time of the last of them is over.
    pub(super) fn expired(&self, now: Nanos, timeout: Nanos) -> usize {
        self.frames
            .iter()
            .rposition(|held| held.since.saturating_add(timeout) <= now)
            .map_or(0, |last| last + 1)
    }

    /// The clock stepped back to `now`: nothing has waited since a later time.
    pub(super) fn rebase(&mut self, now: Nanos) {
        for held in &mut self.frames {
            held.since = held.since.min(now);
        }
    }

    /// Behind every frame with an equal or lower key. Most frames arrive in order: the back is tried first.
    fn position(&self, key: (u64, u64)) -> usize {
        match self.frames.back() {
            Some(back) if back.key() > key => self.frames.partition_point(|held| held.key() <= key),
            _ => self.frames.len(),
        }
    }
}
