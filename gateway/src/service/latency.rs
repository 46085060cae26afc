//! Gathers latencies from workers' boards and readers' pages. Neither does anything for it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use gateway_queue::clock::{Clock, STEP_NS, Source};
use gateway_queue::{ChannelLatency, ReaderLatency};
use gateway_wire::shared::{Note, Verdict};
use tracing::warn;

use super::inputs::InterfaceState;
use super::state::State;
use crate::broker::ReaderLatencies;
use crate::clock::ClockStatus;
use crate::ingest::{Stamper, Tier, why_not_from_card};
use crate::metrics::histogram::Snapshot;
use crate::metrics::latency::{
    Availability, Bounds, Measured, OTHER, ReaderChannelSeries, ReaderSeries, ReaderWorth, Stage,
    StageBounds, StageSeries, Windows, merged,
};

/// Why a stage of the socket tier is not measured at another.
const PASSED_BY: &str = "packets of the AF_XDP tiers pass the kernel's network stack by";
/// Why a stage of the XDP program is not measured in the socket tier.
const NO_PROGRAM: &str = "packets of the socket tier pass no XDP program";

/// The windows that run.
#[derive(Debug, Default)]
pub(crate) struct Latencies {
    stages: Windows<StageSeries>,
    readers: Windows<ReaderChannelSeries>,
    published: Windows<ReaderChannelSeries>,
    bound_told: AtomicBool,
    clocks: Mutex<ClockBounds>,
}

/// How far clocks are from each other, looked at once a second.
#[derive(Debug, Default)]
struct ClockBounds {
    /// The kernel's stamps and the worker's.
    kernel: Bounds,
    /// The gateway's clock and the system's.
    system: Bounds,
    /// Those of the cards that stamp packets and the gateway's, and the system's besides, from whose stamps theirs are
    /// subtracted in the socket tier.
    cards_to_system: Option<Bounds>,
    /// The same with the kernel's stamps, from which theirs are subtracted at the tiers of AF_XDP.
    cards_to_kernel: Option<Bounds>,
    /// What each reader says of its clock, if it does, by the number of its page.
    readers: HashMap<u64, Bounds>,
}

/// What the readers say.
#[derive(Debug, Default)]
pub(super) struct ReaderSnapshots {
    readers: Vec<(ReaderChannelSeries, Snapshot)>,
    published: Vec<(ReaderChannelSeries, Snapshot)>,
    /// What the clocks of those that say so are read from, by the number of their page: read with what they measure, so
    /// that no series begins without it.
    sources: HashMap<u64, Source>,
    /// How many readers there are.
    number: usize,
}

/// Latencies of readers, and what they are worth.
#[derive(Debug, Default)]
pub(super) struct MeasuredReaders {
    /// From the worker's stamp on, by channel.
    pub(super) readers: Vec<Measured<ReaderChannelSeries>>,
    /// From publication on, by channel.
    pub(super) published: Vec<Measured<ReaderChannelSeries>>,
    /// What the first are worth.
    pub(super) worths: Vec<ReaderWorth>,
}

impl State {
    /// Latency of each stage that is measured, by channel.
    pub(super) fn stages(&self) -> Vec<Measured<StageSeries>> {
        self.latencies.stages.join(self.stage_snapshots())
    }

    /// How late readers have their records, as they say.
    pub(super) fn reader_latencies(&self) -> MeasuredReaders {
        let said = self.reader_snapshots();
        let bounds = self.clock_bounds();
        let system = bounds.system.shown();
        let worth = |series: &ReaderSeries| {
            let bound = bounds.readers.get(&series.instance);
            ReaderWorth {
                series: series.clone(),
                clock: clock_of(said.sources.get(&series.instance), Clock::global().source()),
                bound: bound.map(|bound| bound.shown().and(system)),
            }
        };
        // A reader's channels stand one behind the other.
        let mut readers: Vec<&ReaderSeries> = said
            .readers
            .iter()
            .map(|(series, _)| &series.reader)
            .collect();
        readers.dedup();
        MeasuredReaders {
            worths: readers.into_iter().map(worth).collect(),
            readers: self.latencies.readers.join(said.readers),
            published: self.latencies.published.join(said.published),
        }
    }

    /// How wrong the stages may be that two clocks measure.
    pub(super) fn stage_bounds(&self) -> StageBounds {
        let bounds = self.clock_bounds();
        StageBounds {
            xdp: bounds.kernel.shown(),
            kernel: bounds.system.shown(),
            card_to_kernel: bounds.cards_to_system.as_ref().map(Bounds::shown),
            card_to_xdp: bounds.cards_to_kernel.as_ref().map(Bounds::shown),
        }
    }

