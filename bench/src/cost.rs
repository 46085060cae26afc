//! `cost`: what the gateway takes of the machine: processor time while nothing comes, system calls and instructions a
//! packet. Memory is `memory`.
//!
//! The real program on a link of its own (as root). System calls are counted by the kernel (`perf stat`), for the worker's
//! thread alone and without slowing it. Instructions are those that the guard counts.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use gateway_test_harness::{
    Binaries, Config, Gateway, Network, Simulator, config::Input, simulator::line_arguments,
    unprivileged,
};

use crate::{
    machine,
    report::{Row, Samples},
};

const BENCH: &str = "cost";
/// Starts of the gateway for each case.
const RUNS_MAX: usize = 5;
/// How long an idle gateway is watched, and how long before that it is left alone.
const IDLE: Duration = Duration::from_secs(4);
const SETTLE: Duration = Duration::from_secs(1);
/// A packet has ten messages, and two lines carry it.
const RATE_MESSAGES: u64 = 50_000;
const PER_PACKET: u64 = 10;
const MESSAGES: u64 = 200_000;
/// How long the kernel counts: within the traffic's four seconds.
const COUNTED: Duration = Duration::from_millis(2_500);
const TRAFFIC_LIMIT: Duration = Duration::from_secs(30);
/// The worker's thread, by the name that the harness gives it.
const WORKER: &str = "worker";

/// Measures all of it; what needs root or `perf` says so where that lacks.
///
/// # Errors
/// When the programs are not beside this one, or do not run.
pub(crate) fn run(runs: usize, cores: &[usize]) -> Result<Vec<Row>> {
    let mut rows = instructions()?;
    if cores.len() < 2 {
        let case = "idle processor time and system calls: gateway and exchange need two cores, and there is one";
        rows.push(Row::not_measured(BENCH, case.into(), "%"));
        return Ok(rows);
    }
    if !unprivileged::is_true_root() {
        let case = "idle processor time and system calls: the link between exchange and gateway needs root";
        rows.push(Row::not_measured(BENCH, case.into(), "%"));
        return Ok(rows);
    }
    let program = std::env::current_exe().context("this program has no path")?;
    let binaries = Binaries::at(program.parent().context("this program is in no folder")?);
    let runs = runs.min(RUNS_MAX);
    // What this program starts inherits its core, which is not enough for gateway and exchange.
    let measured = machine::on_all(cores, || {
        let mut rows = idle(&binaries, runs)?;
        rows.extend(system_calls(&binaries, runs)?);
        anyhow::Ok(rows)
    });
    rows.extend(measured?);
    Ok(rows)
}

/// Instructions a packet on the way from its bytes to its slots.
fn instructions() -> Result<Vec<Row>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.toml");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let record: BTreeMap<String, toml::Table> = toml::from_str(&text)?;
    let counts = record
        .get(std::env::consts::ARCH)
        .and_then(|table| table.get("instructions")?.as_table());
    let row = |per_packet: u32| {
        let case = format!(
            "packet of {per_packet} ITCH messages to slots, plain records, as the guard counts it"
        );
        let count = counts.and_then(|counts| {
            counts
                .get(&format!("pipeline-{per_packet}-a-packet"))?
                .as_float()
        });
        match count {
            Some(count) => {
                let samples = Samples {
                    case,
                    unit: "instructions",
                    values: vec![count * f64::from(per_packet)],
                };
                Row::new(BENCH, &samples, None, None)
            }
            None => Row::not_measured(
                BENCH,
                format!("{case}: not recorded for {}", std::env::consts::ARCH),
                "instructions",
            ),
        }
    };
    Ok(vec![row(1), row(30)])
}

fn configured(tier: &str, wait: &'static str) -> Config {
    Config {
        wait,
        ..Config::new(Input::tier(tier))
    }
}

/// Processor time of the whole gateway while nothing comes, for each way of waiting, one after the other in each run.
fn idle(binaries: &Binaries, runs: usize) -> Result<Vec<Row>> {
    let cases: Vec<(&str, &str)> = ["copy", "socket"]
        .into_iter()
        .flat_map(|tier| ["spin", "yield", "sleep"].map(|wait| (tier, wait)))
        .collect();
    let mut samples: Vec<Samples> = cases
        .iter()
        .map(|(tier, wait)| Samples {
            case: format!("idle, {tier} tier, wait = \"{wait}\""),
            unit: "% of a core",
            values: Vec::with_capacity(runs),
        })
        .collect();
    for _ in 0..runs {
        for ((tier, wait), sample) in cases.iter().zip(&mut samples) {
            let network = Network::new()?;
            let gateway = Gateway::start(binaries, &network.gateway, &configured(tier, wait))?;
            std::thread::sleep(SETTLE);
            let pid = gateway.process.pid();
            let (begin, before) = (Instant::now(), processor_time(pid)?);
            std::thread::sleep(IDLE);
            let used = processor_time(pid)? - before;
            sample
                .values
                .push(used / begin.elapsed().as_secs_f64() * 100.0);
        }
    }
    let rows = samples
        .iter()
        .map(|sample| Row::new(BENCH, sample, None, None));
    Ok(rows.collect())
}

