//! `gateway configure` on a machine whose `/proc` and `/sys` are folders of the test.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use gateway_test_harness::Network;
use gateway_test_harness::network::GATEWAY_INTERFACE;
use serde_json::Value;

const CONFIG: &str = r#"
[gateway]
housekeeping_core = 0
[[interface]]
name = "eth1"
[[worker]]
name = "w0"
core = 2
inputs = ["eth1"]
[[channel]]
name = "itch"
feed = "nasdaq-itch50"
worker = "w0"
lines = [{ group = "239.1.1.1", port = 5001 }]
[[queue]]
name = "native"
records = "native"
channels = ["itch"]
"#;

/// What this machine's files can tell; no card of the test's machine is asked.
const PROFILE: &str = r#"
[interrupts]
place = "by-polling"
[napi]
defer_hard_irqs = 100
gro_flush_timeout_us = 200
[huge_pages]
reserve = true
[igmp]
memberships_max = 20
sources_max = 64
[cpu_latency]
wakeup_us_max = 0
"#;

const DEFER: &str = "sys/class/net/eth1/napi_defer_hard_irqs";
const FLUSH: &str = "sys/class/net/eth1/gro_flush_timeout";
const PAGES: &str = "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages";
const GROUPS: &str = "proc/sys/net/ipv4/igmp_max_memberships";
const SOURCES: &str = "proc/sys/net/ipv4/igmp_max_msf";
const AWAKE: &str = "sys/devices/system/cpu/cpu2/power/pm_qos_resume_latency_us";
const QUEUE_IRQ: &str = "proc/irq/41/smp_affinity_list";
const EVENT_IRQ: &str = "proc/irq/40/smp_affinity_list";

/// Every setting with what it is before, and what it becomes.
const SETTINGS: [(&str, &str, &str); 7] = [
    (QUEUE_IRQ, "0-3", "2"),
    (DEFER, "0", "100"),
    (FLUSH, "0", "200000"),
    (PAGES, "1", "12"),
    (GROUPS, "10", "20"),
    (SOURCES, "10", "64"),
    (AWAKE, "0", "n/a"),
];

struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        for (file, before, _) in SETTINGS {
            machine.put(file, before);
        }
        machine.put(EVENT_IRQ, "0-3");
        machine.put("proc/irq/41/eth1-TxRx-0/x", "");
        machine.put("proc/irq/40/eth1:mbx/x", "");
        machine.put("sys/class/net/eth1/device/msi_irqs/40", "");
        machine.put("sys/class/net/eth1/device/msi_irqs/41", "");
        machine.put("sys/class/net/eth1/queues/rx-0/x", "");
        machine.put("proc/sys/kernel/random/boot_id", "one");
        fs::write(machine.config(), CONFIG).unwrap();
        fs::write(machine.profile(), PROFILE).unwrap();
        machine
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    fn put(&self, file: &str, text: &str) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn get(&self, file: &str) -> String {
        fs::read_to_string(self.path(file))
            .unwrap()
            .trim()
            .to_owned()
    }

    fn config(&self) -> PathBuf {
        self.path("gateway.toml")
    }

    fn profile(&self) -> PathBuf {
        self.path("profile.toml")
    }

    fn state(&self) -> PathBuf {
        self.path("state.json")
    }

    fn command(&self, action: &str, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
        command.args(["configure", action, "--root"]);
        command.arg(self.0.path()).arg("--state").arg(self.state());
        if action != "fini" {
            command.arg("-c").arg(self.config());
            command.arg("--profile").arg(self.profile());
        }
        command.args(more);
        command
    }

    fn run(&self, action: &str, more: &[&str]) -> Output {
        self.command(action, more).output().unwrap()
    }

    fn json(&self, action: &str) -> (Option<i32>, Value) {
        let output = self.run(action, &["--json"]);
        let said = String::from_utf8_lossy(&output.stderr);
        let printed = serde_json::from_slice(&output.stdout);
        (
            output.status.code(),
            printed.unwrap_or_else(|e| panic!("{e}: {said}")),
        )
    }

    fn is(&self, value: impl Fn(&(&'static str, &'static str, &'static str)) -> &'static str) {
        for setting in &SETTINGS {
            assert_eq!(self.get(setting.0), value(setting), "{}", setting.0);
        }
        assert_eq!(self.get(EVENT_IRQ), "0-3");
    }
}

#[test]
fn init_check_and_fini_set_compare_and_put_back() {
    let machine = Machine::new();
    let (code, checked) = machine.json("check");
    assert_eq!((code, checked["differing"].as_u64()), (Some(17), Some(7)));

    let script = machine.run("init", &["--dry-run"]);
    let script = String::from_utf8(script.stdout).unwrap();
    assert!(
        script.contains("\necho 200000 > /sys/class/net/eth1/gro_flush_timeout\n"),
        "{script}"
    );
    assert!(
        script.contains("\nsysctl -w net.ipv4.igmp_max_msf=64\n"),
        "{script}"
    );
    machine.is(|setting| setting.1);
    assert!(!machine.state().exists());

    let (code, done) = machine.json("init");
    assert_eq!(
        (code, done["changed"].as_u64()),
        (Some(0), Some(7)),
        "{done:#}"
    );
    machine.is(|setting| setting.2);
    assert_eq!(machine.json("check").0, Some(0));
    let (code, again) = machine.json("init");
    assert_eq!(
        (code, again["changed"].as_u64()),
        (Some(0), Some(0)),
        "{again:#}"
    );

    machine.put(FLUSH, "5");
    let text = machine.run("check", &[]);
    assert_eq!(text.status.code(), Some(17));
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("differs   napi"), "{text}");
    machine.put(FLUSH, "200000");

    let (code, back) = machine.json("fini");
    assert_eq!(
        (code, back["changed"].as_u64()),
        (Some(0), Some(7)),
        "{back:#}"
    );
    machine.is(|setting| setting.1);
    assert!(!machine.state().exists());
    assert_eq!(machine.json("fini").0, Some(0));
}

