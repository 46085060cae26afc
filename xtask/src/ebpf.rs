//! `cargo xtask ebpf`: builds the XDP program alone.

use std::process::ExitCode;

use anyhow::Result;

use crate::setup;

pub(crate) fn run() -> Result<ExitCode> {
    setup::ensure()?;
    Ok(ExitCode::SUCCESS)
}
