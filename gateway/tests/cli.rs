//! The real binary, wherever no privilege is needed: what it says, and how it exits.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::process::{Command, Output};

fn gateway(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gateway"))
        .args(arguments)
        .output()
        .unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn write(directory: &Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn help_teaches_and_lists_the_exit_codes() {
    let output = gateway(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    for expected in [
        "First steps:",
        "Exit codes:",
        "11  no gateway answers",
        "check",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

#[test]
fn a_wrong_command_line_exits_2() {
    assert_eq!(gateway(&["frobnicate"]).status.code(), Some(2));
}

#[test]
fn the_manual_is_a_right_configuration() {
    let manual = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/gateway.toml");
    let output = gateway(&["check", "-c", manual]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(
        output.stdout,
        b"ok: 1 input, 1 worker, 1 channel, 1 queue\n"
    );
}

#[test]
fn a_configuration_with_three_mistakes_is_told_all_three() {
    let directory = tempfile::tempdir().unwrap();
    let text = "[gateway]\nnmae = \"x\"\n[[interface]]\nname = \"eth1\"\nmode = \"fast\"\n\
                [[worker]]\nname = \"w0\"\ninputs = [\"eth2\"]\n";
    let path = write(directory.path(), "bad.toml", text);
    let output = gateway(&["check", "-c", &path]);
    assert_eq!(output.status.code(), Some(3));
    let text = stderr(&output);
    for expected in [
        "3 mistakes",
        "line 2",
        "did you mean name?",
        "interface[0].mode",
        "did you mean \"eth1\"?",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    let output = gateway(&["check", "-c", &path, "--json"]);
    assert_eq!(output.status.code(), Some(3));
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value["problems"].as_array().unwrap().len(), 3);
    assert_eq!(value["problems"][2]["key"], "worker[0].inputs");
}

#[test]
fn a_missing_configuration_exits_3_and_names_the_path() {
    let output = gateway(&["check", "-c", "/nowhere/gateway.toml"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("/nowhere/gateway.toml"));
    assert_eq!(stderr(&output).lines().count(), 1);
}
