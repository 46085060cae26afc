//! Random publishing, polling, stalling, attaching and closing against a reference that remembers everything.
//!
//! The reference knows records and positions, and the rule that a block of slots is reserved before it is written. It
//! has no slots, no sequence words and no wrap. Each poll of each reader has to bring exactly what the reference says:
//! the record, word for word, or the number of slots lost, or nothing, or the end.
#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use gateway_queue::{
    Closed, Ending, OnLapped, Poll, Publisher, PublisherOptions, QueueHandle, RECORD_WORDS_MAX,
    Start, Subscriber, Taken,
};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    /// Records of so many words.
    Publish(Vec<usize>),
    /// A reader that is not polled stalls.
    Poll {
        reader: usize,
        times: usize,
    },
    Attach {
        reader: usize,
        start: Start,
        on_lapped: OnLapped,
    },
    MarkResync,
    Close(Ending),
}

fn starts() -> impl Strategy<Value = Start> {
    prop_oneof![
        Just(Start::Head),
        Just(Start::Oldest),
        Just(Start::Resync),
        (0..2_000_u64).prop_map(Start::At),
        Just(Start::At(u64::MAX))
    ]
}

fn policies() -> impl Strategy<Value = OnLapped> {
    prop_oneof![
        Just(OnLapped::Latest),
        Just(OnLapped::Oldest),
        Just(OnLapped::Resync)
    ]
}

fn endings() -> impl Strategy<Value = Ending> {
    prop_oneof![
        Just(Ending::Closed),
        any::<u64>().prop_map(|successor_epoch| Ending::Superseded { successor_epoch })
    ]
}

/// Steps of a queue whose records have up to `words_max` words.
fn steps(words_max: usize) -> impl Strategy<Value = Vec<Step>> {
    let lengths = prop::collection::vec(prop_oneof![3 => Just(7), 2 => 1..=words_max], 1..40);
    let step = prop_oneof![
        20 => lengths.prop_map(Step::Publish),
        30 => (0..8_usize, 1..60_usize).prop_map(|(reader, times)| Step::Poll { reader, times }),
        5 => (0..8_usize, starts(), policies())
            .prop_map(|(reader, start, on_lapped)| Step::Attach { reader, start, on_lapped }),
        5 => Just(Step::MarkResync),
        1 => endings().prop_map(Step::Close),
    ];
    prop::collection::vec(step, 1..80)
}

/// A queue's shape, its first readers and what happens to them.
fn runs() -> impl Strategy<Value = (u64, usize, Vec<(Start, OnLapped)>, Vec<Step>)> {
    // The longest records are as long as a block, 7 words a slot.
    let shapes = prop_oneof![Just((64, 28)), Just((128, 56)), Just((256, 65))];
    shapes.prop_flat_map(|(slots, words_max)| {
        let readers = prop::collection::vec((starts(), policies()), 1..=8);
        (Just(slots), Just(words_max), readers, steps(words_max))
    })
}

/// What a poll is to bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// The record at this position.
    Record(u64),
    Lost(u64),
    Empty,
}

/// Everything ever published.
#[derive(Debug)]
struct Reference {
    slots: u64,
    block: u64,
    records: BTreeMap<u64, Vec<u64>>,
    head: u64,
    reserved: u64,
    resync: u64,
}

impl Reference {
    fn new(slots: u64) -> Self {
        Self {
            slots,
            block: slots / 16,
            records: BTreeMap::new(),
            head: 0,
            reserved: 0,
            resync: 0,
        }
    }

    /// Makes the next record, of `words` words.
    fn publish(&mut self, words: usize) -> &[u64] {
        let position = self.head;
        let mut record: Vec<u64> = (0..words as u64)
            .map(|index| (position << 20) | (index << 8))
            .collect();
        record[0] |= words as u64 * 2;
        self.head += words.div_ceil(7) as u64;
        self.reserved = self.reserved.max(self.head.next_multiple_of(self.block));
        self.records.entry(position).or_insert(record)
    }

    fn oldest(&self) -> u64 {
        (self.reserved + self.block)
            .saturating_sub(self.slots)
            .min(self.head)
    }
}

