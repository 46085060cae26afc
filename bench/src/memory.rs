//! `memory`: resident memory of a running gateway with one channel and one queue of 65,536 slots.
//!
//! The real program, at the socket tier on loopback, which needs no privilege; what AF_XDP adds is its packet buffer
//! (UMEM), whose size the configuration states.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::report::{Goal, Row, Samples};

/// How long the gateway may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// A gateway that is ended with this.
struct Gateway(Child);

impl Drop for Gateway {
    fn drop(&mut self) {
        // It is ours, and there is nothing to be told by its end.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the gateway a few times and reads its resident memory once it is ready.
///
/// # Errors
/// When the gateway's program is not beside this one, or does not start.
pub(crate) fn run(runs: usize) -> Result<Vec<Row>> {
    let program = program()?;
    let folder = tempfile::tempdir().context("cannot make a folder for the gateway's socket")?;
    let mut values = Vec::new();
    for _ in 0..runs.min(5) {
        values.push(resident_mib(&program, folder.path())?);
    }
    let samples = Samples {
        case: "resident, 1 channel, 1 queue of 65536 slots, socket tier".into(),
        unit: "MiB",
        values,
    };
    Ok(vec![Row::new(
        "memory",
        &samples,
        None,
        Some(Goal::ValueAtMost(64.0)),
    )])
}

/// The gateway's program, built beside this one.
fn program() -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name("gateway");
    if !path.exists() {
        bail!(
            "{} is missing: build it with `cargo build --release --package gateway`",
            path.display()
        );
    }
    Ok(path)
}

fn resident_mib(program: &Path, folder: &Path) -> Result<f64> {
    let (config, socket) = (folder.join("gateway.toml"), folder.join("broker.sock"));
    fs::write(&config, configuration(&socket))?;
    let gateway = Gateway(
        Command::new(program)
            .args(["run", "-c"])
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?,
    );
    let deadline = Instant::now() + START_TIMEOUT;
    while !socket.exists() {
        if Instant::now() > deadline {
            bail!(
                "the gateway made no socket at {} within {START_TIMEOUT:?}",
                socket.display()
            );
        }
        thread::sleep(Duration::from_millis(20));
    }
    // What it faults in on its first poll belongs to it.
    thread::sleep(Duration::from_millis(300));
    let status = fs::read_to_string(format!("/proc/{}/status", gateway.0.id()))?;
    let kib: f64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix("kB"))
        .context("no VmRSS in the gateway's status")?
        .trim()
        .parse()?;
    Ok(kib / 1024.0)
}

fn configuration(socket: &Path) -> String {
    format!(
        r#"
[gateway]
name = "bench"
broker_socket = "{}"
metrics_listen = ""

[[interface]]
name = "lo"
mode = "socket"

[[worker]]
name = "w0"
inputs = ["lo"]
wait = "sleep"

[[channel]]
name = "itch"
feed = "nasdaq-itch50"
worker = "w0"
lines = [{{ name = "A", group = "239.255.77.1", port = 45077 }}]

[[queue]]
name = "all"
channels = ["itch"]
slots = 65536
records = "plain"
"#,
        socket.display()
    )
}
