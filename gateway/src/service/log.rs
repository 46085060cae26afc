//! Log lines: text for people, JSON for machines.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::model::LogFormat;

/// Lines written: errors, warnings, and all others.
static WRITTEN: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];

/// How many lines were written, by level.
#[must_use]
pub fn written() -> [(&'static str, u64); 3] {
    // Counts only: relaxed.
    let count = |index: usize| WRITTEN[index].load(Ordering::Relaxed);
    [("error", count(0)), ("warn", count(1)), ("info", count(2))]
}

/// Counts what passes the filter.
struct Count;

impl<S: Subscriber> Layer<S> for Count {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let index = match *event.metadata().level() {
            Level::ERROR => 0,
            Level::WARN => 1,
            _ => 2,
        };
        WRITTEN[index].fetch_add(1, Ordering::Relaxed);
    }
}

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
        let builder = builder.with_target(false).with_ansi(terminal);
        builder.finish().with(Count).try_init()
    } else {
        builder.json().finish().with(Count).try_init()
    };
}
