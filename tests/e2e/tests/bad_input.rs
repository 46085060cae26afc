//! What goes wrong ends in one clear message with the remedy and a documented exit code.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::process::Command;
use std::time::Duration;

use gateway::ingest::netdev;
use gateway_e2e::Lab;
use gateway_test_harness::config::Input;
use gateway_test_harness::network::GATEWAY_INTERFACE;
use gateway_test_harness::unprivileged::NOBODY;
use gateway_test_harness::{Binaries, Config, Network, Running};
use gateway_test_xdp::socket::XdpSocket;
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(20);

/// How a gateway ended that could not start: its exit code and what it wrote.
struct Failure {
    code: Option<i32>,
    message: String,
}

/// Runs `gateway run` until it ends by itself.
fn run(mut command: Command, config: &str) -> Failure {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("gateway.toml");
    fs::write(&file, config).unwrap();
    // Another user must be able to read it.
    fs::set_permissions(
        folder.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    command.arg("run").arg("-c").arg(&file).current_dir("/");
    let mut process = Running::spawn("gateway", &mut command).unwrap();
    let status = process.wait(LIMIT).unwrap();
    Failure {
        code: status.code(),
        message: process.stdout() + &process.stderr(),
    }
}

fn run_in(network: &Network, binaries: &Binaries, config: &Config) -> Failure {
    let folder = TempDir::new().unwrap();
    let text = config.to_toml(&folder.path().join("broker.sock"));
    run(network.gateway.command(binaries.path("gateway")), &text)
}

fn assert_failure(failure: &Failure, code: i32, words: &[&str]) {
    assert_eq!(failure.code, Some(code), "{}", failure.message);
    for word in words {
        assert!(
            failure.message.contains(word),
            "no {word:?} in: {}",
            failure.message
        );
    }
    let said = failure
        .message
        .lines()
        .filter(|line| line.starts_with("gateway: "))
        .count();
    assert_eq!(said, 1, "one message, not: {}", failure.message);
    assert!(!failure.message.contains("panicked"), "{}", failure.message);
}

#[test]
fn three_mistakes_in_a_configuration_are_reported_at_once() {
    let binaries = Binaries::of_this_build().unwrap();
    let config = Config::new(Input::tier("socket")).to_toml("/tmp/broker.sock".as_ref());
    let config = config
        .replace("slots = 65536", "slots = 65537")
        .replace("wait = \"yield\"", "wiat = \"yield\"")
        .replace("worker = \"worker\"", "worker = \"wroker\"");
    let failure = run(Command::new(binaries.path("gateway")), &config);
    assert_failure(
        &failure,
        3,
        &["65537", "power of two", "wiat", "wait", "wroker"],
    );
}

#[test]
fn a_missing_interface_is_named() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let config = Config::new(Input::tier("auto")).to_toml("/tmp/no-broker.sock".as_ref());
    let config = config.replace(GATEWAY_INTERFACE, "eth77");
    let failure = run(
        lab.network.gateway.command(lab.binaries.path("gateway")),
        &config,
    );
    assert_failure(&failure, 4, &["eth77"]);
}

#[test]
fn without_privilege_an_af_xdp_tier_is_refused_with_the_capabilities_it_needs() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    // Another user may not enter the folders of this one, and must be able to make a socket.
    let folder = TempDir::new().unwrap();
    let anybody = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    fs::set_permissions(folder.path(), anybody).unwrap();
    let program = folder.path().join("gateway");
    fs::copy(lab.binaries.path("gateway"), &program).unwrap();
    let mut command = lab.network.gateway.command("setpriv");
    let user = NOBODY.to_string();
    command
        .args([
            "--reuid",
            &user,
            "--regid",
            &user,
            "--clear-groups",
            "--bounding-set",
            "-all",
        ])
        .arg(&program);
    let socket = folder.path().join("broker.sock");
    let failure = run(command, &Config::new(Input::tier("copy")).to_toml(&socket));
    assert_failure(&failure, 5, &["CAP_"]);
}

#[test]
fn a_tier_below_the_required_one_is_refused() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let input = Input::Interface {
        mode: "auto".to_owned(),
        lowest_tier: "socket".to_owned(),
        require: Some("zero-copy".to_owned()),
    };
    let failure = run_in(&lab.network, &lab.binaries, &Config::new(input));
    assert_failure(&failure, 6, &["zero-copy", GATEWAY_INTERFACE]);
}

#[test]
fn a_second_gateway_on_the_same_socket_is_refused_and_the_first_goes_on() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let config = Config {
        metrics_listen: String::new(),
        ..Config::new(Input::tier("socket"))
    };
    let first = lab.gateway(&config).unwrap();
    let text = config.to_toml(&first.socket());
    let failure = run(
        lab.network.gateway.command(lab.binaries.path("gateway")),
        &text,
    );
    assert_failure(&failure, 7, &["broker.sock"]);
    assert!(first.status().is_ok());
}

#[test]
fn a_metrics_address_that_is_taken_is_refused() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let config = Config::new(Input::tier("socket"));
    let _first = lab.gateway(&config).unwrap();
    let failure = run_in(&lab.network, &lab.binaries, &config);
    assert_failure(&failure, 7, &["127.0.0.1:9464"]);
}

