//! Counts of passed, failed and skipped tests, read from the output of the Rust test harness.

use std::collections::BTreeMap;

/// Test counts. A test that printed `skipped: why` and passed counts as skipped, not as passed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
    /// How many tests gave each reason for being skipped.
    pub(crate) skip_reasons: BTreeMap<String, u64>,
}

impl Summary {
    /// Reads the output of `cargo test -- --show-output`.
    pub(crate) fn of(output: &str) -> Self {
        let mut summary = Self::default();
        // Sections of the form `---- name stdout ----` follow `successes:` or `failures:`.
        let mut in_successes = false;
        let mut counted_in_section = false;
        // Tests that passed to their harness, but said that they were skipped.
        let mut said = 0;
        for line in output.lines() {
            match line {
                "successes:" => in_successes = true,
                "failures:" => in_successes = false,
                _ if line.starts_with("---- ") && line.ends_with(" ----") => {
                    counted_in_section = false
                }
                _ => {}
            }
            if let Some(reason) = line
                .strip_prefix("skipped: ")
                .filter(|_| in_successes && !counted_in_section)
            {
                counted_in_section = true;
                said += 1;
                *summary
                    .skip_reasons
                    .entry(reason.trim().to_owned())
                    .or_default() += 1;
            }
            // What a harness counts as ignored itself, with a reason.
            if let Some((_, reason)) = line
                .split_once(" ... ignored, ")
                .filter(|_| line.starts_with("test "))
            {
                *summary
                    .skip_reasons
                    .entry(reason.trim().to_owned())
                    .or_default() += 1;
            }
            if let Some(result) = line.strip_prefix("test result: ") {
                in_successes = false;
                summary.passed += count(result, "passed");
                summary.failed += count(result, "failed");
                summary.skipped += count(result, "ignored");
            }
        }
        summary.passed = summary.passed.saturating_sub(said);
        summary.skipped += said;
        summary
    }

    /// Adds the counts of another step.
    pub(crate) fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        for (reason, count) in &other.skip_reasons {
            *self.skip_reasons.entry(reason.clone()).or_default() += count;
        }
    }

    /// Whether there was no test at all.
    pub(crate) const fn is_empty(&self) -> bool {
        self.passed + self.failed + self.skipped == 0
    }

    /// `N passed, N failed, N skipped`.
    pub(crate) fn counts(&self) -> String {
        format!(
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

/// The parts of the output that tell of failed tests; `None` where there are none.
pub(crate) fn failures(output: &str) -> Option<String> {
    let mut told = String::new();
    let mut telling = false;
    for line in output.lines() {
        match line {
            "failures:" => telling = true,
            _ if line.starts_with("test result: ") => telling = false,
            _ => {}
        }
        if telling {
            told.push_str(line);
            told.push('\n');
        }
    }
    (!told.is_empty()).then_some(told)
}

/// The number before `word` in `ok. 3 passed; 0 failed; 1 ignored; ...`.
fn count(result: &str, word: &str) -> u64 {
    result
        .split([';', '.'])
        .filter_map(|part| part.trim().strip_suffix(word)?.trim().parse::<u64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_several_binaries_add_up_and_skips_are_taken_from_the_passed() {
        let output = "\
running 3 tests
test a ... ok

successes:

---- a stdout ----
skipped: no data
skipped: no root

---- b stdout ----
skipped: no data

successes:
    a
    b

test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s

failures:

---- c stdout ----
skipped: it said so and failed all the same

test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 7 filtered out; finished in 1.52s
";
        let summary = Summary::of(output);
        assert_eq!(summary.counts(), "5 passed, 2 failed, 3 skipped");
        assert_eq!(
            summary.skip_reasons,
            BTreeMap::from([("no data".to_owned(), 2)])
        );
    }

    #[test]
    fn a_harness_that_ignores_with_a_reason_is_believed() {
        let output = "test the VM lab ... ignored, no root\n\n\
                      test result: ok. 0 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
        let summary = Summary::of(output);
        assert_eq!(summary.counts(), "0 passed, 0 failed, 1 skipped");
        assert_eq!(
            summary.skip_reasons,
            BTreeMap::from([("no root".to_owned(), 1)])
        );
    }

    #[test]
    fn output_without_results_counts_nothing() {
        assert_eq!(
            Summary::of("error[E0425]: cannot find value\n"),
            Summary::default()
        );
    }
}
