//! From the wire to a strategy over a veth pair: `wire`, `open-loop`, `no-loss`.
//!
//! The sender's thread is also the strategy, and whatever receives has the other core: two cores suffice, and nothing
//! that spins shares one. What receives in this process (kernel sockets, bare AF_XDP) is taken at its best: the strategy
//! is on the receiving core itself, its time is taken there as soon as the records are built, and no queue is paid for.
//! The gateway's strategy is another process on the other core, and its time is taken there when it has read the record.

mod arrivals;
mod bare;
mod closed;
mod contender;
mod huge_pages;
mod link;
mod no_loss;
mod open;
mod packets;
mod raw;
mod receive;

use anyhow::Result;

use crate::report::{Goal, Row, Samples};
use arrivals::Latencies;
use link::Bench;

/// The gateway's default for the RX ring.
const RX_ENTRIES: u32 = 2_048;
/// Quantiles that are shown.
const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)];

/// The 99.9th percentile is shown of so many packets at least.
const MANY: u64 = 10_000;

/// Measures the closed loop.
///
/// # Errors
/// When a program, socket or link cannot be had, or fails.
pub(crate) fn closed_loop(runs: usize, cores: &[usize]) -> Result<Vec<Row>> {
    with_link("wire", cores, |bench| closed::run(runs, bench))
}

/// Measures constant rates, bursts and a capture's own timing.
///
/// # Errors
/// As for [`closed_loop`].
pub(crate) fn open_loop(runs: usize, cores: &[usize]) -> Result<Vec<Row>> {
    with_link("open-loop", cores, |bench| open::run(runs, bench))
}

/// Measures the most packets a second of which none is lost.
///
/// # Errors
/// As for [`closed_loop`].
pub(crate) fn no_loss(runs: usize, cores: &[usize]) -> Result<Vec<Row>> {
    with_link("no-loss", cores, |bench| no_loss::run(runs, bench))
}

fn with_link(
    name: &'static str,
    cores: &[usize],
    measure: impl FnOnce(&Bench) -> Result<Vec<Row>>,
) -> Result<Vec<Row>> {
    match Bench::new(cores)? {
        Ok(bench) => measure(&bench),
        Err(why) => Ok(vec![Row::not_measured(
            name,
            format!("not measured: {why}"),
            "-",
        )]),
    }
}

/// For each of `runs` the order in which `ways` are measured: every other time backwards, because machines drift.
fn alternating(runs: usize, ways: usize) -> impl Iterator<Item = Vec<usize>> {
    (0..runs).map(move |run| {
        if run % 2 == 0 {
            (0..ways).collect()
        } else {
            (0..ways).rev().collect()
        }
    })
}

/// A row for each way and quantile, compared with the way at `baseline`.
fn quantile_rows(
    bench: &'static str,
    ways: &[(String, Vec<Latencies>)],
    baseline: Option<usize>,
    goal: &dyn Fn(usize, &str) -> Option<Goal>,
) -> Vec<Row> {
    let samples = |way: usize, (quantile, q): (&str, f64)| {
        let (name, runs) = &ways[way];
        Samples {
            case: format!("{name}, {quantile}"),
            unit: "ns",
            values: runs.iter().map(|run| run.quantile(q)).collect(),
        }
    };
    let mut rows = Vec::new();
    for (way, (_, runs)) in ways.iter().enumerate() {
        // A thousandth is a few packets where there are not many.
        let many = runs.iter().all(|run| run.packets() >= MANY);
        for quantile in QUANTILES {
            if quantile.0 == "p99.9" && !many {
                continue;
            }
            let beside = baseline
                .filter(|baseline| *baseline != way)
                .map(|baseline| samples(baseline, quantile));
            rows.push(Row::new(
                bench,
                &samples(way, quantile),
                beside.as_ref(),
                goal(way, quantile.0),
            ));
        }
    }
    rows
}
