//! A queue goes on in other memory, and its readers with it.

use gateway::broker::{Entitlements, Limits, Offer, Rule};
use gateway_client::protocol::ErrorCode;
use gateway_client::{
    Client, ClientError, Closed, Event, JoinOutcome, OnLapped, Record, Start, SubscribeOptions,
    Subscription,
};
use gateway_queue::{Ending, Publisher};

use crate::rig::{Running, eventually, oldest, queue, record, start, start_with};
use crate::users::{as_user, can_become_others};

/// What the control plane does: offers a successor, then ends the queue.
fn rotate(gateway: &Running, publisher: Publisher) -> Publisher {
    let (mut successor, handle) = queue("all");
    let successor_epoch = handle.epoch();
    successor.carry_resync(&publisher);
    gateway
        .catalogue
        .change(|offer| offer.go_on(0, handle, publisher.head()));
    publisher.close(Ending::Superseded { successor_epoch });
    successor
}

/// The number that the next record carries; `None` where slots were lost, whose number is the other value.
fn next(subscription: &mut Subscription) -> (Option<u64>, u64) {
    let what = (0..10_000)
        .find_map(|_| match subscription.poll() {
            Event::Record(Record::Native { bytes, .. }) => {
                let number = bytes[..8].try_into().map(u64::from_le_bytes).unwrap();
                Some((Some(number), 0))
            }
            Event::Lost(slots) => Some((None, slots)),
            Event::Empty => {
                std::thread::sleep(std::time::Duration::from_micros(100));
                None
            }
            other => panic!("{other:?}"),
        })
        .unwrap();
    if what.0.is_some() {
        assert_eq!(subscription.current().position + 1, subscription.position());
    }
    what
}

#[test]
fn a_reader_follows_its_queue_and_loses_nothing_of_either_memory() {
    let (mut publisher, handle) = queue("all");
    let gateway = start(vec![handle], 2);
    let mut number = 0;
    let mut publish = |publisher: &mut Publisher, count: u64| {
        for _ in 0..count {
            publisher.publish(&record(number));
            number += 1;
        }
    };
    publish(&mut publisher, 10);
    let client = Client::connect(&gateway.path).unwrap();
    let mut subscription = client.subscribe("all", &oldest()).unwrap();
    for expected in 0..4 {
        assert_eq!(next(&mut subscription), (Some(expected), 0));
    }
    let before = gateway.registry.readers().remove(0);

    // No client more is admitted, and none is needed to follow.
    let mut publisher = rotate(&gateway, publisher);
    publish(&mut publisher, 5);
    for expected in 4..15 {
        assert_eq!(next(&mut subscription), (Some(expected), 0));
        assert_eq!(subscription.position(), expected + 1);
    }
    assert_eq!(
        (subscription.lost(), subscription.checkpoint().position),
        (0, 15)
    );
    eventually("the position", || {
        assert!(matches!(subscription.poll(), Event::Empty));
        let reader = gateway.registry.readers().remove(0);
        reader.id == before.id && reader.position == 15 && reader.lag == 0
    });
    publish(&mut publisher, 3);
    assert_eq!(gateway.registry.readers()[0].lag, 3);
    assert_eq!(gateway.registry.counters().clients, 2);
    gateway.stop();
}

#[test]
fn a_reader_that_missed_whole_memories_loses_those_that_are_gone() {
    let (mut publisher, handle) = queue("all");
    let gateway = start(vec![handle], 8);
    publisher.publish(&record(0));
    let client = Client::connect(&gateway.path).unwrap();
    let mut one_behind = client.subscribe("all", &oldest()).unwrap();
    let mut two_behind = client.subscribe("all", &oldest()).unwrap();
    let mut publisher = rotate(&gateway, publisher);
    for number in 1..8 {
        publisher.publish(&record(number));
    }
    let mut publisher = rotate(&gateway, publisher);
    publisher.publish(&record(8));
    for expected in 0..9 {
        assert_eq!(next(&mut one_behind), (Some(expected), 0));
    }
    assert_eq!((one_behind.lost(), one_behind.position()), (0, 9));

    let mut publisher = rotate(&gateway, publisher);
    publisher.publish(&record(9));
    assert_eq!(next(&mut two_behind), (Some(0), 0));
    assert_eq!(next(&mut two_behind), (None, 7));
    for expected in 8..10 {
        assert_eq!(next(&mut two_behind), (Some(expected), 0));
    }
    assert_eq!((two_behind.lost(), two_behind.position()), (7, 10));
    gateway.stop();
}

