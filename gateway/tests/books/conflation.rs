//! The conflated queue: the last state wins.

use std::collections::BTreeMap;
use std::time::Duration;

use dbn::BidAskPair;
use dbn::flags::{LAST, MAYBE_BAD_BOOK, MBP};
use gateway::config::model::ConflatedRecords;
use gateway_client::{ControlKind, Event, Level, Record, Start, SubscribeOptions, Subscription};

use crate::flow::{Flow, control, definition};
use crate::rig::{Rig, conflated, settle};

/// What was told last of each instrument: levels and flags; and how many records there were.
#[derive(Default)]
struct Told {
    levels: BTreeMap<u32, (Vec<Level>, u8)>,
    records: u64,
    others: Vec<&'static str>,
}

impl Told {
    fn read(&mut self, subscription: &mut Subscription) {
        let levels = |levels: &[BidAskPair]| levels.iter().map(Level::from).collect();
        loop {
            match subscription.poll() {
                Event::Record(Record::Mbp1(best)) => {
                    assert_eq!((best.action as u8, best.side as u8), (b'N', b'N'));
                    if best.hd.ts_event != 0 {
                        assert_eq!(best.ts_recv, best.hd.ts_event + 7);
                    }
                    let told = (levels(&best.levels), best.flags.raw());
                    self.levels.insert(best.hd.instrument_id, told);
                    self.records += 1;
                }
                Event::Record(Record::Mbp10(ten)) => {
                    let told = (levels(&ten.levels), ten.flags.raw());
                    self.levels.insert(ten.hd.instrument_id, told);
                    self.records += 1;
                }
                Event::Record(Record::Control(_)) => self.others.push("control"),
                Event::Record(Record::Definition(_)) => self.others.push("definition"),
                Event::Empty => return,
                other => panic!("{other:?}"),
            }
        }
    }
}

fn oldest() -> SubscribeOptions {
    SubscribeOptions {
        start: Start::Oldest,
        ..SubscribeOptions::named("test")
    }
}

#[test]
fn without_an_interval_every_step_tells_the_last_state() {
    for records in [ConflatedRecords::Mbp1, ConflatedRecords::Mbp10] {
        let (rig, mut publisher) = Rig::new(4_096);
        let mut builder = rig.builder(Some(conflated(records, Duration::ZERO)));
        let mut subscription = rig.client().subscribe("books", &oldest()).unwrap();
        let mut flow = Flow::new(1, 3, 20);
        publisher.publish(&definition(1, "AAPL"));
        publisher.publish_array(&flow.session_start());
        let mut told = Told::default();
        for _ in 0..300 {
            for record in (0..5).flat_map(|_| flow.message()) {
                publisher.publish_array(&record);
            }
            settle(&mut builder);
            told.read(&mut subscription);
            for (instrument, (levels, flags)) in &told.levels {
                let ten = flow.resting.ten(*instrument);
                assert_eq!(levels[..], ten[..levels.len()], "instrument {instrument}");
                assert_eq!(*flags, LAST | MBP);
            }
        }
        assert_eq!(told.levels.len(), 3);
        assert_eq!(told.others, ["definition", "control"]);
        drop(publisher);
        while builder.step() != gateway::books::Step::Ended {}
        let shown = builder.board().read();
        assert_eq!(shown.published, told.records);
        assert_eq!(shown.changes, shown.conflated + shown.published);
        assert!(shown.conflated > 0, "five messages a step");
    }
}

#[test]
fn what_changes_within_the_interval_is_merged_and_the_end_tells_the_rest() {
    let (rig, mut publisher) = Rig::new(4_096);
    let hour = Duration::from_secs(3_600);
    let mut builder = rig.builder(Some(conflated(ConflatedRecords::Mbp10, hour)));
    let mut subscription = rig.client().subscribe("books", &oldest()).unwrap();
    let mut flow = Flow::new(2, 3, 20);
    publisher.publish_array(&flow.session_start());
    settle(&mut builder);
    let mut told = Told::default();
    for record in (0..500).flat_map(|_| flow.message()) {
        publisher.publish_array(&record);
    }
    settle(&mut builder);
    told.read(&mut subscription);
    assert!(told.records <= 3, "once an hour: {}", told.records);
    drop(publisher);
    while builder.step() != gateway::books::Step::Ended {}
    told.read_to_the_end(&mut subscription);
    for (instrument, (levels, _)) in &told.levels {
        assert_eq!(levels[..], flow.resting.ten(*instrument)[..]);
    }
    assert_eq!(told.levels.len(), 3);
    assert!(told.records <= 6);
}

impl Told {
    fn read_to_the_end(&mut self, subscription: &mut Subscription) {
        loop {
            match subscription.wait(Duration::from_millis(5)) {
                Event::Record(Record::Mbp10(ten)) => {
                    let levels = ten.levels.iter().map(Level::from).collect();
                    self.levels
                        .insert(ten.hd.instrument_id, (levels, ten.flags.raw()));
                    self.records += 1;
                }
                Event::Empty => {}
                Event::Closed(_) => return,
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn a_book_that_cannot_be_trusted_is_flagged() {
    let (rig, mut publisher) = Rig::new(1_024);
    let mut builder = rig.builder(Some(conflated(ConflatedRecords::Mbp1, Duration::ZERO)));
    let mut subscription = rig.client().subscribe("books", &oldest()).unwrap();
    let mut flow = Flow::new(3, 2, 20);
    publisher.publish_array(&flow.session_start());
    for record in (0..50).flat_map(|_| flow.message()) {
        publisher.publish_array(&record);
    }
    publisher.publish_array(&control(ControlKind::Gap, 100, 1));
    settle(&mut builder);
    let mut told = Told::default();
    told.read(&mut subscription);
    assert_eq!(told.levels.len(), 2);
    for (levels, flags) in told.levels.values() {
        assert_eq!(*flags, LAST | MBP | MAYBE_BAD_BOOK);
        assert_eq!(levels.len(), 1);
    }
    assert_eq!(told.others, ["control", "control"]);
}
