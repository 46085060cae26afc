//! Our queue and its rivals, driven by the same loops: `cargo xtask bench queue` calls it, once a measurement.
//!
//! `gateway-bench-rivals measure TASK` measures one quantity of one queue and prints one JSON object. The caller
//! interleaves the queues, repeats, and compares. Every queue carries the same 56 bytes, between the same two pinned
//! cores, timed by the same counter; queues between processes have a process for each end, the others a thread. What
//! was sent is checked word by word, for all of them.

#![cfg_attr(
    not(any(feature = "crossbeam", feature = "rtrb")),
    allow(dead_code, reason = "what queues between threads need")
)]

mod attendant;
mod catch_up;
mod control;
mod ends;
mod hot;
mod latency;
mod memory;
mod message;
mod placement;
mod publish;
mod queues;
mod readers;
mod task;
mod throughput;
mod time;

use anyhow::{Context, Result, bail};

fn main() -> Result<()> {
    // A reader whose gateway is gone has nobody to read from, and must not spin on.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
        .context("cannot tie this process to its parent")?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["measure", task] => {
            let outcome = ends::measure(&serde_json::from_str(task)?)?;
            println!("{}", serde_json::to_string(&outcome)?);
            Ok(())
        }
        ["far", task] => ends::far_process(&serde_json::from_str(task)?),
        ["attend", task] => attendant::run(&serde_json::from_str(task)?),
        // Keeps them in the program, for whoever disassembles it.
        ["hot-path"] => {
            println!("{:?}", hot::FUNCTIONS);
            Ok(())
        }
        _ => bail!("usage: gateway-bench-rivals measure TASK | hot-path"),
    }
}
