//! What neither line of a PITCH unit brought is asked of a gap request proxy and comes on gap response lines: the real
//! gateway and the real exchange, over a real link.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::time::Duration;

use gateway_e2e::{Lab, Observer, Seen};
use gateway_feed::record::ControlKind;
use gateway_sim::flow::{FlowOptions, OrderFlow, PitchFlow};
use gateway_sim::source::Source;
use gateway_sim::venue::PitchState;
use gateway_test_harness::config::{Input, Queue};
use gateway_test_harness::network::EXCHANGE_ADDRESS;
use gateway_test_harness::simulator::Report;
use gateway_test_harness::{Config, Metrics, wait};
use serde_json::Value;
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(60);
const MESSAGES: u64 = 6_000;
const SYMBOLS: u32 = 40;
const RATE: u64 = 5_000;
const PORT: u16 = 26_430;
const SPIN_PORT: u16 = 26_440;
/// What the simulator's proxies want: nothing else that is logged looks like it.
const PASSWORD: &str = "gap7Qz9kX";

/// A gateway of unit 5 that asks a proxy at `port` of the exchange.
fn config(tier: &str, folder: &TempDir, port: u16, recover_timeout_ms: u32) -> Config {
    let password = folder.path().join("password");
    std::fs::write(&password, format!("{PASSWORD}\n")).unwrap();
    let recovery = format!(
        "[channel.recovery]\n\
         gap_request = [{{ address = \"{EXCHANGE_ADDRESS}:{port}\", session_sub_id = \"0001\", username = \"FIRM\", \
         password_file = \"{}\" }}]\n\
         gap_response = [{{ group = \"239.77.0.3\", port = 26400 }}, {{ group = \"239.77.0.4\", port = 26400 }}]\n\
         attempts_max = 1000\n",
        password.display()
    );
    Config {
        feed: "cboe-pitch-equities",
        queues: vec![Queue::all("native").of("native").with_slots(1 << 17)],
        hold_timeout_us: 20_000,
        channel_keys: format!(
            "unit = 5\non_gap = \"recover\"\nrecover_timeout_ms = {recover_timeout_ms}\n"
        ),
        extra: recovery,
        ..Config::new(Input::tier(tier))
    }
}

/// The unit's messages, as the simulator publishes them.
fn day(messages: u64) -> Vec<Vec<u8>> {
    day_of(1, messages)
}

/// The same of another seed than the simulator's default.
fn day_of(seed: u64, messages: u64) -> Vec<Vec<u8>> {
    let mut flow = PitchFlow::new(OrderFlow::new(FlowOptions {
        seed,
        symbols: SYMBOLS,
        messages,
        orders_max: 1_000_000,
        interval_ns: 1_000_000_000 / RATE,
    }));
    let mut day = Vec::new();
    while let Some(message) = flow.next().unwrap() {
        day.push(message.bytes.to_vec());
    }
    day
}

struct Outcome {
    seen: Seen,
    report: Report,
    metrics: Metrics,
    status: Value,
    log: String,
}

impl Outcome {
    fn sum(&self, name: &str) -> u64 {
        self.metrics.sum(name, &[]).unwrap_or_default() as u64
    }
}

/// Publishes the day with losses on both lines to a gateway of `config`; `None` where the test is skipped.
fn play(config: &Config) -> Option<Outcome> {
    let lab = Lab::open().unwrap()?;
    let mut gateway = lab.gateway(config).unwrap();
    let observer = Observer::start(&gateway.socket(), "native").unwrap();
    let arguments = format!(
        "generate --feed cboe-pitch-equities --unit 5 --messages {MESSAGES} --symbols {SYMBOLS} --pace rate={RATE} \
         --messages-per-packet 6 --heartbeat-ms 100 --loss-a 0.2 --loss-b 0.2 --linger-ms 3000 \
         --gap-request {EXCHANGE_ADDRESS}:{PORT} --gap-response 239.77.0.3:26400 --gap-response 239.77.0.4:26400"
    );
    let simulator = lab.simulator(config, &arguments).unwrap();
    let report = simulator.finish(LIMIT).unwrap();
    let metrics = wait::until("the counters on show to catch up", LIMIT, || {
        let metrics = gateway.metrics()?;
        let next = metrics
            .sum("gateway_next_sequence", &[])
            .unwrap_or_default() as u64;
        Ok((next == report.last_sequence + 1).then_some(metrics))
    });
    let metrics = metrics.unwrap();
    let lost = metrics.sum("gateway_messages_lost_total", &[]).unwrap() as u64;
    let seen = observer.wait_for("all of the day", LIMIT, |seen| {
        seen.native.len() as u64 + lost >= report.messages
    });
    let (seen, status) = (seen.unwrap(), gateway.status().unwrap());
    let (ended, _) = gateway.process.terminate(LIMIT).unwrap();
    assert!(ended.success(), "{}", gateway.process.output());
    Some(Outcome {
        seen,
        report,
        metrics,
        status,
        log: gateway.process.output(),
    })
}

