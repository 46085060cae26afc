//! Several queues read as one.

use std::time::Duration;

use gateway_client::{
    Client, Closed, Event, MultiSubscriber, Record, Subscription, Taken, WaitStrategy,
};
use gateway_queue::{Ending, RECORD_WORDS_MAX};

use crate::rig::{Running, eventually, oldest, queue, record, run, start};

fn subscribe(gateway: &Running, queue: &str) -> Subscription {
    let client = Client::connect(&gateway.path).unwrap();
    client.subscribe(queue, &oldest()).unwrap()
}

/// The queue and the number of the next record.
fn next(queues: &mut MultiSubscriber) -> Option<(usize, u64)> {
    match queues.poll() {
        None => None,
        Some((queue, Event::Record(Record::Native { bytes, .. }))) => {
            let number = bytes[..8].try_into().map(u64::from_le_bytes).unwrap();
            Some((queue, number))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_backlog_in_one_queue_holds_up_another_by_one_record() {
    let (mut a, a_handle) = queue("a");
    let (mut b, b_handle) = queue("b");
    let (mut c, c_handle) = queue("c");
    let gateway = start(vec![a_handle, b_handle, c_handle], 16);
    let mut queues = MultiSubscriber::new(WaitStrategy::Spin);
    assert!(queues.is_over() && queues.poll().is_none() && queues.is_empty());
    for (number, name) in ["a", "b", "c"].into_iter().enumerate() {
        assert_eq!(queues.add(subscribe(&gateway, name)), number);
    }
    for number in 0..100 {
        a.publish(&record(number));
    }
    for number in 1_000..1_010 {
        b.publish(&record(number));
    }
    let mut seen = [Vec::new(), Vec::new(), Vec::new()];
    for turn in 0..110 {
        let (queue, number) = next(&mut queues).unwrap();
        if turn < 20 {
            assert_eq!(queue, turn % 2, "each has its turn");
        }
        // Comes in while a has a backlog, and is next but one at the latest.
        if turn == 50 {
            c.publish(&record(2_000));
        }
        seen[queue].push(number);
        if turn == 52 {
            assert_eq!(seen[2], [2_000]);
        }
    }
    assert_eq!(next(&mut queues).map(|(queue, _)| queue), Some(0));
    assert!(queues.poll().is_none());
    assert_eq!(seen[1], (1_000..1_010).collect::<Vec<_>>());
    assert_eq!(seen[0], (0..99).collect::<Vec<_>>());
    assert_eq!(queues.get(0).unwrap().position(), 100);
    assert!(queues.get(3).is_none());
    gateway.stop();
}

#[test]
fn losses_and_ends_are_each_queues_own_and_an_end_is_told_once() {
    let (mut a, a_handle) = queue("a");
    let (mut b, b_handle) = queue("b");
    let gateway = start(vec![a_handle, b_handle], 16);
    let mut queues = MultiSubscriber::new(WaitStrategy::Sleep(Duration::from_micros(50)));
    queues.add(subscribe(&gateway, "a"));
    queues.add(subscribe(&gateway, "b"));
    b.publish(&record(1));
    for number in 0..1_000 {
        a.publish(&record(number));
    }
    assert!(matches!(queues.poll(), Some((0, Event::Lost(_)))));
    assert!(matches!(queues.poll(), Some((1, Event::Record(_)))));
    while queues.poll().is_some() {}
    assert_eq!(
        (
            queues.get(0).unwrap().lost() > 0,
            queues.get(1).unwrap().lost()
        ),
        (true, 0)
    );

    a.close(Ending::Closed);
    let mut ended = None;
    eventually("a's end", || {
        ended = queues
            .wait(Duration::from_millis(5))
            .map(|(queue, event)| match event {
                Event::Closed(reason) => (queue, reason),
                other => panic!("{other:?}"),
            });
        ended.is_some()
    });
    assert_eq!(ended, Some((0, Closed::Stopped)));
    assert!(!queues.is_over());
    for _ in 0..1_000 {
        assert!(queues.poll().is_none(), "told twice");
    }
    b.publish(&record(2));
    // However long it may take.
    assert!(matches!(
        queues.wait(Duration::MAX),
        Some((1, Event::Record(_)))
    ));
    b.close(Ending::Closed);
    eventually("both ends", || {
        queues.wait(Duration::from_millis(5));
        queues.is_over()
    });

    // One comes back.
    let path = gateway.path.clone();
    let directory = gateway.stop();
    let (mut a, handle) = queue("a");
    a.publish(&record(7));
    let gateway = run(
        gateway::broker::Broker::bind(&path).unwrap(),
        vec![handle],
        path,
        directory,
    );
    queues.get_mut(0).unwrap().reattach().unwrap();
    assert!(!queues.is_over());
    assert_eq!(next(&mut queues), Some((0, 7)));
    gateway.stop();
}

#[test]
fn records_come_to_a_place_of_the_callers() {
    let (mut a, a_handle) = queue("a");
    let (mut b, b_handle) = queue("b");
    let gateway = start(vec![a_handle, b_handle], 16);
    let mut place = [0; RECORD_WORDS_MAX];
    let taken = |position| Taken::Record { position, words: 7 };

    let mut single = subscribe(&gateway, "a");
    a.publish(&record(1));
    assert_eq!(single.take_into(&mut place), taken(0));
    assert_eq!(place[..7], record(1));
    assert_eq!(
        single.wait_into(&mut place, Duration::from_millis(1)),
        Taken::Empty
    );
    a.publish(&record(2));
    assert_eq!(single.wait_into(&mut place, Duration::MAX), taken(1));
    assert_eq!(place[..7], record(2));

    let mut queues = MultiSubscriber::new(WaitStrategy::Block);
    queues.add(subscribe(&gateway, "a"));
    queues.add(subscribe(&gateway, "b"));
    b.publish(&record(3));
    assert_eq!(queues.take_into(&mut place), Some((0, taken(0))));
    assert_eq!(queues.take_into(&mut place), Some((1, taken(0))));
    assert_eq!(place[..7], record(3));
    // More of the one that is at hand.
    assert_eq!(
        queues.get_mut(0).map(|of| of.take_into(&mut place)),
        Some(taken(1))
    );
    assert_eq!(queues.take_into(&mut place), None);
    assert_eq!(queues.wait_into(&mut place, Duration::from_millis(1)), None);
    a.close(Ending::Closed);
    let end = Some((0, Taken::Closed(Closed::Stopped)));
    assert_eq!(queues.wait_into(&mut place, Duration::MAX), end);
    assert_eq!(queues.take_into(&mut place), None, "told twice");
    assert_eq!(
        single.wait_into(&mut place, Duration::MAX),
        Taken::Closed(Closed::Stopped)
    );
    gateway.stop();
}
