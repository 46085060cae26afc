//! Rows of a benchmark, and how they are printed.
//!
//! Every bench yields rows of one shape, so that a table, a JSON stream and a later report read the same data.

use serde::Serialize;

/// Which side of its goal a value has to be on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Goal {
    /// The value itself is at most this.
    ValueAtMost(f64),
    /// The value itself is at least this.
    ValueAtLeast(f64),
    /// The ratio to the baseline is at most this.
    RatioAtMost(f64),
    /// The ratio to the baseline is at least this.
    RatioAtLeast(f64),
}

/// One measured quantity.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    /// The bench's name, as given on the command line.
    pub(crate) bench: &'static str,
    /// What was measured.
    pub(crate) case: String,
    /// Median over the runs, in `unit`. NaN, which is JSON's null, where it could not be measured: `case` says why.
    pub(crate) value: f64,
    /// Unit of `value`.
    pub(crate) unit: &'static str,
    /// The case that this one is compared with, measured in the same interleaved runs.
    pub(crate) baseline: Option<String>,
    /// `value` ÷ the baseline's, as the median of the ratios run by run.
    pub(crate) ratio: Option<f64>,
    /// The goal in words, where there is one.
    pub(crate) goal: Option<String>,
    /// Whether the goal is met.
    pub(crate) met: Option<bool>,
    /// How many runs the median is over.
    pub(crate) runs: usize,
    /// Interquartile range of the runs ÷ their median.
    pub(crate) spread: f64,
    /// Every run, in `unit`.
    pub(crate) values: Vec<f64>,
}

/// The measurements of one case, a value a run, in the order of the runs.
#[derive(Clone, Debug)]
pub(crate) struct Samples {
    /// What was measured.
    pub(crate) case: String,
    /// Unit of `values`.
    pub(crate) unit: &'static str,
    /// One value a run.
    pub(crate) values: Vec<f64>,
}

impl Samples {
    /// Nanoseconds an item as millions of items a second.
    pub(crate) fn as_rate(&self) -> Self {
        Self {
            case: self.case.clone(),
            unit: "M messages/s",
            values: self.values.iter().map(|nanos| 1_000.0 / nanos).collect(),
        }
    }
}

impl Row {
    /// The row of `samples`, compared run by run with `baseline` where there is one.
    pub(crate) fn new(
        bench: &'static str,
        samples: &Samples,
        baseline: Option<&Samples>,
        goal: Option<Goal>,
    ) -> Self {
        let baseline = baseline.map(|baseline| {
            let pairs = samples.values.iter().zip(&baseline.values);
            let ratios: Vec<f64> = pairs.map(|(ours, theirs)| ours / theirs).collect();
            (baseline.case.clone(), ratios)
        });
        Self::with_ratios(bench, samples, baseline, goal)
    }

    /// The row of `samples`, whose ratios to a baseline, which is named, were taken already.
    pub(crate) fn with_ratios(
        bench: &'static str,
        samples: &Samples,
        baseline: Option<(String, Vec<f64>)>,
        goal: Option<Goal>,
    ) -> Self {
        let value = median(&samples.values);
        let (baseline, ratio) = baseline
            .map(|(case, ratios)| (case, median(&ratios)))
            .unzip();
        let ratio = ratio.filter(|ratio| ratio.is_finite());
        let met = goal.and_then(|goal| {
            let (measured, met) = match goal {
                Goal::ValueAtMost(bound) => (Some(value), value <= bound),
                Goal::ValueAtLeast(bound) => (Some(value), value >= bound),
                Goal::RatioAtMost(bound) => (ratio, ratio <= Some(bound)),
                Goal::RatioAtLeast(bound) => (ratio, ratio >= Some(bound)),
            };
            // Where nothing was measured, nothing is met and nothing missed.
            measured.filter(|value| value.is_finite()).map(|_| met)
        });
        Self {
            bench,
            case: samples.case.clone(),
            value,
            unit: samples.unit,
            baseline,
            ratio,
            goal: goal.map(|goal| match goal {
                Goal::ValueAtMost(bound) => format!("<= {bound} {}", samples.unit),
                Goal::ValueAtLeast(bound) => format!(">= {bound} {}", samples.unit),
                Goal::RatioAtMost(bound) => format!("ratio <= {bound}"),
                Goal::RatioAtLeast(bound) => format!("ratio >= {bound}"),
            }),
            met,
            runs: samples.values.len(),
            spread: spread(&samples.values),
            values: samples.values.clone(),
        }
    }

    /// The row of something that cannot be measured here, for the reason in `case`.
    pub(crate) fn not_measured(bench: &'static str, case: String, unit: &'static str) -> Self {
        let nothing = Samples {
            case,
            unit,
            values: Vec::new(),
        };
        Self::with_ratios(bench, &nothing, None, None)
    }
}

/// Prints `rows` as one JSON object a line.
///
/// # Errors
/// When a row cannot be expressed as JSON.
pub(crate) fn print_json(rows: &[Row]) -> serde_json::Result<()> {
    for row in rows {
        println!("{}", serde_json::to_string(row)?);
    }
    Ok(())
}

