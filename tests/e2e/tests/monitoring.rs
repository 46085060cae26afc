//! Debian's Prometheus, the shipped rules and the shipped dashboard, on a real gateway to which things happen.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use gateway_client::{Client, SubscribeOptions};
use gateway_e2e::prometheus::{Prometheus, program, rules_folder};
use gateway_e2e::{Lab, Observer};
use gateway_test_harness::config::{Input, Queue};
use gateway_test_harness::network::{EXCHANGE_ADDRESS, GATEWAY_INTERFACE};
use gateway_test_harness::process::Signal;
use gateway_test_harness::{Config, Gateway, SteppingClock, http, wait};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(40);
/// A day on the test lines. What happens to them happens in order, and each well part is long enough for what was
/// before it to be over.
const DAY: &str = r#"
description = "what happens to lines"
[flow]
symbols = 40
orders_max = 20_000
[packets]
messages_max = 6
heartbeat_ms = 100
[[line]]
name = "A"
destination = "239.77.0.1:26400"
[[line]]
name = "B"
destination = "239.77.0.2:26400"
impair = { delay_us = 200 }
[[phase]]
name = "all is well"
seconds = 15
pace = 2_000
[[phase]]
name = "both lines lose"
seconds = 12
pace = 2_000
impair = { A = { loss = 0.1 }, B = { loss = 0.1, delay_us = 200 } }
[[phase]]
name = "all is well again"
seconds = 20
pace = 2_000
[[phase]]
name = "line A is dead"
seconds = 8
pace = 2_000
down = ["A"]
[[phase]]
name = "all is well to the end"
seconds = 300
pace = 2_000
"#;
/// What the machine of the test is to blame for, not the gateway.
const OF_THE_MACHINE: [&str; 3] = [
    "GatewayDoctorFailing",
    "GatewayClockAdrift",
    "GatewayClockInaccurate",
];
/// Metrics that rules and panels ask for and that a veth pair on which all is well does not have.
const ELSEWHERE: [(&str, &str); 7] = [
    (
        "gateway_rx_refused_total",
        "a series for each reason, from the first refused packet on",
    ),
    (
        "gateway_decode_errors_total",
        "a series for each reason, from the first error on",
    ),
    (
        "gateway_poll_loop_stalls_total",
        "only of workers that spin; this one yields, because it has no core of its own",
    ),
    ("gateway_poll_loop_busy_seconds_total", "as above"),
    (
        "gateway_multicast_groups_max",
        "only for drivers whose filter has a known size; veth has none",
    ),
    (
        "gateway_book_irregular_total",
        "a series for each reason, from the first such record on",
    ),
    (
        "gateway_doctor_check",
        "comes with the first checkup of the machine; panels ask for what is wrong, and nothing may be",
    ),
];

fn config() -> Config {
    let keys = "on_gap = \"recover\"\nrecover_timeout_ms = 200\nstale_after_ms = 1000\norders_max = 100000\n";
    Config {
        queues: vec![
            Queue::all("short").with_slots(1024),
            Queue::all("full").of("full").with_slots(1 << 17),
        ],
        hold_timeout_us: 50_000,
        channel_keys: keys.to_owned(),
        extra: format!(
            // Nobody answers there.
            "[channel.recovery]\nrerequest = [\"{EXCHANGE_ADDRESS}:26410\"]\n\
             [[book]]\nname = \"books\"\nqueue = \"full\"\nconflated = \"mbp-1\"\n"
        ),
        ..Config::new(Input::tier("copy"))
    }
}

