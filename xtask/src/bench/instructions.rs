//! `cargo xtask bench instructions`: how many instructions the hot path executes a message, against a record in the
//! repository.
//!
//! The program `gateway-guard` replays fixed messages under `valgrind --tool=callgrind`, which counts what is executed
//! within one function of it: the same number in every run and on every machine, however busy that is. What takes more
//! than [`TOLERANCE`] above its record fails.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::{shell, workspace};

/// By how much a count may rise above its record, or fall below it before somebody should write that down.
const TOLERANCE: f64 = 0.05;
/// What writes the record anew.
const ACCEPT: &str = "cargo xtask bench instructions --accept";
/// The function within which instructions are collected.
const MEASURED: &str = "*gateway_guard*measured*";

/// The record, from the root.
const RECORD: &str = "bench/instructions.toml";
/// What stands at its beginning.
const HEAD: &str = "\
# Instructions a message, a record or a poll of the hot path, counted by `valgrind --tool=callgrind` over messages that
# fixed seeds draw and the project's own encoders write (`bench/guard`). `cargo xtask test` fails where one is more than
# 5 % above what stands here; `cargo xtask bench instructions --accept` writes this file.
#
# They depend on the compiler, named below, on the profile `guard` in `Cargo.toml`, and on the architecture. They hardly
# depend on the processor: the compiler builds for the architecture's baseline, addresses and hash seeds decide nothing, and
# clocks stand still. Of the C library only `memset` and `memcpy` are executed, with at most 0.3 % of a count; which of
# their variants it takes goes with the processor that valgrind shows, which is like that of the machine.
";

/// The record: for each architecture that has one, compiler and counts.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(transparent)]
struct Record(BTreeMap<String, Counts>);

/// What one architecture executes.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Counts {
    /// The compiler, as `rustc --version` names it.
    toolchain: String,
    /// Instructions a unit, by case.
    instructions: BTreeMap<String, f64>,
}

impl Record {
    fn read(path: &Path) -> Result<Self> {
        match fs::read_to_string(path) {
            Ok(text) => {
                toml::from_str(&text).with_context(|| format!("cannot read {}", path.display()))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    fn text(&self) -> String {
        let mut text = HEAD.to_owned();
        for (architecture, counts) in &self.0 {
            text += &format!(
                "\n[{architecture}]\ntoolchain = \"{}\"\n\n[{architecture}.instructions]\n",
                counts.toolchain
            );
            for (case, count) in &counts.instructions {
                text += &format!("{case} = {count:.2}\n");
            }
        }
        text
    }
}

/// What became of a count.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    AsRecorded,
    Risen,
    Fallen,
    /// Nothing is recorded of it.
    New,
    /// Recorded, and counted no longer.
    Gone,
}

/// A case, what the record says and what was measured.
#[derive(Debug, PartialEq)]
struct Compared<'a> {
    case: &'a str,
    recorded: Option<f64>,
    measured: Option<f64>,
    verdict: Verdict,
}

impl Compared<'_> {
    /// By how much the count changed.
    fn change(&self) -> Option<f64> {
        Some(self.measured? / self.recorded? - 1.0)
    }

    /// Whether it has to be accepted, or mended.
    const fn fails(&self) -> bool {
        matches!(self.verdict, Verdict::Risen | Verdict::New | Verdict::Gone)
    }

    fn line(&self) -> String {
        let number =
            |count: Option<f64>| count.map_or("-".to_owned(), |count| format!("{count:.2}"));
        let change = self
            .change()
            .map_or("-".to_owned(), |change| format!("{:+.1} %", change * 100.0));
        let verdict = match self.verdict {
            Verdict::AsRecorded => "",
            Verdict::Risen => "RISEN",
            Verdict::Fallen => "fallen",
            Verdict::New => "NOT RECORDED",
            Verdict::Gone => "NOT COUNTED ANY LONGER",
        };
        let (recorded, measured) = (number(self.recorded), number(self.measured));
        let line = format!(
            "{:<36} {recorded:>10} {measured:>10} {change:>9}  {verdict}",
            self.case
        );
        line.trim_end().to_owned()
    }
}