/// What a reader is to see of it.
#[derive(Debug)]
struct ReferenceReader {
    on_lapped: OnLapped,
    next: u64,
    /// Lost before it began.
    lost: u64,
    started: bool,
}

impl ReferenceReader {
    fn attach(reference: &Reference, start: Start, on_lapped: OnLapped) -> Self {
        let (oldest, head) = (reference.oldest(), reference.head);
        let (next, lost) = match start {
            Start::Head => (head, 0),
            Start::Oldest => (oldest, 0),
            Start::At(position) => (
                position.clamp(oldest, head),
                oldest.saturating_sub(position),
            ),
            Start::Resync => (
                reference.resync.max(oldest),
                oldest.saturating_sub(reference.resync),
            ),
        };
        Self {
            on_lapped,
            next,
            lost,
            started: lost > 0,
        }
    }

    fn poll(&mut self, reference: &Reference) -> Expected {
        if self.lost > 0 {
            return Expected::Lost(std::mem::take(&mut self.lost));
        }
        let skipped_from = self.next;
        // Inside of a record: to the next one, unless it is being overwritten already.
        while self.next < reference.head && !reference.records.contains_key(&self.next) {
            if reference.head > self.next + reference.slots {
                return self.resume(reference, skipped_from);
            }
            self.next += 1;
        }
        let skipped = self.next - skipped_from;
        if skipped > 0 && self.started {
            return Expected::Lost(skipped);
        }
        if self.next >= reference.head {
            return Expected::Empty;
        }
        if reference.reserved > self.next + reference.slots {
            let from = self.next;
            return self.resume(reference, from);
        }
        let position = self.next;
        self.next += reference.records[&position].len().div_ceil(7) as u64;
        self.started = true;
        Expected::Record(position)
    }

    fn resume(&mut self, reference: &Reference, lost_from: u64) -> Expected {
        let target = match self.on_lapped {
            OnLapped::Latest => reference.head,
            OnLapped::Oldest => reference.oldest(),
            OnLapped::Resync => reference.resync.max(reference.oldest()),
        };
        // Before its first record, what it skipped of the one it began in is nobody's loss.
        let lost_from = if self.started { lost_from } else { self.next };
        self.next = target.max(self.next + 1);
        self.started = true;
        Expected::Lost(self.next - lost_from)
    }
}

/// A queue and its reference, side by side.
struct Pair {
    publisher: Option<Publisher>,
    handle: QueueHandle,
    closed: Option<Closed>,
    reference: Reference,
}

impl Pair {
    fn new(slots: u64, words_max: usize) -> Self {
        let options = PublisherOptions {
            name: "model".into(),
            slots,
            record_bytes_max: words_max as u32 * 8,
            lock_memory: false,
            ..Default::default()
        };
        let (publisher, handle) = Publisher::create(&options).unwrap();
        Self {
            publisher: Some(publisher),
            handle,
            closed: None,
            reference: Reference::new(slots),
        }
    }

    /// Publishes, unless the queue is closed.
    fn publish(&mut self, words: usize) {
        if let Some(publisher) = &mut self.publisher {
            assert!(publisher.publish(self.reference.publish(words)));
            assert_eq!(publisher.head(), self.reference.head);
        }
    }

    fn mark_resync(&mut self) {
        if let Some(publisher) = &mut self.publisher {
            publisher.mark_resync();
            self.reference.resync = self.reference.head;
        }
    }

    fn close(&mut self, ending: Ending) {
        if let Some(publisher) = self.publisher.take() {
            publisher.close(ending);
            self.closed = Some(match ending {
                Ending::Closed => Closed::Stopped,
                Ending::Superseded { successor_epoch } => Closed::Superseded { successor_epoch },
            });
        }
    }

    fn attach(&self, start: Start, on_lapped: OnLapped) -> (Subscriber, ReferenceReader) {
        let fd = self.handle.read_only_fd().unwrap();
        let subscriber = Subscriber::attach_with(fd, start, on_lapped).unwrap();
        let reader = ReferenceReader::attach(&self.reference, start, on_lapped);
        assert_eq!(subscriber.position(), reader.next, "{start:?}");
        assert_eq!(subscriber.head(), self.reference.head);
        (subscriber, reader)
    }

