//! A queue goes on in other memory, and its readers with it.

use gateway::broker::{Entitlements, Limits, Offered, Rule};
use gateway_client::protocol::ErrorCode;
use gateway_client::{Client, ClientError, Closed, Event, Record, Subscription};
use gateway_queue::{Ending, Publisher};

use crate::rig::{Running, eventually, oldest, queue, record, start, start_with};
use crate::users::{as_user, can_become_others};

/// What the control plane does: offers a successor, then ends the queue.
fn rotate(gateway: &Running, publisher: Publisher) -> Publisher {
    let (successor, handle) = queue("all");
    let successor_epoch = handle.epoch();
    gateway.catalogue.change(|offer| {
        let base = offer.queues[0].base + publisher.head();
        offer.queues[0] = Offered { handle, base };
    });
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
fn a_reader_that_missed_a_whole_memory_learns_how_many_slots_it_held() {
    let (mut publisher, handle) = queue("all");
    let gateway = start(vec![handle], 8);
    publisher.publish(&record(0));
    let client = Client::connect(&gateway.path).unwrap();
    let mut subscription = client.subscribe("all", &oldest()).unwrap();
    let mut publisher = rotate(&gateway, publisher);
    for number in 1..8 {
        publisher.publish(&record(number));
    }
    let mut publisher = rotate(&gateway, publisher);
    publisher.publish(&record(8));

    assert_eq!(next(&mut subscription), (Some(0), 0));
    assert_eq!(next(&mut subscription), (None, 7));
    assert_eq!(next(&mut subscription), (Some(8), 0));
    assert_eq!((subscription.lost(), subscription.position()), (7, 9));
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
