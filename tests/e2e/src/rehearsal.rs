//! A scenario played to a gateway that recovers, and what came of it.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use gateway_feed::record::ControlKind;
use gateway_test_harness::config::{Input, Queue};
use gateway_test_harness::network::EXCHANGE_ADDRESS;
use gateway_test_harness::{Config, Gateway, Metrics, ScenarioReport, Simulator, wait};
use serde_json::Value;
use tempfile::TempDir;

use crate::{Lab, Observer, Seen, oracle};

/// How long anything may take.
pub const LIMIT: Duration = Duration::from_secs(60);
/// Every scenario's beginning: a small day on the test lines.
const DAY: &str = r#"
description = "a test"
[flow]
symbols = 40
[packets]
messages_max = 6
heartbeat_ms = 100
[[line]]
name = "A"
destination = "239.77.0.1:26400"
[[line]]
name = "B"
destination = "239.77.0.2:26400"
"#;
/// And its end: whoever waits for a server has the time for it before the session is over.
const END: &str = r#"
[end]
linger_ms = 1_500
end_of_session = true
repeat_ms = 300
"#;
/// A re-request server, `R1`.
pub const REREQUEST: &str = "[[rerequest]]\nname = \"R1\"\nport = 26410\n";
/// A Glimpse server, `G1`.
pub const GLIMPSE: &str = "[[glimpse]]\nname = \"G1\"\nport = 26420\n";

/// A scenario as a file, and its text.
#[derive(Debug)]
pub struct Script {
    /// What the file says.
    pub text: String,
    file: PathBuf,
    speed: u32,
    _folder: Option<TempDir>,
}

impl Script {
    /// A day on the test lines with these servers and phases.
    pub fn new(servers: &str, phases: &str) -> Self {
        let text = format!("{DAY}{servers}{phases}{END}");
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("scenario.toml");
        std::fs::write(&file, &text).unwrap();
        Self {
            text,
            file,
            speed: 1,
            _folder: Some(folder),
        }
    }

    /// One that comes with the program, played so many times as fast.
    pub fn shipped(name: &str, speed: u32) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/scenarios");
        let file = folder.join(format!("{name}.toml"));
        Self {
            text: std::fs::read_to_string(&file).unwrap(),
            file,
            speed,
            _folder: None,
        }
    }

    /// Begins to play it.
    pub fn start(&self, lab: &Lab) -> Simulator {
        lab.scenario(&self.file, self.speed).unwrap()
    }
}

/// The configuration with the Glimpse server's password in a file of `folder`.
pub fn with_password(config: &Config, folder: &Path) -> Config {
    let password = folder.join("password");
    std::fs::write(&password, "glimpse\n").unwrap();
    let named = format!("\"{}\"", password.display());
    Config {
        extra: config.extra.replace("\"password\"", &named),
        ..config.clone()
    }
}

/// A gateway that recovers from `servers`, by their names in the scenario (`R1` to `R3`, `G1`), with `keys` in its
/// recovery.
pub fn config(tier: &str, servers: &[&str], keys: &str) -> Config {
    let mut recovery = "[channel.recovery]\n".to_owned();
    let ports = [("R1", 26_410), ("R2", 26_411), ("R3", 26_412)];
    let rerequest: Vec<String> = ports
        .iter()
        .filter(|(name, _)| servers.contains(name))
        .map(|(_, port)| format!("\"{EXCHANGE_ADDRESS}:{port}\""))
        .collect();
    if !rerequest.is_empty() {
        recovery.push_str(&format!("rerequest = [{}]\n", rerequest.join(", ")));
    }
    if servers.contains(&"G1") {
        recovery.push_str(&format!(
            "glimpse = [{{ address = \"{EXCHANGE_ADDRESS}:26420\", username = \"glimps\", password_file = \"password\" }}]\n"
        ));
    }
    Config {
        queues: vec![Queue::all("full").of("full").with_slots(1 << 18)],
        hold_timeout_us: 20_000,
        channel_keys: "on_gap = \"recover\"\nrecover_timeout_ms = 20000\n".to_owned(),
        extra: format!("{recovery}{keys}\n"),
        ..Config::new(Input::tier(tier))
    }
}

