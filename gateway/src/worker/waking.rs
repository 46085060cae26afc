//! A channel that waits for another line is woken when its time is over, and not before.
#![allow(clippy::unwrap_used)]

use gateway_feed::sink::Nanos;
use gateway_queue::clock::Clock;

use super::scraped::{worker, write_capture};

/// The capture's packets: of eight, those behind the hole wait for the second line.
const LOST: u64 = 3;
const HELD: u64 = 5;

#[test]
fn a_channel_that_waits_is_woken_when_its_time_is_over_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("flow.pcap");
    write_capture(&capture, &[LOST]);
    let (mut worker, _queue) = worker(&capture);
    assert_eq!(
        worker.due,
        Nanos::MAX,
        "nothing waits before the first packet"
    );
    let clock = Clock::manual(1_700_000_000_000_000_000);
    while worker.inputs[0].packets() < LOST - 1 + HELD {
        assert!(worker.poll(0, &clock) > 0);
    }
    let (due, records) = (worker.due, worker.outlets[0].records);
    assert!(due < Nanos::MAX, "a packet waits");
    worker.wake(due - 1);
    assert_eq!((worker.due, worker.outlets[0].records), (due, records));
    worker.wake(due);
    assert!(worker.outlets[0].records > records, "what waited is let go");
    assert_eq!(worker.due, Nanos::MAX, "nothing waits any more");
}
