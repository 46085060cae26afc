//! The rules for Prometheus, each alert of them by itself: `promtool` plays series to them.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use gateway_e2e::prometheus::{program, rules_folder};

fn text(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path.as_ref()).unwrap()
}

fn test_files() -> Vec<PathBuf> {
    let entries = fs::read_dir(rules_folder().join("tests")).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// The alerts, each with the lines of its rule.
fn alerts() -> BTreeMap<String, String> {
    let mut alerts: BTreeMap<String, String> = BTreeMap::new();
    let mut current = None;
    for line in text(rules_folder().join("gateway-alerts.yml")).lines() {
        if let Some(name) = line.trim().strip_prefix("- alert: ") {
            current = Some(name.to_owned());
        }
        if let Some(name) = &current {
            let lines = alerts.entry(name.clone()).or_default();
            lines.push_str(line);
            lines.push('\n');
        }
    }
    assert!(alerts.len() > 30, "{}", alerts.len());
    alerts
}

#[test]
fn every_rule_is_well_formed_and_does_what_its_tests_say() {
    let Some(promtool) = program("promtool") else {
        return;
    };
    let run = |arguments: &[&str], files: &[PathBuf]| {
        let output = Command::new(&promtool)
            .args(arguments)
            .args(files)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let wrong = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}:\n{said}{wrong}");
    };
    let rules = ["gateway-recording.yml", "gateway-alerts.yml"];
    let rules = rules.map(|name| rules_folder().join(name));
    run(&["check", "rules"], &rules);
    run(&["test", "rules"], &test_files());
}

#[test]
fn every_alert_is_tested_to_fire_and_not_to_fire() {
    // The lines of a test are `alertname: NAME`, then `exp_alerts: []` where it does not fire.
    let (mut fires, mut rests) = (BTreeSet::new(), BTreeSet::new());
    for file in test_files() {
        let file = text(file);
        let lines: Vec<&str> = file.lines().map(str::trim).collect();
        for pair in lines.windows(2) {
            let Some(name) = pair[0].strip_prefix("alertname: ") else {
                continue;
            };
            match pair[1] {
                "exp_alerts: []" => rests.insert(name.to_owned()),
                "exp_alerts:" => fires.insert(name.to_owned()),
                other => panic!("{name} is followed by {other}"),
            };
        }
    }
    let alerts: BTreeSet<String> = alerts().into_keys().collect();
    assert_eq!(fires, alerts, "alerts that fire in a test, and alerts");
    assert_eq!(rests, alerts, "alerts that rest in a test, and alerts");
}

#[test]
fn every_alert_says_how_urgent_it_is_and_where_its_remedy_is() {
    let operations = text(rules_folder().join("../../docs/operations.md"));
    for (name, rule) in alerts() {
        let value = |key: &str| {
            let lines = rule.lines().map(str::trim);
            lines
                .filter_map(|line| line.strip_prefix(key)?.strip_prefix(": "))
                .next_back()
                .unwrap_or_else(|| panic!("{name} has no {key}"))
        };
        assert!(
            ["critical", "warning"].contains(&value("severity")),
            "{name}"
        );
        assert!(!value("summary").is_empty() && !value("description").is_empty());
        let anchor = format!("docs/operations.md#{}", name.to_lowercase());
        assert_eq!(value("runbook_url"), anchor);
        let heading = format!("\n### {name}\n");
        assert!(operations.contains(&heading), "no section {name}");
    }
}
