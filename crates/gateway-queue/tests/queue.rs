//! A queue in shared memory, within one process.
#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "tests")]

use gateway_queue::clock::Clock;
use gateway_queue::{
    Closed, Ending, HugePages, OnLapped, Poll, Publisher, PublisherOptions, QueueError,
    QueueHandle, Start, Subscriber,
};

fn options(slots: u64) -> PublisherOptions {
    PublisherOptions {
        name: "test".into(),
        slots,
        record_bytes_max: 224,
        lock_memory: false,
        ..Default::default()
    }
}

fn queue(slots: u64) -> (Publisher, QueueHandle) {
    Publisher::create(&options(slots)).unwrap()
}

/// A record of `words` words, each naming `id`; the first carries the length byte of its header.
fn record(id: u64, words: usize) -> Vec<u64> {
    let mut record = vec![id << 8; words];
    record[0] |= words as u64 * 2;
    record
}

fn expect_record(subscriber: &mut Subscriber, id: u64, words: usize) -> u64 {
    match subscriber.poll() {
        Poll::Record(found) => {
            assert_eq!(found.words, record(id, words));
            found.position
        }
        other => panic!("{other:?} instead of record {id}"),
    }
}

fn attach(handle: &QueueHandle, start: Start) -> Subscriber {
    Subscriber::attach(handle.read_only_fd().unwrap(), start).unwrap()
}

#[test]
fn records_of_every_length_arrive_whole_and_in_order() {
    let (mut publisher, handle) = queue(64);
    let mut subscriber = attach(&handle, Start::Head);
    for round in 0..1_000 {
        let words = 1 + round as usize % 28;
        assert!(publisher.publish(&record(round, words)));
        expect_record(&mut subscriber, round, words);
        assert!(matches!(subscriber.poll(), Poll::Empty));
    }
    assert_eq!(subscriber.position(), publisher.head());
    assert_eq!(handle.head(), publisher.head());
}

#[test]
fn a_record_that_is_too_long_is_refused_and_disturbs_nothing() {
    let (mut publisher, handle) = queue(64);
    let mut subscriber = attach(&handle, Start::Head);
    assert!(!publisher.publish(&record(1, 29)));
    assert!(!publisher.publish(&[]));
    assert!(publisher.publish(&record(2, 28)));
    expect_record(&mut subscriber, 2, 28);
}

#[test]
fn readers_begin_where_they_ask() {
    let (mut publisher, handle) = queue(64);
    for id in 0..40 {
        publisher.publish(&record(id, 7));
    }
    let mut head = attach(&handle, Start::Head);
    assert!(matches!(head.poll(), Poll::Empty));
    expect_record(&mut attach(&handle, Start::Oldest), 0, 7);
    expect_record(&mut attach(&handle, Start::At(17)), 17, 7);
    assert_eq!(attach(&handle, Start::At(1_000)).position(), 40);
    for id in 40..200 {
        publisher.publish(&record(id, 7));
    }
    // 200 slots are reserved to the block: 200; a ring of 64 in blocks of 4 holds 140.. safely.
    expect_record(&mut attach(&handle, Start::Oldest), 140, 7);
    let mut late = attach(&handle, Start::At(17));
    assert!(matches!(late.poll(), Poll::Lost { slots: 123 }));
    expect_record(&mut late, 140, 7);
}

#[test]
fn a_reader_that_begins_inside_of_a_long_record_skips_to_the_next() {
    let (mut publisher, handle) = queue(64);
    publisher.publish(&record(0, 28));
    publisher.publish(&record(1, 7));
    let mut subscriber = attach(&handle, Start::At(2));
    assert_eq!(expect_record(&mut subscriber, 1, 7), 4);
}

#[test]
fn an_overtaken_reader_learns_how_many_slots_it_lost() {
    for (on_lapped, next) in [
        (OnLapped::Oldest, 140),
        (OnLapped::Latest, 200),
        (OnLapped::Resync, 150),
    ] {
        let (mut publisher, handle) = queue(64);
        let mut subscriber =
            Subscriber::attach_with(handle.read_only_fd().unwrap(), Start::Head, on_lapped)
                .unwrap();
        publisher.publish(&record(0, 7));
        expect_record(&mut subscriber, 0, 7);
        for id in 1..200 {
            if id == 150 {
                publisher.mark_resync();
            }
            publisher.publish(&record(id, 7));
        }
        let Poll::Lost { slots } = subscriber.poll() else {
            panic!("not lapped")
        };
        assert_eq!(1 + slots, next);
        if next < 200 {
            expect_record(&mut subscriber, next, 7);
        }
        publisher.publish(&record(200, 7));
    }
}

