//! Whether to believe a packet that would give up the place where the stream stands.
//!
//! A packet far ahead says that everything up to it is gone; one of another session, that this session is over. After
//! an outage, or where the venue went over to another session, that is true. It is not where the packet was damaged,
//! comes from a test system or was sent by mistake: then the lines go on where they were, and a channel that followed
//! the packet would take everything they bring as old. So such packets are held, unlike others beyond the hold time if
//! need be, until one of the two is plain. The rules stand in the [module above](super).

use super::arbiter::Arbiter;
use super::counters::ChannelCounters;
use super::hold::{Held, Key};
use super::line::Line;
use super::{LEAP_MESSAGES, SESSION_RETURN_QUIET_NS};
use crate::sink::Nanos;

/// A late copy of a packet is expected for at least this long, however short the hold time is.
const LATE_COPY_NS_MIN: Nanos = 100_000;
/// So many hold times in which the lines went on refute whatever says that they did not.
const WINDOWS_MAX: u8 = 8;

/// What became known of the lowest packet that is held in doubt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Doubt {
    opened: Nanos,
    /// The end of the window that runs, and where the stream stood at its beginning.
    pub(super) until: Nanos,
    next: u64,
    /// Windows in which the stream went on.
    windows: u8,
}

impl Doubt {
    /// The clock stepped back to `now`: no window ends later than one that begins now.
    pub(super) fn rebase(&mut self, now: Nanos, window: Nanos) {
        self.opened = self.opened.min(now);
        self.until = self.until.min(now.saturating_add(window));
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Believe,
    /// Ask again then.
    Wait(Nanos),
    Refuse,
}

impl Arbiter {
    /// The shortest time that tells a late copy from news.
    pub(super) fn window(&self) -> Nanos {
        self.config.hold_timeout_ns.max(LATE_COPY_NS_MIN)
    }

    /// Whether a frame of the current numbering at `first` lies far ahead of all that is believed.
    pub(super) fn leaps(&self, first: u64) -> bool {
        if first.saturating_sub(self.next) <= LEAP_MESSAGES {
            return false;
        }
        let before = self.hold.last_up_to((self.epoch, first));
        before.is_none_or(|before| {
            before.epoch != self.epoch
                || before.doubtful
                || first - before.end().min(first) > LEAP_MESSAGES
        })
    }

    /// What to do about the lowest frame held, whose hold time is over.
    pub(super) fn judge(&mut self, front: &Held, now: Nanos) -> Verdict {
        if !self.is_doubtful(front) {
            self.doubt = None;
            return Verdict::Believe;
        }
        let leaves = front.epoch == self.epoch && self.pending.is_some();
        let alone = if leaves {
            Verdict::Refuse
        } else {
            Verdict::Believe
        };
        if leaves && self.pending.is_some_and(|pending| pending.restarts) {
            // The numbers restart: nothing will tell any more.
            return if self.is_weak(front) {
                alone
            } else {
                Verdict::Believe
            };
        }
        let window = self.window();
        let next = self.next;
        let opened = front.received.min(now);
        let doubt = self.doubt.get_or_insert(Doubt {
            opened,
            until: opened.saturating_add(window),
            next: front.next_before,
            windows: 0,
        });
        if now < doubt.until {
            return Verdict::Wait(doubt.until);
        }
        if next > doubt.next {
            doubt.next = next;
            doubt.windows += 1;
            if doubt.windows >= WINDOWS_MAX {
                return Verdict::Refuse;
            }
        } else if self.vouched(front) {
            return Verdict::Believe;
        } else if now.saturating_sub(self.heard_here()) >= SESSION_RETURN_QUIET_NS {
            // It is alone, but nothing speaks for the place where the stream stands either.
            return alone;
        }
        let Some(doubt) = &mut self.doubt else {
            return Verdict::Believe;
        };
        if now.saturating_sub(doubt.opened) >= SESSION_RETURN_QUIET_NS {
            return Verdict::Refuse;
        }
        doubt.until = now.saturating_add(window);
        Verdict::Wait(doubt.until)
    }

