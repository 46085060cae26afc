//! Negative controls: the models find what is wrong with a weaker protocol. A model that fails for nothing proves
//! nothing, and an ordering that nothing needs is not one of the protocol's.

use std::panic::{AssertUnwindSafe, catch_unwind};

use gateway_queue::ring::{CONTINUATION, Memory, OnLapped, Reader};
use gateway_queue::sync::{Ordering, Site, fence, weakened};
use loom::thread;

use crate::bell::{nobody_sleeps_through_a_record, the_bell_is_looked_at_after_the_announcement};
use crate::models::*;
use crate::ring::{Ring, Script, geometry, read, record};
use crate::table;

/// Asserts that exploring `body` fails, by an assertion that says `complaint`.
fn fails(complaint: &str, body: impl FnOnce()) {
    let Err(panic) = catch_unwind(AssertUnwindSafe(body)) else {
        panic!("no interleaving showed anything: expected {complaint:?}");
    };
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or_default();
    assert!(message.contains(complaint), "{message}");
}

/// What each site is needed for: the model that fails without it, and what that model says.
fn needed_for(site: Site) -> (fn(), &'static str) {
    match site {
        Site::ReservationThenPayload | Site::SequenceThenCopy | Site::CopyThenReservation => {
            (a_copy_of_two_words_is_never_torn_by_an_overrun, "torn")
        }
        Site::PayloadThenSequence => (records_are_whole_or_lost_around_the_wrap, "torn"),
        Site::PayloadsThenSequence => (records_of_two_slots_are_never_cut, "torn"),
        Site::SequenceThenHead | Site::HeadThenSlots => {
            (records_below_head_are_there_for_whoever_joins, "missing")
        }
        Site::SequencesThenHead => (
            records_of_two_slots_below_head_are_there_for_whoever_joins,
            "missing",
        ),
        Site::OverrunThenHead => (
            an_overtaken_reader_resumes_at_the_latest_it_saw,
            "resumed at",
        ),
        Site::RecordsThenState | Site::StateThenSlots => {
            (the_end_is_seen_after_every_record, "the end before")
        }
        Site::PageThenMagic | Site::MagicThenPage => {
            (a_static_page_with_its_magic_is_whole, "half a page")
        }
        Site::AwaitedThenAsleep | Site::AsleepThenAwaited => {
            (nobody_sleeps_through_a_record, "rung for another")
        }
        Site::LastVersionThenAnchor
        | Site::AnchorThenVersion
        | Site::VersionThenAnchor
        | Site::AnchorThenSameVersion => (
            a_clock_is_read_by_one_anchor_and_never_by_an_earlier_one,
            "two anchors at once",
        ),
        Site::LastVersionThenEntry
        | Site::EntryThenVersion
        | Site::VersionThenEntry
        | Site::EntryThenSameVersion => (
            table::an_entry_is_of_one_version_and_never_of_an_earlier_one,
            "torn",
        ),
        Site::EntryThenDirectory => (
            table::what_the_directory_counts_is_there,
            "counted, not there",
        ),
        Site::EntriesThenApplied => (
            table::entries_have_what_is_applied,
            "behind what is applied",
        ),
    }
}

#[test]
fn every_ordering_of_the_protocol_is_needed() {
    for site in Site::ALL {
        let (model, complaint) = needed_for(site);
        println!("without {site:?}");
        weakened(site, || fails(complaint, model));
    }
}

#[test]
fn the_reservation_comes_first_for_long_and_for_later_records_too() {
    for model in [
        records_of_two_slots_are_never_cut,
        a_reservation_covers_the_later_records_of_its_block,
    ] {
        weakened(Site::ReservationThenPayload, || fails("torn", model));
    }
}

#[test]
fn a_successor_without_its_epoch_is_found() {
    for site in [Site::RecordsThenState, Site::StateThenSlots] {
        weakened(site, || {
            fails(
                "the end without its reason",
                the_state_is_live_or_ended_never_between,
            );
        });
    }
}

/// Explores a reader against a writer that does what `publish` does with each position in turn.
fn broken_writer(
    slots: u64,
    words: usize,
    records: u64,
    publish: impl Fn(&Ring<1>, u64) + Copy + Send + Sync + 'static,
) {
    explore(move || {
        let shape = geometry(slots, words as u64, words);
        let ring = Ring::<1>::new(shape);
        let memory = ring.clone();
        let publishing = thread::spawn(move || {
            for index in 0..records {
                publish(&memory, index * words as u64);
            }
        });
        let mut reader = Reader::<_, 1>::new(ring, shape, 0, OnLapped::Oldest);
        let script = if words == 1 {
            Script(&[1; 8])
        } else {
            Script(&[2; 8])
        };
        read(&mut reader, script, 2);
        publishing.join().unwrap();
    });
}

fn store(memory: &Ring<1>, position: u64, word: u64, mark: u64) {
    let slot = memory.slot(position);
    slot[1].store(word, Ordering::Relaxed);
    slot[0].store((position + 1) | mark, Ordering::Release);
}

#[test]
fn a_writer_that_reserves_nothing_is_found() {
    fails("torn", || {
        broken_writer(2, 1, 3, |memory, position| {
            fence(Ordering::Release);
            store(memory, position, record(position, 1)[0], 0);
            memory.head().store(position + 1, Ordering::Release);
        });
    });
}

#[test]
fn a_writer_that_reserves_too_late_is_found() {
    fails("torn", || {
        broken_writer(2, 1, 3, |memory, position| {
            fence(Ordering::Release);
            store(memory, position, record(position, 1)[0], 0);
            memory.reserved().store(position + 1, Ordering::Release);
            memory.head().store(position + 1, Ordering::Release);
        });
    });
}

#[test]
fn a_writer_that_publishes_the_first_slot_first_is_found() {
    fails("torn", || {
        broken_writer(4, 2, 2, |memory, position| {
            memory.reserved().store(position + 2, Ordering::Relaxed);
            fence(Ordering::Release);
            let words = record(position, 2);
            store(memory, position, words[0], 0);
            store(memory, position + 1, words[1], CONTINUATION);
            memory.head().store(position + 2, Ordering::Release);
        });
    });
}

#[test]
fn a_writer_that_does_not_mark_continuations_is_found() {
    fails("torn", || {
        explore(|| {
            let shape = geometry(4, 2, 2);
            let ring = Ring::<1>::new(shape);
            let memory = ring.clone();
            let publishing = thread::spawn(move || {
                memory.reserved().store(2, Ordering::Relaxed);
                fence(Ordering::Release);
                let words = record(0, 2);
                store(&memory, 1, words[1], 0);
                store(&memory, 0, words[0], 0);
            });
            // Joins inside of the record.
            let mut reader = Reader::<_, 1>::new(ring, shape, 1, OnLapped::Oldest);
            read(&mut reader, Script(&[2]), 1);
            publishing.join().unwrap();
        });
    });
}

#[test]
fn a_sleeper_that_looks_at_the_bell_too_late_is_found() {
    fails("deadlock", the_bell_is_looked_at_after_the_announcement);
}

#[test]
fn a_writer_that_fills_the_copy_that_counts_is_found() {
    fails("torn", table::entries_without_a_second_copy);
}

#[test]
fn a_writer_that_raises_the_version_first_is_found() {
    fails("torn", table::entries_whose_version_comes_first);
}
