//! Every scenario that comes with the simulator, played to a real gateway over a real link: what an operator rehearses ends
//! as its description says.
#![allow(clippy::unwrap_used)]

use gateway_e2e::rehearsal::{Outcome, Script, config, play};
use gateway_feed::record::ControlKind;
use gateway_test_harness::Config;
use gateway_test_harness::config::Queue;

/// How many times as fast the quiet ones are played.
const SPEED: u32 = 4;
/// A busy machine answers late: no server is given up for that.
const PATIENT: &str = "attempts_max = 1000\nanswer_timeout_ms = 250\nbackoff_max_ms = 50";
/// A server that has nothing is not asked for long, and a snapshot soon.
const HASTY: &str = "attempts_max = 2\nanswer_timeout_ms = 20\nsnapshot_backoff_min_ms = 20";

/// Plays one; `None` where the test is skipped.
fn rehearse(name: &str, speed: u32, servers: &[&str], keys: &str) -> Option<(Script, Outcome)> {
    let script = Script::shipped(name, speed);
    let outcome = play(&config("copy", servers, keys), &script)?;
    Some((script, outcome))
}

/// Nobody misses a message, and the book is right.
fn is_lossless(name: &str, servers: &[&str]) -> Option<Outcome> {
    let (script, outcome) = rehearse(name, SPEED, servers, PATIENT)?;
    outcome.assert_whole();
    outcome.assert_accounted();
    outcome.assert_book(&script);
    Some(outcome)
}

/// What no line and no server brings any more stands in a snapshot.
fn a_snapshot_closes(name: &str) -> Option<Outcome> {
    let (script, outcome) = rehearse(name, SPEED, &["R1", "G1"], HASTY)?;
    outcome.assert_accounted();
    outcome.assert_book(&script);
    let seen = &outcome.seen;
    assert_eq!(seen.count(ControlKind::SnapshotBegin), 1);
    assert_eq!(seen.count(ControlKind::SnapshotEnd), 1);
    assert!(seen.in_snapshots > 100, "{}", seen.in_snapshots);
    Some(outcome)
}

#[test]
fn line_a_dies() {
    one_line_dies("line_a_dies", "A");
}

#[test]
fn line_b_dies() {
    one_line_dies("line_b_dies", "B");
}

fn one_line_dies(name: &str, line: &str) {
    let Some(outcome) = is_lossless(name, &["R1"]) else {
        return;
    };
    let session = &outcome.report.sessions[0];
    assert!(session.lines[line].messages_dropped > 10_000);
    assert_eq!(session.lost_on_both.messages, 0);
}

#[test]
fn both_lines_gap() {
    let Some(outcome) = is_lossless("both_lines_gap", &["R1", "G1"]) else {
        return;
    };
    let lost = outcome.report.sessions[0].lost_on_both.messages;
    assert!(lost > 1_000, "{lost}");
    assert!(outcome.sum("gateway_recovery_messages_total") >= lost);
}

#[test]
fn both_lines_die() {
    let Some(outcome) = a_snapshot_closes("both_lines_die") else {
        return;
    };
    assert!(outcome.seen.gap_messages() > 10_000);
}

#[test]
fn late_start() {
    let Some(outcome) = a_snapshot_closes("late_start") else {
        return;
    };
    let heard = outcome.seen.controls[0];
    assert_eq!(heard.kind, ControlKind::SessionStart as u16);
    assert_eq!(heard.sequence, 20_001);
}

#[test]
fn glimpse_drops() {
    let Some(outcome) = a_snapshot_closes("glimpse_drops") else {
        return;
    };
    let failures = outcome.sum("gateway_recovery_snapshot_failures_total");
    assert!(failures >= 2, "{failures}");
    assert_eq!(outcome.report.glimpse[0]["refused"], 1);
    assert_eq!(outcome.report.glimpse[0]["dropped"], 1);
}

#[test]
fn rerequest_dead() {
    let Some(outcome) = is_lossless("rerequest_dead", &["R1", "R2", "R3", "G1"]) else {
        return;
    };
    // A server that is down is silent, as one that never answers: its host does not say that nobody listens.
    assert!(outcome.sum("gateway_recovery_request_timeouts_total") > 1);
}

#[test]
fn rerequest_lying() {
    let Some(outcome) = is_lossless("rerequest_lying", &["R1", "R2", "G1"]) else {
        return;
    };
    assert!(outcome.sum("gateway_recovery_answers_refused_total") > 0);
}

#[test]
fn rerequest_slow() {
    let Some(outcome) = is_lossless("rerequest_slow", &["R1", "G1"]) else {
        return;
    };
    assert!(outcome.sum("gateway_recovery_messages_total") >= 600);
}

#[test]
fn last_sequences() {
    let Some(outcome) = is_lossless("last_sequences", &["R1", "G1"]) else {
        return;
    };
    let session = &outcome.report.sessions[0];
    assert_eq!(session.last_sequence, u64::MAX - 1);
    let ended = outcome.seen.controls.last().unwrap();
    assert_eq!(ended.kind, ControlKind::SessionEnd as u16);
    assert_eq!((ended.sequence, &ended.session), (u64::MAX, b" LAST 1 "));
}

#[test]
fn session_rollover() {
    let Some(outcome) = is_lossless("session_rollover", &["R1", "G1"]) else {
        return;
    };
    let seen = &outcome.seen;
    assert_eq!(outcome.report.sessions.len(), 4);
    assert_eq!(seen.count(ControlKind::SessionStart), 3);
    assert_eq!(seen.count(ControlKind::Reset), 1);
    assert_eq!(outcome.sum("gateway_messages_lost_total"), 0);
}

/// 100,000 packets as fast as the simulator can send them: what the machine has no time for is asked for again or told as
/// lost, and either way counted.
#[test]
fn open_burst() {
    let script = Script::shipped("open_burst", SPEED);
    let config = config("copy", &["R1", "G1"], PATIENT);
    let config = Config {
        queues: vec![Queue::all("full").of("full").with_slots(1 << 20)],
        ..config
    };
    let Some(outcome) = play(&config, &script) else {
        return;
    };
    outcome.assert_accounted();
    outcome.assert_book(&script);
    let session = &outcome.report.sessions[0];
    assert!(session.packets >= 100_000, "{}", session.packets);
    for line in ["A", "B"] {
        let got = outcome
            .metrics
            .sum("gateway_group_packets_total", &[("line", line)]);
        let sent = session.lines[line].datagrams() as f64;
        assert!(
            got.is_some_and(|got| got > 0.0 && got <= sent),
            "{got:?} of {sent}"
        );
    }
}

#[test]
fn each_scenario_that_comes_with_the_simulator_is_played() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/scenarios");
    let tests = include_str!("rehearsals.rs");
    // Those of MDP 3.0, whose gateway and books are others.
    let of_mdp3 = include_str!("mdp3_recovery.rs");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let name = name.strip_suffix(".toml").unwrap();
        let here = tests.contains(&format!("\nfn {name}()"));
        let there = of_mdp3.contains(&format!("config/scenarios/{name}.toml"));
        assert!(here || there, "no test plays {name}");
    }
}