/// What came of a scenario.
#[derive(Debug)]
pub struct Outcome {
    /// What a strategy saw.
    pub seen: Seen,
    /// What the simulator reports.
    pub report: ScenarioReport,
    /// The gateway's metrics at the end.
    pub metrics: Metrics,
    /// Its status.
    pub status: Value,
    /// What it logged.
    pub log: String,
}

impl Outcome {
    /// The sum of a metric.
    pub fn sum(&self, name: &str) -> u64 {
        self.metrics.sum(name, &[]).unwrap_or_default() as u64
    }

    /// Every message came, in order and once.
    pub fn assert_whole(&self) {
        assert_eq!(self.seen.messages, self.sent(), "{:?}", self.seen.controls);
        assert_eq!(self.seen.gaps, []);
        self.assert_in_order();
    }

    /// Messages that were sent on any line, or dropped on purpose.
    pub fn sent(&self) -> u64 {
        self.report.sessions.iter().map(|s| s.messages).sum()
    }

    /// Every message came once, or stands in a gap, and the gateway counted as many.
    pub fn assert_accounted(&self) {
        let seen = &self.seen;
        assert_eq!(
            seen.messages + seen.gap_messages(),
            self.sent(),
            "{:?}",
            seen.controls
        );
        assert_eq!(self.sum("gateway_messages_lost_total"), seen.gap_messages());
        self.assert_in_order();
    }

    /// Nothing came too late, twice or was missed by the strategy.
    pub fn assert_in_order(&self) {
        let Seen {
            out_of_order,
            repeated,
            lost_slots,
            ..
        } = self.seen;
        assert_eq!((out_of_order, repeated, lost_slots), (0, 0, 0));
    }

    /// The book of the records is that of the messages, and nothing in it is in doubt.
    pub fn assert_book(&self, script: &Script) {
        let last = self.report.sessions.last().unwrap().last_sequence;
        let expected = oracle::resting(&script.text, last).unwrap();
        assert!(expected.len() > 100, "{} orders", expected.len());
        assert_eq!(self.seen.resting, expected);
        let Seen {
            incomplete,
            suspect,
            overdrawn,
            ..
        } = self.seen;
        assert_eq!((incomplete, suspect, overdrawn), (0, 0, 0));
    }
}

/// Plays a scenario to a gateway; `None` where the test is skipped.
pub fn play(config: &Config, script: &Script) -> Option<Outcome> {
    play_while(config, script, |_, _| {})
}

/// The same, with something done meanwhile.
pub fn play_while(
    config: &Config,
    script: &Script,
    meanwhile: impl FnOnce(&Gateway, &Observer),
) -> Option<Outcome> {
    let lab = Lab::open().unwrap()?;
    let folder = TempDir::new().unwrap();
    let config = with_password(config, folder.path());
    let mut gateway = lab.gateway(&config).unwrap();
    let observer = Observer::start(&gateway.socket(), "full").unwrap();
    let simulator = script.start(&lab);
    meanwhile(&gateway, &observer);
    let report = simulator.finish_scenario(LIMIT).unwrap();
    let ended = report.sessions.iter().filter(|s| s.end_of_session > 0);
    let (ends, last) = (ended.count(), report.sessions.last().unwrap().last_sequence);
    let seen = observer.wait_for("the end of all sessions", LIMIT, |seen| {
        seen.count(ControlKind::SessionEnd) >= ends
    });
    let Ok(seen) = seen else {
        panic!("{seen:?}\n{report:?}\n{}", gateway.process.output());
    };
    let metrics = wait::until("the counters on show to catch up", LIMIT, || {
        let metrics = gateway.metrics()?;
        let next = metrics
            .sum("gateway_next_sequence", &[])
            .unwrap_or_default() as u64;
        Ok((next == last + 1).then_some(metrics))
    });
    let (metrics, status) = (metrics.unwrap(), gateway.status().unwrap());
    let text = gateway.command("status").output().unwrap().stdout;
    assert!(String::from_utf8_lossy(&text).contains("  recovery  "));
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
