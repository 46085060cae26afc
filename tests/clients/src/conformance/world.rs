//! A gateway and an exchange on a network of their own.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use gateway_client::Start;
use gateway_test_harness::config::{Input, Queue};
use gateway_test_harness::simulator::{Report, line_arguments};
use gateway_test_harness::{Binaries, Config, Gateway, Network, Simulator, unprivileged, wait};
use rustix::process::Signal;

use super::program::can_become_others;
use crate::flow::{LIMIT, read_to_session_end, watch};

/// What the script runs against.
#[derive(Debug)]
pub struct World {
    binaries: Binaries,
    network: Network,
    config: Config,
    gateway: Gateway,
    sessions: u32,
}

impl World {
    /// Starts the gateway with `queues` and what `extra` adds to its configuration; `None` after saying why that cannot be.
    ///
    /// # Errors
    /// Where the gateway does not come up.
    pub fn open(queues: Vec<Queue>, extra: &str) -> Result<Option<Self>> {
        if !unprivileged::is_true_root() {
            println!("skipped: no root");
            return Ok(None);
        }
        let binaries = Binaries::of_this_build()?;
        let network = Network::new()?;
        let config = Config {
            queues,
            extra: extra.to_owned(),
            metrics_listen: String::new(),
            ..Config::new(Input::tier("socket"))
        };
        let gateway = Gateway::start(&binaries, &network.gateway, &config)?;
        Ok(Some(Self {
            binaries,
            network,
            config,
            gateway,
            sessions: 0,
        }))
    }

    /// As [`Self::open`], where programs can be started as other users.
    ///
    /// # Errors
    /// Where the gateway does not come up.
    pub fn open_to_others(queues: Vec<Queue>, extra: &str) -> Result<Option<Self>> {
        if !can_become_others() {
            return Ok(None);
        }
        Self::open(queues, extra)
    }

    /// The broker's socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.gateway.socket()
    }

    /// Plays a session of so many messages, of which each line loses 15 % of its packets, and returns once queue `all` has
    /// all of it.
    ///
    /// # Errors
    /// Where the exchange fails.
    pub fn play(&mut self, messages: u32) -> Result<Report> {
        let report = self.play_few(messages)?;
        ensure!(
            report.lost_on_both.messages > 0,
            "no loss on both lines: {report:?}"
        );
        Ok(report)
    }

    /// As [`Self::play`], of so few messages that none may be lost on both lines.
    ///
    /// # Errors
    /// Where the exchange fails.
    pub fn play_few(&mut self, messages: u32) -> Result<Report> {
        self.sessions += 1;
        let flow = format!(
            "generate --symbols 12 --messages {messages} --seed {seed} --session CONFORM{seed:03} --pace rate=20000 \
             --loss-a 0.15 --loss-b 0.15 --heartbeat-ms 50 --end-of-session",
            seed = self.sessions
        );
        let mut arguments: Vec<String> = flow.split_whitespace().map(str::to_owned).collect();
        arguments.extend(line_arguments(&self.config.lines));
        let queue = watch(&self.socket(), Start::Head)?;
        let report = Simulator::start(&self.binaries, &self.network, &arguments)?.finish(LIMIT)?;
        // The gateway waits for lines that may still bring what is missing.
        read_to_session_end(queue)?;
        Ok(report)
    }

    /// Applies another `extra`, and waits until queue `rotated` has been rotated.
    ///
    /// # Errors
    /// Where it is not.
    pub fn reload(&mut self, extra: &str, rotated: &str) -> Result<()> {
        let before = self.rotations(rotated)?;
        self.config.extra = extra.to_owned();
        let file = self.gateway.config_file();
        fs::write(file, self.config.to_toml(&self.gateway.socket()))?;
        self.gateway.process.signal(Signal::HUP)?;
        wait::until("the rotation", LIMIT, || {
            Ok((self.rotations(rotated)? > before).then_some(()))
        })
    }

    fn rotations(&self, queue: &str) -> Result<u64> {
        let status = self.gateway.status()?;
        let queues = status["queues"].as_array().context("no queues")?;
        let found = queues.iter().find(|each| each["name"] == queue);
        let rotations = found.and_then(|queue| queue["rotations"].as_u64());
        rotations.with_context(|| format!("no queue {queue} in the gateway's status"))
    }

    /// Stops the gateway in order.
    ///
    /// # Errors
    /// Where it does not.
    pub fn stop(&mut self) -> Result<()> {
        let (status, _) = self.gateway.process.terminate(LIMIT)?;
        ensure!(
            status.success(),
            "{status}\n{}",
            self.gateway.process.output()
        );
        Ok(())
    }

    /// Kills the gateway.
    ///
    /// # Errors
    /// Where it has ended already.
    pub fn kill(&mut self) -> Result<()> {
        self.gateway.process.kill().map(drop)
    }

    /// Starts it again, with the same configuration and socket.
    ///
    /// # Errors
    /// Where it does not come up.
    pub fn start_again(&mut self) -> Result<()> {
        self.gateway.start_again()
    }
}