fn compare<'a>(
    recorded: &'a BTreeMap<String, f64>,
    measured: &'a BTreeMap<String, f64>,
) -> Vec<Compared<'a>> {
    let mut cases: Vec<&str> = recorded
        .keys()
        .chain(measured.keys())
        .map(String::as_str)
        .collect();
    cases.sort_unstable();
    cases.dedup();
    let compared = cases.into_iter().map(|case| {
        let (before, now) = (recorded.get(case).copied(), measured.get(case).copied());
        let verdict = match (before, now) {
            (Some(before), Some(now)) if now > before * (1.0 + TOLERANCE) => Verdict::Risen,
            (Some(before), Some(now)) if now < before * (1.0 - TOLERANCE) => Verdict::Fallen,
            (Some(_), Some(_)) => Verdict::AsRecorded,
            (None, _) => Verdict::New,
            (Some(_), None) => Verdict::Gone,
        };
        Compared {
            case,
            recorded: before,
            measured: now,
            verdict,
        }
    });
    compared.collect()
}

/// Counts, and compares with the record or, where `arguments` are `--accept`, writes it.
pub(super) fn run(arguments: &[String]) -> Result<ExitCode> {
    let accept = match arguments {
        [] => false,
        [flag] if flag == "--accept" => true,
        _ => bail!(
            "`cargo xtask bench instructions` takes `--accept` or nothing, not `{}`",
            arguments.join(" ")
        ),
    };
    let path = workspace::root().join(RECORD);
    let mut record = Record::read(&path)?;
    let architecture = std::env::consts::ARCH;
    if !accept && !record.0.contains_key(architecture) {
        println!(
            "skipped: {RECORD} has no instruction counts of {architecture}; `{ACCEPT}` adds them"
        );
        return Ok(ExitCode::SUCCESS);
    }
    let toolchain = toolchain()?;
    let measured = measure()?;
    let recorded = record.0.remove(architecture).unwrap_or_default();
    let compared = compare(&recorded.instructions, &measured);
    println!(
        "{:<36} {:>10} {:>10} {:>9}",
        "instructions a unit", "recorded", "measured", "change"
    );
    for case in &compared {
        println!("{}", case.line());
    }
    if accept {
        let counts = Counts {
            toolchain,
            instructions: measured,
        };
        record.0.insert(architecture.to_owned(), counts);
        fs::write(&path, record.text())
            .with_context(|| format!("cannot write {}", path.display()))?;
        println!("wrote {}", path.display());
        return Ok(ExitCode::SUCCESS);
    }
    if recorded.toolchain != toolchain {
        println!(
            "recorded with {}, measured with {toolchain}: a difference may be the compiler's",
            recorded.toolchain
        );
    }
    if compared.iter().any(|case| case.verdict == Verdict::Fallen) {
        println!("what has fallen should be recorded, so that it does not rise unseen: {ACCEPT}");
    }
    let failed: Vec<&Compared<'_>> = compared.iter().filter(|case| case.fails()).collect();
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "{} of {} cases are not as {RECORD} has them, or above it by more than {:.0} %:",
        failed.len(),
        compared.len(),
        TOLERANCE * 100.0
    );
    for case in failed {
        println!("{}", case.line());
    }
    println!(
        "find out why with `callgrind_annotate` on the files named after them in {}",
        folder().display()
    );
    println!("to accept it knowingly: {ACCEPT}");
    Ok(ExitCode::FAILURE)
}

/// The compiler that builds, in its own words.
fn toolchain() -> Result<String> {
    let beside = workspace::cargo().with_file_name("rustc");
    let rustc = if beside.is_file() {
        beside
    } else {
        "rustc".into()
    };
    let mut command = Command::new(rustc);
    command.current_dir(workspace::root()).arg("--version");
    Ok(shell::output_of(&mut command)?.trim().to_owned())
}

/// Where builds and callgrind's files are.
fn folder() -> std::path::PathBuf {
    workspace::target().join("guard")
}

/// Builds the program and counts each of its cases.
fn measure() -> Result<BTreeMap<String, f64>> {
    let folder = folder();
    let mut build = Command::new(workspace::cargo());
    build
        .current_dir(workspace::root())
        .args(["build", "--quiet", "--locked", "--profile", "guard"])
        .args(["--package", "gateway-guard", "--target-dir"])
        .arg(&folder)
        // Nothing that somebody has set for builds of their own goes into the count.
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET")
        // Valgrind unmaps the kernel's code for clocks, which rustix would call by the address that the kernel still
        // tells; by way of the C library it does not.
        .env("RUSTFLAGS", "--cfg=rustix_use_libc");
    let status = build.status().context("cannot start cargo")?;
    ensure!(
        status.success(),
        "the guard does not build; its messages are above"
    );
    let program = folder.join("guard/gateway-guard");
    let cases = shell::output_of(&mut Command::new(&program))?;
    let names = cases.lines().filter_map(|line| line.split(' ').next());
    names
        .map(|name| {
            let count = count(&program, name, &folder)
                .with_context(|| format!("cannot count the instructions of {name}"))?;
            Ok((name.to_owned(), count))
        })
        .collect()
}

