//! The report as it is kept: what can be read again, to measure a part anew or to write the page again.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::conditions::{Conditions, Floor};
use crate::report::Row;

/// All of it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Report {
    /// What the machine is: a name and a value each.
    pub(super) facts: Vec<(String, String)>,
    /// What the cores lost to others before the first bench, and after the last.
    pub(super) floor_before: Option<Floor>,
    pub(super) floor_after: Option<Floor>,
    /// In the order in which they were first measured.
    pub(super) benches: Vec<Measured>,
}

/// A bench that was measured.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Measured {
    /// Its name, as on the command line.
    pub(super) bench: String,
    /// The commit that was measured.
    pub(super) commit: String,
    /// The machine that was measured, in one line.
    pub(super) machine: String,
    /// When it began, in seconds since the Unix epoch.
    pub(super) began_s: u64,
    /// How long it took, in seconds.
    pub(super) took_s: f64,
    pub(super) before: Conditions,
    pub(super) after: Conditions,
    /// Why there are no rows, or none that are newer.
    pub(super) error: Option<String>,
    pub(super) rows: Vec<StoredRow>,
}

/// A [`Row`]; what was not measured is null.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct StoredRow {
    pub(super) case: String,
    pub(super) value: Option<f64>,
    pub(super) unit: String,
    pub(super) baseline: Option<String>,
    pub(super) ratio: Option<f64>,
    pub(super) goal: Option<String>,
    pub(super) met: Option<bool>,
    pub(super) runs: usize,
    pub(super) spread: Option<f64>,
    /// Every run.
    pub(super) values: Vec<Option<f64>>,
}

impl From<&Row> for StoredRow {
    fn from(row: &Row) -> Self {
        let finite = |value: f64| Some(value).filter(|value| value.is_finite());
        Self {
            case: row.case.clone(),
            value: finite(row.value),
            unit: row.unit.to_owned(),
            baseline: row.baseline.clone(),
            ratio: row.ratio,
            goal: row.goal.clone(),
            met: row.met,
            runs: row.runs,
            spread: finite(row.spread),
            values: row.values.iter().copied().map(finite).collect(),
        }
    }
}

impl Report {
    /// The one at `path`; an empty one where there is none.
    ///
    /// # Errors
    /// It cannot be read, or an older version of this program wrote it.
    pub(super) fn read(path: &Path) -> Result<Self> {
        match fs::read_to_string(path) {
            Ok(text) => serde_json::from_str(&text).with_context(|| {
                format!(
                    "{} is no report of this version: remove it, and measure all benches",
                    path.display()
                )
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// # Errors
    /// It cannot be written.
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        // Whoever is interrupted leaves the whole of the old one or of the new one.
        let new = path.with_extension("json.new");
        fs::write(&new, text)
            .and_then(|()| fs::rename(&new, path))
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Puts a bench in the place of its earlier measurement. One that failed leaves that measurement as it is, and adds
    /// its error.
    pub(super) fn replace(&mut self, measured: Measured) {
        let before = self
            .benches
            .iter_mut()
            .find(|each| each.bench == measured.bench);
        match before {
            Some(place) if measured.error.is_some() => place.error = measured.error,
            Some(place) => *place = measured,
            None => self.benches.push(measured),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::report::Samples;

    fn measured(bench: &str, value: f64) -> Measured {
        let samples = Samples {
            case: "case".into(),
            unit: "ns",
            values: vec![value, value],
        };
        let missing = Row::not_measured("b", "other: why".into(), "ns");
        Measured {
            bench: bench.into(),
            commit: "abc".into(),
            machine: "a machine".into(),
            began_s: 1,
            took_s: 2.0,
            before: Conditions::default(),
            after: Conditions::default(),
            error: None,
            rows: vec![
                (&Row::new("b", &samples, None, None)).into(),
                (&missing).into(),
            ],
        }
    }

    #[test]
    fn what_was_written_is_read_and_a_bench_measured_anew_keeps_its_place() {
        let mut report = Report::default();
        report.replace(measured("one", 1.0));
        report.replace(measured("two", 2.0));
        let text = serde_json::to_string(&report).unwrap();
        let mut report: Report = serde_json::from_str(&text).unwrap();
        report.replace(measured("one", 3.0));
        let names: Vec<&str> = report.benches.iter().map(|each| &*each.bench).collect();
        assert_eq!(names, ["one", "two"]);
        let row = &report.benches[0].rows[0];
        assert_eq!((row.value, row.values.len()), (Some(3.0), 2));
        assert_eq!(report.benches[0].rows[1].value, None);
    }
}
