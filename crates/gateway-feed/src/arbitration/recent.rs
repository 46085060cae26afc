//! What was delivered and declared lost lately: enough to measure how far a line lags, to tell a late packet from a
//! duplicate, and to see that a packet contradicts what was delivered under the same numbers.

use super::LineId;
use crate::sink::Nanos;

/// How many packets are remembered. A line that lags by more has no measured skew.
const PACKETS: usize = 512;
/// How many gaps are remembered.
const GAPS: usize = 64;

/// A packet that was delivered, by the number behind its last message.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Passed {
    pub(super) end: u64,
    pub(super) received: Nanos,
    pub(super) fingerprint: u32,
    pub(super) line: LineId,
}

/// The memory. Preallocated; `end` rises strictly along the ring because numbers are delivered once and in order.
#[derive(Debug)]
pub(super) struct Recent {
    packets: Box<[Passed; PACKETS]>,
    /// Packets ever remembered; the ring's write position is this modulo its length.
    written: u64,
    /// `written` when the numbering began: older entries count in another one.
    begin: u64,
    /// Where each line's last copy was found: its next one is most likely right behind.
    cursors: [u64; super::LINES_MAX],
    gaps: [(u64, u64); GAPS],
    gaps_written: usize,
    /// The number behind the last gap; 0 without any.
    gaps_end: u64,
}

impl Recent {
    pub(super) fn new() -> Self {
        Self {
            packets: Box::new([Passed::default(); PACKETS]),
            written: 0,
            begin: 0,
            cursors: [0; super::LINES_MAX],
            gaps: [(0, 0); GAPS],
            gaps_written: 0,
            gaps_end: 0,
        }
    }

    /// Forgets everything: another numbering begins.
    pub(super) fn clear(&mut self) {
        self.begin = self.written;
        self.gaps_written = 0;
        self.gaps_end = 0;
    }

    /// Remembers a packet that was delivered.
    #[inline(always)]
    pub(super) fn push(&mut self, passed: Passed) {
        self.packets[self.written as usize % PACKETS] = passed;
        self.written += 1;
    }

    /// The packet delivered that ended at `end`, if it is remembered.
    pub(super) fn find(&mut self, end: u64, line: LineId) -> Option<Passed> {
        let at = |index: u64| self.packets[index as usize % PACKETS];
        let oldest = self.begin.max(self.written.saturating_sub(PACKETS as u64));
        let cursor = self.cursors.get_mut(line.index())?;
        let guess = *cursor + 1;
        if guess >= oldest && guess < self.written && at(guess).end == end {
            *cursor = guess;
            return Some(at(guess));
        }
        let (mut low, mut high) = (oldest, self.written);
        while low < high {
            let middle = low + (high - low) / 2;
            if at(middle).end < end {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        (low < self.written && at(low).end == end).then(|| {
            *cursor = low;
            at(low)
        })
    }

    /// Remembers that `first .. end` was declared lost.
    pub(super) fn push_gap(&mut self, first: u64, end: u64) {
        self.gaps[self.gaps_written % GAPS] = (first, end);
        self.gaps_written += 1;
        self.gaps_end = end;
    }

    /// How many of the numbers `first .. end` were declared lost.
    #[inline]
    pub(super) fn lost_among(&self, first: u64, end: u64) -> u64 {
        if first >= self.gaps_end {
            return 0;
        }
        let known = self.gaps_written.min(GAPS);
        self.gaps[..known]
            .iter()
            .map(|&(gap_first, gap_end)| end.min(gap_end).saturating_sub(first.max(gap_first)))
            .sum()
    }
}

/// Tells different contents apart, well enough to notice that numbers were given out twice. Equal contents have equal
/// fingerprints, and so has a packet that was cut behind its 32nd byte: only those are looked at, where the first
/// messages' type, time and references are.
#[inline(always)]
pub(super) fn fingerprint(body: &[u8]) -> u32 {
    let fold = |value: u128| (value as u64) ^ ((value >> 64) as u64).rotate_left(23);
    let mixed = if let Some((first, rest)) = body.split_first_chunk::<16>() {
        let second = rest.first_chunk::<16>().or_else(|| body.last_chunk::<16>());
        let second = second.map_or(0, |second| fold(u128::from_ne_bytes(*second)));
        fold(u128::from_ne_bytes(*first)) ^ second.rotate_left(11)
    } else {
        body.iter().fold(body.len() as u64, |sum, &byte| {
            sum.rotate_left(5) ^ u64::from(byte)
        })
    };
    // The multiplier is 2^64 divided by the golden ratio: it spreads every bit to the upper half.
    (mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u32
}
