//! `pipeline`: a packet in memory is arbitrated, decoded and published as `plain` records, as a worker does it.
//!
//! The worker's own channel, filter, sink and queue are used, and its one time stamp a packet; only the receive ring
//! is left out. `itch5`'s bare decode of the same messages runs beside it and tells how fast the machine is just now.
//! No reader is attached: a reader at the head costs the publisher its cache line (see `queue`).

use anyhow::Result;

use crate::{
    flow::Packets,
    harness::{Case, Run, interleave},
    input::Input,
    report::{Goal, Row, Samples},
    rivals,
    worker::{Worker, everything},
};

/// Measures 1 and 30 messages a packet, and both lines.
///
/// # Errors
/// When the input or a queue cannot be had.
pub(crate) fn run(runs: usize) -> Result<Vec<Row>> {
    let input = Input::load()?;
    let thirty = Packets::build(&input.stream, 30, 1)?;
    let one = Packets::build(&input.stream, 1, 1)?;
    let mut probe = Worker::new(&[everything(0)])?;
    let messages = probe.drain(&thirty, 1);
    anyhow::ensure!(
        messages == input.messages,
        "delivered {messages} of {} messages",
        input.messages
    );
    let per_message = probe.records()[0] as f64 / messages as f64;
    let case = |name: &str, packets, lines| {
        let name = format!(
            "{name} ({per_message:.2} records a message), {}",
            input.source
        );
        // A fresh worker each run, so that the sequence starts anew; making it is not timed.
        Case::prepared(name, move || {
            let worker = Worker::new(&[everything(0)]);
            Run::timed(|| worker.map_or(0, |mut worker| worker.drain(packets, lines)))
        })
    };
    let mut cases = [
        case("30 messages a packet", &thirty, 1),
        case("1 message a packet", &one, 1),
        case("30 messages a packet, lines A and B", &thirty, 2),
        Case::new(format!("itch5 fields, {}", input.source), || {
            rivals::itch5(&input.stream)
        }),
    ];
    let samples: Vec<Samples> = interleave(&mut cases, runs)
        .iter()
        .map(Samples::as_rate)
        .collect();
    Ok(vec![
        Row::new(
            "pipeline",
            &samples[0],
            Some(&samples[3]),
            Some(Goal::ValueAtLeast(40.0)),
        ),
        Row::new("pipeline", &samples[1], Some(&samples[3]), None),
        Row::new("pipeline", &samples[2], Some(&samples[3]), None),
        Row::new("pipeline", &samples[3], None, None),
    ])
}