/// Seconds that a process and its threads have run, in user space and in the kernel.
fn processor_time(pid: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let ticks = ticks(&stat).with_context(|| format!("no processor time in {stat:?}"))?;
    Ok(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// Fields 14 and 15 of proc_pid_stat(5); the name in front of them may have blanks.
fn ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

/// System calls of the worker a packet, at a fixed rate.
fn system_calls(binaries: &Binaries, runs: usize) -> Result<Vec<Row>> {
    let packets = RATE_MESSAGES / PER_PACKET * 2;
    let cases: Vec<(&str, &str)> = ["copy", "socket"]
        .into_iter()
        .flat_map(|tier| ["spin", "sleep"].map(|wait| (tier, wait)))
        .collect();
    let name = |tier: &str, wait: &str| {
        format!("system calls of the worker at {packets} packets/s, {tier} tier, wait = \"{wait}\"")
    };
    if let Err(error) = counted(Command::new("perf").args(COUNT).args(["--", "true"])) {
        let case = format!("system calls of the worker: {error:#}");
        return Ok(vec![Row::not_measured(BENCH, case, "calls/packet")]);
    }
    let mut samples: Vec<Samples> = cases
        .iter()
        .map(|(tier, wait)| Samples {
            case: name(tier, wait),
            unit: "calls/packet",
            values: Vec::with_capacity(runs),
        })
        .collect();
    for _ in 0..runs {
        for ((tier, wait), sample) in cases.iter().zip(&mut samples) {
            sample
                .values
                .push(calls_a_packet(binaries, &configured(tier, wait))?);
        }
    }
    let rows = samples
        .iter()
        .map(|sample| Row::new(BENCH, sample, None, None));
    Ok(rows.collect())
}

fn calls_a_packet(binaries: &Binaries, config: &Config) -> Result<f64> {
    let network = Network::new()?;
    let gateway = Gateway::start(binaries, &network.gateway, config)?;
    let worker = thread(gateway.process.pid(), WORKER)?;
    let mut arguments: Vec<String> = format!(
        "generate --messages {MESSAGES} --pace rate={RATE_MESSAGES} --messages-per-packet {PER_PACKET}"
    )
    .split_whitespace()
    .map(str::to_owned)
    .collect();
    arguments.extend(line_arguments(&config.lines));
    let simulator = Simulator::start(binaries, &network, &arguments)?;
    let received = || -> Result<f64> {
        let metrics = gateway.metrics()?;
        metrics
            .sum("gateway_rx_packets_total", &[])
            .context("no gateway_rx_packets_total")
    };
    std::thread::sleep(Duration::from_millis(700));
    let (begin, before) = (Instant::now(), received()?);
    let calls = count_of(worker, COUNTED)?;
    let packets = received()? - before;
    let packets_per_s = packets / begin.elapsed().as_secs_f64();
    simulator.finish(TRAFFIC_LIMIT)?;
    ensure!(
        packets > 0.0,
        "no packet came while system calls were counted"
    );
    // `perf` itself takes a moment around what it counts.
    Ok(calls / COUNTED.as_secs_f64() / packets_per_s)
}

/// The thread of `pid` whose name is `name`.
fn thread(pid: u32, name: &str) -> Result<u32> {
    for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
        let entry = entry?;
        let found = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        if found.trim() == name
            && let Some(thread) = entry
                .file_name()
                .to_str()
                .and_then(|text| text.parse().ok())
        {
            return Ok(thread);
        }
    }
    bail!("the gateway has no thread {name}")
}

/// `perf`'s arguments that have it count system calls.
const COUNT: [&str; 5] = ["stat", "-x", ",", "-e", "raw_syscalls:sys_enter"];

/// System calls that a thread makes in `span`, by the kernel's own count.
fn count_of(thread: u32, span: Duration) -> Result<f64> {
    let mut command = Command::new("perf");
    command.args(COUNT).arg("-t").arg(thread.to_string()).args([
        "--",
        "sleep",
        &span.as_secs_f64().to_string(),
    ]);
    counted(&mut command)
}

/// What `perf stat` counts while `command` runs.
fn counted(command: &mut Command) -> Result<f64> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .context("`perf` cannot be started")?;
    let told = String::from_utf8_lossy(&output.stderr);
    count(&told)
        .with_context(|| format!("`perf stat` counts no system calls here: {}", told.trim()))
}

/// The count in what `perf stat` says.
fn count(told: &str) -> Option<f64> {
    let line = told.lines().find(|line| line.contains("raw_syscalls"))?;
    match line.split(',').next()? {
        // A thread that never ran.
        "<not counted>" => Some(0.0),
        count => count.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_found_behind_any_name() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 9 0 0 0 31 11 0 0 20 0 1 0";
        assert_eq!(ticks(stat), Some(42));
        assert_eq!(ticks("7 (a) S 1"), None);
        assert!(processor_time(std::process::id()).is_ok());
    }

    #[test]
    fn a_count_is_told_from_its_absence() {
        assert_eq!(
            count("109,,raw_syscalls:sys_enter,1137343,100.00,,\n"),
            Some(109.0)
        );
        assert_eq!(
            count("<not counted>,,raw_syscalls:sys_enter,0,100.00,,"),
            Some(0.0)
        );
        assert_eq!(
            count("<not supported>,,raw_syscalls:sys_enter,0,100.00,,"),
            None
        );
        assert_eq!(count("event syntax error: 'raw_syscalls:sys_enter'"), None);
    }

    #[test]
    fn a_thread_is_found_by_its_name() {
        let found = std::thread::Builder::new()
            .name("bench-cost".into())
            .spawn(|| thread(std::process::id(), "bench-cost").is_ok())
            .map(|thread| thread.join().unwrap_or(false));
        assert!(matches!(found, Ok(true)));
        assert!(thread(std::process::id(), "no such thread").is_err());
    }
}
