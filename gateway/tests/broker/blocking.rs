//! Readers that sleep in the kernel: they get everything, learn of every end, and cost nothing while they do not.

use std::time::{Duration, Instant};

use gateway_client::{
    Client, Closed, Event, MultiSubscriber, Record, SubscribeOptions, Subscription, WaitStrategy,
};
use gateway_queue::Ending;

use crate::rig::{Running, eventually, queue, record, start};

/// Whoever waits so long was not woken.
const FOREVER: Duration = Duration::from_secs(30);

fn blocking(gateway: &Running, queue: &str) -> Subscription {
    let options = SubscribeOptions {
        wait: WaitStrategy::Block,
        ..SubscribeOptions::named("sleeper")
    };
    let client = Client::connect(&gateway.path).unwrap();
    client.subscribe(queue, &options).unwrap()
}

/// The number in a record of the rig's.
fn id(event: Event<'_>) -> u64 {
    match event {
        Event::Record(Record::Native { bytes, .. }) => {
            u64::from_le_bytes(bytes[..8].try_into().unwrap())
        }
        other => panic!("{other:?} instead of a record"),
    }
}

#[test]
fn a_blocked_reader_gets_every_record_and_the_end() {
    let (mut publisher, handle) = queue("all");
    let gateway = start(vec![handle], 8);
    let mut subscription = blocking(&gateway, "all");
    let reading = std::thread::spawn(move || {
        for expected in 0..100 {
            assert_eq!(id(subscription.wait(FOREVER)), expected);
        }
        match subscription.wait(FOREVER) {
            Event::Closed(reason) => reason,
            other => panic!("{other:?} instead of the end"),
        }
    });
    for number in 0..100 {
        publisher.publish(&record(number));
        std::thread::sleep(Duration::from_micros(number * 20));
    }
    publisher.close(Ending::Closed);
    assert_eq!(reading.join().unwrap(), Closed::Stopped);
    assert!(gateway.registry.bells().rings > 0, "nobody slept");
    gateway.stop();
}

#[test]
fn a_blocked_reader_learns_that_the_gateway_hung_up() {
    // The publisher lives on and says nothing, as if it had been killed.
    let (publisher, handle) = queue("all");
    let gateway = start(vec![handle], 8);
    let mut subscription = blocking(&gateway, "all");
    let reading = std::thread::spawn(move || match subscription.wait(FOREVER) {
        Event::Closed(reason) => reason,
        other => panic!("{other:?} instead of the end"),
    });
    std::thread::sleep(Duration::from_millis(20));
    gateway.stop();
    assert_eq!(reading.join().unwrap(), Closed::HungUp);
    drop(publisher);
}

#[test]
fn a_wait_that_nothing_ends_is_over_in_time() {
    let (_publisher, handle) = queue("all");
    let gateway = start(vec![handle], 8);
    let mut subscription = blocking(&gateway, "all");
    let begun = Instant::now();
    let event = subscription.wait(Duration::from_millis(120));
    assert!(matches!(event, Event::Empty), "{event:?}");
    assert!(begun.elapsed() >= Duration::from_millis(120));
    gateway.stop();
}

#[test]
fn several_queues_wake_a_blocked_reader() {
    let (mut publishers, handles): (Vec<_>, Vec<_>) =
        ["one", "two", "three"].into_iter().map(queue).unzip();
    let gateway = start(handles, 8);
    let mut queues = MultiSubscriber::new(WaitStrategy::Block);
    for name in ["one", "two", "three"] {
        queues.add(blocking(&gateway, name));
    }
    let reading = std::thread::spawn(move || {
        let mut found = Vec::new();
        while !queues.is_over() {
            match queues.wait(FOREVER) {
                Some((_, Event::Closed(reason))) => assert_eq!(reason, Closed::Stopped),
                Some((queue, event)) => found.push((queue, id(event))),
                None => panic!("never woken"),
            }
        }
        found
    });
    for number in 0..30_usize {
        std::thread::sleep(Duration::from_millis(1));
        publishers[number % 3].publish(&record(number as u64));
    }
    std::thread::sleep(Duration::from_millis(5));
    drop(publishers);
    let expected: Vec<_> = (0..30)
        .map(|number| (number as usize % 3, number))
        .collect();
    let mut found = reading.join().unwrap();
    // In no order between queues.
    found.sort_by_key(|(_, number)| *number);
    assert_eq!(found, expected);
    gateway.stop();
}

#[test]
fn the_helper_does_nothing_for_readers_that_poll() {
    let (mut publisher, handle) = queue("all");
    let gateway = start(vec![handle], 8);
    let client = Client::connect(&gateway.path).unwrap();
    let options = SubscribeOptions::named("poller");
    let mut subscription = client.subscribe("all", &options).unwrap();
    let before = gateway.registry.bells().looks;
    for number in 0..500 {
        publisher.publish(&record(number));
        assert_eq!(id(subscription.poll()), number);
        std::thread::sleep(Duration::from_micros(100));
    }
    let bells = gateway.registry.bells();
    // One a second, and those for the change of the list.
    assert!(bells.looks - before <= 5, "{bells:?}");
    assert_eq!(bells.rings, 0);
    drop(subscription);
    eventually("the reader's end", || gateway.registry.readers().is_empty());
    gateway.stop();
}