#[test]
fn killed_half_way_it_is_put_back_all_the_same() {
    // The machine stops answering at this setting, and the process is killed there.
    for (stuck, before, _) in SETTINGS {
        let machine = Machine::new();
        let path = machine.path(stuck);
        fs::remove_file(&path).unwrap();
        let pipe = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
        // SAFETY: a C string that lives through the call.
        assert_eq!(unsafe { libc::mkfifo(pipe.as_ptr(), 0o600) }, 0);
        // A process that reads all settings first would wait there before it changes any: this one answers once.
        let mut child = machine
            .command("init", &[])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        answer(&path, before);
        let limit = Instant::now() + Duration::from_secs(20);
        let first = SETTINGS[0].0 == stuck;
        while !first && !machine.state().exists() {
            assert!(Instant::now() < limit, "{stuck}: nothing was changed");
            std::thread::sleep(Duration::from_millis(5));
        }
        // It hangs at the pipe now, or is about to.
        std::thread::sleep(Duration::from_millis(50));
        child.kill().unwrap();
        child.wait().unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, before).unwrap();

        let output = machine.run("fini", &[]);
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{stuck}: {said}");
        machine.is(|setting| setting.1);
        assert!(!machine.state().exists());
    }
}

/// Gives the next reader of a pipe this text.
fn answer(pipe: &Path, text: &str) {
    fs::write(pipe, text).unwrap();
}

#[test]
fn what_this_machine_lacks_is_told_and_the_rest_is_done() {
    let machine = Machine::new();
    fs::remove_file(machine.path(DEFER)).unwrap();
    let (code, done) = machine.json("init");
    assert_eq!(code, Some(16));
    assert_eq!(
        (done["refused"].as_u64(), done["changed"].as_u64()),
        (Some(1), Some(6))
    );
    assert_eq!(machine.get(SOURCES), "64");
    assert_eq!(machine.json("fini").0, Some(0));
}

#[test]
fn after_a_reboot_there_is_nothing_to_put_back() {
    let machine = Machine::new();
    machine.json("init");
    machine.put("proc/sys/kernel/random/boot_id", "two");
    machine.put(SOURCES, "11");
    assert_eq!(machine.json("fini").0, Some(0));
    assert_eq!(machine.get(SOURCES), "11");
    assert!(!machine.state().exists());
}

