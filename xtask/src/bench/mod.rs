//! `cargo xtask bench`: builds the programs with full optimisation and hands the bench its arguments.

mod instructions;

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::{setup, workspace};

pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    if let Some((name, rest)) = arguments.split_first()
        && name == "instructions"
    {
        setup::ensure(setup::Intent::Test)?;
        return instructions::run(rest);
    }
    setup::ensure(setup::Intent::Build)?;
    let cargo = |arguments: &[&str]| {
        let mut command = Command::new(workspace::cargo());
        command.current_dir(workspace::root()).args(arguments);
        command
    };
    // One build for both: some benches measure the gateway's own program.
    let build = [
        "build",
        "--quiet",
        "--release",
        "--package",
        "gateway",
        "--package",
        "gateway-sim",
        "--package",
        "gateway-bench",
    ];
    let status = cargo(&build).status().context("cannot start cargo")?;
    if !status.success() {
        bail!("the release build failed; its messages are above");
    }
    let status = cargo(&[
        "run",
        "--quiet",
        "--release",
        "--package",
        "gateway-bench",
        "--",
    ])
    .args(arguments)
    .status()
    .context("cannot start cargo")?;
    let code = status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}
