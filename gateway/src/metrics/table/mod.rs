//! Every metric that the gateway has: what is rendered, and what `docs/metrics.md` says, are made of this.

pub(super) mod books;
pub(super) mod channels;
pub(super) mod clock;
pub(super) mod host;
pub(super) mod inputs;
pub(super) mod latency;
pub(super) mod queues;
pub(super) mod recovery;
mod reference;
pub(super) mod service;
pub(super) mod web;

pub use reference::reference;

/// What a family of samples is to Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A value that goes up and down.
    Gauge,
    /// A count that only rises while the process lives.
    Counter,
    /// A count and a sum, without quantiles.
    Summary,
    /// Counts in classic buckets.
    Histogram,
}

impl Kind {
    /// As Prometheus calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Summary => "summary",
            Self::Histogram => "histogram",
        }
    }
}

/// A metric and all that is to be known of it.
#[derive(Debug)]
pub struct Family {
    /// Its name, without `gateway_`.
    pub name: &'static str,
    /// What it is to Prometheus.
    pub kind: Kind,
    /// What it counts or measures.
    pub unit: &'static str,
    /// Its labels, in the order in which they are written.
    pub labels: &'static [&'static str],
    /// The version that had it first.
    pub since: &'static str,
    /// The section of `docs/operations.md` that says what to do about it; none where there is nothing to be done.
    pub section: Option<&'static str>,
    /// What it means.
    pub help: &'static str,
}

/// Families that belong together.
#[derive(Debug)]
pub struct Topic {
    /// Its heading.
    pub title: &'static str,
    /// The families.
    pub families: &'static [&'static Family],
}

/// All metrics.
pub const TOPICS: &[Topic] = &[
    Topic {
        title: "Service",
        families: service::ALL,
    },
    Topic {
        title: "Metrics server and status page",
        families: web::ALL,
    },
    Topic {
        title: "Interfaces and receive queues",
        families: inputs::ALL,
    },
    Topic {
        title: "Channels and lines",
        families: channels::ALL,
    },
    Topic {
        title: "Latency",
        families: latency::ALL,
    },
    Topic {
        title: "Clocks",
        families: clock::ALL,
    },
    Topic {
        title: "Queues, readers, broker",
        families: queues::ALL,
    },
    Topic {
        title: "Recovery",
        families: recovery::ALL,
    },
    Topic {
        title: "Order books",
        families: books::ALL,
    },
    Topic {
        title: "Host",
        families: host::ALL,
    },
];

/// All metrics, one by one.
pub fn families() -> impl Iterator<Item = &'static Family> {
    TOPICS.iter().flat_map(|topic| topic.families).copied()
}

/// Defines families, each `NAME: kind("name", "unit", [labels], section, "help");`, and `ALL` of them.
macro_rules! define {
    (since $since:literal; $($constant:ident: $kind:ident($name:literal, $unit:literal, [$($label:literal),*], $section:expr, $help:literal);)+) => {
        $(pub(in crate::metrics) static $constant: Family = Family {
            name: $name,
            kind: super::define!(@$kind),
            unit: $unit,
            labels: &[$($label),*],
            since: $since,
            section: $section,
            help: $help,
        };)+

        /// All of this file.
        pub(super) static ALL: &[&Family] = &[$(&$constant),+];
    };
    (@gauge) => { super::Kind::Gauge };
    (@counter) => { super::Kind::Counter };
    (@summary) => { super::Kind::Summary };
    (@histogram) => { super::Kind::Histogram };
}
use define;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_those_that_prometheus_asks_for() {
        let mut names = HashSet::new();
        for family in families() {
            let name = family.name;
            assert!(names.insert(name), "{name} is there twice");
            let total = name.ends_with("_total");
            assert_eq!(total, family.kind == Kind::Counter, "{name}");
            for (suffix, unit) in [("_seconds", "seconds"), ("_bytes", "bytes")] {
                let stem = name.trim_end_matches("_total");
                assert_eq!(stem.ends_with(suffix), family.unit == unit, "{name}");
            }
            let ends = family.help.ends_with('.') && !family.help.contains('|');
            assert!(ends && !family.unit.is_empty(), "{name}: {}", family.help);
            let labels: HashSet<_> = family.labels.iter().collect();
            assert_eq!(labels.len(), family.labels.len(), "{name}");
            // Written by Prometheus itself.
            assert!(
                !labels.contains(&"le") && !labels.contains(&"job"),
                "{name}"
            );
        }
    }
}