#[test]
fn mistakes_are_told_before_anything_is_changed() {
    let machine = Machine::new();
    fs::write(machine.profile(), "[ring]\nreceive = 1\n").unwrap();
    let output = machine.run("init", &[]);
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("ring") && said.contains("profile.toml"),
        "{said}"
    );
    machine.is(|setting| setting.1);

    fs::write(machine.state(), "{").unwrap();
    fs::write(machine.profile(), PROFILE).unwrap();
    assert_eq!(machine.run("init", &[]).status.code(), Some(9));
    machine.is(|setting| setting.1);
    let unknown = machine.run("init", &["--stage", "magic"]);
    assert_eq!(unknown.status.code(), Some(2));
}

#[test]
fn a_profile_of_the_program_is_printed_as_its_file_is() {
    let output = Command::new(env!("CARGO_BIN_EXE_gateway"))
        .args(["configure", "profile", "latency"])
        .output()
        .unwrap();
    let file = include_str!("../../config/profiles/latency.toml");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), file);
}

/// The gateway's program in a namespace with a real link, its state in `folder`.
fn configure(network: &Network, folder: &Path, arguments: &[&str]) -> (Option<i32>, Value) {
    let mut command = network.gateway.command(env!("CARGO_BIN_EXE_gateway"));
    command.arg("configure").args(arguments).arg("--json");
    command.arg("--state").arg(folder.join("state.json"));
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let printed = serde_json::from_slice(&output.stdout);
    (
        output.status.code(),
        printed.unwrap_or_else(|e| panic!("{e}: {said}")),
    )
}

/// The value of a setting that a check of everything shows, by what the setting is called.
fn value(network: &Network, folder: &Path, wanted: &[&str], what: &str) -> String {
    let (_, checked) = configure(network, folder, &[&["check"][..], wanted].concat());
    let settings = checked["settings"].as_array().unwrap();
    let found = settings.iter().find(|setting| setting["what"] == what);
    let found = found.unwrap_or_else(|| panic!("{what}: {checked:#}"));
    found["was"].as_str().unwrap_or("refused").to_owned()
}

#[test]
fn offloads_queues_and_deferral_of_a_real_link_are_set_and_put_back() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: needs root (network namespaces)");
        return;
    }
    let network = Network::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("gateway.toml");
    fs::write(&config, CONFIG.replace("eth1", GATEWAY_INTERFACE)).unwrap();
    let profile = folder.path().join("profile.toml");
    let text = "[offloads]\nlarge_receive = false\nvlan_strip = false\n[channels]\nreceive = 2\n\
                [rings]\nreceive = 1024\n[napi]\ndefer_hard_irqs = 2\ngro_flush_timeout_us = 200\n";
    fs::write(&profile, text).unwrap();
    let (config, profile) = (config.to_str().unwrap(), profile.to_str().unwrap());
    let wanted = ["-c", config, "--profile", profile];
    let vlan = format!("{GATEWAY_INTERFACE} rx-vlan-hw-parse");
    let queues = format!("{GATEWAY_INTERFACE} rx queues");
    let now = |what: &str| value(&network, folder.path(), &wanted, what);
    let flush = format!("{GATEWAY_INTERFACE} gro_flush_timeout");
    let before = (now(&vlan), now(&queues), now(&flush));
    assert_eq!(before.0, "on", "a veth strips tags unless told otherwise");

    let (code, done) = configure(
        &network,
        folder.path(),
        &[&["init"][..], &wanted[..]].concat(),
    );
    // A veth has no rings to size: that is told, and nothing else is left out for it.
    assert_eq!(
        (code, done["refused"].as_u64()),
        (Some(16), Some(1)),
        "{done:#}"
    );
    assert_eq!(
        (now(&vlan).as_str(), now(&flush).as_str()),
        ("off", "200000")
    );
    if cpus() > 1 {
        assert_eq!(now(&queues), "2");
    }
    let (_, again) = configure(
        &network,
        folder.path(),
        &[&["init"][..], &wanted[..]].concat(),
    );
    assert_eq!(again["changed"], 0, "{again:#}");

    let (code, back) = configure(&network, folder.path(), &["fini"]);
    assert_eq!(code, Some(0), "{back:#}");
    assert_eq!((now(&vlan), now(&queues), now(&flush)), before);
}

/// A veth has as many queues as there may be CPUs.
fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
