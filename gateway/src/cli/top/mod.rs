//! `gateway top`: a running gateway, live in a terminal.
//!
//! Three parts: [`model`] is what is shown and what keys do to it, [`tables`] and [`draw`] turn it into a frame, [`terminal`]
//! owns the terminal and gives it back. Looks come from the broker's socket, as those of `gateway status` do: workers
//! execute nothing for them.

mod draw;
mod model;
mod source;
mod tables;
mod terminal;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::exit::{Exit, Failure};
use super::output::print;
use crate::view::picture;
use source::Source;

/// Options of `gateway top`.
#[derive(Debug, Args)]
pub(super) struct Top {
    /// Time between two looks, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(100..=60_000))]
    interval_ms: u64,
    /// Print everything once, after two looks, and end; needs no terminal
    #[arg(long)]
    once: bool,
    /// The gateway's broker_socket
    #[arg(long, value_name = "PATH", default_value = super::DEFAULT_SOCKET)]
    socket: PathBuf,
}

impl Top {
    pub(super) fn run(self) -> Result<(), Failure> {
        let interval = Duration::from_millis(self.interval_ms);
        if self.once {
            return once(self.socket, interval);
        }
        if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
            return Err(Failure::new(
                Exit::Usage,
                "standard input and output are no terminal: use `gateway top --once`, or `gateway status --json` for programs",
            ));
        }
        terminal::run(Source::watch(self.socket, interval)?)
    }
}

fn once(socket: PathBuf, interval: Duration) -> Result<(), Failure> {
    let mut source = Source::new(socket);
    let before = source.look()?;
    std::thread::sleep(interval);
    let now = source.look()?;
    print(draw::page(&picture(Some(&before), &now)))
}
