//! The report as Markdown, to be kept beside the program: every goal, then every queue beside the others.

use std::fmt::Write;

use super::measure::Quantity;
use super::placement::Class;
use super::results::Results;
use super::rivals::Contestant;
use super::rows::takes_part;
use super::{CAPACITY, CAPACITY_IN_CACHE, Case};
use crate::report::{Row, cell, markdown, median};

/// A column of the comparison: its heading, what was measured, the value's name, what it is multiplied by.
const COLUMNS: [(&str, Quantity, u64, &str, f64); 7] = [
    ("one way p50, ns", Quantity::Latency, CAPACITY, "p50", 1.0),
    ("p99, ns", Quantity::Latency, CAPACITY, "p99", 1.0),
    (
        "at the head, M/s",
        Quantity::Throughput,
        CAPACITY_IN_CACHE,
        "rate",
        1e-6,
    ),
    (
        "catching up, M/s",
        Quantity::CatchUp,
        CAPACITY,
        "rate",
        1e-6,
    ),
    (
        "publish, no reader, ns",
        Quantity::Alone,
        CAPACITY_IN_CACHE,
        "publish",
        1.0,
    ),
    (
        "publish in bursts, 1 reader, ns",
        Quantity::Burst,
        CAPACITY_IN_CACHE,
        "publish",
        1.0,
    ),
    (
        "memory a reader, KiB",
        Quantity::Memory,
        CAPACITY,
        "kib",
        1.0,
    ),
];

/// The report.
pub(super) fn report(rows: &[Row], results: &Results, machine: &str) -> String {
    // Writing to a string does not fail.
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{machine}. Measurements by placement of the cores: {}.\n",
        results.classes()
    );
    let goals: Vec<Row> = rows
        .iter()
        .filter(|row| row.goal.is_some())
        .cloned()
        .collect();
    let _ = writeln!(text, "{}", markdown(&goals));
    for (class, _) in results.by_class() {
        let _ = writeln!(text, "{}", comparison(results, class));
    }
    text
}

/// Medians of every queue in one placement of the cores.
fn comparison(results: &Results, class: Class) -> String {
    let mut text = format!("| cores {} ", class.title());
    for (heading, ..) in COLUMNS {
        let _ = write!(text, "| {heading} ");
    }
    text += "|\n|---";
    text += &"|--:".repeat(COLUMNS.len());
    text += "|\n";
    for contestant in Contestant::ALL {
        let cells = COLUMNS.map(|(_, quantity, capacity, name, scale)| {
            let case: Case = (contestant, quantity, capacity);
            if !takes_part(contestant, quantity) {
                return None;
            }
            let values = results.values(case, class, name).into_values();
            Some(median(&values.collect::<Vec<_>>()) * scale)
        });
        if cells.iter().flatten().all(|value| value.is_nan()) {
            continue;
        }
        let _ = write!(text, "| {} ", contestant.title());
        for value in cells {
            let _ = write!(text, "| {} ", cell(value.unwrap_or(f64::NAN), three_digits));
        }
        text += "|\n";
    }
    text
}

/// As many decimals as give three digits.
fn three_digits(value: f64) -> String {
    let decimals = match value.abs() {
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_three_digits() {
        let shown = [1.7, 54.321, 1234.5].map(three_digits);
        assert_eq!(shown, ["1.70", "54.3", "1234"]);
    }
}