fn begin(gateway: &Running, start: Start) -> Subscription {
    let options = SubscribeOptions {
        start,
        ..SubscribeOptions::named("late")
    };
    let client = Client::connect(&gateway.path).unwrap();
    client.subscribe("all", &options).unwrap()
}

#[test]
fn late_readers_find_what_a_queue_that_was_never_rotated_would_have() {
    let (mut publisher, handle) = queue("all");
    let gateway = start(vec![handle], 16);
    for number in 0..200 {
        if number == 120 {
            publisher.mark_resync();
        }
        publisher.publish(&record(number));
    }
    let mut publisher = rotate(&gateway, publisher);
    for number in 200..250 {
        publisher.publish(&record(number));
    }
    for (start, first) in [
        (Start::Resync, 120),
        (Start::Oldest, 0),
        (Start::At(150), 150),
        (Start::At(210), 210),
    ] {
        let mut late = begin(&gateway, start);
        let joined = late.joined();
        assert_eq!(
            (joined.position, joined.outcome),
            (first, JoinOutcome::AsAsked)
        );
        for expected in first..250 {
            assert_eq!(next(&mut late), (Some(expected), 0), "{start:?}");
        }
        assert_eq!((late.position(), late.lost()), (250, 0));
    }

    // Once the present memory has been full, the earlier one is let go.
    assert!(!gateway.catalogue.now().holds_too_much());
    for number in 250..500 {
        publisher.publish(&record(number));
    }
    assert!(gateway.catalogue.now().holds_too_much());
    gateway.catalogue.change(Offer::let_go);
    assert!(gateway.catalogue.now().earlier.is_empty());
    let mut late = begin(&gateway, Start::Resync);
    let JoinOutcome::Later { slots } = late.joined().outcome else {
        panic!("{:?}", late.joined())
    };
    // The place of the mark is known still, and how much of it is gone.
    assert_eq!(120 + slots, late.joined().position);
    assert_eq!(next(&mut late), (None, slots));
    for expected in 120 + slots..500 {
        assert_eq!(next(&mut late), (Some(expected), 0));
    }
    gateway.stop();
}

#[test]
fn the_place_where_state_begins_is_found_through_any_number_of_rotations() {
    let (mut publisher, handle) = queue("all");
    let gateway = start(vec![handle], 16);
    let mut number = 0;
    let mut publish = |publisher: &mut Publisher, count: u64| {
        for _ in 0..count {
            publisher.publish(&record(number));
            number += 1;
        }
    };
    // Nobody said anything: all there is.
    publish(&mut publisher, 3);
    assert_eq!(begin(&gateway, Start::Resync).position(), 0);
    let mut publisher = rotate(&gateway, publisher);
    assert_eq!(begin(&gateway, Start::Resync).position(), 0);
    let mut publisher = rotate(&gateway, {
        publish(&mut publisher, 3);
        publisher
    });
    // Two memories back.
    let joined = begin(&gateway, Start::Resync).joined();
    assert_eq!(
        (joined.position, joined.outcome),
        (3, JoinOutcome::Later { slots: 3 })
    );
    // The first record of a memory.
    publisher.mark_resync();
    publish(&mut publisher, 3);
    let joined = begin(&gateway, Start::Resync).joined();
    assert_eq!((joined.position, joined.outcome), (6, JoinOutcome::AsAsked));
    gateway.stop();
}

#[test]
fn a_reader_that_is_overtaken_goes_on_at_a_mark_of_its_own_memory_only() {
    let (mut publisher, handle) = queue("all");
    let gateway = start(vec![handle], 8);
    publisher.publish(&record(0));
    publisher.mark_resync();
    publisher.publish(&record(1));
    let client = Client::connect(&gateway.path).unwrap();
    let options = SubscribeOptions {
        on_lapped: OnLapped::Resync,
        ..oldest()
    };
    let mut subscription = client.subscribe("all", &options).unwrap();
    let mut publisher = rotate(&gateway, publisher);
    publisher.publish(&record(2));
    for expected in 0..3 {
        assert_eq!(next(&mut subscription), (Some(expected), 0));
    }
    for number in 3..=1_000 {
        publisher.publish(&record(number));
    }
    let (None, lost) = next(&mut subscription) else {
        panic!("256 slots hold 1000 records")
    };
    assert!(
        lost < 800,
        "{lost}: at the oldest record, not at the newest"
    );
    assert_eq!(next(&mut subscription), (Some(3 + lost), 0));
    gateway.stop();
}

