//! From one numbering to the next: sessions, and restarts within a session.
//!
//! A numbering (*epoch*) is a session, or what follows a restart in it. At most one is pending while the current one
//! is finished: its frames are held behind everything that is held of the current one.

use super::arbiter::Arbiter;
use super::line::Suspicion;
use super::recent::fingerprint;
use super::{Event, LEAP_MESSAGES, LineId, Outlet, SESSION_RETURN_QUIET_NS};
use crate::sink::Nanos;
use crate::transport::{Frame, FrameKind, SessionId};

/// The numbering that comes next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    session: SessionId,
    /// Whether it restarts the numbers of the current session.
    pub(super) restarts: bool,
    /// The first number to expect.
    start: u64,
    /// The number behind the highest one shown.
    position: u64,
}

/// Which numbering a frame belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It is the channel's first.
    Start,
    Current,
    Pending,
    /// One that the channel has left.
    Stale,
    /// A session that is neither.
    OtherSession,
}

impl Arbiter {
    /// Finds the numbering that a frame belongs to.
    pub(super) fn place(&mut self, line: LineId, now: Nanos, frame: &Frame<'_>) -> Place {
        if self.epoch == 0 {
            return Place::Start;
        }
        let restart = self.pending.filter(|pending| pending.restarts);
        let next = self.next;
        let state = &mut self.lines[line.index()];
        if frame.session == self.session {
            if let Some(pending) = restart {
                let follows = state.epoch == self.epoch;
                // A line that stands exactly where the numbers restart announced the restart, unless it did so with
                // its very first frame, before there was anything to restart from.
                let joined =
                    state.epoch > self.epoch || (follows && state.position == pending.start);
                let position = if follows { state.position } else { next };
                return if joined || nearer(frame.first, pending.position, position) {
                    Place::Pending
                } else {
                    Place::Current
                };
            }
            let left_behind =
                state.epoch < self.epoch && state.epoch >= self.session_epoch && state.epoch > 0;
            if left_behind && !nearer(frame.first, next, state.position) {
                state.position = state.position.max(frame.end());
                return Place::Stale;
            }
            return Place::Current;
        }
        if self
            .pending
            .is_some_and(|pending| pending.session == frame.session)
        {
            return Place::Pending;
        }
        let was_before = self
            .previous
            .is_some_and(|(session, _)| session == frame.session);
        if was_before && now.saturating_sub(self.heard()) < SESSION_RETURN_QUIET_NS {
            return Place::Stale;
        }
        Place::OtherSession
    }

    /// When any line last brought a frame of the current session, or of the one pending; not before the channel went over
    /// to the current one, whose first frames may be held still.
    fn heard(&self) -> Nanos {
        let current = self.lines.iter().filter(|line| line.epoch >= self.epoch);
        current
            .map(|line| line.heard)
            .fold(self.epoch_since, Nanos::max)
    }

    /// The channel's first frame.
    pub(super) fn begin<O: Outlet>(&mut self, now: Nanos, frame: &Frame<'_>, out: &mut O) {
        self.epoch = 1;
        self.epoch_since = now;
        self.session_epoch = 1;
        self.session = frame.session;
        self.expect(self.config.expect_first_sequence.unwrap_or(frame.first));
        self.counters.sessions += 1;
        self.doubt_start();
        out.event(
            now,
            Event::SessionStart {
                session: self.session,
                sequence: self.next,
                changed: false,
            },
        );
    }

    /// Whether a frame with a number below what its own line has shown proves that the numbers restart.
    ///
    /// A heartbeat that does not prove it is remembered: a frame behind it may.
    pub(super) fn restarts<O: Outlet>(
        &mut self,
        line: LineId,
        now: Nanos,
        frame: &Frame<'_>,
        out: &O,
    ) -> bool {
        if self.pending.is_some_and(|pending| pending.restarts) {
            return false;
        }
        let window = self.window();
        let state = &mut self.lines[line.index()];
        let behind = state
            .suspected()
            .filter(|suspicion| frame.first >= suspicion.sequence);
        if frame.kind == FrameKind::Data {
            let quiet = now.saturating_sub(state.advanced) >= window;
            return behind.is_some()
                && match self.recent.find(frame.end(), line) {
                    // Of a packet that is cut the bytes differ in any case.
                    Some(passed) if !self.is_of_answers(passed.line) => {
                        passed.fingerprint != fingerprint(frame.body)
                            && out.measure(frame).whole == frame.count
                    }
                    // A re-request server packs the same messages otherwise.
                    _ => quiet,
                };
        }
        match behind {
            Some(suspicion) => now.saturating_sub(suspicion.since) >= window,
            None => {
                state.suspicion = Some(Suspicion {
                    sequence: frame.first,
                    position: state.position,
                    since: now,
                });
                false
            }
        }
    }

