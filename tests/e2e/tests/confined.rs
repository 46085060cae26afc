//! A running gateway is confined, whatever it is doing, and says so.
#![allow(clippy::unwrap_used)]

use std::fs;

use gateway_e2e::Lab;
use gateway_test_harness::Config;
use gateway_test_harness::config::Input;

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
