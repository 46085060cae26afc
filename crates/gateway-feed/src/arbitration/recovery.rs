//! What becomes of a hole that no line fills, and of books that are in doubt.
//!
//! Where holes are recovered ([`OnGap::Recover`]), the hold does not give up a hole when its time in it is over: it is
//! asked for ([`Arbiter::demand`]), and all that follows it goes on waiting, until an answer fills it, until whoever
//! asks gives it up, until `recover_timeout_ns` is over, or until no more fits the hold.
//!
//! Where snapshots can be had, a gap (or a start in the middle of a session) opens a time of doubt: one is wanted, and
//! what is delivered until it comes is also [retained](super::retained). When it comes, three things follow each other
//! in small parts between the lines' packets, which are held meanwhile: the snapshot, what was retained from its
//! sequence on, what is held. So the stream goes on behind it without a hole and without a repeat that is not marked.

mod demand;
mod snapshot;
mod supply;

use super::arbiter::Arbiter;
use super::config::OnGap;
use super::hold::{Held, Key};
use super::retained::{Kept, Retained};
use super::{ChannelState, Event, LineId, Outlet, RECOVERY};
use crate::recovery::{Demand, Hole};
use crate::sink::Nanos;
use crate::transport::Frame;

/// The lowest hole that is asked for.
#[derive(Clone, Copy, Debug)]
struct Recovering {
    /// The number behind it.
    end: u64,
    /// Since when it is asked for.
    since: Nanos,
    /// Since when the channel waits for any.
    waits: Nanos,
    /// Whether some of it was lost.
    lost: bool,
}

/// A snapshot that is being taken.
#[derive(Clone, Copy, Debug)]
struct Splice {
    /// Where it is valid.
    sequence: u64,
    /// Whether its own messages are through.
    told: bool,
    /// Messages told again so far.
    replayed: u64,
}

/// What the arbiter remembers of all this.
#[derive(Debug)]
pub(super) struct Recovery {
    recovering: Option<Recovering>,
    /// The number behind the highest that was held, and the first number of the highest frame with a hole before it:
    /// no hole lies behind that.
    told: u64,
    hole_top: u64,
    /// The highest serial dealt with.
    supplied: u64,
    /// What was demanded last, and whether that may have changed.
    demanded: Demand,
    demanded_top: Option<Key>,
    demand_due: bool,
    /// The books are in doubt.
    in_doubt: bool,
    retained: Retained,
    splice: Option<Splice>,
    /// No line speaks.
    stale: bool,
}

impl Recovery {
    pub(super) fn new(packets_max: usize, bytes_max: usize) -> Self {
        Self {
            recovering: None,
            told: 0,
            hole_top: 0,
            supplied: 0,
            demanded: Demand::default(),
            demanded_top: None,
            demand_due: false,
            in_doubt: false,
            retained: Retained::new(packets_max, bytes_max),
            splice: None,
            stale: false,
        }
    }

    /// Whether the short way of [`Arbiter::on_frame`] must stay closed.
    pub(super) const fn is_busy(&self) -> bool {
        self.in_doubt || self.splice.is_some()
    }

    /// Whether a snapshot is being taken, and the lines' messages wait for it.
    pub(super) const fn pauses(&self) -> bool {
        self.splice.is_some()
    }

    /// Whether there is something to do at once.
    pub(super) const fn is_due(&self) -> bool {
        self.demand_due || self.splice.is_some()
    }

    /// The clock stepped back to `now`.
    pub(super) fn rebase(&mut self, now: Nanos) {
        if let Some(recovering) = &mut self.recovering {
            recovering.since = recovering.since.min(now);
            recovering.waits = recovering.waits.min(now);
        }
    }

    /// A frame is held.
    pub(super) fn note_held(&mut self, next: u64, held: &Held) {
        if held.first > self.told.max(next) {
            self.hole_top = held.first;
        }
        self.told = self.told.max(held.end());
    }

    /// Another numbering begins.
    pub(super) fn leave(&mut self) {
        if let Some(recovering) = &mut self.recovering {
            recovering.end = 0;
            recovering.lost = true;
        }
        self.told = 0;
        self.hole_top = 0;
        self.demand_due |= self.in_doubt;
        self.in_doubt = false;
    }

    /// Whether the last demand named a hole.
    fn was_demanded(&self, epoch: u64, hole: Hole) -> bool {
        let covers = |other: &Hole| other.first <= hole.first && other.end() >= hole.end();
        self.demanded.epoch == epoch && self.demanded.holes().iter().any(covers)
    }

    /// Keeps a packet that was delivered while the books are in doubt.
    #[inline]
    pub(super) fn retain(&mut self, kept: Kept, body: &[u8]) -> u64 {
        if self.in_doubt {
            self.retained.push(kept, body)
        } else {
            0
        }
    }
}

impl Arbiter {
    /// Whether a line brings what was asked for again, which the venue packs otherwise than before.
    pub(super) fn is_of_answers(&self, line: LineId) -> bool {
        line == RECOVERY || line.index() >= self.config.answer_lines_from
    }

    /// Something of the current numbering before `next` is missing.
    pub(super) fn doubt_books(&mut self) {
        if self.config.snapshots {
            self.recovery.in_doubt = true;
            self.recovery.demand_due = true;
            self.recovery.retained.restart(self.next);
        }
    }

    /// Has a snapshot told although nothing is missing, because somebody behind the channel has lost what it was handed.
    /// One that is wanted already, or being taken, is enough. `false` where none can be had.
    pub(crate) fn refresh<O: Outlet>(&mut self, now: Nanos, out: &mut O) -> bool {
        if self.epoch == 0 || !self.config.snapshots {
            return false;
        }
        if !self.recovery.in_doubt {
            self.doubt_books();
            self.counters.recovery.refreshes += 1;
            self.settle(now, out);
        }
        true
    }

