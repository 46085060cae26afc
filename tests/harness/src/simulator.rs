//! The simulated exchange.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::config::Line;
use crate::network::EXCHANGE_INTERFACE;
use crate::process::Running;
use crate::{Binaries, Network};

/// A running `gateway-sim`.
#[derive(Debug)]
pub struct Simulator {
    /// The process.
    pub process: Running,
}

/// What `gateway-sim --json` reports at its end.
#[derive(Clone, Debug, Deserialize)]
pub struct Report {
    /// The MoldUDP64 session.
    pub session: String,
    /// First sequence sent on any line or dropped on purpose.
    pub first_sequence: u64,
    /// Last sequence.
    pub last_sequence: u64,
    /// Messages offered to both lines.
    pub messages: u64,
    /// Packets offered to both lines, heartbeats left out.
    pub packets: u64,
    /// Heartbeats offered to each line.
    pub heartbeats: u64,
    /// End-of-session packets offered to each line.
    pub end_of_session: u64,
    /// Messages by ITCH type.
    pub by_type: BTreeMap<String, u64>,
    /// What each line carried.
    pub lines: BTreeMap<String, LineReport>,
    /// Messages that neither line carried.
    pub lost_on_both: LostReport,
    /// What was found in the capture that was replayed, if one was.
    pub source: Option<CaptureReport>,
    /// The accounts of the gap request proxies: counts by name.
    #[serde(default)]
    pub gap_request: Vec<BTreeMap<String, serde_json::Value>>,
    /// The accounts of the spin servers.
    #[serde(default)]
    pub spin: Vec<BTreeMap<String, serde_json::Value>>,
    /// Seconds from first to last packet.
    pub elapsed_s: f64,
}

/// What one line carried and what was dropped on purpose.
#[derive(Clone, Debug, Deserialize)]
pub struct LineReport {
    /// Data packets sent, repetitions left out.
    pub packets_sent: u64,
    /// Messages sent, repetitions left out.
    pub messages_sent: u64,
    /// Packets dropped.
    pub packets_dropped: u64,
    /// Messages dropped.
    pub messages_dropped: u64,
    /// Data packets sent twice.
    pub duplicated: u64,
    /// Messages in them.
    pub messages_duplicated: u64,
    /// Data packets sent after a later one.
    pub reordered: u64,
    /// Heartbeats.
    pub heartbeats: ControlReport,
    /// Ends of session.
    pub end_of_session: ControlReport,
}

/// What became of packets without messages.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct ControlReport {
    /// Sent, repetitions left out.
    pub sent: u64,
    /// Dropped on purpose.
    pub dropped: u64,
    /// Sent twice.
    pub duplicated: u64,
}

impl LineReport {
    /// Datagrams that a receiver of the line gets.
    pub fn datagrams(&self) -> u64 {
        let data = self.packets_sent + self.duplicated;
        let control = [self.heartbeats, self.end_of_session];
        data + control
            .map(|kind| kind.sent + kind.duplicated)
            .iter()
            .sum::<u64>()
    }

    /// Datagrams that a receiver of a line without loss would get besides.
    pub fn datagrams_dropped(&self) -> u64 {
        self.packets_dropped + self.heartbeats.dropped + self.end_of_session.dropped
    }

    /// Messages that a receiver of the line gets, each as often as it comes.
    pub fn messages_received(&self) -> u64 {
        self.messages_sent + self.messages_duplicated
    }
}

/// What was found in a capture.
#[derive(Clone, Debug, Deserialize)]
pub struct CaptureReport {
    /// Messages of the session that the capture lacks: they could not be sent.
    pub missing: LostReport,
}

/// What was dropped on every line.
#[derive(Clone, Debug, Deserialize)]
pub struct LostReport {
    /// How many messages.
    pub messages: u64,
    /// First and last sequence of each run of them.
    pub ranges: Vec<(u64, u64)>,
}

/// What `gateway-sim scenario --json` reports at its end.
#[derive(Clone, Debug, Deserialize)]
pub struct ScenarioReport {
    /// The sessions, one after the other.
    pub sessions: Vec<Report>,
    /// The accounts of the re-request servers: counts by name.
    #[serde(default)]
    pub rerequest: Vec<BTreeMap<String, serde_json::Value>>,
    /// The accounts of the Glimpse servers.
    #[serde(default)]
    pub glimpse: Vec<BTreeMap<String, serde_json::Value>>,
}

impl Report {
    /// Reads what `gateway-sim --json` wrote to stdout.
    pub fn parse(stdout: &[u8]) -> Result<Self> {
        serde_json::from_slice(stdout).context("gateway-sim printed no report")
    }
}

impl Simulator {
    /// Starts `gateway-sim` with the words of `arguments` in the exchange's namespace.
    pub fn start(binaries: &Binaries, network: &Network, arguments: &[String]) -> Result<Self> {
        let mut command: Command = network.exchange.command(binaries.path("gateway-sim"));
        command.args(arguments);
        Ok(Self {
            process: Running::spawn("gateway-sim", &mut command)?,
        })
    }

    /// Waits for its end and reads the report.
    pub fn finish(self, limit: Duration) -> Result<Report> {
        let output = self.end(limit)?;
        Report::parse(output.as_bytes())
    }

    /// The same of a scenario.
    pub fn finish_scenario(self, limit: Duration) -> Result<ScenarioReport> {
        let output = self.end(limit)?;
        serde_json::from_str(&output).context("gateway-sim scenario printed no report")
    }

    /// Waits for its end; what it wrote to stdout.
    fn end(mut self, limit: Duration) -> Result<String> {
        let status = self.process.wait(limit)?;
        ensure!(
            status.success(),
            "gateway-sim ended with {status}\n{}",
            self.process.output()
        );
        Ok(self.process.stdout())
    }
}

/// The arguments that name the interface and the lines, and ask for a report.
pub fn line_arguments(lines: &[Line]) -> Vec<String> {
    let mut arguments = vec![
        "--json".to_owned(),
        "--interface".to_owned(),
        EXCHANGE_INTERFACE.to_owned(),
    ];
    for line in lines {
        arguments.push(format!("--line-{}", line.name.to_ascii_lowercase()));
        arguments.push(line.address());
    }
    arguments
}
