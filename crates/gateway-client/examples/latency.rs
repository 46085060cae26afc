//! Measures how long records take from the gateway's receipt of their packet to this process, and prints a line each
//! second: `latency SOCKET QUEUE`. At the end comes a line for the whole run.
//!
//! It spins: give it a core of its own, or the numbers are those of the scheduler.

use std::error::Error;
use std::time::{Duration, Instant};

use gateway_client::{Client, Clock, Event, SubscribeOptions, WaitStrategy};

#[path = "shared/histogram.rs"]
mod histogram;

use histogram::Histogram;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [socket, queue] = arguments.as_slice() else {
        return Err("usage: latency SOCKET QUEUE".into());
    };
    let options = SubscribeOptions {
        wait: WaitStrategy::Spin,
        ..SubscribeOptions::named("latency")
    };
    let client = Client::connect(socket)?;
    let mut subscription = client.subscribe(queue, &options)?;
    // The same conversion of ticks to time as the gateway's, so that its stamps can be compared with ours.
    let clock = Clock::global();
    let (mut second, mut whole) = (Histogram::new(), Histogram::new());
    let (mut second_lost, mut whole_lost) = (0, 0);
    let mut next_line = Instant::now() + Duration::from_secs(1);
    loop {
        let mut idle = false;
        match subscription.wait(Duration::from_millis(20)) {
            Event::Record(record) => {
                if let Some(ts_recv) = record.ts_recv() {
                    let latency_ns = clock.now().saturating_sub(ts_recv);
                    second.record(latency_ns);
                    whole.record(latency_ns);
                }
            }
            Event::Empty => idle = true,
            Event::Lost(slots) => {
                second_lost += slots;
                whole_lost += slots;
            }
            Event::Closed(reason) => {
                println!("{reason}; in all:");
                print(&whole, whole_lost);
                return Ok(());
            }
        }
        // While records come, a look at the time once in a while is enough.
        if (idle || second.count().is_multiple_of(1_024)) && Instant::now() >= next_line {
            print(&second, second_lost);
            (second, second_lost) = (Histogram::new(), 0);
            next_line += Duration::from_secs(1);
        }
    }
}

fn print(latency: &Histogram, lost: u64) {
    println!(
        "{} records, {lost} slots lost, p50 {} ns, p99 {} ns, p99.9 {} ns, max {} ns",
        latency.count(),
        latency.quantile(0.5),
        latency.quantile(0.99),
        latency.quantile(0.999),
        latency.max(),
    );
}
