//! `cargo xtask test`: every check that the project has, each a named and timed step.

pub(crate) mod summary;

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;
use summary::Summary;

use crate::{lab, setup, shell, workspace};

/// Longest time a step may take, builds included: two slow cores need minutes, a hang is never hours.
const STEP_LIMIT: Duration = Duration::from_secs(40 * 60);
/// How many lines of a failed step's output go to the terminal; all of it is in the log.
const LINES_SHOWN: usize = 120;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Run only the steps whose name contains one of these words (format, clippy, build, unit, doc, loom, rivals, clients,
    /// e2e, package, lab).
    steps: Vec<String>,
}

/// One command of the run.
struct Step {
    name: &'static str,
    what: &'static str,
    command: Command,
    /// Whether the output holds results of the Rust test harness.
    has_tests: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    setup::ensure(setup::Intent::Test)?;
    let logs = workspace::target().join("xtask/test");
    fs::create_dir_all(&logs).with_context(|| format!("cannot create {}", logs.display()))?;

    let mut total = Summary::default();
    let wanted = |step: &Step| {
        arguments.steps.is_empty()
            || arguments
                .steps
                .iter()
                .any(|word| step.name.contains(word.as_str()))
    };
    for mut step in steps().into_iter().filter(wanted) {
        total.add(&run_step(&mut step, &logs)?);
    }

    for (reason, count) in &total.skip_reasons {
        println!("skipped {count} times: {reason}");
    }
    println!(
        "{} passed, {} failed, {} skipped",
        total.passed, total.failed, total.skipped
    );
    Ok(if total.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Runs one step, says how it went, and returns its share of the totals. A step that is no test counts as failed
/// only: the totals stay those of tests while none fails.
fn run_step(step: &mut Step, logs: &Path) -> Result<Summary> {
    println!("{:<14} {}", step.name, step.what);
    let log = logs.join(format!("{}.log", step.name));
    let start = Instant::now();
    let status = shell::run_logged(&mut step.command, &log, STEP_LIMIT);
    let elapsed = start.elapsed().as_secs_f64();
    let output = String::from_utf8_lossy(&fs::read(&log).unwrap_or_default()).into_owned();

    let mut summary = if step.has_tests {
        Summary::of(&output)
    } else {
        Summary::default()
    };
    let failure = match status {
        Ok(status) if status.success() => None,
        Ok(status) => Some(status.to_string()),
        Err(error) => Some(format!("{error:#}")),
    };
    let Some(failure) = failure else {
        let counts = if step.has_tests {
            format!(", {}", summary.counts())
        } else {
            String::new()
        };
        println!("{:<14} ok in {elapsed:.1} s{counts}", step.name);
        return Ok(summary);
    };
    // A build error or a crash of the test binary leaves no result line.
    summary.failed = summary.failed.max(1);
    show_end(&summary::failures(&output).unwrap_or(output));
    println!("{:<14} FAILED in {elapsed:.1} s: {failure}", step.name);
    println!("         {}", shell::display(&step.command));
    println!("         whole output: {}", log.display());
    Ok(summary)
}

fn show_end(output: &str) {
    let lines: Vec<&str> = output.lines().collect();
    for line in &lines[lines.len().saturating_sub(LINES_SHOWN)..] {
        println!("    {line}");
    }
}

fn steps() -> Vec<Step> {
    let cargo = |arguments: &[&str]| {
        let mut command = Command::new(workspace::cargo());
        command.current_dir(workspace::root()).args(arguments);
        command
    };
    let check = |name, what, command| Step {
        name,
        what,
        command,
        has_tests: false,
    };
    let tests = |name, what, command| Step {
        name,
        what,
        command,
        has_tests: true,
    };
    // `--show-output` prints what passing tests wrote: their `skipped: why` is counted.
    vec![
        check(
            "format",
            "rustfmt on every crate",
            cargo(&["fmt", "--all", "--check"]),
        ),
        check(
            "rivals-format",
            "the same on the harness that measures the queue beside others",
            rivals(cargo, &["fmt"], &["--check"]),
        ),
        check(
            "clippy",
            "lints on every target, warnings are errors",
            cargo(&[
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ]),
        ),
        check(
            "rivals-clippy",
            "the same on that harness, with the rivals that build in seconds",
            rivals(
                cargo,
                &["clippy", "--locked"],
                &[
                    "--all-targets",
                    "--features",
                    "crossbeam,outcry,ringfire,rtrb",
                    "--",
                    "-D",
                    "warnings",
                ],
            ),
        ),
        check(
            "build",
            "every binary and example",
            cargo(&["build", "--workspace", "--bins", "--examples"]),
        ),
        tests(
            "unit",
            "unit, property and integration tests",
            cargo(&[
                "test",
                "--workspace",
                "--exclude",
                "gateway-e2e",
                "--exclude",
                "gateway-test-clients",
                "--exclude",
                "gateway-lab",
                "--exclude",
                "gateway-test-package",
                "--no-fail-fast",
                "--lib",
                "--bins",
                "--tests",
                "--",
                "--show-output",
            ]),
        ),
        tests(
            "doc",
            "examples in the documentation",
            cargo(&["test", "--workspace", "--no-fail-fast", "--doc"]),
        ),
        tests(
            "loom",
            "the queue under a model checker of memory orderings",
            loom(cargo),
        ),
        tests(
            "rivals",
            "the harness that measures the queue beside others, without the others",
            rivals(cargo, &["test", "--locked"], &[]),
        ),
        tests(
            "clients",
            "the clients as programs of their own, in every language",
            cargo(&[
                "test",
                "--package",
                "gateway-test-clients",
                "--no-fail-fast",
                "--",
                "--show-output",
                "--test-threads=1",
            ]),
        ),
        tests(
            "e2e",
            "the real binaries over network namespaces",
            cargo(&[
                "test",
                "--package",
                "gateway-e2e",
                "--no-fail-fast",
                "--",
                "--show-output",
                "--test-threads=1",
            ]),
        ),
        tests(
            "package",
            "the Debian package: its contents, its unit, what it leaves behind",
            cargo(&[
                "test",
                "--package",
                "gateway-test-package",
                "--no-fail-fast",
                "--",
                "--show-output",
            ]),
        ),
        tests(
            "lab",
            "the gateway in a VM, on a virtual function that grants zero-copy",
            lab::command("short", lab::KERNELS),
        ),
    ]
}

/// `before` and `behind` what tells cargo that the harness is a workspace of its own.
fn rivals(cargo: impl Fn(&[&str]) -> Command, before: &[&str], behind: &[&str]) -> Command {
    let mut command = cargo(before);
    command
        .env("CARGO_TARGET_DIR", workspace::target().join("rivals"))
        .arg("--manifest-path")
        .arg(workspace::root().join("bench/rivals/Cargo.toml"))
        .args(behind);
    command
}

/// The loom run has a target folder of its own, because its flag would rebuild everything else. It tries millions of
/// interleavings, so it is optimised, but not linked for minutes.
fn loom(cargo: impl Fn(&[&str]) -> Command) -> Command {
    let mut command = cargo(&[
        "test",
        "--package",
        "gateway-queue",
        "--release",
        "--test",
        "loom",
    ]);
    let target = workspace::target().join("loom");
    command
        .env("RUSTFLAGS", "--cfg loom")
        .env("CARGO_TARGET_DIR", target);
    command.env("CARGO_PROFILE_RELEASE_LTO", "off");
    command
}
