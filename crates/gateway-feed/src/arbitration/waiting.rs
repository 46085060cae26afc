//! What waits for its turn: in, through the hold, and out.

use super::arbiter::{Arbiter, Handed, NO_EPOCH};
use super::config::OnGap;
use super::doubt::Verdict;
use super::hold::{Held, Key};
use super::recent::fingerprint;
use super::retained::Kept;
use super::{LEAP_MESSAGES, LineId, Outlet};
use crate::sink::Nanos;
use crate::transport::{Frame, FrameKind, SessionId};

/// Frames whose hold time is over and that are held on until it is plain what they are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Overdue {
    /// The highest of them that is not in doubt.
    plain: Option<Key>,
    /// The highest that is.
    doubtful: Option<Key>,
    /// When to look again.
    pub(super) until: Nanos,
}

impl Overdue {
    /// The highest of all.
    pub(super) fn highest(&self) -> Option<Key> {
        self.plain.max(self.doubtful)
    }

    /// Whether there are any from `front`, the lowest frame held, on.
    fn reaches(&self, front: Option<&Held>) -> bool {
        front.is_some_and(|front| self.highest() >= Some(front.key()))
    }
}

impl Arbiter {
    /// Holds a frame of the numbering `epoch` that is ahead of its turn. One that is doubtful is taken as shown by its
    /// line only once it is believed.
    pub(super) fn hold_back<O: Outlet>(
        &mut self,
        epoch: u64,
        line: LineId,
        now: Nanos,
        frame: &Frame<'_>,
        doubtful: bool,
        out: &mut O,
    ) {
        let mut whole = 0;
        if frame.kind == FrameKind::Data {
            let walked = out.measure(frame);
            self.note(line, frame, walked);
            whole = walked.whole.min(frame.count);
            self.counters.lines[line.index()].truncated += u64::from(frame.count - whole);
        }
        let mut held = Held::new(epoch, frame.first, whole, frame.kind, line, now);
        held.next_before = self.next;
        held.doubtful = doubtful;
        let window = self.window();
        if whole == 0 {
            if frame.kind != FrameKind::EndOfSession
                && let Some(earlier) = self.hold.announcing(epoch, frame.first, LEAP_MESSAGES)
            {
                earlier.vouched |= earlier.is_news(line, now, window);
                return;
            }
        } else if let Some(earlier) = self.hold.covering(epoch, held.first, held.end()) {
            earlier.vouched |= earlier.is_news(line, now, window);
            let earlier = *earlier;
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
            if self.recovery.pauses() {
                self.finish_snapshot(now, out);
            } else if self.refuse_for_room() {
                if held.epoch > self.epoch && self.pending.is_none() {
                    // It belongs to what was refused.
                    self.counters.lines[held.line.index()].stale += u64::from(held.count);
                    self.counters.sessions_refused += 1;
                    return;
                }
                continue;
            } else {
                match self.hold.front() {
                    Some(front) if front.key() <= held.key() => self.release_lowest(now, out),
                    _ => {
                        self.reach(held, now, out);
                        return self.pass_on(held, body, now, out);
                    }
                }
            }
            self.drain(now, out);
            if held.epoch < self.epoch {
                // Making room reached the session's end, and with it the next session.
                self.counters.lines[held.line.index()].stale += u64::from(held.count);
                return;
            }
            if held.epoch == self.epoch && held.first <= self.next {
                return self.pass_on(held, body, now, out);
            }
        }
        self.counters.held += 1;
        self.counters.lines[held.line.index()].holding += u64::from(held.count);
        self.hold.insert(*held, body, now);
        self.counters.holding_max = self.counters.holding_max.max(self.hold.len() as u64);
        if held.epoch == self.epoch && !held.doubtful {
            self.recovery.note_held(self.next, held);
        }
        if self.hold.deadline(self.config.hold_timeout_ns) <= now || self.is_crowded() {
            self.expire(now, out);
        }
    }

    /// Decides about what has waited longer than it may: the place where a hole's time in the hold is over.
    pub(super) fn expire<O: Outlet>(&mut self, now: Nanos, out: &mut O) {
        if self.recovery.pauses() {
            return;
        }
        let before = self.overdue.take().unwrap_or_default();
        let (mut plain, doubtful) = self.hold.overdue(now, self.config.hold_timeout_ns);
        if self.is_crowded() {
            plain = plain.max(
                self.hold
                    .front()
                    .filter(|front| !front.doubtful)
                    .map(Held::key),
            );
        }
        let mut overdue = Overdue {
            plain: plain.max(before.plain),
            doubtful: doubtful.max(before.doubtful),
            until: now.saturating_add(self.window()),
        };
        while let Some(front) = self.hold.front().copied() {
            let key = Some(front.key());
            if overdue.plain < key && (overdue.doubtful < key || !front.doubtful) {
                break;
            }
            match self.judge(&front, now) {
                Verdict::Refuse => self.refuse_lowest(),
                Verdict::Wait(until) => {
                    overdue.until = until;
                    break;
                }
                Verdict::Believe => {
                    self.doubt = None;
                    match self.config.on_gap {
                        OnGap::Continue => self.release_lowest(now, out),
                        OnGap::Recover => {
                            if let Some(until) = self.await_recovery(&front, now, out) {
                                overdue.until = until;
                                break;
                            }
                        }
                    }
                }
            }
        }
        if overdue.reaches(self.hold.front()) {
            self.overdue = Some(overdue);
        }
    }

