//! Where a reader begins, and what it is told where it cannot begin where it asked.

use gateway::broker::Broker;
use gateway_client::{Checkpoint, Client, Event, JoinOutcome, Start, SubscribeOptions};

use crate::rig::{queue, record, run, start};

#[test]
fn a_reader_begins_where_it_asked_or_is_told_what_was_possible() {
    let (mut publisher, handle) = queue("all");
    let gateway = start(vec![handle], 64);
    for number in 0..1_000 {
        publisher.publish(&record(number));
    }
    let client = Client::connect(&gateway.path).unwrap();
    // 256 slots, of which a block of 16 is left to the publisher.
    let oldest = 768;
    for (start, position, outcome) in [
        (Start::Head, 1_000, JoinOutcome::AsAsked),
        (Start::Oldest, oldest, JoinOutcome::AsAsked),
        (Start::At(900), 900, JoinOutcome::AsAsked),
        (Start::At(1_000), 1_000, JoinOutcome::AsAsked),
        (
            Start::At(700),
            oldest,
            JoinOutcome::Later {
                slots: oldest - 700,
            },
        ),
        // Nobody has said where state begins: with the first record.
        (Start::Resync, oldest, JoinOutcome::Later { slots: oldest }),
        (Start::At(1_001), 1_000, JoinOutcome::NotYet),
        (Start::At(u64::MAX), 1_000, JoinOutcome::NotYet),
    ] {
        let options = SubscribeOptions {
            start,
            ..SubscribeOptions::named("test")
        };
        let mut subscription = client.subscribe("all", &options).unwrap();
        let joined = subscription.joined();
        assert_eq!(
            (joined.position, joined.outcome),
            (position, outcome),
            "{start:?}"
        );
        assert_eq!(joined.head, 1_000);
        if let JoinOutcome::Later { slots } = outcome {
            assert!(matches!(subscription.poll(), Event::Lost(lost) if lost == slots));
        }
        assert_eq!(subscription.position(), position);
        assert_eq!(
            matches!(subscription.poll(), Event::Record(_)),
            position < 1_000
        );
    }
    gateway.stop();
}

#[test]
fn a_reader_begins_where_state_can_be_rebuilt_as_long_as_that_is_held() {
    let (mut publisher, handle) = queue("all");
    let gateway = start(vec![handle], 8);
    let client = Client::connect(&gateway.path).unwrap();
    let options = SubscribeOptions {
        start: Start::Resync,
        ..SubscribeOptions::named("test")
    };
    let begin = || client.subscribe("all", &options).unwrap();
    assert_eq!(begin().joined().outcome, JoinOutcome::AsAsked);
    for number in 0..100 {
        if number == 40 {
            publisher.mark_resync();
        }
        publisher.publish(&record(number));
    }
    let mut reader = begin();
    assert_eq!(
        (reader.position(), reader.joined().outcome),
        (40, JoinOutcome::AsAsked)
    );
    assert!(matches!(reader.poll(), Event::Record(_)));
    assert_eq!((reader.current().position, reader.lost()), (40, 0));
    drop(reader);

    for number in 100..1_000 {
        publisher.publish(&record(number));
    }
    let mut reader = begin();
    assert_eq!(
        reader.joined().outcome,
        JoinOutcome::Later { slots: 768 - 40 }
    );
    assert!(matches!(reader.poll(), Event::Lost(slots) if slots == 768 - 40));
    assert!(matches!(reader.poll(), Event::Record(_)));
    assert_eq!(reader.current().position, 768);
    drop(reader);

    // Where the next record is the one.
    publisher.mark_resync();
    assert_eq!(
        (begin().position(), begin().joined().outcome),
        (1_000, JoinOutcome::AsAsked)
    );
    gateway.stop();
}

#[test]
fn a_strategy_that_was_restarted_resumes_where_it_was_and_never_in_another_run() {
    let (mut publisher, handle) = queue("all");
    let gateway = start(vec![handle], 8);
    for number in 0..10 {
        publisher.publish(&record(number));
    }
    let client = Client::connect(&gateway.path).unwrap();
    let options = SubscribeOptions {
        start: Start::Oldest,
        ..SubscribeOptions::named("test")
    };
    let mut before = client.subscribe("all", &options).unwrap();
    for _ in 0..4 {
        assert!(matches!(before.poll(), Event::Record(_)));
    }
    let checkpoint = before.checkpoint();
    drop(before);
    let resume = |checkpoint: Checkpoint| {
        let options = SubscribeOptions::named("test").resuming(checkpoint);
        let client = Client::connect(&gateway.path).unwrap();
        client.subscribe("all", &options).unwrap()
    };
    let mut after = resume(checkpoint);
    assert_eq!(
        (after.position(), after.joined().outcome),
        (4, JoinOutcome::AsAsked)
    );
    assert!(matches!(after.poll(), Event::Record(_)));
    assert_eq!(after.current().position, 4);
    assert_eq!(after.lost(), 0);
    drop(after);

    // Another run of the gateway: its slot 4 is another record.
    let path = gateway.path.clone();
    let directory = gateway.stop();
    let (mut publisher, handle) = queue("all");
    for number in 0..6 {
        publisher.publish(&record(number));
    }
    let gateway = run(Broker::bind(&path).unwrap(), vec![handle], path, directory);
    let client = Client::connect(&gateway.path).unwrap();
    let options = SubscribeOptions::named("test").resuming(checkpoint);
    let other = client.subscribe("all", &options).unwrap();
    assert_ne!(other.checkpoint().run, checkpoint.run);
    assert_eq!(
        (other.position(), other.joined().outcome),
        (0, JoinOutcome::OtherRun)
    );
    gateway.stop();
}
