//! Why an interface is at its tier, and what would raise it, in plain words.
//!
//! Pure functions over what a running gateway shows of an interface, or over [`Facts`] that were looked up without
//! attaching anything. Which of the two it was stands in every [`Explanation`]: what only the driver can refuse is not
//! known before it was tried.

mod findings;
mod interrupts;
mod predict;
mod text;

use serde::Serialize;

use crate::ingest::{Facts, Tier};
use crate::service::status::{InterfaceStatus, Status};
use findings::findings;

/// Why an interface is at its tier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The interface.
    pub interface: String,
    /// Where the facts are from.
    pub source: Source,
    /// The tier in use, or the one to be expected; `None` where none works.
    pub tier: Option<String>,
    /// The answer in one sentence.
    pub summary: String,
    /// Every tier, fastest first.
    pub tiers: Vec<Rung>,
    /// What else matters for speed and loss.
    pub findings: Vec<Finding>,
}

/// Where the facts of an [`Explanation`] are from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A running gateway: what it tried, and what the kernel answered.
    Running,
    /// A look at the interface without attaching anything.
    Probe,
}

/// A tier of an [`Explanation`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rung {
    /// The tier.
    pub tier: String,
    /// How it stands.
    pub standing: RungStanding,
    /// Why it is not used; empty where it is.
    pub why: String,
    /// What would have it used; empty where nothing has to be done.
    pub remedy: String,
}

/// How a tier stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RungStanding {
    /// Packets come by it.
    Used,
    /// The kernel refused it, or what is known rules it out.
    Refused,
    /// The configuration does not allow it.
    NotAllowed,
    /// A better one is used.
    NotNeeded,
    /// Nothing speaks against it, as far as can be told without trying.
    Expected,
}

/// One fact and what it means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is about.
    pub subject: &'static str,
    /// Whether something should be done about it.
    pub attention: bool,
    /// The fact.
    pub what: String,
    /// What to do; empty where nothing has to be done.
    pub remedy: String,
}

impl Finding {
    fn fine(subject: &'static str, what: impl Into<String>) -> Self {
        Self {
            subject,
            attention: false,
            what: what.into(),
            remedy: String::new(),
        }
    }

    fn mind(subject: &'static str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            subject,
            attention: true,
            what: what.into(),
            remedy: remedy.into(),
        }
    }
}

/// Explains an interface of a running gateway; `None` where it has none of that name.
#[must_use]
pub fn running(status: &Status, interface: &str) -> Option<Explanation> {
    let shown = status.interfaces.iter().find(|i| i.name == interface)?;
    Some(explain_running(status, shown))
}

/// Explains every network interface of a running gateway.
#[must_use]
pub fn running_all(status: &Status) -> Vec<Explanation> {
    let interfaces = status.interfaces.iter();
    interfaces
        .filter(|interface| interface.tier != Tier::Capture.name())
        .map(|interface| explain_running(status, interface))
        .collect()
}

fn explain_running(status: &Status, shown: &InterfaceStatus) -> Explanation {
    let used = shown.tier.parse::<Tier>().ok();
    let tiers: Vec<Rung> = Tier::LADDER
        .into_iter()
        .map(|tier| {
            let step = shown.steps.iter().find(|step| step.tier == tier.name());
            let (standing, why, remedy) = match (used, step) {
                (Some(used), _) if used == tier => {
                    (RungStanding::Used, String::new(), String::new())
                }
                (_, Some(step)) => (
                    RungStanding::Refused,
                    step.reason.clone(),
                    step.remedy.clone(),
                ),
                (Some(used), None) if used > tier => (
                    RungStanding::NotNeeded,
                    format!("{used} works and is faster"),
                    String::new(),
                ),
                (_, None) => (
                    RungStanding::NotAllowed,
                    format!("the configuration says `mode = \"{}\"`", shown.mode),
                    "set `mode = \"auto\"`".to_owned(),
                ),
            };
            Rung {
                tier: tier.name().to_owned(),
                standing,
                why,
                remedy,
            }
        })
        .collect();
    let summary = match (&shown.waiting_for, shown.state.as_str()) {
        (Some(cause), _) => format!("receives nothing now: {cause}"),
        (None, state @ ("absent" | "down" | "attaching")) => {
            format!("receives nothing now: the interface is {state}")
        }
        _ => used.map_or_else(
            || format!("receives by {}", shown.tier),
            |used| summary(used, &tiers, "receives at"),
        ),
    };
    Explanation {
        interface: shown.name.clone(),
        source: Source::Running,
        tier: Some(shown.tier.clone()),
        summary,
        findings: findings(&shown.name, &shown.facts, Some(shown))
            .into_iter()
            .chain(interrupts::findings(status, shown))
            .collect(),
        tiers,
    }
}

/// Explains an interface that no gateway has open, from facts that were looked up without attaching anything. What it
/// says is what `mode = "auto"` would try.
#[must_use]
pub fn probed(interface: &str, facts: &Facts) -> Explanation {
    let mut expected = None;
    let tiers: Vec<Rung> = Tier::LADDER
        .into_iter()
        .map(|tier| {
            let (standing, why, remedy) =
                match (expected, predict::obstacle(interface, tier, facts)) {
                    (Some(better), _) => (
                        RungStanding::NotNeeded,
                        format!("{better} would be tried before"),
                        String::new(),
                    ),
                    (None, Some(obstacle)) => {
                        (RungStanding::Refused, obstacle.reason, obstacle.remedy)
                    }
                    (None, None) => {
                        expected = Some(tier);
                        (RungStanding::Expected, String::new(), String::new())
                    }
                };
            Rung {
                tier: tier.name().to_owned(),
                standing,
                why,
                remedy,
            }
        })
        .collect();
    let summary = match expected {
        Some(tier) => summary(tier, &tiers, "would be opened at"),
        None => "could not be opened".to_owned(),
    };
    Explanation {
        interface: interface.to_owned(),
        source: Source::Probe,
        tier: expected.map(|tier| tier.name().to_owned()),
        summary,
        findings: findings(interface, facts, None),
        tiers,
    }
}