    /// Takes down how good clocks are, as found now, and by how much the cards' were off at most: of those whose packets come by
    /// sockets, and of the others. Once a second.
    pub(crate) fn note_clocks(
        &self,
        found: &ClockStatus,
        [sockets_ns, programs_ns]: [Option<u64>; 2],
    ) {
        let in_ns = |seconds: f64| (seconds * 1e9).ceil() as u64;
        let mut bounds = self.clock_bounds();
        let kernel_ns = in_ns(found.kernel_error_bound_s);
        bounds.kernel.note(kernel_ns);
        // Readers leave out what they measure across a step that is noticed, workers what they do across one that is not yet.
        let step_ns = STEP_NS.unsigned_abs();
        let system_ns = in_ns(found.error_bound_s).min(step_ns);
        bounds.system.note(system_ns);
        if let Some(cards_ns) = sockets_ns {
            let cards = bounds.cards_to_system.get_or_insert_default();
            cards.note(cards_ns.saturating_add(system_ns));
        }
        if let Some(cards_ns) = programs_ns {
            let cards = bounds.cards_to_kernel.get_or_insert_default();
            cards.note(cards_ns.saturating_add(kernel_ns));
        }
        let mut before = std::mem::take(&mut bounds.readers);
        for said in self.readers.clocks() {
            let mut bound = before.remove(&said.instance);
            if let Some(bound_ns) = said.clock.error_bound_ns {
                bound.get_or_insert_default().note(bound_ns);
            }
            bounds
                .readers
                .extend(bound.map(|bound| (said.instance, bound)));
        }
    }

    fn clock_bounds(&self) -> MutexGuard<'_, ClockBounds> {
        let clocks = &self.latencies.clocks;
        clocks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the windows that run, and begins others.
    pub(crate) fn turn_windows(&self) {
        let said = self.reader_snapshots();
        let most = self.config.gateway.metrics_detail_max;
        let (channels, readers) = (self.channels.len(), said.number);
        // Relaxed: one thread asks.
        let over = channels > most || readers > most;
        if over && !self.latencies.bound_told.swap(true, Ordering::Relaxed) {
            warn!(
                channels,
                readers,
                metrics_detail_max = most,
                "more channels or readers than have latency series of their own: the other channels are told together, as `other`, the other readers not at all"
            );
        }
        self.latencies.stages.turn(self.stage_snapshots());
        self.latencies.readers.turn(said.readers);
        self.latencies.published.turn(said.published);
        let mut bounds = self.clock_bounds();
        bounds.kernel.turn();
        bounds.system.turn();
        bounds.cards_to_system.iter_mut().for_each(Bounds::turn);
        bounds.cards_to_kernel.iter_mut().for_each(Bounds::turn);
        bounds.readers.values_mut().for_each(Bounds::turn);
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
            let stages = [
                (Stage::NicToXdp, &board.nic_to_xdp),
                (Stage::NicToKernel, &board.nic_to_kernel),
                (Stage::KernelToRing, &board.kernel_to_ring),
                (Stage::XdpToRing, &board.xdp_to_ring),
                (Stage::RingToPublish, &board.ring_to_publish),
            ];
            // A stage that nothing stamps is absent.
            let told = stages.into_iter().filter(|(stage, histogram)| {
                *stage == Stage::RingToPublish || histogram.has_counted()
            });
            told.map(move |(stage, histogram)| {
                let series = StageSeries {
                    stage,
                    feed: feed.to_owned(),
                    channel: channel.to_owned(),
                };
                (series, histogram.snapshot())
            })
        });
        merged(all)
    }

    /// By series, and how many readers there are. Where packets come from a file only what was measured since publication: how
    /// long ago they were captured says nothing about readers.
    fn reader_snapshots(&self) -> ReaderSnapshots {
        let most = self.config.gateway.metrics_detail_max;
        let channels = &self.config.channels;
        let name = |id: Option<u8>| {
            // A channel's id is its place in the configuration (`assembly`).
            let channel = id.and_then(|id| channels.get(usize::from(id)));
            channel.map_or(OTHER, |channel| channel.name.as_str())
        };
        let (readers, number) = self.readers.latencies(most);
        let mut said = of_readers(readers, number, name);
        if !self.config.captures.is_empty() {
            said.readers.clear();
        }
        said
    }

    /// Which stages are measured on an interface, and why others are not.
    pub(super) fn availability(interface: &InterfaceState) -> Vec<Availability> {
        let way = interface.way();
        let stamping = way.stamping.as_ref();
        let counts = way.verdicts_now();
        let from_card = why_not_from_card(way.tier, stamping, counts.as_ref());
        let ([nic_xdp, xdp], [nic_kernel, kernel]) = match way.tier {
            Tier::ZeroCopy | Tier::Copy | Tier::Skb => {
                let without = counts.is_some_and(|counts| {
                    let redirected = counts.get(Verdict::Redirected);
                    redirected > 0 && counts.note(Note::NoMetadata) >= redirected
                });
                let xdp = match without {
                    true => "the driver keeps no room for a stamp",
                    false => "",
                };
                let nic_xdp = match from_card.as_str() {
                    "" => xdp,
                    why => why,
                };
                ([nic_xdp, xdp], [PASSED_BY; 2])
            }
            Tier::Socket => {
                let by_kernel = match stamping {
                    Some(stamping) if stamping.by != Stamper::None => "",
                    _ => from_card.as_str(),
                };
                ([NO_PROGRAM; 2], [from_card.as_str(), by_kernel])
            }
            Tier::Capture => ([from_card.as_str(); 2], [from_card.as_str(); 2]),
        };
        [
            (Stage::NicToXdp, nic_xdp),
            (Stage::XdpToRing, xdp),
            (Stage::NicToKernel, nic_kernel),
            (Stage::KernelToRing, kernel),
            (Stage::RingToPublish, ""),
            (Stage::PublishToRead, ""),
        ]
        .map(|(stage, reason)| Availability {
            stage,
            reason: reason.to_owned(),
        })
        .into()
    }
}

