//! `cargo xtask bench`: builds the bench binary with full optimisation and hands it the arguments.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::{setup, workspace};

pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    setup::ensure()?;
    let mut command = Command::new(workspace::cargo());
    command
        .current_dir(workspace::root())
        .args([
            "run",
            "--quiet",
            "--release",
            "--package",
            "gateway-bench",
            "--",
        ])
        .args(arguments);
    let status = command.status().context("cannot start cargo")?;
    let code = status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}
