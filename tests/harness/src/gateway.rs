//! A gateway under test.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::config::Config;
use crate::metrics::Metrics;
use crate::namespace::Namespace;
use crate::process::Running;
use crate::{Binaries, http, wait};

/// Longest time from start to ready: loading, sockets and joins take a fraction of a second on an idle machine.
const READY_LIMIT: Duration = Duration::from_secs(20);

/// A running `gateway run`.
#[derive(Debug)]
pub struct Gateway {
    /// The process.
    pub process: Running,
    namespace: Namespace,
    program: PathBuf,
    folder: TempDir,
    environment: Vec<(&'static str, PathBuf)>,
    metrics: Option<SocketAddr>,
}

impl Gateway {
    /// Starts the gateway in `namespace` and waits until it is ready.
    pub fn start(binaries: &Binaries, namespace: &Namespace, config: &Config) -> Result<Self> {
        let mut gateway = Self::launch(binaries, namespace, config)?;
        gateway.wait_ready()?;
        Ok(gateway)
    }

    /// Starts the gateway and does not wait.
    pub fn launch(binaries: &Binaries, namespace: &Namespace, config: &Config) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("gateway-")
            .tempdir()
            .context("no temporary folder")?;
        let file = folder.path().join("gateway.toml");
        fs::write(&file, config.to_toml(&folder.path().join("broker.sock")))?;
        let program = binaries.path("gateway");
        let environment = config.environment.clone();
        let process = run(namespace, &program, &file, &environment)?;
        let metrics = config.metrics_listen.parse().ok();
        Ok(Self {
            process,
            namespace: namespace.clone(),
            program,
            folder,
            environment,
            metrics,
        })
    }

    /// Starts it again after its end, with the same file and socket, and waits until it is ready.
    pub fn start_again(&mut self) -> Result<()> {
        let file = self.config_file();
        self.process = run(&self.namespace, &self.program, &file, &self.environment)?;
        self.wait_ready()
    }

    /// Waits for the log line `ready` and, where metrics are served, for `/readyz` to say so.
    pub fn wait_ready(&mut self) -> Result<()> {
        let is_ready = |line: &str| {
            line.split_whitespace()
                .any(|word| word.trim_matches('"') == "ready")
        };
        self.process
            .wait_for_line("the line `ready`", READY_LIMIT, is_ready)?;
        let Some(address) = self.metrics else {
            return Ok(());
        };
        let ready = wait::until("/readyz to answer 200", READY_LIMIT, || {
            let answer = self.namespace.enter(|| http::get(address, "/readyz"));
            Ok(answer
                .ok()
                .filter(|answer| answer.status == 200)
                .map(|_| ()))
        });
        ready.with_context(|| self.process.output())
    }

    /// The broker's socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("broker.sock")
    }

    /// The configuration file.
    pub fn config_file(&self) -> PathBuf {
        self.folder.path().join("gateway.toml")
    }

    /// The folder of this run's files; gone with this value.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A scrape of `/metrics`.
    pub fn metrics(&self) -> Result<Metrics> {
        let address = self.metrics.context("this gateway serves no metrics")?;
        let answer = self.namespace.enter(|| http::get(address, "/metrics"))?;
        ensure!(
            answer.status == 200,
            "/metrics answered {}: {}",
            answer.status,
            answer.body
        );
        Ok(Metrics::parse(&answer.body))
    }

    /// What `gateway status --json` says.
    pub fn status(&self) -> Result<Value> {
        let output = self
            .command("status")
            .arg("--json")
            .output()
            .context("cannot start gateway status")?;
        if !output.status.success() {
            bail!(
                "gateway status failed: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        serde_json::from_slice(&output.stdout).context("gateway status --json printed no JSON")
    }

    /// The gateway's program with `subcommand`, in its namespace, directed at this gateway's socket.
    pub fn command(&self, subcommand: &str) -> Command {
        let mut command = self.namespace.command(&self.program);
        command.arg(subcommand).arg("--socket").arg(self.socket());
        command
    }
}

fn run(
    namespace: &Namespace,
    program: &Path,
    file: &Path,
    environment: &[(&'static str, PathBuf)],
) -> Result<Running> {
    let mut command = namespace.command(program);
    command.arg("run").arg("-c").arg(file);
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    Running::spawn("gateway", &mut command)
}
