//! `cargo xtask setup`: what this machine lacks, and how it gets it.
//!
//! Finding out reads a few files and runs nothing but one `rustc --print`, so every other task begins with it.
//! Installing uses the distribution's packages and cargo; a package source is never added or changed.

mod bpf;
mod install;
mod needs;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, bail};
use clap::Args;
use install::{Packages, Plan};
use needs::Need;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Only say what is missing and what would be run; change nothing.
    #[arg(long)]
    check: bool,
}

/// The task itself.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let start = Instant::now();
    let needs = needs::all();
    for need in &needs {
        match &need.found {
            Ok(found) => println!("  found    {:<14} {found}", need.name),
            Err(lack) => println!("  MISSING  {:<14} {lack} (for {})", need.name, need.purpose),
        }
    }
    if missing(&needs).is_empty() {
        println!("Nothing is missing ({} ms).", start.elapsed().as_millis());
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.check {
        let plan = Plan::of(&missing(&needs), &Packages::known());
        println!("\nTo install it:\n\n{plan}");
        return Ok(ExitCode::FAILURE);
    }
    provide(&needs)?;
    Ok(ExitCode::SUCCESS)
}

/// What a task is going to do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Intent {
    /// Build the programs, and perhaps run them.
    Build,
    /// Run every check.
    Test,
}

/// What every other task begins with: silent when nothing is missing.
pub(crate) fn ensure(intent: Intent) -> Result<()> {
    let mut needs = needs::all();
    needs.retain(|need| intent == Intent::Test || !need.only_to_test);
    let missing = missing(&needs);
    if missing.is_empty() {
        return Ok(());
    }
    for need in missing {
        if let Err(lack) = &need.found {
            eprintln!("missing: {} ({lack}), for {}", need.name, need.purpose);
        }
    }
    provide(&needs)
}

/// Installs what is missing where this user may, else says the commands and fails.
fn provide(needs: &[Need]) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        let plan = Plan::of(&missing(needs), &Packages::known());
        bail!("this user cannot install packages; run:\n\n{plan}\nthen start this task again");
    }
    install::install(&missing(needs))?;
    let after = needs::all();
    let still = missing(&after);
    if still.is_empty() {
        eprintln!("Nothing is missing any more.");
        return Ok(());
    }
    let names: Vec<&str> = still.iter().map(|need| need.name).collect();
    let plan = Plan::of(&still, &Packages::known());
    bail!(
        "still missing: {}. What is left to do by hand:\n\n{plan}",
        names.join(", ")
    )
}

fn missing(needs: &[Need]) -> Vec<&Need> {
    needs.iter().filter(|need| need.found.is_err()).collect()
}
