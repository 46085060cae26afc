//! `cargo xtask setup`: what this machine lacks, and how it gets it.
//!
//! Finding out reads a few files and asks the compilers and the linker for BPF which version they are, and Python for two
//! modules: a few short commands, so every other task begins with it.
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
    let needs = Intent::Test.needs(needs::all());
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
    provide(Intent::Test, &needs, needs::all, install_as_root)?;
    Ok(ExitCode::SUCCESS)
}

/// What a task is going to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Intent {
    /// Build the programs, and perhaps run them.
    Build,
    /// Run every check.
    Test,
    /// Make the package.
    Dist,
}

impl Intent {
    /// Those of `needs` that concern it.
    fn needs(self, mut needs: Vec<Need>) -> Vec<Need> {
        needs.retain(|need| need.tasks.contains(&self));
        needs
    }
}

/// What every other task begins with: silent when nothing is missing.
pub(crate) fn ensure(intent: Intent) -> Result<()> {
    let needs = intent.needs(needs::all());
    let missing = missing(&needs);
    if missing.is_empty() {
        return Ok(());
    }
    for need in missing {
        if let Err(lack) = &need.found {
            eprintln!("missing: {} ({lack}), for {}", need.name, need.purpose);
        }
    }
    provide(intent, &needs, needs::all, install_as_root)
}

/// Has what is missing of `needs` installed, looks again, and fails if anything that concerns `intent` is missing still.
fn provide(
    intent: Intent,
    needs: &[Need],
    look: impl FnOnce() -> Vec<Need>,
    install: impl FnOnce(&[&Need]) -> Result<()>,
) -> Result<()> {
    install(&missing(needs))?;
    let after = intent.needs(look());
    let (optional, still): (Vec<_>, Vec<_>) =
        missing(&after).into_iter().partition(|need| need.optional);
    for need in &optional {
        eprintln!("going on without {} ({})", need.name, need.purpose);
    }
    if still.is_empty() {
        if optional.is_empty() {
            eprintln!("Nothing is missing any more.");
        }
        return Ok(());
    }
    let names: Vec<&str> = still.iter().map(|need| need.name).collect();
    let plan = Plan::of(&still, &Packages::known());
    bail!(
        "still missing: {}. What is left to do by hand:\n\n{plan}",
        names.join(", ")
    )
}

/// Installs `missing` if this user may, else says the commands and fails.
fn install_as_root(missing: &[&Need]) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        if missing.iter().all(|need| need.optional) {
            return Ok(());
        }
        let plan = Plan::of(missing, &Packages::known());
        bail!("this user cannot install packages; run:\n\n{plan}\nthen start this task again");
    }
    let (optional, required): (Vec<_>, Vec<_>) = missing.iter().partition(|need| need.optional);
    if !required.is_empty() {
        install::install(&required)?;
    }
    if !optional.is_empty()
        && let Err(error) = install::install(&optional)
    {
        eprintln!("{error:#}");
    }
    Ok(())
}

fn missing(needs: &[Need]) -> Vec<&Need> {
    needs.iter().filter(|need| need.found.is_err()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::cell::RefCell;

    use install::Remedy;

    use super::*;

    fn need(name: &'static str, found: bool, only_to_test: bool) -> Need {
        Need {
            name,
            purpose: "a test",
            found: found.then(String::new).ok_or_else(|| format!("no {name}")),
            remedy: Remedy::Packages(&["m4"]),
            tasks: if only_to_test {
                needs::TEST
            } else {
                needs::ALL
            },
            optional: false,
        }
    }

    /// A machine that lacks `m4` and `clippy`, on which installing brings what it is asked for.
    fn provide_on_a_fresh_machine(
        intent: Intent,
        installable: &[&str],
    ) -> (Vec<String>, Result<()>) {
        let machine = |has: &[String]| {
            let there = |name: &str| has.iter().any(|had| had == name);
            vec![
                need("m4", there("m4"), false),
                need("clippy", there("clippy"), true),
            ]
        };
        let installed = RefCell::new(Vec::new());
        let outcome = provide(
            intent,
            &intent.needs(machine(&[])),
            || machine(&installed.borrow()),
            |missing| {
                let brought = missing
                    .iter()
                    .map(|need| need.name.to_owned())
                    .filter(|name| installable.contains(&name.as_str()));
                installed.borrow_mut().extend(brought);
                Ok(())
            },
        );
        (installed.into_inner(), outcome)
    }

    #[test]
    fn who_only_builds_is_not_held_up_by_what_only_the_tests_need() {
        let (installed, outcome) = provide_on_a_fresh_machine(Intent::Build, &["m4", "clippy"]);
        outcome.unwrap();
        assert_eq!(installed, ["m4"]);
    }

    #[test]
    fn the_tests_get_everything() {
        let (installed, outcome) = provide_on_a_fresh_machine(Intent::Test, &["m4", "clippy"]);
        outcome.unwrap();
        assert_eq!(installed, ["m4", "clippy"]);
    }

    #[test]
    fn what_a_task_can_do_without_holds_it_up_no_longer_than_the_attempt() {
        let machine = || {
            vec![
                need("m4", true, false),
                Need {
                    optional: true,
                    ..need("lintian", false, true)
                },
            ]
        };
        let asked = RefCell::new(Vec::new());
        let outcome = provide(Intent::Test, &machine(), machine, |missing| {
            asked
                .borrow_mut()
                .extend(missing.iter().map(|need| need.name));
            Ok(())
        });
        outcome.unwrap();
        assert_eq!(asked.into_inner(), ["lintian"]);
    }

    #[test]
    fn what_could_not_be_installed_is_named() {
        let (_, outcome) = provide_on_a_fresh_machine(Intent::Test, &["m4"]);
        let error = outcome.unwrap_err().to_string();
        assert!(error.contains("still missing: clippy."), "{error}");
    }
}
