//! What readers are promised, each promise a test that explores a writer and a reader.

use gateway_queue::RECORD_WORDS_MAX;
use gateway_queue::anchors::{Anchor, Anchors};
use gateway_queue::ring::{
    Closed, Ending, Geometry, Memory, OnLapped, Reader, State, Step, Writer, end, ended, load_page,
    store_page,
};
use gateway_queue::sync::{AtomicU64, Ordering};
use loom::thread;
use std::sync::Arc;

use crate::ring::{Ring, Script, geometry, publish, read};

/// Explores `body` with at most two preemptions, which find every fault that three find in the negative controls. More
/// (`LOOM_MAX_PREEMPTIONS=3`) multiply the time and are for longer runs than a test may take.
pub(crate) fn explore(body: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = model.preemption_bound.or(Some(2));
    model.check(body);
}

/// A writer of `script`, of which `before` records are there when the reader begins at `start`.
fn writer_and_reader<const P: usize>(
    shape: Geometry,
    script: Script,
    before: usize,
    start: u64,
    polls: usize,
    on_lapped: OnLapped,
) {
    explore(move || {
        let ring = Ring::<P>::new(shape);
        let mut writer = Writer::<_, P>::new(ring.clone(), shape);
        for &words in &script.0[..before] {
            publish(&mut writer, words);
        }
        let mut reader = Reader::<_, P>::new(ring, shape, start, on_lapped);
        let publishing = thread::spawn(move || {
            for &words in &script.0[before..] {
                publish(&mut writer, words);
            }
        });
        read(&mut reader, script, polls);
        publishing.join().unwrap();
    });
}

#[test]
pub(crate) fn records_are_whole_or_lost_around_the_wrap() {
    let script = Script(&[1; 3]);
    writer_and_reader::<1>(geometry(2, 1, 1), script, 0, 0, 3, OnLapped::Oldest);
}

#[test]
pub(crate) fn a_copy_of_two_words_is_never_torn_by_an_overrun() {
    let script = Script(&[2; 4]);
    writer_and_reader::<2>(geometry(2, 1, 2), script, 1, 0, 2, OnLapped::Oldest);
}

/// The writer reserves with the record before the one that overruns, and there alone has its fence.
#[test]
pub(crate) fn a_reservation_covers_the_later_records_of_its_block() {
    let script = Script(&[2; 4]);
    writer_and_reader::<2>(geometry(2, 2, 2), script, 2, 1, 2, OnLapped::Oldest);
}

#[test]
pub(crate) fn records_of_two_slots_are_never_cut() {
    let script = Script(&[2; 4]);
    writer_and_reader::<1>(geometry(4, 2, 2), script, 1, 0, 3, OnLapped::Oldest);
}

#[test]
pub(crate) fn records_of_three_slots_are_never_cut() {
    let script = Script(&[3; 3]);
    writer_and_reader::<1>(geometry(8, 4, 3), script, 2, 0, 2, OnLapped::Oldest);
}

#[test]
pub(crate) fn every_policy_resumes_in_step() {
    for on_lapped in [OnLapped::Latest, OnLapped::Oldest, OnLapped::Resync] {
        writer_and_reader::<1>(geometry(2, 1, 1), Script(&[1; 4]), 2, 0, 3, on_lapped);
    }
}

/// The blocks end inside of the records here: whoever resumes at the oldest slot resumes inside of one.
#[test]
pub(crate) fn a_reader_that_resumes_inside_of_a_record_goes_on_with_the_next() {
    let script = Script(&[1, 2, 2, 2]);
    writer_and_reader::<1>(geometry(4, 2, 2), script, 2, 0, 4, OnLapped::Oldest);
}

/// While the rest of the record that it begins in is being overwritten.
#[test]
pub(crate) fn a_reader_that_joins_inside_of_a_record_goes_on_with_the_next() {
    let script = Script(&[2, 2, 1, 2]);
    writer_and_reader::<1>(geometry(4, 2, 2), script, 1, 1, 3, OnLapped::Oldest);
}

#[test]
pub(crate) fn a_reader_resumes_where_state_can_be_rebuilt() {
    explore(|| {
        let (shape, script) = (geometry(4, 1, 1), Script(&[1; 6]));
        let ring = Ring::<1>::new(shape);
        let mut writer = Writer::<_, 1>::new(ring.clone(), shape);
        for _ in 0..3 {
            publish(&mut writer, 1);
        }
        let mut reader = Reader::<_, 1>::new(ring, shape, 0, OnLapped::Resync);
        let publishing = thread::spawn(move || {
            publish(&mut writer, 1);
            writer.mark_resync();
            publish(&mut writer, 1);
            publish(&mut writer, 1);
        });
        read(&mut reader, script, 3);
        publishing.join().unwrap();
    });
}

/// What head counts is there: a reader that joins below it never finds nothing.
fn nothing_is_missing_below_head(script: Script, shape: Geometry) {
    explore(move || {
        let ring = Ring::<1>::new(shape);
        let mut writer = Writer::<_, 1>::new(ring.clone(), shape);
        let publishing = thread::spawn(move || {
            for &words in script.0 {
                publish(&mut writer, words);
            }
        });
        let head = Reader::<_, 1>::head(&ring);
        let mut reader = Reader::<_, 1>::new(ring, shape, 0, OnLapped::Oldest);
        let mut buffer = [0; RECORD_WORDS_MAX];
        while reader.next() < head {
            let at = reader.next();
            let step = reader.poll(&mut buffer);
            assert!(
                matches!(step, Step::Record { .. }),
                "missing: {step:?} at {at} below head {head}"
            );
        }
        publishing.join().unwrap();
    });
}

