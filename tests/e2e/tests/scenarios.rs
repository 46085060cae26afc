//! `gateway bench scenarios`: a requester and a responder, each in a namespace of its own, on one link. Function only: what
//! the times are is nobody's business here.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::process::Output;
use std::time::Duration;

use gateway_e2e::Lab;
use gateway_test_harness::Running;
use gateway_test_harness::network::{
    EXCHANGE_ADDRESS, EXCHANGE_INTERFACE, GATEWAY_ADDRESS, GATEWAY_INTERFACE,
};
use gateway_test_harness::process::Signal;
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(20);

fn responder(lab: &Lab, more: &[&str]) -> Running {
    let mut command = lab.network.exchange.command(lab.binaries.path("gateway"));
    command
        .args(["bench", "scenarios", "respond"])
        .args(["--interface", EXCHANGE_INTERFACE])
        .args(["--address", &EXCHANGE_ADDRESS.to_string()])
        .args(more);
    let mut responder = Running::spawn("responder", &mut command).unwrap();
    responder
        .wait_for_line("readiness", LIMIT, |line| line.starts_with("ready: "))
        .unwrap();
    responder
}

fn measure(lab: &Lab, more: &[&str]) -> Output {
    lab.network
        .gateway
        .command(lab.binaries.path("gateway"))
        .args(["bench", "scenarios", "measure"])
        .arg(EXCHANGE_ADDRESS.to_string())
        .args(["--interface", GATEWAY_INTERFACE])
        .args(["--iterations", "300", "--warm-up", "10", "--seconds", "1"])
        .args(more)
        .output()
        .unwrap()
}

#[test]
fn every_path_is_measured_and_reported_in_every_form() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let mut responder = responder(&lab, &[]);
    let (json, sfnt, svg) = (file("a.json"), file("a.sfnt"), file("a.svg"));
    let raw = file("raw");
    let output = measure(
        &lab,
        &[
            "--link",
            "vm-vm-vf",
            "--size",
            "64,1400",
            "--rate",
            "500",
            "--rounds",
            "2",
            "--reply-limit-ms",
            "2000",
            "--json",
            &json,
            "--sfnt",
            &sfnt,
            "--svg",
            &svg,
            "--raw",
            &raw,
        ],
    );
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}\n{}", responder.stderr());

    // Four paths, two sizes, closed and open loop, half round trips and, on one machine, one-way times.
    let reports: Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
    let rows = reports[0]["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 4 * 2 * 2 * 2, "{rows:#?}");
    for row in rows {
        for round in row["rounds"].as_array().unwrap() {
            let d = &round["distribution"];
            let ns = |name: &str| d[name].as_u64().unwrap();
            assert!(ns("min_ns") <= ns("p50_ns") && ns("p50_ns") <= ns("max_ns"));
            let (samples, lost) = (ns("samples"), round["lost"].as_u64().unwrap());
            // Fewer where the machine is so busy that the time is up before.
            assert!(samples > 0 && samples + lost <= 300, "{row:#}");
            assert_eq!(round["negative"], 0, "{row:#}");
        }
        assert_eq!(row["rounds"].as_array().unwrap().len(), 2);
    }
    // A veth pair has native XDP, and copies.
    let ways = reports[0]["ways"].as_array().unwrap();
    let tier = |path: &str| {
        let way = ways.iter().find(|way| way[0] == path).unwrap();
        way[1]["requester"]["tier"].clone()
    };
    assert_eq!(tier("gateway"), "copy");
    assert_eq!(tier("gateway-queue"), "copy");
    assert_eq!(tier("kernel-spin"), Value::Null);

    let text = String::from_utf8(output.stdout).unwrap();
    for words in [
        "5. VM to VM, virtual functions, gateway",
        "3. VM to VM, virtual functions, kernel sockets",
        "both ends read one clock",
        "not measured: 1.",
    ] {
        assert!(text.contains(words), "{words} in {text}");
    }
    let lines = fs::read_to_string(&sfnt).unwrap();
    let lines: Vec<_> = lines
        .lines()
        .filter(|line| line.starts_with('\t'))
        .collect();
    assert_eq!(lines.len(), 4 * 2, "{lines:?}");
    assert!(fs::read_to_string(&svg).unwrap().starts_with("<svg"));
    let samples = fs::read_to_string(file("raw-gateway-64-2.dat")).unwrap();
    assert!(samples.lines().count() > 0);
    assert!(samples.lines().all(|line| line.parse::<u64>().is_ok()));

    // The same table from the file.
    let again = lab
        .network
        .gateway
        .command(lab.binaries.path("gateway"))
        .args(["bench", "scenarios", "report", &json])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(again.stdout).unwrap(), text);

    // It serves the next requester, and stops when told to.
    let (status, _) = responder.terminate(Duration::from_secs(5)).unwrap();
    assert!(status.success(), "{status}");
}

#[test]
fn a_tier_that_cannot_be_had_is_refused_by_name() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let mut responder = responder(&lab, &["--mode", "zero-copy"]);
    let output = measure(&lab, &["--path", "gateway"]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    assert!(
        stderr.contains("the responder refuses") && stderr.contains("zero-copy"),
        "{stderr}"
    );
    // No harm to the next run.
    let output = measure(&lab, &["--path", "kernel-spin", "--rounds", "1"]);
    assert!(output.status.success(), "{}", responder.stderr());
    responder.signal(Signal::INT).unwrap();
    assert!(responder.wait(LIMIT).unwrap().success());
}

#[test]
fn a_missing_responder_and_a_missing_way_are_told_apart() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let output = measure(&lab, &["--path", "kernel-spin"]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    assert!(
        stderr.contains("no responder at 10.77.0.1:24500"),
        "{stderr}"
    );

    // Requests arrive at an address that does not answer: the responder listens on another port than it says.
    let _responder = responder(&lab, &["--port", "24777", "--control", "10.77.0.1:24500"]);
    let output = measure(
        &lab,
        &[
            "--path",
            "kernel-spin",
            "--address",
            &GATEWAY_ADDRESS.to_string(),
        ],
    );
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    assert!(stderr.contains("requests do not arrive"), "{stderr}");
}
