//! The report: what was measured, against what, and whether that is good enough.

use std::collections::BTreeMap;

use super::measure::Quantity;
use super::placement::Class;
use super::results::Results;
use super::rivals::{Contestant, OURS, Rivals};
use super::{CAPACITY, CAPACITY_IN_CACHE, POLLING, SLEEPING};
use crate::report::{Goal, Row, Samples};

pub(super) const BENCH: &str = "queue";
/// A class with a smaller share of the rounds than this is not reported.
const SHARE_MIN: f64 = 1.0 / 3.0;

/// What every contestant that takes part is measured for.
pub(super) const CASES: [(Quantity, u64); 8] = [
    (Quantity::Latency, CAPACITY),
    (Quantity::Throughput, CAPACITY_IN_CACHE),
    (Quantity::CatchUp, CAPACITY),
    (Quantity::Alone, CAPACITY_IN_CACHE),
    (Quantity::Alone, CAPACITY),
    (Quantity::Burst, CAPACITY_IN_CACHE),
    (Quantity::Burst, CAPACITY),
    (Quantity::Memory, CAPACITY),
];

/// Whether `quantity` means anything for `contestant`.
pub(super) fn takes_part(contestant: Contestant, quantity: Quantity) -> bool {
    use Contestant::{Crossbeam, Datagram, DatagramPolled, Gateway, Iceoryx2, Outcry, RawLine};
    use Contestant::{RawLines, Ring, Ringfire, Rtrb};
    match quantity {
        Quantity::Latency => true,
        Quantity::Throughput => !matches!(contestant, RawLine | RawLines),
        // The kernel holds a few hundred datagrams at most.
        Quantity::CatchUp | Quantity::Burst => {
            !matches!(contestant, RawLine | RawLines | Datagram | DatagramPolled)
        }
        // Without a reader the others stop their writer; ours is the same with a client and without.
        Quantity::Alone => matches!(contestant, Gateway | Ringfire | Outcry | Iceoryx2),
        Quantity::Memory => !matches!(
            contestant,
            Gateway | RawLine | RawLines | Datagram | DatagramPolled | Crossbeam | Rtrb
        ),
        Quantity::Sleeping(_) => contestant == Ring,
        Quantity::Polling(_) => contestant == Gateway,
    }
}

/// How a quantity is reported.
struct Style {
    what: &'static str,
    unit: &'static str,
    /// The value's name in an outcome, and what it is multiplied by.
    value: &'static str,
    scale: f64,
}

const fn style(quantity: Quantity, value: &'static str) -> Style {
    let (what, unit, scale) = match quantity {
        Quantity::Latency => ("one way", "ns", 1.0),
        Quantity::Throughput => ("reader at the head", "M messages/s", 1e-6),
        Quantity::CatchUp => ("reader catching up", "M messages/s", 1e-6),
        Quantity::Alone => ("publish, no reader", "ns/message", 1.0),
        Quantity::Burst => ("publish, burst of 64, 1 polling reader", "ns/message", 1.0),
        Quantity::Sleeping(_) => ("publish, burst of 64, sleeping readers", "ns/message", 1.0),
        Quantity::Polling(_) => ("publish, burst of 64, polling readers", "ns/message", 1.0),
        Quantity::Memory => ("memory a reader", "KiB", 1.0),
    };
    Style {
        what,
        unit,
        value,
        scale,
    }
}

/// All rows but those about the machine code.
pub(super) fn of(results: &Results, rivals: &Rivals, cores: usize, rounds: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    for (class, _) in results.by_class() {
        let table = Table {
            results,
            rivals,
            class,
        };
        let gateway = (Contestant::Gateway, Quantity::Latency, CAPACITY);
        let values = table.results.values(gateway, class, "p50").len();
        if (values as f64) < rounds as f64 * SHARE_MIN {
            continue;
        }
        table.latency(&mut rows);
        table.throughput(&mut rows);
        table.publish(&mut rows);
        table.readers(&mut rows);
    }
    for count in POLLING.into_iter().filter(|count| *count >= cores) {
        let case = format!(
            "{}, {count} of them: cannot be measured here, it needs {} cores and there are {cores}",
            style(Quantity::Polling(count), "").what,
            count + 1
        );
        rows.push(Row::not_measured(BENCH, case, "ns/message"));
    }
    memory(results, rivals, &mut rows);
    rows
}

