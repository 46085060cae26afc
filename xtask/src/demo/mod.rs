//! `cargo xtask demo`: the whole path on one machine, from the exchange's packets to two strategies.
//!
//! Two network namespaces joined by a veth pair stand for the exchange's network and the gateway's machine. Root gets
//! the `copy` tier; anybody else gets the same network inside a user namespace of their own, where the kernel grants
//! no XDP and the gateway falls to the `socket` tier. `GATEWAY_BINARIES` names a folder with programs that are built
//! already.

mod counters;
mod interrupt;
mod outcome;
mod screen;
mod source;
mod stage;
mod symbols;

use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args;
use counters::Counters;
use gateway_test_harness::{Binaries, Report, Simulator, unprivileged};
use outcome::Outcome;
use screen::Screen;
use source::Source;
use stage::Stage;

use crate::setup;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Replay this ITCH 5.0 file (length-prefixed messages, .gz too) or capture instead.
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
    /// Leave everything running afterwards, with a trickle of messages, until Ctrl-C.
    #[arg(long)]
    keep: bool,
    /// Print one JSON object at the end and nothing else on stdout.
    #[arg(long)]
    json: bool,
    /// How long messages flow.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Run as an ordinary user does, with the socket tier, even as root.
    #[arg(long)]
    unprivileged: bool,
}

/// Time between two live lines.
const LIVE_INTERVAL: Duration = Duration::from_millis(500);
/// Longest time from the exchange's last packet until everything has arrived.
const DRAIN_LIMIT: Duration = Duration::from_secs(3);

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let source = Source::choose(arguments.file.as_deref(), arguments.seconds)?;
    let screen = Screen::new(arguments.json);
    let binaries = match std::env::var_os("GATEWAY_BINARIES") {
        Some(folder) => Binaries::at(folder),
        None => {
            setup::ensure(setup::Intent::Build)?;
            screen.say("Building the programs (optimised; the first time takes minutes).");
            stage::build()?
        }
    };

    let privileged = unprivileged::is_true_root() && !arguments.unprivileged;
    if !privileged {
        // Before any thread exists: a process with several cannot change its user namespace.
        unprivileged::enter()?;
    }
    interrupt::install()?;
    let mode = if privileged { "copy" } else { "auto" };
    screen.say(if privileged {
        "\nnetwork     two network namespaces joined by a veth pair; both vanish with this demo"
    } else {
        "\nnetwork     two network namespaces joined by a veth pair, inside a user namespace: no root needed"
    });
    let stage = Stage::set_up(binaries, &source, mode)?;
    screen.say(&format!(
        "gateway     pid {}, tier {}",
        stage.gateway.process.pid(),
        Counters::read(&stage.gateway)?.tier
    ));
    screen.say(&format!(
        "strategies  everything: all symbols · some-symbols: {}",
        source.some_symbols()
    ));
    screen.say(&format!(
        "exchange    {}, 2 % of packets lost on each line",
        source.describe()
    ));
    screen.say(&format!("            lines {}\n", stage.lines()));

    let simulator = stage.start_exchange(source.arguments())?;
    let report = watch(&screen, &stage, simulator, arguments.seconds)?;
    let counters = drain(&stage, &report)?;
    let outcome = Outcome::of(&source.describe(), &report, &counters, stage.strategies()?);
    screen.finish(&outcome)?;

    if arguments.keep {
        keep(&screen, &stage)?;
    }
    screen.say(&where_to_look());
    stage.stop()?;
    Ok(if outcome.reconciles {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Shows the live line until the exchange has sent everything, or the user or the clock stops it.
fn watch(screen: &Screen, stage: &Stage, mut simulator: Simulator, seconds: u64) -> Result<Report> {
    let start = Instant::now();
    let mut before = Counters::read(&stage.gateway)?;
    let mut seen = start;
    let mut stopping = false;
    while simulator.process.ended()?.is_none() {
        let is_over = start.elapsed() > Duration::from_secs(seconds + 2);
        if (interrupt::is_set() || is_over) && !stopping {
            // It then reports what it sent so far.
            simulator.process.signal(rustix::process::Signal::TERM)?;
            stopping = true;
        }
        if start.elapsed() > Duration::from_secs(seconds + 20) {
            bail!("the exchange does not end\n{}", simulator.process.output());
        }
        thread::sleep(Duration::from_millis(50));
        if seen.elapsed() >= LIVE_INTERVAL {
            let now = Counters::read(&stage.gateway)?;
            let best = stage
                .strategies()?
                .first()
                .map(|strategy| strategy.best.clone());
            screen.live(
                start.elapsed(),
                &before,
                &now,
                seen.elapsed(),
                &best.unwrap_or_default(),
            );
            (before, seen) = (now, Instant::now());
        }
    }
    screen.end_live();
    simulator.finish(Duration::from_secs(5))
}

/// Waits until gateway and strategies have taken what was sent.
fn drain(stage: &Stage, report: &Report) -> Result<Counters> {
    let deadline = Instant::now() + DRAIN_LIMIT;
    loop {
        let counters = Counters::read(&stage.gateway)?;
        let strategies = stage.strategies()?;
        let all_in = counters.delivered + counters.lost >= report.messages;
        let all_read = strategies
            .first()
            .is_some_and(|strategy| strategy.messages >= counters.delivered);
        if (all_in && all_read) || Instant::now() >= deadline {
            // The strategies print five times a second: one more line of each.
            thread::sleep(Duration::from_millis(300));
            return Counters::read(&stage.gateway);
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Keeps a trickle of messages flowing until Ctrl-C, and says how to look at it.
fn keep(screen: &Screen, stage: &Stage) -> Result<()> {
    let mut trickle = stage.start_exchange(source::trickle())?;
    screen.say(&stage.ways_to_look());
    screen.say("\nRunning until Ctrl-C.");
    while !interrupt::is_set() {
        if trickle.process.ended()?.is_some() {
            bail!("the exchange ended\n{}", trickle.process.output());
        }
        thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

fn where_to_look() -> String {
    "\nNext: `cargo xtask demo --keep` leaves it running for `gateway tail`, `gateway status` and curl;\n      \
     config/gateway.toml explains every setting; crates/gateway-client/examples/best_prices is the strategy;\n      \
     `gateway-sim --help` rehearses worse days."
        .to_owned()
}