/// A strategy that reads one record and sleeps longer than its queue lasts, again and again.
struct SlowReader {
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl SlowReader {
    fn start(socket: &Path) -> Self {
        let client = Client::connect(socket).unwrap();
        let mut subscription = client
            .subscribe("short", &SubscribeOptions::named("slow"))
            .unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            // Relaxed: the flag is all there is to know.
            while !stopped.load(Ordering::Relaxed) {
                subscription.poll();
                thread::sleep(Duration::from_millis(900));
            }
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for SlowReader {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[test]
fn alerts_fire_under_faults_and_clear_and_the_dashboard_shows_data() {
    let Some(program) = program("prometheus") else {
        return;
    };
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("day.toml");
    fs::write(&script, DAY).unwrap();
    let Some(clock) = SteppingClock::new().unwrap() else {
        return;
    };
    let config = Config {
        environment: clock.environment(),
        ..config()
    };
    let mut gateway = lab.gateway(&config).unwrap();
    let target = &config.metrics_listen;
    let prometheus = Prometheus::start(&program, &lab.network.gateway, target).unwrap();
    // It reads to the end of the day, so it is dropped after whoever makes that.
    let observer = Observer::start(&gateway.socket(), "full").unwrap();
    let simulator = lab.scenario(&script, 1).unwrap();

    // All is well, and nothing is said.
    wait::until("the first messages in Prometheus", LIMIT, || {
        let rates = prometheus.query("channel:gateway_messages:rate1m > 0")?;
        Ok((!rates.is_empty()).then_some(()))
    })
    .unwrap();
    wait::until("silence while all is well", LIMIT, || {
        let mut firing = prometheus.firing()?;
        firing.retain(|name| !OF_THE_MACHINE.contains(&name.as_str()));
        Ok(firing.is_empty().then_some(()))
    })
    .unwrap();

    // Both lines lose, a reader is slow, a client asks for what there is not, a configuration has a mistake.
    let slow = SlowReader::start(&gateway.socket());
    let client = Client::connect(gateway.socket()).unwrap();
    let refused = client.subscribe("no-such-queue", &SubscribeOptions::named("lost"));
    assert!(refused.is_err());
    fs::write(gateway.config_file(), "[gateway]\nnome = \"x\"\n").unwrap();
    gateway.process.signal(Signal::HUP).unwrap();
    prometheus
        .wait_until_firing(&["GatewayBrokerRefusing", "GatewayReloadRefused"], LIMIT)
        .unwrap();
    let lasting = [
        "GatewayMessagesLost",
        "GatewayRecoveryServerFailing",
        "GatewayRecoveryServerSilent",
        "GatewayReaderOverrun",
        "GatewayLineLossy",
    ];
    prometheus.wait_until_firing(&lasting, LIMIT).unwrap();
    let scrape = lab.network.gateway.enter(|| {
        let address = target.parse()?;
        http::get(address, "/metrics")
    });
    every_metric_of_the_rules_exists(&scrape.unwrap().body);
    every_panel_has_data(&prometheus);
    drop((slow, client));
    fs::write(gateway.config_file(), config.to_toml(&gateway.socket())).unwrap();
    prometheus
        .wait_until_clear(&["GatewayBrokerRefusing", "GatewayReloadRefused"], LIMIT)
        .unwrap();
    prometheus.wait_until_clear(&lasting, LIMIT).unwrap();

    // Line A dies and comes back.
    let dead = ["GatewayLineSilent"];
    prometheus.wait_until_firing(&dead, LIMIT).unwrap();
    prometheus.wait_until_clear(&dead, LIMIT).unwrap();

    // Somebody sets the clock.
    let disrupted = ["GatewayClockDisrupted"];
    clock.set(2).unwrap();
    prometheus.wait_until_firing(&disrupted, LIMIT).unwrap();
    prometheus.wait_until_clear(&disrupted, LIMIT).unwrap();

    // The link goes and comes back.
    let link = |state: &str| {
        let words = format!("link set {GATEWAY_INTERFACE} {state}");
        lab.network.gateway.ip(&words).unwrap();
    };
    let gone = [
        "GatewayInterfaceDown",
        "GatewayNotReady",
        "GatewayChannelStale",
    ];
    link("down");
    prometheus.wait_until_firing(&gone, LIMIT).unwrap();
    link("up");
    prometheus.wait_until_clear(&gone, LIMIT).unwrap();

    // What it shows is what there is.
    drop(simulator);
    what_is_shown_is_what_there_is(&prometheus, &gateway, &observer);
    assert!(prometheus.rules_are_well().unwrap() > 60);

    // The gateway ends, and begins again at a lower tier than it had.
    let (ended, _) = gateway.process.terminate(LIMIT).unwrap();
    assert!(ended.success(), "{}", gateway.process.output());
    prometheus
        .wait_until_firing(&["GatewayDown"], LIMIT)
        .unwrap();
    let lower = Config {
        input: Input::tier("skb"),
        ..config.clone()
    };
    fs::write(gateway.config_file(), lower.to_toml(&gateway.socket())).unwrap();
    gateway.start_again().unwrap();
    let restarted = [
        "GatewayRestarted",
        "GatewayTierLowered",
        "GatewayTierBelowWanted",
    ];
    prometheus.wait_until_firing(&restarted, LIMIT).unwrap();
    prometheus
        .wait_until_clear(
            &["GatewayDown", "GatewayRestarted", "GatewayTierLowered"],
            LIMIT,
        )
        .unwrap();
}

/// Once nothing is sent any more, the newest samples are the gateway's counters, and what its reader saw.
fn what_is_shown_is_what_there_is(prometheus: &Prometheus, gateway: &Gateway, observer: &Observer) {
    let seen = observer.settle(Duration::from_secs(2), LIMIT).unwrap();
    let metrics = gateway.metrics().unwrap();
    let packets = metrics.sum("gateway_rx_packets_total", &[]).unwrap();
    let messages = metrics.sum("gateway_messages_total", &[]).unwrap();
    assert!(packets > 10_000.0 && messages >= seen.messages as f64);
    for (asked, expected) in [
        ("gateway_rx_packets_total", packets),
        ("gateway_messages_total", messages),
        (
            "gateway_stage_latency_seconds_count{stage=\"ring_pub\"}",
            packets,
        ),
        ("gateway_xdp_mode{mode=\"copy\"}", 1.0),
        ("gateway_clock_disruptions_total{source=\"system\"}", 1.0),
        ("gateway_ready", 1.0),
    ] {
        wait::until(asked, LIMIT, || {
            let shown = prometheus.sum(asked)?;
            Ok((shown == Some(expected)).then_some(()))
        })
        .unwrap();
    }
}

/// The words of `text` that begin with `gateway_`, after what could be a recording rule's colon.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    text.split(|c| !is_name(c))
        .filter(|word| word.starts_with("gateway_"))
        .map(str::to_owned)
        .collect()
}

fn every_metric_of_the_rules_exists(scrape: &str) {
    let exist: BTreeSet<&str> = scrape
        .lines()
        .filter_map(|line| line.split(['{', ' ']).next())
        .collect();
    for file in ["gateway-recording.yml", "gateway-alerts.yml"] {
        let text = fs::read_to_string(rules_folder().join(file)).unwrap();
        let code: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'))
            .collect();
        for name in metrics_in(&code.join("\n")) {
            let elsewhere = ELSEWHERE.iter().any(|(metric, _)| *metric == name);
            assert!(
                exist.contains(name.as_str()) || elsewhere,
                "{file} asks for {name}, which this gateway does not have"
            );
        }
    }
}

/// Asks Prometheus what each panel of the dashboard asks it.
fn every_panel_has_data(prometheus: &Prometheus) {
    let file = rules_folder().join("../grafana/gateway.json");
    let dashboard: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let (mut queries, mut rows) = (0, Vec::new());
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap();
        if panel["type"] == "row" {
            rows.push(title);
            continue;
        }
        let unit = &panel["fieldConfig"]["defaults"]["unit"];
        assert!(
            unit.is_string() || panel["type"] == "heatmap" || panel["type"] == "table",
            "{title}: no unit"
        );
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        for target in panel["targets"].as_array().unwrap() {
            queries += 1;
            let asked = target["expr"].as_str().unwrap();
            let asked = asked
                .replace("$__rate_interval", "10s")
                .replace("$instance", ".+");
            assert!(!asked.contains('$'), "{title}: {asked}");
            let exempt = ELSEWHERE.iter().any(|(metric, _)| asked.contains(metric));
            let series = prometheus.query(&asked).unwrap();
            assert!(!series.is_empty() || exempt, "{title}: no data for {asked}");
        }
    }
    assert_eq!(
        rows,
        [
            "Health",
            "Loss",
            "Latency",
            "Feeds",
            "Consumers",
            "Host noise",
            "Time"
        ]
    );
    assert!(queries > 40, "{queries}");
}
