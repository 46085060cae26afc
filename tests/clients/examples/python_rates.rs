//! How many records a second the Python client takes out of a queue, beside the Rust client.
//!
//! ```text
//! cargo run --profile demo -p gateway-test-clients --example python_rates
//! ```
//!
//! The queue is full and nobody writes to it: what is measured is reading. Rust and every way to read in Python take turns,
//! in rounds; a ratio is the median of those of the rounds, whose two sides saw the same machine.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use gateway_client::{Client, Event, Start, SubscribeOptions};
use gateway_test_clients::python;
use gateway_test_clients::stage::{Stage, order};

/// 8 MiB: more than a core's cache, as queues are.
const SLOTS: u64 = 1 << 17;
const ROUNDS: usize = 9;
/// How long each way reads in a round.
const READING: Duration = Duration::from_millis(300);

fn main() -> Result<()> {
    let Some(python) = python::with_wheel()? else {
        return Ok(());
    };
    let mut stage = Stage::of_slots(SLOTS)?;
    for id in 0..SLOTS {
        stage.publish(&order(id, 1));
    }
    let mut rates = BTreeMap::<String, Vec<(f64, f64)>>::new();
    for _ in 0..ROUNDS {
        let rust = rate_in_rust(&stage)?;
        rates
            .entry("rust".to_owned())
            .or_default()
            .push((rust, 1.0));
        let output = Command::new(&python)
            .arg(python::program("rates.py"))
            .arg(stage.socket())
            .args(["all", &READING.as_secs_f64().to_string()])
            .output()
            .context("cannot start Python")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{errors}");
        let found: BTreeMap<String, f64> = serde_json::from_slice(&output.stdout)?;
        for (way, rate) in found {
            rates.entry(way).or_default().push((rate, rate / rust));
        }
    }
    println!("{}\n", machine());
    println!("way                       million records/s   to Rust");
    for (way, rates) in &rates {
        let rate = median(rates.iter().map(|(rate, _)| *rate)) / 1e6;
        let ratio = median(rates.iter().map(|(_, ratio)| *ratio));
        println!("{way:<25} {rate:>17.2}   {ratio:>7.3}");
    }
    stage.close();
    Ok(())
}

/// Records a second of the Rust client.
fn rate_in_rust(stage: &Stage) -> Result<f64> {
    let client = Client::connect(stage.socket())?;
    let options = SubscribeOptions {
        start: Start::Oldest,
        ..SubscribeOptions::named("rates")
    };
    let (mut records, mut elapsed) = (0_u64, Duration::ZERO);
    while elapsed < READING {
        let mut subscription = client.subscribe("all", &options)?;
        let begin = Instant::now();
        while let Event::Record(record) = subscription.poll() {
            std::hint::black_box(record);
            records += 1;
        }
        elapsed += begin.elapsed();
    }
    Ok(records as f64 / elapsed.as_secs_f64())
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The processor and the kernel.
fn machine() -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown processor", |model| {
        model.trim_start_matches([' ', '\t', ':'])
    });
    let count = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "{model}, {count} processors, Linux {}",
        read("/proc/sys/kernel/osrelease").trim()
    )
}
