//! Frames that are redirected and do not arrive: the kernel counts them nowhere, the gateway does.
//!
//! The tests put a socket into the XDP program's map that is bound to another device. The kernel takes it, and then drops
//! every frame for it with EINVAL, as it does for a driver that redirects on the wrong queue.
#![allow(clippy::unwrap_used)]

use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use aya::maps::{Map, MapData, MapInfo, XskMap};
use gateway_e2e::{Lab, Observer};
use gateway_test_harness::config::Input;
use gateway_test_harness::network::GATEWAY_INTERFACE;
use gateway_test_harness::{Config, Gateway, wait};
use gateway_test_xdp::socket::XdpSocket;

const LIMIT: Duration = Duration::from_secs(20);
const FLOW: &str =
    "generate --messages 3000 --pace rate=6000 --messages-per-packet 6 --heartbeat-ms 0";

/// The map of sockets of the program that is attached to the gateway's interface.
fn sockets(lab: &Lab) -> XskMap<MapData> {
    let shown = lab
        .network
        .gateway
        .ip(&format!("-details link show dev {GATEWAY_INTERFACE}"))
        .unwrap();
    let (_, after) = shown.split_once("prog/xdp").unwrap();
    let (_, id) = after.split_once("id ").unwrap();
    let id: u32 = id.split_whitespace().next().unwrap().parse().unwrap();
    let program = aya::programs::loaded_programs()
        .map_while(Result::ok)
        .find(|program| program.id() == id)
        .unwrap();
    let map = program
        .map_ids()
        .unwrap()
        .unwrap()
        .into_iter()
        .find(|&map| MapInfo::from_id(map).unwrap().name_as_str() == Some("SOCKETS"));
    let data = MapData::from_id(map.unwrap()).unwrap();
    Map::XskMap(data).try_into().unwrap()
}

/// A socket on another device of the gateway's namespace.
fn foreign(lab: &Lab) -> XdpSocket {
    let bind = || {
        // The loopback interface is the first of every namespace.
        Ok(XdpSocket::bind(1, 0))
    };
    lab.network.gateway.enter(bind).unwrap()
}

fn sum(gateway: &Gateway, name: &str, labels: &[(&str, &str)]) -> f64 {
    gateway.metrics().unwrap().sum(name, labels).unwrap_or(0.0)
}

fn wait_for(gateway: &Gateway, what: &str, name: &str, labels: &[(&str, &str)], value: f64) {
    wait::until(what, LIMIT, || {
        let now = gateway.metrics()?.sum(name, labels);
        Ok((now == Some(value)).then_some(()))
    })
    .unwrap_or_else(|error| panic!("{error}\n{}", gateway.process.output()));
}

#[test]
fn a_tier_that_redirects_and_delivers_nothing_is_left_for_the_next() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let config = Config::new(Input::tier("auto"));
    let mut gateway = lab.gateway(&config).unwrap();
    let observer = Observer::start(&gateway.socket(), "all").unwrap();
    let thief = foreign(&lab);
    sockets(&lab).set(0, thief.as_fd().as_raw_fd(), 0).unwrap();

    let first = lab
        .simulator(&config, &format!("{FLOW} --session DEAF"))
        .unwrap();
    first.finish(LIMIT).unwrap();
    wait_for(
        &gateway,
        "the skb tier",
        "gateway_xdp_mode",
        &[("mode", "skb")],
        1.0,
    );
    wait_for(
        &gateway,
        "a degraded link",
        "gateway_link_state",
        &[("state", "degraded")],
        1.0,
    );
    let status = gateway.status().unwrap();
    let interface = &status["interfaces"][0];
    let step = &interface["steps"][1];
    assert_eq!(
        (&step["tier"], &step["remedy"].is_string()),
        (&"copy".into(), &true),
        "{interface:#}"
    );
    let reason = step["reason"].as_str().unwrap();
    assert!(reason.contains("not one arrived"), "{reason}");
    let lost = interface["lost_in_redirect"].as_u64().unwrap();
    assert!(lost >= 8, "{lost}");

    // There it goes on: a session that begins anew arrives whole.
    let second = lab
        .simulator(&config, &format!("{FLOW} --session HEARS --end-of-session"))
        .unwrap();
    let report = second.finish(LIMIT).unwrap();
    observer
        .wait_for("every message", LIMIT, |seen| {
            seen.messages >= report.messages
        })
        .unwrap();
    assert_eq!(
        sum(&gateway, "gateway_xdp_lost_in_redirect_total", &[]),
        lost as f64
    );

    // The operator may have it tried again; the new program has a socket of its own.
    gateway
        .process
        .signal(gateway_test_harness::process::Signal::USR1)
        .unwrap();
    wait_for(
        &gateway,
        "the copy tier",
        "gateway_xdp_mode",
        &[("mode", "copy")],
        1.0,
    );
    let (status, _) = gateway.process.terminate(Duration::from_secs(5)).unwrap();
    assert!(status.success(), "{}", gateway.process.output());
}

