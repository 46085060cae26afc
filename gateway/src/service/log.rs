//! Log lines: text for people, JSON for machines.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::model::LogFormat;

/// Sends log lines to standard error. `RUST_LOG` chooses what is logged, `info` by default.
///
/// A second call does nothing.
pub fn start(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let terminal = std::io::stderr().is_terminal();
    let human = match format {
        LogFormat::Human => true,
        LogFormat::Json => false,
        LogFormat::Auto => terminal,
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // An error means that a subscriber is there already, which is as good.
    let _ = if human {
        builder.with_target(false).with_ansi(terminal).try_init()
    } else {
        builder.json().try_init()
    };
}
