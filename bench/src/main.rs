//! Benchmarks of the gateway: `cargo xtask bench [NAME…] [--json]`.
//!
//! A claim of speed needs a row here: measured beside its alternative in the same run, a median of several
//! interleaved runs. Nothing here is a test; no test asserts a time.

mod book;
mod cost;
mod decode;
mod feeds;
mod flow;
mod full;
mod harness;
mod input;
mod machine;
mod memory;
mod orders;
mod pipeline;
mod pitch;
mod queue;
mod queues;
mod recovery;
mod report;
mod rivals;
mod scale;
mod summary;
mod wire;
mod worker;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use report::Row;

/// Measures the gateway and prints a table, or JSON; without a name, or with `report`, writes the report.
#[derive(Parser)]
#[command(name = "gateway-bench")]
struct Arguments {
    /// Which benches to run; none: all of them, for the report.
    names: Vec<Name>,
    /// Print one JSON object a row instead of a table.
    #[arg(long)]
    json: bool,
    /// How many interleaved runs (rounds) the medians are over: 9, of `queue` 15.
    #[arg(long, visible_alias = "rounds", value_parser = clap::value_parser!(u16).range(1..))]
    runs: Option<u16>,
}

/// How many runs where nobody says.
const RUNS: usize = 9;

/// A bench.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Name {
    /// Message → `plain` and `full` records, beside the crates `itch5` and `itchy`; adds of PITCH.
    Decode,
    /// The order index beside other maps, on the same operations.
    Orders,
    /// Message → `full` records → order books, beside books of sorted and hashed maps.
    Book,
    /// Packet in memory → arbitrate → decode → publish.
    Pipeline,
    /// The same into 1, 2, 4 and 8 queues, and into queues that choose by symbol or class.
    Queues,
    /// The queue beside other queues, two processes on two cores: latency, throughput, cost of publishing.
    Queue,
    /// Resident memory of a running gateway.
    Memory,
    /// What more symbols, channels, groups and readers cost a message.
    Scale,
    /// Idle processor time, system calls and instructions of a packet.
    Cost,
    /// What a recovering channel costs while nothing is lost.
    Recovery,
    /// A message of each feed becomes `plain` records.
    Feeds,
    /// Not a bench: puts those named behind it, or all, into the report (`bench/REPORT.md`); the others stay in it as they
    /// are.
    Report,
    /// Not a bench: writes the report's page and pictures anew from what was measured before.
    Page,
    /// Wire to strategy over a veth pair, one packet after the other, beside kernel sockets and bare AF_XDP.
    Wire,
    /// The same at constant rates, in bursts and in a capture's own timing, counted from when packets were due.
    OpenLoop,
    /// The most packets a second of which none is lost, beside bare AF_XDP and `recvmmsg`.
    NoLoss,
}

/// The machine as it was before this program pinned itself.
struct Machine {
    description: String,
    cores: Vec<usize>,
}

impl Name {
    fn run(self, runs: Option<u16>, machine: &Machine) -> Result<Vec<Row>> {
        let rounds = runs.map_or(queue::ROUNDS, usize::from);
        let runs = runs.map_or(RUNS, usize::from);
        match self {
            Self::Decode => {
                let mut rows = decode::run(runs)?;
                rows.extend(full::run(runs)?);
                rows.extend(pitch::run(runs)?);
                Ok(rows)
            }
            Self::Orders => orders::run(runs),
            Self::Book => book::run(runs),
            Self::Pipeline => pipeline::run(runs),
            Self::Queues => queues::run(runs),
            Self::Queue => queue::run(rounds, &machine.cores, &machine.description),
            Self::Memory => memory::run(runs),
            Self::Scale => scale::run(runs, &machine.cores),
            Self::Cost => cost::run(runs, &machine.cores),
            Self::Recovery => recovery::run(runs),
            Self::Feeds => feeds::run(runs),
            Self::Wire => wire::closed_loop(runs, &machine.cores),
            Self::OpenLoop => wire::open_loop(runs, &machine.cores),
            Self::NoLoss => wire::no_loss(runs, &machine.cores),
            Self::Report | Self::Page => Ok(Vec::new()),
        }
    }
}

impl Name {
    /// As on the command line.
    fn title(self) -> String {
        self.to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Whether something is measured.
    fn is_bench(&self) -> bool {
        !matches!(self, Self::Report | Self::Page)
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let named =
        |names: &[Name]| -> Vec<Name> { names.iter().copied().filter(Name::is_bench).collect() };
    let mut names = named(&arguments.names);
    let only_page = arguments.names == [Name::Page];
    let reports =
        arguments.names.contains(&Name::Report) || (arguments.names.is_empty() && !arguments.json);
    anyhow::ensure!(
        !(arguments.json && (reports || only_page)),
        "--json prints rows, and the report is a page: leave out one of them"
    );
    if names.is_empty() && !only_page {
        names = named(Name::value_variants());
    }
    // Described before pinning, which hides the other cores.
    let machine = Machine {
        description: machine::describe(),
        cores: machine::allowed(),
    };
    let core = machine::pin().map_or_else(
        || "not pinned".to_owned(),
        |core| format!("pinned to core {core}"),
    );
    eprintln!("machine: {}; {core}", machine.description);
    if reports || only_page {
        return summary::run(&names, Name::title, &machine.cores, |name: Name| {
            name.run(arguments.runs, &machine)
        });
    }
    let mut rows = Vec::new();
    for name in names {
        rows.extend(name.run(arguments.runs, &machine)?);
    }
    if arguments.json {
        report::print_json(&rows)?;
    } else {
        report::print_table(&rows);
    }
    Ok(())
}