/// One sentence: the tier, and what keeps it from the next better one.
fn summary(tier: Tier, tiers: &[Rung], verb: &str) -> String {
    if tier == Tier::ZeroCopy {
        return format!("{verb} zero-copy, the best there is");
    }
    // The last one before it is the next better one.
    let better = tiers
        .iter()
        .take_while(|rung| rung.tier != tier.name())
        .last();
    match better {
        None => format!("{verb} {tier}"),
        Some(rung) => format!(
            "{verb} {tier}, because {} is not to be had: {}",
            rung.tier, rung.why
        ),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::ingest::Features;
    use crate::service::status::StepStatus;

    /// Of a machine on which nothing speaks against any tier.
    pub(super) fn good() -> Facts {
        Facts {
            kernel: "6.18.1-amd64".into(),
            driver: "mlx5_core".into(),
            features: Some(Features {
                native: true,
                redirect: true,
                zero_copy: true,
                nic_timestamp: true,
            }),
            up: true,
            carrier: true,
            mtu: 1500,
            rx_queues: 4,
            rx_queues_with_napi: Some(4),
            memory_lock_bytes: None,
            packet_memory_bytes: 96 << 20,
            huge_pages_free_bytes: 128 << 20,
            ..Facts::default()
        }
    }

    fn standings(explanation: &Explanation) -> Vec<RungStanding> {
        explanation.tiers.iter().map(|rung| rung.standing).collect()
    }

    #[test]
    fn a_running_interface_says_of_every_tier_how_it_stands() {
        use RungStanding::{NotAllowed, NotNeeded, Refused, Used};
        let step = |tier: &str| StepStatus {
            tier: tier.into(),
            reason: "EOPNOTSUPP".into(),
            remedy: "another driver".into(),
        };
        for (tier, mode, steps, expected, says) in [
            (
                "zero-copy",
                "auto",
                vec![],
                [Used, NotNeeded, NotNeeded, NotNeeded],
                "receives at zero-copy, the best there is",
            ),
            (
                "copy",
                "auto",
                vec![step("zero-copy")],
                [Refused, Used, NotNeeded, NotNeeded],
                "receives at copy, because zero-copy is not to be had: EOPNOTSUPP",
            ),
            (
                "socket",
                "auto",
                vec![step("zero-copy"), step("copy"), step("skb")],
                [Refused, Refused, Refused, Used],
                "receives at socket, because skb is not to be had: EOPNOTSUPP",
            ),
            (
                "skb",
                "skb",
                vec![],
                [NotAllowed, NotAllowed, Used, NotNeeded],
                "receives at skb, because copy is not to be had: the configuration says `mode = \"skb\"`",
            ),
        ] {
            let status = Status {
                interfaces: vec![InterfaceStatus {
                    name: "eth1".into(),
                    tier: tier.into(),
                    mode: mode.into(),
                    state: "live".into(),
                    steps,
                    facts: good(),
                    ..InterfaceStatus::default()
                }],
                ..Status::default()
            };
            let explanation = running(&status, "eth1").unwrap();
            assert_eq!(standings(&explanation), expected, "{tier} {mode}");
            assert_eq!(explanation.summary, says);
            for rung in &explanation.tiers {
                let refused = rung.standing == Refused || rung.standing == NotAllowed;
                assert_eq!(refused, !rung.remedy.is_empty(), "{rung:?}");
            }
            assert_eq!(running_all(&status), [explanation]);
            assert_eq!(running(&status, "eth2"), None);
        }
    }

    #[test]
    fn an_interface_that_is_away_says_so_first() {
        let mut interface = InterfaceStatus {
            name: "eth1".into(),
            tier: "copy".into(),
            state: "absent".into(),
            ..InterfaceStatus::default()
        };
        let summary = |interface: &InterfaceStatus| {
            let status = Status {
                interfaces: vec![interface.clone()],
                ..Status::default()
            };
            running(&status, "eth1").unwrap().summary
        };
        assert_eq!(
            summary(&interface),
            "receives nothing now: the interface is absent"
        );
        interface.waiting_for = Some("it has 4 receive queues now".into());
        assert!(summary(&interface).contains("4 receive queues"));
    }

    #[test]
    fn a_probe_expects_the_best_tier_that_nothing_speaks_against() {
        use RungStanding::{Expected, NotNeeded, Refused};
        let mut facts = good();
        let best = probed("eth1", &facts);
        assert_eq!(
            standings(&best),
            [Expected, NotNeeded, NotNeeded, NotNeeded]
        );
        assert_eq!(best.tier.as_deref(), Some("zero-copy"));
        facts.missing_capabilities = vec!["CAP_NET_RAW".into()];
        let worst = probed("eth1", &facts);
        assert_eq!(standings(&worst), [Refused, Refused, Refused, Expected]);
        assert_eq!(worst.tier.as_deref(), Some("socket"));
        assert!(worst.summary.contains("CAP_NET_RAW"), "{}", worst.summary);
        facts.up = false;
        assert_eq!(probed("eth1", &facts).tier, None);
    }
}
