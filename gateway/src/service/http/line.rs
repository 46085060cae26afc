//! How long one connection may take.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

/// A connection as its server and whoever answers on it know it: over after its time, unless the answer follows events;
/// then once somebody cuts it.
#[derive(Debug, Default)]
pub(super) struct Line {
    follows: AtomicBool,
    cut: Notify,
}

impl Line {
    /// The answer on this connection has no end of its own.
    pub(super) fn follow(&self) {
        // Both sides run on the runtime's one thread: no order needed.
        self.follows.store(true, Ordering::Relaxed);
    }

    /// Ends it, answer or not.
    pub(super) fn cut(&self) {
        self.cut.notify_one();
    }

    /// Resolves when the connection has had its time.
    pub(super) async fn is_over(&self, lifetime: Duration) -> Over {
        tokio::select! {
            () = tokio::time::sleep(lifetime) => {}
            () = self.cut.notified() => return Over::Cut,
        }
        if !self.follows.load(Ordering::Relaxed) {
            return Over::TooLong;
        }
        self.cut.notified().await;
        Over::Cut
    }
}

/// Why a connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// Its time was up.
    TooLong,
    /// It was cut, and whoever did so has told why.
    Cut,
}
