//! What `cargo xtask lab` says: in the environment, because the command line is that of every test program.

use std::env;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Result, anyhow};
use gateway_lab::Accelerator;

/// How much of the lab runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Set {
    /// What every change is tested with.
    Short,
    /// Everything.
    Whole,
}

impl FromStr for Set {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "short" => Ok(Self::Short),
            "whole" => Ok(Self::Whole),
            _ => Err(format!("no set `{text}`: use short or whole")),
        }
    }
}

/// What runs, on what.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Where everything is kept: `GATEWAY_LAB`.
    pub(crate) folder: PathBuf,
    /// Series of kernels: `GATEWAY_LAB_KERNELS`.
    pub(crate) kernels: Vec<String>,
    /// `GATEWAY_LAB_ACCELERATOR`.
    pub(crate) accelerator: Accelerator,
    /// `GATEWAY_LAB_SET`.
    pub(crate) set: Set,
    /// Whether a machine without a lab is an error, and not a reason to skip: `GATEWAY_LAB_MUST_RUN`.
    pub(crate) must_run: bool,
}

impl Options {
    /// `None` where nobody asks for the lab.
    pub(crate) fn from_environment() -> Result<Option<Self>> {
        let Some(folder) = env::var_os("GATEWAY_LAB") else {
            return Ok(None);
        };
        let kernels = env::var("GATEWAY_LAB_KERNELS").unwrap_or_else(|_| "7.3".to_owned());
        Ok(Some(Self {
            folder: folder.into(),
            kernels: kernels.split(',').map(str::to_owned).collect(),
            accelerator: parsed("GATEWAY_LAB_ACCELERATOR", Accelerator::Tcg)?,
            set: parsed("GATEWAY_LAB_SET", Set::Short)?,
            must_run: env::var_os("GATEWAY_LAB_MUST_RUN").is_some(),
        }))
    }
}

fn parsed<T: FromStr<Err = String>>(name: &str, default: T) -> Result<T> {
    match env::var(name) {
        Ok(text) => text.parse().map_err(|why| anyhow!("{name}: {why}")),
        Err(_) => Ok(default),
    }
}
