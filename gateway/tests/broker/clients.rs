//! What a client gets: a list, a subscription, records, the end.

use std::time::{Duration, Instant};

use gateway::broker::Broker;
use gateway_client::protocol::ErrorCode;
use gateway_client::{Client, ClientError, Closed, Event, Record, Start, SubscribeOptions};
use gateway_queue::Ending;

use crate::rig::{eventually, oldest, queue, record, run, start};

#[test]
fn a_client_lists_subscribes_reads_and_is_seen() {
    let (mut publisher, handle) = queue("all");
    let gateway = start(vec![handle, queue("other").1], 8);
    let client = Client::connect(&gateway.path).unwrap();
    assert_eq!(client.gateway_pid(), std::process::id());
    let names: Vec<_> = client
        .queues()
        .unwrap()
        .into_iter()
        .map(|queue| queue.name)
        .collect();
    assert_eq!(names, ["all", "other"]);
    assert_eq!(client.status().unwrap().len(), 40_000 + 13);

    for id in 0..10 {
        publisher.publish(&record(id));
    }
    let options = SubscribeOptions {
        start: Start::Oldest,
        ..SubscribeOptions::named("strategy\u{1b}[2J")
    };
    let mut subscription = client.subscribe("all", &options).unwrap();
    for id in 0..10_u64 {
        let Event::Record(Record::Native { bytes, .. }) = subscription.poll() else {
            panic!("no record {id}")
        };
        assert_eq!(
            bytes,
            record(id)[2..]
                .iter()
                .flat_map(|word| word.to_le_bytes())
                .collect::<Vec<_>>()
        );
    }
    assert!(matches!(subscription.poll(), Event::Empty));
    publisher.publish(&record(10));
    publisher.publish(&record(11));
    eventually("the reader's position", || {
        subscription.wait(Duration::from_millis(5));
        gateway
            .registry
            .readers()
            .first()
            .is_some_and(|reader| reader.position == 12 && reader.lag == 0)
    });
    let reader = gateway.registry.readers().remove(0);
    assert_eq!(
        (reader.name.as_str(), reader.queue.as_str()),
        ("strategy?[2J", "all")
    );
    assert_eq!((reader.pid, reader.lost), (std::process::id(), 0));
    assert!(reader.last_poll_age().unwrap() < Duration::from_secs(5));

    drop(subscription);
    eventually("the reader's end", || gateway.registry.readers().is_empty());
    gateway.stop();
}

#[test]
fn a_reader_that_is_overrun_at_every_poll_is_seen_to_be() {
    let (mut publisher, handle) = queue("all");
    let gateway = start(vec![handle], 8);
    let client = Client::connect(&gateway.path).unwrap();
    let mut subscription = client.subscribe("all", &oldest()).unwrap();
    for overruns in 1..=3 {
        for id in 0..1_000 {
            publisher.publish(&record(id));
        }
        assert!(matches!(subscription.poll(), Event::Lost(_)));
        let reader = gateway.registry.readers().remove(0);
        assert_eq!(reader.overruns, overruns);
        assert_eq!(reader.lost, subscription.lost());
        assert_eq!(reader.position, subscription.position());
    }
    gateway.stop();
}

#[test]
fn a_reader_that_comes_again_has_the_series_that_it_had() {
    let (_publisher, handle) = queue("all");
    let gateway = start(vec![handle, queue("other").1], 8);
    let client = Client::connect(&gateway.path).unwrap();
    let subscribe = |queue: &str, name: &str| {
        let options = SubscribeOptions::named(name);
        client.subscribe(queue, &options).unwrap()
    };
    let series = || -> Vec<(String, String, usize)> {
        let readers = gateway.registry.readers();
        let series = readers
            .into_iter()
            .map(|reader| (reader.consumer, reader.queue, reader.number));
        series.collect()
    };
    let of = |name: &str, queue: &str, number| (name.to_owned(), queue.to_owned(), number);
    let first = subscribe("all", "strategy");
    let _second = subscribe("all", "strategy");
    let _elsewhere = subscribe("other", "strategy");
    let _another = subscribe("all", "another");
    let others = [
        of("strategy", "all", 1),
        of("strategy", "other", 0),
        of("another", "all", 0),
    ];
    let expected = |first: usize| {
        let mut expected = others.to_vec();
        expected.insert(first, of("strategy", "all", 0));
        expected
    };
    assert_eq!(series(), expected(0));
    drop(first);
    eventually("the first reader's end", || series() == others);
    let _again = subscribe("all", "strategy");
    assert_eq!(series(), expected(3));
    gateway.stop();
}

