//! What the demo found out: one object, shown as a table or as JSON.

use std::fmt::{self, Write as _};

use gateway_test_harness::Report;
use serde::{Deserialize, Serialize};

use super::counters::Counters;

/// The demo's result.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    /// Where the messages came from.
    pub(crate) source: String,
    /// How packets reached the gateway: `copy`, `socket`, ...
    pub(crate) tier: String,
    /// Messages of the session.
    pub(crate) sent: u64,
    /// Messages that the gateway passed on, each once.
    pub(crate) delivered: u64,
    /// Messages sent that the gateway declared lost: `dropped_on_both_lines + late`.
    pub(crate) lost: u64,
    /// Messages that the recording lacks: never sent, and declared lost too.
    pub(crate) missing_in_recording: u64,
    /// Messages that the simulator dropped on both lines.
    pub(crate) dropped_on_both_lines: u64,
    /// Messages that came when the gateway had given them up: one line had dropped them, and the exchange did not
    /// get a core in time for the other.
    pub(crate) late: u64,
    /// How many gaps were declared.
    pub(crate) gaps: u64,
    /// First and last sequence of each gap, as the strategies were told.
    pub(crate) gap_ranges: Vec<(u64, u64)>,
    /// Messages that came again: on the other line, or twice on one.
    pub(crate) duplicates: u64,
    /// Whether every count agrees with every other.
    pub(crate) reconciles: bool,
    /// What disagrees.
    pub(crate) differences: Vec<String>,
    /// Each line, by its name.
    pub(crate) lines: Vec<Line>,
    /// Latency of each stage.
    pub(crate) latency_ns: Latencies,
    /// The strategies.
    pub(crate) strategies: Vec<Strategy>,
    /// Seconds during which messages were sent.
    pub(crate) elapsed_s: f64,
}

/// One line, as its sender and its receiver saw it.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) name: String,
    /// Heartbeats and the session's end included, here and below.
    pub(crate) packets_sent: u64,
    pub(crate) packets_dropped: u64,
    pub(crate) packets_received: u64,
    pub(crate) messages_dropped: u64,
    pub(crate) wins: u64,
}

/// Latency by stage.
#[derive(Debug, Serialize)]
pub(crate) struct Latencies {
    /// From the packet's arrival in the worker to its last record in shared memory; one sample a packet.
    pub(crate) ring_publish: Quantiles,
    /// From the packet's arrival in the worker to each record's arrival in the strategy that reads every symbol.
    pub(crate) ring_read: Quantiles,
}

/// Three quantiles of a latency in nanoseconds.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Quantiles {
    pub(crate) p50: u64,
    pub(crate) p99: u64,
    pub(crate) p999: u64,
}

/// The last line that a strategy printed.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Strategy {
    pub(crate) name: String,
    pub(crate) queue: String,
    pub(crate) records: u64,
    pub(crate) messages: u64,
    pub(crate) lost_slots: u64,
    pub(crate) gaps: Vec<(u64, u64)>,
    pub(crate) gap_messages: u64,
    pub(crate) session_ended: bool,
    pub(crate) latency_ns: Quantiles,
    pub(crate) best: Vec<Best>,
}

/// Best prices of an instrument.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Best {
    pub(crate) symbol: String,
    pub(crate) bid: Option<f64>,
    pub(crate) ask: Option<f64>,
}

impl Outcome {
    /// Joins what sender, gateway and strategies counted, and compares.
    pub(crate) fn of(
        source: &str,
        report: &Report,
        counters: &Counters,
        strategies: Vec<Strategy>,
    ) -> Self {
        let lines = report.lines.iter().map(|(name, sent)| {
            let received = counters
                .lines
                .iter()
                .find(|received| received.name == *name);
            Line {
                name: name.clone(),
                packets_sent: sent.datagrams(),
                packets_dropped: sent.datagrams_dropped(),
                messages_dropped: sent.messages_dropped,
                packets_received: received.map_or(0, |line| line.packets),
                wins: received.map_or(0, |line| line.wins),
            }
        });
        let missing = report
            .source
            .as_ref()
            .map_or(0, |source| source.missing.messages);
        // The first strategy reads every symbol.
        let everything = strategies.first();
        let mut outcome = Self {
            source: source.to_owned(),
            tier: counters.tier.clone(),
            sent: report.messages,
            delivered: counters.delivered,
            lost: counters.lost.saturating_sub(missing),
            missing_in_recording: missing,
            dropped_on_both_lines: report.lost_on_both.messages,
            late: counters.late,
            gaps: counters.gaps,
            gap_ranges: everything
                .map(|strategy| strategy.gaps.clone())
                .unwrap_or_default(),
            duplicates: counters.duplicates,
            reconciles: false,
            differences: Vec::new(),
            lines: lines.collect(),
            latency_ns: Latencies {
                ring_publish: counters.ring_publish,
                ring_read: everything
                    .map(|strategy| strategy.latency_ns)
                    .unwrap_or_default(),
            },
            strategies,
            elapsed_s: report.elapsed_s,
        };
        outcome.differences = outcome.compare(report);
        outcome.reconciles = outcome.differences.is_empty();
        outcome
    }

