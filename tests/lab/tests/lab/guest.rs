//! A guest as tests see it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use gateway_lab::agent::protocol::Seen;
use gateway_lab::agent::{Ended, ProcessId};
use gateway_lab::topology::{VIRTUAL, Wire};
use gateway_lab::{Accelerator, Depot, Kernel, Machine, System};
use gateway_test_harness::{Binaries, Metrics, Report, Running};

use crate::config::{Config, METRICS_PORT, SOCKET};

/// Longest time for anything that takes a moment on a real machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
/// Longest time for a package to be unpacked, or a service to be started, by an emulated processor.
const SLOW_LIMIT: Duration = Duration::from_secs(300);
/// The card's first function, in the guest.
const PHYSICAL_FUNCTION: &str = "/sys/class/net/pf0/device/..";

/// A guest, and what a test has started in it.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(crate) machine: Machine,
    binaries: Binaries,
    kernel: Kernel,
    logs: PathBuf,
    test: String,
    started: Vec<ProcessId>,
    /// Where the gateway's broker listens.
    socket: String,
}

/// A `gateway run` in the guest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gateway(pub(crate) ProcessId);

impl Guest {
    pub(crate) fn boot(
        depot: &Depot,
        kernel: &Kernel,
        system: System,
        accelerator: Accelerator,
        logs: &Path,
        binaries: Binaries,
    ) -> Result<Self> {
        Ok(Self {
            machine: Machine::boot(depot, kernel, system, accelerator, logs)?,
            binaries,
            kernel: kernel.clone(),
            logs: logs.to_owned(),
            test: "boot".to_owned(),
            started: Vec::new(),
            socket: SOCKET.to_owned(),
        })
    }

    /// Whether it can still be used.
    pub(crate) fn runs(&mut self) -> bool {
        self.machine.runs() && self.shell("true").is_ok()
    }

    /// Prepares it for the test `name`: no virtual function, every link up.
    pub(crate) fn begin(&mut self, name: &str) -> Result<()> {
        name.clone_into(&mut self.test);
        SOCKET.clone_into(&mut self.socket);
        self.shell(&format!("echo lab: {name} > /dev/kmsg"))?;
        self.set_virtual_functions(0)
    }

    /// Ends what the test has left running.
    pub(crate) fn finish(&mut self) -> Result<()> {
        for process in std::mem::take(&mut self.started) {
            let ended = self.machine.agent.output(process)?;
            self.keep(process, &ended)?;
            self.machine.agent.remove(process)?;
        }
        let console = self.machine.console();
        // What a kernel writes when it has a bug of its own, or was led into one.
        for sign in [
            "BUG:",
            "WARNING:",
            "Oops",
            "refcount_t",
            "unregister_netdevice: waiting",
        ] {
            if let Some(line) = console.lines().find(|line| line.contains(sign)) {
                bail!("the guest's kernel complains: {line}");
            }
        }
        Ok(())
    }

    fn keep(&self, process: ProcessId, ended: &Ended) -> Result<()> {
        let name = self.test.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        let file = self.logs.join(format!("{name}-{process:?}.log"));
        let text = format!(
            "ended: {:?}\n{}\n{}",
            ended.code, ended.stdout, ended.stderr
        );
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
    }

    /// Everything that a failure may be explained by; also keeps it.
    pub(crate) fn told(&mut self) -> String {
        let mut told = String::new();
        for process in self.started.clone() {
            if let Ok(ended) = self.machine.agent.output(process) {
                let _ = self.keep(process, &ended);
                told += &format!(
                    "--- {process:?} ({:?}) wrote:\n{}{}",
                    ended.code, ended.stdout, ended.stderr
                );
            }
        }
        // What the gateway and the cards counted.
        if let Ok(page) = self.machine.agent.get(METRICS_PORT, "/metrics") {
            let wanted = |line: &&str| !line.starts_with('#') && !line.ends_with(" 0");
            let lines: Vec<&str> = page.lines().filter(wanted).collect();
            told += &format!("--- metrics that are not 0:\n{}\n", lines.join("\n"));
        }
        if let Ok(links) = self.shell("/guest/bin/ip -s -s link") {
            told += &format!("--- the interfaces:\n{links}");
        }
        let console = self.machine.console();
        let lines: Vec<&str> = console.lines().collect();
        told += "--- the guest's console, its last lines:\n";
        for line in &lines[lines.len().saturating_sub(30)..] {
            told += line;
            told.push('\n');
        }
        told += &self.machine.qemu_output();
        told += "\n--- the failure";
        told
    }

