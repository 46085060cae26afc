//! The report for people.

use std::fmt::{self, Display};

use gateway_sim::counts::ControlCounts;
use gateway_sim::inject::InjectReport;
use gateway_sim::ranges::Ranges;
use gateway_sim::recovery::counts::RecoveryReport;
use gateway_sim::report::Report;
use gateway_sim::scenario::ScenarioReport;
use serde::Serialize;

/// How many runs of lost messages are printed.
const RUNS_SHOWN: usize = 10;

/// What was published, as a table.
pub(crate) struct Summary<'a>(pub(crate) &'a Report);

impl Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.0;
        let ending = if report.interrupted {
            "stopped early"
        } else {
            "done"
        };
        writeln!(
            f,
            "{ending}: session {}, sequence {} to {}",
            report.session, report.first_sequence, report.last_sequence
        )?;
        let rate = report.messages as f64 / report.elapsed_s.max(1e-9);
        writeln!(
            f,
            "published      {} messages in {} packets in {:.3} s ({rate:.0} messages/s)",
            report.messages, report.packets, report.elapsed_s
        )?;
        write!(f, "by type       ")?;
        for (kind, count) in &report.by_type {
            write!(f, " {kind} {count}")?;
        }
        writeln!(f)?;
        for (name, line) in &report.lines {
            let counts = &line.counts;
            writeln!(
                f,
                "line {name} {:<21} sent {} packets, {} messages; dropped {} packets, {} messages; \
                 {} duplicated, {} reordered",
                line.destination.to_string(),
                counts.packets_sent,
                counts.messages_sent,
                counts.packets_dropped,
                counts.messages_dropped,
                counts.duplicated,
                counts.reordered
            )?;
            if counts.packets_unsent > 0 {
                writeln!(
                    f,
                    "{:<29}NOT SENT: {} packets, {} messages",
                    "", counts.packets_unsent, counts.messages_unsent
                )?;
            }
            writeln!(
                f,
                "{:<29}heartbeats {}; ends of session {}",
                "",
                Control(&counts.heartbeats),
                Control(&counts.end_of_session)
            )?;
        }
        if report.late_max_us > 0 {
            writeln!(
                f,
                "latest packet  {} µs behind its time",
                report.late_max_us
            )?;
        }
        writeln!(f, "on no line     {}", Runs(&report.lost_on_both))?;
        if report.silent.messages() > 0 {
            writeln!(f, "before the start {}", Runs(&report.silent))?;
        }
        write!(f, "{}", ServersSummary(&report.recovery))?;
        if let Some(source) = &report.source {
            writeln!(
                f,
                "capture        {} frames; not UDP {}, not MoldUDP64 {}, other session {}, heartbeats {}, duplicate \
                 messages {}",
                source.frames,
                source.not_udp,
                source.not_moldudp64,
                source.other_session,
                source.heartbeats,
                source.duplicates
            )?;
            writeln!(f, "missing in it  {}", Runs(&source.missing))?;
        }
        Ok(())
    }
}

/// What was rehearsed, as a table.
pub(crate) struct ScenarioSummary<'a>(pub(crate) &'a ScenarioReport);

impl Display for ScenarioSummary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for session in &self.0.sessions {
            write!(f, "{}", Summary(session))?;
        }
        write!(f, "{}", ServersSummary(&self.0.recovery))
    }
}

/// What became of what came to the servers: whatever is not zero.
struct ServersSummary<'a>(&'a RecoveryReport);

impl Display for ServersSummary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for server in &self.0.rerequest {
            write!(f, "re-request {:<4}", server.name)?;
            counts(f, &server.counts)?;
        }
        for server in &self.0.gap_request {
            write!(f, "gap request {:<3}", server.name)?;
            counts(f, &server.counts)?;
        }
        for server in &self.0.spin {
            write!(f, "spin {:<10}", server.name)?;
            counts(f, &server.counts)?;
        }
        for server in &self.0.glimpse {
            write!(f, "Glimpse {:<7}", server.name)?;
            counts(f, &server.counts)?;
        }
        if let Some(loops) = &self.0.market_recovery {
            write!(f, "market recovery")?;
            counts(f, loops)?;
        }
        if let Some(loops) = &self.0.instrument_definition {
            write!(f, "instrument definition")?;
            counts(f, loops)?;
        }
        Ok(())
    }
}

/// The counts by their names, those that are zero left out.
fn counts(f: &mut fmt::Formatter<'_>, counts: &impl Serialize) -> fmt::Result {
    let object = serde_json::to_value(counts).unwrap_or_default();
    let fields = object.as_object().into_iter().flatten();
    let mut any = false;
    for (name, count) in fields.filter(|(_, count)| count.as_u64() != Some(0)) {
        let separator = if any { "," } else { "" };
        any = true;
        write!(f, "{separator} {} {count}", name.replace('_', " "))?;
    }
    writeln!(f, "{}", if any { "" } else { " nobody came" })
}

struct Control<'a>(&'a ControlCounts);

impl Display for Control<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ControlCounts {
            sent,
            dropped,
            duplicated,
        } = self.0;
        write!(f, "{sent}")?;
        if *dropped > 0 || *duplicated > 0 {
            write!(f, " ({duplicated} of them twice), {dropped} dropped")?;
        }
        Ok(())
    }
}

struct Runs<'a>(&'a Ranges);

impl Display for Runs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runs = self.0.runs();
        write!(f, "{} messages", self.0.messages())?;
        for (index, (first, last)) in runs.iter().take(RUNS_SHOWN).enumerate() {
            write!(f, "{} {first}-{last}", if index == 0 { ":" } else { "," })?;
        }
        if runs.len() > RUNS_SHOWN {
            write!(
                f,
                " and {} more (--json lists them)",
                runs.len() - RUNS_SHOWN
            )?;
        }
        Ok(())
    }
}

/// What was injected, as a table.
pub(crate) struct InjectSummary<'a>(pub(crate) &'a InjectReport);

impl Display for InjectSummary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.0;
        let ending = if report.interrupted {
            "stopped early"
        } else {
            "done"
        };
        writeln!(
            f,
            "{ending}: sent {} of {} frames, {} bytes in {:.3} s",
            report.frames_sent, report.frames, report.bytes_sent, report.elapsed_s
        )?;
        writeln!(
            f,
            "left out: {} to no multicast group, {} without Ethernet header, {} cut in the capture, {} too long",
            report.not_multicast, report.not_ethernet, report.cut, report.too_long
        )
    }
}
