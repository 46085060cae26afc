//! What neither line brought is had from the venue's servers: the real gateway and the real exchange, over a real link.
#![allow(clippy::unwrap_used)]

use gateway_e2e::Seen;
use gateway_e2e::rehearsal::{GLIMPSE, LIMIT, REREQUEST, Script, config, play, play_while};
use gateway_feed::record::{ControlKind, ControlRecord};
use gateway_test_harness::{Config, wait};

const A_HOLE: &str = r#"
[[phase]]
name = "before"
messages = 3_000
pace = 8_000
[[phase]]
name = "a hole of a thousand messages"
messages = 1_000
pace = 8_000
down = ["A", "B"]
[[phase]]
name = "behind"
messages = 3_000
pace = 8_000
"#;

#[test]
fn a_hole_on_both_lines_is_closed_by_what_is_asked_for_again() {
    for tier in ["copy", "socket"] {
        let script = Script::new(REREQUEST, A_HOLE);
        let Some(outcome) = play(&config(tier, &["R1"], ""), &script) else {
            return;
        };
        outcome.assert_whole();
        outcome.assert_book(&script);
        assert!(outcome.seen.has(ControlKind::Recovering));
        assert!(outcome.seen.has(ControlKind::Recovered));
        assert!(outcome.sum("gateway_recovery_messages_total") >= 1_000);
        assert_eq!(outcome.sum("gateway_messages_lost_total"), 0);
        assert_eq!(outcome.sum("gateway_recovery_holes_lost_total"), 0);
        let recovery = &outcome.status["channels"][0]["recovery"];
        assert!(recovery["requests"].as_u64().unwrap() > 0, "{recovery}");
        assert_eq!(recovery["servers"][0]["kind"], "rerequest");
        assert_eq!(outcome.status["channels"][0]["lost"], 0);
    }
}

#[test]
fn losses_here_and_there_are_closed_though_servers_answer_late_wrongly_or_not_at_all() {
    let rerequest = format!(
        "{REREQUEST}faults = {{ loss = 0.2, other_session = 0.05, other_range = 0.05, cut = 0.05, garbage = 0.05, \
         duplicate = 0.1, delay_ms = 2, jitter_ms = 5 }}\n"
    );
    let phases = r#"
[[phase]]
name = "losses"
messages = 9_000
pace = 6_000
impair = { A = { loss = 0.15 }, B = { loss = 0.15, delay_us = 300 } }
"#;
    let script = Script::new(&rerequest, phases);
    let keys = "attempts_max = 100\nbackoff_max_ms = 20";
    let Some(outcome) = play(&config("copy", &["R1"], keys), &script) else {
        return;
    };
    outcome.assert_whole();
    outcome.assert_book(&script);
    let lost = outcome.report.sessions[0].lost_on_both.messages;
    assert!(lost > 50, "{lost}");
    assert!(outcome.sum("gateway_recovery_request_timeouts_total") > 0);
    assert!(outcome.sum("gateway_recovery_answers_refused_total") > 0);
}

#[test]
fn a_hole_that_no_server_has_any_more_is_closed_by_a_snapshot() {
    let servers = format!("{REREQUEST}history_messages = 500\n{GLIMPSE}");
    let script = Script::new(&servers, A_HOLE);
    let servers = ["R1", "G1"];
    let keys = "attempts_max = 2\nanswer_timeout_ms = 10";
    let Some(outcome) = play(&config("copy", &servers, keys), &script) else {
        return;
    };
    outcome.assert_in_order();
    outcome.assert_book(&script);
    let seen = &outcome.seen;
    assert_eq!(seen.count(ControlKind::SnapshotBegin), 1);
    assert_eq!(seen.count(ControlKind::SnapshotEnd), 1);
    // What the snapshot stands for, and all else, is the whole day.
    let sent = outcome.report.sessions[0].messages;
    assert_eq!(seen.messages + seen.gap_messages(), sent);
    assert!(seen.gap_messages() > 0 && seen.in_snapshots > 100);
    assert_eq!(outcome.sum("gateway_recovery_snapshots_total"), 1);
    assert!(outcome.log.contains("snapshot fetched"), "{}", outcome.log);
    assert!(!outcome.log.contains("glimpse\n\n"), "{}", outcome.log);
}

#[test]
fn a_gateway_that_is_started_at_noon_has_the_books_of_one_that_was_there_from_the_start() {
    let phases = r#"
[[phase]]
name = "the morning, which nobody heard"
messages = 9_000
silent = true
[[phase]]
name = "the afternoon"
messages = 6_000
pace = 6_000
"#;
    // The first attempt is refused, the second breaks off.
    let faults = "faults = { refuse_first = 1, drop_first = 1 }\n";
    let servers = format!("{REREQUEST}history_messages = 500\n{GLIMPSE}{faults}");
    let script = Script::new(&servers, phases);
    let keys = "snapshot_backoff_min_ms = 20";
    let Some(outcome) = play(&config("copy", &["R1", "G1"], keys), &script) else {
        return;
    };
    outcome.assert_in_order();
    outcome.assert_book(&script);
    let session = &outcome.report.sessions[0];
    // Nothing that was sent is missing, but for what only the snapshot told because the lines came later than it.
    let seen = &outcome.seen;
    assert_eq!(seen.messages + seen.gap_messages(), session.messages);
    let begins = |control: &&ControlRecord| control.kind == ControlKind::SnapshotBegin as u16;
    let begin = seen.controls.iter().find(begins).unwrap();
    for (_, last) in &seen.gaps {
        assert_eq!(last + 1, begin.sequence, "{:?}", seen.controls);
    }
    assert_eq!(outcome.seen.count(ControlKind::SnapshotBegin), 1);
    let failures = outcome.sum("gateway_recovery_snapshot_failures_total");
    assert!(failures >= 1, "{failures}");
    assert!(outcome.log.contains("no snapshot"), "{}", outcome.log);
}