#[test]
fn where_state_can_be_rebuilt_is_known_in_the_epochs_after() {
    let (mut first, _) = queue(64);
    for id in 0..10 {
        if id == 7 {
            first.mark_resync();
        }
        first.publish(&record(id, 7));
    }
    let (mut second, _) = queue(64);
    second.carry_resync(&first);
    for id in 10..15 {
        second.publish(&record(id, 7));
    }
    let (mut third, handle) = queue(64);
    third.carry_resync(&second);
    // Of five slots of the second epoch and three of the first nothing is left here.
    assert_eq!(handle.resync(), -8);
    for id in 15..20 {
        third.publish(&record(id, 7));
    }
    let mut late = attach(&handle, Start::Resync);
    assert_eq!((late.position(), late.untold()), (0, 8));
    assert!(matches!(late.poll(), Poll::Lost { slots: 8 }));
    expect_record(&mut late, 15, 7);

    third.mark_resync();
    assert_eq!(handle.resync(), 5);
    third.publish(&record(20, 7));
    let mut late = attach(&handle, Start::Resync);
    assert_eq!((late.position(), late.untold()), (5, 0));
    expect_record(&mut late, 20, 7);
}

#[test]
fn the_end_is_told_after_the_last_record() {
    for ending in [Ending::Closed, Ending::Superseded { successor_epoch: 9 }] {
        let (mut publisher, handle) = queue(64);
        let mut subscriber = attach(&handle, Start::Head);
        publisher.publish(&record(0, 7));
        publisher.close(ending);
        let Poll::Record(found) = subscriber.poll_or_state() else {
            panic!("the record comes first")
        };
        assert_eq!(found.position, 0);
        let Poll::Closed(closed) = subscriber.poll_or_state() else {
            panic!("then the end")
        };
        let expected = match ending {
            Ending::Closed => Closed::Stopped,
            Ending::Superseded { successor_epoch } => Closed::Superseded { successor_epoch },
        };
        assert_eq!(closed, expected);
    }
}

#[test]
fn a_spinning_reader_learns_of_a_dropped_publisher() {
    let (publisher, handle) = queue(64);
    let mut subscriber = attach(&handle, Start::Head);
    drop(publisher);
    let start = std::time::Instant::now();
    while !matches!(subscriber.poll(), Poll::Closed(Closed::Stopped)) {
        assert!(start.elapsed().as_secs() < 5);
    }
}

#[test]
fn bad_options_are_refused_with_a_remedy() {
    for (slots, remedy) in [(100, "such as 128"), (0, "such as 64"), (1 << 40, "2^30")] {
        let error = Publisher::create(&options(slots)).unwrap_err();
        assert!(error.to_string().contains(remedy), "{error}");
    }
    let error = Publisher::create(&PublisherOptions {
        record_bytes_max: 520,
        ..options(64)
    })
    .unwrap_err();
    assert!(error.to_string().contains("at least 256 slots"), "{error}");
    let error = Publisher::create(&PublisherOptions {
        name: "x".repeat(64),
        ..options(64)
    })
    .unwrap_err();
    assert!(matches!(error, QueueError::Option { option: "name", .. }));
}

#[test]
fn huge_pages_are_used_or_their_lack_is_explained() {
    let options = PublisherOptions {
        huge_pages: true,
        lock_memory: true,
        ..options(64)
    };
    let (mut publisher, handle) = Publisher::create(&options).unwrap();
    match &handle.memory().huge_pages {
        HugePages::Used => assert!(handle.memory().bytes.is_multiple_of(2 << 20)),
        HugePages::Unavailable(reason) => assert!(reason.contains("nr_hugepages"), "{reason}"),
        HugePages::NotAsked => panic!("asked"),
    }
    let mut subscriber = attach(&handle, Start::Head);
    publisher.publish(&record(5, 7));
    expect_record(&mut subscriber, 5, 7);
}

#[test]
fn epochs_rise() {
    let epochs: Vec<u64> = (0..4).map(|_| queue(64).1.epoch()).collect();
    assert!(epochs.is_sorted_by(|a, b| a < b), "{epochs:?}");
}

#[test]
fn one_record_in_many_says_when_it_was_published() {
    let clock = Clock::global();
    let (mut publisher, handle) = Publisher::create(&options(4_096)).unwrap();
    let mut subscriber = attach(&handle, Start::At(0));
    let (mut stamped, mut published) = (Vec::new(), 0);
    // Records of one slot and of two: some begin at a multiple, some lie over it.
    for id in 0..4_000_u64 {
        let words = if id % 3 == 0 { 9 } else { 7 };
        let mut record = vec![id; words];
        record[0] = words as u64 * 2;
        let before = clock.ticks();
        assert!(publisher.publish(&record));
        published += words.div_ceil(7) as u64;
        let Poll::Record(found) = subscriber.poll() else {
            panic!("no record {id}");
        };
        let start = found.position;
        assert_eq!(subscriber.position(), published);
        let now = clock.ticks();
        if let Some(ago) = subscriber.published_ago(start, clock, now) {
            // Not longer ago than before it was published; to a nanosecond, for the rate is rounded.
            assert!(ago <= clock.duration_ns(now - before) + 1, "{ago}");
            stamped.push((start, subscriber.position()));
        }
    }
    let over = |multiple: u64| {
        let (start, end) = stamped[(multiple / 1_024) as usize];
        start <= multiple && multiple < end
    };
    let multiples = (0..published).step_by(1_024);
    assert_eq!(stamped.len(), multiples.clone().count());
    assert!(multiples.into_iter().all(over), "{stamped:?}");
}