/// Instructions a unit of the case `name`.
fn count(program: &Path, name: &str, folder: &Path) -> Result<f64> {
    let file = folder.join(format!("{name}.callgrind"));
    let mut command = Command::new("valgrind");
    command
        .env_remove("GLIBC_TUNABLES")
        .env_remove("VALGRIND_OPTS")
        .args(["--command-line-only=yes", "--quiet", "--tool=callgrind"])
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(format!("--toggle-collect={MEASURED}"))
        .arg(program)
        .arg(name);
    let printed = shell::output_of(&mut command)?;
    let units: u64 = printed
        .trim()
        .parse()
        .with_context(|| format!("not a number of units: {printed:?}"))?;
    let profile =
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let total = total(&profile).with_context(|| {
        format!(
            "callgrind collected nothing within {MEASURED}: {}",
            file.display()
        )
    })?;
    ensure!(units > 0, "no unit of work was done");
    // As many digits as the record has: what is compared is what can be written down.
    Ok((total as f64 / units as f64 * 100.0).round() / 100.0)
}

/// All that was collected, by callgrind's own sum.
fn total(profile: &str) -> Option<u64> {
    let mut sums = profile.lines().filter_map(|line| {
        line.strip_prefix("summary: ")
            .or_else(|| line.strip_prefix("totals: "))
    });
    sums.next()?.trim().parse().ok().filter(|total| *total > 0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn counts(counts: &[(&str, f64)]) -> BTreeMap<String, f64> {
        counts
            .iter()
            .map(|(case, count)| ((*case).to_owned(), *count))
            .collect()
    }

    #[test]
    fn what_rises_by_more_than_five_percent_fails_and_what_falls_is_told() {
        let recorded = counts(&[("a", 100.0), ("b", 100.0), ("c", 100.0), ("d", 100.0)]);
        let measured = counts(&[("a", 105.0), ("b", 105.1), ("c", 94.9), ("d", 95.0)]);
        let compared = compare(&recorded, &measured);
        let verdicts: Vec<_> = compared.iter().map(|case| case.verdict).collect();
        use Verdict::{AsRecorded, Fallen, Risen};
        assert_eq!(verdicts, [AsRecorded, Risen, Fallen, AsRecorded]);
        let fails: Vec<_> = compared.iter().map(Compared::fails).collect();
        assert_eq!(fails, [false, true, false, false]);
        let line = compared[1].line();
        for word in ["b ", "100.00", "105.10", "+5.1 %", "RISEN"] {
            assert!(line.contains(word), "{word} in {line}");
        }
    }

    #[test]
    fn a_case_that_only_one_side_has_fails() {
        let (recorded, measured) = (counts(&[("old", 1.0)]), counts(&[("new", 1.0)]));
        let compared = compare(&recorded, &measured);
        let verdicts: Vec<_> = compared.iter().map(|case| case.verdict).collect();
        assert_eq!(verdicts, [Verdict::New, Verdict::Gone]);
        assert!(compared.iter().all(Compared::fails));
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let mut record = Record::default();
        let counts = Counts {
            toolchain: "rustc 1.95.0 (x 2026-01-01)".to_owned(),
            instructions: counts(&[("decode-itch-plain", 131.71), ("queue-publish", 41.0)]),
        };
        record.0.insert("x86_64".to_owned(), counts);
        let read: Record = toml::from_str(&record.text()).unwrap();
        assert_eq!(read, record);
    }

    #[test]
    fn the_record_in_the_repository_can_be_read() {
        let record = Record::read(&workspace::root().join(RECORD)).unwrap();
        let counts = &record.0["x86_64"];
        assert!(counts.toolchain.starts_with("rustc "));
        assert!(counts.instructions.len() >= 12, "{counts:?}");
    }

    #[test]
    fn a_profile_without_anything_collected_is_no_count() {
        assert_eq!(
            total("events: Ir\nsummary: 812\n\ntotals: 812\n"),
            Some(812)
        );
        assert_eq!(total("events: Ir\ntotals: 7\n"), Some(7));
        assert_eq!(total("events: Ir\nsummary: 0\n"), None);
        assert_eq!(total("events: Ir\n"), None);
    }
}
