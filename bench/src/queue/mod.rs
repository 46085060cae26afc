//! `queue`: our queue beside others, and beside what no queue can beat, a raw cache line handed over.
//!
//! Two processes on two cores, all queues by the same loops in the same program (`bench/rivals`), interleaved, medians
//! over at least 15 rounds. Measurements of one placement of the cores are compared with each other only.

mod assembly;
mod markdown;
mod measure;
pub(crate) mod placement;
mod plot;
mod results;
mod rivals;
mod rows;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::report::Row;
use measure::{Measurer, Quantity};
use results::Results;
use rivals::{Contestant, Rivals};

/// Fewer rounds than this prove nothing on a shared machine.
pub(crate) const ROUNDS: usize = 15;
/// Memory does not vary.
const MEMORY_RUNS: usize = 3;
/// Cores busier than this beforehand are worth a warning.
const BUSY_MAX: f64 = 0.05;
/// Sleeping readers, and polling ones.
const SLEEPING: [usize; 4] = [0, 1, 8, 64];
const POLLING: [usize; 4] = [1, 2, 4, 8];

/// Messages that a queue has room for: our default, and as many as a core's own cache holds beside other things.
const CAPACITY: u64 = 65_536;
const CAPACITY_IN_CACHE: u64 = 4_096;

/// Measures everything on two of the `allowed` cores, `rounds` times.
///
/// # Errors
/// When the measuring program does not build, the results cannot be written, or the user interrupts it.
pub(crate) fn run(rounds: usize, allowed: &[usize], machine: &str) -> Result<Vec<Row>> {
    let cores = placement::choose(allowed);
    if cores.len() < 2 {
        return Ok(vec![Row::not_measured(
            rows::BENCH,
            "everything: two ends that spin need two cores of their own, and there is one".into(),
            "ns",
        )]);
    }
    let rivals = rivals::build()?;
    if cores.len() < 3 && !rivals.missing.contains_key(&Contestant::Aeron) {
        eprintln!(
            "queue: Aeron's media driver and its clients' threads share the two cores that measure"
        );
    }
    let busy = placement::busy(&cores[..2]);
    if busy > BUSY_MAX {
        eprintln!(
            "queue: cores {:?} are {:.0} % busy with something else: leave the machine alone",
            &cores[..2],
            busy * 100.0
        );
    }
    if rounds < ROUNDS {
        eprintln!("queue: {rounds} rounds show whether it works; a result takes {ROUNDS}");
    }
    let measurer = Measurer::new(rivals.program.clone(), cores.clone())?;
    let results = measure_rounds(&measurer, &plan(&rivals, cores.len()), rounds)?;
    let mut rows = rows::of(&results, &rivals, cores.len(), rounds);
    rows.extend(assembly::rows(&rivals.program));
    write(&rows, &results, machine)?;
    Ok(rows)
}

/// What is measured of whom, with how much room.
type Case = (Contestant, Quantity, u64);

fn plan(rivals: &Rivals, cores: usize) -> Vec<Case> {
    let mut plan = Vec::new();
    for contestant in Contestant::ALL {
        if rivals.missing.contains_key(&contestant) {
            continue;
        }
        plan.extend(rows::CASES.iter().filter_map(|(quantity, capacity)| {
            rows::takes_part(contestant, *quantity).then_some((contestant, *quantity, *capacity))
        }));
    }
    for count in SLEEPING {
        plan.push((Contestant::Ring, Quantity::Sleeping(count), CAPACITY));
    }
    for count in POLLING.into_iter().filter(|count| *count < cores) {
        plan.push((Contestant::Gateway, Quantity::Polling(count), CAPACITY));
    }
    plan
}

/// Measures every case once a round, the order of every other round turned round; rounds beyond `rounds`, up to half as
/// many, make up for measurements during which the cores were moved.
fn measure_rounds(measurer: &Measurer, plan: &[Case], rounds: usize) -> Result<Results> {
    let mut results = Results::default();
    let mut told = BTreeSet::new();
    let start = Instant::now();
    for round in 0..rounds + rounds / 2 {
        if round >= rounds && results.complete(plan, rounds) {
            break;
        }
        let mut order: Vec<&Case> = plan.iter().collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for case in order {
            let (contestant, quantity, capacity) = *case;
            if quantity == Quantity::Memory && round >= MEMORY_RUNS {
                continue;
            }
            let outcome = measurer.run(contestant, quantity, capacity);
            if measurer.is_interrupted() {
                bail!("interrupted in round {} of {rounds}", round + 1);
            }
            match outcome {
                Ok(outcome) => results.add(*case, round, outcome),
                Err(error) => {
                    let error = format!("{}, {quantity:?}: {error:#}", contestant.title());
                    if told.insert(error.clone()) {
                        eprintln!("queue: {error}");
                    }
                    results.fail(*case, format!("{error:#}"));
                }
            }
        }
        let (done, elapsed) = (round + 1, start.elapsed().as_secs_f64());
        let left = rounds.saturating_sub(done) as f64 * elapsed / done as f64;
        eprintln!("queue: round {done} of {rounds} done in {elapsed:.0} s, some {left:.0} s left");
    }
    eprintln!(
        "queue: measurements by placement of the cores: {}",
        results.classes()
    );
    Ok(results)
}

/// Leaves rows and every single measurement as JSON, the report as Markdown, and a picture, in `target/bench`.
fn write(rows: &[Row], results: &Results, machine: &str) -> Result<()> {
    let program = std::env::current_exe().context("this program has no path")?;
    let target = program
        .parent()
        .and_then(Path::parent)
        .context("no target folder")?;
    let folder = target.join("bench");
    fs::create_dir_all(&folder)?;
    let json = serde_json::json!({
        "machine": machine,
        "command": "cargo xtask bench queue",
        "rows": rows,
        "measurements": results.raw(),
    });
    let write = |name: &str, content: String| {
        let path = folder.join(name);
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
        eprintln!("queue: wrote {}", path.display());
        anyhow::Ok(())
    };
    write("queue.json", serde_json::to_string_pretty(&json)?)?;
    write("queue.md", markdown::report(rows, results, machine))?;
    write("queue.svg", plot::svg(results, machine))
}
