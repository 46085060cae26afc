//! How long packets and records take, by stage, channel and reader.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::histogram::Snapshot;

/// Over how long the windowed quantiles and maxima are.
pub const WINDOW: Duration = Duration::from_secs(10);
/// From taking a packet off its ring until a reader has its record: the last two stages as one, by what the reader says.
pub const TICK_TO_STRATEGY: &str = "tick_to_strategy";
/// What channels beyond the configured number are called, all together.
pub const OTHER: &str = "other";

/// A part of a packet's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// From the card's stamp to the XDP program's.
    NicToXdp,
    /// From the card's stamp to the kernel's, in the socket tier.
    NicToKernel,
    /// From the kernel's stamp until the worker takes the packet off its socket.
    KernelToRing,
    /// From the XDP program's stamp until the worker takes the packet off its ring.
    XdpToRing,
    /// From there until the packet's last record is published.
    RingToPublish,
    /// From there until a reader has it.
    PublishToRead,
}

impl Stage {
    /// Its name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NicToXdp => "nic_xdp",
            Self::NicToKernel => "nic_kernel",
            Self::KernelToRing => "kernel_ring",
            Self::XdpToRing => "xdp_ring",
            Self::RingToPublish => "ring_pub",
            Self::PublishToRead => "pub_app",
        }
    }
}

/// A stage of a channel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StageSeries {
    /// The stage.
    pub stage: Stage,
    /// The channel's feed.
    pub feed: String,
    /// The channel.
    pub channel: String,
}

/// A reader by its labels.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReaderSeries {
    /// What it is called in metrics.
    pub consumer: String,
    /// Its user.
    pub uid: String,
    /// Its queue.
    pub queue: String,
    /// What tells it from others with the same labels.
    pub reader: String,
    /// Number of its page, which no other has had: what it counts begins with that. Not a label.
    pub instance: u64,
}

/// A reader and a channel of its queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReaderChannelSeries {
    /// The reader.
    pub reader: ReaderSeries,
    /// The channel; [`OTHER`] for records that name none, and for those of channels that it does not tell apart.
    pub channel: String,
}

/// How wrong what two clocks measure may be, in nanoseconds: since the start, and over the last whole window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ErrorBound {
    /// Since the start.
    pub whole_ns: u64,
    /// Over the last whole window; `None` before there was one.
    pub window_ns: Option<u64>,
}

impl ErrorBound {
    /// Of two differences, one on top of the other.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let windows = self.window_ns.zip(other.window_ns);
        Self {
            whole_ns: self.whole_ns.saturating_add(other.whole_ns),
            window_ns: windows.map(|(one, two)| one.saturating_add(two)),
        }
    }
}

/// The largest bound of the window that runs, and those before.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bounds {
    running_ns: u64,
    shown: ErrorBound,
}

impl Bounds {
    /// Takes down a bound that was found now.
    pub fn note(&mut self, bound_ns: u64) {
        self.running_ns = self.running_ns.max(bound_ns);
        self.shown.whole_ns = self.shown.whole_ns.max(bound_ns);
    }

    /// Ends the window that runs.
    pub fn turn(&mut self) {
        self.shown.window_ns = Some(std::mem::take(&mut self.running_ns));
    }

    /// What there is to show.
    #[must_use]
    pub const fn shown(&self) -> ErrorBound {
        self.shown
    }
}

/// What a reader's latencies are worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReaderWorth {
    /// The reader.
    pub series: ReaderSeries,
    /// What both of the clocks that measure it are read from: `tsc` or `system`; `mixed` where they differ, `unknown` where
    /// the reader does not say.
    pub clock: &'static str,
    /// How far the two are from each other at most; `None` where the reader does not say.
    pub bound: Option<ErrorBound>,
}

/// What was measured of a series.
#[derive(Clone, Debug)]
pub struct Measured<K> {
    /// Of what.
    pub series: K,
    /// Since the start; of a reader, since it subscribed or was last moved to other memory.
    pub whole: Snapshot,
    /// Over the last whole window; `None` before there was one.
    pub window: Option<Snapshot>,
}

/// Whether a stage is measured on an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Availability {
    /// The stage.
    pub stage: Stage,
    /// Why it is not; empty where it is.
    pub reason: String,
}

/// How wrong the stages may be whose two ends are stamped by two clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StageBounds {
    /// From the XDP program's stamp on.
    pub xdp: ErrorBound,
    /// From the kernel's stamp in the socket tier on.
    pub kernel: ErrorBound,
    /// From a card's stamp to the kernel's, of the card whose clock is the furthest off; `None` before one was compared.
    pub card_to_kernel: Option<ErrorBound>,
    /// From a card's stamp to the XDP program's, likewise.
    pub card_to_xdp: Option<ErrorBound>,
}

