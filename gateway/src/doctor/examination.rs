//! All checks over what was read of a machine.

use serde::Serialize;

use super::check::{Place, Side};
use super::{Counters, Device, Files, Look, Outcome, Seen, System, Verdict, Wants, checks};

/// What was read of a machine, to be judged.
pub struct Examination<'a> {
    /// Its files.
    pub files: &'a dyn Files,
    /// Kernel and clock.
    pub system: System,
    /// What is wanted of the machine.
    pub wants: Wants,
    /// The interfaces, each with what is wanted of it.
    pub devices: Vec<(Device, Wants)>,
    /// Counters at the beginning and at the end of a span.
    pub counters: Option<(Counters, Counters)>,
    /// Whether this is the host of virtual functions, rather than a machine on which the gateway runs.
    pub host: bool,
}

/// What the checks found, in their order; for each interface a row of those that concern one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Findings {
    /// What each check found.
    pub checks: Vec<Outcome>,
}

impl Findings {
    /// The worst verdict.
    #[must_use]
    pub fn worst(&self) -> Verdict {
        let verdicts = self.checks.iter().map(|outcome| outcome.verdict);
        verdicts.max().unwrap_or(Verdict::Skipped)
    }

    /// How many have this verdict.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        let same = |outcome: &&Outcome| outcome.verdict == verdict;
        self.checks.iter().filter(same).count()
    }
}

impl Examination<'_> {
    /// Runs the checks of these ids, or all.
    #[must_use]
    pub fn run(&self, only: &[String]) -> Findings {
        let chosen = checks::ALL
            .iter()
            .filter(|check| only.is_empty() || only.iter().any(|id| id == check.id));
        let mut all = Vec::new();
        for check in chosen {
            match check.place {
                Place::Machine(look_at) => {
                    let look = self.look(&self.wants);
                    let seen = self.elsewhere(check.side).unwrap_or_else(|| look_at(&look));
                    all.push(Outcome::new(check, "", seen, look.into_read()));
                }
                Place::Interface(look_at) => {
                    for (device, wants) in &self.devices {
                        let look = self.look(wants);
                        let seen = self
                            .elsewhere(check.side)
                            .unwrap_or_else(|| look_at(&look, device));
                        all.push(Outcome::new(check, &device.name, seen, look.into_read()));
                    }
                    if self.devices.is_empty() {
                        let seen =
                            Seen::skipped("no interface to look at: name one (`--interface`)");
                        all.push(Outcome::new(check, "", seen, Vec::new()));
                    }
                }
            }
        }
        Findings { checks: all }
    }

    fn look<'a>(&'a self, wants: &'a Wants) -> Look<'a> {
        let counters = self.counters.as_ref();
        Look::new(
            self.files,
            &self.system,
            wants,
            counters.map(|(before, after)| (before, after)),
        )
    }

    /// Why a check makes no sense here.
    fn elsewhere(&self, side: Side) -> Option<Seen> {
        match (side, self.host) {
            (Side::Guest, true) => Some(Seen::skipped(
                "concerns the machine on which the gateway runs: `gateway doctor` there tells",
            )),
            (Side::Host, false) => Some(Seen::skipped(
                "only the host of the virtual function can tell: `gateway doctor --host PF` there",
            )),
            _ => None,
        }
    }
}
