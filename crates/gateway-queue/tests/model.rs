//! Random publishing, polling, stalling and attaching against a model that remembers everything.
#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "tests")]

use gateway_queue::{OnLapped, Poll, Publisher, PublisherOptions, QueueHandle, Start, Subscriber};
use proptest::prelude::*;
use std::collections::BTreeMap;

const SLOTS: u64 = 64;
const BLOCK: u64 = SLOTS / 16;
const WORDS_MAX: usize = 28;

#[derive(Clone, Debug)]
enum Step {
    Publish(Vec<usize>),
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
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let start = prop_oneof![
        Just(Start::Head),
        Just(Start::Oldest),
        (0..400_u64).prop_map(Start::At),
        Just(Start::At(u64::MAX))
    ];
    let on_lapped = prop_oneof![
        Just(OnLapped::Latest),
        Just(OnLapped::Oldest),
        Just(OnLapped::Resync)
    ];
    let step = prop_oneof![
        4 => prop::collection::vec(prop_oneof![3 => Just(7), 1 => 1..=WORDS_MAX], 1..40).prop_map(Step::Publish),
        6 => (0..8_usize, 1..60_usize).prop_map(|(reader, times)| Step::Poll { reader, times }),
        1 => (0..8_usize, start, on_lapped)
            .prop_map(|(reader, start, on_lapped)| Step::Attach { reader, start, on_lapped }),
        1 => Just(Step::MarkResync),
    ];
    prop::collection::vec(step, 1..60)
}

struct Model {
    publisher: Publisher,
    handle: QueueHandle,
    /// Every record ever published, by position.
    records: BTreeMap<u64, Vec<u64>>,
}

struct Reader {
    subscriber: Subscriber,
    /// Where the last record ended, or the reader began.
    accounted: u64,
    /// Before its first record or loss a reader may skip the rest of a record that began before it.
    started: bool,
}

impl Model {
    fn new() -> Self {
        let options = PublisherOptions {
            name: "model".into(),
            slots: SLOTS,
            record_bytes_max: WORDS_MAX as u32 * 8,
            lock_memory: false,
            ..Default::default()
        };
        let (publisher, handle) = Publisher::create(&options).unwrap();
        Self {
            publisher,
            handle,
            records: BTreeMap::new(),
        }
    }

    fn publish(&mut self, words: usize) {
        let position = self.publisher.head();
        let mut record: Vec<u64> = (0..words as u64)
            .map(|index| (position << 20) | (index << 8))
            .collect();
        record[0] |= words as u64 * 2;
        assert!(self.publisher.publish(&record));
        assert_eq!(self.publisher.head(), position + words.div_ceil(7) as u64);
        self.records.insert(position, record);
    }

    fn attach(&self, start: Start, on_lapped: OnLapped) -> Reader {
        let subscriber =
            Subscriber::attach_with(self.handle.read_only_fd().unwrap(), start, on_lapped).unwrap();
        let head = self.publisher.head();
        let accounted = match start {
            Start::At(position) if position < head => position,
            _ => subscriber.position(),
        };
        assert!(subscriber.position() <= head);
        assert!(
            head - subscriber.position() <= SLOTS,
            "begins where nothing is left"
        );
        Reader {
            subscriber,
            accounted,
            started: false,
        }
    }

    fn poll(&self, reader: &mut Reader) {
        let head = self.publisher.head();
        let before = reader.subscriber.position();
        match reader.subscriber.poll() {
            Poll::Record(record) => {
                let expected = &self.records[&record.position];
                assert_eq!(record.words, expected);
                let slots = expected.len().div_ceil(7) as u64;
                if reader.started {
                    assert_eq!(
                        record.position, reader.accounted,
                        "neither lost nor received"
                    );
                }
                assert!(record.position >= reader.accounted, "repeated or reordered");
                reader.accounted = record.position + slots;
                reader.started = true;
            }
            Poll::Lost { slots } => {
                assert!(slots > 0);
                reader.accounted += slots;
                reader.started = true;
            }
            Poll::Empty => assert_eq!(reader.subscriber.position(), head, "there is something"),
            Poll::Closed(_) => panic!("closed"),
        }
        // A reader within all but two blocks of the head is never told that it lost anything for being slow.
        if reader.started && head - before <= SLOTS - 2 * BLOCK {
            assert!(
                reader.subscriber.position() - before <= WORDS_MAX as u64,
                "overtaken too early"
            );
        }
        assert!(reader.subscriber.position() <= head);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_record_is_received_whole_or_counted_as_lost(steps in steps()) {
        let mut model = Model::new();
        let mut readers: Vec<Reader> = (0..8).map(|_| model.attach(Start::Head, OnLapped::Oldest)).collect();
        for step in steps {
            match step {
                Step::Publish(lengths) => lengths.into_iter().for_each(|words| model.publish(words)),
                Step::Poll { reader, times } => (0..times).for_each(|_| model.poll(&mut readers[reader])),
                Step::Attach { reader, start, on_lapped } => readers[reader] = model.attach(start, on_lapped),
                Step::MarkResync => model.publisher.mark_resync(),
            }
        }
        let head = model.publisher.head();
        for reader in &mut readers {
            (0..200).for_each(|_| model.poll(reader));
            prop_assert_eq!(reader.subscriber.position(), head);
            if reader.started {
                prop_assert_eq!(reader.accounted, head);
            }
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
        let model = Model::new();
        let mut page = model.handle.header().encode();
        for (at, byte) in patch {
            page[at] = byte;
        }
        let crc = crc32c::crc32c(&page[8..0xFC]);
        page[0xFC..].copy_from_slice(&crc.to_le_bytes());
        if let Ok(header) = StaticHeader::decode(&page, model.handle.memory().bytes) {
            let ring_end = header.ring_offset + header.slots * 64;
            prop_assert!(header.slots.is_power_of_two() && ring_end <= model.handle.memory().bytes);
            prop_assert!(header.geometry().record_words_max <= 128);
        }
    }
}
