//! What neither line of an MDP 3.0 channel brought is made up for by the snapshot loop: the real gateway and the real
//! exchange, over a real link.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use dbn::{flags, v3};
use gateway_client::{Client, Event, Record, Start, SubscribeOptions, WaitStrategy};
use gateway_e2e::Lab;
use gateway_feed::record::{ControlKind, ControlRecord};
use gateway_sim::flow::{FlowOptions, Mdp3Flow, OrderFlow};
use gateway_sim::scenario::{Overrides, load};
use gateway_sim::source::Source;
use gateway_sim::venue::Mdp3State;
use gateway_test_harness::config::{Input, Queue};
use gateway_test_harness::simulator::Report;
use gateway_test_harness::{Config, Metrics, wait};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(60);
const SYMBOLS: u32 = 20;
/// Packets a second.
const RATE: u64 = 1_500;

fn config(tier: &str) -> Config {
    Config {
        feed: "cme-mdp3",
        queues: vec![Queue::all("full").of("full").with_slots(1 << 17)],
        hold_timeout_us: 20_000,
        channel_keys: "on_gap = \"recover\"\n".to_owned(),
        extra: "[channel.recovery]\n\
                market_recovery = [{ group = \"239.77.0.3\", port = 26400 }, { group = \"239.77.0.4\", port = 26400 }]\n"
            .to_owned(),
        ..Config::new(Input::tier(tier))
    }
}

/// What the day of the simulator comes to.
fn day(messages: u64, reset_every: u64) -> Mdp3State {
    let flow = Mdp3Flow::new(OrderFlow::new(FlowOptions {
        seed: 1,
        symbols: SYMBOLS,
        messages,
        orders_max: 1_000_000,
        interval_ns: 1_000_000_000 / RATE,
    }));
    let mut flow = flow.with_channel_resets(reset_every);
    let (mut state, mut number) = (Mdp3State::default(), 0);
    while let Some(message) = flow.next().unwrap() {
        number += 1;
        state.apply(number, message.bytes);
    }
    state
}

/// Price and quantity.
type Level = (i64, u32);

/// A book as a strategy builds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Book {
    bids: Vec<Level>,
    offers: Vec<Level>,
    /// Side, price, quantity.
    orders: BTreeMap<u64, (bool, i64, u32)>,
}

#[derive(Clone, Debug, Default)]
struct Seen {
    books: BTreeMap<u32, Book>,
    controls: Vec<ControlRecord>,
    trades: u64,
    /// Clear records outside of snapshots.
    clears: u64,
    /// Changes of a book that is in doubt, outside of snapshots.
    suspect: u64,
}

impl Seen {
    fn order(&mut self, record: &v3::MboMsg) {
        let action = record.action as u8;
        let is_book = b"AMCR".contains(&action);
        self.trades += u64::from(action == b'T');
        self.clears += u64::from(action == b'R' && record.flags.raw() & flags::SNAPSHOT == 0);
        // Orders of a snapshot are in doubt up to its last part.
        let doubt = flags::MAYBE_BAD_BOOK | flags::SNAPSHOT;
        let suspect = record.flags.raw() & doubt == flags::MAYBE_BAD_BOOK;
        self.suspect += u64::from(suspect && is_book);
        if !is_book {
            return;
        }
        let book = self.books.entry(record.hd.instrument_id).or_default();
        let (is_bid, price, size) = (record.side as u8 == b'B', record.price, record.size);
        if record.flags.raw() & flags::MBP == 0 {
            match action {
                b'R' => book.orders.clear(),
                b'C' => {
                    book.orders.remove(&record.order_id);
                }
                _ => {
                    book.orders.insert(record.order_id, (is_bid, price, size));
                }
            }
            return;
        }
        let side = if is_bid {
            &mut book.bids
        } else {
            &mut book.offers
        };
        let place = (record.order_id as usize).saturating_sub(1).min(side.len());
        match action {
            b'R' => {
                book.bids.clear();
                book.offers.clear();
            }
            b'A' => {
                side.insert(place, (price, size));
                side.truncate(10);
            }
            b'M' if place < side.len() => side[place] = (price, size),
            b'C' if place < side.len() => {
                side.remove(place);
            }
            _ => {}
        }
    }

    /// How often an instrument's, or the channel's, control records were of that kind.
    fn count(&self, kind: ControlKind, of_channel: bool) -> usize {
        let of_kind = |control: &&ControlRecord| {
            control.kind == kind as u16 && (control.instrument_id == 0) == of_channel
        };
        self.controls.iter().filter(of_kind).count()
    }

