//! Gathers latencies from workers' boards and readers' pages. Neither does anything for it.

use std::sync::atomic::{AtomicBool, Ordering};

use gateway_wire::shared::{Note, Verdict};
use tracing::warn;

use super::inputs::InterfaceState;
use super::state::State;
use crate::broker::ReaderLatencies;
use crate::ingest::Tier;
use crate::metrics::histogram::Snapshot;
use crate::metrics::latency::{
    Availability, Measured, OTHER, ReaderSeries, Stage, StageSeries, Windows, merged,
};

/// The windows that run.
#[derive(Debug, Default)]
pub(crate) struct Latencies {
    stages: Windows<StageSeries>,
    readers: Windows<ReaderSeries>,
    bound_told: AtomicBool,
}

impl State {
    /// Latency of each stage that is measured, by channel.
    pub(super) fn stages(&self) -> Vec<Measured<StageSeries>> {
        self.latencies.stages.join(self.stage_snapshots())
    }

    /// How late readers have their records, as they say.
    pub(super) fn reader_latencies(&self) -> Vec<Measured<ReaderSeries>> {
        self.latencies.readers.join(self.reader_snapshots().0)
    }

    /// Ends the windows that run, and begins others.
    pub(crate) fn turn_windows(&self) {
        let (readers, number) = self.reader_snapshots();
        let most = self.config.gateway.metrics_detail_max;
        let channels = self.channels.len();
        // Relaxed: one thread asks.
        let over = channels > most || number > most;
        if over && !self.latencies.bound_told.swap(true, Ordering::Relaxed) {
            warn!(
                channels,
                readers = number,
                metrics_detail_max = most,
                "more channels or readers than have latency series of their own: the other channels are told together, as `other`, the other readers not at all"
            );
        }
        self.latencies.stages.turn(self.stage_snapshots());
        self.latencies.readers.turn(readers);
    }

    fn stage_snapshots(&self) -> Vec<(StageSeries, Snapshot)> {
        let most = self.config.gateway.metrics_detail_max;
        let all = self.channels.iter().enumerate().flat_map(|(index, seat)| {
            let (feed, channel) = if index < most {
                let config = &self.config.channels[index];
                (config.feed.name(), config.name.as_str())
            } else {
                (OTHER, OTHER)
            };
            let board = &self.workers[seat.worker].board.channels[seat.index];
            [
                (Stage::XdpToRing, board.xdp_to_ring.snapshot()),
                (Stage::RingToPublish, board.ring_to_publish.snapshot()),
            ]
            .map(|(stage, snapshot)| {
                let series = StageSeries {
                    stage,
                    feed: feed.to_owned(),
                    channel: channel.to_owned(),
                };
                (series, snapshot)
            })
        });
        // A stage that nothing stamps is absent.
        merged(all.filter(|(series, snapshot)| {
            series.stage == Stage::RingToPublish || snapshot.count > 0
        }))
    }

    /// By series, and how many readers there are. None where packets come from a file: how long ago they were captured says
    /// nothing about readers.
    fn reader_snapshots(&self) -> (Vec<(ReaderSeries, Snapshot)>, usize) {
        if !self.config.captures.is_empty() {
            return (Vec::new(), 0);
        }
        let most = self.config.gateway.metrics_detail_max;
        let readers = self.readers.latencies();
        let number = readers.len();
        (of_readers(readers, most), number)
    }

    /// Which stages are measured on an interface, and why others are not.
    pub(super) fn availability(interface: &InterfaceState) -> Vec<Availability> {
        let way = interface.way();
        let (nic, xdp) = match way.tier {
            Tier::ZeroCopy | Tier::Copy | Tier::Skb => {
                let without = way.verdicts().is_some_and(|counts| {
                    let redirected = counts.get(Verdict::Redirected);
                    redirected > 0 && counts.note(Note::NoMetadata) >= redirected
                });
                let xdp = match without {
                    true => "the driver keeps no room for a stamp",
                    false => "",
                };
                ("the XDP program has no stamp of the card", xdp)
            }
            Tier::Socket => ["packets of the socket tier carry no stamp"; 2].into(),
            Tier::Capture => ["packets come from a file"; 2].into(),
        };
        [
            (Stage::NicToXdp, nic),
            (Stage::XdpToRing, xdp),
            (Stage::RingToPublish, ""),
            (
                Stage::PublishToRead,
                "records carry no stamp of their publication: see tick_to_strategy_seconds",
            ),
        ]
        .map(|(stage, reason)| Availability { stage, reason })
        .into()
    }
}

/// What the first `most` readers say, of which the oldest come first: a reader keeps its series while it lives. The others
/// have none: a sum over readers that come and go would fall with each that leaves, and be what one of them likes to write.
fn of_readers(readers: Vec<ReaderLatencies>, most: usize) -> Vec<(ReaderSeries, Snapshot)> {
    let own = readers.into_iter().take(most).map(|reader| {
        let series = ReaderSeries {
            consumer: reader.consumer,
            uid: reader.uid.to_string(),
            queue: reader.queue,
            reader: reader.number.to_string(),
        };
        let said = reader.latency;
        (series, Snapshot::new(said.counts, said.sum_ns, said.max_ns))
    });
    own.collect()
}

#[cfg(test)]
mod tests {
    use gateway_queue::ReaderLatency;

    use super::*;

    #[test]
    fn no_series_falls_when_a_reader_leaves_or_is_what_another_writes() {
        let reader = |number, count| ReaderLatencies {
            consumer: "strategy".to_owned(),
            number,
            uid: 1000,
            queue: "all".to_owned(),
            latency: ReaderLatency {
                counts: vec![count; 3],
                sum_ns: count,
                max_ns: 2,
            },
        };
        let told = |readers: Vec<ReaderLatencies>| -> Vec<(String, u64)> {
            of_readers(readers, 2)
                .into_iter()
                .map(|(series, said)| (series.reader, said.count))
                .collect()
        };
        let named = |number: &str, count| (number.to_owned(), count);
        // The fourth writes what it likes.
        let all = vec![
            reader(1, 5),
            reader(2, 7),
            reader(3, 9),
            reader(4, u64::MAX),
        ];
        assert_eq!(told(all), [named("1", 15), named("2", 21)]);
        let one_left = vec![reader(2, 7), reader(3, 9), reader(4, u64::MAX)];
        assert_eq!(told(one_left), [named("2", 21), named("3", 27)]);
        let another = vec![reader(3, 9), reader(4, u64::MAX)];
        assert_eq!(told(another), [named("3", 27), named("4", u64::MAX)]);
    }
}