#[test]
fn what_cannot_be_had_becomes_a_gap_after_the_timeout_and_what_was_held_flows() {
    // The server is not there at all, so that the network says so; then one that says nothing.
    for down in [false, true] {
        let (servers, phases) = if down {
            let named = A_HOLE.replace("\npace", "\ndown = [\"R1\"]\npace");
            let named = named.replace("down = [\"R1\"]\npace = 8_000\ndown", "pace = 8_000\ndown");
            (
                REREQUEST,
                named.replace("[\"A\", \"B\"]", "[\"A\", \"B\", \"R1\"]"),
            )
        } else {
            ("", A_HOLE.to_owned())
        };
        let script = Script::new(servers, &phases);
        let config = config("copy", &["R1"], "attempts_max = 1000");
        let config = Config {
            channel_keys: config.channel_keys.replace("20000", "300"),
            ..config
        };
        let Some(outcome) = play(&config, &script) else {
            return;
        };
        outcome.assert_in_order();
        let session = &outcome.report.sessions[0];
        assert_eq!(outcome.seen.gaps, session.lost_on_both.ranges);
        assert_eq!(
            outcome.seen.messages + outcome.seen.gap_messages(),
            session.messages
        );
        assert_eq!(outcome.sum("gateway_recovery_timeouts_total"), 1);
        assert_eq!(outcome.sum("gateway_recovery_holes_lost_total"), 1);
        let cause = "the re-request server cannot be reached";
        assert_eq!(
            outcome.log.matches(cause).count(),
            usize::from(!down),
            "{}",
            outcome.log
        );
    }
}

#[test]
fn both_lines_die_and_return_and_each_is_told_once() {
    let phases = r#"
[[phase]]
name = "both"
messages = 2_000
pace = 4_000
[[phase]]
name = "none"
seconds = 5
pace = 4_000
down = ["A", "B"]
[[phase]]
name = "both again"
messages = 3_000
pace = 4_000
"#;
    let servers = format!("{REREQUEST}history_messages = 2_000\n{GLIMPSE}");
    let script = Script::new(&servers, phases);
    let config = config("copy", &["R1", "G1"], "attempts_max = 2");
    let config = Config {
        channel_keys: format!("{}stale_after_ms = 500\n", config.channel_keys),
        ..config
    };
    let played = play_while(&config, &script, |gateway, observer| {
        let stale = |seen: &Seen| seen.has(ControlKind::Stale);
        observer.wait_for("the stale record", LIMIT, stale).unwrap();
        wait::until("the channel to be shown as stale", LIMIT, || {
            let metrics = gateway.metrics()?;
            let stale = metrics.sum("gateway_channel_state", &[("state", "stale")]);
            let silent = metrics.sum("gateway_line_silent", &[]);
            Ok((stale == Some(1.0) && silent == Some(2.0)).then_some(()))
        })
        .unwrap();
    });
    let Some(outcome) = played else {
        return;
    };
    outcome.assert_in_order();
    outcome.assert_book(&script);
    let of = |kind| outcome.seen.count(kind);
    assert_eq!((of(ControlKind::Stale), of(ControlKind::Live)), (1, 1));
    let told = |text: &str| outcome.log.matches(text).count();
    assert_eq!(told("the line is silent"), 2, "{}", outcome.log);
    assert_eq!(told("the line speaks again"), 2, "{}", outcome.log);
    assert_eq!(outcome.sum("gateway_line_silences_total"), 2);
    assert_eq!(outcome.sum("gateway_line_silent"), 0);
    assert_eq!(outcome.sum("gateway_channel_stale_total"), 1);
}

/// How long 200 holes of 1,000 messages keep the stream: from the moment when a hole is asked for until the stream goes
/// on, by the time stamps of the records. A measurement: `cargo nextest run -p gateway-e2e --run-ignored only
/// --no-capture holes_of_a_thousand`.
#[test]
#[ignore = "a measurement"]
fn how_long_holes_of_a_thousand_messages_keep_the_stream() {
    let phases: String = (0..200)
        .map(|number| {
            format!(
                "[[phase]]\nname = \"whole {number}\"\nmessages = 1_500\npace = 50_000\n\
                 [[phase]]\nname = \"hole {number}\"\nmessages = 1_000\npace = 50_000\ndown = [\"A\", \"B\"]\n"
            )
        })
        .collect();
    let script = Script::new(
        REREQUEST,
        &format!("{phases}[[phase]]\nname = \"last\"\nmessages = 1_500\npace = 50_000\n"),
    );
    let config = Config {
        hold_timeout_us: 1_000,
        ..config("copy", &["R1"], "requests_per_second = 100000")
    };
    let Some(outcome) = play(&config, &script) else {
        return;
    };
    outcome.assert_whole();
    let of = |kind: ControlKind| {
        let controls = outcome.seen.controls.iter();
        controls.filter(move |control| control.kind == kind as u16)
    };
    let mut took: Vec<u64> = of(ControlKind::Recovering)
        .zip(of(ControlKind::Recovered))
        .map(|(from, to)| to.ts_recv - from.ts_recv)
        .collect();
    took.sort_unstable();
    let at = |part: f64| took[((took.len() - 1) as f64 * part) as usize] / 1_000;
    println!(
        "{} holes: p50 {} us, p90 {} us, p99 {} us, most {} us",
        took.len(),
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0)
    );
    assert!(took.len() >= 200);
}
