//! The lab's tests: the gateway in a guest with an SR-IOV network card, the exchange on the other end of its wires.
//!
//! `cargo xtask lab` runs them. One guest a kernel serves all tests, one after the other; a test that fails takes its
//! guest with it, so that the next one finds a fresh one.
#![allow(clippy::unwrap_used)]

mod config;
mod doctor;
mod failover;
mod faults;
mod filter;
mod foreign;
mod guest;
mod options;
mod package;
mod queues;
mod rack;
mod scenarios;
mod tiers;
mod vlan;

use std::process::ExitCode;

use anyhow::Result;
use gateway_lab::{Depot, Kernel, System};
use libtest_mimic::{Arguments, Completion, Failed, Trial};

use guest::Guest;
use options::{Options, Set};

/// On which kernels a test means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kernels {
    /// All of them.
    Any,
    /// Those whose virtio_net offers zero-copy.
    ZeroCopy,
    /// Those whose virtio_net does not.
    NoZeroCopy,
}

impl Kernels {
    fn include(self, kernel: &Kernel) -> bool {
        match self {
            Self::Any => true,
            Self::ZeroCopy => offers_zero_copy(kernel),
            Self::NoZeroCopy => !offers_zero_copy(kernel),
        }
    }
}

/// Whether the virtio_net of `kernel` offers zero-copy: 6.12 has the code, but does not say so.
fn offers_zero_copy(kernel: &Kernel) -> bool {
    let mut numbers = kernel.series.split('.').map(str::parse::<u32>);
    let mut next = || numbers.next().and_then(Result::ok).unwrap_or(0);
    (next(), next()) >= (6, 13)
}

/// A test.
struct Case {
    name: &'static str,
    set: Set,
    kernels: Kernels,
    system: System,
    body: fn(&mut Guest) -> Result<()>,
}

impl Case {
    const fn new(
        name: &'static str,
        set: Set,
        kernels: Kernels,
        body: fn(&mut Guest) -> Result<()>,
    ) -> Self {
        Self {
            name,
            set,
            kernels,
            system: System::Bare,
            body,
        }
    }

    /// The same in a guest with another system.
    const fn on(self, system: System) -> Self {
        Self { system, ..self }
    }

    fn trial(self, kernel: &Kernel) -> Trial {
        let Self {
            name, body, system, ..
        } = self;
        let kernel = kernel.clone();
        let series = kernel.series.clone();
        let run = move || rack::run(&kernel, system, name, body);
        Trial::test(name, move || {
            run().map_err(|error| Failed::from(format!("{error:#}")))
        })
        .with_kind(format!("Linux {series}"))
    }
}

fn cases() -> impl Iterator<Item = Case> {
    [
        tiers::cases(),
        filter::cases(),
        vlan::cases(),
        queues::cases(),
        faults::cases(),
        foreign::cases(),
        failover::cases(),
        scenarios::cases(),
        package::cases(),
        doctor::cases(),
    ]
    .into_iter()
    .flatten()
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // One guest at a time, in the order in which they stand.
    arguments.test_threads = Some(1);
    let options = match Options::from_environment() {
        Ok(Some(options)) => options,
        Ok(None) => return skip(&arguments, "`cargo xtask lab` runs these tests"),
        Err(error) => return fail(&error),
    };
    if let Some(why) = Depot::impossible() {
        return if options.must_run {
            fail(&anyhow::Error::msg(why))
        } else {
            skip(&arguments, &why)
        };
    }
    let depot = Depot::at(&options.folder);
    let kernels = if arguments.list {
        Ok(Vec::new())
    } else {
        depot.provide(&options.kernels, |step| eprintln!("lab: {step}"))
    };
    let kernels = match kernels {
        Ok(kernels) => kernels,
        Err(error) if options.must_run => return fail(&error),
        Err(error) => return skip(&arguments, &format!("{error:#}")),
    };
    let trials = kernels
        .iter()
        .flat_map(|kernel| {
            cases()
                .filter(|case| case.set <= options.set && case.kernels.include(kernel))
                .map(|case| case.trial(kernel))
        })
        .collect();
    rack::install(depot, &options);
    let conclusion = libtest_mimic::run(&arguments, trials);
    rack::close();
    conclusion.exit_code()
}

fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}

/// Reports the lab as one test that was not run.
fn skip(arguments: &Arguments, why: &str) -> ExitCode {
    let why = why.replace('\n', " ");
    let trial = Trial::ignorable_test("the VM lab", move || Ok(Completion::ignored_with(why)));
    libtest_mimic::run(arguments, vec![trial]).exit_code()
}
