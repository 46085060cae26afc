//! What a file says, and what it may not say.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use super::*;
use crate::clock::Pace;
use crate::packetiser::Framing;

const LEAST: &str = r#"
description = "d"
[flow]
symbols = 10
[[line]]
name = "A"
destination = "239.1.1.1:1"
[[phase]]
name = "p"
messages = 1000
"#;

fn parse(text: &str) -> Result<Scenario, String> {
    Scenario::parse("test", text, Path::new("folder"), &Overrides::default())
}

#[test]
fn every_shipped_scenario_is_one_and_every_file_is_shipped() {
    for shipped in shipped() {
        let scenario = load(Path::new(shipped.name), &Overrides::default()).unwrap();
        assert_eq!(scenario.name, shipped.name);
        assert!(!scenario.description.is_empty());
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/scenarios");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    let mut expected: Vec<String> = shipped()
        .iter()
        .map(|shipped| format!("{}.toml", shipped.name))
        .collect();
    expected.sort();
    assert_eq!(names, expected);
}

#[test]
fn phases_become_parts_and_sessions() {
    let rollover = load(Path::new("session_rollover"), &Overrides::default()).unwrap();
    let sessions: Vec<(String, u64, usize, bool)> = rollover
        .sessions
        .iter()
        .map(|session| {
            let pack = session.plan.pack;
            let ends = session.plan.end_of_session_ns.is_some();
            (
                pack.session.to_string(),
                session.flow.messages,
                session.plan.parts.len(),
                ends,
            )
        })
        .collect();
    assert_eq!(
        sessions,
        [
            ("DAY 1     ".to_owned(), 8_000, 1, true),
            ("DAY 2     ".to_owned(), 8_000, 1, false),
            ("DAY 3     ".to_owned(), 8_060, 2, false),
            ("DAY 3     ".to_owned(), 8_000, 1, true),
        ]
    );
    let lost = &rollover.sessions[2].plan.parts[0];
    assert!(lost.impairments.iter().all(|line| line.loss == 1.0));
    let back = &rollover.sessions[2].plan.parts[1];
    assert!(back.impairments.iter().all(|line| line.loss == 0.0));
}

#[test]
fn a_server_is_down_in_the_phases_that_say_so() {
    let text = format!(
        "{LEAST}down = [\"R\"]\n[[phase]]\nname = \"q\"\nmessages = 5\n[[rerequest]]\nname = \"R\"\nport = 1\n"
    );
    let scenario = parse(&text).unwrap();
    let parts = &scenario.sessions[0].plan.parts;
    for (part, expected) in parts.iter().zip([true, false]) {
        let (switch, down) = &part.switches[0];
        assert_eq!(*down, expected);
        switch.set_down(*down);
        assert_eq!(scenario.rerequest[0].switch.is_down(), expected);
    }
}

#[test]
fn speed_shortens_all_times_but_those_of_the_network() {
    let overrides = Overrides {
        speed: 4.0,
        ..Overrides::default()
    };
    let slow = load(Path::new("session_rollover"), &Overrides::default()).unwrap();
    let fast = load(Path::new("session_rollover"), &overrides).unwrap();
    let (slow, fast) = (&slow.sessions[1], &fast.sessions[1]);
    assert_eq!(slow.flow.messages, fast.flow.messages);
    assert_eq!(slow.plan.heartbeat_ns, Some(500_000_000));
    assert_eq!(fast.plan.heartbeat_ns, Some(125_000_000));
    let (slow, fast) = (&slow.plan.parts[0], &fast.plan.parts[0]);
    assert_eq!((slow.pause_ns, fast.pause_ns), (1_000_000_000, 250_000_000));
    let rate = |messages_per_s| Pace::Rate { messages_per_s };
    assert_eq!((slow.pace, fast.pace), (rate(4_000.0), rate(16_000.0)));
    assert_eq!(slow.impairments, fast.impairments);
}

#[test]
fn the_last_numbers_fit_and_one_more_does_not() {
    let last = |messages: u64| {
        let first = u64::MAX - 1_000;
        parse(
            &LEAST
                .replace("messages = 1000", &format!("messages = {messages}"))
                .replace(
                    "[flow]",
                    &format!("[packets]\nfirst_sequence = \"{first}\"\n[flow]"),
                ),
        )
    };
    assert_eq!(
        last(1_000).unwrap().sessions[0].plan.pack.first_sequence,
        u64::MAX - 1_000
    );
    assert!(last(1_001).unwrap_err().contains("pass the last number"));
}

#[test]
fn what_makes_no_sense_is_refused_with_its_reason() {
    assert!(parse(LEAST).is_ok());
    let more = |text: &str| parse(&format!("{LEAST}{text}"));
    let instead = |old: &str, new: &str| parse(&LEAST.replace(old, new));
    for (result, reason) in [
        (parse("x = 1"), "unknown field `x`"),
        (instead("messages = 1000", "messages = -1"), "invalid value"),
        (
            instead("messages = 1000", ""),
            "neither messages nor seconds",
        ),
        (instead("messages = 1000", "messages = 10"), "at least 46"),
        (instead("messages = 1000", "seconds = 2"), "take a pace"),
        (instead("symbols = 10", "symbols = 0"), "symbols is 1 to"),
        (
            instead("[[phase]]\nname = \"p\"\nmessages = 1000", ""),
            "missing field `phase`",
        ),
        (more("seconds = 2\n"), "both messages and seconds"),
        (more("pace = \"slow\"\n"), "pace is"),
        (more("pace = 0\n"), "pace is"),
        (more("abrupt = true\n"), "goes with session or restart"),
        (more("down = [\"C\"]\n"), "neither line nor server"),
        (more("impair = { C = { loss = 1.0 } }\n"), "no line"),
        (more("impair = { A = { loss = 1.5 } }\n"), "between 0 and 1"),
        (
            more("impair = { A = { los = 0.5 } }\n"),
            "unknown field `los`",
        ),
        (
            more("[[phase]]\nname = \"q\"\nmessages = 100\nsession = \"12345678901\"\n"),
            "at most ten",
        ),
        (
            more("[[rerequest]]\nname = \"A\"\nport = 1\n"),
            "two lines or servers",
        ),
        (
            more("[[rerequest]]\nname = \"R\"\nport = 1\nfaults = { loss = nan }\n"),
            "between 0 and 1",
        ),
        (
            more("[[glimpse]]\nname = \"G\"\nport = 1\nusername = \"much too long\"\n"),
            "a username has",
        ),
        (
            more("[packets]\nfirst_sequence = \"x\"\n"),
            "a number from 1 on",
        ),
        (
            more("[packets]\nfirst_sequence = 0\n"),
            "a number from 1 on",
        ),
    ] {
        let error = result.unwrap_err();
        assert!(error.contains(reason), "{reason:?}: {error}");
    }
    let overrides = Overrides {
        destinations: [("C".to_owned(), "239.1.1.1:2".parse().unwrap())].into(),
        ..Overrides::default()
    };
    let error = Scenario::parse("test", LEAST, Path::new(""), &overrides).unwrap_err();
    assert!(error.contains("no line \"C\""), "{error}");
    let error = load(Path::new("no_such_scenario"), &Overrides::default()).unwrap_err();
    assert!(error.to_string().contains("--list"), "{error}");
}

#[test]
fn a_channel_of_mdp3_has_a_loop_and_resets_and_no_servers() {
    let day = load(Path::new("futures_day"), &Overrides::default()).unwrap();
    assert_eq!(day.feed, ScenarioFeed::CmeMdp3);
    assert_eq!(day.sessions[0].channel_reset_every, 9_000);
    let plan = &day.sessions[0].plan;
    assert_eq!(
        (plan.pack.framing, plan.end_of_session_ns),
        (Framing::Mdp3, None)
    );
    let down: Vec<bool> = plan.parts.iter().map(|part| part.switches[0].1).collect();
    assert_eq!(down, [false, false, false, true, false]);

    let futures = LEAST.replace(
        "description = \"d\"",
        "description = \"d\"\nfeed = \"cme-mdp3\"",
    );
    assert!(parse(&futures).is_ok());
    let loops = "[market_recovery]\ndestinations = [\"239.1.1.3:1\"]\n";
    for (text, reason) in [
        (format!("{LEAST}{loops}"), "add feed = \"cme-mdp3\""),
        (format!("{futures}restart = true\n"), "each week only"),
        (
            format!("{futures}[[glimpse]]\nname = \"G\"\nport = 1\n"),
            "its loop is",
        ),
        (
            format!("{futures}{loops}interval_us = 0\n"),
            "interval_us is",
        ),
        (format!("{futures}{loops}loss = 2.0\n"), "no part between"),
    ] {
        let error = parse(&text).unwrap_err();
        assert!(error.contains(reason), "{error}");
    }
}