    /// Runs `script` in the guest's shell; what it printed.
    pub(crate) fn shell(&mut self, script: &str) -> Result<String> {
        self.machine.agent.shell(script)
    }

    /// The same for what takes minutes in an emulated guest.
    pub(crate) fn shell_slowly(&mut self, script: &str) -> Result<String> {
        let words = ["sh", "-ec", script].map(str::to_owned).to_vec();
        let ended = self.machine.agent.run_words(words, SLOW_LIMIT)?;
        ensure!(
            ended.code == Some(0),
            "`{script}` in the guest: {:?}: {}{}",
            ended.code,
            ended.stdout,
            ended.stderr
        );
        Ok(ended.stdout)
    }

    /// From now on the gateway's broker listens there.
    pub(crate) fn set_socket(&mut self, path: &str) {
        path.clone_into(&mut self.socket);
    }

    /// Makes the card have so many virtual functions, 0 or 1.
    pub(crate) fn set_virtual_functions(&mut self, count: u32) -> Result<()> {
        self.shell(&format!(
            "[ $(cat {PHYSICAL_FUNCTION}/sriov_numvfs) = {count} ] || echo {count} > {PHYSICAL_FUNCTION}/sriov_numvfs"
        ))?;
        Ok(())
    }

    /// Has the virtual function there and up, with its address.
    pub(crate) fn virtual_function(&mut self) -> Result<()> {
        self.virtual_function_without_address()?;
        self.up(&VIRTUAL)
    }

    /// Has the virtual function there.
    pub(crate) fn virtual_function_without_address(&mut self) -> Result<()> {
        self.set_virtual_functions(1)?;
        self.until("the virtual function", |guest| {
            guest
                .shell("name-interfaces; [ -e /sys/class/net/vf0 ]")
                .map(|_| Some(()))
                .or(Ok(None))
        })
    }

    /// Brings an interface up with its address.
    pub(crate) fn up(&mut self, wire: &Wire) -> Result<()> {
        let (name, address) = (wire.name, wire.guest());
        self.shell(&format!(
            "ip link set {name} up; ip -4 -o address show dev {name} | grep -q {address} || ip address add {address}/24 dev {name}"
        ))?;
        Ok(())
    }

    /// Starts the gateway and waits until it is ready.
    pub(crate) fn gateway(&mut self, config: &Config) -> Result<Gateway> {
        let gateway = self.launch(config)?;
        self.until("the gateway to be ready", |guest| {
            let ended = guest.machine.agent.output(gateway.0)?;
            if let Some(code) = ended.code {
                bail!("the gateway ended with {code} before it was ready");
            }
            let ready = ended.stdout.contains(" ready") || ended.stderr.contains(" ready");
            Ok(ready.then_some(()))
        })?;
        Ok(gateway)
    }

    /// Starts a program that ends with the test at the latest.
    pub(crate) fn start(&mut self, name: &str, line: &str) -> Result<ProcessId> {
        let process = self.machine.agent.start(name, line)?;
        self.started.push(process);
        Ok(process)
    }

    /// What it was booted with.
    pub(crate) const fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// The programs of this build.
    pub(crate) const fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    /// Starts the gateway and does not wait.
    pub(crate) fn launch(&mut self, config: &Config) -> Result<Gateway> {
        self.machine
            .agent
            .write("/tmp/gateway.toml", &config.to_toml())?;
        self.start("gateway", "/guest/bin/gateway run -c /tmp/gateway.toml")
            .map(Gateway)
    }

    /// What the gateway has logged so far.
    pub(crate) fn log(&mut self, gateway: Gateway) -> Result<String> {
        let ended = self.machine.agent.output(gateway.0)?;
        Ok(ended.stdout + &ended.stderr)
    }

    /// Waits for the gateway's end; its exit code and its log.
    pub(crate) fn ends(&mut self, gateway: Gateway) -> Result<(i32, String)> {
        let ended = self.machine.agent.wait(gateway.0, LIMIT)?;
        let code = ended.code.context("no exit code")?;
        Ok((code, ended.stdout + &ended.stderr))
    }

    /// Asks the gateway to stop, which must work.
    pub(crate) fn stop(&mut self, gateway: Gateway) -> Result<()> {
        self.machine.agent.signal(gateway.0, libc::SIGTERM)?;
        let (code, log) = self.ends(gateway)?;
        ensure!(code == 0, "the gateway ended with {code}:\n{log}");
        Ok(())
    }