#[test]
fn frames_lost_on_the_way_to_the_socket_are_counted_exactly_and_told_once() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let config = Config::new(Input::tier("copy"));
    let mut gateway = lab.gateway(&config).unwrap();
    let flow = |session: &str| {
        let simulator = lab
            .simulator(&config, &format!("{FLOW} --session {session}"))
            .unwrap();
        let report = simulator.finish(LIMIT).unwrap();
        report
            .lines
            .values()
            .map(|line| line.datagrams())
            .sum::<u64>()
    };
    let arrived = flow("WHOLE");
    wait_for(
        &gateway,
        "what arrives",
        "gateway_rx_packets_total",
        &[],
        arrived as f64,
    );
    assert_eq!(
        sum(&gateway, "gateway_xdp_lost_in_redirect_total", &[]),
        0.0
    );

    let thief = foreign(&lab);
    sockets(&lab).set(0, thief.as_fd().as_raw_fd(), 0).unwrap();
    let lost = flow("LOST1");
    wait_for(
        &gateway,
        "the first loss",
        "gateway_xdp_lost_in_redirect_total",
        &[],
        lost as f64,
    );
    let more = lost + flow("LOST2");
    wait_for(
        &gateway,
        "all of it",
        "gateway_xdp_lost_in_redirect_total",
        &[],
        more as f64,
    );
    assert_eq!(
        sum(&gateway, "gateway_rx_packets_total", &[]),
        arrived as f64
    );
    assert_eq!(
        sum(&gateway, "gateway_xsk_rx_dropped_total", &[]),
        0.0,
        "the kernel counts none"
    );

    let mut explain = gateway.command("explain");
    let text = String::from_utf8(explain.output().unwrap().stdout).unwrap();
    assert!(
        text.contains(&format!(
            "{more} of {} redirected frames were lost",
            arrived + more
        )),
        "{text}"
    );
    let (status, _) = gateway.process.terminate(Duration::from_secs(5)).unwrap();
    let log = gateway.process.output();
    assert!(status.success(), "{log}");
    assert_eq!(
        log.matches("did not arrive, and no socket counted them")
            .count(),
        1,
        "{log}"
    );
}

/// What `mode` says is not stepped down from, and that nothing arrives is an error in the log.
#[test]
fn an_exact_tier_that_delivers_nothing_stays_and_says_so() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let config = Config::new(Input::tier("copy"));
    let mut gateway = lab.gateway(&config).unwrap();
    let thief = foreign(&lab);
    sockets(&lab).set(0, thief.as_fd().as_raw_fd(), 0).unwrap();
    let simulator = lab.simulator(&config, FLOW).unwrap();
    let report = simulator.finish(LIMIT).unwrap();
    let sent: u64 = report.lines.values().map(|line| line.datagrams()).sum();
    wait_for(
        &gateway,
        "the loss",
        "gateway_xdp_lost_in_redirect_total",
        &[],
        sent as f64,
    );
    assert_eq!(sum(&gateway, "gateway_xdp_mode", &[("mode", "copy")]), 1.0);
    let (status, _) = gateway.process.terminate(Duration::from_secs(5)).unwrap();
    let log = gateway.process.output();
    assert!(status.success(), "{log}");
    assert_eq!(log.matches("allow no lower tier").count(), 1, "{log}");
}
