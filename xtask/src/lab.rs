//! `cargo xtask lab`: the gateway in QEMU guests with an SR-IOV network card.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use crate::test::summary::Summary;
use crate::{setup, shell, workspace};

/// Kernels that the whole set runs on: one that offers zero-copy, one that does not yet.
pub(crate) const KERNELS: &str = "7.3,6.12";

#[derive(Args)]
pub(crate) struct Arguments {
    /// Run only the tests whose name contains this.
    filter: Option<String>,
    /// Guest kernels, by series; any that Debian trixie or its backports have.
    #[arg(long, value_name = "SERIES,...", default_value = KERNELS)]
    kernels: String,
    /// What runs the guest's instructions: emulation, or the processor where KVM works.
    #[arg(long, value_enum, default_value_t = Accelerator::Tcg)]
    accel: Accelerator,
    /// Only what `cargo xtask test` runs.
    #[arg(long)]
    short: bool,
    /// Download QEMU and the kernels anew.
    #[arg(long)]
    refresh: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Accelerator {
    Tcg,
    Kvm,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    setup::ensure(setup::Intent::Test)?;
    let folder = workspace::target().join("lab");
    if arguments.refresh && folder.exists() {
        std::fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    let mut command = command(
        if arguments.short { "short" } else { "whole" },
        &arguments.kernels,
    );
    command.env("GATEWAY_LAB_MUST_RUN", "1");
    if let Accelerator::Kvm = arguments.accel {
        command.env("GATEWAY_LAB_ACCELERATOR", "kvm");
    }
    command.args(&arguments.filter);
    let (status, output) = shell::run_kept(&mut command)?;
    let mut summary = Summary::of(&output);
    if !status.success() {
        summary.failed = summary.failed.max(1);
    }
    println!("{}", summary.counts());
    Ok(if summary.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The tests of `set` on `kernels`.
fn command(set: &str, kernels: &str) -> Command {
    let mut command = Command::new(workspace::cargo());
    command
        .current_dir(workspace::root())
        .args(["test", "--package", "gateway-lab", "--test", "lab", "--"])
        .envs(environment(set, kernels));
    command
}

/// What tells the tests so.
pub(crate) fn environment(set: &str, kernels: &str) -> Vec<(&'static str, OsString)> {
    vec![
        ("GATEWAY_LAB", workspace::target().join("lab").into()),
        ("GATEWAY_LAB_SET", set.into()),
        ("GATEWAY_LAB_KERNELS", kernels.into()),
    ]
}