/// Prints `rows` as a table.
pub(crate) fn print_table(rows: &[Row]) {
    let header = [
        "bench", "case", "median", "unit", "ratio", "to", "goal", "met", "runs", "spread",
    ];
    let cells: Vec<[String; 10]> = rows.iter().map(cells).collect();
    let width = |column: usize| {
        cells
            .iter()
            .map(|row| row[column].chars().count())
            .chain([header[column].len()])
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let print = |row: &[String]| {
        let padded: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        println!("{}", padded.join("  ").trim_end());
    };
    print(&header.map(String::from));
    print(
        &widths
            .iter()
            .map(|width| "-".repeat(*width))
            .collect::<Vec<_>>(),
    );
    for row in &cells {
        print(row);
    }
}

/// `rows` as a table in Markdown.
pub(crate) fn markdown(rows: &[Row]) -> String {
    let mut text = String::from(
        "| case | median | unit | ratio | to | goal | met | runs | spread |\n\
         |---|--:|---|--:|---|---|---|--:|--:|\n",
    );
    for row in rows {
        // All that is printed is of one bench.
        text += &format!("| {} |\n", cells(row)[1..].join(" | "));
    }
    text
}

fn cells(row: &Row) -> [String; 10] {
    let dash = || "-".to_owned();
    [
        row.bench.to_owned(),
        row.case.clone(),
        cell(row.value, |value| format!("{value:.2}")),
        row.unit.to_owned(),
        row.ratio.map_or_else(dash, |ratio| format!("{ratio:.2}")),
        row.baseline.clone().unwrap_or_else(dash),
        row.goal.clone().unwrap_or_else(dash),
        row.met
            .map_or_else(dash, |met| if met { "yes" } else { "NO" }.to_owned()),
        row.runs.to_string(),
        cell(row.spread, |spread| format!("{:.0} %", spread * 100.0)),
    ]
}

/// A value, or a dash where there is none.
pub(crate) fn cell(value: f64, format: impl Fn(f64) -> String) -> String {
    if value.is_finite() {
        format(value)
    } else {
        "-".to_owned()
    }
}

/// The median; NaN for no values.
pub(crate) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// Interquartile range ÷ median; nothing where both are 0.
fn spread(values: &[f64]) -> f64 {
    if values.iter().all(|value| *value == 0.0) && !values.is_empty() {
        return 0.0;
    }
    (quantile(values, 0.75) - quantile(values, 0.25)) / median(values)
}

/// Linear interpolation between the two nearest ranks.
fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let rank = q * last as f64;
    let (below, above) = (rank.floor() as usize, rank.ceil() as usize);
    sorted[below] + (sorted[above] - sorted[below]) * (rank - rank.floor())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(case: &str, values: &[f64]) -> Samples {
        Samples {
            case: case.into(),
            unit: "ns",
            values: values.to_vec(),
        }
    }

    #[test]
    fn the_median_and_the_spread_ignore_one_wild_run() {
        let row = Row::new(
            "b",
            &samples("c", &[10.0, 11.0, 12.0, 11.0, 900.0]),
            None,
            None,
        );
        assert_eq!(row.value, 11.0);
        assert!(row.spread < 0.1, "{}", row.spread);
    }

    #[test]
    fn a_ratio_is_taken_run_by_run_so_that_drift_cancels() {
        let ours = samples("ours", &[10.0, 20.0, 40.0]);
        let theirs = samples("theirs", &[20.0, 40.0, 80.0]);
        let row = Row::new("b", &ours, Some(&theirs), Some(Goal::RatioAtMost(0.5)));
        assert_eq!((row.ratio, row.met), (Some(0.5), Some(true)));
    }

    #[test]
    fn what_was_not_measured_is_null_and_neither_met_nor_missed() {
        let mut row = Row::not_measured("b", "c: needs three cores".into(), "ns");
        assert_eq!((row.met, row.runs), (None, 0));
        let json = serde_json::to_value(&row).expect("a row is JSON");
        assert!(
            json["value"].is_null() && json["spread"].is_null(),
            "{json}"
        );
        row = Row::new(
            "b",
            &samples("c", &[]),
            Some(&samples("d", &[1.0])),
            Some(Goal::RatioAtLeast(2.0)),
        );
        assert_eq!(row.met, None);
    }

    #[test]
    fn a_ratio_may_have_to_be_large() {
        let (ours, theirs) = (samples("ours", &[30.0]), samples("theirs", &[20.0]));
        let row = |bound| Row::new("b", &ours, Some(&theirs), Some(Goal::RatioAtLeast(bound)));
        assert_eq!((row(1.5).met, row(1.6).met), (Some(true), Some(false)));
    }

    #[test]
    fn a_missed_goal_says_so() {
        let row = Row::new(
            "b",
            &samples("c", &[39.0]),
            None,
            Some(Goal::ValueAtLeast(40.0)),
        );
        assert_eq!(
            (row.met, row.goal.as_deref()),
            (Some(false), Some(">= 40 ns"))
        );
    }
}
