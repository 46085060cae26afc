//! The table and the orders of a running gateway's book, in every language: what Rust reads, and the truth.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

use gateway_client::dbn::UNDEF_PRICE;
use gateway_client::{Client, Event, OrdersOf, Record, Start, SubscribeOptions};
use gateway_test_clients::compilers::{Compiler, Linking};
use gateway_test_clients::flow::{BOOK, Flow, Played};
use gateway_test_clients::sanitizer::Sanitizer;
use gateway_test_clients::{programs, python};
use gateway_test_harness::config::Queue;

fn play(flow: &Flow) -> Played {
    let queues = vec![Queue::all("all"), Queue::all("full").of("full")];
    let played = flow.play_with_book(queues, "mbp-1").unwrap();
    played.await_book().unwrap();
    played
}

/// What the program prints of the book, which no longer changes.
fn printed(mut command: Command, socket: &Path) -> String {
    let output = command.arg(socket).arg(BOOK).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{errors}",
        output.status
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Asserts that the programs called `books` of every language print what that of Rust prints, and returns it.
fn every_language_prints(socket: &Path) -> String {
    let rust = Command::new(programs::rust_example("books").unwrap());
    let expected = printed(rust, socket);
    let same = |name: &str, command: Command| {
        let found = printed(command, socket);
        let lines = expected.lines().zip(found.lines());
        let differ = lines
            .enumerate()
            .find(|(_, (expected, found))| expected != found);
        assert_eq!(differ, None, "{name}");
        assert_eq!(found.len(), expected.len(), "{name} is cut");
    };
    for (compiler, linking) in [
        (Compiler::Gcc, Linking::Shared),
        (Compiler::Clang, Linking::Static),
        (Compiler::Gxx, Linking::Static),
        (Compiler::ClangXx, Linking::Shared),
    ] {
        if compiler.is_there() {
            let program = compiler.example("books", linking, Sanitizer::None).unwrap();
            same(&format!("{compiler:?}"), Command::new(program));
        }
    }
    for compiler in [Compiler::Gcc, Compiler::Gxx] {
        if let Some(watch) = Sanitizer::Address.with(compiler).unwrap() {
            same(
                &format!("{compiler:?} with AddressSanitizer"),
                watch.example("books").unwrap(),
            );
        }
    }
    if let Some(python) = python::with_wheel().unwrap() {
        let mut command = Command::new(python);
        command.arg(python::examples().join("books.py"));
        same("Python", command);
    }
    expected
}

/// The orders that rest by the queue's own records, kept naively, and the instruments.
fn orders_by_the_records(socket: &Path) -> (usize, usize) {
    let options = SubscribeOptions {
        start: Start::Oldest,
        ..SubscribeOptions::named("truth")
    };
    let client = Client::connect(socket).unwrap();
    let mut subscription = client.subscribe("full", &options).unwrap();
    let (mut resting, mut instruments) = (std::collections::HashMap::new(), 0);
    loop {
        match subscription.poll() {
            Event::Record(Record::Mbo(order)) => match order.action as u8 {
                b'A' => {
                    resting.insert(order.order_id, order.size);
                }
                b'C' => {
                    let left = resting.get_mut(&order.order_id).unwrap();
                    *left -= order.size;
                    if *left == 0 {
                        resting.remove(&order.order_id);
                    }
                }
                _ => {}
            },
            Event::Record(Record::Definition(_)) => instruments += 1,
            Event::Record(_) => {}
            Event::Empty => return (resting.len(), instruments),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn every_language_reads_the_same_books_and_orders() {
    let flow = Flow::whole().unwrap();
    let played = play(&flow);
    let socket = played.gateway.socket();
    let output = every_language_prints(&socket);
    let (orders, instruments) = orders_by_the_records(&socket);
    assert!(orders > 100 && instruments == 20, "{orders}, {instruments}");
    let count = |what: &str| output.lines().filter(|line| line.contains(what)).count();
    assert_eq!(count(" valid since "), instruments);
    assert_eq!(
        count(" order "),
        orders + instruments,
        "and a Clear for each"
    );
    let summary = format!(
        "{} records of {instruments} instruments at ",
        orders + instruments
    );
    assert_eq!(count(&summary), 1, "{output}");
    played.stop().unwrap();
}

#[test]
fn every_language_is_told_what_books_are_worth_after_losses() {
    let flow = Flow::generate().unwrap();
    let played = play(&flow);
    let socket = played.gateway.socket();
    let client = Client::connect(&socket).unwrap();
    let snapshot = client.orders(BOOK, OrdersOf::All).unwrap();
    // A gap is of a channel: none of its books can be trusted.
    assert_eq!((snapshot.instruments, snapshot.orders().len()), (0, 0));
    let mut table = client.books(BOOK, "test").unwrap();
    let all: Vec<_> = table.instruments().collect();
    assert_eq!(snapshot.invalid as usize, all.len());
    for instrument in all {
        let book = table.read(instrument).unwrap();
        assert!(!book.state.is_valid(), "{book:?}");
        assert!(book.levels[0].bid_px != UNDEF_PRICE || book.bid_levels == 0);
    }
    let output = every_language_prints(&socket);
    assert!(output.contains(" gap since "), "{output}");
    assert!(output.ends_with("is refused\n"), "{output}");
    played.stop().unwrap();
}

#[test]
fn pythons_arrays_of_books_and_orders_are_what_its_objects_are() {
    let Some(python) = python::with_wheel().unwrap() else {
        return;
    };
    let flow = Flow::whole().unwrap();
    let played = play(&flow);
    let mut command = Command::new(python);
    command.arg(python::program("tables.py"));
    let report = printed(command, &played.gateway.socket());
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["books"], 20);
    assert!(report["orders"].as_u64() > Some(100), "{report}");
    played.stop().unwrap();
}
