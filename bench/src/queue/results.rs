//! Every measurement, by case and round.

use std::collections::BTreeMap;

use super::Case;
use super::measure::{Outcome, Quantity};
use super::placement::Class;

/// What the rounds brought.
#[derive(Debug, Default)]
pub(super) struct Results {
    outcomes: BTreeMap<Case, Vec<(usize, Outcome)>>,
    failures: BTreeMap<Case, String>,
}

impl Results {
    pub(super) fn add(&mut self, case: Case, round: usize, outcome: Outcome) {
        self.outcomes
            .entry(case)
            .or_default()
            .push((round, outcome));
    }

    pub(super) fn fail(&mut self, case: Case, reason: String) {
        self.failures.insert(case, reason);
    }

    /// Why a case that failed did.
    pub(super) fn failure(&self, case: Case) -> Option<&str> {
        self.failures.get(&case).map(String::as_str)
    }

    /// The value `name` of `case` by round, of the measurements of `class`. Memory has no placement.
    pub(super) fn values(&self, case: Case, class: Class, name: &str) -> BTreeMap<usize, f64> {
        let outcomes = self.outcomes.get(&case).into_iter().flatten();
        outcomes
            .filter(|(_, outcome)| case.1 == Quantity::Memory || outcome.class() == Some(class))
            .filter_map(|(round, outcome)| Some((*round, *outcome.values.get(name)?)))
            .collect()
    }

    /// The classes, the one with most measurements first.
    pub(super) fn by_class(&self) -> Vec<(Class, usize)> {
        let mut counts = Class::ALL.map(|class| {
            let all = self.outcomes.values().flatten();
            (
                class,
                all.filter(|(_, outcome)| outcome.class() == Some(class))
                    .count(),
            )
        });
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        counts.into_iter().filter(|(_, count)| *count > 0).collect()
    }

    /// In words, how many measurements were of which class, and how many of none.
    pub(super) fn classes(&self) -> String {
        let all: usize = self.outcomes.values().map(Vec::len).sum();
        let by_class = self.by_class();
        let classed: usize = by_class.iter().map(|(_, count)| count).sum();
        let mut words: Vec<String> = by_class
            .iter()
            .map(|(class, count)| format!("{count} {}", class.title()))
            .collect();
        words.push(format!("{} dropped, because it changed", all - classed));
        words.join(", ")
    }

    /// Whether every case that never failed has `runs` measurements of the most frequent class.
    pub(super) fn complete(&self, plan: &[Case], runs: usize) -> bool {
        let Some((class, _)) = self.by_class().first().copied() else {
            return true;
        };
        plan.iter().all(|case| {
            let outcomes = self.outcomes.get(case).into_iter().flatten();
            let count = outcomes
                .filter(|(_, outcome)| outcome.class() == Some(class))
                .count();
            case.1 == Quantity::Memory || self.failures.contains_key(case) || count >= runs
        })
    }

    /// All of it, for whoever wants to plot it anew.
    pub(super) fn raw(&self) -> serde_json::Value {
        let all = self
            .outcomes
            .iter()
            .flat_map(|((contestant, quantity, capacity), outcomes)| {
                outcomes.iter().map(move |(round, outcome)| {
                    serde_json::json!({
                        "queue": contestant.title(),
                        "quantity": format!("{quantity:?}"),
                        "capacity": capacity,
                        "round": round,
                        "placement": outcome.class().map(Class::title),
                        "placement_ns": outcome.placement_ns,
                        "values": outcome.values,
                    })
                })
            });
        all.collect()
    }
}
