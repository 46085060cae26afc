//! `gateway doctor` on this machine, and its page in the documentation.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::process::{Command, Output};

use gateway::doctor::{ALL, Check, Severity, Side};
use serde_json::Value;

fn doctor(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gateway"))
        .arg("doctor")
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The line of a check in docs/doctor.md.
fn row(check: &Check) -> String {
    let worst = match check.severity {
        Severity::Fail => "fail",
        Severity::Warn => "warn",
        Severity::Info => "tells",
    };
    let side = match check.side {
        Side::Guest => "guest",
        Side::Host => "host",
        Side::Both => "both",
    };
    format!(
        "| {} | `{}` | {worst} | {side} | {} | {} | {} | {} |",
        check.number, check.id, check.title, check.reads, check.good, check.cost
    )
}

#[test]
fn the_documentation_has_every_check_as_the_source_has_it() {
    let page = include_str!("../../docs/doctor.md");
    let wanted: Vec<String> = ALL.iter().map(row).collect();
    let found: Vec<&str> = page
        .lines()
        .filter(|line| {
            line.starts_with("| ") && line.contains("| `") && line.matches(" | ").count() >= 7
        })
        .collect();
    for row in &wanted {
        assert!(
            found.contains(&row.as_str()),
            "docs/doctor.md lacks:\n{row}"
        );
    }
    assert_eq!(
        found.len(),
        wanted.len(),
        "docs/doctor.md has rows of no check"
    );
}

/// What this machine is like does not matter; that every check has its row, and says why it was skipped, does.
#[test]
fn this_machine_has_38_rows_and_what_was_skipped_says_why() {
    let output = doctor(&["-i", "lo", "--json", "--cores", "0"]);
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    let checks = shown["checks"].as_array().unwrap();
    assert_eq!(checks.len(), ALL.len());
    for (check, known) in checks.iter().zip(&ALL) {
        assert_eq!(check["check"], known.id);
        assert_eq!(check["number"], known.number);
        let said = |key: &str| !check[key].as_str().unwrap().is_empty();
        assert!(said("found"), "{check}");
        match check["verdict"].as_str().unwrap() {
            "skipped" | "ok" => assert!(!said("cost"), "{check}"),
            "warn" | "fail" => {
                assert!(said("cost"), "{check}");
                assert!(
                    said("advice") || !check["commands"].as_array().unwrap().is_empty(),
                    "{check}"
                );
                assert!(!check["read"].as_array().unwrap().is_empty(), "{check}");
            }
            verdict => panic!("{verdict}"),
        }
    }
    let code = match shown["worst"].as_str().unwrap() {
        "fail" => 15,
        "warn" => 14,
        _ => 0,
    };
    assert_eq!(output.status.code(), Some(code));
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
}

#[test]
fn the_page_fits_a_terminal_and_only_shows_what_is_asked_for() {
    let page = text(&doctor(&["-i", "lo"]).stdout);
    for line in page.lines().filter(|line| !line.contains(" fix ")) {
        let longest_word = line.split(' ').map(str::len).max().unwrap_or(0);
        assert!(line.chars().count() <= 100 || longest_word > 60, "{line}");
    }
    assert!(page.contains("38 rows: "), "{page}");
    let page = text(&doctor(&["-i", "lo", "--only", "mtu", "--only", "bpf-settings"]).stdout);
    assert!(page.contains("2 rows: "), "{page}");
}

#[test]
fn mistakes_exit_as_they_do_everywhere() {
    let output = doctor(&["--only", "igmp-max-membership"]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(
        said.contains("did you mean `igmp-max-memberships`?"),
        "{said}"
    );
    assert_eq!(doctor(&["-i", "no-such-iface"]).status.code(), Some(4));
    assert_eq!(doctor(&["-c", "/nonexistent.toml"]).status.code(), Some(3));
    assert_eq!(
        doctor(&["--probe-group", "10.0.0.1:5"]).status.code(),
        Some(2)
    );
    assert_eq!(doctor(&["--jitter", "0"]).status.code(), Some(2));
}

#[test]
fn the_script_is_one_and_the_list_is_whole() {
    let script = text(&doctor(&["-i", "lo", "--fix"]).stdout);
    assert!(script.starts_with("#!/bin/sh\n"), "{script}");
    let list = text(&doctor(&["--list"]).stdout);
    assert_eq!(list.lines().count(), ALL.len());
}

#[test]
fn the_jitter_meter_prints_a_table_before_the_checks() {
    let output = doctor(&["-i", "lo", "--jitter", "0.1", "--only", "stolen-time"]);
    let page = text(&output.stdout);
    assert!(page.starts_with("gaps between two reads"), "{page}");
    assert!(page.contains(" 29 stolen-time: "), "{page}");
}
