//! The reading side of the protocol: relaxed loads and fences, which is all that is guaranteed on read-only pages.

use super::{CONTINUATION, Geometry, Memory, OnLapped, record_words};
use crate::sync::{AtomicU64, Ordering, Site, fence_at};

/// What one look at the ring brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A whole record was copied.
    Record {
        /// Position of its first slot.
        position: u64,
        /// Its length.
        words: usize,
    },
    /// Nothing new.
    Empty,
    /// The writer overtook this reader: so many slots passed unread.
    Lost(u64),
}

/// A [`Step`] that brought no record. The uncommon paths return no other: where one of them brought a record, too, the
/// compiler would join it with the common path and load from memory what that has in registers.
enum Miss {
    Empty,
    Lost(u64),
}

impl From<Miss> for Step {
    #[inline(always)]
    fn from(miss: Miss) -> Self {
        match miss {
            Miss::Empty => Self::Empty,
            Miss::Lost(slots) => Self::Lost(slots),
        }
    }
}

/// Reads records from a ring. Any number may read one ring; none leaves a trace in it.
#[derive(Debug)]
pub struct Reader<M, const P: usize> {
    memory: M,
    geometry: Geometry,
    on_lapped: OnLapped,
    next: u64,
    /// Slots passed unread and not yet reported.
    lost: u64,
    /// While this is `next`, nothing was read yet: slots of a record that began earlier are nobody's loss.
    joined: u64,
}

impl<M: Memory, const P: usize> Reader<M, P> {
    /// A reader whose next position is `next`; see [`Self::head`], [`Self::oldest`].
    pub fn new(memory: M, geometry: Geometry, next: u64, on_lapped: OnLapped) -> Self {
        Self {
            memory,
            geometry,
            on_lapped,
            next,
            lost: 0,
            joined: next,
        }
    }

    /// Position of the next slot to be read.
    #[inline(always)]
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// The ring's memory.
    pub const fn memory(&self) -> &M {
        &self.memory
    }

    /// Slots passed unread that the next poll reports.
    pub const fn untold(&self) -> u64 {
        self.lost
    }

    /// Counts slots as lost that the reader asked for and the ring no longer holds.
    pub const fn add_lost(&mut self, slots: u64) {
        self.lost += slots;
        if slots > 0 {
            self.joined = u64::MAX;
        }
    }

    /// First position not yet published in `memory`.
    pub fn head(memory: &M) -> u64 {
        let head = memory.head().load(Ordering::Relaxed);
        // Partner: the Release store of head; slots below it are complete for this reader from here on.
        fence_at(Site::HeadThenSlots, Ordering::Acquire);
        head
    }

    /// First position from which state can be rebuilt; negative where that lies in an earlier epoch of the queue.
    pub fn resync(memory: &M) -> i64 {
        // Whoever begins there bounds it by head and reservation: no order needed.
        memory.resync().load(Ordering::Relaxed).cast_signed()
    }

    /// First position that the writer will not overwrite within its present and next block.
    pub fn oldest(memory: &M, geometry: Geometry) -> u64 {
        let reserved = memory.reserved().load(Ordering::Relaxed);
        (reserved + geometry.block)
            .saturating_sub(geometry.slots)
            .min(Self::head(memory))
    }

    /// Copies the next record into `buffer` if there is one. Allocates nothing, makes no system call, executes no
    /// locked instruction.
    ///
    /// `buffer` is written once the copy is known to be whole; until then the words are in registers. Stored before the
    /// fence they would have to be loaded again behind it, by whoever looks at them: often by wide loads, which wait
    /// until the narrow stores have left the store buffer.
    #[inline(always)]
    pub fn poll(&mut self, buffer: &mut [u64; crate::RECORD_WORDS_MAX]) -> Step {
        const { assert!(P >= 1 && P <= crate::RECORD_WORDS_MAX) };
        let n = self.next;
        // All that `self` knows is read before the fences, for the same reason.
        let end = n + self.geometry.slots;
        let (slot, reserved) = (self.memory.slot(n), self.memory.reserved());
        let sequence = slot[0].load(Ordering::Relaxed);
        // Not compared with `n + 1`: the compiler would go on with what was loaded, since it is the same, and the address
        // of each slot would wait for the load of the one before.
        let (position, first) = if sequence.wrapping_sub(n) == 1 && self.lost == 0 {
            let first: [u64; P] = copy(slot);
            if overwritten(reserved, end) {
                return Step::Lost(self.resume());
            }
            // Compared as the byte that it is: most callers know the length and never compute it.
            if usize::from(first[0] as u8) <= 2 * P {
                self.next = n + 1;
                (n, first)
            } else {
                match self.copy_slots(n, buffer) {
                    Ok(position) => (position, start(buffer)),
                    Err(miss) => return miss.into(),
                }
            }
        } else if sequence & !CONTINUATION <= n && self.lost == 0 {
            // Written a lap ago, or never.
            return Step::Empty;
        } else {
            match self.not_ready(buffer) {
                Ok(position) => (position, start(buffer)),
                Err(miss) => return miss.into(),
            }
        };
        // Every record ends here, or what follows would not know that these words are still in registers.
        buffer[..P].copy_from_slice(&first);
        Step::Record {
            position,
            words: record_words(first[0]),
        }
    }

