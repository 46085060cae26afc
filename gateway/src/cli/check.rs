//! `gateway check`

use clap::Args;
use serde_json::json;

use super::ConfigFile;
use super::exit::{Exit, Failure};
use super::output::{print_line, tell};
use crate::config::model::Input;
use crate::config::{self, Config, ConfigError, Problem};
use crate::ingest::{Obstacle, filter_table, netdev};

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
            Ok(mut config) => {
                let here = filters(&config);
                config.warnings.extend(here);
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

/// Warnings of interfaces that this machine has, and whose multicast filters the configuration's groups would overflow.
fn filters(config: &Config) -> Vec<Problem> {
    let mut warnings = Vec::new();
    for (number, interface) in config.interfaces.iter().enumerate() {
        let Some(index) = netdev::index(&interface.name) else {
            continue;
        };
        let driver = netdev::driver(&interface.name).unwrap_or_default();
        let lines = config.channels.iter().flat_map(|channel| &channel.lines);
        let groups = lines
            .filter(|line| line.inputs.contains(&Input::Interface(number)))
            .filter(|line| line.group.is_multicast())
            .map(|line| filter_table::address_of(line.group));
        // With what is in there already: the kernel's own, and those of other programs.
        let mut addresses = filter_table::listed_now(index).unwrap_or_default();
        addresses.extend(groups);
        let overflow = filter_table::overflow(&interface.name, &driver, addresses.len());
        if let Some(Obstacle { reason, remedy }) = overflow {
            warnings.push(Problem {
                key: format!("interface[{number}]"),
                line: 0,
                value: None,
                what: reason,
                remedy,
            });
        }
    }
    warnings
}

/// One line of what a configuration sets up.
fn summary(config: &Config) -> String {
    let count = |number: usize, what: &str| {
        format!("{number} {what}{}", if number == 1 { "" } else { "s" })
    };
    format!(
        "ok: {}, {}, {}, {}{}",
        count(config.interfaces.len() + config.captures.len(), "input"),
        count(config.workers.len(), "worker"),
        count(config.channels.len(), "channel"),
        count(config.queues.len(), "queue"),
        match config.books.len() {
            0 => String::new(),
            number => format!(", {}", count(number, "book")),
        },
    )
}