/// What both clocks are read from where a reader measures by one of `source` and the gateway by one of `own`.
fn clock_of(source: Option<&Source>, own: Source) -> &'static str {
    match source {
        None => "unknown",
        Some(source) if *source == own => own.name(),
        Some(_) => "mixed",
    }
}

/// What the oldest readers say, of `number` that there are: a reader keeps its series while it lives. The others have none:
/// a sum over readers that come and go would fall with each that leaves, and be what one of them likes to write.
fn of_readers<'a>(
    readers: Vec<ReaderLatencies>,
    number: usize,
    name: impl Fn(Option<u8>) -> &'a str,
) -> ReaderSnapshots {
    let mut all = ReaderSnapshots {
        number,
        ..ReaderSnapshots::default()
    };
    let counted = |said: ReaderLatency| Snapshot::new(said.counts, said.sum_ns, said.max_ns);
    for reader in readers {
        let series = ReaderSeries {
            consumer: reader.consumer,
            uid: reader.uid.to_string(),
            queue: reader.queue,
            reader: reader.number.to_string(),
            instance: reader.instance,
        };
        let of_channel = |said: ChannelLatency| {
            let channel = name(said.channel_id).to_owned();
            let reader = series.clone();
            (
                ReaderChannelSeries { reader, channel },
                counted(said.latency),
            )
        };
        // A reader may name what channels it likes: what has no name is told together.
        let published = reader.published.into_iter().map(of_channel);
        all.published.extend(merged(published));
        let received = reader.received.into_iter().map(of_channel);
        all.readers.extend(merged(received));
        let source = reader.clock.source;
        all.sources
            .extend(source.map(|source| (series.instance, source)));
    }
    all
}

#[cfg(test)]
mod tests {
    use gateway_queue::ReaderClock;

    use super::*;

    fn latency(count: u64) -> ReaderLatency {
        ReaderLatency {
            counts: vec![count; 3],
            sum_ns: count,
            max_ns: 2,
        }
    }

    #[test]
    fn channels_are_named_and_those_that_are_none_are_told_together() {
        let of_channel = |channel_id, count| ChannelLatency {
            channel_id,
            latency: latency(count),
        };
        let reader = ReaderLatencies {
            consumer: "strategy".to_owned(),
            number: 0,
            uid: 1000,
            queue: "all".to_owned(),
            instance: 7,
            received: vec![of_channel(Some(0), 5), of_channel(Some(7), 6)],
            published: vec![
                of_channel(None, 2),
                of_channel(Some(0), 3),
                of_channel(Some(200), 4),
            ],
            clock: ReaderClock::default(),
        };
        let name = |id: Option<u8>| if id == Some(0) { "itch" } else { OTHER };
        let said = of_readers(vec![reader], 1, name);
        let told = |all: Vec<(ReaderChannelSeries, Snapshot)>| -> Vec<(String, u64)> {
            let counts = all.into_iter();
            counts
                .map(|(series, said)| (series.channel, said.count))
                .collect()
        };
        let (itch, other) = ("itch".to_owned(), OTHER.to_owned());
        assert_eq!(
            told(said.published),
            [(other.clone(), 18), (itch.clone(), 9)]
        );
        assert_eq!(told(said.readers), [(itch, 15), (other, 18)]);
    }

    #[test]
    fn a_reader_s_clock_is_told_with_what_it_measures() {
        let reader = |instance, source| ReaderLatencies {
            consumer: "strategy".to_owned(),
            number: 0,
            uid: 1000,
            queue: "all".to_owned(),
            instance,
            received: Vec::new(),
            published: Vec::new(),
            clock: ReaderClock {
                source,
                error_bound_ns: None,
            },
        };
        let all = vec![
            reader(1, Some(Source::Tsc)),
            reader(2, Some(Source::System)),
            reader(3, None),
        ];
        let said = of_readers(all, 9, |_| OTHER);
        let clock = |instance| clock_of(said.sources.get(&instance), Source::Tsc);
        assert_eq!([1, 2, 3].map(clock), ["tsc", "mixed", "unknown"]);
        assert_eq!(said.number, 9);
    }
}
