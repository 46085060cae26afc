//! Files to decode, and the program that does.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use gateway_sim::flow::{FlowOptions, OrderFlow};
use serde_json::Value;

/// The day in the names of the files below, and its midnight in New York.
pub(crate) const DAY: &str = "2026-11-20";
pub(crate) const MIDNIGHT_NS: u64 = 1_795_150_800_000_000_000;

/// `gateway decode FILE --protocol itch50` and more.
pub(crate) fn decode(file: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command
        .arg("decode")
        .arg(file)
        .args(["--protocol", "itch50"])
        .args(arguments);
    command
}

/// The output of a run that must succeed.
pub(crate) fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{command:?}\n{text}");
    output
}

/// The summary that a run prints on standard output.
pub(crate) fn summary(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Writes a day of about `messages` messages into `folder`, under a name that tells the day.
pub(crate) fn messages(folder: &Path, messages: u64) -> PathBuf {
    let options = FlowOptions {
        messages,
        symbols: 20,
        ..FlowOptions::default()
    };
    let path = folder.join("11202026.NASDAQ_ITCH50");
    write_messages(&path, options, |_| true);
    path
}

/// Writes messages to `path` while `go_on(bytes written)`.
pub(crate) fn write_messages(path: &Path, options: FlowOptions, go_on: impl Fn(u64) -> bool) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    let mut flow = OrderFlow::new(options);
    let mut bytes = 0;
    while go_on(bytes) {
        let Some(message) = flow.next() else { break };
        let length = u16::try_from(message.bytes.len()).unwrap();
        file.write_all(&length.to_be_bytes()).unwrap();
        file.write_all(message.bytes).unwrap();
        bytes += 2 + u64::from(length);
    }
    file.flush().unwrap();
}

/// The same records as JSON, which knows nothing of schemas and leaves nothing out.
pub(crate) fn json_records(file: &Path) -> Vec<Value> {
    let output = run(&mut decode(file, &["--format", "json"]));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// How many of `records` are of that kind.
pub(crate) fn count(records: &[Value], kind: &str) -> u64 {
    records.iter().filter(|of| of["record"] == kind).count() as u64
}
