//! What was measured, and its forms: a table, JSON, the columns of `sfnt-pingpong`, a picture.

mod picture;
mod sfnt;
mod table;

use serde::{Deserialize, Serialize};

use super::facts::Facts;
use super::receiver::Description;
use super::statistics::Distribution;
use super::{Link, Path, Scenario};

pub use picture::svg;
pub use sfnt::sfnt;
pub use table::table;

/// Something of each end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ends<T> {
    /// Of the end that asks and measures.
    pub requester: T,
    /// Of the end that answers.
    pub responder: T,
}

/// What a time is the time of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Half of the way there and back.
    HalfRoundTrip,
    /// From the request's sending to its receipt: both stamps by one clock, or by two that are kept together.
    OneWay,
}

impl Direction {
    /// As the report calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HalfRoundTrip => "half round trip",
            Self::OneWay => "one way",
        }
    }
}

/// One measurement of a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// Of the replies that came; `None` where none did.
    pub distribution: Option<Distribution>,
    /// Requests without a reply in time.
    pub lost: u64,
    /// Replies that came after they were given up, or twice.
    pub late: u64,
    /// One-way times below zero, counted as zero: the clocks differ by more than the way takes.
    pub negative: u64,
    /// Open loop: the most that a request left after its time, nanoseconds.
    pub behind_ns_max: u64,
    /// Every sample in nanoseconds, in no order, where asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub raw: Vec<u64>,
}

/// One size and rate by one way in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The way in, at both ends.
    pub path: Path,
    /// What the times are of.
    pub direction: Direction,
    /// Bytes of payload.
    pub bytes: usize,
    /// Requests a second, times from when each should have been sent; `None`: each when the last reply was there.
    pub rate: Option<u64>,
    /// Its measurements.
    pub rounds: Vec<Round>,
}

impl Row {
    /// The medians over its rounds.
    #[must_use]
    pub fn distribution(&self) -> Option<Distribution> {
        let rounds: Vec<_> = self
            .rounds
            .iter()
            .filter_map(|round| round.distribution)
            .collect();
        Distribution::median_of(&rounds)
    }

    fn sum(&self, of: impl Fn(&Round) -> u64) -> u64 {
        self.rounds.iter().map(of).sum()
    }
}

/// What one run over one link brought.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What lay between.
    pub link: Link,
    /// Who took part.
    pub machines: Ends<Facts>,
    /// How each end received, by way in.
    pub ways: Vec<(Path, Ends<Description>)>,
    /// What one-way times may be wrong by, nanoseconds; 0 for one clock, `None` where they cannot be told.
    pub clock_error_ns: Option<u64>,
    /// What was measured.
    pub rows: Vec<Row>,
}

impl Report {
    /// Whether one of the machines is emulated: then the times are no evidence.
    #[must_use]
    pub fn is_emulated(&self) -> bool {
        self.machines.requester.is_emulated() || self.machines.responder.is_emulated()
    }

    /// What has to be said before any number.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.is_emulated() {
            warnings.push(
                "a machine is emulated: these times are no evidence of anything but that it works"
                    .to_owned(),
            );
        }
        for (path, ends) in &self.ways {
            if ends.requester.shares_a_processor || ends.responder.shares_a_processor {
                warnings.push(format!(
                    "{path}: more threads than processors, which take turns: the times are those of the scheduler"
                ));
            }
            for (end, description) in [
                ("requester", &ends.requester),
                ("responder", &ends.responder),
            ] {
                for step in &description.steps {
                    warnings.push(format!("{path}, {end}: {step}"));
                }
            }
        }
        warnings
    }

    /// Which of the five scenarios a row belongs to, in a few words.
    fn scenario(&self, path: Path) -> String {
        Scenario::of(self.link, path).map_or_else(
            || {
                format!(
                    "{}, {}",
                    self.link,
                    if path.is_gateway() {
                        "gateway"
                    } else {
                        "kernel sockets"
                    }
                )
            },
            |scenario| format!("{}. {}", scenario.number, scenario.title),
        )
    }

    /// The tiers of both ends, where the way in has some.
    fn tiers(&self, path: Path) -> Option<String> {
        let (_, ends) = self.ways.iter().find(|(known, _)| *known == path)?;
        let requester = ends.requester.tier.as_deref()?;
        let responder = ends.responder.tier.as_deref()?;
        Some(if requester == responder {
            requester.to_owned()
        } else {
            format!("{requester} / {responder}")
        })
    }
}

/// Nanoseconds as microseconds, as far as digits mean something.
fn microseconds(ns: f64) -> String {
    format!("{:.2}", ns / 1_000.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    pub(super) fn example() -> Report {
        let description = |tier: Option<&str>| Description {
            tier: tier.map(str::to_owned),
            steps: tier
                .map(|_| "not zero-copy: the driver does not offer it".to_owned())
                .into_iter()
                .collect(),
            shares_a_processor: false,
        };
        let ends = |tier| Ends {
            requester: description(tier),
            responder: description(tier),
        };
        let facts = Facts {
            kernel: "6.12.0".to_owned(),
            processor: "model <X> & \"Y\"".to_owned(),
            processors: 2,
            hypervisor: Some("QEMU TCG (emulation)".to_owned()),
            interface: "vf0".to_owned(),
            driver: "virtio_net".to_owned(),
            boot_id: String::new(),
        };
        let row = |path, rate, times: &[u64]| Row {
            path,
            direction: Direction::HalfRoundTrip,
            bytes: 64,
            rate,
            rounds: vec![Round {
                distribution: Distribution::of(&mut times.to_vec()),
                lost: 3,
                late: 0,
                negative: 0,
                behind_ns_max: 0,
                raw: Vec::new(),
            }],
        };
        Report {
            link: Link::VmVmVf,
            machines: Ends {
                requester: facts.clone(),
                responder: facts,
            },
            ways: vec![
                (Path::KernelSpin, ends(None)),
                (Path::Gateway, ends(Some("copy"))),
            ],
            clock_error_ns: None,
            rows: vec![
                row(Path::KernelSpin, None, &[4_000, 5_000, 6_000]),
                row(Path::Gateway, Some(1_000), &[2_000, 2_500, 3_000]),
                row(Path::Gateway, None, &[]),
            ],
        }
    }

    #[test]
    fn a_report_is_read_back_from_its_json() {
        let report = example();
        let text = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
    }

    #[test]
    fn emulation_and_tiers_are_said_first() {
        let warnings = example().warnings();
        assert!(warnings[0].contains("no evidence"), "{warnings:?}");
        assert!(
            warnings
                .iter()
                .any(|w| w.contains("gateway, responder: not zero-copy: the driver")),
            "{warnings:?}"
        );
    }
}