    /// The books that have orders, by the first of them: numbers of instruments are the gateway's.
    fn by_order(&self) -> BTreeMap<u64, Book> {
        let books = self.books.values();
        books
            .filter_map(|book| Some((*book.orders.keys().next()?, book.clone())))
            .collect()
    }
}

/// Reads a queue into what it comes to, which is told after each pause.
fn follow(socket: &Path) -> Receiver<Seen> {
    let client = Client::connect(socket).unwrap();
    let options = SubscribeOptions {
        start: Start::Oldest,
        wait: WaitStrategy::Yield,
        ..SubscribeOptions::named("books")
    };
    let mut subscription = client.subscribe("full", &options).unwrap();
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut seen = Seen::default();
        loop {
            match subscription.wait(Duration::from_millis(50)) {
                Event::Record(Record::Mbo(record)) => seen.order(record),
                Event::Record(Record::Control(control)) => seen.controls.push(*control),
                Event::Record(_) => {}
                Event::Lost(slots) => panic!("{slots} slots lost"),
                Event::Closed(_) => return,
                Event::Empty if sender.send(seen.clone()).is_err() => return,
                Event::Empty => {}
            }
        }
    });
    receiver
}

/// The books of a day as [`Seen::by_order`] has them.
fn books_of(state: &Mdp3State) -> BTreeMap<u64, Book> {
    let size = |size: i32| u32::try_from(size).unwrap();
    let side = |levels: &[(i64, i32, i32)]| -> Vec<Level> {
        let levels = levels.iter();
        levels
            .map(|(price, quantity, _)| (*price, size(*quantity)))
            .collect()
    };
    let books = state.instruments().values();
    books
        .filter_map(|instrument| {
            let orders = instrument.orders.iter();
            let book = Book {
                bids: side(&instrument.bids),
                offers: side(&instrument.offers),
                orders: orders.map(|(id, o)| (*id, (o.0, o.1, size(o.2)))).collect(),
            };
            Some((*book.orders.keys().next()?, book))
        })
        .collect()
}

struct Outcome {
    seen: Seen,
    report: Report,
    metrics: Metrics,
    status: Value,
}

impl Outcome {
    fn sum(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        self.metrics.sum(name, labels).unwrap_or_default() as u64
    }
}

/// Publishes a day of so many messages, of which nobody hears anything until `late` is over; `None` where the test is
/// skipped.
fn play(
    tier: &str,
    (messages, reset_every): (u64, u64),
    loss: f64,
    late: Duration,
) -> Option<Outcome> {
    let config = config(tier);
    let lab = Lab::open().unwrap()?;
    let expected = books_of(&day(messages, reset_every));
    assert!(expected.len() > 10, "{}", expected.len());
    let arguments = format!(
        "generate --feed cme-mdp3 --messages {messages} --symbols {SYMBOLS} --pace rate={RATE} --messages-per-packet 4 \
         --heartbeat-ms 100 --loss-a {loss} --loss-b {loss} --linger-ms 5000 --channel-reset-every {reset_every} \
         --market-recovery 239.77.0.3:26400 --market-recovery 239.77.0.4:26400 --market-recovery-interval-us 1000"
    );
    let is_late = late > Duration::ZERO;
    let start = || lab.gateway(&config).unwrap();
    let publish = || lab.simulator(&config, &arguments).unwrap();
    let (mut gateway, simulator) = if is_late {
        let simulator = publish();
        // The morning, which nobody hears: the order of events is what counts, not how long it is.
        thread::sleep(late);
        (start(), simulator)
    } else {
        let gateway = start();
        (gateway, publish())
    };
    let receiver = follow(&gateway.socket());
    let report = simulator.finish(LIMIT).unwrap();
    let metrics = wait::until("the counters on show to catch up", LIMIT, || {
        let metrics = gateway.metrics()?;
        let next = metrics.sum("gateway_next_sequence", &[]);
        Ok((next == Some((report.last_sequence + 1) as f64)).then_some(metrics))
    });
    let metrics = metrics.unwrap();
    let mut seen = Seen::default();
    let same = wait::until("the books of the whole day", LIMIT, || {
        while let Ok(now) = receiver.try_recv() {
            seen = now;
        }
        Ok((seen.by_order() == expected).then_some(()))
    });
    let status = gateway.status().unwrap();
    if let Err(error) = same {
        let controls = seen.controls.len();
        panic!("{error}: {controls} controls, {}", status["channels"][0]);
    }
    let (ended, _) = gateway.process.terminate(LIMIT).unwrap();
    assert!(ended.success(), "{}", gateway.process.output());
    Some(Outcome {
        seen,
        report,
        metrics,
        status,
    })
}