    /// Opens the numbering that restarts the current session, which `frame` proved.
    pub(super) fn open_reset(&mut self, line: LineId, frame: &Frame<'_>) {
        if self.pending.is_some() {
            // The current session is alive.
            self.refuse_session();
        }
        let suspicion = self.lines[line.index()].suspected();
        let start = suspicion.map_or(frame.first, |suspicion| suspicion.sequence);
        self.pending = Some(Pending {
            session: self.session,
            restarts: true,
            start,
            position: start,
        });
    }

    /// Opens the session of `frame`. One that was pending before comes and goes.
    pub(super) fn open_session<O: Outlet>(&mut self, now: Nanos, frame: &Frame<'_>, out: &mut O) {
        if self.session_is_weak() {
            self.refuse_session();
        }
        if self.pending.is_some() {
            self.let_go(now, out);
        }
        // A session that returns goes on where it was, unless it begins anew.
        let returns = self
            .previous
            .filter(|&(session, next)| session == frame.session && frame.first >= next);
        let start = returns.map_or(self.config.session_first_sequence, |(_, next)| next);
        self.pending = Some(Pending {
            session: frame.session,
            restarts: false,
            start,
            position: start,
        });
    }

    /// A frame of the pending numbering: held behind everything of the current one.
    pub(super) fn take_pending<O: Outlet>(
        &mut self,
        line: LineId,
        now: Nanos,
        frame: &Frame<'_>,
        out: &mut O,
    ) {
        let epoch = self.epoch + 1;
        let Some(pending) = &mut self.pending else {
            return;
        };
        let leaps = frame.first.saturating_sub(pending.position) > LEAP_MESSAGES;
        let doubtful = if pending.restarts { leaps } else { !self.ended };
        if !doubtful {
            pending.position = pending.position.max(frame.end());
            let state = &mut self.lines[line.index()];
            if state.epoch != epoch {
                state.join(epoch, frame.first, now);
            }
            self.show(line, now, frame.first, frame.end());
        }
        self.hold_back(epoch, line, now, frame, doubtful, out);
    }

    /// Leaves the current numbering, of which nothing is held any more, for the pending one.
    pub(super) fn switch<O: Outlet>(&mut self, now: Nanos, out: &mut O) {
        let Some(pending) = self.pending.take() else {
            return;
        };
        let left = (self.session, self.next);
        self.epoch += 1;
        self.epoch_since = now;
        self.ended = false;
        self.recent.clear();
        self.recovery.leave();
        self.expect(pending.start);
        if pending.restarts {
            self.counters.resets += 1;
            out.event(
                now,
                Event::Reset {
                    sequence: self.next,
                },
            );
            return;
        }
        self.previous = Some(left);
        self.session = pending.session;
        self.session_epoch = self.epoch;
        self.counters.sessions += 1;
        self.counters.session_changes += 1;
        self.doubt_start();
        out.event(
            now,
            Event::SessionStart {
                session: self.session,
                sequence: self.next,
                changed: true,
            },
        );
    }

    /// A session that is taken up in its middle has books that are not known.
    fn doubt_start(&mut self) {
        if self.next > self.config.session_first_sequence {
            self.doubt_books();
        }
    }

    fn expect(&mut self, sequence: u64) {
        self.start = sequence;
        self.next = sequence;
        self.counters.next_sequence = sequence;
    }
}

/// Whether a frame at `first` is rather of the numbering that stands at `new` than of the one that stood at `old`.
fn nearer(first: u64, new: u64, old: u64) -> bool {
    first.abs_diff(new) <= first.abs_diff(old)
}
