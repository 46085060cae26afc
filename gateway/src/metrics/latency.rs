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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Availability {
    /// The stage.
    pub stage: Stage,
    /// Why it is not; empty where it is.
    pub reason: &'static str,
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
            // Somebody else has the same labels now, and has counted less.
            if snapshot.count < window.begin.count {
                window.begin = Snapshot::default();
            }
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
        // A reader of the same labels, that has just come.
        windows.turn(now(&[40]));
        let window = windows.join(now(&[40]))[0].window.clone().unwrap();
        assert_eq!((window.count, window.max_ns), (1, 40));
        // One that is gone is forgotten.
        windows.turn(Vec::new());
        assert!(windows.join(now(&[40]))[0].window.is_none());
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
