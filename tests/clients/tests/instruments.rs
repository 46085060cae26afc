//! The directory of instruments of a running gateway, in every language, for readers who come when the day is over.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

use gateway_client::{Client, Closed};
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
