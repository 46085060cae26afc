//! Books of a real gateway: its table, its orders and its conflated queue end as a strategy's own book does.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use dbn::v3::MboMsg;
use gateway_client::{
    Client, ControlKind, Event, JoinOutcome, Level, OrdersOf, Record, Start, SubscribeOptions,
    Subscription, WaitStrategy,
};
use gateway_e2e::Lab;
use gateway_e2e::rehearsal::{self, GLIMPSE, Script};
use gateway_test_harness::config::{Input, Queue};
use gateway_test_harness::{Config, Gateway, wait};

const LIMIT: Duration = Duration::from_secs(40);
const FLOW: &str =
    "generate --symbols 40 --messages 40000 --pace rate=15000 --heartbeat-ms 100 --end-of-session";
const BOOK: &str = "[[book]]\nname = \"books\"\nqueue = \"all\"\norders_max = 100000\n\
                    conflated = \"mbp-10\"\nconflation_interval_us = 5000\n";

/// Orders that rest, kept naively: by reference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Resting(BTreeMap<u64, (u32, u8, i64, u32)>);

impl Resting {
    fn apply(&mut self, record: &MboMsg) {
        match record.action as u8 {
            b'A' => {
                let instrument = record.hd.instrument_id;
                let order = (instrument, record.side as u8, record.price, record.size);
                self.0.insert(record.order_id, order);
            }
            b'C' => {
                let order = self
                    .0
                    .get_mut(&record.order_id)
                    .expect("an order that rests");
                order.3 -= record.size;
                if order.3 == 0 {
                    self.0.remove(&record.order_id);
                }
            }
            b'R' => {
                let cleared = record.hd.instrument_id;
                self.0.retain(|_, (instrument, ..)| *instrument != cleared);
            }
            _ => {}
        }
    }

    fn ten(&self, instrument: u32) -> [Level; 10] {
        let mut bids = BTreeMap::<i64, (u32, u32)>::new();
        let mut asks = bids.clone();
        for (of, side, price, size) in self.0.values() {
            if *of == instrument {
                let levels = if *side == b'B' { &mut bids } else { &mut asks };
                let level = levels.entry(*price).or_default();
                level.0 += size;
                level.1 += 1;
            }
        }
        let mut ten = [Level::EMPTY; 10];
        for (level, (price, (size, count))) in ten.iter_mut().zip(bids.iter().rev()) {
            (level.bid_px, level.bid_sz, level.bid_ct) = (*price, *size, *count);
        }
        for (level, (price, (size, count))) in ten.iter_mut().zip(&asks) {
            (level.ask_px, level.ask_sz, level.ask_ct) = (*price, *size, *count);
        }
        ten
    }
}

fn options(name: &str) -> SubscribeOptions {
    SubscribeOptions {
        start: Start::Oldest,
        wait: WaitStrategy::Sleep(Duration::from_micros(100)),
        ..SubscribeOptions::named(name)
    }
}

