//! The demo's players: gateway, strategies and exchange, each a process in its namespace.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use gateway_test_harness::config::{Input, Queue};
use gateway_test_harness::simulator::line_arguments;
use gateway_test_harness::{Binaries, Config, Gateway, Network, Running, Simulator, unprivileged};

use super::outcome::Strategy;
use super::source::Source;
use crate::{shell, workspace};

/// Cargo profile of the programs: optimised, without the minutes that link-time optimisation takes.
pub(crate) const PROFILE: &str = "demo";
/// The queue of every symbol and the strategy that reads it.
const EVERYTHING: &str = "everything";
/// The queue of some symbols and the strategy that reads it.
const SOME: &str = "some-symbols";

/// How long a hole waits for the other line. Between two cores' worth of processes the two lines may be milliseconds
/// apart; on a network they are microseconds apart.
const HOLD_TIMEOUT_US: u64 = 5_000;

/// Everything that runs.
pub(crate) struct Stage {
    pub(crate) gateway: Gateway,
    strategies: Vec<Running>,
    binaries: Binaries,
    network: Network,
    config: Config,
    symbols: HashMap<u32, String>,
}

/// Builds the programs.
pub(crate) fn build() -> Result<Binaries> {
    let mut command = Command::new(workspace::cargo());
    command
        .current_dir(workspace::root())
        .args(["build", "--profile", PROFILE]);
    command.args([
        "--package",
        "gateway",
        "--package",
        "gateway-sim",
        "--package",
        "gateway-client",
    ]);
    command.args(["--bins", "--example", "best_prices"]);
    shell::run_shown(&mut command)?;
    Ok(Binaries::at(workspace::target().join(PROFILE)))
}

impl Stage {
    /// Sets everything up but the exchange.
    pub(crate) fn set_up(binaries: Binaries, source: &Source, mode: &str) -> Result<Self> {
        let network = Network::new()?;
        let config = Config {
            name: "demo".to_owned(),
            queues: vec![
                Queue::all(EVERYTHING),
                Queue::all(SOME).only(&[source.some_symbols()]),
            ],
            session_date: source.session_date(),
            hold_timeout_us: HOLD_TIMEOUT_US,
            ..Config::new(Input::tier(mode))
        };
        let gateway = Gateway::start(&binaries, &network.gateway, &config)?;
        let mut stage = Self {
            gateway,
            strategies: Vec::new(),
            binaries,
            network,
            config,
            symbols: source.symbols(),
        };
        for queue in [EVERYTHING, SOME] {
            stage.start_strategy(queue)?;
        }
        Ok(stage)
    }

    fn start_strategy(&mut self, queue: &str) -> Result<()> {
        // A Unix socket and shared memory know no network namespace: strategies run outside.
        let mut command = Command::new(self.strategy_program());
        command
            .arg("--socket")
            .arg(self.gateway.socket())
            .args(["--oldest", "--queue", queue, "--name", queue]);
        let mut strategy = Running::spawn(queue, &mut command)?;
        strategy.wait_for_line("the first line", Duration::from_secs(10), |line| {
            line.starts_with('{')
        })?;
        self.strategies.push(strategy);
        Ok(())
    }

    fn strategy_program(&self) -> PathBuf {
        self.binaries.folder().join("examples/best_prices")
    }

    /// Starts the exchange.
    pub(crate) fn start_exchange(&self, arguments: Vec<String>) -> Result<Simulator> {
        let mut all = arguments;
        all.extend(line_arguments(&self.config.lines));
        Simulator::start(&self.binaries, &self.network, &all)
    }

    /// What the strategies said last.
    pub(crate) fn strategies(&self) -> Result<Vec<Strategy>> {
        self.strategies
            .iter()
            .map(|strategy| {
                let line = strategy.last_line().context("a strategy is silent")?;
                let mut said: Strategy = serde_json::from_str(&line)
                    .with_context(|| format!("a strategy printed {line:?}"))?;
                for best in &mut said.best {
                    let number = best
                        .symbol
                        .strip_prefix('#')
                        .and_then(|number| number.parse().ok());
                    if let Some(name) = number.and_then(|number: u32| self.symbols.get(&number)) {
                        best.symbol.clone_from(name);
                    }
                }
                Ok(said)
            })
            .collect()
    }

    /// The lines that carry the channel.
    pub(crate) fn lines(&self) -> String {
        let lines: Vec<String> = self
            .config
            .lines
            .iter()
            .map(|line| format!("{} {}", line.name, line.address()))
            .collect();
        lines.join(", ")
    }

    /// Commands that look at what is running.
    pub(crate) fn ways_to_look(&self) -> String {
        let program = self.binaries.path("gateway");
        let (program, socket) = (program.display(), self.gateway.socket());
        let socket = socket.display();
        let pid = self.gateway.process.pid();
        // Outside a user namespace of our own, root needs the network namespace only.
        let user = if unprivileged::is_true_root() {
            ""
        } else {
            "--user --preserve-credentials "
        };
        format!(
            "\n{program} tail {EVERYTHING} --socket {socket}\n{program} status --socket {socket}\n\
             nsenter {user}--net --target {pid} curl -s http://{}/metrics",
            self.config.metrics_listen
        )
    }

    /// Stops the gateway; the strategies end with it.
    pub(crate) fn stop(mut self) -> Result<()> {
        self.gateway.process.terminate(Duration::from_secs(5))?;
        for strategy in &mut self.strategies {
            strategy.wait(Duration::from_secs(5))?;
        }
        Ok(())
    }
}
