//! `gateway decode`

use std::io::{BufWriter, IsTerminal, StdoutLock, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use gateway_client::{Record, RecordRef};
use gateway_feed::session_time::SessionDate;
use indicatif::{ProgressBar, ProgressStyle};

use super::exit::{Exit, Failure};
use super::record;
use crate::decode::{self, DecodeError, Observer, Protocol, Summary};

/// Options of `gateway decode`.
#[derive(Debug, Args)]
pub(super) struct Decode {
    /// A file of ITCH messages, or a pcap or pcapng capture; .gz too
    file: PathBuf,
    /// What it holds
    #[arg(long, value_enum)]
    protocol: Protocol,
    /// What to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Print the summary as one JSON object
    ///
    /// Keys: packets, messages, by_type, heartbeats, gaps (list of [first, last]), duplicates, resets, errors (list of
    /// {offset, reason}), and more.
    #[arg(long)]
    json: bool,
    /// The trading day, YYYY-MM-DD; by default that of a capture's packets or of a file's name (12302019.…)
    #[arg(long)]
    date: Option<jiff::civil::Date>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Counts by message type, gaps and errors
    #[default]
    Summary,
    /// One record a line, as a JSON object
    Json,
}

impl Decode {
    pub(super) fn run(self) -> Result<(), Failure> {
        let mut printer = Printer::new(self.format);
        let date = self.date.map_or(SessionDate::Auto, SessionDate::Fixed);
        let (summary, result) = decode::file(&self.file, self.protocol, date, &mut printer);
        printer.finish();
        let wrong_kind = matches!(
            result,
            Err(DecodeError::WrongKind { .. } | DecodeError::Date(_))
        );
        if self.format == Format::Summary && !wrong_kind {
            if self.json {
                let text = serde_json::to_string(&summary)
                    .map_err(|error| Failure::new(Exit::Internal, error))?;
                super::output::print_line(text)?;
            } else {
                super::output::print(table(&summary))?;
            }
        }
        result.map_err(|error| {
            let exit = match &error {
                DecodeError::File(_) => Exit::InputFile,
                DecodeError::WrongKind { .. } | DecodeError::Date(_) => Exit::Usage,
            };
            Failure::new(exit, error)
        })
    }
}

/// Errors and gaps that the table shows; `--json` has them all.
const SHOWN_MAX: usize = 10;

fn table(summary: &Summary) -> String {
    let mut text = String::new();
    let mut row = |name: &str, value: &dyn std::fmt::Display| {
        text.push_str(&format!("{name:<14}{value:>14}\n"));
    };
    if summary.packets + summary.other_packets > 0 {
        row("packets", &summary.packets);
        row("other packets", &summary.other_packets);
        row("heartbeats", &summary.heartbeats);
        row("sessions", &summary.sessions);
        row("duplicates", &summary.duplicates);
        row("resets", &summary.resets);
        row("gaps", &summary.gaps_total);
        row("lost messages", &summary.lost);
    }
    row("messages", &summary.messages);
    for (kind, count) in &summary.by_type {
        row(&format!("  type {kind}"), count);
    }
    row("errors", &summary.errors_total);
    for [first, last] in summary.gaps.iter().take(SHOWN_MAX) {
        text.push_str(&format!("gap    {first}..={last}\n"));
    }
    for error in summary.errors.iter().take(SHOWN_MAX) {
        text.push_str(&format!(
            "error  at offset {}: {}\n",
            error.offset, error.reason
        ));
    }
    if summary.gaps.len() > SHOWN_MAX || summary.errors.len() > SHOWN_MAX {
        text.push_str("the rest: --json\n");
    }
    text
}

/// Prints records, and a progress bar where somebody may be looking.
struct Printer {
    out: Option<BufWriter<StdoutLock<'static>>>,
    bar: ProgressBar,
}

impl Printer {
    fn new(format: Format) -> Self {
        let out = (format == Format::Json)
            .then(|| BufWriter::with_capacity(1 << 16, std::io::stdout().lock()));
        let busy_terminal = format == Format::Json && std::io::stdout().is_terminal();
        let bar = if std::io::stderr().is_terminal() && !busy_terminal {
            ProgressBar::new(0).with_style(style())
        } else {
            ProgressBar::hidden()
        };
        Self { out, bar }
    }

    fn finish(&mut self) {
        if let Some(out) = &mut self.out {
            // Whoever read the records has gone, if this fails.
            let _ = out.flush();
        }
        self.bar.finish_and_clear();
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

impl Observer for Printer {
    fn wants_records(&self) -> bool {
        self.out.is_some()
    }

    fn record(&mut self, words: &[u64]) -> bool {
        let Some(out) = &mut self.out else {
            return true;
        };
        let record = Record::from_words(RecordRef { position: 0, words });
        writeln!(out, "{}", record::json(&record)).is_ok()
    }

    fn progress(&mut self, read: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(read);
    }
}
