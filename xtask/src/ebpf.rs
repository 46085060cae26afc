//! `cargo xtask ebpf`: builds the XDP program alone.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::{setup, workspace};

pub(crate) fn run() -> Result<ExitCode> {
    setup::ensure(setup::Intent::Build)?;
    let detection = gateway_ebpf_builder::detect();
    println!("{}", detection.summary());
    let folder = workspace::target().join("bpf");
    let object = gateway_ebpf_builder::build(&detection, &folder)?;
    let bytes = fs::metadata(&object)
        .with_context(|| format!("cannot read {}", object.display()))?
        .len();
    println!(
        "{} ({bytes} bytes); the build of gateway embeds it",
        object.display()
    );
    Ok(ExitCode::SUCCESS)
}