#[test]
fn losses_on_both_lines_are_asked_of_the_proxy_and_the_unit_is_whole() {
    let day = day(MESSAGES);
    for tier in ["copy", "socket"] {
        let folder = TempDir::new().unwrap();
        let Some(outcome) = play(&config(tier, &folder, PORT, 20_000)) else {
            return;
        };
        let lost = outcome.report.lost_on_both.messages;
        assert!(lost > 50, "{lost}");
        assert_eq!(outcome.report.messages, day.len() as u64);
        // The lossless stream, message by message.
        assert_eq!(outcome.seen.native.len(), day.len());
        let wrong = outcome
            .seen
            .native
            .iter()
            .zip(&day)
            .position(|(a, b)| a != b);
        assert_eq!(wrong, None, "the first message that is another");
        assert_eq!((outcome.seen.gaps.len(), outcome.seen.lost_slots), (0, 0));
        assert!(outcome.seen.has(ControlKind::Recovering));
        assert!(outcome.seen.has(ControlKind::Recovered));
        assert_eq!(outcome.sum("gateway_messages_lost_total"), 0);
        assert_eq!(outcome.sum("gateway_recovery_holes_lost_total"), 0);
        assert!(outcome.sum("gateway_recovery_messages_total") >= lost);
        assert!(outcome.sum("gateway_recovery_answers_total") > 0);
        let recovery = &outcome.status["channels"][0]["recovery"];
        let server = &recovery["servers"][0];
        assert_eq!(server["kind"], "gap_request", "{recovery}");
        assert!(server["answers"].as_u64().unwrap() > 0, "{recovery}");
        let proxy = &outcome.report.gap_request[0];
        assert!(
            proxy["messages_answered"].as_u64().unwrap() >= lost,
            "{proxy:?}"
        );
        let told = outcome
            .log
            .matches("logged in to the gap request proxy")
            .count();
        assert_eq!(told, 1, "{}", outcome.log);
        assert!(!outcome.log.contains(PASSWORD), "{}", outcome.log);
    }
}

/// Two units on the same groups and ports, gap response lines included: what both lines lose of each is asked of its own proxy,
/// and nothing of one is taken for the other's.
#[test]
fn units_of_a_port_recover_each_for_itself() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let mut config = config("copy", &folder, PORT, 20_000);
    let (recovery, other_proxy) = (config.extra.clone(), PORT + 2);
    let recovery = recovery.replace(&format!(":{PORT}"), &format!(":{other_proxy}"));
    let lines: Vec<String> = config
        .lines
        .iter()
        .map(|line| format!("{{ group = \"{}\", port = {} }}", line.group, line.port))
        .collect();
    config.extra.push_str(&format!(
        "[[channel]]\nname = \"six\"\nfeed = \"cboe-pitch-equities\"\nunit = 6\nworker = \"worker\"\n\
         hold_timeout_us = 20000\non_gap = \"recover\"\nrecover_timeout_ms = 20000\nlines = [{}]\n{recovery}\
         [[queue]]\nname = \"six\"\nchannels = [\"six\"]\nrecords = \"native\"\nslots = 131072\n",
        lines.join(", ")
    ));
    let mut gateway = lab.gateway(&config).unwrap();
    let five = Observer::start(&gateway.socket(), "native").unwrap();
    let six = Observer::start(&gateway.socket(), "six").unwrap();
    let common = format!(
        "generate --feed cboe-pitch-equities --messages {MESSAGES} --symbols {SYMBOLS} --pace rate={RATE} \
         --messages-per-packet 6 --heartbeat-ms 100"
    );
    let unit = |unit: u8, seed: u64, proxy: u16| {
        format!(
            "{common} --unit {unit} --seed {seed} --loss-a 0.2 --loss-b 0.2 --linger-ms 3000 \
             --gap-request {EXCHANGE_ADDRESS}:{proxy} --gap-response 239.77.0.3:26400 --gap-response 239.77.0.4:26400"
        )
    };
    let first = lab.simulator(&config, &unit(5, 1, PORT)).unwrap();
    let second = lab.simulator(&config, &unit(6, 2, other_proxy)).unwrap();
    let (first, second) = (first.finish(LIMIT).unwrap(), second.finish(LIMIT).unwrap());
    for (unit, observer, report, seed) in [(5, five, &first, 1), (6, six, &second, 2)] {
        assert!(report.lost_on_both.messages > 50, "{report:?}");
        let day = day_of(seed, MESSAGES);
        assert_eq!(report.messages, day.len() as u64);
        let all = |seen: &Seen| seen.native.len() >= day.len();
        let seen = observer.wait_for("all of the day", LIMIT, all).unwrap();
        let wrong = seen.native.iter().zip(&day).position(|(a, b)| a != b);
        assert_eq!((wrong, seen.native.len()), (None, day.len()), "unit {unit}");
        assert_eq!((seen.gaps.len(), seen.lost_slots), (0, 0), "unit {unit}");
        assert!(seen.has(ControlKind::Recovered), "unit {unit}");
        assert!(report.gap_request[0]["messages_answered"].as_u64() > Some(50));
        assert_eq!(report.gap_request[0]["other_unit"], 0, "unit {unit}");
    }
    let status = gateway.status().unwrap();
    for channel in [0, 1] {
        assert_eq!(status["channels"][channel]["other_units"], 0, "{status}");
    }
    let (ended, _) = gateway.process.terminate(LIMIT).unwrap();
    assert!(ended.success(), "{}", gateway.process.output());
}