    fn compare(&self, report: &Report) -> Vec<String> {
        let mut differences = Vec::new();
        let mut equal = |what: &str, left: u64, right: u64| {
            if left != right {
                differences.push(format!("{what}: {left} and {right}"));
            }
        };
        equal(
            "sent, delivered + lost",
            self.sent,
            self.delivered + self.lost,
        );
        equal(
            "dropped on both lines + late, lost",
            self.dropped_on_both_lines + self.late,
            self.lost,
        );
        for line in &self.lines {
            let what = format!("line {}: packets sent, received", line.name);
            equal(&what, line.packets_sent, line.packets_received);
        }
        if let Some(strategy) = self.strategies.first() {
            equal(
                "delivered, messages of the first strategy",
                self.delivered,
                strategy.messages,
            );
            equal(
                "lost + missing, gap messages of the first strategy",
                self.lost + self.missing_in_recording,
                strategy.gap_messages,
            );
        }
        for strategy in &self.strategies {
            equal(
                &format!("0, slots lost by {}", strategy.name),
                0,
                strategy.lost_slots,
            );
        }
        let declared = merged(&self.gap_ranges);
        let is_declared = |&(first, last): &(u64, u64)| {
            declared.iter().any(|gap| gap.0 <= first && last <= gap.1)
        };
        if !report.lost_on_both.ranges.iter().all(is_declared) {
            differences.push("the gaps are not where both lines dropped".to_owned());
        }
        differences
    }
}

/// Ranges in order, neighbours joined: one loss may be declared in two gaps.
fn merged(ranges: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let mut sorted = ranges.to_vec();
    sorted.sort_unstable();
    let mut joined: Vec<(u64, u64)> = Vec::new();
    for (first, last) in sorted {
        match joined.last_mut() {
            Some(before) if first <= before.1 + 1 => before.1 = before.1.max(last),
            _ => joined.push((first, last)),
        }
    }
    joined
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |value: u64| thousands(value);
        writeln!(
            f,
            "  {} in {:.1} s, tier {}\n",
            self.source, self.elapsed_s, self.tier
        )?;
        writeln!(f, "  {:<26}{:>12}{:>12}", "packets", "line A", "line B")?;
        let row = |f: &mut fmt::Formatter<'_>, name: &str, value: &dyn Fn(&Line) -> u64| {
            write!(f, "  {name:<26}")?;
            for line in &self.lines {
                write!(f, "{:>12}", number(value(line)))?;
            }
            writeln!(f)
        };
        row(f, "dropped by the simulator", &|line| line.packets_dropped)?;
        row(f, "sent", &|line| line.packets_sent)?;
        row(f, "received by the gateway", &|line| line.packets_received)?;
        row(f, "  of these first to come", &|line| line.wins)?;
        writeln!(f)?;
        writeln!(f, "  {:<26}{:>12}", "messages sent", number(self.sent))?;
        writeln!(
            f,
            "  {:<26}{:>12}",
            "  delivered, each once",
            number(self.delivered)
        )?;
        let gaps = if self.gaps == 1 {
            "1 gap".to_owned()
        } else {
            format!("{} gaps", number(self.gaps))
        };
        write!(
            f,
            "  {:<26}{:>12}   in {gaps}: ",
            "  lost",
            number(self.lost)
        )?;
        match self.late {
            0 => writeln!(f, "dropped on both lines")?,
            late => {
                let dropped = number(self.dropped_on_both_lines);
                writeln!(f, "{dropped} dropped on both lines, {} late", number(late))?;
            }
        }
        if self.missing_in_recording > 0 {
            let missing = number(self.missing_in_recording);
            writeln!(
                f,
                "  {:<26}{missing:>12}   and declared lost",
                "not in the recording"
            )?;
        }
        match self.reconciles {
            true => writeln!(
                f,
                "  sent = delivered + lost, and every line, gap and reader agrees\n"
            )?,
            false => {
                writeln!(f, "  THE COUNTS DISAGREE:")?;
                for difference in &self.differences {
                    writeln!(f, "    {difference}")?;
                }
                writeln!(f)?;
            }
        }
        writeln!(
            f,
            "  {:<26}{:>12}{:>12}{:>12}",
            "latency", "p50", "p99", "p99.9"
        )?;
        let mut stage = |name: &str, of: &Quantiles| {
            let [p50, p99, p999] = [of.p50, of.p99, of.p999].map(duration);
            writeln!(f, "  {name:<26}{p50:>12}{p99:>12}{p999:>12}")
        };
        stage("packet in → published", &self.latency_ns.ring_publish)?;
        for strategy in &self.strategies {
            stage(
                &format!("packet in → {}", strategy.name),
                &strategy.latency_ns,
            )?;
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        writeln!(
            f,
            "  (exchange, gateway and strategies share {cores} cores; what is behind a hole waits for the other line)"
        )?;
        writeln!(f)?;
        writeln!(
            f,
            "  {:<26}{:>12}{:>12}{:>12}",
            "strategies", "messages", "records", "lost"
        )?;
        for strategy in &self.strategies {
            let [messages, records, lost] =
                [strategy.messages, strategy.records, strategy.lost_slots].map(thousands);
            writeln!(
                f,
                "  {:<26}{messages:>12}{records:>12}{lost:>12}",
                strategy.name
            )?;
        }
        Ok(())
    }
}

