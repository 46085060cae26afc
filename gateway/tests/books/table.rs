//! What the table says.

use gateway::books::Builder;
use gateway_client::{BookState, BookTable};
use gateway_feed::record::ControlKind;
use gateway_queue::Publisher;

use crate::flow::{Flow, control, definition, halt};
use crate::rig::{CHANNEL, Rig, eventually, settle};

/// Asserts that every entry shows what rests; returns how many there are.
fn all_shown(table: &mut BookTable, flow: &Flow) -> usize {
    let instruments: Vec<_> = table.instruments().collect();
    for instrument in &instruments {
        let entry = table.read(*instrument).unwrap();
        flow.resting.assert_shown(&entry);
        assert_eq!(table.best(*instrument).unwrap(), entry.best());
    }
    instruments.len()
}

#[test]
fn the_table_shows_what_rests_after_every_message() {
    let (rig, mut publisher) = Rig::new(4_096);
    let mut builder = rig.builder(None);
    let mut table = rig.client().books("books", "test").unwrap();
    let mut flow = Flow::new(1, 5, 30);
    publisher.publish_array(&flow.session_start());
    let mut trades = 0;
    for message in 0..3_000 {
        for record in flow.message() {
            publisher.publish_array(&record);
        }
        // One by one, and in batches.
        if message < 300 || message % 97 == 0 {
            settle(&mut builder);
            let shown = all_shown(&mut table, &flow);
            assert!(message < 100 || shown == 5);
            assert_eq!(table.checkpoint().position, publisher.head());
        }
    }
    settle(&mut builder);
    all_shown(&mut table, &flow);
    for instrument in table.instruments().collect::<Vec<_>>() {
        let entry = table.read(instrument).unwrap();
        assert_eq!(entry.state, BookState::Valid);
        assert!(entry.position > 4_000 && entry.position <= publisher.head());
        assert_eq!(entry.ts_recv, entry.ts_event + 7);
        trades += u32::from(entry.last_trade.is_some());
    }
    assert_eq!(trades, 5);
    let reader = rig.registry.readers().remove(0);
    assert_eq!((reader.name.as_str(), reader.lost), ("book books", 0));
}

#[test]
fn a_message_is_shown_whole_or_not_at_all() {
    let (rig, mut publisher) = Rig::new(1_024);
    let mut builder = rig.builder(None);
    let mut table = rig.client().books("books", "test").unwrap();
    let mut flow = Flow::new(2, 1, 5);
    publisher.publish_array(&flow.session_start());
    let mut parts = 0;
    for _ in 0..500 {
        let before = flow.resting.clone();
        let records = flow.message();
        let (last, first) = records.split_last().unwrap();
        for record in first {
            publisher.publish_array(record);
            let head = publisher.head();
            settle(&mut builder);
            parts += 1;
            if let Some(instrument) = table.find_id(1) {
                before.assert_shown(&table.read(instrument).unwrap());
                assert!(
                    table.checkpoint().position < head,
                    "half of a message applied"
                );
            }
        }
        publisher.publish_array(last);
        settle(&mut builder);
        all_shown(&mut table, &flow);
        assert_eq!(table.checkpoint().position, publisher.head());
    }
    assert!(parts > 100);
}

#[test]
fn symbols_and_statuses_are_learnt_and_those_that_do_not_fit_are_counted() {
    let (rig, mut publisher) = Rig::new(1_024);
    let mut builder = rig.builder(None);
    let mut table = rig.client().books("books", "test").unwrap();
    publisher.publish(&definition(7, "AAPL"));
    settle(&mut builder);
    let aapl = table.find("AAPL").unwrap();
    assert_eq!(aapl.id, 7);
    let entry = table.read(aapl).unwrap();
    assert_eq!((entry.symbol.as_str(), entry.status), ("AAPL", None));
    assert_eq!(entry.state, BookState::NeverBegun);
    publisher.publish(&halt(7));
    // Another instrument has the symbol the next day, and this one another.
    publisher.publish(&definition(7, "AAPX"));
    publisher.publish(&definition(8, "AAPL"));
    publisher.publish(&definition(9, &"LONG".repeat(10)));
    settle(&mut builder);
    let status = table.read(aapl).unwrap().status.unwrap();
    assert_eq!(
        (status.action, status.is_trading),
        (dbn::StatusAction::Halt as u16, b'N')
    );
    assert_eq!(table.find("AAPX"), Some(aapl));
    assert_eq!(table.find("AAPL").unwrap().id, 8);
    let nine = table.find_id(9).unwrap();
    assert_eq!(table.read(nine).unwrap().symbol.as_str(), "");
    drop(publisher);
    while builder.step() != gateway::books::Step::Ended {}
    assert_eq!(builder.board().read().symbols_refused, 1);
}