#[test]
fn losses_on_both_lines_are_made_up_for_by_the_snapshot_loop() {
    for tier in ["copy", "socket"] {
        let Some(outcome) = play(tier, (12_000, 0), 0.1, Duration::ZERO) else {
            return;
        };
        let lost = outcome.report.lost_on_both.messages;
        assert!(lost > 10, "{lost}");
        // The loss of packets is told, and what of each instrument comes of it.
        assert_eq!(outcome.sum("gateway_messages_lost_total", &[]), lost);
        let gaps = outcome.report.lost_on_both.ranges.len();
        assert_eq!(outcome.seen.count(ControlKind::Gap, true), gaps);
        assert!(outcome.seen.count(ControlKind::Recovering, false) > 10);
        let snapshots = outcome.seen.count(ControlKind::SnapshotEnd, false) as u64;
        assert!(snapshots > 40, "{snapshots}");
        let books = |by| outcome.sum("gateway_refresh_books_total", &[("by", by)]);
        assert_eq!(books("snapshot"), snapshots);
        assert!(books("stream") > 0);
        assert_eq!(books("given_up"), 0);
        assert!(outcome.sum("gateway_refresh_withheld_total", &[]) > 0);
        assert_eq!(outcome.sum("gateway_refresh_stale_instruments", &[]), 0);
        // Nothing that changes a book goes out in doubt.
        assert_eq!(outcome.seen.suspect, 0);
        assert!(outcome.seen.trades > 10);
        let refresh = &outcome.status["channels"][0]["refresh"];
        assert_eq!(refresh["stale_levels"], 0, "{refresh}");
        assert!(refresh["loops"].as_u64().unwrap() > 1, "{refresh}");
    }
}

#[test]
fn a_channel_reset_empties_all_books_and_they_are_told_anew() {
    let Some(outcome) = play("copy", (12_000, 5_000), 0.0, Duration::ZERO) else {
        return;
    };
    // Levels and orders of each instrument that was told of, twice.
    let (clears, all) = (outcome.seen.clears, 2 * 2 * u64::from(SYMBOLS));
    assert!(clears > all / 2 && clears <= all, "{clears}");
    assert_eq!(outcome.seen.suspect, 0);
    assert_eq!(outcome.seen.count(ControlKind::SnapshotEnd, false), 0);
    let types = outcome.status["channels"][0]["by_type"].as_array().unwrap();
    let resets = types.iter().find(|each| each["reason"] == "4");
    assert_eq!(resets.unwrap()["count"], 2);
}

#[test]
fn whoever_starts_late_has_all_definitions_of_one_loop_of_the_instrument_feed() {
    let mut config = config("copy");
    config.channel_keys = String::new();
    config.extra = "[channel.recovery]\n\
        instrument_definition = [{ group = \"239.77.0.3\", port = 26400 }, { group = \"239.77.0.4\", port = 26400 }]\n"
        .to_owned();
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let arguments = format!(
        "generate --feed cme-mdp3 --messages 12000 --symbols {SYMBOLS} --pace rate={RATE} --messages-per-packet 4 \
         --heartbeat-ms 100 --linger-ms 5000 --instrument-definition 239.77.0.3:26400 \
         --instrument-definition 239.77.0.4:26400"
    );
    let simulator = lab.simulator(&config, &arguments).unwrap();
    // The morning, with the stream's own definitions, which nobody hears.
    thread::sleep(Duration::from_millis(1_500));
    let mut gateway = lab.gateway(&config).unwrap();
    let client = Client::connect(gateway.socket()).unwrap();
    let mut directory = client.instruments("full", "directory").unwrap();
    let known = wait::until("all definitions", LIMIT, || {
        directory.update();
        Ok((directory.len() == SYMBOLS as usize).then_some(()))
    });
    known.unwrap();
    let repeated = wait::until("some loops more", LIMIT, || {
        let metrics = gateway.metrics()?;
        let repeated = metrics.sum("gateway_refresh_definitions_repeated_total", &[]);
        Ok(repeated.filter(|repeated| *repeated > 200.0))
    });
    repeated.unwrap();
    let changes = directory.changes();
    directory.update();
    assert_eq!(directory.changes(), changes, "each was told once");
    for instrument in directory.iter() {
        let definition = &instrument.definition;
        let told = (
            definition.min_price_increment,
            definition.min_lot_size_round_lot,
            definition.contract_multiplier,
        );
        assert_eq!(told, (10_000_000, 1, 50), "{}", instrument.symbol());
    }
    simulator.finish(LIMIT).unwrap();
    let (ended, _) = gateway.process.terminate(LIMIT).unwrap();
    assert!(ended.success(), "{}", gateway.process.output());
}