/// `1234567` as `1,234,567`.
pub(crate) fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Nanoseconds with a unit that leaves three or four digits.
fn duration(nanoseconds: u64) -> String {
    let mut text = String::new();
    let value = nanoseconds as f64;
    let written = match nanoseconds {
        0..10_000 => write!(text, "{nanoseconds} ns"),
        10_000..1_000_000 => write!(text, "{:.1} µs", value / 1e3),
        1_000_000.. => write!(text, "{:.2} ms", value / 1e6),
    };
    debug_assert!(written.is_ok(), "writing to a String cannot fail");
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;
    use crate::demo::counters::LineCounters;

    /// What the simulator reports of 1,000 messages in 100 packets a line, of which both lines dropped 10.
    fn report() -> Report {
        let line = json!({
            "packets_sent": 98, "messages_sent": 980, "packets_dropped": 2, "messages_dropped": 20,
            "duplicated": 0, "messages_duplicated": 0, "reordered": 0,
            "heartbeats": { "sent": 3, "dropped": 1, "duplicated": 0 },
            "end_of_session": { "sent": 1, "dropped": 2, "duplicated": 0 },
        });
        serde_json::from_value(json!({
            "session": "DEMO", "first_sequence": 1, "last_sequence": 1000, "messages": 1000, "packets": 100,
            "heartbeats": 4, "end_of_session": 3, "by_type": {}, "lines": { "A": line, "B": line },
            "lost_on_both": { "messages": 10, "ranges": [[101, 110]] }, "source": null, "elapsed_s": 1.0,
        }))
        .unwrap()
    }

    /// What the gateway counted of it, `late` messages having come too late on the line that had not dropped them.
    fn counters(late: u64) -> Counters {
        let line = |name: &str| LineCounters {
            name: name.to_owned(),
            packets: 102,
            wins: 50,
        };
        Counters {
            delivered: 990 - late,
            lost: 10 + late,
            late,
            lines: vec![line("A"), line("B")],
            ..Counters::default()
        }
    }

    /// What the strategy of every symbol says of it.
    fn strategy(late: u64) -> Strategy {
        let mut gaps = vec![[101, 110]];
        if late > 0 {
            gaps.push([501, 500 + late]);
        }
        serde_json::from_value(json!({
            "name": "everything", "queue": "everything", "records": 990 - late, "messages": 990 - late,
            "lost_slots": 0, "gaps": gaps, "gap_messages": 10 + late, "session_ended": true,
            "latency_ns": { "p50": 1, "p99": 2, "p999": 3 }, "best": [],
        }))
        .unwrap()
    }

    #[test]
    fn the_counts_reconcile_also_when_messages_came_too_late() {
        for late in [0, 10] {
            let outcome = Outcome::of("a test", &report(), &counters(late), vec![strategy(late)]);
            assert_eq!(outcome.differences, [""; 0], "{late} late");
            assert!(outcome.reconciles);
        }
    }

    #[test]
    fn a_message_lost_for_no_known_reason_does_not_reconcile() {
        let outcome = Outcome::of(
            "a test",
            &report(),
            &Counters {
                late: 9,
                ..counters(10)
            },
            vec![strategy(10)],
        );
        assert_eq!(
            outcome.differences,
            ["dropped on both lines + late, lost: 19 and 20"]
        );
        assert!(!outcome.reconciles);
    }

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(
            ["0", "999", "1,000", "1,234,567"],
            [0, 999, 1000, 1_234_567].map(thousands)
        );
        assert_eq!(
            ["830 ns", "12.5 µs", "3.20 ms"],
            [830, 12_500, 3_200_000].map(duration)
        );
    }

    #[test]
    fn a_loss_declared_in_two_gaps_is_one_range() {
        assert_eq!(merged(&[(8, 9), (1, 3), (4, 5)]), [(1, 5), (8, 9)]);
    }
}
