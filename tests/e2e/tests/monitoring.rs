//! Debian's Prometheus, the shipped rules and the shipped dashboard, on a real gateway to which things happen.
//!
//! What happens is done when the alerts of what was before have been seen: nothing is timed, so that a slow machine takes
//! longer and sees the same.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use gateway_client::{Client, SubscribeOptions};
use gateway_e2e::prometheus::{Prometheus, alerts, program, rules_folder};
use gateway_e2e::{Lab, Observer};
use gateway_feed::moldudp64::{PacketBuilder, Session};
use gateway_sim::transmit::PacketSocket;
use gateway_test_harness::config::{Input, Queue};
use gateway_test_harness::network::{EXCHANGE_ADDRESS, EXCHANGE_INTERFACE, GATEWAY_INTERFACE};
use gateway_test_harness::process::Signal;
use gateway_test_harness::{Config, Gateway, Simulator, SteppingClock, http, wait};
use gateway_wire::build::UdpFrame;
use gateway_wire::packet::ETHERNET_LEN;
use serde_json::Value;
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(60);
/// A day on the test lines, of one phase that lasts until somebody ends it.
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
name = "to the end"
seconds = 900
pace = 2_000
"#;
/// The group and port of line A.
const GROUP_OF_A: [u8; 4] = [239, 77, 0, 1];
const PORT: u16 = 26_400;
/// What the machine of the test is to blame for, not the gateway.
const OF_THE_MACHINE: [&str; 3] = [
    "GatewayDoctorFailing",
    "GatewayClockAdrift",
    "GatewayClockInaccurate",
];
const WELL: &str = "";
/// Line B is so late that what it brings was given up.
const LOSSY: &str = "impair = { A = { loss = 0.1 }, B = { loss = 0.1, delay_us = 600_000 } }\n";
const A_IS_DEAD: &str = "down = [\"A\"]\n";
/// Alerts that are seen by `promtool` alone.
const NOT_HERE: [(&str, &str); 11] = [
    ("GatewayClockAdrift", "the clock is the machine's"),
    ("GatewayClockInaccurate", "the clock is the machine's"),
    ("GatewayAbsent", "Prometheus has the target all the time"),
    (
        "GatewayDoctorFailing",
        "it is the machine's, and may be there all the time",
    ),
    (
        "GatewayGroupNotJoined",
        "a join that is refused ends the start",
    ),
    (
        "GatewayTierDegraded",
        "it wants a driver that loses what it could",
    ),
    ("GatewayMulticastFilterFull", "veth has no filter"),
    ("GatewayLostInRedirect", "it wants a kernel that loses"),
    (
        "GatewayRingDrops",
        "it wants a worker slower than the exchange",
    ),
    (
        "GatewayHoldOverflow",
        "it wants more packets waiting than the lines here have",
    ),
    (
        "GatewayBooksLapped",
        "it wants books slower than the exchange",
    ),
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

/// A thread that does the same again and again until this is dropped.
struct Again {
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Again {
    fn and_again(every: Duration, mut act: impl FnMut() + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            // Relaxed: the flag is all there is to know.
            while !stopped.load(Ordering::Relaxed) {
                act();
                thread::sleep(every);
            }
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }

    /// A strategy that reads a record and sleeps longer than its queue lasts.
    fn slow_reader(socket: &Path) -> Self {
        let client = Client::connect(socket).unwrap();
        let options = SubscribeOptions::named("slow");
        let mut subscription = client.subscribe("short", &options).unwrap();
        Self::and_again(Duration::from_millis(900), move || {
            subscription.poll();
        })
    }

    /// Somebody who sends to a line's group what is no packet of it.
    fn nonsense(lab: &Lab) -> Self {
        let exchange = &lab.network.exchange;
        let route = format!("route replace 239.77.0.0/16 dev {EXCHANGE_INTERFACE}");
        exchange.ip(&route).unwrap();
        let bind = || Ok(UdpSocket::bind((EXCHANGE_ADDRESS, 0))?);
        let socket = exchange.enter(bind).unwrap();
        let group = SocketAddr::from((GROUP_OF_A, PORT));
        Self::and_again(Duration::from_millis(300), move || {
            // A link that is down has it refused.
            let _ = socket.send_to(b"nonsense", group);
        })
    }

    /// Somebody who sends to line A what another exchange would, and the same damaged.
    fn strangers(lab: &Lab) -> Self {
        let open = || Ok(PacketSocket::open(EXCHANGE_INTERFACE)?);
        let mut socket = lab.network.exchange.enter(open).unwrap();
        let session = Session::from_name("STRANGER").unwrap();
        let mut packets = PacketBuilder::new(session, 1, 1_400);
        packets.push(&[b'S'; 12]).unwrap();
        let stray = packets.finish(|payload| {
            let mut frame = vec![0; 256];
            let udp = UdpFrame {
                source: EXCHANGE_ADDRESS.octets(),
                destination: GROUP_OF_A,
                destination_port: PORT,
                payload,
                ..UdpFrame::default()
            };
            let length = udp.write(&mut frame).unwrap();
            frame.truncate(length);
            frame
        });
        let mut damaged = stray.clone();
        // The checksum of the IPv4 header.
        damaged[ETHERNET_LEN + 10] ^= 0xff;
        Self::and_again(Duration::from_millis(300), move || {
            let (sent, result) = socket.send([&stray[..], &damaged[..]].into_iter());
            assert_eq!(sent, 2, "{result:?}");
        })
    }
}

impl Drop for Again {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The test's ground: a gateway that Prometheus watches, and an exchange whose lines are as they are told.
struct Ground {
    lab: Lab,
    folder: TempDir,
    config: Config,
    gateway: Gateway,
    prometheus: Prometheus,
    clock: SteppingClock,
    /// It reads until the exchange ends, so that is dropped before.
    exchange: Option<Simulator>,
    observer: Observer,
    /// Alerts that have fired and cleared.
    seen: BTreeSet<String>,
}

impl Ground {
    fn open(program: &Path, lab: Lab, clock: SteppingClock) -> Self {
        let config = Config {
            environment: clock.environment(),
            ..config()
        };
        let gateway = lab.gateway(&config).unwrap();
        let target = &config.metrics_listen;
        let prometheus = Prometheus::start(program, &lab.network.gateway, target).unwrap();
        Self {
            folder: tempfile::tempdir().unwrap(),
            observer: Observer::start(&gateway.socket(), "full").unwrap(),
            lab,
            config,
            gateway,
            prometheus,
            clock,
            exchange: None,
            seen: BTreeSet::new(),
        }
    }

    /// The exchange begins another session, on lines like that.
    fn lines_are(&mut self, impairment: &str) {
        if let Some(mut exchange) = self.exchange.take() {
            exchange.process.kill().unwrap();
        }
        let script = self.folder.path().join("day.toml");
        fs::write(&script, format!("{DAY}{impairment}")).unwrap();
        self.exchange = Some(self.lab.scenario(&script, 1).unwrap());
    }

    fn fires(&mut self, alerts: &[&str]) {
        self.prometheus.wait_until_firing(alerts, LIMIT).unwrap();
    }

    fn clears(&mut self, alerts: &[&str]) {
        self.prometheus.wait_until_clear(alerts, LIMIT).unwrap();
        self.seen
            .extend(alerts.iter().map(|&alert| alert.to_owned()));
    }

    fn reload(&mut self, config: &str) {
        fs::write(self.gateway.config_file(), config).unwrap();
        self.gateway.process.signal(Signal::HUP).unwrap();
    }

    fn written(&self, config: &Config) -> String {
        config.to_toml(&self.gateway.socket())
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
    let Some(clock) = SteppingClock::new().unwrap() else {
        return;
    };
    let mut ground = Ground::open(&program, lab, clock);
    nothing_is_said_while_all_is_well(&mut ground);
    mistakes_of_people(&mut ground);
    lines_that_lose(&mut ground);
    what_does_not_belong_there(&mut ground);
    threads_that_stand_still(&mut ground);
    somebody_sets_the_clock(&mut ground);
    what_falls_silent(&mut ground);
    what_is_shown_is_what_there_is(&mut ground);
    a_gateway_that_ends(&mut ground);
    for alert in alerts().unwrap() {
        let elsewhere = NOT_HERE.iter().any(|(name, _)| *name == alert);
        assert!(
            ground.seen.contains(&alert) != elsewhere,
            "{alert}: seen here, or a reason why not"
        );
    }
}

fn nothing_is_said_while_all_is_well(ground: &mut Ground) {
    ground.lines_are(WELL);
    let prometheus = &ground.prometheus;
    wait::until("the first messages in Prometheus", LIMIT, || {
        let rates = prometheus.query("channel:gateway_messages:rate1m > 0")?;
        Ok((!rates.is_empty()).then_some(()))
    })
    .unwrap();
    let firing = || -> Result<Vec<String>> {
        let mut firing = prometheus.firing()?;
        firing.retain(|name| !OF_THE_MACHINE.contains(&name.as_str()));
        Ok(firing)
    };
    wait::until("silence while all is well", LIMIT, || {
        Ok(firing()?.is_empty().then_some(()))
    })
    .unwrap();
    // It lasts: longer than any rule here looks back.
    for _ in 0..15 {
        thread::sleep(Duration::from_secs(1));
        assert_eq!(firing().unwrap(), Vec::<String>::new());
    }
}

/// A client asks for what there is not; a configuration has a mistake, another one what wants a restart.
fn mistakes_of_people(ground: &mut Ground) {
    let client = Client::connect(ground.gateway.socket()).unwrap();
    let refused = client.subscribe("no-such-queue", &SubscribeOptions::named("lost"));
    assert!(refused.is_err());
    ground.reload("[gateway]\nnome = \"x\"\n");
    let refused = ["GatewayBrokerRefusing", "GatewayReloadRefused"];
    ground.fires(&refused);
    let other = Config {
        hold_timeout_us: 60_000,
        ..ground.config.clone()
    };
    let (other, own) = (ground.written(&other), ground.written(&ground.config));
    ground.reload(&other);
    ground.fires(&["GatewayReloadWaiting"]);
    ground.reload(&own);
    ground.clears(&["GatewayReloadWaiting"]);
    ground.clears(&refused);
}

/// Both lines lose and nobody has what is missing, a reader is slow and another one hangs, a stranger sends.
fn lines_that_lose(ground: &mut Ground) {
    let socket = ground.gateway.socket();
    let client = Client::connect(&socket).unwrap();
    let hangs = SubscribeOptions::named("hangs");
    let mut hangs = client.subscribe("full", &hangs).unwrap();
    hangs.poll();
    let disturbance = (Again::slow_reader(&socket), Again::nonsense(&ground.lab));
    ground.lines_are(LOSSY);
    let lasting = [
        "GatewayMessagesLost",
        "GatewayRecoveryServerFailing",
        "GatewayRecoveryServerSilent",
        "GatewayReaderOverrun",
        "GatewayReaderHangs",
        "GatewayLineLossy",
        "GatewayHoldTooShort",
        "GatewayDecodeErrors",
        "GatewayRecoveryStuck",
    ];
    ground.fires(&lasting);
    ground.fires(&["GatewayBooksInvalid"]);
    let address = ground.config.metrics_listen.parse().unwrap();
    let page = || http::get(address, "/metrics");
    let page = ground.lab.network.gateway.enter(page).unwrap();
    every_metric_of_the_rules_exists(&page.body);
    every_panel_has_data(&ground.prometheus);
    drop((disturbance, hangs, client));
    ground.lines_are(WELL);
    ground.clears(&lasting);
}

/// On lines that go on: packets of another session, and frames that were damaged on their way.
fn what_does_not_belong_there(ground: &mut Ground) {
    let disturbance = Again::strangers(&ground.lab);
    let alerts = ["GatewayStrayPackets", "GatewayPacketsRefused"];
    ground.fires(&alerts);
    drop(disturbance);
    ground.clears(&alerts);
}

fn threads_that_stand_still(ground: &mut Ground) {
    for (thread, alert) in [
        ("worker", "GatewayWorkerStuck"),
        ("book-books", "GatewayBooksStandStill"),
    ] {
        let frozen = ground.gateway.process.freeze(thread).unwrap();
        ground.fires(&[alert]);
        drop(frozen);
        ground.clears(&[alert]);
    }
}

fn somebody_sets_the_clock(ground: &mut Ground) {
    ground.clock.set(2).unwrap();
    ground.fires(&["GatewayClockDisrupted"]);
    ground.clears(&["GatewayClockDisrupted"]);
}

/// Line A, then the link.
fn what_falls_silent(ground: &mut Ground) {
    ground.lines_are(A_IS_DEAD);
    ground.fires(&["GatewayLineSilent"]);
    ground.lines_are(WELL);
    ground.clears(&["GatewayLineSilent"]);

    let gone = [
        "GatewayInterfaceDown",
        "GatewayNotReady",
        "GatewayChannelStale",
    ];
    let set = |ground: &Ground, state: &str| {
        let words = format!("link set {GATEWAY_INTERFACE} {state}");
        ground.lab.network.gateway.ip(&words).unwrap();
    };
    set(ground, "down");
    ground.fires(&gone);
    set(ground, "up");
    ground.clears(&gone);
}

/// It ends, and begins again at a lower tier than it had, and with little room.
fn a_gateway_that_ends(ground: &mut Ground) {
    let (ended, _) = ground.gateway.process.terminate(LIMIT).unwrap();
    assert!(ended.success(), "{}", ground.gateway.process.output());
    ground.fires(&["GatewayDown"]);
    let lower = Config {
        input: Input::tier("skb"),
        channel_keys: ground
            .config
            .channel_keys
            .replace("orders_max = 100000", "orders_max = 1000"),
        ..ground.config.clone()
    };
    fs::write(ground.gateway.config_file(), ground.written(&lower)).unwrap();
    ground.gateway.start_again().unwrap();
    ground.fires(&["GatewayRestarted", "GatewayTierLowered"]);
    ground.fires(&["GatewayTierBelowWanted"]);
    ground.clears(&["GatewayDown", "GatewayRestarted", "GatewayTierLowered"]);
    // Until here: what the sessions since had before the gateway believed them, no server has.
    ground.clears(&["GatewayBooksInvalid"]);
    // The books have as much room as the index.
    let full = ["GatewayOrderIndexNearlyFull", "GatewayBooksNearlyFull"];
    ground.lines_are(WELL);
    ground.fires(&full);
    ground.exchange = None;
    let (ended, _) = ground.gateway.process.terminate(LIMIT).unwrap();
    assert!(ended.success(), "{}", ground.gateway.process.output());
    let own = ground.written(&ground.config);
    fs::write(ground.gateway.config_file(), own).unwrap();
    ground.gateway.start_again().unwrap();
    ground.clears(&["GatewayTierBelowWanted"]);
    ground.clears(&full);
}

/// Once nothing is sent any more, the newest samples are the gateway's counters, and what its reader saw.
fn what_is_shown_is_what_there_is(ground: &mut Ground) {
    ground.exchange = None;
    let Ground {
        prometheus,
        gateway,
        observer,
        ..
    } = &*ground;
    assert!(prometheus.rules_are_well().unwrap() > 60);
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
