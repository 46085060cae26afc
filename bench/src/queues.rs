//! `queues`: what each further queue of a worker costs.
//!
//! The same packets as in `pipeline`, 30 messages each, into one queue, into several that want everything, and into
//! several that choose by symbol or by class. The baseline is one queue that wants everything.

use anyhow::Result;
use gateway::worker::filter::Want;
use gateway_feed::class::Classes;

use crate::{
    flow::Packets,
    harness::{Case, Run, interleave},
    input::Input,
    report::{Row, Samples},
    worker::{Worker, everything},
};

/// Queues 1 to `count`, each as `want` has it, beside queue 0 that wants everything.
fn beside(count: usize, want: impl Fn(usize) -> Want) -> Vec<Want> {
    std::iter::once(everything(0))
        .chain((1..=count).map(want))
        .collect()
}

/// Measures 1, 2, 4 and 8 queues of everything, and 7 that choose.
///
/// # Errors
/// When the input or a queue cannot be had.
pub(crate) fn run(runs: usize) -> Result<Vec<Row>> {
    let input = Input::load()?;
    let packets = Packets::build(&input.stream, 30, 1)?;
    // No instrument has it: what remains is the choice itself.
    let nothing = |queue| Want {
        symbols: vec!["NOSUCH".into()],
        ..everything(queue)
    };
    let of = |classes| {
        move |queue| Want {
            classes,
            ..everything(queue)
        }
    };
    let setups = [
        ("1 queue of everything", beside(0, everything)),
        ("2 queues of everything", beside(1, everything)),
        ("4 queues of everything", beside(3, everything)),
        ("8 queues of everything", beside(7, everything)),
        (
            "1 of everything, 7 of symbols that nobody trades",
            beside(7, nothing),
        ),
        (
            "1 of everything, 7 of control records",
            beside(7, of(Classes::CONTROL)),
        ),
        (
            "1 of everything, 7 of trades",
            beside(7, of(Classes::TRADES)),
        ),
    ];
    let mut cases = Vec::new();
    for (name, wants) in &setups {
        let mut probe = Worker::new(wants)?;
        let messages = probe.drain(&packets, 1);
        let records: u64 = probe.records().iter().sum();
        let per_message = records as f64 / messages as f64;
        let name = format!(
            "{name} ({per_message:.2} records a message), {}",
            input.source
        );
        let packets = &packets;
        // A fresh worker each run, so that the sequence starts anew; making it is not timed.
        cases.push(Case::prepared(name, move || {
            let worker = Worker::new(wants);
            Run::timed(|| worker.map_or(0, |mut worker| worker.drain(packets, 1)))
        }));
    }
    let samples: Vec<Samples> = interleave(&mut cases, runs);
    let (one, others) = (&samples[0], &samples[1..]);
    let rows = others
        .iter()
        .map(|sample| Row::new("queues", sample, Some(one), None));
    Ok(std::iter::once(Row::new("queues", one, None, None))
        .chain(rows)
        .collect())
}
