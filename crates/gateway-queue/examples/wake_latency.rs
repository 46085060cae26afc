//! How long a sleeping reader takes to wake, and what it costs the publisher.
//!
//! ```text
//! cargo run --profile demo -p gateway-queue --example wake_latency
//! ```
//!
//! One thread publishes a record every 200 µs to 1.2 ms, a reader in a thread of its own waits for it in each of the
//! four ways, and takes the time from just before the record was published until it has it. Then the same thread
//! publishes flat out, with no reader, and with sleepers whom the helper watches.

use std::error::Error;
use std::fs::File;
use std::hint::spin_loop;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use gateway_queue::clock::Clock;
use gateway_queue::{
    Advance, Bells, LOOK_INTERVAL, PositionPage, PositionWriter, Publisher, PublisherOptions,
    QueueError, QueueHandle, Start, Subscriber,
};

const ROUNDS: u64 = 2_000;
const FLAT_OUT: u64 = 4_000_000;

#[derive(Clone, Copy)]
enum Wait {
    Spin,
    Yield,
    Sleep(Duration),
    Block,
}

fn create() -> Result<(Publisher, QueueHandle), QueueError> {
    Publisher::create(&PublisherOptions {
        name: "wake".into(),
        ..Default::default()
    })
}

/// A record that carries `ns`.
fn record(ns: u64) -> [u64; 7] {
    [14, ns, 0, 0, 0, 0, 0]
}

/// Nanoseconds from publication to the reader, sorted.
fn latencies(wait: Wait) -> Result<Vec<u64>, QueueError> {
    let clock = Clock::global();
    let (mut publisher, handle) = create()?;
    let bells = Bells::new();
    let (page, page_fd) = PositionPage::create()?;
    let _watch = bells.watch(&handle, &page);
    let mut subscriber = Subscriber::attach(handle.read_only_fd()?, Start::Head)?;
    let writer = PositionWriter::attach(&page_fd)?;
    let mut latencies = std::thread::scope(|scope| {
        scope.spawn(|| bells.run(LOOK_INTERVAL));
        let reading = scope.spawn(move || {
            let mut latencies = Vec::with_capacity(ROUNDS as usize);
            loop {
                let advance = match wait {
                    Wait::Block => subscriber.advance_or_sleep(&writer, Duration::from_secs(1)),
                    _ => subscriber.advance_or_state(),
                };
                match (advance, wait) {
                    (Advance::Record, _) => {
                        latencies.push(clock.now().saturating_sub(subscriber.current().words[1]));
                    }
                    (Advance::Closed(_), _) => return latencies,
                    (_, Wait::Yield) => std::thread::yield_now(),
                    (_, Wait::Sleep(duration)) => std::thread::sleep(duration),
                    (_, Wait::Spin | Wait::Block) => spin_loop(),
                }
            }
        });
        for round in 0..ROUNDS {
            std::thread::sleep(Duration::from_micros(200 + round * 7_919 % 1_000));
            publisher.publish_array(&record(clock.now()));
        }
        drop(publisher);
        bells.stop();
        reading.join().unwrap_or_default()
    });
    latencies.sort_unstable();
    Ok(latencies)
}

/// Nanoseconds a record, flat out, while the helper looks for so many sleepers.
fn publish_cost(sleepers: usize) -> Result<f64, Box<dyn Error>> {
    let clock = Clock::global();
    let (mut publisher, handle) = create()?;
    let bells = Bells::new();
    let mut readers = Vec::new();
    for _ in 0..sleepers {
        let (page, page_fd) = PositionPage::create()?;
        // Sleep number 1, until a position that never comes: the helper looks at head all the time.
        let announcement = [1_u64.to_le_bytes(), u64::MAX.to_le_bytes()].concat();
        File::from(page_fd).write_all_at(&announcement, 64)?;
        readers.push((bells.watch(&handle, &page), page));
    }
    let ns = std::thread::scope(|scope| {
        scope.spawn(|| bells.run(LOOK_INTERVAL));
        let begin = clock.now();
        for id in 0..FLAT_OUT {
            publisher.publish_array(&record(id));
        }
        let end = clock.now();
        bells.stop();
        end.saturating_sub(begin)
    });
    Ok(ns as f64 / FLAT_OUT as f64)
}

fn main() -> Result<(), Box<dyn Error>> {
    println!(
        "{:<14} {:>9} {:>9} {:>9} {:>9}  (µs)",
        "wait", "p50", "p90", "p99", "max"
    );
    for (name, wait) in [
        ("spin", Wait::Spin),
        ("yield", Wait::Yield),
        ("sleep 50 µs", Wait::Sleep(Duration::from_micros(50))),
        ("block", Wait::Block),
    ] {
        let sorted = latencies(wait)?;
        let at = |part: f64| {
            let index = ((sorted.len() as f64 * part) as usize).min(sorted.len().saturating_sub(1));
            sorted.get(index).map_or(f64::NAN, |&ns| ns as f64 / 1e3)
        };
        println!(
            "{name:<14} {:>9.1} {:>9.1} {:>9.1} {:>9.1}",
            at(0.5),
            at(0.9),
            at(0.99),
            at(1.0)
        );
    }
    println!(
        "\n{:<14} {:>9}  (ns a record, median of 9)",
        "sleepers", "publish"
    );
    for sleepers in [0, 1, 8, 64] {
        let mut costs = Vec::new();
        for _ in 0..9 {
            costs.push(publish_cost(sleepers)?);
        }
        costs.sort_unstable_by(f64::total_cmp);
        println!("{sleepers:<14} {:>9.2}", costs[costs.len() / 2]);
    }
    Ok(())
}
