//! What a fuzzer says when it ends.

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result};

use super::targets::Target;

/// Of the table that [`Findings`] are rows of.
pub(crate) const HEAD: &str =
    "target                  executions  a second  covered edges  kept inputs  found";

/// What came of a run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    target: String,
    executions: u64,
    executions_per_s: u64,
    /// Edges of the program that any input went over.
    covered: u64,
    /// Inputs that are worth keeping: each goes somewhere that none before did.
    kept: u64,
    /// How to have an input that broke a promise again.
    pub(crate) input: Option<String>,
}

impl Findings {
    /// Reads what libFuzzer wrote to its log.
    ///
    /// # Errors
    /// There are no figures in it though the run was well.
    pub(crate) fn of(target: &Target, text: &str, is_well: bool, log: &Path) -> Result<Self> {
        let mut findings = Self {
            target: target.name.clone(),
            input: (!is_well).then(|| reproduction(target, text, log)),
            ..Self::default()
        };
        let figures = figures(text);
        if is_well {
            figures
                .with_context(|| format!("the fuzzer told no figures: see {}", log.display()))?;
        }
        if let Some((executions, executions_per_s, covered, kept)) = figures {
            findings.executions = executions;
            findings.executions_per_s = executions_per_s;
            findings.covered = covered;
            findings.kept = kept;
        }
        Ok(findings)
    }
}

/// Executions, those a second, edges covered, inputs kept.
fn figures(text: &str) -> Option<(u64, u64, u64, u64)> {
    let statistic = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.rsplit_once(' ')?.1.parse().ok()
    };
    // `#1234 DONE   cov: 99 ft: 170 corp: 26/4096b lim: 4096 exec/s: 61 rss: 46Mb`
    let last = text
        .lines()
        .rfind(|line| line.starts_with('#') && line.contains(" cov: "))?;
    let behind = |name: &str| {
        let (_, value) = last.split_once(name)?;
        let digits = value.trim_start().split(|c: char| !c.is_ascii_digit());
        digits.into_iter().next()?.parse().ok()
    };
    Some((
        statistic("stat::number_of_executed_units:")?,
        statistic("stat::average_exec_per_sec:")?,
        behind(" cov: ")?,
        behind(" corp: ")?,
    ))
}

/// What to run to see a finding again.
fn reproduction(target: &Target, text: &str, log: &Path) -> String {
    let written = text.lines().find_map(|line| {
        line.split_once("Test unit written to ")
            .map(|(_, file)| file.trim())
    });
    match written {
        Some(file) => format!("{} {file}", target.program.display()),
        None => format!("see {}", log.display()),
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<22} {:>11}  {:>8}  {:>13}  {:>11}  {}",
            self.target,
            self.executions,
            self.executions_per_s,
            self.covered,
            self.kept,
            self.input.as_deref().unwrap_or("nothing")
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::fuzz::targets;

    const WELL: &str = "\
INFO: Seed: 1
#2\tINITED cov: 46 ft: 47 corp: 1/1b exec/s: 0 rss: 41Mb
#1048576\tpulse  cov: 99 ft: 169 corp: 25/4000b lim: 4096 exec/s: 104857 rss: 46Mb
#1100000\tDONE   cov: 99 ft: 170 corp: 26/4096b lim: 4096 exec/s: 100000 rss: 46Mb
stat::number_of_executed_units: 1100000
stat::average_exec_per_sec:     100000
";

    #[test]
    fn figures_are_those_of_the_last_line() {
        assert_eq!(figures(WELL), Some((1_100_000, 100_000, 99, 26)));
        assert_eq!(figures("#5\tINITED cov: 1 ft: 1 corp: 1/1b\n"), None);
    }

    #[test]
    fn a_run_without_figures_is_no_success_and_a_finding_says_how_to_see_it_again() {
        let target = targets::all().unwrap().swap_remove(0);
        let log = Path::new("/tmp/a.log");
        assert!(Findings::of(&target, "killed\n", true, log).is_err());
        let found = "==7== ERROR: libFuzzer: deadly signal\nartifact_prefix='a/'; Test unit written to a/crash-12\n";
        let findings = Findings::of(&target, found, false, log).unwrap();
        let again = format!("{} a/crash-12", target.program.display());
        assert_eq!(findings.input, Some(again));
        let findings = Findings::of(&target, "killed\n", false, log).unwrap();
        assert_eq!(findings.input.as_deref(), Some("see /tmp/a.log"));
    }
}
