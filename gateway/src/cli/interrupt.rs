//! SIGINT and SIGTERM as a flag, so that a command that writes a file can finish it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::exit::{Exit, Failure};

/// Whether the user wants the command to end.
#[derive(Clone, Debug)]
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From now on the first signal is noted, and the second ends the process at once, as it does by default.
    pub(super) fn watch() -> Result<Self, Failure> {
        let noted = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds the flag unset.
            flag::register_conditional_default(signal, Arc::clone(&noted))
                .and_then(|_| flag::register(signal, Arc::clone(&noted)))
                .map_err(|error| {
                    Failure::new(Exit::Internal, format!("cannot watch for signals: {error}"))
                })?;
        }
        Ok(Self(noted))
    }

    pub(super) fn is_noted(&self) -> bool {
        // Pairs with nothing: the flag alone is the message.
        self.0.load(Ordering::Relaxed)
    }
}
