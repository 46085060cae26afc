//! The report: every bench, with what the machine was like meanwhile, as `bench/REPORT.md`, pictures beside it, and
//! `target/bench/report.json` with every single value.
//!
//! A report can be made piece by piece: benches that are named are measured anew, the others stay as `report.json` has
//! them, each with its own time, commit and conditions.

mod conditions;
mod facts;
mod page;
mod plot;
mod stored;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};

use crate::machine;
use crate::report::Row;
use conditions::{Conditions, Floor};
use stored::{Measured, Report};

/// Fewer runs than this prove nothing.
pub(crate) const RUNS_MIN: usize = 5;

/// Where the report's parts are.
struct Places {
    /// `bench/`: page, pictures and what is written by hand.
    bench: PathBuf,
    json: PathBuf,
}

impl Places {
    fn new() -> Result<Self> {
        let program = std::env::current_exe().context("this program has no path")?;
        let target = program.parent().and_then(Path::parent);
        let folder = target.context("no target folder")?.join("bench");
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(Self {
            bench: PathBuf::from(env!("CARGO_MANIFEST_DIR")),
            json: folder.join("report.json"),
        })
    }
}

/// Measures the benches `names` by `run`, on a machine whose `cores` this program may use; then writes the report of
/// these and of what was measured before. No names: only the page is written anew.
///
/// # Errors
/// The report cannot be read or written. A bench that fails is in the report with its error.
pub(crate) fn run<N: Copy>(
    names: &[N],
    title: impl Fn(N) -> String,
    cores: &[usize],
    mut bench: impl FnMut(N) -> Result<Vec<Row>>,
) -> Result<()> {
    let places = Places::new()?;
    let mut report = Report::read(&places.json)?;
    if !names.is_empty() {
        report.facts = facts::of_the_machine(cores);
        report.floor_before = Some(floor(cores)?);
        report.floor_after = None;
    }
    let mut failed = Vec::new();
    for &name in names {
        let title = title(name);
        eprintln!("report: {title}");
        let before = Conditions::now(cores);
        let began = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let start = Instant::now();
        let (rows, error) = match bench(name) {
            Ok(rows) => (rows, None),
            Err(error) => {
                eprintln!("report: {title} failed: {error:#}");
                failed.push(title.clone());
                (Vec::new(), Some(format!("{error:#}")))
            }
        };
        let measured = Measured {
            bench: title,
            commit: facts::commit(),
            machine: machine::describe(),
            began_s: began.as_secs(),
            took_s: start.elapsed().as_secs_f64(),
            before,
            after: Conditions::now(cores),
            error,
            rows: rows.iter().map(Into::into).collect(),
        };
        report.replace(measured);
        // After each of them: a run of hours that is interrupted keeps what it has.
        report.write(&places.json)?;
    }
    if !names.is_empty() {
        report.floor_after = Some(floor(cores)?);
        report.write(&places.json)?;
    }
    write(&report, &places)?;
    ensure!(
        failed.is_empty(),
        "no new figures of {}: why is above, and in the report",
        failed.join(", ")
    );
    Ok(())
}

fn floor(cores: &[usize]) -> Result<Floor> {
    eprintln!("report: jitter floor, {} s", conditions::FLOOR.as_secs());
    Floor::measure(cores)
}

fn write(report: &Report, places: &Places) -> Result<()> {
    let plots = places.bench.join("plots");
    fs::create_dir_all(&plots).with_context(|| format!("cannot create {}", plots.display()))?;
    for measured in &report.benches {
        if let Some(picture) = plot::svg(measured) {
            put(&plots.join(plot::file(&measured.bench)), &picture)?;
        }
    }
    let page = page::markdown(report, &places.bench.join("findings"))?;
    put(&places.bench.join("REPORT.md"), &page)?;
    eprintln!("report: every value is in {}", places.json.display());
    Ok(())
}

fn put(path: &Path, content: &str) -> Result<()> {
    fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))?;
    eprintln!("report: wrote {}", path.display());
    Ok(())
}
