//! Writing to a queue.

use crate::handle::QueueHandle;
use crate::layout::{HEARTBEAT, STATE, State};
use crate::mapping::Mapping;
use crate::ring::{self, Ending, Writer};
use crate::shared::MappedRing;
use crate::sync::Ordering;
use crate::{PublisherOptions, QueueError, SLOT_PAYLOAD_WORDS, create};

/// The writing end of a queue. There is one; it belongs to one thread at a time.
///
/// After [`Publisher::create`] nothing here allocates, locks, logs or makes a system call, and nothing loads a word
/// that a reader could write. Dropped, it closes the queue.
#[derive(Debug)]
pub struct Publisher {
    writer: Writer<MappedRing, SLOT_PAYLOAD_WORDS>,
    record_words_max: usize,
}

impl Publisher {
    /// Makes a queue: an empty ring, every page of it present, sealed so that nobody else can ever write to it.
    ///
    /// # Errors
    /// [`QueueError::Option`] for options outside of their ranges, [`QueueError::System`] where the kernel refuses
    /// memory. Huge pages and locked memory are wishes: [`QueueHandle::memory`] says what became of them.
    pub fn create(options: &PublisherOptions) -> Result<(Self, QueueHandle), QueueError> {
        let (ring, handle) = create::create(options)?;
        let geometry = handle.header().geometry();
        let publisher = Self {
            writer: Writer::new(ring, geometry),
            record_words_max: geometry.record_words_max,
        };
        Ok((publisher, handle))
    }

    /// Publishes a record of up to seven words. The first word starts with the record's header, whose first byte
    /// counts 32-bit words. About 2 ns while no reader polls the line.
    #[inline(always)]
    pub fn publish_array<const N: usize>(&mut self, words: &[u64; N]) {
        debug_assert_eq!(
            crate::ring::record_words(words[0]),
            N,
            "the record's length byte contradicts its words"
        );
        self.writer.publish_array(words);
    }

    /// Publishes a record of any length. The first word starts with the record's header, whose first byte counts
    /// 32-bit words.
    ///
    /// A record longer than the queue was made for, or empty, cannot be published and is dropped: returns `false`.
    #[inline(always)]
    pub fn publish(&mut self, words: &[u64]) -> bool {
        // The length of most records, inlined; the others cost a call.
        if let Ok(words) = <&[u64; SLOT_PAYLOAD_WORDS]>::try_from(words) {
            self.publish_array(words);
            return true;
        }
        self.publish_other(words)
    }

    #[inline(never)]
    fn publish_other(&mut self, words: &[u64]) -> bool {
        match words.len() {
            1 => self.publish_slice::<1>(words),
            2 => self.publish_slice::<2>(words),
            3 => self.publish_slice::<3>(words),
            4 => self.publish_slice::<4>(words),
            5 => self.publish_slice::<5>(words),
            6 => self.publish_slice::<6>(words),
            len if len > 0 && len <= self.record_words_max => {
                debug_assert_eq!(
                    crate::ring::record_words(words[0]),
                    len,
                    "the length byte contradicts the words"
                );
                self.writer.publish_slots(words);
                true
            }
            _ => false,
        }
    }

    #[inline(always)]
    fn publish_slice<const N: usize>(&mut self, words: &[u64]) -> bool {
        let Ok(words) = <&[u64; N]>::try_from(words) else {
            return false;
        };
        self.publish_array(words);
        true
    }

    /// Position of the next record: how many slots were published.
    #[inline(always)]
    #[must_use]
    pub const fn head(&self) -> u64 {
        self.writer.next()
    }

    /// Says that the publisher is alive; the worker itself calls it between bursts, so that a stuck worker looks
    /// stuck. `now_ns` counts nanoseconds since the Unix epoch.
    #[inline(always)]
    pub fn heartbeat(&mut self, now_ns: u64) {
        // A statistic: no order needed.
        self.mapping()
            .word(HEARTBEAT)
            .store(now_ns, Ordering::Relaxed);
    }

    /// Declares the next record the first from which state can be rebuilt, for readers that resume there.
    pub fn mark_resync(&mut self) {
        self.writer.mark_resync();
    }

    /// Says where state can be rebuilt if `before` was the queue's earlier epoch, which this one goes on from: a record that
    /// lies in front of all of this one's.
    pub fn carry_resync(&mut self, before: &Self) {
        self.writer.carry_resync(&before.writer);
    }

    /// Ends the queue: readers get what they have not read yet and then the reason.
    pub fn close(self, ending: Ending) {
        ring::end(self.writer.memory(), ending);
    }

    fn mapping(&self) -> &Mapping {
        self.writer.memory().mapping()
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        // Only this value writes the state: no order needed to read it back.
        if self.mapping().word(STATE).load(Ordering::Relaxed) == State::Live as u64 {
            ring::end(self.writer.memory(), Ending::Closed);
        }
    }
}
