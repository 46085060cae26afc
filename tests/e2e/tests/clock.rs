//! The system's clock is set back and forth while lines lose, packets wait and holes are asked for again: the real gateway
//! over a real link, with a wall clock of its own.
#![allow(clippy::unwrap_used)]

use gateway_e2e::rehearsal::{LIMIT, REREQUEST, Script, config, play_while};
use gateway_e2e::{Observer, Seen};
use gateway_feed::record::{ControlKind, ControlRecord};
use gateway_test_harness::{Config, Gateway, SteppingClock, wait};
use serde_json::Value;

const HOUR_S: i64 = 3_600;
const SECOND_NS: u64 = 1_000_000_000;
/// What the gateway logs of steps, once a minute.
const LINE: &str = "the system's clock was set";

/// How often the gateway has noticed that the clock was set.
fn noticed(status: &Value) -> u64 {
    status["clock"]["disruptions"]["wall_clock"]
        .as_u64()
        .unwrap()
}

/// Sets the clock, and waits until the gateway has noticed.
fn set(clock: &SteppingClock, ahead_s: i64, gateway: &Gateway) {
    let before = noticed(&gateway.status().unwrap());
    clock.set(ahead_s).unwrap();
    wait::until("the step to be noticed", LIMIT, || {
        Ok((noticed(&gateway.status()?) == before + 1).then_some(()))
    })
    .unwrap();
}

/// Sets the clock, and waits until the gateway stamps records by it.
fn step(clock: &SteppingClock, ahead_s: i64, gateway: &Gateway, observer: &Observer) {
    set(clock, ahead_s, gateway);
    // To some minutes: which of the steps it is.
    let stamped = |seen: &Seen| {
        let shown = SteppingClock::now_ns(ahead_s).unwrap();
        shown.abs_diff(seen.received_ns) < 300 * SECOND_NS
    };
    let what = format!("stamps that are {ahead_s} s ahead");
    observer.wait_for(&what, LIMIT, stamped).unwrap();
}

fn with_clock(config: Config, clock: &SteppingClock, keys: &str) -> Config {
    Config {
        channel_keys: format!("{}{keys}\n", config.channel_keys),
        environment: clock.environment(),
        ..config
    }
}

#[test]
fn what_waits_for_the_other_line_waits_as_long_as_before_and_stamps_follow_the_clock() {
    let Some(clock) = SteppingClock::new().unwrap() else {
        return;
    };
    // At nearly every moment something waits for line B.
    let phases = r#"
[[phase]]
name = "B is late"
messages = 28_000
pace = 3_500
impair = { A = { loss = 0.2 }, B = { delay_us = 900_000 } }
"#;
    let script = Script::new(REREQUEST, phases);
    let config = Config {
        hold_timeout_us: 10_000_000,
        ..config("copy", &["R1"], "")
    };
    let config = with_clock(config, &clock, "hold_packets_max = 65536");
    let played = play_while(&config, &script, |gateway, observer| {
        let begun = |seen: &Seen| seen.messages > 1_000;
        observer.wait_for("the flow", LIMIT, begun).unwrap();
        for ahead_s in [HOUR_S, -HOUR_S, 0] {
            step(&clock, ahead_s, gateway, observer);
        }
    });
    let Some(outcome) = played else {
        return;
    };
    outcome.assert_whole();
    outcome.assert_book(&script);
    assert_eq!(noticed(&outcome.status), 3);
    assert_eq!(outcome.log.matches(LINE).count(), 1, "{}", outcome.log);
    // Steps of an hour are no packet's latency.
    let stages = outcome.status["stages"].as_array().unwrap();
    let inside = stages
        .iter()
        .filter(|row| row["stage"] != "tick_to_strategy");
    for row in inside {
        let longest_ns = row["latency"]["max"].as_u64().unwrap();
        assert!(longest_ns < 300 * SECOND_NS, "{row:#}");
    }
    // Nothing was asked for, as all of it came in time.
    assert!(!outcome.seen.has(ControlKind::Recovering));
    assert!(!outcome.seen.has(ControlKind::Stale));
}

