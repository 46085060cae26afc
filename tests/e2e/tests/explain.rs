//! `gateway explain`: from a running gateway, and without one.
#![allow(clippy::unwrap_used)]

use gateway_e2e::Lab;
use gateway_test_harness::Config;
use gateway_test_harness::config::Input;
use gateway_test_harness::network::GATEWAY_INTERFACE;
use serde_json::Value;

/// Runs `gateway explain` in the gateway's namespace: exit code, standard output, standard error.
fn explain(lab: &Lab, arguments: &[&str]) -> (i32, String, String) {
    let program = lab.binaries.path("gateway");
    let mut command = lab.network.gateway.command(program);
    let output = command.arg("explain").args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code().unwrap(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn standings(explanation: &Value) -> Vec<&str> {
    let tiers = explanation["tiers"].as_array().unwrap();
    tiers
        .iter()
        .map(|rung| rung["standing"].as_str().unwrap())
        .collect()
}

#[test]
fn without_a_gateway_it_looks_at_the_interface_and_attaches_nothing() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let nowhere = ["--socket", "/run/gateway/there-is-none.sock"];
    let (code, text, _) = explain(&lab, &[&[GATEWAY_INTERFACE][..], &nowhere].concat());
    assert_eq!(code, 0);
    assert!(
        text.starts_with("no gateway answers on /run/gateway/there-is-none.sock"),
        "{text}"
    );
    assert!(text.contains("without attaching anything"), "{text}");

    // All interfaces: the namespace has this one, and the loopback interface, which is left out.
    let (_, text, _) = explain(&lab, &[&["--json"][..], &nowhere].concat());
    let all = json(&text);
    assert_eq!(all.as_array().unwrap().len(), 1, "{text}");
    let explanation = &all[0];
    assert_eq!(explanation["interface"], GATEWAY_INTERFACE);
    assert_eq!(explanation["source"], "probe");
    assert_eq!(explanation["tier"], "copy");
    assert_eq!(
        standings(explanation),
        ["refused", "expected", "not_needed", "not_needed"]
    );
    let why = explanation["tiers"][0]["why"].as_str().unwrap();
    assert!(why.contains("veth does not offer zero-copy"), "{why}");
    let link = lab
        .network
        .gateway
        .ip(&format!("-details link show {GATEWAY_INTERFACE}"));
    assert!(!link.unwrap().contains("prog/xdp"));

    let ip = |command: &str| lab.network.gateway.ip(command).unwrap();
    ip(&format!("link set {GATEWAY_INTERFACE} down"));
    let (_, text, _) = explain(&lab, &[GATEWAY_INTERFACE, "--json", "--probe"]);
    let explanation = &json(&text)[0];
    assert_eq!(explanation["tier"], Value::Null);
    assert_eq!(
        explanation["tiers"][3]["remedy"],
        "`ip link set dev md0 up`"
    );

    let (code, _, said) = explain(&lab, &["eth99", "--probe"]);
    assert_eq!(code, 4);
    assert!(said.contains("`eth99` does not exist"), "{said}");
}

#[test]
fn a_running_gateway_tells_what_the_kernel_answered() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let gateway = lab.gateway(&Config::new(Input::tier("auto"))).unwrap();
    let socket = gateway.socket();
    let socket = ["--socket", socket.to_str().unwrap()];
    let (code, text, _) = explain(&lab, &[&[GATEWAY_INTERFACE][..], &socket].concat());
    assert_eq!(code, 0);
    for says in [
        "from the running gateway test (pid ",
        "md0: receives at copy, because zero-copy is not to be had: the driver does not do zero-copy on queue 0 (EOPNOTSUPP",
        "to change that: stay at copy, or receive on a function whose driver has zero-copy",
        "XDP features       native XDP, redirect, no zero-copy",
    ] {
        assert!(text.contains(says), "{says}\n{text}");
    }
    let (_, text, _) = explain(&lab, &[&["--json"][..], &socket].concat());
    let explanation = &json(&text)[0];
    assert_eq!(explanation["source"], "running");
    assert_eq!(
        standings(explanation),
        ["refused", "used", "not_needed", "not_needed"]
    );
    // One that the gateway does not use is looked at.
    let (_, text, _) = explain(&lab, &[&["lo"][..], &socket].concat());
    assert!(text.contains("does not use lo"), "{text}");
    assert!(text.contains("would be opened at skb"), "{text}");
    drop(gateway);

    let gateway = lab.gateway(&Config::new(Input::tier("skb"))).unwrap();
    let socket = gateway.socket();
    let socket = ["--socket", socket.to_str().unwrap()];
    let (_, text, _) = explain(&lab, &[&["--json"][..], &socket].concat());
    let explanation = &json(&text)[0];
    assert_eq!(
        standings(explanation),
        ["not_allowed", "not_allowed", "used", "not_needed"]
    );
    assert_eq!(explanation["tiers"][0]["remedy"], "set `mode = \"auto\"`");
}
