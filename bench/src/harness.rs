//! Runs the cases of a bench in turn, so that each run of one has a run of the others beside it.
//!
//! The machine's speed drifts (a shared host, a changed clock rate): A A A B B B would charge the drift to one side,
//! A B A B A B does not. The order within a round alternates, and one round before the first is not counted.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use crate::report::Samples;

/// What one run did, and how long the part that counts took.
pub(crate) struct Run {
    items: u64,
    elapsed: Duration,
}

impl Run {
    /// Times `work`, which returns how many items (messages) it handled. What a run needs is made before.
    pub(crate) fn timed(work: impl FnOnce() -> u64) -> Self {
        let start = Instant::now();
        let items = black_box(work());
        Self {
            items,
            elapsed: start.elapsed(),
        }
    }
}

/// One thing to measure.
pub(crate) struct Case<'a> {
    name: String,
    run: Box<dyn FnMut() -> Run + 'a>,
}

impl<'a> Case<'a> {
    /// A case of that name, whose work is all that it does.
    pub(crate) fn new(name: impl Into<String>, mut work: impl FnMut() -> u64 + 'a) -> Self {
        Self::prepared(name, move || Run::timed(&mut work))
    }

    /// A case of that name which makes something ready first and then times itself by [`Run::timed`].
    pub(crate) fn prepared(name: impl Into<String>, run: impl FnMut() -> Run + 'a) -> Self {
        Self {
            name: name.into(),
            run: Box::new(run),
        }
    }
}

/// Measures every case once a round, `runs` rounds; the values are nanoseconds an item.
pub(crate) fn interleave(cases: &mut [Case<'_>], runs: usize) -> Vec<Samples> {
    let mut samples: Vec<Samples> = cases
        .iter()
        .map(|case| Samples {
            case: case.name.clone(),
            unit: "ns/message",
            values: Vec::with_capacity(runs),
        })
        .collect();
    for case in cases.iter_mut() {
        (case.run)();
    }
    for round in 0..runs {
        let mut order: Vec<usize> = (0..cases.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for index in order {
            let run = (cases[index].run)();
            samples[index]
                .values
                .push(run.elapsed.as_nanos() as f64 / run.items as f64);
        }
    }
    samples
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn every_case_runs_once_a_round_and_the_order_alternates() {
        let order = RefCell::new(Vec::new());
        let mut cases = ["a", "b"].map(|name| {
            let order = &order;
            Case::new(name, move || {
                order.borrow_mut().push(name);
                1
            })
        });
        let samples = interleave(&mut cases, 2);
        assert_eq!(samples[0].values.len(), 2);
        drop(cases);
        assert_eq!(order.into_inner(), ["a", "b", "a", "b", "b", "a"]);
    }
}
