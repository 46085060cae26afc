//! `recovery`: what a channel that recovers costs the worker while nothing is lost.
//!
//! The packets of `pipeline` through the same parts, once with `on_gap = "recover"` and snapshots, once with
//! `on_gap = "continue"`.

use anyhow::Result;

use crate::{
    flow::Packets,
    harness::{Case, Run, interleave},
    input::Input,
    report::Row,
    worker::{Worker, everything},
};

/// Measures 30 messages a packet and 1.
///
/// # Errors
/// When the input or a queue cannot be had.
pub(crate) fn run(runs: usize) -> Result<Vec<Row>> {
    let input = Input::load()?;
    let mut rows = Vec::new();
    for per_packet in [30, 1] {
        let packets = Packets::build(&input.stream, per_packet, 1)?;
        let mut probe = Worker::recovering(&[everything(0)])?;
        let messages = probe.drain(&packets, 1);
        anyhow::ensure!(
            messages == input.messages,
            "delivered {messages} of {} messages",
            input.messages
        );
        let name = |what: &str| format!("{what}, {per_packet} a packet, {}", input.source);
        // A fresh worker each run, so that the sequence starts anew; making it is not timed.
        let drain = |worker: Result<Worker>| {
            Run::timed(|| worker.map_or(0, |mut worker| worker.drain(&packets, 1)))
        };
        let mut cases = [
            Case::prepared(name("on_gap = \"continue\""), || {
                drain(Worker::new(&[everything(0)]))
            }),
            Case::prepared(name("on_gap = \"recover\""), || {
                drain(Worker::recovering(&[everything(0)]))
            }),
        ];
        let samples = interleave(&mut cases, runs);
        rows.push(Row::new("recovery", &samples[0], None, None));
        rows.push(Row::new("recovery", &samples[1], Some(&samples[0]), None));
    }
    Ok(rows)
}
