//! What the arbiter remembers of one line.

use crate::sink::Nanos;

/// A heartbeat that announced less than its line had shown: the first word of a restart, or a late copy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Suspicion {
    /// The number it announced.
    pub(super) sequence: u64,
    /// The line's position then; once the line goes on from there, the heartbeat was a late copy.
    pub(super) position: u64,
    /// When it came.
    pub(super) since: Nanos,
}

/// One line's own view of the stream.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Line {
    /// The numbering that `position` counts in; 0 before the first frame.
    pub(super) epoch: u64,
    /// The number behind the highest that the line has shown.
    pub(super) position: u64,
    /// When `position` last rose.
    pub(super) advanced: Nanos,
    /// When the line last brought a frame of the current session.
    pub(super) heard: Nanos,
    /// A restart that may be under way.
    pub(super) suspicion: Option<Suspicion>,
}

impl Line {
    /// Begins to follow the numbering `epoch` at `position`.
    pub(super) fn join(&mut self, epoch: u64, position: u64, now: Nanos) {
        *self = Self {
            epoch,
            position,
            advanced: now,
            heard: now,
            suspicion: None,
        };
    }

    /// The clock stepped back to `now`: nothing happened later.
    pub(super) fn rebase(&mut self, now: Nanos) {
        self.advanced = self.advanced.min(now);
        self.heard = self.heard.min(now);
        if let Some(suspicion) = &mut self.suspicion {
            suspicion.since = suspicion.since.min(now);
        }
    }

    /// The suspicion that still stands: the line did not go on where it was.
    pub(super) fn suspected(&self) -> Option<Suspicion> {
        self.suspicion
            .filter(|suspicion| suspicion.position == self.position)
    }
}
