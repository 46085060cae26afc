//! `gateway doctor` on a link of its own: the probe, and the checks of a running gateway.
#![allow(clippy::unwrap_used)]

use std::process::Output;
use std::time::{Duration, Instant};

use gateway_e2e::Lab;
use gateway_test_harness::Config;
use gateway_test_harness::config::Input;
use gateway_test_harness::network::{EXCHANGE_INTERFACE, GATEWAY_INTERFACE};
use gateway_test_harness::process::Running;
use serde_json::Value;

fn doctor(lab: &Lab, arguments: &[&str]) -> Output {
    let program = lab.binaries.path("gateway");
    let mut command = lab.network.gateway.command(program);
    command.arg("doctor").args(arguments).output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

fn check<'a>(shown: &'a Value, id: &str) -> &'a Value {
    let checks = shown["checks"].as_array().unwrap();
    checks.iter().find(|check| check["check"] == id).unwrap()
}

fn peer(lab: &Lab) -> Running {
    let program = lab.binaries.path("gateway-sim");
    let mut command = lab.network.exchange.command(program);
    command.args(["probe", "--interface", EXCHANGE_INTERFACE, "--rate", "2000"]);
    Running::spawn("gateway-sim probe", &mut command).unwrap()
}

const PROBE: [&str; 6] = [
    "-i",
    GATEWAY_INTERFACE,
    "--json",
    "--probe",
    "--probe-seconds",
    "1",
];

#[test]
fn the_probe_counts_what_a_peer_sends_by_socket_and_by_af_xdp() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let peer = peer(&lab);
    let output = doctor(&lab, &PROBE);
    drop(peer);
    let shown = json(&output);
    let paths = shown["probe"]["paths"].as_array().unwrap();
    let tiers: Vec<&str> = paths
        .iter()
        .map(|path| path["tier"].as_str().unwrap())
        .collect();
    assert_eq!(tiers, ["socket", "copy"], "{shown}");
    for path in paths {
        assert!(path["received"].as_u64().unwrap() > 0, "{path}");
        assert_eq!(path["received"], path["sent"], "{path}");
    }
    let found = check(&shown, "multicast-probe");
    assert_eq!(found["verdict"], "ok", "{found}");
    // Nothing stays behind.
    let link = lab
        .network
        .gateway
        .ip(&format!("-details link show {GATEWAY_INTERFACE}"));
    assert!(!link.unwrap().contains("prog/xdp"));
}

#[test]
fn without_a_peer_the_probe_fails_and_says_what_to_look_at() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let output = doctor(&lab, &PROBE);
    assert_eq!(output.status.code(), Some(15));
    let found = check(&json(&output), "multicast-probe").clone();
    assert_eq!(found["verdict"], "fail", "{found}");
    assert!(
        found["found"].as_str().unwrap().contains("nothing came"),
        "{found}"
    );
    assert!(
        found["advice"]
            .as_str()
            .unwrap()
            .contains("gateway-sim probe"),
        "{found}"
    );
}

#[test]
fn a_running_gateway_shows_its_checks_and_the_doctor_knows_its_program() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let gateway = lab.gateway(&Config::new(Input::tier("copy"))).unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    let level = loop {
        let metrics = gateway.metrics().unwrap();
        let labels = [("check", "xdp-owner"), ("interface", GATEWAY_INTERFACE)];
        match metrics.sum("gateway_doctor_check", &labels) {
            Some(level) => break level,
            None if Instant::now() > end => panic!("no gateway_doctor_check"),
            None => std::thread::sleep(Duration::from_millis(50)),
        }
    };
    assert!(
        level.abs() < f64::EPSILON,
        "its own program is no other's: {level}"
    );
    let shown = json(&doctor(
        &lab,
        &["-i", GATEWAY_INTERFACE, "--json", "--only", "xdp-owner"],
    ));
    let found = check(&shown, "xdp-owner");
    assert_eq!(found["verdict"], "ok", "{found}");
    assert!(
        found["found"]
            .as_str()
            .unwrap()
            .contains("the gateway's own"),
        "{found}"
    );

    // Its program is on the interface, so the probe has the socket only.
    let peer = peer(&lab);
    let shown = json(&doctor(&lab, &PROBE));
    drop(peer);
    let probe = &shown["probe"];
    assert_eq!(probe["paths"].as_array().unwrap().len(), 1, "{probe}");
    assert!(
        probe["not_tried"][0]
            .as_str()
            .unwrap()
            .contains("XDP program"),
        "{probe}"
    );
}
