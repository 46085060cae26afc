//! The queues there are, and what each of them has.

use std::collections::HashMap;

use gateway_client::Client;
use gateway_test_clients::conformance::{Cast, Event, World};
use gateway_test_harness::simulator::Report;

use crate::MESSAGES;
use crate::check::{are_the_same, ask, follow, is_whole, read_all, refused, subscribe};

/// Symbols of the filtered queue, and how they begin.
pub(crate) const SOME: [&str; 2] = ["AAA[A-C]", "AAAF"];

fn is_some(symbol: &str) -> bool {
    matches!(symbol, "AAAA" | "AAAB" | "AAAC" | "AAAF")
}

/// The names of the queues, and what there is not.
pub(crate) fn subscribes_and_is_refused(cast: &mut Cast) {
    let queues = ask(cast, "queues").fine().unwrap();
    assert_eq!(
        queues,
        [
            "queue all 65536",
            "queue some 65536",
            "queue trades 65536",
            "queue native 65536",
            "queue short 1024",
            "queue full 65536",
            "queue best 65536",
            "queue ten 65536"
        ]
    );
    refused(cast, "subscribe nowhere", "unknown-queue");
}

pub(crate) fn reads_what_is_published_while_it_waits(
    cast: &mut Cast,
    world: &mut World,
) -> (Vec<Event>, Report) {
    let begin = subscribe(cast, "subscribe all name=conformance wait=block");
    assert_eq!(begin, ("as-asked".to_owned(), 0, 0, 0));
    assert_eq!(ask(cast, "read 5 50").fine().unwrap(), ["empty"]);
    cast.begin("read 100 20000").unwrap();
    let report = world.play(MESSAGES).unwrap();
    let mut events = cast.end("read 100 20000").unwrap().events().unwrap();
    assert_eq!(events.len(), 100);
    events.extend(read_all(cast));
    let next = follow(&events, 0);
    is_whole(&events, &report);
    let position = ask(cast, "position").line().unwrap();
    assert_eq!(position, format!("position {next} lost 0"));
    assert_eq!(ask(cast, "health").line().unwrap(), "live");
    (events, report)
}

/// A queue of some symbols has their records and no others, one of some classes theirs; a queue of native records has
/// every message.
pub(crate) fn filters(cast: &mut Cast, all: &[Event], report: &Report) {
    let symbols: HashMap<u64, &str> = all
        .iter()
        .filter(|event| event.name == "definition")
        .map(|event| (event.number(1).unwrap(), event.fields[2].as_str()))
        .collect();
    assert!(symbols.len() > 6, "{symbols:?}");
    subscribe(cast, "subscribe some start=oldest wait=sleep:100");
    let some = ask(cast, "drain").events().unwrap();
    follow(&some, 0);
    let expected: Vec<Event> = all
        .iter()
        .filter(|event| {
            // What concerns no instrument concerns every reader.
            let instrument = event.number(1).unwrap();
            let symbol = symbols.get(&instrument);
            event.name == "control"
                || instrument == 0
                || symbol.is_some_and(|symbol| is_some(symbol))
        })
        .cloned()
        .collect();
    assert!(
        some.len() > 100 && some.len() < all.len() / 2,
        "{}",
        some.len()
    );
    are_the_same(&some, &expected);

    subscribe(cast, "subscribe trades start=oldest");
    let trades = ask(cast, "drain").events().unwrap();
    follow(&trades, 0);
    let is_trade = |event: &Event| event.name == "mbo" && event.fields[3] == "T";
    let expected: Vec<Event> = all
        .iter()
        // What concerns the channel is of no class that a queue could leave out.
        .filter(|event| is_trade(event) || matches!(event.name.as_str(), "status" | "control"))
        .cloned()
        .collect();
    let count = |is: &dyn Fn(&Event) -> bool| expected.iter().filter(|event| is(event)).count();
    assert!(count(&is_trade) > 10, "{} trades", count(&is_trade));
    assert!(count(&|event| event.name == "status") > 0);
    are_the_same(&trades, &expected);

    subscribe(cast, "subscribe native start=oldest wait=yield");
    let native = ask(cast, "drain").events().unwrap();
    follow(&native, 0);
    let messages = native.iter().filter(|event| event.name == "native").count() as u64;
    assert_eq!(messages + report.lost_on_both.messages, report.messages);
}

/// The last that a conflated queue tells of each instrument is what the book's table has.
pub(crate) fn reads_conflated_books(cast: &mut Cast, world: &World) {
    let client = Client::connect(world.socket()).unwrap();
    for (book, name, levels) in [("best", "mbp1", 1), ("ten", "mbp10", 10)] {
        subscribe(
            cast,
            &format!("subscribe {book} start=oldest wait=sleep:100"),
        );
        let events = read_all(cast);
        follow(&events, 0);
        let told: HashMap<u32, &[String]> = events
            .iter()
            .filter(|event| event.name == name)
            .map(|event| (event.number(1).unwrap() as u32, &event.fields[4..]))
            .collect();
        let mut table = client.books(book, "conformance").unwrap();
        let mut compared = 0;
        for instrument in table.instruments().collect::<Vec<_>>() {
            let entry = table.read(instrument).unwrap();
            let expected: Vec<String> = entry.levels[..levels]
                .iter()
                .flat_map(|level| {
                    [
                        level.bid_px.to_string(),
                        level.bid_sz.to_string(),
                        level.bid_ct.to_string(),
                        level.ask_px.to_string(),
                        level.ask_sz.to_string(),
                        level.ask_ct.to_string(),
                    ]
                })
                .collect();
            if let Some(told) = told.get(&instrument.id) {
                assert_eq!(*told, expected, "{book}: {instrument:?}");
                compared += 1;
            }
        }
        assert!(compared > 6, "{compared} instruments of {book}");
    }
}
