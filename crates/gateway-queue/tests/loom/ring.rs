//! A ring on the heap, and what a reader may see of it.

use std::sync::Arc;

use gateway_queue::RECORD_WORDS_MAX;
use gateway_queue::ring::{Geometry, Memory, Reader, Step, Writer};
use gateway_queue::sync::AtomicU64;

struct Heap {
    head: AtomicU64,
    reserved: AtomicU64,
    resync: AtomicU64,
    state: AtomicU64,
    successor: AtomicU64,
    slots: Vec<Vec<AtomicU64>>,
}

/// A ring whose slots have `P` payload words, zeroed.
#[derive(Clone)]
pub(crate) struct Ring<const P: usize>(Arc<Heap>);

impl<const P: usize> Ring<P> {
    pub(crate) fn new(geometry: Geometry) -> Self {
        let slot = || (0..=P).map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(Heap {
            head: AtomicU64::new(0),
            reserved: AtomicU64::new(0),
            resync: AtomicU64::new(0),
            state: AtomicU64::new(0),
            successor: AtomicU64::new(0),
            slots: (0..geometry.slots).map(|_| slot()).collect(),
        }))
    }
}

impl<const P: usize> Memory for Ring<P> {
    fn head(&self) -> &AtomicU64 {
        &self.0.head
    }
    fn reserved(&self) -> &AtomicU64 {
        &self.0.reserved
    }
    fn resync(&self) -> &AtomicU64 {
        &self.0.resync
    }
    fn state(&self) -> &AtomicU64 {
        &self.0.state
    }
    fn successor(&self) -> &AtomicU64 {
        &self.0.successor
    }
    fn slot(&self, position: u64) -> &[AtomicU64] {
        &self.0.slots[position as usize % self.0.slots.len()]
    }
}

pub(crate) const fn geometry(slots: u64, block: u64, record_words_max: usize) -> Geometry {
    Geometry {
        slots,
        block,
        record_words_max,
    }
}

/// A record at `position` that can be told from every other, and from a mixture of two.
pub(crate) fn record(position: u64, words: usize) -> Vec<u64> {
    let mut record = vec![(position + 1) << 8; words];
    record[0] |= words as u64 * 2;
    record
}

/// Publishes as `Publisher` does: by the shorter way where the record fits one slot.
pub(crate) fn publish<const P: usize>(writer: &mut Writer<Ring<P>, P>, words: usize) {
    let record = record(writer.next(), words);
    match <&[u64; P]>::try_from(record.as_slice()) {
        Ok(words) => writer.publish_array(words),
        Err(_) => writer.publish_slots(&record),
    }
}

/// What a writer publishes: the lengths of its records in words, one after the other.
#[derive(Clone, Copy)]
pub(crate) struct Script(pub(crate) &'static [usize]);

impl Script {
    /// The length of the record that begins at `position`, if one does.
    fn words_at<const P: usize>(self, position: u64) -> Option<usize> {
        let mut start = 0;
        for &words in self.0 {
            if start == position {
                return Some(words);
            }
            start += words.div_ceil(P) as u64;
        }
        None
    }
}

/// What a reader got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) records: u64,
    /// Slots.
    pub(crate) lost: u64,
}

/// Polls so often and checks that every record is one of the script, whole, in order and once, and that every slot
/// between is counted as lost: except that a reader that joined inside of a record skips the rest of it in silence.
pub(crate) fn read<const P: usize>(
    reader: &mut Reader<Ring<P>, P>,
    script: Script,
    polls: usize,
) -> Received {
    let mut buffer = [0; RECORD_WORDS_MAX];
    let mut received = Received::default();
    let mut joining = true;
    for _ in 0..polls {
        let before = reader.next();
        match reader.poll(&mut buffer) {
            Step::Record { position, words } => {
                assert_eq!(
                    Some(words),
                    script.words_at::<P>(position),
                    "torn: no record of {words} words begins at {position}"
                );
                assert_eq!(
                    buffer[..words],
                    record(position, words),
                    "torn at {position}"
                );
                assert!(
                    position == before || joining && position > before,
                    "repeated or skipped: {position} after {before}"
                );
                assert_eq!(reader.next(), position + words.div_ceil(P) as u64);
                received.records += 1;
                joining = false;
            }
            Step::Lost(slots) => {
                let passed = reader.next() - before;
                assert!(slots > 0, "lost nothing");
                assert!(
                    passed == slots || joining && passed > slots,
                    "{passed} slots passed, {slots} counted as lost"
                );
                received.lost += slots;
                joining = false;
            }
            Step::Empty => {}
        }
    }
    received
}