    /// Whether another packet says what `claim`, the first held from its key on, says.
    fn vouched(&self, claim: &Held) -> bool {
        let agrees = |second: &Held| {
            second.epoch == claim.epoch
                && second.first.saturating_sub(claim.end()) <= LEAP_MESSAGES
                && (second.first != claim.first
                    || claim.is_news(second.line, second.received, self.window()))
        };
        claim.vouched || self.hold.second_from(claim.key()).is_some_and(agrees)
    }

    /// When a line last brought a frame that belongs where the stream stands.
    fn heard_here(&self) -> Nanos {
        let here = self.lines.iter().filter(|line| line.epoch == self.epoch);
        here.map(|line| line.heard)
            .fold(self.epoch_since, Nanos::max)
    }

    /// Throws away the lowest frame, which was refuted, and those that said the same.
    pub(super) fn refuse_lowest(&mut self) {
        self.doubt = None;
        let Some(front) = self.hold.front().copied() else {
            return;
        };
        let mut end = front.end();
        while let Some(next) = self.hold.front().copied() {
            let same_leap = next.first.saturating_sub(end) <= LEAP_MESSAGES;
            if next.epoch != front.epoch || (front.epoch == self.epoch && !same_leap) {
                break;
            }
            end = end.max(next.end());
            self.hold.discard_lowest();
            refused(&mut self.counters, self.epoch, &next);
        }
        if front.epoch != self.epoch {
            self.forget_pending();
        }
    }

    /// Throws away all that is held in doubt although the stream went on since, because room is wanted. Returns whether
    /// there was such.
    pub(super) fn refuse_for_room(&mut self) -> bool {
        if self.pending.is_some_and(|pending| pending.restarts) {
            return false;
        }
        match self.hold.first_doubtful() {
            // What was in doubt may be near by now, or of the session that the channel went over to.
            Some(claim) if self.is_doubtful(claim) && claim.next_before < self.next => {
                let from = claim.key();
                self.refuse_from(from);
                true
            }
            _ => false,
        }
    }

    /// Throws away what is held of the session that is pending, because the current one is alive.
    pub(super) fn refuse_session(&mut self) {
        self.refuse_from((self.epoch + 1, 0));
    }

    /// Whether the session that is pending has little to show for itself.
    pub(super) fn session_is_weak(&self) -> bool {
        let first = self.hold.first_from((self.epoch + 1, 0));
        first.is_some_and(|first| self.is_weak(first))
    }

    /// Whether a claim, the first held from its key on, has little to show for itself: the stream went on, or it is a
    /// single packet.
    pub(super) fn is_weak(&self, claim: &Held) -> bool {
        self.is_doubtful(claim) && (claim.next_before < self.next || !self.vouched(claim))
    }

    /// Whether what was far ahead when it came, or of another session, still is.
    pub(super) fn is_doubtful(&self, held: &Held) -> bool {
        let near =
            held.epoch == self.epoch && held.first.saturating_sub(self.next) <= LEAP_MESSAGES;
        held.doubtful && !near
    }

    /// Throws away all that is held from `from` on, the session that is pending included.
    fn refuse_from(&mut self, from: Key) {
        self.doubt = None;
        self.forget_pending();
        let (counters, epoch) = (&mut self.counters, self.epoch);
        self.hold
            .discard_from(from, |held| refused(counters, epoch, held));
    }

    /// No other numbering is pending, and no line follows it.
    fn forget_pending(&mut self) {
        self.pending = None;
        for line in &mut self.lines {
            if line.epoch > self.epoch {
                *line = Line::default();
            }
        }
    }
}

/// Accounts for a held frame that was thrown away while the numbering `epoch` went on.
fn refused(counters: &mut ChannelCounters, epoch: u64, held: &Held) {
    let line = &mut counters.lines[held.line.index()];
    line.holding -= u64::from(held.count);
    if held.epoch == epoch {
        line.implausible += u64::from(held.count);
        counters.implausible += 1;
    } else {
        line.stale += u64::from(held.count);
        counters.sessions_refused += 1;
    }
}