    /// The numbers from `next` up to `to` are lost for good.
    pub(super) fn lose<O: Outlet>(&mut self, to: u64, now: Nanos, out: &mut O) {
        let count = to - self.next;
        self.counters.gaps += 1;
        self.counters.gap_messages = self.counters.gap_messages.saturating_add(count);
        self.recent.push_gap(self.next, to);
        let first = self.next;
        out.event(now, Event::Gap { first, count });
        self.next = to;
        self.counters.next_sequence = to;
        if let Some(recovering) = &mut self.recovery.recovering {
            recovering.lost = true;
        }
        self.doubt_books();
    }

    /// What to do about the lowest frame held, whose time in the hold is over: lets it go, or says until when the hole
    /// before it is waited for.
    pub(super) fn await_recovery<O: Outlet>(
        &mut self,
        front: &Held,
        now: Nanos,
        out: &mut O,
    ) -> Option<Nanos> {
        if front.epoch != self.epoch || front.first <= self.next {
            // What a session that is over has lost at its end nobody knows.
            if front.epoch != self.epoch {
                self.switch(now, out);
            } else {
                self.release_lowest(now, out);
            }
            return None;
        }
        let hole = Hole {
            first: self.next,
            count: front.first - self.next,
        };
        let before = self.recovery.recovering;
        let since = match before {
            Some(recovering) if recovering.end > self.next => recovering.since,
            _ => self.ask_for(front, hole, now, out),
        };
        let until = since.saturating_add(self.config.recover_timeout_ns);
        if now < until {
            return Some(until);
        }
        self.counters.recovery.timeouts += 1;
        self.release_lowest(now, out);
        None
    }

    /// Begins to ask for a hole; returns since when it is asked for.
    fn ask_for<O: Outlet>(&mut self, front: &Held, hole: Hole, now: Nanos, out: &mut O) -> Nanos {
        // It may have been asked for together with those before it.
        let since = if self.recovery.was_demanded(self.epoch, hole) {
            let held_for = self.config.hold_timeout_ns;
            front.received.saturating_add(held_for).min(now)
        } else {
            now
        };
        self.counters.recovery.holes += 1;
        self.counters.recovery.hole_messages = self
            .counters
            .recovery
            .hole_messages
            .saturating_add(hole.count);
        let waits = match self.recovery.recovering {
            Some(before) => {
                self.hole_closed(before.lost);
                before.waits
            }
            None => {
                let Hole { first, count } = hole;
                out.event(now, Event::Recovering { first, count });
                now
            }
        };
        self.recovery.recovering = Some(Recovering {
            end: hole.end(),
            since,
            waits,
            lost: false,
        });
        self.recovery.demand_due = true;
        since
    }

    fn hole_closed(&mut self, lost: bool) {
        let counters = &mut self.counters.recovery;
        counters.holes_closed += u64::from(!lost);
        counters.holes_lost += u64::from(lost);
    }

    /// Whether frames wait that are too many for the hold, so that the lowest hole is asked for before its time.
    pub(super) fn is_crowded(&self) -> bool {
        self.config.on_gap == OnGap::Recover && self.hold.len() > self.config.hold_packets_max
    }

    /// Whether the lowest hole asked for is closed.
    pub(super) fn has_closed(&self) -> bool {
        self.recovery
            .recovering
            .is_some_and(|recovering| recovering.end <= self.next || self.hold.is_empty())
    }

    /// Nothing is asked for any longer.
    pub(super) fn recovered<O: Outlet>(&mut self, now: Nanos, out: &mut O) {
        let Some(recovering) = self.recovery.recovering.take() else {
            return;
        };
        self.hole_closed(recovering.lost);
        let waited = now.saturating_sub(recovering.waits);
        let counters = &mut self.counters.recovery;
        counters.recoveries += 1;
        counters.duration_sum_ns = counters.duration_sum_ns.saturating_add(waited);
        counters.duration_max_ns = counters.duration_max_ns.max(waited);
        let sequence = self.next;
        out.event(now, Event::Recovered { sequence });
        self.recovery.demand_due = true;
    }

    /// Keeps what was delivered of a frame, where the books are in doubt.
    #[inline]
    pub(super) fn retain(
        &mut self,
        line: LineId,
        received: Nanos,
        frame: &Frame<'_>,
        skip: u32,
        whole: u32,
    ) {
        if whole > skip {
            let kept = Kept::new(frame.first, whole, skip, line, received);
            self.counters.recovery.retained_lost += self.recovery.retain(kept, frame.body);
        }
    }

    /// Takes note whether all lines are silent; `false` where that is known.
    pub(crate) fn note_stale(&mut self, stale: bool) -> bool {
        if stale == self.recovery.stale {
            return false;
        }
        self.recovery.stale = stale;
        self.counters.recovery.stales += u64::from(stale);
        self.note_state();
        true
    }

    /// What the channel does, for whoever looks at its counters.
    pub(super) fn note_state(&mut self) {
        let recovery = &self.recovery;
        let state = if recovery.stale {
            ChannelState::Stale
        } else if recovery.splice.is_some() {
            ChannelState::Snapshot
        } else if recovery.recovering.is_some() {
            ChannelState::Recovering
        } else if recovery.in_doubt {
            ChannelState::Snapshot
        } else if self.hold.is_empty() {
            ChannelState::Live
        } else {
            ChannelState::Holding
        };
        self.counters.recovery.state = state as u64;
        self.counters.recovery.retained = recovery.retained.len() as u64;
    }
}