#[test]
fn what_is_asked_for_again_is_waited_for_and_a_silence_is_no_longer_than_it_is() {
    let Some(clock) = SteppingClock::new().unwrap() else {
        return;
    };
    let servers = format!("{REREQUEST}faults = {{ delay_ms = 1_200 }}\n");
    // Both lines are silent for a time; what they miss comes late.
    let phases = r#"
[[phase]]
name = "before"
seconds = 3
pace = 1_000
[[phase]]
name = "silence"
seconds = 5
pace = 200
down = ["A", "B"]
[[phase]]
name = "behind"
seconds = 5
pace = 1_000
"#;
    let script = Script::new(&servers, phases);
    let keys = "answer_timeout_ms = 5000\nrequests_outstanding_max = 16";
    let config = with_clock(
        config("copy", &["R1"], keys),
        &clock,
        "stale_after_ms = 30000",
    );
    let played = play_while(&config, &script, |gateway, observer| {
        let begun = |seen: &Seen| seen.messages > 1_000;
        observer.wait_for("the flow", LIMIT, begun).unwrap();
        // In the silence there is no stamp to be seen.
        for ahead_s in [HOUR_S, -HOUR_S, 2 * HOUR_S, 0, HOUR_S] {
            set(&clock, ahead_s, gateway);
        }
    });
    let Some(outcome) = played else {
        return;
    };
    outcome.assert_whole();
    outcome.assert_book(&script);
    assert!(outcome.seen.has(ControlKind::Recovered));
    assert!(!outcome.seen.has(ControlKind::Stale));
    assert_eq!(noticed(&outcome.status), 5);
    assert_eq!(outcome.log.matches(LINE).count(), 1, "{}", outcome.log);
    for never in [
        "gateway_recovery_timeouts_total",
        "gateway_recovery_request_timeouts_total",
        "gateway_messages_lost_total",
        "gateway_line_silences_total",
    ] {
        assert_eq!(outcome.sum(never), 0, "{never}");
    }
    // The clock of the last step, not that of when the packet came.
    let last_packet_ns = outcome.status["channels"][0]["lines"][0]["last_packet_ns"].as_u64();
    let shown = SteppingClock::now_ns(HOUR_S).unwrap();
    assert!(shown.abs_diff(last_packet_ns.unwrap()) < 300 * SECOND_NS);
}

#[test]
fn what_does_not_come_is_given_up_in_time_though_the_clock_is_set_back() {
    let Some(clock) = SteppingClock::new().unwrap() else {
        return;
    };
    // A hole that no server fills, then lines that fall silent; the clock is set back while the one and the other lasts.
    let phases = r#"
[[phase]]
name = "before"
seconds = 2
pace = 1_000
[[phase]]
name = "a hole"
messages = 100
pace = 1_000
down = ["A", "B"]
[[phase]]
name = "behind"
seconds = 5
pace = 1_000
[[phase]]
name = "silence"
seconds = 5
pace = 100
down = ["A", "B"]
[[phase]]
name = "last"
seconds = 1
pace = 1_000
"#;
    let script = Script::new("", phases);
    let given = config("copy", &["R1"], "attempts_max = 1000");
    let given = Config {
        channel_keys: given.channel_keys.replace("20000", "3000"),
        ..given
    };
    let config = with_clock(given, &clock, "stale_after_ms = 2000");
    let played = play_while(&config, &script, |gateway, observer| {
        let recovering = |seen: &Seen| seen.has(ControlKind::Recovering);
        observer.wait_for("the hole", LIMIT, recovering).unwrap();
        set(&clock, -HOUR_S, gateway);
        let gap = |seen: &Seen| !seen.gaps.is_empty();
        observer.wait_for("the gap", LIMIT, gap).unwrap();
        let set_back = |seen: &Seen| {
            let shown = SteppingClock::now_ns(-HOUR_S).unwrap();
            shown.abs_diff(seen.received_ns) < 300 * SECOND_NS
        };
        observer.wait_for("the stamps", LIMIT, set_back).unwrap();
        let dark = |seen: &Seen| seen.messages + seen.gap_messages() >= 7_100;
        observer.wait_for("the silence", LIMIT, dark).unwrap();
        set(&clock, -2 * HOUR_S, gateway);
        let stale = |seen: &Seen| seen.has(ControlKind::Stale);
        observer.wait_for("the stale record", LIMIT, stale).unwrap();
    });
    let Some(outcome) = played else {
        return;
    };
    outcome.assert_accounted();
    let of = |kind| outcome.seen.count(kind);
    assert_eq!((of(ControlKind::Stale), of(ControlKind::Live)), (1, 1));
    // Two holes: that of the first phase and that of the silence.
    assert_eq!(outcome.seen.gaps.len(), 2);
    assert_eq!(outcome.sum("gateway_recovery_timeouts_total"), 2);
    // No hole was given up before its time: by the stamps, once the steps are taken out of them.
    let first = |kind: ControlKind| {
        let controls = &mut outcome.seen.controls.iter();
        let found = controls.find(|control: &&ControlRecord| control.kind == kind as u16);
        found.unwrap().ts_recv
    };
    let lasted = first(ControlKind::Gap).wrapping_sub(first(ControlKind::Recovering));
    let hour_ns = HOUR_S.unsigned_abs() * SECOND_NS;
    let lasted = lasted.wrapping_add(hour_ns) % hour_ns;
    assert!(lasted >= 3 * SECOND_NS, "{lasted} ns");
}