#[test]
fn a_gap_makes_every_book_of_the_channel_invalid_until_it_begins_anew() {
    let (rig, mut publisher) = Rig::new(1_024);
    let mut builder = rig.builder(None);
    let mut table = rig.client().books("books", "test").unwrap();
    let mut flow = Flow::new(3, 3, 5);
    publisher.publish_array(&flow.session_start());
    for record in (0..100).flat_map(|_| flow.message()) {
        publisher.publish_array(&record);
    }
    let gap = publisher.head();
    publisher.publish_array(&control(ControlKind::Gap, 200, 5));
    settle(&mut builder);
    let instruments: Vec<_> = table.instruments().collect();
    assert_eq!(instruments.len(), 3);
    for instrument in &instruments {
        let entry = table.read(*instrument).unwrap();
        assert_eq!((entry.state, entry.state_since), (BookState::Gap, gap));
        // What it had it still shows.
        flow.resting.assert_shown(&entry);
    }
    publisher.publish_array(&flow.clear(2));
    settle(&mut builder);
    for instrument in instruments {
        let entry = table.read(instrument).unwrap();
        let valid = entry.instrument_id == 2;
        assert_eq!(entry.state.is_valid(), valid, "{entry:?}");
        flow.resting.assert_shown(&entry);
    }
}

#[test]
fn a_builder_that_is_overtaken_says_so_and_goes_on() {
    let (rig, mut publisher) = Rig::new(1_024);
    let mut builder = rig.builder(None);
    let mut table = rig.client().books("books", "test").unwrap();
    let mut flow = Flow::new(4, 3, 5);
    publisher.publish_array(&flow.session_start());
    for record in (0..100).flat_map(|_| flow.message()) {
        publisher.publish_array(&record);
    }
    settle(&mut builder);
    for instrument in table.instruments().collect::<Vec<_>>() {
        assert!(table.read(instrument).unwrap().state.is_valid());
    }
    // Nobody runs the builder for longer than the ring holds.
    for record in (0..2_000).flat_map(|_| flow.message()) {
        publisher.publish_array(&record);
    }
    settle(&mut builder);
    let instruments: Vec<_> = table.instruments().collect();
    for instrument in &instruments {
        let entry = table.read(*instrument).unwrap();
        assert_eq!(entry.state, BookState::Lapped);
    }
    assert_eq!(table.checkpoint().position, publisher.head());
    let lost = rig.registry.readers()[0].lost;
    // Both channels say so until they begin anew.
    let lapped = |builder: &mut Builder, publisher: &Publisher| {
        let board = builder.board();
        eventually("the counts to be shown", || {
            builder.step();
            board.read().position == publisher.head()
        });
        let lapped = board.read().lapped;
        [CHANNEL, CHANNEL + 1, CHANNEL + 2].map(|channel| lapped.contains(channel))
    };
    assert_eq!(lapped(&mut builder, &publisher), [true, true, false]);
    // The next session begins with nothing, and everything is known again.
    publisher.publish_array(&flow.session_start());
    for record in (0..100).flat_map(|_| flow.message()) {
        publisher.publish_array(&record);
    }
    settle(&mut builder);
    all_shown(&mut table, &flow);
    for instrument in instruments {
        assert!(table.read(instrument).unwrap().state.is_valid());
    }
    assert_eq!(lapped(&mut builder, &publisher), [false, true, false]);
    drop(publisher);
    while builder.step() != gateway::books::Step::Ended {}
    let shown = builder.board().read();
    assert_eq!(shown.laps, 1);
    assert!(shown.lost > 1_000 && shown.lost >= lost, "{shown:?}");
    assert_eq!(shown.books.losses, 1);
    assert_eq!(shown.valid, 3);
}