    fn poll(&self, (subscriber, reader): &mut (Subscriber, ReferenceReader)) -> Expected {
        let expected = reader.poll(&self.reference);
        // Both ways to get a record.
        if reader.next.is_multiple_of(2) {
            let mut place = [0; RECORD_WORDS_MAX];
            match (subscriber.take_into(&mut place), expected) {
                (Taken::Record { position, words }, Expected::Record(expected)) => {
                    assert_eq!(position, expected);
                    assert_eq!(place[..words], self.reference.records[&position]);
                }
                (Taken::Lost(slots), Expected::Lost(expected)) => assert_eq!(slots, expected),
                (Taken::Empty, Expected::Empty) => {}
                (Taken::Closed(found), Expected::Empty) => assert_eq!(Some(found), self.closed),
                (found, expected) => panic!("{found:?} instead of {expected:?}"),
            }
            assert_eq!(subscriber.position(), reader.next);
            return expected;
        }
        match (subscriber.poll_or_state(), expected) {
            (Poll::Record(found), Expected::Record(position)) => {
                assert_eq!(found.position, position);
                assert_eq!(found.words, self.reference.records[&position]);
            }
            (Poll::Lost { slots }, Expected::Lost(expected)) => assert_eq!(slots, expected),
            (Poll::Empty, Expected::Empty) => assert_eq!(self.closed, None),
            (Poll::Closed(found), Expected::Empty) => assert_eq!(Some(found), self.closed),
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
        assert_eq!(subscriber.position(), reader.next);
        expected
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_poll_brings_what_the_reference_says((slots, words_max, readers, steps) in runs()) {
        let mut pair = Pair::new(slots, words_max);
        let mut readers: Vec<_> =
            readers.into_iter().map(|(start, on_lapped)| pair.attach(start, on_lapped)).collect();
        let count = readers.len();
        for step in steps {
            match step {
                Step::Publish(lengths) => lengths.into_iter().for_each(|words| pair.publish(words)),
                Step::Poll { reader, times } => {
                    let reader = &mut readers[reader % count];
                    (0..times).for_each(|_| { pair.poll(reader); });
                }
                Step::Attach { reader, start, on_lapped } => {
                    readers[reader % count] = pair.attach(start, on_lapped);
                }
                Step::MarkResync => pair.mark_resync(),
                Step::Close(ending) => pair.close(ending),
            }
        }
        // Everybody reads to the end, and in bounded steps.
        for reader in &mut readers {
            let polls = (0..=slots + 2).find(|_| pair.poll(reader) == Expected::Empty);
            prop_assert!(polls.is_some(), "more polls than slots");
            prop_assert_eq!(reader.0.position(), pair.reference.head);
        }
    }

    #[test]
    fn a_header_of_any_bytes_is_refused_or_sound(
        page in prop::collection::vec(any::<u8>(), 256),
        patch in prop::collection::vec((8..0xFC_usize, any::<u8>()), 0..4),
        len in any::<u64>(),
    ) {
        use gateway_queue::layout::StaticHeader;
        let page: [u8; 256] = page.try_into().unwrap();
        prop_assert!(StaticHeader::decode(&page, len).is_err());
        // A good header with a few bytes changed and its checksum right again.
        let pair = Pair::new(64, 28);
        let mut page = pair.handle.header().encode();
        for (at, byte) in patch {
            page[at] = byte;
        }
        let crc = crc32c::crc32c(&page[8..0xFC]);
        page[0xFC..].copy_from_slice(&crc.to_le_bytes());
        if let Ok(header) = StaticHeader::decode(&page, pair.handle.memory().bytes) {
            let ring_end = header.ring_offset + header.slots * 64;
            prop_assert!(header.slots.is_power_of_two() && ring_end <= pair.handle.memory().bytes);
            prop_assert!(header.geometry().record_words_max <= 128);
        }
    }
}