/// The rows of one class.
struct Table<'a> {
    results: &'a Results,
    rivals: &'a Rivals,
    class: Class,
}

impl Table<'_> {
    fn values(&self, style: &Style, case: super::Case) -> BTreeMap<usize, f64> {
        let values = self.results.values(case, self.class, style.value);
        values
            .into_iter()
            .map(|(round, value)| (round, value * style.scale))
            .collect()
    }

    /// `subject` against `baseline`, a name and its values by round.
    fn row(
        &self,
        style: &Style,
        label: &str,
        subject: &BTreeMap<usize, f64>,
        baseline: Option<(String, &BTreeMap<usize, f64>)>,
        goal: Option<Goal>,
    ) -> Row {
        let samples = Samples {
            case: format!("{label}, {}", self.class.title()),
            unit: style.unit,
            values: subject.values().copied().collect(),
        };
        let baseline = baseline.map(|(name, values)| {
            let ratios = subject
                .iter()
                .filter_map(|(round, value)| Some(value / values.get(round)?));
            (name, ratios.collect())
        });
        Row::with_ratios(BENCH, &samples, baseline, goal)
    }

    /// Ours against each of `goals`, then every rival against ours.
    fn compare(
        &self,
        rows: &mut Vec<Row>,
        style: &Style,
        (quantity, capacity): (Quantity, u64),
        name: &str,
        absolute: Option<Goal>,
        goals: &[(Contestant, Goal)],
    ) {
        let label = |contestant: Contestant| format!("{name}: {}", contestant.title());
        let of = |contestant| self.values(style, (contestant, quantity, capacity));
        let ours = of(Contestant::Gateway);
        if absolute.is_some() || goals.is_empty() {
            rows.push(self.row(style, &label(Contestant::Gateway), &ours, None, absolute));
        }
        for (rival, goal) in goals {
            if self.rivals.missing.contains_key(rival) {
                continue;
            }
            let baseline = Some((rival.title().to_owned(), &of(*rival)));
            rows.push(self.row(
                style,
                &label(Contestant::Gateway),
                &ours,
                baseline,
                Some(*goal),
            ));
        }
        for rival in Contestant::ALL {
            if rival == Contestant::Gateway || !takes_part(rival, quantity) {
                continue;
            }
            let case = (rival, quantity, capacity);
            let values = of(rival);
            if let Some(why) = self.why_not(case, values.is_empty()) {
                let case = format!("{}, {}: {why}", label(rival), self.class.title());
                rows.push(Row::not_measured(BENCH, case, style.unit));
                continue;
            }
            let baseline = Some((Contestant::Gateway.title().to_owned(), &ours));
            rows.push(self.row(style, &label(rival), &values, baseline, None));
        }
    }

    /// Why there is no value of a case.
    fn why_not(&self, case: super::Case, empty: bool) -> Option<String> {
        if let Some(reason) = self.rivals.missing.get(&case.0) {
            return Some(format!("does not build here: {reason}"));
        }
        let failure = self.results.failure(case).filter(|_| empty);
        failure
            .map(|reason| format!("failed: {reason}"))
            .or_else(|| empty.then(|| "no measurement of this placement".to_owned()))
    }

    fn latency(&self, rows: &mut Vec<Row>) {
        let raw_goal = match self.class {
            Class::Sibling => None,
            Class::Near => Some(1.08),
            Class::Far => Some(1.12),
        };
        let best_goal = if self.class == Class::Far { 0.80 } else { 0.85 };
        for quantile in ["p50", "p99"] {
            let style = style(Quantity::Latency, quantile);
            let name = format!("{} {quantile}", style.what);
            let goals = [
                (Contestant::RawLine, raw_goal),
                (Contestant::Aeron, Some(0.75)),
                (Contestant::Iceoryx2, Some(0.25)),
            ];
            let goals: Vec<(Contestant, Goal)> = goals
                .into_iter()
                .filter(|_| quantile == "p50")
                .filter_map(|(rival, goal)| Some((rival, Goal::RatioAtMost(goal?))))
                .collect();
            let measured = (Quantity::Latency, CAPACITY);
            if quantile == "p50" {
                rows.push(self.against_best(&style, &name, best_goal));
            }
            self.compare(rows, &style, measured, &name, None, &goals);
        }
    }

    /// Ours against whichever of the two nearest rivals is faster, round by round.
    fn against_best(&self, style: &Style, name: &str, goal: f64) -> Row {
        let of = |contestant| self.values(style, (contestant, Quantity::Latency, CAPACITY));
        let mut best = of(Contestant::Ringfire);
        for (round, value) in of(Contestant::Outcry) {
            let fastest = best.entry(round).or_insert(value);
            *fastest = fastest.min(value);
        }
        let label = format!("{name}: {}", Contestant::Gateway.title());
        let baseline = Some(("best of ringfire and outcry".to_owned(), &best));
        let goal = Some(Goal::RatioAtMost(goal));
        self.row(style, &label, &of(Contestant::Gateway), baseline, goal)
    }

    fn throughput(&self, rows: &mut Vec<Row>) {
        let at_least = |bound| Some(Goal::ValueAtLeast(bound));
        let goals = [
            (Contestant::Ringfire, Goal::RatioAtLeast(1.5)),
            (Contestant::Outcry, Goal::RatioAtLeast(1.2)),
            (Contestant::Aeron, Goal::RatioAtLeast(3.5)),
            (Contestant::Iceoryx2, Goal::RatioAtLeast(15.0)),
        ];
        let head = style(Quantity::Throughput, "rate");
        let measured = (Quantity::Throughput, CAPACITY_IN_CACHE);
        self.compare(rows, &head, measured, head.what, at_least(50.0), &goals);
        let behind = style(Quantity::CatchUp, "rate");
        let measured = (Quantity::CatchUp, CAPACITY);
        self.compare(rows, &behind, measured, behind.what, at_least(200.0), &[]);
    }

    fn publish(&self, rows: &mut Vec<Row>) {
        for (quantity, bound) in [(Quantity::Alone, 2.0), (Quantity::Burst, 13.0)] {
            let style = style(quantity, "publish");
            for capacity in [CAPACITY_IN_CACHE, CAPACITY] {
                let name = format!("{}, ring of {capacity}", style.what);
                let goal = Some(Goal::ValueAtMost(bound));
                self.compare(rows, &style, (quantity, capacity), &name, goal, &[]);
            }
        }
    }

    fn readers(&self, rows: &mut Vec<Row>) {
        let mut one = BTreeMap::new();
        for count in SLEEPING {
            let quantity = Quantity::Sleeping(count);
            let style = style(quantity, "publish");
            let values = self.values(&style, (Contestant::Ring, quantity, CAPACITY));
            let label = format!("{}, {count} of them: gateway", style.what);
            let baseline = (count > 1).then(|| ("1 of them".to_owned(), &one));
            let goal = (count > 1).then_some(Goal::RatioAtMost(1.1));
            rows.push(self.row(&style, &label, &values, baseline, goal));
            if count == 1 {
                one = values;
            }
        }
        let mut one = BTreeMap::new();
        for count in POLLING {
            let quantity = Quantity::Polling(count);
            let style = style(quantity, "publish");
            let values = self.values(&style, (Contestant::Gateway, quantity, CAPACITY));
            if values.is_empty() {
                continue;
            }
            let label = format!("{}, {count} of them: gateway", style.what);
            let baseline = (count > 1).then(|| ("1 of them".to_owned(), &one));
            let goal = (count > 1).then_some(Goal::RatioAtMost(1.1));
            rows.push(self.row(&style, &label, &values, baseline, goal));
            if count == 1 {
                one = values;
            }
        }
    }
}

/// Memory does not depend on where the cores are.
fn memory(results: &Results, rivals: &Rivals, rows: &mut Vec<Row>) {
    let style = style(Quantity::Memory, "kib");
    for contestant in Contestant::ALL {
        if !takes_part(contestant, Quantity::Memory) {
            continue;
        }
        let case = (contestant, Quantity::Memory, CAPACITY);
        let label = format!("{}: {}", style.what, contestant.title());
        if let Some(reason) = rivals.missing.get(&contestant) {
            debug_assert!(!OURS.contains(&contestant));
            let case = format!("{label}: does not build here: {reason}");
            rows.push(Row::not_measured(BENCH, case, style.unit));
            continue;
        }
        let samples = Samples {
            case: label,
            unit: style.unit,
            values: results
                .values(case, Class::Near, style.value)
                .into_values()
                .collect(),
        };
        rows.push(Row::new(BENCH, &samples, None, None));
    }
}