#[test]
pub(crate) fn records_below_head_are_there_for_whoever_joins() {
    nothing_is_missing_below_head(Script(&[1; 3]), geometry(4, 1, 1));
}

#[test]
pub(crate) fn records_of_two_slots_below_head_are_there_for_whoever_joins() {
    nothing_is_missing_below_head(Script(&[2; 2]), geometry(4, 2, 2));
}

#[test]
pub(crate) fn a_reader_that_joins_at_head_or_at_the_oldest_sees_what_follows_whole() {
    for oldest in [false, true] {
        explore(move || {
            let (shape, script) = (geometry(2, 1, 1), Script(&[1; 3]));
            let ring = Ring::<1>::new(shape);
            let mut writer = Writer::<_, 1>::new(ring.clone(), shape);
            let publishing = thread::spawn(move || {
                for &words in script.0 {
                    publish(&mut writer, words);
                }
            });
            let start = if oldest {
                Reader::<_, 1>::oldest(&ring, shape)
            } else {
                Reader::<_, 1>::head(&ring)
            };
            assert!(start <= 3);
            let mut reader = Reader::<_, 1>::new(ring, shape, start, OnLapped::Oldest);
            read(&mut reader, script, 2);
            publishing.join().unwrap();
        });
    }
}

/// A reader that saw by a slot's sequence that it was overtaken is not sent back behind that slot's record.
#[test]
pub(crate) fn an_overtaken_reader_resumes_at_the_latest_it_saw() {
    explore(|| {
        let (shape, script) = (geometry(2, 1, 1), Script(&[1; 3]));
        let ring = Ring::<1>::new(shape);
        let mut writer = Writer::<_, 1>::new(ring.clone(), shape);
        let publishing = thread::spawn(move || {
            for &words in script.0 {
                publish(&mut writer, words);
            }
        });
        // What is seen here, the poll sees too: loads of one word never run backwards.
        let overtaken = ring.slot(0)[0].load(Ordering::Relaxed) == 3;
        let mut reader = Reader::<_, 1>::new(ring, shape, 0, OnLapped::Latest);
        let received = read(&mut reader, script, 1);
        if overtaken {
            assert_eq!(received.records, 0);
            assert!(
                reader.next() >= 2,
                "resumed at {}, overtaken by 2",
                reader.next()
            );
        }
        publishing.join().unwrap();
    });
}

fn the_end(ending: Ending, closed: Closed) {
    explore(move || {
        let (shape, script) = (geometry(4, 2, 2), Script(&[1, 2]));
        let ring = Ring::<1>::new(shape);
        let mut writer = Writer::<_, 1>::new(ring.clone(), shape);
        let publishing = thread::spawn(move || {
            for &words in script.0 {
                publish(&mut writer, words);
            }
            end(writer.memory(), ending);
        });
        let mut reader = Reader::<_, 1>::new(ring.clone(), shape, 0, OnLapped::Oldest);
        read(&mut reader, script, 1);
        if let Some(found) = ended(&ring) {
            read(&mut reader, script, 2);
            assert_eq!(reader.next(), 3, "the end before the last record");
            assert_eq!(found, closed, "the end without its reason");
        }
        publishing.join().unwrap();
    });
}

#[test]
pub(crate) fn the_end_is_seen_after_every_record() {
    the_end(Ending::Closed, Closed::Stopped);
}

#[test]
pub(crate) fn a_superseded_queue_names_its_successor_after_every_record() {
    let ending = Ending::Superseded { successor_epoch: 9 };
    the_end(ending, Closed::Superseded { successor_epoch: 9 });
}

/// A queue that ended stays ended, whatever the order in which a reader looks at it.
#[test]
pub(crate) fn the_state_is_live_or_ended_never_between() {
    explore(|| {
        let shape = geometry(2, 1, 1);
        let ring = Ring::<1>::new(shape);
        ring.state().store(State::Live as u64, Ordering::Relaxed);
        let memory = ring.clone();
        let ending = Ending::Superseded { successor_epoch: 9 };
        let publishing = thread::spawn(move || end(&memory, ending));
        let closed = Closed::Superseded { successor_epoch: 9 };
        let (first, second) = (ended(&ring), ended(&ring));
        for found in [first, second].into_iter().flatten() {
            assert_eq!(found, closed, "the end without its reason");
        }
        assert!(first.is_none() || second.is_some());
        publishing.join().unwrap();
    });
}

#[test]
pub(crate) fn a_static_page_with_its_magic_is_whole() {
    explore(|| {
        const PAGE: [u64; 4] = [0x4757, 1, 2, 3];
        let words: Arc<[AtomicU64; 4]> = Arc::new([0; 4].map(AtomicU64::new));
        let memory = Arc::clone(&words);
        let making = thread::spawn(move || store_page(&PAGE, |index| &memory[index]));
        let mut page = [0; 4];
        load_page(&mut page, |index| &words[index]);
        assert!(page[0] == 0 || page == PAGE, "half a page: {page:?}");
        making.join().unwrap();
    });
}

/// A clock that is corrected while it is read.
#[test]
pub(crate) fn a_clock_is_read_by_one_anchor_and_never_by_an_earlier_one() {
    explore(|| {
        let anchor = |number| Anchor {
            ticks: number,
            ns: number,
            rate: number,
        };
        let anchors = Arc::new(Anchors::new(anchor(0)));
        let written = Arc::clone(&anchors);
        let correcting = thread::spawn(move || {
            for number in 1..=3 {
                written.store(anchor(number));
            }
        });
        let mut last = 0;
        for _ in 0..2 {
            let found = anchors.load();
            assert_eq!(found, anchor(found.ticks), "two anchors at once");
            assert!(found.ticks >= last, "an earlier anchor");
            last = found.ticks;
        }
        correcting.join().unwrap();
    });
}