#[test]
fn an_interface_with_another_xdp_program_is_left_alone() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let first = lab.gateway(&Config::new(Input::tier("copy"))).unwrap();
    let config = Config {
        metrics_listen: String::new(),
        ..Config::new(Input::tier("copy"))
    };
    let failure = run_in(&lab.network, &lab.binaries, &config);
    assert_failure(&failure, 10, &[GATEWAY_INTERFACE]);
    assert!(first.status().is_ok());
}

#[test]
fn a_queue_with_anothers_socket_is_left_alone() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let bind = || {
        let index = netdev::index(GATEWAY_INTERFACE).unwrap();
        Ok(XdpSocket::bind(index, 0))
    };
    let leftover = lab.network.gateway.enter(bind).unwrap();
    let config = Config::new(Input::tier("auto"));
    let failure = run_in(&lab.network, &lab.binaries, &config);
    assert_failure(
        &failure,
        10,
        &[
            GATEWAY_INTERFACE,
            "queue 0",
            "already has an AF_XDP socket",
            "ss -a --xdp",
        ],
    );
    drop(leftover);
    lab.gateway(&config).unwrap();
}

/// Nothing fails for want of huge pages: the kernel makes some, or ordinary ones serve, and what to do about that is said once.
#[test]
fn without_reserved_huge_pages_others_serve_and_the_remedy_is_said_where_none_are_huge() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap();
    let free = meminfo
        .lines()
        .find(|line| line.starts_with("HugePages_Free:"));
    if free.is_some_and(|line| !line.ends_with(" 0")) {
        println!("skipped: this machine has huge pages");
        return;
    }
    let mut gateway = lab.gateway(&Config::new(Input::tier("copy"))).unwrap();
    let shown = gateway.status().unwrap();
    let huge = shown["interfaces"][0]["queues"][0]["huge_pages"].as_bool();
    let (status, _) = gateway.process.terminate(Duration::from_secs(5)).unwrap();
    let log = gateway.process.output();
    assert!(status.success(), "{log}");
    let told = usize::from(huge == Some(false));
    for text in [
        "no huge pages for the packet memory",
        "sysctl -w vm.nr_hugepages=",
    ] {
        assert_eq!(log.matches(text).count(), told, "{huge:?}: {log}");
    }
    println!("huge pages made by the kernel: {}", told == 0);
}

#[test]
fn a_capture_that_is_missing_or_damaged_is_named() {
    let binaries = Binaries::of_this_build().unwrap();
    let folder = TempDir::new().unwrap();
    let damaged = folder.path().join("damaged.pcap");
    fs::write(&damaged, b"\xd4\xc3\xb2\xa1\x02\x00").unwrap();
    for file in [folder.path().join("missing.pcap"), damaged] {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        let config = Config {
            metrics_listen: String::new(),
            ..Config::new(Input::Capture { file, pace: "asap" })
        };
        let text = config.to_toml(&folder.path().join("broker.sock"));
        let failure = run(Command::new(binaries.path("gateway")), &text);
        assert_failure(&failure, 9, &[&name]);
    }
}

#[test]
fn status_and_tail_without_a_gateway_say_so() {
    let binaries = Binaries::of_this_build().unwrap();
    for arguments in [&["status"][..], &["tail", "all"]] {
        let mut command = Command::new(binaries.path("gateway"));
        let output = command
            .args(arguments)
            .args(["--socket", "/tmp/no-such-gateway.sock"])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(11), "{arguments:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("/tmp/no-such-gateway.sock"));
    }
}

#[test]
fn a_truncated_capture_decodes_up_to_the_damage_and_exits_with_9() {
    let binaries = Binaries::of_this_build().unwrap();
    let folder = TempDir::new().unwrap();
    let whole = folder.path().join("whole.pcap");
    let status = Command::new(binaries.path("gateway-sim"))
        .args([
            "generate",
            "--messages",
            "2000",
            "--line-a",
            "239.77.0.1:26400",
            "--output-pcap",
        ])
        .arg(&whole)
        .output()
        .unwrap();
    assert!(
        status.status.success(),
        "{}",
        String::from_utf8_lossy(&status.stderr)
    );
    let bytes = fs::read(&whole).unwrap();
    let cut = folder.path().join("cut.pcap");
    fs::write(&cut, &bytes[..bytes.len() - 300]).unwrap();
    let decode = |file| {
        let mut command = Command::new(binaries.path("gateway"));
        command.arg("decode").arg(file).args([
            "--protocol",
            "moldudp64-itch50",
            "--format",
            "summary",
            "--json",
        ]);
        command.output().unwrap()
    };
    assert!(decode(&whole).status.success());
    let output = decode(&cut);
    assert_eq!(
        output.status.code(),
        Some(9),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let messages = summary["messages"].as_u64().unwrap();
    assert!((1_900..2_000).contains(&messages), "{summary}");
    assert_eq!(summary["errors"].as_array().unwrap().len(), 1, "{summary}");
}
