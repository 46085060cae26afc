//! A strategy that trades nothing: it reads a queue, keeps the best prices it can know, measures how long records
//! take to reach it, and says so once in a while, one JSON object a line.
//!
//! It is the strategy of `cargo xtask demo`; the examples `best_bid_ask` and `latency` show each of its halves in a
//! page.
//!
//! ```text
//! cargo run --example best_prices -- --socket /run/gateway/broker.sock --queue all
//! ```
//!
//! It ends when the gateway closes the queue.

#[path = "../shared/book.rs"]
mod book;
#[path = "../shared/histogram.rs"]
mod histogram;
mod report;

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use gateway_client::{Client, Clock, Event, Start, SubscribeOptions, WaitStrategy};
use report::State;

/// Reads a queue and prints, as JSON lines, counts, losses, latencies and best prices.
#[derive(Parser)]
struct Arguments {
    /// The gateway's broker socket.
    #[arg(long, default_value = "/run/gateway/broker.sock")]
    socket: PathBuf,
    /// The queue to read.
    #[arg(long, default_value = "all")]
    queue: String,
    /// How this reader is called in `gateway status`.
    #[arg(long, default_value = "best_prices")]
    name: String,
    /// Begin with the oldest record still in the queue instead of the next one.
    #[arg(long)]
    oldest: bool,
    /// How many instruments to print the best prices of.
    #[arg(long, default_value_t = 4)]
    watch: usize,
    /// Milliseconds between two lines.
    #[arg(long, default_value_t = 200)]
    interval_ms: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let client = Client::connect(&arguments.socket)?;
    let options = SubscribeOptions {
        name: arguments.name.clone(),
        start: if arguments.oldest {
            Start::Oldest
        } else {
            Start::Head
        },
        // Gives the core away while there is nothing to read: right on few cores. On a core of one's own, spin.
        wait: WaitStrategy::Yield,
        ..SubscribeOptions::default()
    };
    let mut subscription = client.subscribe(&arguments.queue, &options)?;
    // The same conversion of ticks to time as the gateway's, so that its stamps can be compared with ours.
    let clock = Clock::global();
    let mut state = State::new(&arguments.name, &arguments.queue);
    let interval = Duration::from_millis(arguments.interval_ms);
    let mut next_line_ns = 0;
    loop {
        let event = subscription.wait(interval);
        let now_ns = clock.now();
        match event {
            Event::Record(record) => state.record(&record, now_ns),
            Event::Empty => {}
            Event::Lost(slots) => state.lost(slots),
            Event::Closed(_) => break,
        }
        if now_ns >= next_line_ns {
            println!("{}", state.line(arguments.watch, false));
            next_line_ns = now_ns + arguments.interval_ms * 1_000_000;
        }
    }
    println!("{}", state.line(arguments.watch, true));
    Ok(())
}
