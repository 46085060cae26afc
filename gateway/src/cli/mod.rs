//! The command line.

mod bench;
mod book;
mod check;
mod configure;
mod decode;
mod detach;
mod doctor;
pub mod exit;
mod explain;
mod instruments;
mod interrupt;
mod output;
mod record;
mod reload;
mod run;
mod status;
mod tail;
mod top;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use exit::{Exit, Failure};

/// Where the broker listens unless told otherwise.
pub const DEFAULT_SOCKET: &str = "/run/gateway/broker.sock";

/// Market data from the network to strategies on this host.
///
/// Receives exchange feeds by AF_XDP (or a plain socket), arbitrates their A and B lines, decodes them and publishes
/// the records in shared-memory queues that any number of strategies read.
#[derive(Debug, Parser)]
#[command(name = "gateway", version, after_long_help = LEARN)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const LEARN: &str = "\
First steps:
  gateway check -c config/gateway.toml     is this configuration right?
  gateway run -c config/gateway.toml       run it
  gateway status                           what is it doing?
  gateway top                              how is it doing, live?
  gateway explain                          why this tier, and what would raise it?
  gateway doctor                           is this machine fit for it?
  gateway tail all --count 10              what does a strategy see?
  gateway book itch-book AAPL --watch      what rests at the venue?
  gateway decode day.pcap --protocol moldudp64-itch50     what is in this file?";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway until SIGTERM or SIGINT
    ///
    /// Opens the interfaces, starts the workers, joins the groups and logs one line `ready`. Stops within a second and
    /// leaves nothing behind: no XDP program, no membership, no socket. SIGHUP has it read its configuration again: a
    /// file with mistakes changes nothing, entitlements apply at once, and what needs a restart is named in the log.
    Run(run::Run),
    /// Check a configuration and list every mistake in it
    ///
    /// Reports all mistakes at once, each with key, value and remedy. Facts about this machine (does the interface
    /// exist?) are no mistakes, so that a file can be checked anywhere; where it has an interface of that name, and the
    /// groups are more than its multicast filter holds, there is a warning.
    Check(check::Check),
    /// Read a file and tell what is in it
    ///
    /// Decodes an ITCH file or a capture as the gateway would live, with the file's own time: messages by type, gaps
    /// that no line filled, duplicates, errors with their offset. A damaged file is read as far as it is good, and
    /// the exit code is 9.
    Decode(decode::Decode),
    /// Print a queue's records as they come, as a strategy sees them
    Tail(tail::Tail),
    /// Print an instrument's book: ten levels, last trade, status, and whether it can be trusted
    Book(book::ShowBook),
    /// Print the instruments that a queue defines: symbol, number, tick, lot, multiplier, status
    ///
    /// Reads the queue from its oldest record on: best one with classes = ["definitions", "status"]. Says so on standard error
    /// where definitions may be missing.
    Instruments(instruments::ShowInstruments),
    /// Have the running gateway read its configuration again, and tell what that changed
    ///
    /// Checked whole: a file with mistakes changes nothing (exit code 3). Entitlements, limits of clients, symbols and
    /// classes of queues, and groups of lines apply at once; what needs a restart is named (exit code 16).
    Reload(reload::Reload),
    /// Tell what the running gateway is doing: tier, lines, channels, queues, readers, counters
    Status(status::ShowStatus),
    /// Watch the running gateway in a terminal: rates, lines, channels, readers, latency, refusals
    ///
    /// Looks once a second, over the broker's socket: workers execute nothing for it. Keys sort, filter, pause and change
    /// panes; `?` lists them. It waits for a gateway that is away, and goes on when it is back. With --once it prints
    /// everything and ends.
    Top(top::Top),
    /// Tell why an interface receives at its tier, and what would raise it
    ///
    /// Asks the running gateway what it tried and what the kernel answered. Where none runs, or with --probe, it looks at
    /// driver, kernel, features, rights, memory and queues without attaching anything, and says what is to be expected.
    Explain(explain::Explain),
    /// Tell whether this machine is fit to receive market data, and what would make it so
    ///
    /// Looks at driver, kernel, rights, multicast, offloads, queues, interrupts, cores, clocks and memory, and says of each
    /// what it read, whether that is well, what it costs and the command that mends it. Changes nothing. With --probe it
    /// counts the packets of a peer; with --jitter it measures how long cores run something else.
    Doctor(Box<doctor::Doctor>),
    /// Set this machine up for the gateway, compare it, or put it back
    ///
    /// Offloads, queues, interrupts, huge pages and limits, from the configuration and a profile. What is changed is
    /// remembered and put back by `fini`. Each setting is shown as the shell command it stands for.
    Configure(configure::Configure),
    /// Remove the XDP program that a gateway with `pin_link` has left on an interface
    ///
    /// Tells what it found. What a running gateway uses, and programs of others, are left alone unless --force is given;
    /// the exit code is 10 then.
    Detach(detach::Detach),
    /// Measure what this machine and its network do
    Bench(bench::Bench),
    /// Write manual pages and completions for bash, zsh and fish
    ///
    /// A page for each command, out of what `--help` says. The package brings them already; this is for systems that it
    /// is not for.
    Manual(gateway_manual::Manual),
}

/// `-c FILE`, wherever a command needs the configuration.
#[derive(Debug, clap::Args)]
struct ConfigFile {
    /// The configuration (TOML; config/gateway.toml explains every key)
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,
}

/// The command line, with the exit codes in its help.
fn command() -> clap::Command {
    Cli::command()
        .after_help(Exit::help())
        .after_long_help(format!("{LEARN}\n\n{}", Exit::help()))
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    // Not a command: the service starts it.
    let mut arguments = std::env::args_os().skip(1);
    if arguments
        .next()
        .is_some_and(|first| first == crate::helper::ARGUMENT)
        && let Some(path) = arguments.next()
    {
        return crate::helper::main(path.as_ref());
    }
    let cli = match command()
        .try_get_matches()
        .and_then(|m| Cli::from_arg_matches(&m))
    {
        Ok(cli) => cli,
        // clap exits with 2 for a mistake and with 0 for --help, as documented.
        Err(error) => error.exit(),
    };
    let result = match cli.command {
        Command::Run(run) => run.run(),
        Command::Check(check) => check.run(),
        Command::Tail(tail) => tail.run(),
        Command::Book(book) => book.run(),
        Command::Instruments(instruments) => instruments.run(),
        Command::Reload(reload) => reload.run(),
        Command::Status(status) => status.run(),
        Command::Top(top) => top.run(),
        Command::Explain(explain) => explain.run(),
        Command::Decode(decode) => decode.run(),
        Command::Doctor(doctor) => doctor.run(),
        Command::Configure(configure) => configure.run(),
        Command::Detach(detach) => detach.run(),
        Command::Bench(bench) => bench.run(),
        Command::Manual(manual) => write_manual(&manual),
    };
    match result {
        Ok(()) => Exit::Ok.into(),
        Err(failure) => report(&failure),
    }
}

fn write_manual(manual: &gateway_manual::Manual) -> Result<(), Failure> {
    manual.write(command()).map_err(|cause| {
        let place = manual.directory().display();
        Failure::new(Exit::Output, format!("cannot write to {place}: {cause}"))
    })
}

fn report(failure: &Failure) -> ExitCode {
    if !failure.message.is_empty() {
        output::tell(format_args!("gateway: {failure}"));
    }
    failure.exit.into()
}