#[test]
fn a_day_of_futures_with_all_that_goes_wrong_ends_with_the_books_of_the_day() {
    let (config, file) = (config("copy"), "../../config/scenarios/futures_day.toml");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let scenario = load(&file, &Overrides::default()).unwrap();
    let session = &scenario.sessions[0];
    let messages: u64 = session
        .plan
        .parts
        .iter()
        .filter_map(|part| part.messages)
        .sum();
    let flow = Mdp3Flow::new(OrderFlow::new(session.flow.clone()));
    let mut flow = flow.with_channel_resets(session.channel_reset_every);
    let mut state = Mdp3State::default();
    for number in 1..=messages {
        match flow.next().unwrap() {
            Some(message) => state.apply(number, message.bytes),
            None => break,
        }
    }
    let expected = books_of(&state);
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let mut gateway = lab.gateway(&config).unwrap();
    let receiver = follow(&gateway.socket());
    let simulator = lab.scenario(&file, 1).unwrap();
    let mut seen = Seen::default();
    let same = wait::until("the books of the day", LIMIT, || {
        while let Ok(now) = receiver.try_recv() {
            seen = now;
        }
        let done = !expected.is_empty() && seen.by_order() == expected;
        Ok(done.then_some(()))
    });
    same.unwrap();
    assert!(seen.count(ControlKind::Gap, true) > 10);
    assert!(seen.count(ControlKind::SnapshotEnd, false) > 20);
    assert_eq!(seen.suspect, 0);
    drop(simulator);
    let (ended, _) = gateway.process.terminate(LIMIT).unwrap();
    assert!(ended.success(), "{}", gateway.process.output());
}

#[test]
fn books_go_on_in_doubt_where_the_lines_of_the_loop_are_dead() {
    let mut config = config("copy");
    config.extra += "market_recovery_timeout_ms = 400\n";
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let mut gateway = lab.gateway(&config).unwrap();
    let arguments = format!(
        "generate --feed cme-mdp3 --messages 12000 --symbols {SYMBOLS} --pace rate={RATE} --messages-per-packet 4 \
         --heartbeat-ms 100 --loss-a 0.1 --loss-b 0.1"
    );
    let simulator = lab.simulator(&config, &arguments).unwrap();
    let receiver = follow(&gateway.socket());
    let report = simulator.finish(LIMIT).unwrap();
    assert!(report.lost_on_both.messages > 10);
    let given_up = wait::until("no book to wait any longer", LIMIT, || {
        let metrics = gateway.metrics()?;
        let stale = metrics.sum("gateway_refresh_stale_instruments", &[]);
        let by = [("by", "timed_out")];
        let timed_out = metrics.sum("gateway_refresh_books_total", &by);
        Ok((stale == Some(0.0)).then_some(timed_out).flatten())
    });
    assert!(given_up.unwrap() > 10.0);
    let seen = wait::until("the gaps of instruments", LIMIT, || {
        let seen = receiver.try_iter().last();
        Ok(seen.filter(|seen| seen.count(ControlKind::Gap, false) > 5))
    });
    assert!(seen.unwrap().suspect > 0);
    let (ended, _) = gateway.process.terminate(LIMIT).unwrap();
    assert!(ended.success(), "{}", gateway.process.output());
}

#[test]
fn a_gateway_that_is_started_in_mid_week_has_the_books_of_one_loop_and_what_followed() {
    let Some(outcome) = play("copy", (24_000, 0), 0.0, Duration::from_millis(1_500)) else {
        return;
    };
    let snapshots = outcome.seen.count(ControlKind::SnapshotEnd, false) as u64;
    assert_eq!(
        snapshots,
        2 * u64::from(SYMBOLS),
        "levels and orders of each"
    );
    assert_eq!(outcome.seen.count(ControlKind::Gap, true), 0);
    assert_eq!(outcome.seen.suspect, 0);
    assert_eq!(outcome.sum("gateway_refresh_stale_instruments", &[]), 0);
}
