//! What waits for its turn: in, through the hold, and out.

use super::arbiter::{Arbiter, Handed, NO_EPOCH};
use super::hold::Held;
use super::recent::fingerprint;
use super::{Event, LineId, Outlet};
use crate::sink::Nanos;
use crate::transport::{Frame, FrameKind, SessionId};

impl Arbiter {
    /// Holds a frame of the numbering `epoch` that is ahead of its turn.
    pub(super) fn hold_back<O: Outlet>(
        &mut self,
        epoch: u64,
        line: LineId,
        now: Nanos,
        frame: &Frame<'_>,
        out: &mut O,
    ) {
        let mut whole = 0;
        if frame.kind == FrameKind::Data {
            let walked = out.measure(frame);
            self.note(line, frame, walked);
            whole = walked.whole.min(frame.count);
            self.counters.lines[line.index()].truncated += u64::from(frame.count - whole);
        }
        let held = Held::new(epoch, frame.first, whole, frame.kind, line, now);
        if whole == 0 {
            if frame.kind != FrameKind::EndOfSession && self.hold.announces(epoch, frame.first) {
                return;
            }
        } else if let Some(&earlier) = self.hold.covering(epoch, held.first, held.end()) {
            self.counters.lines[line.index()].duplicates += u64::from(whole);
            if earlier.end() == held.end() {
                self.skew(line, earlier.line, earlier.received, now);
            }
            return;
        }
        let body = if whole == 0 { &[] } else { frame.body };
        self.make_room(&held, body, now, out);
    }

    /// Stores a frame; where there is no room, gives up the lowest holes until there is, or until it is its turn.
    fn make_room<O: Outlet>(&mut self, held: &Held, body: &[u8], now: Nanos, out: &mut O) {
        if self.hold.holds(body.len()) {
            self.counters.hold_overflows += u64::from(!self.hold.fits(body.len()));
        } else {
            self.counters.hold_oversized += 1;
        }
        while !self.hold.fits(body.len()) {
            match self.hold.front() {
                Some(front) if front.key() <= held.key() => self.release_lowest(now, out),
                _ => {
                    self.reach(held, now, out);
                    let handed = hand_over(self.session, self.next, held, body, out);
                    return self.after(held, handed, now, out);
                }
            }
            self.drain(now, out);
            if held.epoch < self.epoch {
                // Making room reached the session's end, and with it the next session.
                self.counters.lines[held.line.index()].stale += u64::from(held.count);
                return;
            }
            if held.epoch == self.epoch && held.first <= self.next {
                let handed = hand_over(self.session, self.next, held, body, out);
                return self.after(held, handed, now, out);
            }
        }
        self.counters.held += 1;
        self.counters.lines[held.line.index()].holding += u64::from(held.count);
        self.hold.insert(*held, body, now);
        self.counters.holding_max = self.counters.holding_max.max(self.hold.len() as u64);
        if self.hold.deadline(self.config.hold_timeout_ns) <= now {
            self.expire(now, out);
        }
    }

    /// Lets go what has waited longer than it may, and gives up what is missing before it.
    pub(super) fn expire<O: Outlet>(&mut self, now: Nanos, out: &mut O) {
        let Some(last) = self.hold.overdue(now, self.config.hold_timeout_ns) else {
            return;
        };
        while self.hold.front().is_some_and(|front| front.key() <= last) {
            self.release_lowest(now, out);
        }
    }

    /// Lets everything go.
    pub(super) fn let_go<O: Outlet>(&mut self, now: Nanos, out: &mut O) {
        while !self.hold.is_empty() {
            self.release_lowest(now, out);
        }
    }

    /// Lets the lowest held frame go, and gives up what is missing before it.
    pub(super) fn release_lowest<O: Outlet>(&mut self, now: Nanos, out: &mut O) {
        if let Some(front) = self.hold.front().copied() {
            self.reach(&front, now, out);
            self.release_front(now, out);
        }
    }

    /// Lets go what is in order now.
    fn drain<O: Outlet>(&mut self, now: Nanos, out: &mut O) {
        while let Some(front) = self.hold.front() {
            let in_order = front.epoch == self.epoch && front.first <= self.next;
            // A session that ended in order has nothing more to wait for.
            let successor = front.epoch != self.epoch && self.ended && self.pending.is_some();
            if successor {
                self.switch(now, out);
            } else if in_order {
                self.release_front(now, out);
            } else {
                break;
            }
        }
    }

    /// Lets go what is in order now, and sets what the next frame and the next look at the clock go by.
    pub(super) fn settle<O: Outlet>(&mut self, now: Nanos, out: &mut O) {
        self.drain(now, out);
        self.counters.holding = self.hold.len() as u64;
        self.deadline = self.hold.deadline(self.config.hold_timeout_ns);
        self.short_way = if self.hold.is_empty() && self.pending.is_none() {
            self.epoch
        } else {
            NO_EPOCH
        };
    }

    /// Goes on to the frame's numbering and first number, and gives up what is missing before it.
    fn reach<O: Outlet>(&mut self, held: &Held, now: Nanos, out: &mut O) {
        if held.epoch != self.epoch {
            self.switch(now, out);
        }
        if held.first > self.next {
            let count = held.first - self.next;
            self.counters.gaps += 1;
            self.counters.gap_messages = self.counters.gap_messages.saturating_add(count);
            self.recent.push_gap(self.next, held.first);
            out.event(
                now,
                Event::Gap {
                    first: self.next,
                    count,
                },
            );
            self.next = held.first;
            self.counters.next_sequence = self.next;
        }
    }

    /// Takes the lowest held frame out and hands over what is new in it.
    fn release_front<O: Outlet>(&mut self, now: Nanos, out: &mut O) {
        let Some((held, body)) = self.hold.pop() else {
            return;
        };
        let handed = hand_over(self.session, self.next, &held, body, out);
        self.counters.lines[held.line.index()].holding -= u64::from(held.count);
        self.after(&held, handed, now, out);
    }

    /// Accounts for a held frame that was let go.
    fn after<O: Outlet>(&mut self, held: &Held, handed: Handed, now: Nanos, out: &mut O) {
        self.pass_by(held.line, held.first, handed.skip);
        self.passed(held.line, held.received, held.count, handed);
        if held.kind == FrameKind::EndOfSession && held.first == self.next {
            self.end_session(now, out);
        }
    }
}

/// Hands over what is new in a frame that was held.
fn hand_over<O: Outlet>(
    session: SessionId,
    next: u64,
    held: &Held,
    body: &[u8],
    out: &mut O,
) -> Handed {
    let frame = Frame {
        session,
        first: held.first,
        count: held.count,
        kind: held.kind,
        body,
    };
    let skip = next.saturating_sub(held.first).min(u64::from(held.count)) as u32;
    let whole = if skip < held.count {
        out.deliver(held.line, held.received, &frame, skip).whole
    } else {
        held.count
    };
    Handed {
        skip,
        whole,
        fingerprint: fingerprint(body),
    }
}
