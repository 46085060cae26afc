//! A running gateway is confined, whatever it is doing, and says so.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use gateway_e2e::Lab;
use gateway_test_harness::config::Input;
use gateway_test_harness::process::Signal;
use gateway_test_harness::{Config, wait};

const LIMIT: Duration = Duration::from_secs(10);

/// The words behind `key` in a thread's `/proc/…/status`.
fn value(status: &str, key: &str) -> String {
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    line.unwrap_or_default()
        .trim_start_matches(':')
        .trim()
        .to_owned()
}

/// What binds each thread of a process: the values of these keys.
fn threads(pid: u64, keys: &[&str]) -> Vec<Vec<String>> {
    fs::read_dir(format!("/proc/{pid}/task"))
        .unwrap()
        .map(|task| {
            let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
            keys.iter().map(|key| value(&status, key)).collect()
        })
        .collect()
}

#[test]
fn every_thread_of_a_running_gateway_is_confined_and_status_and_metrics_say_so() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let config = Config::new(Input::tier("socket"));
    let gateway = lab.gateway(&config).unwrap();
    let status = gateway.status().unwrap();
    let pid = status["pid"].as_u64().unwrap();
    let found = threads(
        pid,
        &[
            "NoNewPrivs",
            "Seccomp",
            "CapPrm",
            "CapEff",
            "CapInh",
            "CapAmb",
        ],
    );
    assert!(found.len() > 2, "{found:?}");
    let none = "0000000000000000";
    for thread in &found {
        assert_eq!(thread[..2], ["1", "2"], "{found:?}");
        assert!(thread[2..].iter().all(|set| set == none), "{found:?}");
    }
    let metrics = gateway.metrics().unwrap();
    for mechanism in status["confinement"].as_array().unwrap() {
        let name = mechanism["name"].as_str().unwrap();
        let in_force = f64::from(u8::from(mechanism["in_force"].as_bool().unwrap()));
        assert_eq!(
            metrics.sum("gateway_confined", &[("mechanism", name)]),
            Some(in_force)
        );
        // Landlock is the one that a kernel may lack.
        assert!(name == "landlock" || in_force == 1.0, "{status:#}");
    }
    assert_eq!(status["confinement"].as_array().unwrap().len(), 5);
}

#[test]
fn with_confine_off_nothing_binds_it_and_it_says_so() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let mut config = Config::new(Input::tier("socket"));
    config.gateway_keys = "confine = \"off\"".to_owned();
    let gateway = lab.gateway(&config).unwrap();
    let status = gateway.status().unwrap();
    let found = threads(status["pid"].as_u64().unwrap(), &["NoNewPrivs", "Seccomp"]);
    assert!(
        found.iter().all(|thread| thread[..] == ["0", "0"]),
        "{found:?}"
    );
    let all = status["confinement"].as_array().unwrap();
    assert!(
        all.len() == 5 && all.iter().all(|m| m["in_force"] == false),
        "{status:#}"
    );
}

/// The helper of a gateway's process.
fn helper_of(pid: u64) -> u64 {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    let all: Vec<u64> = children
        .split_whitespace()
        .map(|child| child.parse().unwrap())
        .collect();
    assert_eq!(all.len(), 1, "{children}");
    all[0]
}

fn descriptors(pid: u64) -> Vec<String> {
    let folder = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let links = folder.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    links.map(|link| link.display().to_string()).collect()
}

#[test]
fn on_an_af_xdp_tier_the_helper_opens_and_keeps_nothing_and_the_service_has_no_right() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let gateway = lab.gateway(&Config::new(Input::tier("skb"))).unwrap();
    let status = gateway.status().unwrap();
    assert_eq!(status["interfaces"][0]["tier"], "skb", "{status:#}");
    let pid = status["pid"].as_u64().unwrap();
    for thread in threads(pid, &["CapEff", "Seccomp"]) {
        assert_eq!(thread, ["0000000000000000", "2"]);
    }
    let helper = helper_of(pid);
    for thread in threads(helper, &["NoNewPrivs", "Seccomp"]) {
        assert_eq!(thread, ["1", "2"]);
    }
    // CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF and CAP_PERFMON; CAP_IPC_LOCK where the limit cannot be raised.
    let rights = 1_u64 << 12 | 1 << 13 | 1 << 38 | 1 << 39;
    for thread in threads(helper, &["CapEff"]) {
        let found = u64::from_str_radix(&thread[0], 16).unwrap();
        assert_eq!(found & !(1 << 14), rights, "{found:x}");
    }
    let kept = descriptors(helper);
    assert!(
        !kept
            .iter()
            .any(|what| what.contains("bpf") || what.contains("memfd")),
        "{kept:?}"
    );
    // What the XDP program counts is read by the service all the same.
    assert!(
        !status["interfaces"][0]["verdicts"]
            .as_array()
            .unwrap()
            .is_empty(),
        "{status:#}"
    );
}

#[test]
fn the_helper_ends_with_the_service_and_the_service_goes_on_without_the_helper() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let mut gateway = lab.gateway(&Config::new(Input::tier("skb"))).unwrap();
    let pid = gateway.status().unwrap()["pid"].as_u64().unwrap();
    let helper = helper_of(pid);
    let there = || fs::exists(format!("/proc/{helper}/fd/0")).unwrap();
    assert!(there());
    // What a terminal and a service manager send to both does not end it.
    let child = rustix::process::Pid::from_raw(i32::try_from(helper).unwrap()).unwrap();
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        rustix::process::kill_process(child, signal).unwrap();
    }
    // They are delivered when it runs next, and it answers after that.
    assert!(gateway.command("reload").status().unwrap().success());
    assert!(there());
    rustix::process::kill_process(child, Signal::KILL).unwrap();
    let told = || {
        let metrics = gateway.metrics()?;
        Ok((metrics.sum("gateway_helper_up", &[]) == Some(0.0)).then_some(()))
    };
    wait::until("the helper's end to be told", LIMIT, told).unwrap();
    let ready = gateway.status().unwrap();
    assert_eq!(ready["ready"], true, "{ready:#}");
    assert_eq!(ready["helper_up"], false, "{ready:#}");
    gateway.process.signal(Signal::KILL).unwrap();
    gateway.process.wait(LIMIT).unwrap();
    assert!(!there());
    gateway.start_again().unwrap();
    let helper = helper_of(gateway.status().unwrap()["pid"].as_u64().unwrap());
    gateway.process.signal(Signal::KILL).unwrap();
    gateway.process.wait(LIMIT).unwrap();
    let gone = || Ok((!fs::exists(format!("/proc/{helper}/fd/0"))?).then_some(()));
    wait::until("the helper to end with its service", LIMIT, gone).unwrap();
}

#[test]
fn metrics_are_served_at_a_unix_socket_that_goes_with_the_gateway() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.sock");
    let config = Config {
        metrics_listen: format!("unix:{}", path.display()),
        ..Config::new(Input::tier("socket"))
    };
    let mut gateway = lab.gateway(&config).unwrap();
    let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o660);
    let mut stream = UnixStream::connect(&path).unwrap();
    let request = b"GET /metrics HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n\r\n";
    stream.write_all(request).unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    assert!(
        page.contains("\ngateway_confined{mechanism=\"seccomp\"} 1\n"),
        "{page}"
    );
    gateway.process.signal(Signal::TERM).unwrap();
    gateway.process.wait(LIMIT).unwrap();
    assert!(!path.exists(), "the socket stays");
}
