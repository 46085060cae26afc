//! A device that is deleted and made anew while the gateway runs: it says so, and goes on when the device is back.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use gateway_e2e::{Lab, Observer};
use gateway_test_harness::config::Input;
use gateway_test_harness::{Config, Gateway, http, wait};

const LIMIT: Duration = Duration::from_secs(10);

fn readiness(lab: &Lab) -> (u16, String) {
    let address = "127.0.0.1:9464".parse().unwrap();
    let answer = lab
        .network
        .gateway
        .enter(|| http::get(address, "/readyz"))
        .unwrap();
    (answer.status, answer.body)
}

/// Waits until every one of the gateway's groups is joined, or every one is not.
fn wait_for_groups(gateway: &Gateway, joined: f64) {
    wait::until("the groups' gauges", LIMIT, || {
        let metrics = gateway.metrics()?;
        let all = |sample: &gateway_test_harness::metrics::Sample| sample.value == joined;
        Ok(metrics
            .select("gateway_group_joined", &[])
            .all(all)
            .then_some(()))
    })
    .unwrap();
}

#[test]
fn on_the_socket_tier_the_gateway_tells_that_it_is_deaf_and_hears_again() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let config = Config::new(Input::tier("socket"));
    let mut gateway = lab.gateway(&config).unwrap();
    let observer = Observer::start(&gateway.socket(), "all").unwrap();
    wait_for_groups(&gateway, 1.0);

    lab.network.disconnect().unwrap();
    wait_for_groups(&gateway, 0.0);
    let (status, why) = readiness(&lab);
    assert_eq!(status, 503);
    assert!(why.contains("\"md0\" are not joined"), "{why}");
    let text = gateway.command("status").output().unwrap().stdout;
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(text.contains("NOT READY: the groups of"), "{text}");

    lab.network.connect().unwrap();
    wait_for_groups(&gateway, 1.0);
    assert_eq!(readiness(&lab), (200, "ready\n".to_owned()));
    let rejoins = gateway.metrics().unwrap();
    assert_eq!(rejoins.sum("gateway_group_rejoins_total", &[]), Some(1.0));
    let flow = "generate --messages 2000 --pace rate=20000 --end-of-session";
    let simulator = lab.simulator(&config, flow).unwrap();
    let report = simulator.finish(LIMIT).unwrap();
    observer
        .wait_for("every message", LIMIT, |seen| {
            seen.messages == report.messages
        })
        .unwrap();
    let (status, _) = gateway.process.terminate(Duration::from_secs(5)).unwrap();
    assert!(status.success(), "{}", gateway.process.output());
    let log = gateway.process.output();
    assert_eq!(
        log.matches("the interface is gone").count(),
        1,
        "told once: {log}"
    );
}

#[test]
fn on_an_af_xdp_tier_the_loss_of_the_only_device_ends_the_gateway_with_its_exit_code() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let mut gateway = lab.gateway(&Config::new(Input::tier("copy"))).unwrap();
    lab.network.disconnect().unwrap();
    let status = gateway.process.wait(LIMIT).unwrap();
    let log = gateway.process.output();
    assert_eq!(status.code(), Some(4), "{log}");
    assert!(log.contains("interface `md0` is gone"), "{log}");
}