#[test]
fn an_unknown_queue_is_refused_with_the_names_of_those_there_are() {
    let gateway = start(vec![queue("all").1], 8);
    let client = Client::connect(&gateway.path).unwrap();
    let error = client
        .subscribe("al", &SubscribeOptions::default())
        .unwrap_err();
    assert!(matches!(
        error,
        ClientError::Refused {
            code: ErrorCode::UnknownQueue,
            ..
        }
    ));
    assert!(error.to_string().contains("there are: all"), "{error}");
    gateway.stop();
}

#[test]
fn a_reader_that_reattaches_to_the_same_queue_goes_on_where_it_was() {
    let (mut publisher, handle) = queue("all");
    let gateway = start(vec![handle], 8);
    for id in 0..5 {
        publisher.publish(&record(id));
    }
    let client = Client::connect(&gateway.path).unwrap();
    let mut subscription = client.subscribe("all", &oldest()).unwrap();
    for _ in 0..3 {
        assert!(matches!(subscription.poll(), Event::Record(_)));
    }
    subscription.reattach().unwrap();
    assert_eq!(subscription.position(), 3);
    assert!(matches!(subscription.poll(), Event::Record(_)));
    assert_eq!(subscription.current().position, 3);
    gateway.stop();
}

#[test]
fn readers_learn_why_the_queue_ended() {
    // Stopped in order.
    let (publisher, handle) = queue("all");
    let gateway = start(vec![handle], 8);
    let mut subscription = Client::connect(&gateway.path)
        .unwrap()
        .subscribe("all", &oldest())
        .unwrap();
    publisher.close(Ending::Closed);
    let path = gateway.path.clone();
    let directory = gateway.stop();
    assert_eq!(closed(&mut subscription), Closed::Stopped);
    assert_eq!(closed(&mut subscription), Closed::Stopped);
    assert!(matches!(
        subscription.reattach(),
        Err(ClientError::Connect { .. })
    ));

    // Restarted: there is a successor by the time the reader looks.
    let (mut publisher, handle) = queue("all");
    let epoch = handle.epoch();
    publisher.publish(&record(77));
    let gateway = run(Broker::bind(&path).unwrap(), vec![handle], path, directory);
    subscription.reattach().unwrap();
    assert!(matches!(subscription.poll(), Event::Record(_)));
    assert_eq!(subscription.header().epoch, epoch);

    // Hung up: the socket is gone, the queue says nothing, its heart has stopped.
    let path = gateway.path.clone();
    let directory = gateway.stop();
    let asked = Instant::now();
    assert_eq!(closed(&mut subscription), Closed::HungUp);
    assert!(
        asked.elapsed() < Duration::from_millis(500),
        "{:?}",
        asked.elapsed()
    );

    let (publisher, handle) = queue("all");
    let gateway = run(Broker::bind(&path).unwrap(), vec![handle], path, directory);
    subscription.reattach().unwrap();
    publisher.close(Ending::Superseded { successor_epoch: 5 });
    assert_eq!(closed(&mut subscription), Closed::Restarted { epoch: 5 });
    gateway.stop();
}

fn closed(subscription: &mut gateway_client::Subscription) -> Closed {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        if let Event::Closed(reason) = subscription.wait(Duration::from_millis(10)) {
            return reason;
        }
        assert!(Instant::now() < deadline, "the end was not told");
    }
}
