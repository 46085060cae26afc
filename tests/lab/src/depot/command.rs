//! Running the tools that fetch and unpack.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Runs `command`; what it printed is told when it fails.
pub(super) fn run(command: &mut Command) -> Result<()> {
    output_of(command).map(drop)
}

/// What `command` printed.
pub(super) fn output_of(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {name}"))?;
    if !output.status.success() {
        bail!(
            "{name} ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
