//! A device that is deleted and made anew while the gateway runs: it says so, and goes on when the device is back.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use gateway_e2e::{Lab, Observer};
use gateway_test_harness::config::Input;
use gateway_test_harness::network::{EXCHANGE_INTERFACE, GATEWAY_INTERFACE};
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

fn wait_for_link(gateway: &Gateway, state: &str) {
    wait::until(&format!("the link to be {state}"), LIMIT, || {
        let metrics = gateway.metrics()?;
        let now = metrics.sum("gateway_link_state", &[("state", state)]);
        Ok((now == Some(1.0)).then_some(()))
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
    assert!(why.contains("interface \"md0\" is absent"), "{why}");
    let text = gateway.command("status").output().unwrap().stdout;
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(text.contains("NOT READY: interface"), "{text}");

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
fn on_an_af_xdp_tier_a_device_that_is_taken_away_and_brought_back_is_opened_again() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let config = Config::new(Input::tier("copy"));
    let mut gateway = lab.gateway(&config).unwrap();
    let observer = Observer::start(&gateway.socket(), "all").unwrap();
    let flow = |day: u64| {
        let arguments = "generate --messages 2000 --pace rate=20000 --end-of-session";
        let simulator = lab
            .simulator(
                &config,
                &format!("{arguments} --session DAY{day} --seed {day}"),
            )
            .unwrap();
        simulator.finish(LIMIT).unwrap().messages
    };
    let sent = flow(1);
    observer
        .wait_for("what came before", LIMIT, |seen| seen.messages == sent)
        .unwrap();
    let before = gateway.metrics().unwrap();

    for round in 1..=3 {
        lab.network.disconnect().unwrap();
        wait_for_link(&gateway, "absent");
        wait_for_groups(&gateway, 0.0);
        let (status, why) = readiness(&lab);
        assert_eq!(status, 503);
        assert!(why.contains("interface \"md0\" is absent"), "{why}");
        lab.network.connect().unwrap();
        wait_for_link(&gateway, "live");
        wait_for_groups(&gateway, 1.0);
        let reopened = gateway.metrics().unwrap();
        let times = reopened.sum("gateway_link_reopened_total", &[]);
        assert_eq!(times, Some(f64::from(round)));
    }
    assert_eq!(readiness(&lab), (200, "ready\n".to_owned()));

    // A day that begins anew: the session is another, and all of it arrives. A strategy also sees a Clear record for each
    // instrument of the day before.
    let more = flow(2);
    observer
        .wait_for("what came after", LIMIT, |seen| {
            seen.messages >= sent + more
        })
        .unwrap();
    let status = gateway.status().unwrap();
    assert_eq!(status["channels"][0]["messages"], sent + more);
    assert_eq!(status["channels"][0]["lost"], 0);
    // What was counted before stays counted.
    let after = gateway.metrics().unwrap();
    let grown = |name: &str, labels: &[(&str, &str)]| {
        (
            before.sum(name, labels).unwrap(),
            after.sum(name, labels).unwrap(),
        )
    };
    for (name, labels) in [
        ("gateway_rx_packets_total", &[][..]),
        ("gateway_xdp_verdicts_total", &[("verdict", "redirect")][..]),
    ] {
        let (then, now) = grown(name, labels);
        assert!(then > 0.0 && now > 1.5 * then, "{name}: {then}, then {now}");
    }
    let (status, _) = gateway.process.terminate(Duration::from_secs(5)).unwrap();
    let log = gateway.process.output();
    assert!(status.success(), "{log}");
    assert_eq!(
        log.matches("the interface is gone; it is opened").count(),
        3
    );
    assert_eq!(log.matches("receiving again").count(), 3, "{log}");
}

/// Whatever the gateway is busy with, closing or opening, the next change finds it.
#[test]
fn devices_that_come_and_go_faster_than_they_are_opened_leave_it_on_the_last_one() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let config = Config::new(Input::tier("copy"));
    let mut gateway = lab.gateway(&config).unwrap();
    let observer = Observer::start(&gateway.socket(), "all").unwrap();
    for round in 0..12_u64 {
        lab.network.disconnect().unwrap();
        std::thread::sleep(Duration::from_millis(3 * (round % 4)));
        lab.network.connect().unwrap();
        std::thread::sleep(Duration::from_millis(7 * (round % 5)));
    }
    wait_for_groups(&gateway, 1.0);
    wait_for_link(&gateway, "live");
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
}

#[test]
fn a_link_that_goes_down_and_comes_up_needs_no_new_sockets() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let config = Config::new(Input::tier("copy"));
    let gateway = lab.gateway(&config).unwrap();
    let observer = Observer::start(&gateway.socket(), "all").unwrap();
    // The carrier goes with the other end; then the interface itself is set down.
    for (namespace, interface) in [
        (&lab.network.exchange, EXCHANGE_INTERFACE),
        (&lab.network.gateway, GATEWAY_INTERFACE),
    ] {
        namespace.ip(&format!("link set {interface} down")).unwrap();
        wait_for_link(&gateway, "down");
        namespace.ip(&format!("link set {interface} up")).unwrap();
        lab.network.wait_until_it_carries().unwrap();
        wait_for_link(&gateway, "live");
    }
    wait_for_groups(&gateway, 1.0);
    // Setting it down took the addresses' routes with it.
    let flow = "generate --messages 2000 --pace rate=20000 --end-of-session";
    let simulator = lab.simulator(&config, flow).unwrap();
    let report = simulator.finish(LIMIT).unwrap();
    observer
        .wait_for("every message", LIMIT, |seen| {
            seen.messages == report.messages
        })
        .unwrap();
    let reopened = gateway.metrics().unwrap();
    assert_eq!(reopened.sum("gateway_link_reopened_total", &[]), Some(0.0));
}

#[test]
fn a_better_tier_is_taken_when_the_operator_says_so() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let config = Config::new(Input::tier("auto"));
    // Another's program keeps the gateway from its own at first: it steps down, and says why.
    let mut gateway = lab.gateway(&config).unwrap();
    let tier = |gateway: &Gateway, mode: &str| {
        wait::until(&format!("tier {mode}"), LIMIT, || {
            let now = gateway
                .metrics()?
                .sum("gateway_xdp_mode", &[("mode", mode)]);
            Ok((now == Some(1.0)).then_some(()))
        })
        .unwrap();
    };
    // A veth pair has no zero-copy: copy is the best that works, and stays so when better is tried.
    tier(&gateway, "copy");
    gateway
        .process
        .signal(gateway_test_harness::process::Signal::USR1)
        .unwrap();
    wait::until("the interface opened again", LIMIT, || {
        let metrics = gateway.metrics()?;
        let again = metrics.sum("gateway_link_reopened_total", &[]) == Some(1.0);
        let live = metrics.sum("gateway_link_state", &[("state", "live")]) == Some(1.0);
        Ok((again && live).then_some(()))
    })
    .unwrap();
    tier(&gateway, "copy");
}