    /// A scrape of the gateway's metrics.
    pub(crate) fn metrics(&mut self) -> Result<Metrics> {
        let page = self.machine.agent.get(METRICS_PORT, "/metrics")?;
        Ok(Metrics::parse(&page))
    }

    /// What `gateway status --json` says.
    pub(crate) fn status(&mut self) -> Result<serde_json::Value> {
        let line = format!("/guest/bin/gateway status --json --socket {}", self.socket);
        let ended = self.machine.agent.run(&line, LIMIT)?;
        ensure!(ended.code == Some(0), "gateway status: {}", ended.stderr);
        serde_json::from_str(&ended.stdout).context("no JSON from gateway status")
    }

    /// What `gateway explain --json` says of an interface.
    pub(crate) fn explain(&mut self, interface: &str) -> Result<serde_json::Value> {
        let line = format!(
            "/guest/bin/gateway explain {interface} --json --socket {}",
            self.socket
        );
        let ended = self.machine.agent.run(&line, LIMIT)?;
        ensure!(ended.code == Some(0), "gateway explain: {}", ended.stderr);
        let all: serde_json::Value =
            serde_json::from_str(&ended.stdout).context("no JSON from gateway explain")?;
        Ok(all[0].clone())
    }

    /// Begins to watch the gateway's queue.
    pub(crate) fn observe(&mut self) -> Result<u64> {
        self.machine.agent.observe(&self.socket, "all")
    }

    pub(crate) fn seen(&mut self, observer: u64) -> Result<Seen> {
        self.machine.agent.seen(observer)
    }

    /// Whether an XDP program is attached to `interface`.
    pub(crate) fn has_program(&mut self, interface: &str) -> Result<bool> {
        let link = self.shell(&format!("/guest/bin/ip link show dev {interface}"))?;
        Ok(link.contains("xdp"))
    }

    /// Starts `gateway-sim` on the host's end of `wire`.
    pub(crate) fn exchange(&self, wire: &Wire, config: &Config, flow: &str) -> Result<Exchange> {
        let mut command = self
            .machine
            .namespace
            .command(self.binaries.path("gateway-sim"));
        command.args(flow.split_whitespace());
        command.args(["--json", "--interface", wire.name]);
        name_lines(&mut command, config);
        Ok(Exchange(Running::spawn("gateway-sim", &mut command)?))
    }

    /// Has `gateway-sim` write the packets of `flow` to a file instead.
    pub(crate) fn exchange_to_file(&self, config: &Config, flow: &str) -> Result<Report> {
        let mut command = self
            .machine
            .namespace
            .command(self.binaries.path("gateway-sim"));
        command.args(flow.split_whitespace()).arg("--json");
        name_lines(&mut command, config);
        Exchange(Running::spawn("gateway-sim", &mut command)?).finish()
    }

    /// Sends the frames of a capture on the host's end of `wire` as they are.
    pub(crate) fn replay_frames(&self, wire: &Wire, file: &str) -> Result<()> {
        let mut command = self
            .machine
            .namespace
            .command(self.binaries.path("gateway-sim"));
        command.args([
            "replay",
            "--raw",
            "--interface",
            wire.name,
            "--pace",
            "rate=2000",
            file,
        ]);
        let mut replay = Running::spawn("gateway-sim", &mut command)?;
        let status = replay.wait(LIMIT)?;
        ensure!(
            status.success(),
            "gateway-sim ended with {status}\n{}",
            replay.output()
        );
        Ok(())
    }

    /// Looks again and again until there is a value.
    pub(crate) fn until<T>(
        &mut self,
        what: &str,
        mut look: impl FnMut(&mut Self) -> Result<Option<T>>,
    ) -> Result<T> {
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(value) = look(self)? {
                return Ok(value);
            }
            if Instant::now() > deadline {
                bail!("waited {} s in vain for {what}", LIMIT.as_secs());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn name_lines(command: &mut Command, config: &Config) {
    for line in &config.lines {
        command.arg(format!("--line-{}", line.name.to_ascii_lowercase()));
        command.arg(line.address());
    }
}

/// A running exchange.
#[derive(Debug)]
pub(crate) struct Exchange(Running);

impl Exchange {
    pub(crate) fn finish(mut self) -> Result<Report> {
        let status = self.0.wait(LIMIT)?;
        ensure!(
            status.success(),
            "gateway-sim ended with {status}\n{}",
            self.0.output()
        );
        Report::parse(self.0.stdout().as_bytes())
    }
}
