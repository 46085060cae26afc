//! `cargo xtask fuzz`: every fuzz target for a while, and what came of it.
//!
//! The targets are built by cargo-fuzz with the project's own compiler, which is told to accept the sanitizers' unstable
//! flags: no nightly toolchain is wanted. What the fuzzer finds worth keeping stays under `target/fuzz/corpus` and is where
//! the next run goes on from.

mod findings;
mod targets;

use std::collections::VecDeque;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use findings::Findings;
use targets::Target;

use crate::{setup, shell, workspace};

/// Memory that a target may take, its corpus included.
const MEMORY_MAX_MIB: u32 = 2_560;
/// An input that takes longer is told as a finding: none of ours takes a thousandth of it.
const INPUT_SECONDS_MAX: u32 = 25;
/// What a run may take beyond its time: the sanitizer writes a report, a corpus is read first.
const LATE: Duration = Duration::from_secs(300);

#[derive(Args)]
pub(crate) struct Arguments {
    /// Only the targets whose name contains one of these words.
    targets: Vec<String>,
    /// How long each target runs, in seconds.
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    seconds: u32,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    setup::ensure(setup::Intent::Test)?;
    let mut targets = targets::all()?;
    let words = &arguments.targets;
    targets.retain(|target| {
        words.is_empty() || words.iter().any(|word| target.name.contains(word.as_str()))
    });
    ensure!(
        !targets.is_empty(),
        "no fuzz target has one of these words in its name: {}",
        words.join(", ")
    );
    let folder = workspace::target().join("fuzz");
    targets::build(&targets, &folder)?;
    targets::write_seeds(&targets, &folder.join("seeds"))?;

    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!(
        "{} targets, {} s each, {cores} at a time",
        targets.len(),
        arguments.seconds
    );
    println!("{}", findings::HEAD);
    let waiting = Mutex::new(targets.into_iter().collect::<VecDeque<_>>());
    let next = || {
        let mut waiting = waiting
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        waiting.pop_front()
    };
    let work = || -> Result<bool> {
        let mut clean = true;
        while let Some(target) = next() {
            let findings = fuzz(&target, &folder, arguments.seconds)?;
            println!("{findings}");
            clean &= findings.input.is_none();
        }
        Ok(clean)
    };
    let outcomes: Vec<Result<bool>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined
            .map(|joined| joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    let mut clean = true;
    for outcome in outcomes {
        clean &= outcome?;
    }
    Ok(if clean {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Runs one target for `seconds`.
fn fuzz(target: &Target, folder: &Path, seconds: u32) -> Result<Findings> {
    let in_own = |name: &str| -> Result<PathBuf> {
        let own = folder.join(name).join(&target.name);
        fs::create_dir_all(&own).with_context(|| format!("cannot create {}", own.display()))?;
        Ok(own)
    };
    let (corpus, seeds) = (in_own("corpus")?, in_own("seeds")?);
    // The fuzzer puts the file's name behind it: what it keeps of a finding is named by that.
    let inputs = in_own("findings")?;
    let log = folder.join(format!("{}.log", target.name));
    File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    let mut command = Command::new(&target.program);
    command
        .arg(format!("-max_total_time={seconds}"))
        .arg("-print_final_stats=1")
        .arg(format!("-rss_limit_mb={MEMORY_MAX_MIB}"))
        .arg(format!("-timeout={INPUT_SECONDS_MAX}"))
        .arg(format!("-artifact_prefix={}/", inputs.display()))
        // What broke a promise once has to keep it from then on.
        .args([&corpus, &seeds, &inputs]);
    let limit = Duration::from_secs(seconds.into()) + LATE;
    let status = shell::run_logged(&mut command, &log, limit)?;
    let text = String::from_utf8_lossy(&fs::read(&log).unwrap_or_default()).into_owned();
    Findings::of(target, &text, status.success(), &log)
}
