//! Publishers that are killed at any point, and what their readers make of it.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use gateway_queue::clock::Clock;
use gateway_queue::layout::State;
use gateway_queue::{Advance, PositionWriter, Start, Subscriber};

use crate::child::{HANGS, Message, Process, hung_up, receive, scatter};
use crate::publisher;
use crate::record::Tally;

/// A heart that stopped for so long is that of a dead publisher, or of a stuck one.
const HEART_STOPPED: Duration = Duration::from_millis(100);

/// What one publisher left.
#[derive(Debug, Default)]
struct Remains {
    records: u64,
    lost: u64,
    /// Killed after it had begun to write a record, and before it had published it.
    inside_of_a_record: bool,
    /// From the kill to when the reader knew by the socket.
    by_socket: Duration,
}

/// Reads from a publisher, kills it `after` so long, and reads what it left to the end.
fn outlive(process: &mut Process, seed: u64, after: Duration, sleeps: bool) -> Option<Remains> {
    let Message::Numbers(_, descriptors) = receive(process.socket()) else {
        panic!("a publisher that nobody killed ended");
    };
    let [ring, page]: [OwnedFd; 2] = descriptors.try_into().unwrap();
    let mut subscriber = Subscriber::attach(ring.try_clone().unwrap(), Start::Oldest).unwrap();
    let writer = PositionWriter::attach(&page).unwrap();
    let mut tally = Tally::new(seed, subscriber.position());
    let start = Instant::now();
    let mut killed = None;
    let mut remains = Remains::default();
    let mut idle = false;
    // Until it knows that the publisher is gone, and has read all that it left.
    loop {
        assert!(start.elapsed() < HANGS, "never learnt of the kill");
        if killed.is_none() && start.elapsed() >= after {
            process.kill();
            killed = Some(Instant::now());
        }
        // As a client does: an idle reader looks at its socket.
        let gone = idle && hung_up(process.socket());
        let advance = if sleeps {
            subscriber.advance_or_sleep(&writer, Duration::from_millis(1))
        } else {
            subscriber.advance_or_state()
        };
        idle = advance == Advance::Empty;
        match advance {
            Advance::Record => tally.record(subscriber.current()),
            Advance::Lost(slots) => tally.lose(slots, &subscriber),
            // Asked before the last look at the ring: there is no more.
            Advance::Empty if gone => break,
            Advance::Empty => {}
            Advance::Closed(closed) => panic!("a killed publisher said {closed:?}"),
        }
    }
    remains.by_socket = killed?.elapsed();
    // Nothing more comes, however often it looks.
    for _ in 0..1_000 {
        assert_eq!(subscriber.advance_or_state(), Advance::Empty);
    }
    // Killed inside of a record, the queue ends before it; killed between a record and head, it ends after it.
    let (head, position) = (subscriber.head(), subscriber.position());
    assert!(
        position >= head && position - head <= 10,
        "{position} {head}"
    );
    tally.ends_at(position);
    remains.inside_of_a_record = half_a_record(&ring, &subscriber);
    (remains.records, remains.lost) = (tally.records, tally.lost);
    Some(remains)
}

/// Whether a slot of the record that would have come next was written.
fn half_a_record(ring: &OwnedFd, subscriber: &Subscriber) -> bool {
    let header = subscriber.header();
    (0..10).any(|offset| {
        let position = subscriber.position() + offset;
        let at = header.ring_offset + position % header.slots * 64;
        let mut word = [0; 8];
        rustix::io::pread(ring, &mut word, at).unwrap();
        u64::from_le_bytes(word) & !(1 << 63) == position + 1
    })
}

/// As a reader without a socket does it: by the age of the heartbeat, and what the queue says of its state.
fn learn_by_heartbeat(process: &mut Process) -> Duration {
    let Message::Numbers(_, mut descriptors) = receive(process.socket()) else {
        panic!("a publisher that nobody killed ended");
    };
    let subscriber = Subscriber::attach(descriptors.remove(0), Start::Head).unwrap();
    let clock = Clock::global();
    let stopped = || {
        let age = clock.now().saturating_sub(subscriber.health().heartbeat_ns);
        Duration::from_nanos(age) >= HEART_STOPPED
    };
    let start = Instant::now();
    while subscriber.health().heartbeat_ns == 0 {
        assert!(start.elapsed() < HANGS, "no heartbeat");
        std::thread::yield_now();
    }
    process.kill();
    let killed = Instant::now();
    while !stopped() {
        assert!(killed.elapsed() < HANGS, "never learnt of the kill");
        std::thread::sleep(Duration::from_millis(1));
    }
    // The queue itself cannot say it.
    assert_eq!(subscriber.health().state, State::Live);
    killed.elapsed()
}

#[test]
fn a_killed_publisher_leaves_whole_records_and_its_readers_learn_of_it() {
    let kills = crate::kills();
    let (mut records, mut lost, mut inside) = (0, 0, 0);
    let mut slowest = Duration::ZERO;
    for round in 0..kills {
        let seed = scatter(round);
        let sleeps = round % 3 == 0;
        let mut process = publisher::start(seed, sleeps);
        let after = Duration::from_micros(scatter(round) % 4_000);
        let remains = outlive(&mut process, seed, after, sleeps).unwrap();
        records += remains.records;
        lost += remains.lost;
        inside += u64::from(remains.inside_of_a_record);
        slowest = slowest.max(remains.by_socket);
    }
    println!(
        "{kills} publishers killed, {inside} of them inside of a record: {records} records received whole, {lost} \
         slots lost, none torn, none repeated; learnt of it by the socket within {slowest:?}"
    );
    assert!(records > 0);
}

/// The publisher may be killed before it has a queue, too: its reader gets the end instead of a descriptor.
#[test]
fn a_publisher_that_is_killed_while_it_begins_leaves_nothing_half_made() {
    for round in 0..crate::kills() / 5 {
        let mut process = publisher::start(round, false);
        std::thread::sleep(Duration::from_micros(scatter(round) % 60_000));
        process.kill();
        match receive(process.socket()) {
            Message::End => {}
            Message::Numbers(_, mut descriptors) => {
                // What was given out is whole.
                let ring = descriptors.remove(0);
                let mut subscriber = Subscriber::attach(ring, Start::Oldest).unwrap();
                let mut tally = Tally::new(round, subscriber.position());
                while subscriber.advance() == Advance::Record {
                    tally.record(subscriber.current());
                }
            }
        }
    }
}

#[test]
fn without_a_socket_a_reader_learns_of_the_kill_by_the_heartbeat() {
    for round in 0..5 {
        let learnt = learn_by_heartbeat(&mut publisher::start(round, false));
        println!("learnt of the kill after {learnt:?}");
    }
}
