//! A rehearsal in one file: what is published, what goes wrong, and when.
//!
//! A [`Scenario`] is read from TOML and checked whole; [`run`] plays it. Its phases follow each other by messages, not by
//! the clock, so that what is lost is the same on every machine; only what servers do depends on when they are asked.

mod check;
mod file;
mod plan;
mod run;
mod shipped;
#[cfg(test)]
mod tests;

use std::path::Path;

pub use file::ScenarioFeed;
pub use plan::{Glimpse, Line, MarketRecovery, Overrides, Rerequest, Scenario, Session};
pub use run::{ScenarioReport, run};
pub use shipped::{Shipped, shipped};

use crate::SimError;

/// Messages that a re-request server has, unless told otherwise.
pub const HISTORY_MESSAGES: u32 = 1_000_000;
/// Who is let in by a Glimpse server, unless told otherwise.
pub const USERNAME: &str = "glimps";
/// With which password.
pub const PASSWORD: &str = "glimpse";

/// The text of a file, or of the shipped scenario of that name.
///
/// # Errors
/// [`SimError::Scenario`] where there is neither.
pub fn read(name: &Path) -> Result<String, SimError> {
    std::fs::read_to_string(name).or_else(|cause| {
        let shown = name.display().to_string();
        match shipped().iter().find(|shipped| shipped.name == shown) {
            Some(shipped) => Ok(shipped.text.to_owned()),
            None => Err(SimError::Scenario {
                reason: format!(
                    "cannot read: {cause}; give a file, or the name of a scenario that `gateway-sim scenario --list` lists"
                ),
                name: shown,
            }),
        }
    })
}

/// The scenario of a file, or the shipped one of that name.
///
/// # Errors
/// [`SimError::Scenario`] says what is wrong with it.
pub fn load(name: &Path, overrides: &Overrides) -> Result<Scenario, SimError> {
    let text = read(name)?;
    let shown = name.display().to_string();
    let title = name
        .file_stem()
        .map_or_else(|| shown.clone(), |stem| stem.to_string_lossy().into_owned());
    let folder = name.parent().unwrap_or(Path::new(""));
    Scenario::parse(&title, &text, folder, overrides).map_err(|reason| SimError::Scenario {
        name: shown,
        reason,
    })
}