/// Reads to the end of the session.
fn to_the_end(mut subscription: Subscription, mut each: impl FnMut(&Record<'_>)) {
    let start = Instant::now();
    loop {
        match subscription.wait(Duration::from_millis(50)) {
            Event::Record(Record::Control(control))
                if control.kind == ControlKind::SessionEnd as u16 =>
            {
                return;
            }
            Event::Record(record) => each(&record),
            Event::Empty => assert!(start.elapsed() < LIMIT, "the session does not end"),
            other => panic!("{other:?}"),
        }
    }
}

/// A strategy with a book of its own, and its symbols.
fn strategy(
    subscription: Subscription,
    mut resting: Resting,
) -> JoinHandle<(Resting, BTreeMap<u32, String>)> {
    std::thread::spawn(move || {
        let mut symbols = BTreeMap::new();
        to_the_end(subscription, |record| match record {
            Record::Mbo(order) => resting.apply(order),
            Record::Definition(definition) => {
                let symbol = definition.raw_symbol().unwrap().trim_end().to_owned();
                symbols.insert(definition.hd.instrument_id, symbol);
            }
            _ => {}
        });
        (resting, symbols)
    })
}

/// The last state that the conflated queue tells of each instrument.
fn conflated(socket: &Path) -> JoinHandle<BTreeMap<u32, [Level; 10]>> {
    let client = Client::connect(socket).unwrap();
    let subscription = client.subscribe("books", &options("conflated")).unwrap();
    std::thread::spawn(move || {
        let mut last = BTreeMap::new();
        to_the_end(subscription, |record| {
            if let Record::Mbp10(ten) = record {
                let levels = ten.levels.each_ref().map(Level::from);
                last.insert(ten.hd.instrument_id, levels);
            }
        });
        last
    })
}

#[test]
fn table_orders_and_conflated_queue_end_as_a_strategys_own_book() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let config = Config {
        queues: vec![Queue::all("all").of("full").with_slots(1 << 18)],
        extra: BOOK.to_owned(),
        ..Config::new(Input::tier("copy"))
    };
    let gateway = lab.gateway(&config).unwrap();
    let socket = gateway.socket();
    let client = Client::connect(&socket).unwrap();
    let first = client.subscribe("all", &options("first")).unwrap();
    let first = strategy(first, Resting::default());
    let told = conflated(&socket);
    let flow = lab.simulator(&config, FLOW).unwrap();

    // In the middle of the flow somebody joins with the orders that rest then.
    let start = Instant::now();
    while client.book_list().unwrap()[0].applied < 20_000 {
        assert!(start.elapsed() < LIMIT, "no records");
        std::thread::sleep(Duration::from_millis(5));
    }
    let snapshot = client.orders("books", OrdersOf::All).unwrap();
    assert_eq!((snapshot.instruments, snapshot.invalid), (40, 0));
    let mut resting = Resting::default();
    for record in snapshot.records() {
        let Record::Mbo(order) = record else { panic!() };
        resting.apply(order);
    }
    assert!(!resting.0.is_empty());
    let resuming = options("late").resuming(snapshot.checkpoint());
    let late = client.subscribe("all", &resuming).unwrap();
    assert_eq!(late.joined().outcome, JoinOutcome::AsAsked);
    let late = strategy(late, resting);
    flow.finish(LIMIT).unwrap();

    let (own, symbols) = first.join().unwrap();
    let (joined, _) = late.join().unwrap();
    assert_eq!(joined, own, "the late joiner's book is another");
    assert_eq!(symbols.len(), 40);

    let mut table = client.books("books", "test").unwrap();
    let queue = client.queues().unwrap();
    let head = queue.iter().find(|queue| queue.name == "all").unwrap().head;
    while table.checkpoint().position < head {
        assert!(
            start.elapsed() < LIMIT,
            "the builder of books does not arrive"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    let told = told.join().unwrap();
    for (id, symbol) in &symbols {
        let instrument = table.find(symbol).unwrap();
        assert_eq!(instrument.id, *id);
        let entry = table.read(instrument).unwrap();
        assert!(entry.state.is_valid(), "{entry:?}");
        assert_eq!(entry.levels, own.ten(*id), "{symbol}");
        assert_eq!(
            told.get(id).copied().unwrap_or([Level::EMPTY; 10]),
            own.ten(*id),
            "{symbol}"
        );
    }

    let book = |status: &serde_json::Value| status["books"][0].clone();
    let mut shown = book(&gateway.status().unwrap());
    while shown["orders"] != own.0.len() {
        assert!(start.elapsed() < LIMIT, "{shown}");
        std::thread::sleep(Duration::from_millis(20));
        shown = book(&gateway.status().unwrap());
    }
    assert_eq!(shown["valid"], 40, "{shown}");
    assert_eq!((&shown["lost"], &shown["laps"]), (&0.into(), &0.into()));
    assert_eq!(shown["irregular"], serde_json::json!([]), "{shown}");
    assert_eq!(shown["orders_served"], 1);
    assert_eq!(shown["table_readers"], 1);

    let symbol = &symbols[&1];
    let output = gateway
        .command("book")
        .args(["all", symbol, "--json"])
        .output()
        .unwrap();
    let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed["symbol"], symbol.as_str());
    assert_eq!(printed["state"], "valid");
    let best = own.ten(1)[0];
    assert_eq!(printed["levels"][0]["bid_size"], best.bid_sz);
    let output = gateway
        .command("book")
        .args(["books", "NOSUCHSYMBOL"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
}

/// Slots of a queue that overtakes a builder which is not run for a moment.
const SMALL: u64 = 8_192;

/// The base with a small queue beside the large one, and books of it.
fn with_a_small_queue(base: Config) -> Config {
    let queue = |name: &str, slots| Queue::all(name).of("full").with_slots(slots);
    Config {
        queues: vec![queue("full", 1 << 18), queue("all", SMALL)],
        extra: format!("{}{BOOK}", base.extra),
        ..base
    }
}

/// Stops the builder, and nothing else, until its queue has overtaken it.
fn overtake(gateway: &Gateway, client: &Client) {
    wait::until("books", LIMIT, || {
        Ok((client.book_list()?[0].applied > 5_000).then_some(()))
    })
    .unwrap();
    let head = || -> u64 {
        let queues = client.queues().unwrap();
        queues
            .iter()
            .find(|queue| queue.name == "all")
            .unwrap()
            .head
    };
    let frozen = gateway.process.freeze("book-books").unwrap();
    let from = head();
    wait::until("the queue to pass", LIMIT, || {
        Ok((head() > from + 2 * SMALL).then_some(()))
    })
    .unwrap();
    drop(frozen);
}

#[test]
fn a_builder_that_was_overtaken_has_its_books_back_by_a_snapshot_of_the_channel() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let day = "[[phase]]\nname = \"a day\"\nmessages = 24_000\npace = 6_000\n";
    let script = Script::new(GLIMPSE, day);
    let folder = tempfile::tempdir().unwrap();
    let base = rehearsal::config("copy", &["G1"], "");
    let config = with_a_small_queue(rehearsal::with_password(&base, folder.path()));
    let mut gateway = lab.gateway(&config).unwrap();
    let client = Client::connect(gateway.socket()).unwrap();
    let own = client.subscribe("full", &options("own")).unwrap();
    let own = strategy(own, Resting::default());
    let simulator = script.start(&lab);
    overtake(&gateway, &client);
    let status = wait::until("the books to be right again", LIMIT, || {
        let status = gateway.status()?;
        let book = &status["books"][0];
        let right = book["laps"].as_u64() > Some(0) && book["valid"] == 40;
        Ok(right.then_some(status))
    });
    let status = status.unwrap_or_else(|error| panic!("{error}\n{}", gateway.process.output()));
    let recovery = &status["channels"][0]["recovery"];
    assert_eq!(
        (&recovery["refreshes"], &recovery["snapshots"]),
        (&1.into(), &1.into())
    );
    // Nothing of the channel was lost.
    assert_eq!(status["channels"][0]["lost"], 0);
    simulator.finish_scenario(LIMIT).unwrap();

    let (own, symbols) = own.join().unwrap();
    let mut table = client.books("books", "test").unwrap();
    let head = client.queues().unwrap()[1].head;
    wait::until("the builder to arrive", LIMIT, || {
        Ok((table.checkpoint().position >= head).then_some(()))
    })
    .unwrap();
    assert_eq!(symbols.len(), 40);
    for (id, symbol) in &symbols {
        let instrument = table.find(symbol).unwrap();
        let entry = table.read(instrument).unwrap();
        assert!(entry.state.is_valid(), "{entry:?}");
        assert_eq!(entry.levels, own.ten(*id), "{symbol}");
    }
    let metrics = gateway.metrics().unwrap();
    assert_eq!(
        metrics.sum("gateway_recovery_refreshes_total", &[]),
        Some(1.0)
    );
    assert_eq!(metrics.sum("gateway_book_laps_total", &[]), Some(1.0));
    let (ended, _) = gateway.process.terminate(LIMIT).unwrap();
    let log = gateway.process.output();
    assert!(ended.success(), "{log}");
    for line in [
        "the builder of books was overtaken",
        "a snapshot of the channel is asked for",
        "books that had lost records begin anew",
    ] {
        assert_eq!(log.matches(line).count(), 1, "{line}: {log}");
    }
}

#[test]
fn where_no_server_has_snapshots_overtaken_books_stay_invalid_and_that_is_told_once() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let config = with_a_small_queue(Config::new(Input::tier("copy")));
    let mut gateway = lab.gateway(&config).unwrap();
    let client = Client::connect(gateway.socket()).unwrap();
    let flow = lab
        .simulator(&config, &FLOW.replace("40000", "24000"))
        .unwrap();
    overtake(&gateway, &client);
    flow.finish(LIMIT).unwrap();
    let told = "books have lost records and stay invalid";
    let told = gateway
        .process
        .wait_for_line("the warning", LIMIT, |line| line.contains(told));
    told.unwrap();
    let book = gateway.status().unwrap()["books"][0].clone();
    assert_eq!((&book["laps"], &book["valid"]), (&1.into(), &0.into()));
    gateway.process.terminate(LIMIT).unwrap();
    let log = gateway.process.output();
    assert_eq!(log.matches("stay invalid until").count(), 1, "{log}");
}
