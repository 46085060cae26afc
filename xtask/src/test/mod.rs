//! `cargo xtask test`: every check that the project has, each a named and timed step.

mod executables;
pub(crate) mod summary;

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;
use executables::Executable;
use summary::Summary;

use crate::{lab, setup, shell, workspace};

/// Longest time a step may take, builds included: two slow cores need minutes, a hang is never hours.
const STEP_LIMIT: Duration = Duration::from_secs(40 * 60);
/// How long each fuzz target runs: it begins with seeds, and a longer run is `cargo xtask fuzz`.
const FUZZ_SECONDS: &str = "30";
/// How many lines of a failed step's output go to the terminal; all of it is in the log.
const LINES_SHOWN: usize = 120;

const CLIENTS: &str = "gateway-test-clients";
const E2E: &str = "gateway-e2e";
const PACKAGE: &str = "gateway-test-package";
const LAB: &str = "gateway-lab";
/// Packages whose tests have steps of their own.
const APART: [&str; 4] = [CLIENTS, E2E, PACKAGE, LAB];
/// For tests that need the machine for themselves.
const ONE_AT_A_TIME: &[&str] = &["--show-output", "--test-threads=1"];

#[derive(Args)]
pub(crate) struct Arguments {
    /// Run only the steps whose name contains one of these words (format, clippy, build, features, unit, doc, loom, rivals, instructions,
    /// fuzz, clients, e2e, package, lab).
    steps: Vec<String>,
}

/// One step of the run.
struct Step {
    name: &'static str,
    what: &'static str,
    task: Task,
}

enum Task {
    /// A command that succeeds or fails.
    Check(Command),
    /// One whose output holds results of the Rust test harness.
    Tests(Command),
    /// Builds every program, and those with tests, which the steps behind it run.
    Build(Command),
    /// Those of the programs with tests that `of` takes.
    Run {
        of: fn(&Executable) -> bool,
        arguments: &'static [&'static str],
        environment: Vec<(&'static str, OsString)>,
    },
}

impl Task {
    const fn has_tests(&self) -> bool {
        matches!(self, Self::Tests(_) | Self::Run { .. })
    }

    /// The commands that it is made of.
    fn commands(self, executables: &[Executable]) -> Vec<Command> {
        match self {
            Self::Check(command) | Self::Tests(command) | Self::Build(command) => vec![command],
            Self::Run {
                of,
                arguments,
                environment,
            } => executables
                .iter()
                .filter(|each| of(each))
                .map(|each| {
                    let mut command = each.command(arguments);
                    command.envs(environment.iter().map(|(name, value)| (name, value)));
                    command
                })
                .collect(),
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    setup::ensure(setup::Intent::Test)?;
    let logs = workspace::target().join("xtask/test");
    fs::create_dir_all(&logs).with_context(|| format!("cannot create {}", logs.display()))?;

    let mut total = Summary::default();
    let named = |step: &Step| {
        arguments.steps.is_empty()
            || arguments
                .steps
                .iter()
                .any(|word| step.name.contains(word.as_str()))
    };
    let mut steps = steps();
    let runs = |step: &Step| matches!(step.task, Task::Run { .. }) && named(step);
    let needs_build = steps.iter().any(runs);
    steps.retain(|step| named(step) || (needs_build && matches!(step.task, Task::Build(_))));
    let mut executables = Vec::new();
    for step in steps {
        let builds = matches!(step.task, Task::Build(_));
        let log = logs.join(format!("{}.log", step.name));
        total.add(&run_step(step, &executables, &log)?);
        if builds {
            executables = executables::found(&read(&log))?;
        }
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
fn run_step(step: Step, executables: &[Executable], log: &Path) -> Result<Summary> {
    println!("{:<14} {}", step.name, step.what);
    let start = Instant::now();
    let has_tests = step.task.has_tests();
    let commands = step.task.commands(executables);
    File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    // Each of them, whatever the others come to.
    let mut failed = Vec::new();
    for mut command in commands {
        let left = STEP_LIMIT.saturating_sub(start.elapsed());
        match shell::run_logged(&mut command, log, left) {
            Ok(status) if status.success() => {}
            Ok(status) => failed.push((shell::display(&command), status.to_string())),
            Err(error) => failed.push((shell::display(&command), format!("{error:#}"))),
        }
    }
    let elapsed = start.elapsed().as_secs_f64();
    let output = read(log);

    let mut summary = if has_tests {
        Summary::of(&output)
    } else {
        Summary::default()
    };
    if has_tests && failed.is_empty() && summary.is_empty() {
        failed.push((
            "no test was run".to_owned(),
            "the build brought none".to_owned(),
        ));
    }
    if failed.is_empty() {
        let counts = if has_tests {
            format!(", {}", summary.counts())
        } else {
            String::new()
        };
        println!("{:<14} ok in {elapsed:.1} s{counts}", step.name);
        return Ok(summary);
    }
    // A build error or a crash of the test binary leaves no result line.
    summary.failed = summary.failed.max(1);
    show_end(&summary::failures(&output).unwrap_or(output));
    for (command, failure) in failed {
        println!("{:<14} FAILED in {elapsed:.1} s: {failure}", step.name);
        println!("         {command}");
    }
    println!("         whole output: {}", log.display());
    Ok(summary)
}

fn read(log: &Path) -> String {
    String::from_utf8_lossy(&fs::read(log).unwrap_or_default()).into_owned()
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
        task: Task::Check(command),
    };
    let tests = |name, what, command| Step {
        name,
        what,
        task: Task::Tests(command),
    };
    let run = |name, what, of, arguments| Step {
        name,
        what,
        task: Task::Run {
            of,
            arguments,
            environment: Vec::new(),
        },
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
        Step {
            name: "build",
            what: "every program, example and test",
            task: Task::Build(cargo(&[
                "build",
                "--workspace",
                "--all-targets",
                "--message-format=json-render-diagnostics",
            ])),
        },
        check(
            "features",
            "a strategy's build: the clients, each with the features of its own",
            cargo(&[
                "check",
                "--package",
                "gateway-client",
                "--examples",
                "--package",
                "gateway-client-c",
            ]),
        ),
        run(
            "unit",
            "unit, property and integration tests",
            |each| !APART.contains(&each.package.as_str()),
            &["--show-output"],
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
        check(
            "instructions",
            "instructions of decoding, pipeline and queue, against their record",
            own(&["bench", "instructions"]),
        ),
        check(
            "fuzz",
            "every fuzz target for half a minute, from seeds on",
            own(&["fuzz", "--seconds", FUZZ_SECONDS]),
        ),
        run(
            "clients",
            "the clients as programs of their own, in every language",
            |each| each.package == CLIENTS,
            ONE_AT_A_TIME,
        ),
        run(
            "e2e",
            "the real binaries over network namespaces",
            |each| each.package == E2E,
            ONE_AT_A_TIME,
        ),
        run(
            "package",
            "the Debian package: its contents, its unit, what it leaves behind",
            |each| each.package == PACKAGE,
            &["--show-output"],
        ),
        Step {
            name: "lab",
            what: "the gateway in a VM, on a virtual function that grants zero-copy",
            task: Task::Run {
                of: |each| each.package == LAB,
                arguments: &[],
                environment: lab::environment("short", lab::KERNELS),
            },
        },
    ]
}

/// This program's own task, so that its table is in the step's log.
fn own(arguments: &[&str]) -> Command {
    let program = std::env::current_exe().unwrap_or_else(|_| "xtask".into());
    let mut command = Command::new(program);
    command.args(arguments);
    command
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
