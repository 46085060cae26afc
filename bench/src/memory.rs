//! `memory`: resident memory of a running gateway with one channel and one queue of 65,536 slots.
//!
//! The real program on a link of its own, after it has taken some traffic, at the copy tier (where packets lie in memory
//! that the gateway keeps for the kernel) and at the socket tier.

use std::{fs, time::Duration};

use anyhow::{Context, Result};
use gateway_test_harness::{
    Binaries, Config, Gateway, Network, Simulator, config::Input, simulator::line_arguments,
    unprivileged,
};

use crate::report::{Goal, Row, Samples};

/// The most that a gateway may keep, in MiB.
const GOAL_MIB: f64 = 64.0;
/// Starts of the gateway for each tier: memory varies less than time.
const RUNS_MAX: usize = 5;
/// How long the traffic may take.
const TRAFFIC_LIMIT: Duration = Duration::from_secs(20);

/// Starts the gateway a few times and reads its resident memory behind some traffic. Without root there are no rows,
/// and a line that says so.
///
/// # Errors
/// When the programs are not beside this one, or do not run.
pub(crate) fn run(runs: usize) -> Result<Vec<Row>> {
    if !unprivileged::is_true_root() {
        eprintln!("memory: skipped: the link between exchange and gateway needs root");
        return Ok(Vec::new());
    }
    let program = std::env::current_exe().context("this program has no path")?;
    let folder = program.parent().context("this program is in no folder")?;
    let binaries = Binaries::at(folder);
    ["copy", "socket"]
        .iter()
        .map(|tier| {
            let values = (0..runs.min(RUNS_MAX))
                .map(|_| resident_mib(&binaries, tier))
                .collect::<Result<_>>()?;
            let samples = Samples {
                case: format!("resident, 1 channel, 1 queue of 65536 slots, {tier} tier"),
                unit: "MiB",
                values,
            };
            Ok(Row::new(
                "memory",
                &samples,
                None,
                Some(Goal::ValueAtMost(GOAL_MIB)),
            ))
        })
        .collect()
}

fn resident_mib(binaries: &Binaries, tier: &str) -> Result<f64> {
    let network = Network::new()?;
    let config = Config::new(Input::tier(tier));
    let gateway = Gateway::start(binaries, &network.gateway, &config)?;
    let mut arguments: Vec<String> =
        "generate --messages 50000 --pace rate=50000 --messages-per-packet 10"
            .split_whitespace()
            .map(str::to_owned)
            .collect();
    arguments.extend(line_arguments(&config.lines));
    Simulator::start(binaries, &network, &arguments)?.finish(TRAFFIC_LIMIT)?;
    let status = fs::read_to_string(format!("/proc/{}/status", gateway.process.pid()))?;
    let kib: f64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix("kB"))
        .context("no VmRSS in the gateway's status")?
        .trim()
        .parse()?;
    Ok(kib / 1024.0)
}
