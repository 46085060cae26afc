//! A reader that closes the pipe early (`gateway status | head -1`) ends nothing with a panic.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use common::{Running, config, write_messages};
use gateway_feed::itch50::encode::SystemEvent;

/// The binary with an end of a pipe that nobody reads as its stdout.
fn unread(arguments: &[&str]) -> Output {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command
        .args(arguments)
        .stdout(writer)
        .stderr(Stdio::piped());
    command.output().unwrap()
}

fn assert_quiet(arguments: &[&str]) {
    let output = unread(arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {stderr}");
    assert!(!stderr.contains("panicked"), "{arguments:?}: {stderr}");
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn check_is_content_with_no_reader() {
    let manual = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/gateway.toml");
    assert_quiet(&["check", "-c", manual]);
    assert_quiet(&["check", "-c", manual, "--json"]);
    let folder = tempfile::tempdir().unwrap();
    let wrong = folder.path().join("wrong.toml");
    std::fs::write(&wrong, "[gateway]\nnmae = 1\n").unwrap();
    let output = unread(&["check", "-c", path(&wrong), "--json"]);
    assert_eq!(output.status.code(), Some(3), "the answer is still no");
}

#[test]
fn status_and_decode_are_content_with_no_reader() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("day.pcap");
    write_messages(&file, &[&SystemEvent::default().encode()]);
    let decode = ["decode", path(&file), "--protocol", "moldudp64-itch50"];
    for format in [&[][..], &["--json"]] {
        assert_quiet(&[&decode, format].concat());
    }
    // Records are another matter than a report: whoever pipes them on has to learn that some are missing.
    let output = unread(&[&decode, &["--format", "json"][..]].concat());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(13), "{stderr}");
    assert!(stderr.contains("its reader closed it"), "{stderr}");
    let mut gateway = Running::start(config(folder.path(), &file, "asap", ""));
    gateway.client();
    let socket = gateway.socket.clone();
    assert_quiet(&["status", "--socket", path(&socket)]);
    assert_quiet(&["status", "--json", "--socket", path(&socket)]);
    assert_quiet(&[
        "tail",
        "all",
        "--start",
        "oldest",
        "--count",
        "1",
        "--socket",
        path(&socket),
    ]);
    gateway.stop().unwrap();
}

#[test]
fn a_mistake_that_nobody_hears_of_has_its_exit_code_all_the_same() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = Command::new(env!("CARGO_BIN_EXE_gateway"))
        .args(["check", "-c", "/nowhere"])
        .stderr(writer)
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(3));
}
