//! However the gateway ends, nothing of it stays.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use gateway_client::Closed;
use gateway_e2e::{Lab, Observer};
use gateway_test_harness::config::Input;
use gateway_test_harness::network::GATEWAY_INTERFACE;
use gateway_test_harness::{Config, Network, Running, wait};

/// A group of the test lines as `/proc/net/igmp` writes it: 239.77.0.1.
const GROUP: &str = "01004DEF";

fn has_program(network: &Network) -> bool {
    network
        .gateway
        .ip(&format!("-details link show dev {GATEWAY_INTERFACE}"))
        .unwrap()
        .contains("prog/xdp")
}

fn has_membership(network: &Network) -> bool {
    network.gateway.proc_net("igmp").unwrap().contains(GROUP)
}

fn assert_clean(network: &Network) {
    // The kernel takes a dead process's program and memberships back on its own time, a few milliseconds.
    wait::until(
        "program and memberships to go",
        Duration::from_secs(3),
        || Ok((!has_program(network) && !has_membership(network)).then_some(())),
    )
    .unwrap();
}

fn stops_clean(tier: &str) {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let config = Config::new(Input::tier(tier));
    let mut gateway = lab.gateway(&config).unwrap();
    assert_eq!(has_program(&lab.network), tier != "socket");
    assert!(has_membership(&lab.network));
    let observer = Observer::start(&gateway.socket(), "all").unwrap();

    // In the middle of a flow, with a reader attached.
    let simulator = lab
        .simulator(&config, "generate --messages 0 --pace rate=20000")
        .unwrap();
    observer
        .wait_for("the flow", Duration::from_secs(10), |seen| {
            seen.messages > 1_000
        })
        .unwrap();
    let (status, took) = gateway.process.terminate(Duration::from_secs(5)).unwrap();
    drop(simulator);

    assert!(status.success(), "{status}\n{}", gateway.process.output());
    assert!(took < Duration::from_secs(1), "stopping took {took:?}");
    let seen = observer
        .wait_for("the end", Duration::from_secs(2), |seen| {
            seen.closed.is_some()
        })
        .unwrap();
    assert_eq!(seen.closed, Some(Closed::Stopped));
    assert!(!gateway.socket().exists(), "the socket's file stays");
    assert_clean(&lab.network);
}

#[test]
fn sigterm_on_the_copy_tier_leaves_nothing_within_a_second() {
    stops_clean("copy");
}

#[test]
fn sigterm_on_the_skb_tier_leaves_nothing_within_a_second() {
    stops_clean("skb");
}

#[test]
fn sigterm_on_the_socket_tier_leaves_nothing_within_a_second() {
    stops_clean("socket");
}

#[test]
fn sigkill_leaves_no_program_and_the_next_gateway_starts_over_the_old_socket() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let config = Config::new(Input::tier("copy"));
    let mut gateway = lab.gateway(&config).unwrap();
    let observer = Observer::start(&gateway.socket(), "all").unwrap();
    assert!(has_program(&lab.network));
    gateway.process.kill().unwrap();
    let killed = Instant::now();
    let seen = observer
        .wait_for("the hang-up", Duration::from_secs(3), |seen| {
            seen.closed.is_some()
        })
        .unwrap();
    assert_eq!(
        seen.closed,
        Some(Closed::HungUp),
        "noticed after {:?}",
        killed.elapsed()
    );
    assert_clean(&lab.network);

    // The socket's file is still there, as SIGKILL leaves it: the same command line starts all the same.
    assert!(gateway.socket().exists());
    let mut again = lab.network.gateway.command(lab.binaries.path("gateway"));
    again.arg("run").arg("-c").arg(gateway.config_file());
    let mut again = Running::spawn("gateway again", &mut again).unwrap();
    let ready = |line: &str| line.split_whitespace().any(|word| word == "ready");
    again
        .wait_for_line("the line `ready`", Duration::from_secs(20), ready)
        .unwrap();
    Observer::start(&gateway.socket(), "all").unwrap();
    assert!(again.terminate(Duration::from_secs(5)).unwrap().0.success());
}

#[test]
fn a_gateway_that_ran_leaves_no_file_behind() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let mut gateway = lab.gateway(&Config::new(Input::tier("socket"))).unwrap();
    gateway.process.terminate(Duration::from_secs(5)).unwrap();
    assert_eq!(files(gateway.folder()), ["gateway.toml"]);
}

fn files(folder: &Path) -> Vec<String> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}
