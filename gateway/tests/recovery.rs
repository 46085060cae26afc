//! A gateway in this process on the loopback interface, and an exchange with servers: a worker that recovers allocates
//! and frees nothing.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Duration;

use common::{Running, until};
use gateway::service::status::Status;
use gateway_sim::clock::RealClock;
use gateway_sim::scenario::{self, Overrides, Scenario};
use gateway_sim::transmit::Egress;
use gateway_test_support::allocations::{self, CountingAllocator};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// The kernel's id of the thread of that name.
fn thread_named(name: &str) -> Option<usize> {
    std::fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(Result::ok)
        .find(|task| {
            std::fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim() == name)
        })
        .and_then(|task| task.file_name().to_str()?.parse().ok())
}

/// A port of this process' own.
fn port(number: u16) -> u16 {
    41_000 + (std::process::id() % 5_000) as u16 * 4 + number
}

fn exchange() -> String {
    format!(
        r#"
description = "a hole that can be asked for again, and one that cannot"
[flow]
symbols = 40
[packets]
messages_max = 6
heartbeat_ms = 50
[[line]]
name = "A"
destination = "239.78.0.1:{line}"
[[rerequest]]
name = "R1"
port = {rerequest}
history_messages = 1_500
[[glimpse]]
name = "G1"
port = {glimpse}
[[phase]]
name = "before"
messages = 1_000
pace = 5_000
[[phase]]
name = "short"
messages = 300
pace = 5_000
down = ["A"]
[[phase]]
name = "between"
messages = 2_000
pace = 5_000
[[phase]]
name = "long"
messages = 3_000
pace = 20_000
down = ["A"]
[[phase]]
name = "behind"
messages = 2_000
pace = 5_000
[end]
linger_ms = 1_500
end_of_session = true
repeat_ms = 200
"#,
        line = port(0),
        rerequest = port(1),
        glimpse = port(2)
    )
}

fn config(folder: &Path) -> String {
    std::fs::write(folder.join("password"), "glimpse\n").unwrap();
    format!(
        r#"
[gateway]
broker_socket = "{socket}"
metrics_listen = ""
[[interface]]
name = "lo"
mode = "socket"
[[worker]]
name = "w0"
inputs = ["lo"]
wait = "sleep"
[[channel]]
name = "itch"
feed = "nasdaq-itch50"
worker = "w0"
on_gap = "recover"
recover_timeout_ms = 20000
lines = [{{ group = "239.78.0.1", port = {line} }}]
[channel.recovery]
rerequest = ["127.0.0.1:{rerequest}"]
glimpse = [{{ address = "127.0.0.1:{glimpse}", username = "glimps", password_file = "password" }}]
attempts_max = 2
source = "127.0.0.1"
interface = "lo"
[[queue]]
name = "full"
channels = ["itch"]
"#,
        socket = folder.join("broker.sock").display(),
        line = port(0),
        rerequest = port(1),
        glimpse = port(2)
    )
}

#[test]
fn a_worker_that_recovers_allocates_and_frees_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let config = gateway::config::parse(&config(folder.path()), folder.path()).unwrap();
    let gateway = Running::start(config);
    let client = gateway.client();
    let status = || -> Status { serde_json::from_str(&client.status().unwrap()).unwrap() };
    until("the gateway to be ready", || status().ready.then_some(()));
    let worker = until("the worker's thread", || thread_named("w0"));
    let before = allocations::of_thread(worker);

    let text = exchange();
    let report = std::thread::spawn(move || {
        let overrides = Overrides::default();
        let scenario = Scenario::parse("test", &text, Path::new(""), &overrides).unwrap();
        let egress = Egress {
            interface: Some("lo".to_owned()),
            source: Some(Ipv4Addr::LOCALHOST),
            ..Egress::default()
        };
        let listen = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let stop = std::sync::atomic::AtomicBool::new(false);
        let mut clock = RealClock::new(&stop);
        let played = scenario::run(&scenario, &egress, listen, &mut clock, |_| {}, &mut |_| {});
        let (report, error) = played.unwrap();
        assert!(error.is_none(), "{error:?}");
        report
    });
    let report = report.join().unwrap();
    let session = &report.sessions[0];
    let last = until("all of the day", || {
        let status = status();
        (status.channels[0].next_sequence == session.last_sequence + 1).then_some(status)
    });
    std::thread::sleep(Duration::from_millis(20));
    let recovery = last.channels[0].recovery.as_ref().unwrap();
    assert!(recovery.delivered >= 300, "{recovery:?}");
    assert_eq!((recovery.snapshots, recovery.supplies_lost), (1, 0));
    assert!(recovery.holes_closed >= 1 && recovery.holes_lost >= 1);
    assert!(last.channels[0].lost > 0);
    assert!(allocations::of_this_thread() > 0, "the counter counts");
    assert_eq!(
        allocations::of_thread(worker) - before,
        0,
        "allocations and frees on the worker's thread"
    );
}

#[test]
fn a_password_that_cannot_be_read_ends_the_start_with_its_name_and_without_itself() {
    let folder = tempfile::tempdir().unwrap();
    let text = config(folder.path());
    let start = |password: &[u8]| {
        std::fs::write(folder.path().join("password"), password).unwrap();
        let config = gateway::config::parse(&text, folder.path()).unwrap();
        let mut gateway = Running::start(config);
        let error = gateway.stop().unwrap_err();
        (error.exit(), error.to_string())
    };
    let (exit, long) = start(b"much-too-long-a-password");
    assert_eq!(exit, gateway::cli::exit::Exit::Configuration);
    assert!(
        long.contains("1 to 10") && long.contains("password_file"),
        "{long}"
    );
    assert!(!long.contains("much-too"), "{long}");
    let (_, binary) = start(&[0xFF, 0xFE]);
    assert!(binary.contains("password_file"), "{binary}");
    std::fs::remove_file(folder.path().join("password")).unwrap();
    let config = gateway::config::parse(&text, folder.path()).unwrap();
    let missing = Running::start(config).stop().unwrap_err().to_string();
    assert!(missing.contains("No such file"), "{missing}");
}