    /// Copies the record that begins at `n`, whose sequence word was just seen, however many slots it has. Returns its
    /// position.
    #[cold]
    #[inline(never)]
    fn copy_slots(
        &mut self,
        n: u64,
        buffer: &mut [u64; crate::RECORD_WORDS_MAX],
    ) -> Result<u64, Miss> {
        let first: [u64; P] = copy(self.memory.slot(n));
        buffer[..P].copy_from_slice(&first);
        let words = record_words(first[0]);
        let mut whole = words <= self.geometry.record_words_max.min(crate::RECORD_WORDS_MAX);
        if whole {
            for (offset, chunk) in buffer[..words].chunks_mut(P).enumerate().skip(1) {
                let position = n + offset as u64;
                let slot = self.memory.slot(position);
                let sequence = slot[0].load(Ordering::Relaxed);
                if sequence != (position + 1) | CONTINUATION {
                    whole = false;
                    break;
                }
                for (word, from) in chunk.iter_mut().zip(&slot[1..]) {
                    *word = from.load(Ordering::Relaxed);
                }
            }
        }
        // The payload of every slot was stored before the first slot's sequence word, which was acquired: only an
        // overwrite can spoil it, and slot `n` is overwritten before those behind it.
        if overwritten(self.memory.reserved(), n + self.geometry.slots) {
            return Err(Miss::Lost(self.resume()));
        }
        if !whole {
            // A length that contradicts its slots: no publisher of ours writes it. One slot is given up, and what
            // continues it is skipped, so that the reader stays in step.
            self.next = n + 1;
            return Err(Miss::Lost(1));
        }
        self.next = n + words.div_ceil(P) as u64;
        Ok(n)
    }

    /// The uncommon ends of a poll: overtaken, inside of a record that began earlier, or a loss to report.
    #[cold]
    #[inline(never)]
    fn not_ready(&mut self, buffer: &mut [u64; crate::RECORD_WORDS_MAX]) -> Result<u64, Miss> {
        if self.lost != 0 {
            return Err(self.skipped());
        }
        // No more than one record's continuation slots lie before the next start: the loop is bounded.
        for _ in 0..=self.geometry.block {
            let n = self.next;
            let word = self.memory.slot(n)[0].load(Ordering::Relaxed);
            let sequence = word & !CONTINUATION;
            if sequence != n + 1 {
                let ahead = sequence.wrapping_sub(n + 1).cast_signed() > 0;
                return Err(if ahead {
                    Miss::Lost(self.resume())
                } else {
                    self.skipped()
                });
            }
            if word & CONTINUATION == 0 {
                return if self.lost == 0 {
                    self.copy_slots(n, buffer)
                } else {
                    Err(self.skipped())
                };
            }
            self.next = n + 1;
            if self.joined == n {
                self.joined = n + 1;
            } else {
                self.lost += 1;
            }
        }
        Err(self.skipped())
    }

    /// The loss that is to be reported, if there is one.
    const fn skipped(&mut self) -> Miss {
        match std::mem::replace(&mut self.lost, 0) {
            0 => Miss::Empty,
            lost => Miss::Lost(lost),
        }
    }

    /// Goes on where the policy says after an overrun; returns how many slots are lost.
    #[cold]
    #[inline(never)]
    fn resume(&mut self) -> u64 {
        // Partner: the Release store of whichever sequence word, or the Release fence before whichever payload,
        // showed the overrun: head and reservation are at least as new.
        fence_at(Site::OverrunThenHead, Ordering::Acquire);
        let head = Self::head(&self.memory);
        let target = match self.on_lapped {
            OnLapped::Latest => head,
            OnLapped::Oldest => Self::oldest(&self.memory, self.geometry),
            OnLapped::Resync => {
                // One in an earlier epoch is older than all there is.
                let resync = u64::try_from(Self::resync(&self.memory)).unwrap_or(0);
                resync
                    .min(head)
                    .max(Self::oldest(&self.memory, self.geometry))
            }
        };
        // Position `next` was overwritten, so the one behind it exists.
        let target = target.max(self.next + 1);
        let lost = target - self.next + std::mem::take(&mut self.lost);
        self.next = target;
        lost
    }
}

/// The first slot's payload of the record in `buffer`.
fn start<const P: usize>(buffer: &[u64; crate::RECORD_WORDS_MAX]) -> [u64; P] {
    std::array::from_fn(|index| buffer[index])
}

/// Copies the payload of a slot whose sequence word was just seen.
#[inline(always)]
fn copy<const P: usize>(slot: &[AtomicU64]) -> [u64; P] {
    // Partner: the Release store of the sequence word: the payload is at least as new as the sequence.
    fence_at(Site::SequenceThenCopy, Ordering::Acquire);
    std::array::from_fn(|index| slot[1 + index].load(Ordering::Relaxed))
}

/// Whether the writer may have been overwriting a slot while it was copied: that of the position a lap before `end`.
#[inline(always)]
fn overwritten(reserved: &AtomicU64, end: u64) -> bool {
    // Partner: the writer's Release fence between reservation and payload: whoever copied a word of a later lap sees
    // the reservation that covered it.
    fence_at(Site::CopyThenReservation, Ordering::Acquire);
    reserved.load(Ordering::Relaxed) > end
}