#[test]
fn a_reader_that_is_overtaken_in_the_successor_learns_it_too() {
    let (mut publisher, handle) = queue("all");
    let gateway = start(vec![handle], 8);
    publisher.publish(&record(0));
    let client = Client::connect(&gateway.path).unwrap();
    let mut subscription = client.subscribe("all", &oldest()).unwrap();
    let mut publisher = rotate(&gateway, publisher);
    for number in 1..=1_000 {
        publisher.publish(&record(number));
    }
    assert_eq!(next(&mut subscription), (Some(0), 0));
    let (None, lost) = next(&mut subscription) else {
        panic!("256 slots hold 1000 records")
    };
    for expected in 1 + lost..=1_000 {
        assert_eq!(next(&mut subscription), (Some(expected), 0));
    }
    gateway.stop();
}

fn rules(users: &[u32]) -> Vec<Rule> {
    vec![Rule {
        name: "desk".to_owned(),
        users: users.to_vec(),
        groups: Vec::new(),
        queues: vec!["all".to_owned()],
    }]
}

#[test]
fn whoever_loses_the_entitlement_reads_the_old_memory_to_its_end_and_is_told() {
    if !can_become_others() {
        return;
    }
    let (mut publisher, handle) = queue("all");
    let gateway = start_with(vec![handle], Limits::default(), rules(&[1001, 1002]));
    let subscribe = |uid| {
        let mut subscription = None;
        eventually("the socket to open", || {
            subscription = as_user(uid, 1, &[], || {
                Client::connect(&gateway.path)?.subscribe("all", &oldest())
            })
            .ok();
            subscription.is_some()
        });
        subscription.unwrap()
    };
    let (mut kept, mut revoked) = (subscribe(1001), subscribe(1002));
    for number in 0..3 {
        publisher.publish(&record(number));
    }
    gateway
        .catalogue
        .change(|offer| offer.entitlements = Entitlements::new(rules(&[1001])));
    publisher.publish(&record(3));
    let mut publisher = rotate(&gateway, publisher);
    publisher.publish(&record(4));
    for expected in 0..5 {
        assert_eq!(next(&mut kept), (Some(expected), 0));
    }
    for expected in 0..4 {
        assert_eq!(next(&mut revoked), (Some(expected), 0));
    }
    eventually("the end", || {
        matches!(revoked.poll(), Event::Closed(Closed::Revoked))
    });
    assert!(matches!(revoked.poll(), Event::Closed(Closed::Revoked)));
    let again = as_user(1002, 1, &[], || revoked.reattach());
    assert!(matches!(
        again,
        Err(ClientError::Refused {
            code: ErrorCode::NotEntitled,
            ..
        })
    ));
    assert_eq!(gateway.registry.counters().revoked, 1);
    eventually("the reader's end", || gateway.registry.readers().len() == 1);
    gateway.stop();
}

#[test]
fn a_revoked_reader_of_a_queue_that_never_ends_is_told_all_the_same() {
    if !can_become_others() {
        return;
    }
    let (_publisher, handle) = queue("all");
    let gateway = start_with(vec![handle], Limits::default(), rules(&[1002]));
    let mut revoked = None;
    eventually("the socket to open", || {
        revoked = as_user(1002, 1, &[], || {
            Client::connect(&gateway.path)?.subscribe("all", &oldest())
        })
        .ok();
        revoked.is_some()
    });
    let mut revoked = revoked.unwrap();
    gateway
        .catalogue
        .change(|offer| offer.entitlements = Entitlements::default());
    eventually("the end", || {
        let wait = std::time::Duration::from_millis(20);
        matches!(revoked.wait(wait), Event::Closed(Closed::Revoked))
    });
    gateway.stop();
}
