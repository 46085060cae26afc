//! `scale`: what a message costs as there are more of something, compared with the fewest in the same runs.
//!
//! Symbols, channels and groups go through a worker's own parts without its receive ring; readers sleep while a publisher
//! publishes. Everything else stays as it is: messages, orders that rest, packets.

mod lanes;
mod readers;
mod steering;

use anyhow::Result;

use crate::{
    harness::{Case, interleave},
    report::{Goal, Row},
};

const BENCH: &str = "scale";
/// The most that a message may cost with many, compared with few.
const RATIO_MAX: f64 = 1.2;

/// The rows of cases that differ in one number, the fewest first.
fn rows(cases: &mut [Case<'_>], runs: usize) -> Vec<Row> {
    let samples = interleave(cases, runs);
    let Some((first, others)) = samples.split_first() else {
        return Vec::new();
    };
    let goal = Some(Goal::RatioAtMost(RATIO_MAX));
    let others = others
        .iter()
        .map(|sample| Row::new(BENCH, sample, Some(first), goal));
    std::iter::once(Row::new(BENCH, first, None, None))
        .chain(others)
        .collect()
}

/// Measures all of it, on a machine with these `cores`.
///
/// # Errors
/// When memory, a flow or a queue cannot be had.
pub(crate) fn run(runs: usize, cores: &[usize]) -> Result<Vec<Row>> {
    let mut rows = lanes::symbols(runs)?;
    rows.extend(lanes::channels(runs)?);
    rows.extend(steering::groups(runs)?);
    rows.extend(readers::sleeping(runs, cores)?);
    Ok(rows)
}
