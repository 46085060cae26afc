//! What people see while the demo runs.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use anyhow::Result;

use super::counters::Counters;
use super::outcome::{Best, Outcome, thousands};

/// The terminal. With `--json` stdout is kept for the object and everything else goes to stderr.
pub(crate) struct Screen {
    json: bool,
    terminal: bool,
}

impl Screen {
    pub(crate) fn new(json: bool) -> Self {
        let terminal = if json {
            io::stderr().is_terminal()
        } else {
            io::stdout().is_terminal()
        };
        Self { json, terminal }
    }

    /// Prints a line.
    pub(crate) fn say(&self, text: &str) {
        self.write(&format!("{text}\n"));
    }

    /// Prints the live line over the one before; without a terminal, below it.
    pub(crate) fn live(
        &self,
        at: Duration,
        before: &Counters,
        now: &Counters,
        interval: Duration,
        best: &[Best],
    ) {
        let rate = |before: u64, now: u64| {
            thousands((now.saturating_sub(before) as f64 / interval.as_secs_f64()).round() as u64)
        };
        let price = |price: Option<f64>| {
            price.map_or_else(|| "-".to_owned(), |price| format!("{price:.2}"))
        };
        let best: Vec<String> = best
            .iter()
            .take(3)
            .map(|best| format!("{} {}/{}", best.symbol, price(best.bid), price(best.ask)))
            .collect();
        let line = format!(
            "{:4.1} s  {:>7} packets/s  {:>7} messages/s  gaps {} ({} messages)  {}",
            at.as_secs_f64(),
            rate(before.packets, now.packets),
            rate(before.delivered, now.delivered),
            now.gaps,
            now.lost,
            best.join("  "),
        );
        // Return, the line, erase what the line before had more.
        if self.terminal {
            self.write(&format!("\r{line}\x1b[K"))
        } else {
            self.say(&line)
        }
    }

    /// Leaves the live line.
    pub(crate) fn end_live(&self) {
        self.write(if self.terminal { "\n\n" } else { "\n" });
    }

    /// Shows the result.
    pub(crate) fn finish(&self, outcome: &Outcome) -> Result<()> {
        let text = if self.json {
            serde_json::to_string(outcome)? + "\n"
        } else {
            outcome.to_string()
        };
        // As below: whoever read it is gone, and the demo still ends in order.
        let _ = io::stdout().write_all(text.as_bytes());
        Ok(())
    }

    fn write(&self, text: &str) {
        // A terminal that is gone is no reason to leave the demo half taken down.
        let _ = if self.json {
            io::stderr().write_all(text.as_bytes())
        } else {
            io::stdout()
                .write_all(text.as_bytes())
                .and_then(|()| io::stdout().flush())
        };
    }
}