    /// Lets everything go, but for what is in doubt and alone or refuted.
    pub(super) fn let_go<O: Outlet>(&mut self, now: Nanos, out: &mut O) {
        self.finish_snapshot(now, out);
        while let Some(front) = self.hold.front() {
            if self.is_weak(front) {
                self.refuse_lowest();
            } else {
                self.release_lowest(now, out);
            }
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
    pub(super) fn drain<O: Outlet>(&mut self, now: Nanos, out: &mut O) {
        while let Some(front) = self.hold.front()
            && !self.recovery.pauses()
        {
            let in_order = front.epoch == self.epoch && front.first <= self.next;
            // A session that ended in order has nothing more to wait for.
            let successor = front.epoch != self.epoch
                && self.ended
                && !front.doubtful
                && self.pending.is_some();
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
        if self.has_closed() && !self.recovery.pauses() {
            // The next hole is asked for, too, if its time in the hold is over.
            self.expire(now, out);
            self.drain(now, out);
            if self.has_closed() {
                self.recovered(now, out);
            }
        }
        self.counters.holding = self.hold.len() as u64;
        if let Some(overdue) = self.overdue
            && !overdue.reaches(self.hold.front())
        {
            self.overdue = None;
            self.doubt = None;
        }
        self.note_progress();
        self.note_state();
        self.set_deadline();
        let clear = self.hold.is_empty() && self.pending.is_none() && !self.recovery.is_busy();
        self.short_way = if clear { self.epoch } else { NO_EPOCH };
    }

    /// Sets what the next look at the clock goes by.
    pub(super) fn set_deadline(&mut self) {
        let overdue = self.overdue.map_or(Nanos::MAX, |overdue| overdue.until);
        self.deadline = if self.recovery.is_due() {
            0
        } else {
            self.hold.deadline(self.config.hold_timeout_ns).min(overdue)
        };
    }

    /// Goes on to the frame's numbering and first number, and gives up what is missing before it.
    fn reach<O: Outlet>(&mut self, held: &Held, now: Nanos, out: &mut O) {
        if held.epoch != self.epoch {
            self.switch(now, out);
        }
        if held.first > self.next {
            self.lose(held.first, now, out);
        }
    }

    /// Takes the lowest held frame out and hands over what is new in it.
    fn release_front<O: Outlet>(&mut self, now: Nanos, out: &mut O) {
        let Some((held, body)) = self.hold.pop() else {
            return;
        };
        let handed = hand_over(self.session, self.next, &held, body, out);
        if handed.whole > handed.skip {
            let kept = kept(&held, handed);
            self.counters.recovery.retained_lost += self.recovery.retain(kept, body);
        }
        self.counters.lines[held.line.index()].holding -= u64::from(held.count);
        self.after(&held, handed, now, out);
    }

    /// Hands over a frame that never was in the hold, because it has no room for it.
    fn pass_on<O: Outlet>(&mut self, held: &Held, body: &[u8], now: Nanos, out: &mut O) {
        let handed = hand_over(self.session, self.next, held, body, out);
        if handed.whole > handed.skip {
            let kept = kept(held, handed);
            self.counters.recovery.retained_lost += self.recovery.retain(kept, body);
        }
        self.after(held, handed, now, out);
    }

    /// Accounts for a held frame that was let go.
    fn after<O: Outlet>(&mut self, held: &Held, handed: Handed, now: Nanos, out: &mut O) {
        if held.doubtful {
            let line = &mut self.lines[held.line.index()];
            if line.epoch != self.epoch {
                line.join(self.epoch, held.first, now);
            }
            self.show(held.line, now, held.first, held.end());
        }
        self.pass_by(held.line, held.first, handed.skip);
        self.passed(held.line, held.received, held.count, handed);
        if held.kind == FrameKind::EndOfSession && held.first == self.next {
            self.end_session(now, out);
        }
    }
}

/// What is retained of a frame that was handed over.
const fn kept(held: &Held, handed: Handed) -> Kept {
    Kept::new(
        held.first,
        handed.whole,
        handed.skip,
        held.line,
        held.received,
    )
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