#[test]
fn without_a_proxy_what_both_lines_lost_is_told_as_gaps_and_the_cause_once() {
    let folder = TempDir::new().unwrap();
    let Some(outcome) = play(&config("copy", &folder, PORT + 1, 50)) else {
        return;
    };
    let session = &outcome.report;
    assert_eq!(outcome.seen.gaps, session.lost_on_both.ranges);
    let lost = session.lost_on_both.messages;
    assert_eq!(outcome.seen.native.len() as u64 + lost, session.messages);
    assert!(outcome.sum("gateway_recovery_server_failures_total") > 0);
    let told = outcome
        .log
        .matches("no session with the gap request proxy")
        .count();
    assert_eq!(told, 1, "{}", outcome.log);
}

#[test]
fn a_gateway_that_is_started_in_mid_day_has_the_books_of_an_image_and_what_followed() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let mut config = config("copy", &folder, PORT, 20_000);
    let password = folder.path().join("password");
    config.queues = vec![Queue::all("full").of("full").with_slots(1 << 17)];
    config.extra.push_str(&format!(
        "spin = [{{ address = \"{EXCHANGE_ADDRESS}:{SPIN_PORT}\", session_sub_id = \"0001\", username = \"FIRM\", \
         password_file = \"{}\" }}]\n",
        password.display()
    ));
    let arguments = format!(
        "generate --feed cboe-pitch-equities --unit 5 --messages 25000 --symbols {SYMBOLS} --pace rate={RATE} \
         --messages-per-packet 6 --heartbeat-ms 100 --loss-a 0.1 --loss-b 0.1 --linger-ms 4000 \
         --gap-request {EXCHANGE_ADDRESS}:{PORT} --gap-response 239.77.0.3:26400 --spin {EXCHANGE_ADDRESS}:{SPIN_PORT}"
    );
    let simulator = lab.simulator(&config, &arguments).unwrap();
    // The morning, which nobody hears: the order of events is what counts, not how long it is.
    std::thread::sleep(Duration::from_millis(1_000));
    let mut gateway = lab.gateway(&config).unwrap();
    let observer = Observer::start(&gateway.socket(), "full").unwrap();
    let report = simulator.finish(LIMIT).unwrap();
    wait::until("the counters on show to catch up", LIMIT, || {
        let next = gateway.metrics()?.sum("gateway_next_sequence", &[]);
        Ok((next == Some((report.last_sequence + 1) as f64)).then_some(()))
    })
    .unwrap();
    let mut state = PitchState::default();
    for message in day(25_000) {
        state.apply(&message);
    }
    let expected: HashMap<u64, u32> = state.resting().collect();
    assert!(expected.len() > 100, "{} orders", expected.len());
    let same = |seen: &Seen| seen.resting == expected;
    let seen = observer.wait_for("the book of the whole day", LIMIT, same);
    let seen = seen.unwrap_or_else(|error| panic!("{error}\n{}", gateway.process.output()));
    assert_eq!(seen.count(ControlKind::SnapshotBegin), 1);
    assert_eq!(seen.count(ControlKind::SnapshotEnd), 1);
    assert!(seen.in_snapshots > 100, "{}", seen.in_snapshots);
    assert_eq!((seen.suspect, seen.overdrawn), (0, 0));
    let status = gateway.status().unwrap();
    let servers = status["channels"][0]["recovery"]["servers"]
        .as_array()
        .unwrap();
    assert_eq!(servers[1]["kind"], "spin", "{servers:?}");
    assert_eq!(report.spin[0]["complete"], 1, "{:?}", report.spin);
    let (ended, _) = gateway.process.terminate(LIMIT).unwrap();
    assert!(ended.success(), "{}", gateway.process.output());
    assert!(gateway.process.output().contains("snapshot fetched"));
}
