//! `gateway check`

use clap::Args;
use serde_json::json;

use super::ConfigFile;
use super::exit::{Exit, Failure};
use super::output::{print_line, tell};
use crate::config::{self, Config, ConfigError};

/// Options of `gateway check`.
#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    file: ConfigFile,
    /// Print the result as one JSON object: ok, problems and warnings (key, line, value, what, remedy)
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) fn run(self) -> Result<(), Failure> {
        match config::load(&self.file.config) {
            Ok(config) => {
                if self.json {
                    return print_line(
                        json!({ "ok": true, "problems": [], "warnings": config.warnings }),
                    );
                }
                print_line(summary(&config))?;
                for warning in &config.warnings {
                    tell(format_args!("warning: {warning}"));
                }
                Ok(())
            }
            Err(ConfigError::Invalid { problems, .. }) if self.json => {
                print_line(json!({ "ok": false, "problems": problems, "warnings": [] }))?;
                Err(Failure::new(Exit::Configuration, ""))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// One line of what a configuration sets up.
fn summary(config: &Config) -> String {
    let count = |number: usize, what: &str| {
        format!("{number} {what}{}", if number == 1 { "" } else { "s" })
    };
    format!(
        "ok: {}, {}, {}, {}",
        count(config.interfaces.len() + config.captures.len(), "input"),
        count(config.workers.len(), "worker"),
        count(config.channels.len(), "channel"),
        count(config.queues.len(), "queue"),
    )
}
