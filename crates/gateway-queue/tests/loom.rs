//! The protocol under every interleaving and every value that a relaxed load may return, on rings small enough to
//! count them. Slots hold one or two payload words here; nothing in the protocol depends on their number.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test -p gateway-queue --release --test loom --target-dir target/loom
//! ```
#![cfg(loom)]
#![allow(clippy::unwrap_used, reason = "tests")]

use gateway_queue::ring::{Geometry, Memory, OnLapped, Reader, Step, Writer};
use gateway_queue::sync::{AtomicU64, Ordering, fence};
use loom::sync::Arc;
use loom::thread;

/// A ring on the heap.
struct Heap<const P: usize> {
    head: AtomicU64,
    reserved: AtomicU64,
    resync: AtomicU64,
    state: AtomicU64,
    slots: Vec<Vec<AtomicU64>>,
}

#[derive(Clone)]
struct Ring<const P: usize>(Arc<Heap<P>>);

impl<const P: usize> Ring<P> {
    fn new(geometry: Geometry) -> Self {
        let slot = || (0..=P).map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(Heap {
            head: AtomicU64::new(0),
            reserved: AtomicU64::new(0),
            resync: AtomicU64::new(0),
            state: AtomicU64::new(0),
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
    fn slot(&self, position: u64) -> &[AtomicU64] {
        &self.0.slots[position as usize % self.0.slots.len()]
    }
}

const fn geometry(slots: u64, block: u64, record_words_max: usize) -> Geometry {
    Geometry {
        slots,
        block,
        record_words_max,
    }
}

/// A record at `position` that can be told from every other, and from a mixture of two.
fn record(position: u64, words: usize) -> Vec<u64> {
    let mut record = vec![(position + 1) << 8; words];
    record[0] |= words as u64 * 2;
    record
}

/// Publishes as `Publisher` does: by the shorter way where the record fits one slot.
fn publish<const P: usize>(writer: &mut Writer<Ring<P>, P>, words: usize) {
    let record = record(writer.next(), words);
    match <&[u64; P]>::try_from(record.as_slice()) {
        Ok(words) => writer.publish_array(words),
        Err(_) => writer.publish_slots(&record),
    }
}

/// Polls so often and checks that every record is whole, in order and once, and that received plus lost is where the
/// reader stands.
fn read<const P: usize>(reader: &mut Reader<Ring<P>, P>, polls: usize, words: usize) -> (u64, u64) {
    let slots = words.div_ceil(P) as u64;
    let mut buffer = [0; gateway_queue::RECORD_WORDS_MAX];
    let (start, mut passed, mut records, mut lost) = (reader.next(), 0, 0, 0);
    for _ in 0..polls {
        match reader.poll(&mut buffer) {
            Step::Record {
                position,
                words: found,
            } => {
                assert_eq!(
                    buffer[..found],
                    record(position, words),
                    "torn at {position}"
                );
                assert_eq!(position, start + passed, "repeated or reordered");
                passed += slots;
                records += 1;
            }
            Step::Lost(count) => {
                passed += count;
                lost += count;
            }
            Step::Empty => {}
        }
    }
    (records, lost)
}

/// Explores `body` with at most two preemptions: more multiply the time and are for longer runs than a test may take.
fn model(body: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(body);
}

fn writer_and_reader<const P: usize>(
    shape: Geometry,
    words: usize,
    before: u64,
    during: u64,
    polls: usize,
    on_lapped: OnLapped,
) {
    model(move || {
        let ring = Ring::<P>::new(shape);
        let mut writer = Writer::<_, P>::new(ring.clone(), shape);
        for _ in 0..before {
            publish(&mut writer, words);
        }
        let mut reader = Reader::<_, P>::new(ring, shape, 0, on_lapped);
        let publishing = thread::spawn(move || {
            for _ in 0..during {
                publish(&mut writer, words);
            }
        });
        read(&mut reader, polls, words);
        publishing.join().unwrap();
    });
}

#[test]
fn records_are_whole_or_lost_around_the_wrap() {
    writer_and_reader::<1>(geometry(2, 1, 1), 1, 0, 3, 3, OnLapped::Oldest);
}

#[test]
fn a_copy_of_two_words_is_never_torn_by_an_overrun() {
    writer_and_reader::<2>(geometry(2, 1, 2), 2, 1, 3, 2, OnLapped::Oldest);
}

#[test]
fn every_policy_resumes_in_step() {
    for on_lapped in [OnLapped::Latest, OnLapped::Oldest, OnLapped::Resync] {
        writer_and_reader::<1>(geometry(2, 1, 1), 1, 2, 2, 3, on_lapped);
    }
}

#[test]
fn records_of_two_slots_are_never_cut() {
    writer_and_reader::<1>(geometry(4, 2, 2), 2, 1, 3, 3, OnLapped::Oldest);
}

#[test]
fn a_reader_that_joins_at_the_head_sees_what_follows_whole() {
    model(|| {
        let shape = geometry(2, 1, 1);
        let ring = Ring::<1>::new(shape);
        let mut writer = Writer::<_, 1>::new(ring.clone(), shape);
        let publishing = thread::spawn(move || {
            for _ in 0..2 {
                publish(&mut writer, 1);
            }
        });
        let oldest = Reader::<_, 1>::oldest(&ring, shape);
        let head = Reader::<_, 1>::head(&ring);
        assert!(oldest <= 2 && head <= 2);
        let mut reader = Reader::<_, 1>::new(ring, shape, head, OnLapped::Oldest);
        read(&mut reader, 2, 1);
        publishing.join().unwrap();
    });
}

#[test]
fn the_end_is_seen_after_every_record() {
    model(|| {
        let shape = geometry(2, 1, 1);
        let ring = Ring::<1>::new(shape);
        let mut writer = Writer::<_, 1>::new(ring.clone(), shape);
        let publishing = thread::spawn(move || {
            for _ in 0..2 {
                publish(&mut writer, 1);
            }
            writer.memory().0.state.store(1, Ordering::Release);
        });
        let mut reader = Reader::<_, 1>::new(ring.clone(), shape, 0, OnLapped::Oldest);
        let (mut passed, _) = read(&mut reader, 1, 1);
        // As `Subscriber::advance_or_state` does it.
        if ring.0.state.load(Ordering::Relaxed) == 1 {
            fence(Ordering::Acquire);
            let (records, lost) = read(&mut reader, 3, 1);
            passed += records + lost;
            assert_eq!(reader.next(), 2, "{passed} passed");
        }
        publishing.join().unwrap();
    });
}
