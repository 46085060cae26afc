//! The directory of instruments of a running gateway, in every language, for readers who come when the day is over.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use gateway_client::{Client, Closed, Event, Record, Start, SubscribeOptions};
use gateway_test_clients::compilers::{Compiler, Linking};
use gateway_test_clients::flow::Flow;
use gateway_test_clients::sanitizer::Sanitizer;
use gateway_test_clients::{programs, python};
use gateway_test_harness::config::Queue;

const DIRECTORY: &str = "directory";

fn printed(mut command: Command, socket: &Path, queue: &str) -> String {
    let output = command.arg(socket).arg(queue).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{errors}",
        output.status
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Asserts that the programs called `instruments` of every language print what that of Rust prints, and returns it.
fn every_language_prints(socket: &Path, queue: &str) -> String {
    let rust = Command::new(programs::rust_example("instruments").unwrap());
    let expected = printed(rust, socket, queue);
    let same = |name: &str, command: Command| {
        assert_eq!(printed(command, socket, queue), expected, "{name}");
    };
    for (compiler, linking) in [
        (Compiler::Gcc, Linking::Shared),
        (Compiler::ClangXx, Linking::Static),
    ] {
        if compiler.is_there() {
            let program = compiler.example("instruments", linking, Sanitizer::None);
            same(&format!("{compiler:?}"), Command::new(program.unwrap()));
        }
    }
    for compiler in [Compiler::Gcc, Compiler::Gxx] {
        if let Some(watch) = Sanitizer::Address.with(compiler).unwrap() {
            let name = format!("{compiler:?} with AddressSanitizer");
            same(&name, watch.example("instruments").unwrap());
        }
    }
    if let Some(python) = python::with_wheel().unwrap() {
        let mut command = Command::new(python);
        command.arg(python::examples().join("instruments.py"));
        same("Python", command);
    }
    expected
}

#[test]
fn every_language_has_the_whole_directory_after_the_end_of_the_day() {
    let flow = Flow::whole().unwrap();
    let queues = vec![
        Queue::all("all"),
        Queue::all(DIRECTORY)
            .of_classes(&["definitions", "status"])
            .with_slots(4_096),
        // Of a few records only: the definitions, which came first, are overwritten.
        Queue::all("short").with_slots(1_024),
    ];
    let played = flow.play(queues).unwrap();
    let socket = played.gateway.socket();
    let output = every_language_prints(&socket, DIRECTORY);
    assert!(output.ends_with("20 instruments, all\n"), "{output}");
    let lines = output
        .lines()
        .filter(|line| line.contains(" channel 0: tick "));
    assert_eq!(lines.count(), 20);
    // The flow has every instrument trade.
    assert_eq!(output.matches("trading Y").count(), 20, "{output}");

    let mut instruments = Client::connect(&socket)
        .unwrap()
        .instruments(DIRECTORY, "test")
        .unwrap();
    let all: Vec<_> = instruments.iter().cloned().collect();
    for instrument in &all {
        let key = instrument.key();
        assert_eq!(instruments.get(key), Some(instrument));
        assert_eq!(instruments.find(instrument.symbol()), Some(instrument));
        let by_id = instruments.find_id(key.publisher_id, key.instrument_id);
        assert_eq!(by_id, Some(instrument));
    }
    let changes = instruments.changes();
    assert_eq!(instruments.update(), None);
    assert_eq!((instruments.changes(), instruments.len()), (changes, 20));

    let lacking = every_language_prints(&socket, "short");
    assert_eq!(lacking, "0 instruments, not all\n");
    let mut command = played.gateway.command("instruments");
    let output = command.args([DIRECTORY, "--json"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let told: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let symbols: Vec<&str> = told
        .iter()
        .filter_map(|told| told["symbol"].as_str())
        .collect();
    let expected: Vec<&str> = all.iter().map(|instrument| instrument.symbol()).collect();
    assert_eq!(symbols, expected);
    played.stop().unwrap();
    // The first update after it tells the end, and what is known stays.
    assert_eq!(instruments.update(), Some(Closed::Stopped));
    assert_eq!(instruments.len(), 20);
}

#[test]
fn every_language_has_tick_lot_multiplier_and_status_of_futures() {
    let flow = Flow::whole_of("cme-mdp3").unwrap();
    let queues = vec![
        Queue::all("all"),
        Queue::all(DIRECTORY)
            .of_classes(&["definitions", "status"])
            .with_slots(4_096),
    ];
    let played = flow.play(queues).unwrap();
    let output = every_language_prints(&played.gateway.socket(), DIRECTORY);
    assert!(output.ends_with("20 instruments, all\n"), "{output}");
    let told = "of publisher 1 channel 0: tick 10000000 lot 1 multiplier 50 trading Y";
    assert_eq!(output.matches(told).count(), 20, "{output}");
    played.stop().unwrap();
}

/// Symbols by their number, as the definitions of a queue have them.
fn defined(client: &Client) -> BTreeMap<u32, String> {
    let instruments = client.instruments(DIRECTORY, "test").unwrap();
    instruments
        .iter()
        .map(|instrument| {
            (
                instrument.key().instrument_id,
                instrument.symbol().to_owned(),
            )
        })
        .collect()
}

/// How many records of books there are of each instrument.
fn changes(client: &Client, queue: &str) -> BTreeMap<u32, u64> {
    let options = SubscribeOptions {
        start: Start::Oldest,
        ..SubscribeOptions::named("test")
    };
    let mut subscription = client.subscribe(queue, &options).unwrap();
    let mut changes = BTreeMap::new();
    loop {
        match subscription.poll() {
            Event::Record(Record::Mbo(order)) => {
                *changes.entry(order.hd.instrument_id).or_default() += 1;
            }
            Event::Record(_) => {}
            Event::Empty => return changes,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_queue_of_symbols_has_what_a_queue_of_all_has_of_them() {
    for feed in ["cme-mdp3", "cboe-pitch-equities"] {
        let flow = Flow::whole_of(feed).unwrap();
        let some = ["AAAC", "*H"];
        let queues = vec![
            Queue::all("all").with_slots(1 << 18),
            Queue::all("some").only(&some).with_slots(1 << 18),
            Queue::all(DIRECTORY).of_classes(&["definitions"]),
        ];
        let played = flow.play(queues).unwrap();
        let client = Client::connect(played.gateway.socket()).unwrap();
        let (all, chosen) = (changes(&client, "all"), changes(&client, "some"));
        assert_eq!((chosen.len(), all.len()), (2, 20), "{feed}");
        for (number, count) in &chosen {
            assert_eq!(all.get(number), Some(count), "{feed}: instrument {number}");
        }
        // What is not defined (PITCH's equities) is told by the records of all alone.
        let symbols = defined(&client);
        let of_some = |symbol: &str| symbol == "AAAC" || symbol.ends_with('H');
        for (number, symbol) in &symbols {
            let is_there = chosen.contains_key(number);
            assert_eq!(is_there, of_some(symbol), "{feed}: {symbol}");
        }
        assert_eq!(symbols.is_empty(), feed != "cme-mdp3");
        drop(client);
        played.stop().unwrap();
    }
}
