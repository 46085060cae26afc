//! The report as a table that reads well in a terminal and in Markdown.

use std::fmt::Write;

use super::{Report, Row, microseconds};
use crate::scenarios::Scenario;

const COLUMNS: [&str; 12] = [
    "scenario", "path", "tier", "times", "bytes", "load", "min", "p50", "p90", "p99", "p99.9",
    "max",
];

/// All reports: who took part, what has to be known before reading a number, one table in microseconds, what was lost.
#[must_use]
pub fn table(reports: &[Report]) -> String {
    let mut text = String::new();
    for report in reports {
        let _ = writeln!(text, "Over {}:", report.link);
        let _ = writeln!(text, "  requester  {}", report.machines.requester.line());
        let _ = writeln!(text, "  responder  {}", report.machines.responder.line());
        for warning in report.warnings() {
            let _ = writeln!(text, "  NOTE {warning}");
        }
        let _ = writeln!(
            text,
            "  {}",
            match report.clock_error_ns {
                Some(0) => "one-way times: both ends read one clock".to_owned(),
                Some(error) => format!(
                    "one-way times: right to ±{} µs, as you say",
                    microseconds(error as f64)
                ),
                None => "no one-way times: the ends read two clocks (--clock-error-ns, where something keeps them together)"
                    .to_owned(),
            }
        );
    }
    text.push('\n');
    write_rows(&mut text, reports);
    write_losses(&mut text, reports);
    let missing = Scenario::ALL.into_iter().filter(|scenario| {
        !reports.iter().any(|report| {
            report
                .rows
                .iter()
                .any(|row| Scenario::of(report.link, row.path) == Some(*scenario))
        })
    });
    for scenario in missing {
        let _ = writeln!(
            text,
            "not measured: {}. {}",
            scenario.number, scenario.title
        );
    }
    text
}

fn write_rows(text: &mut String, reports: &[Report]) {
    let mut lines = vec![COLUMNS.map(str::to_owned)];
    for report in reports {
        lines.extend(report.rows.iter().map(|row| cells(report, row)));
    }
    let mut widths = [0; COLUMNS.len()];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for (number, line) in lines.iter().enumerate() {
        for (column, (cell, width)) in line.iter().zip(widths).enumerate() {
            let _ = if is_number(column) {
                write!(text, "| {cell:>width$} ")
            } else {
                write!(text, "| {cell:<width$} ")
            };
        }
        text.push_str("|\n");
        if number == 0 {
            for (column, width) in widths.into_iter().enumerate() {
                let _ = if is_number(column) {
                    write!(text, "|{:-<1$}:", "", width + 1)
                } else {
                    write!(text, "|{:-<1$}", "", width + 2)
                };
            }
            text.push_str("|\n");
        }
    }
    text.push_str("microseconds; with several rounds the medians over them\n");
}

const fn is_number(column: usize) -> bool {
    column == 4 || column >= 6
}

fn cells(report: &Report, row: &Row) -> [String; COLUMNS.len()] {
    let load = row
        .rate
        .map_or_else(|| "closed".to_owned(), |rate| format!("{rate}/s"));
    let quantiles = row.distribution().map_or_else(
        || ["–"; 6].map(str::to_owned),
        |d| {
            [d.min_ns, d.p50_ns, d.p90_ns, d.p99_ns, d.p999_ns, d.max_ns]
                .map(|ns| microseconds(ns as f64))
        },
    );
    let [min, p50, p90, p99, p999, max] = quantiles;
    [
        report.scenario(row.path),
        row.path.to_string(),
        report.tiers(row.path).unwrap_or_else(|| "–".to_owned()),
        row.direction.name().to_owned(),
        row.bytes.to_string(),
        load,
        min,
        p50,
        p90,
        p99,
        p999,
        max,
    ]
}

/// Rows whose figures leave something out say what.
fn write_losses(text: &mut String, reports: &[Report]) {
    for row in reports.iter().flat_map(|report| &report.rows) {
        let load = row
            .rate
            .map_or_else(|| "closed loop".to_owned(), |rate| format!("{rate}/s"));
        let name = format!(
            "{}, {}, {} bytes, {load}",
            row.path,
            row.direction.name(),
            row.bytes
        );
        let lost = row.sum(|round| round.lost);
        let late = row.sum(|round| round.late);
        if lost + late > 0 {
            let _ = writeln!(
                text,
                "{name}: {lost} requests without a reply in time, {late} replies late or twice; they are in no quantile"
            );
        }
        let negative = row.sum(|round| round.negative);
        if negative > 0 && row.direction == super::Direction::OneWay {
            let _ = writeln!(
                text,
                "{name}: {negative} times below zero, counted as zero: the clocks are not kept together"
            );
        }
        // A tenth of the time between two requests.
        let behind = row.rounds.iter().map(|round| round.behind_ns_max).max();
        if let (Some(rate), Some(behind)) = (row.rate, behind)
            && behind > 100_000_000 / rate.max(1)
        {
            let _ = writeln!(
                text,
                "{name}: requests left up to {} µs after their time; that is in the times",
                microseconds(behind as f64)
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::example;
    use super::*;

    #[test]
    fn a_table_has_every_row_and_says_what_is_missing() {
        let text = table(&[example()]);
        let row = text
            .lines()
            .find(|line| line.contains("gateway ") && line.contains("1000/s"));
        let row = row.unwrap_or_default();
        for cell in ["5. VM to VM", "copy", "2.00", "2.50", "3.00"] {
            assert!(row.contains(cell), "{cell} in {text}");
        }
        assert!(text.contains("no evidence"), "{text}");
        assert!(text.contains("3 requests without a reply"), "{text}");
        assert!(
            text.contains("not measured: 1. VM to VM, virtual NIC"),
            "{text}"
        );
        assert!(!text.contains("not measured: 5."), "{text}");
        assert!(text.contains("no one-way times"), "{text}");
    }

    #[test]
    fn cells_stand_below_each_other() {
        let text = table(&[example()]);
        let widths: Vec<_> = text
            .lines()
            .filter(|line| line.starts_with('|'))
            .map(|line| line.chars().count())
            .collect();
        assert_eq!(widths.len(), 5, "{text}");
        assert!(widths.iter().all(|width| *width == widths[0]), "{text}");
    }
}
