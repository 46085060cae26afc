//! More readers that sleep: a helper on another core watches for them, and the publisher never looks.

use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result};
use gateway_queue::{Bells, LOOK_INTERVAL, PositionPage, Publisher, PublisherOptions, Watch};

use super::BENCH;
use crate::{
    harness::{Case, Run},
    machine::pin_to,
    queue::placement::choose,
    report::Row,
};

const RECORDS: u64 = 2_000_000;
const READERS: [usize; 3] = [1, 8, 64];
/// Where a reader's page has its announcement: the sleep's number and the position that it sleeps for.
const ANNOUNCEMENT_AT: u64 = 64;

/// A queue whose readers sleep for a record that never comes, so that the helper looks at them all the time.
struct Sleepers {
    publisher: Publisher,
    bells: Bells,
    _watched: Vec<(Watch, PositionPage)>,
}

impl Sleepers {
    fn new(count: usize) -> Result<Self> {
        let (publisher, handle) = Publisher::create(&PublisherOptions {
            name: "bench-readers".into(),
            ..PublisherOptions::default()
        })?;
        let bells = Bells::new();
        let watched = (0..count).map(|_| {
            let (page, file) = PositionPage::create()?;
            let announcement = [1_u64.to_le_bytes(), u64::MAX.to_le_bytes()].concat();
            File::from(file)
                .write_all_at(&announcement, ANNOUNCEMENT_AT)
                .context("cannot write into a reader's page")?;
            Ok((bells.watch(&handle, &page), page))
        });
        let watched = watched.collect::<Result<_>>()?;
        Ok(Self {
            publisher,
            bells,
            _watched: watched,
        })
    }

    /// Publishes all records while the helper runs on `core`.
    fn publish(&mut self, core: usize) -> Run {
        let bells = &self.bells;
        std::thread::scope(|scope| {
            scope.spawn(move || {
                pin_to(core);
                bells.run(LOOK_INTERVAL);
            });
            let run = Run::timed(|| {
                for number in 0..RECORDS {
                    let words = [14, number, 2, 3, 4, 5, 6];
                    self.publisher.publish(black_box(&words[..]));
                }
                RECORDS
            });
            bells.stop();
            run
        })
    }
}

/// Measures each number of readers.
///
/// # Errors
/// When memory or a queue cannot be had.
pub(super) fn sleeping(runs: usize, cores: &[usize]) -> Result<Vec<Row>> {
    // This thread is on the last core: `choose` has that first.
    let Some(&helper) = choose(cores).get(1) else {
        return Ok(vec![Row::not_measured(
            BENCH,
            "publish, sleeping readers: their helper needs a core of its own, and there is one"
                .into(),
            "ns/message",
        )]);
    };
    Sleepers::new(READERS[READERS.len() - 1])?;
    let mut cases: Vec<Case<'_>> = READERS
        .iter()
        .map(|&count| {
            let name = format!("publish flat out, sleeping readers: {count}");
            Case::prepared(name, move || match Sleepers::new(count) {
                Ok(mut sleepers) => sleepers.publish(helper),
                Err(_) => Run::timed(|| 0),
            })
        })
        .collect();
    Ok(super::rows(&mut cases, runs))
}
