//! The time that everything bears: <https://reproducible-builds.org/specs/source-date-epoch/>.

use std::env;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{shell, workspace};

/// Seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Epoch(pub(super) u64);

impl Epoch {
    /// `SOURCE_DATE_EPOCH`, or the time of the commit; without git, 1980, which every format can hold.
    pub(super) fn find() -> Result<Self> {
        if let Ok(text) = env::var("SOURCE_DATE_EPOCH") {
            let seconds = text
                .parse()
                .with_context(|| format!("SOURCE_DATE_EPOCH is `{text}`: seconds since 1970"))?;
            return Ok(Self(seconds));
        }
        let mut command = Command::new("git");
        command
            .current_dir(workspace::root())
            .args(["log", "-1", "--format=%ct"]);
        let committed = shell::output_of(&mut command).ok();
        let seconds = committed.and_then(|text| text.trim().parse().ok());
        Ok(Self(seconds.unwrap_or(315_532_800)))
    }

    /// As `date` formats it, in UTC.
    pub(super) fn formatted(self, format: &str) -> Result<String> {
        let mut command = Command::new("date");
        command
            .env("LC_ALL", "C")
            .args(["-u", "-d", &format!("@{}", self.0), format]);
        Ok(shell::output_of(&mut command)?.trim().to_owned())
    }
}
