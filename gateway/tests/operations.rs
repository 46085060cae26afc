//! `docs/operations.md` has every log event of the source and none that is not there, and names metrics that exist.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Where events are written.
const SOURCES: [&str; 6] = [
    "gateway/src",
    "crates/gateway-book/src",
    "crates/gateway-client/src",
    "crates/gateway-feed/src",
    "crates/gateway-queue/src",
    "crates/gateway-wire/src",
];
const LEVELS: [&str; 4] = ["error", "warn", "info", "debug"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn guide() -> String {
    fs::read_to_string(root().join("docs/operations.md")).unwrap()
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// A string literal, and how deep in brackets it stands.
type Literal = (usize, String);

/// The string literals of a macro's arguments, `text` beginning behind the opening bracket. Line continuations are taken
/// out as the compiler does it.
fn literals(text: &str) -> Vec<Literal> {
    let mut found = Vec::new();
    let mut depth = 1;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => {
                depth -= 1;
                if depth == 0 {
                    break;
                }
            }
            '"' => {
                let mut literal = String::new();
                while let Some(inner) = characters.next() {
                    match inner {
                        '"' => break,
                        '\\' => match characters.next() {
                            Some('\n') => {
                                while characters.next_if(|c| c.is_whitespace()).is_some() {}
                            }
                            Some(escaped) => literal.push(escaped),
                            None => break,
                        },
                        other => literal.push(other),
                    }
                }
                found.push((depth, literal));
            }
            _ => {}
        }
    }
    found
}

/// `{name}` and the like become `…`.
fn without_values(message: &str) -> String {
    let mut text = String::new();
    let mut rest = message;
    while let Some((before, behind)) = rest.split_once('{') {
        text += before;
        text.push('…');
        rest = behind.split_once('}').map_or("", |(_, behind)| behind);
    }
    text + rest
}

/// Every event's message with its levels, and where it stands.
fn events() -> BTreeMap<(String, &'static str), PathBuf> {
    let mut files = Vec::new();
    for source in SOURCES {
        rust_files(&root().join(source), &mut files);
    }
    let mut found = BTreeMap::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for level in LEVELS {
            let call = format!("{level}!(");
            for (at, _) in text.match_indices(&call) {
                let before = text[..at].chars().next_back();
                // `compile_error!(` is another macro; `tracing::error!(` is ours.
                if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
                    continue;
                }
                let own = literals(&text[at + call.len()..]);
                let message = own.iter().rfind(|(depth, _)| *depth == 1);
                let message = message.unwrap_or_else(|| panic!("{}: no words", file.display()));
                found.insert((without_values(&message.1), level), file.clone());
            }
        }
    }
    assert!(found.len() > 40, "only {} events", found.len());
    found
}

/// The cells of the tables' lines.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix('|'))
        .map(|line| line.split('|').map(str::trim).collect())
}

#[test]
fn every_event_has_its_line_and_every_line_its_event() {
    let text = guide();
    let written: BTreeSet<(String, &str)> = rows(&text)
        .filter_map(|cells| {
            let level = LEVELS
                .into_iter()
                .find(|level| cells.get(1) == Some(level))?;
            Some((cells[0].to_owned(), level))
        })
        .collect();
    let events = events();
    let missing: Vec<_> = events
        .iter()
        .filter(|(event, _)| !written.contains(*event))
        .collect();
    assert!(
        missing.is_empty(),
        "not in docs/operations.md: {missing:#?}"
    );
    let gone: Vec<_> = written
        .iter()
        .filter(|event| !events.contains_key(*event))
        .collect();
    assert!(gone.is_empty(), "no such event in the source: {gone:#?}");
}

/// What a link into the guide may name.
fn anchors(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter_map(|line| Some(line.strip_prefix('#')?.trim_start_matches('#').trim()))
        .map(|heading| heading.to_lowercase().replace(' ', "-"))
        .collect()
}

#[test]
fn every_problem_names_a_section_that_is_there() {
    let text = guide();
    let anchors = anchors(&text);
    for (at, _) in text.match_indices("](#") {
        let (anchor, _) = text[at + 3..].split_once(')').unwrap();
        assert!(anchors.contains(anchor), "no section {anchor}");
    }
    for cells in rows(&text) {
        if matches!(cells.get(1), Some(&("error" | "warn"))) {
            assert!(cells[3].contains("](#"), "{cells:?} names no section");
        }
    }
}

/// The metrics: a name, and behind it what it means.
fn families() -> BTreeMap<String, &'static str> {
    gateway::metrics::table::families()
        .map(|family| (format!("gateway_{}", family.name), family.help))
        .collect()
}

/// What is written as a metric's name in the guide.
fn named(text: &str) -> BTreeSet<String> {
    text.match_indices("gateway_")
        .filter(|(at, _)| !text[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
        .map(|(at, _)| {
            text[at..]
                .chars()
                .take_while(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '_')
                .collect()
        })
        .collect()
}

#[test]
fn every_metric_that_is_told_of_exists_and_every_section_that_one_names() {
    let text = guide();
    let families: BTreeSet<String> = families().into_keys().collect();
    let gone: Vec<_> = named(&text).difference(&families).cloned().collect();
    assert!(gone.is_empty(), "no such metric in the source: {gone:#?}");
    let anchors = anchors(&text);
    for family in gateway::metrics::table::families() {
        let Some(section) = family.section else {
            continue;
        };
        assert!(anchors.contains(section), "{}: {section}", family.name);
    }
}

/// States are listed behind a colon in what a metric says of itself.
#[test]
fn every_state_is_told_of() {
    let (text, families) = (guide(), families());
    let mut states: Vec<&str> = Vec::new();
    for name in ["gateway_link_state", "gateway_channel_state"] {
        let (_, list) = families[name].split_once(": ").unwrap();
        states.extend(list.trim_end_matches('.').split(", "));
    }
    states.extend(gateway::ingest::Tier::LADDER.iter().map(|tier| tier.name()));
    assert!(states.len() > 12, "{states:?}");
    for state in states {
        assert!(text.contains(&format!("`{state}`")), "no word of {state}");
    }
}