/// Adds up what has the same series, in the order of the first of each.
#[must_use]
pub fn merged<K: Clone + Eq + Hash>(
    all: impl Iterator<Item = (K, Snapshot)>,
) -> Vec<(K, Snapshot)> {
    let mut places: HashMap<K, usize> = HashMap::new();
    let mut sums: Vec<(K, Snapshot)> = Vec::new();
    for (series, snapshot) in all {
        if let Some(place) = places.get(&series) {
            sums[*place].1.merge(&snapshot);
        } else {
            places.insert(series.clone(), sums.len());
            sums.push((series, snapshot));
        }
    }
    sums
}

/// The last whole window of each series, and the begin of the one that runs.
#[derive(Debug)]
pub struct Windows<K>(Mutex<HashMap<K, Window>>);

#[derive(Debug, Default)]
struct Window {
    begin: Snapshot,
    last: Option<Snapshot>,
}

impl<K> Default for Windows<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Clone + Eq + Hash> Windows<K> {
    /// Ends the window that runs; `now` is what all series have counted. Those that are not among them are forgotten.
    pub fn turn(&self, now: Vec<(K, Snapshot)>) {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let there: HashSet<&K> = now.iter().map(|(series, _)| series).collect();
        windows.retain(|series, _| there.contains(series));
        for (series, snapshot) in now {
            let window = windows.entry(series).or_default();
            window.last = Some(snapshot.since(&window.begin));
            window.begin = snapshot;
        }
    }

    /// `all`, each with its last whole window.
    pub fn join(&self, all: Vec<(K, Snapshot)>) -> Vec<Measured<K>> {
        let windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.into_iter()
            .map(|(series, whole)| Measured {
                window: windows.get(&series).and_then(|window| window.last.clone()),
                series,
                whole,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::metrics::histogram::Histogram;

    fn counted(values: &[u64]) -> Snapshot {
        let histogram = Histogram::new();
        values.iter().for_each(|value| histogram.record(*value));
        histogram.snapshot()
    }

    #[test]
    fn a_window_shows_what_was_measured_between_two_turns() {
        let windows = Windows::default();
        let now = |values: &[u64]| vec![("a", counted(values))];
        assert!(windows.join(now(&[5]))[0].window.is_none());
        windows.turn(now(&[5, 5]));
        windows.turn(now(&[5, 5, 90, 90, 90]));
        let told = &windows.join(now(&[5, 5, 90, 90, 90, 7]))[0];
        assert_eq!(told.whole.count, 6);
        let window = told.window.as_ref().unwrap();
        assert_eq!((window.count, window.max_ns), (3, 90));
        assert_eq!(window.quantile_ns(0.5), 90);
        // One that is gone is forgotten.
        windows.turn(Vec::new());
        assert!(windows.join(now(&[40]))[0].window.is_none());
    }

    #[test]
    fn a_reader_that_comes_under_the_labels_of_one_that_went_has_a_window_of_its_own() {
        let of = |instance| ReaderSeries {
            consumer: "strategy".to_owned(),
            uid: "1000".to_owned(),
            queue: "all".to_owned(),
            reader: "0".to_owned(),
            instance,
        };
        let windows = Windows::default();
        windows.turn(vec![(of(1), counted(&[5, 5]))]);
        // It has counted more by now than the one before had.
        let now = || vec![(of(2), counted(&[40, 40, 40]))];
        assert!(windows.join(now())[0].window.is_none());
        windows.turn(now());
        let window = windows.join(now())[0].window.clone().unwrap();
        assert_eq!((window.count, window.max_ns), (3, 40));
    }

    #[test]
    fn a_bound_is_the_largest_of_its_window_and_those_of_two_clocks_add_up() {
        let mut bounds = Bounds::default();
        for bound_ns in [30, 900, 40] {
            bounds.note(bound_ns);
        }
        let shown = |whole_ns, window_ns| ErrorBound {
            whole_ns,
            window_ns,
        };
        assert_eq!(bounds.shown(), shown(900, None));
        bounds.turn();
        bounds.note(70);
        assert_eq!(bounds.shown(), shown(900, Some(900)));
        bounds.turn();
        assert_eq!(bounds.shown(), shown(900, Some(70)));
        let both = bounds.shown().and(shown(5, Some(6)));
        assert_eq!(both, shown(905, Some(76)));
        assert_eq!(bounds.shown().and(shown(5, None)), shown(905, None));
    }

    #[test]
    fn what_has_the_same_series_is_added_up() {
        let all = [
            ("a", [1, 2]),
            ("other", [3, 4]),
            ("b", [5, 6]),
            ("other", [7, 8]),
        ];
        let sums = merged(
            all.into_iter()
                .map(|(name, values)| (name, counted(&values))),
        );
        let told: Vec<_> = sums.iter().map(|(name, sum)| (*name, sum.count)).collect();
        assert_eq!(told, [("a", 2), ("other", 4), ("b", 2)]);
    }
}
