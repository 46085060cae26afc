//! Queues and tables that go on in other memory.

use std::time::Duration;

use gateway::books::Command;
use gateway::config::model::ConflatedRecords;
use gateway_client::{Event, Record, Start, SubscribeOptions};
use gateway_queue::{Ending, Publisher};

use crate::flow::Flow;
use crate::rig::{Rig, conflated, queue, settle};

/// What the control plane does: offers a successor, then ends the queue.
fn rotate(rig: &Rig, publisher: Publisher) -> Publisher {
    let (successor, handle) = queue(1_024);
    let successor_epoch = handle.epoch();
    rig.catalogue
        .change(|offer| offer.go_on(0, handle, publisher.head()));
    publisher.close(Ending::Superseded { successor_epoch });
    successor
}

/// Steps until the builder has read up to there, and is in the queue's present epoch, the one of that number: it looks
/// at its queue's state once in a while only.
fn catch_up(rig: &Rig, builder: &mut gateway::books::Builder, published: u64, epoch: u64) {
    crate::rig::eventually("the builder", || {
        settle(builder);
        rig.catalogue.now().books[0].table.applied() == published
            && rig.registry.counters().subscriptions == epoch
    });
}

#[test]
fn the_builder_follows_its_queue_and_loses_nothing() {
    let (rig, mut publisher) = Rig::new(1_024);
    let mut builder = rig.builder(None);
    let mut table = rig.client().books("books", "test").unwrap();
    let mut flow = Flow::new(1, 3, 20);
    publisher.publish_array(&flow.session_start());
    for epoch in 2..7 {
        for record in (0..100).flat_map(|_| flow.message()) {
            publisher.publish_array(&record);
        }
        publisher = rotate(&rig, publisher);
        let published = rig.catalogue.now().queues[0].published();
        catch_up(&rig, &mut builder, published, epoch);
        for instrument in table.instruments().collect::<Vec<_>>() {
            let entry = table.read(instrument).unwrap();
            flow.resting.assert_shown(&entry);
            assert!(entry.state.is_valid());
        }
    }
    assert_eq!(rig.registry.readers().len(), 1);
    drop(publisher);
    while builder.step() != gateway::books::Step::Ended {}
    assert_eq!(builder.board().read().lost, 0);
    assert_eq!(rig.registry.readers()[0].lost, 0);
    drop(builder);
    assert!(rig.registry.readers().is_empty());
}

#[test]
fn a_builder_that_missed_a_whole_memory_knows() {
    let (rig, mut publisher) = Rig::new(1_024);
    let mut builder = rig.builder(None);
    let mut flow = Flow::new(2, 3, 20);
    publisher.publish_array(&flow.session_start());
    settle(&mut builder);
    for _ in 0..2 {
        publisher = rotate(&rig, publisher);
        for record in (0..50).flat_map(|_| flow.message()) {
            publisher.publish_array(&record);
        }
    }
    let published = rig.catalogue.now().queues[0].published();
    // Two epochs later, it is in its second.
    catch_up(&rig, &mut builder, published, 2);
    drop(publisher);
    while builder.step() != gateway::books::Step::Ended {}
    let shown = builder.board().read();
    assert_eq!((shown.laps, shown.valid), (1, 0));
    assert!(shown.lost >= 50);
}

#[test]
fn readers_of_table_and_conflated_queue_follow_them() {
    let (rig, mut publisher) = Rig::new(1_024);
    let all = conflated(ConflatedRecords::Mbp1, Duration::ZERO);
    let mut builder = rig.builder(Some(all));
    let client = rig.client();
    let mut table = client.books("books", "test").unwrap();
    let options = SubscribeOptions {
        start: Start::Oldest,
        ..SubscribeOptions::named("test")
    };
    let mut subscription = client.subscribe("books", &options).unwrap();
    let mut flow = Flow::new(3, 3, 20);
    publisher.publish_array(&flow.session_start());
    let (mut records, mut epochs) = (0, vec![table.header().epoch]);
    for _ in 0..4 {
        for record in (0..40).flat_map(|_| flow.message()) {
            publisher.publish_array(&record);
        }
        settle(&mut builder);
        builder.commands().send(Command::Rotate).unwrap();
        builder.step();
        for instrument in table.instruments().collect::<Vec<_>>() {
            flow.resting.assert_shown(&table.read(instrument).unwrap());
        }
        epochs.push(table.header().epoch);
        crate::rig::eventually("the end of the old queue", || {
            loop {
                match subscription.poll() {
                    Event::Record(Record::Mbp1(_)) => records += 1,
                    Event::Record(Record::Control(_)) => {}
                    Event::Empty => break,
                    other => panic!("{other:?}"),
                }
            }
            subscription.header().epoch == rig.catalogue.now().queues[1].handle.epoch()
        });
    }
    assert!(epochs.is_sorted_by(|a, b| a < b), "{epochs:?}");
    drop(publisher);
    while builder.step() != gateway::books::Step::Ended {}
    let shown = builder.board().read();
    assert_eq!((shown.rotations, subscription.lost()), (4, 0));
    assert_eq!(shown.published, records);
}
