//! The state machine: frames of one numbering, in order. What leads to another numbering is in [`super::epoch`].

use super::config::{ArbiterConfig, OnGap};
use super::counters::ChannelCounters;
use super::doubt::Doubt;
use super::epoch::{Pending, Place};
use super::hold::{Hold, PACKET_BYTES_MAX};
use super::line::Line;
use super::recent::{Passed, Recent, fingerprint};
use super::recovery::Recovery;
use super::waiting::Overdue;
use super::{Defect, Event, LEAP_MESSAGES, LINES_MAX, LineId, Outlet};
use crate::sink::Nanos;
use crate::transport::{Frame, FrameKind, SessionId, Walked};

/// No numbering has this number: set while the short way of [`Arbiter::on_frame`] is closed.
pub(super) const NO_EPOCH: u64 = u64::MAX;

/// Merges the lines of one channel. See the [module](super) for its rules.
#[derive(Debug)]
pub struct Arbiter {
    /// The next number expected.
    pub(super) next: u64,
    pub(super) session: SessionId,
    /// The current numbering if nothing is held and none other is pending, else [`NO_EPOCH`].
    pub(super) short_way: u64,
    /// When the first held frame loses patience.
    pub(super) deadline: Nanos,
    /// The latest time seen.
    pub(super) latest: Nanos,
    pub(super) lines: [Line; LINES_MAX],
    pub(super) counters: ChannelCounters,
    defect: Option<Defect>,
    /// Counts the numberings (sessions, resets); 0 before the first frame.
    pub(super) epoch: u64,
    /// When the channel went over to the current numbering.
    pub(super) epoch_since: Nanos,
    /// The numbering in which the current session began.
    pub(super) session_epoch: u64,
    /// The first number of this numbering that was expected.
    pub(super) start: u64,
    /// The end of the session was reached.
    pub(super) ended: bool,
    pub(super) pending: Option<Pending>,
    /// The session before, and the number that was next in it.
    pub(super) previous: Option<(SessionId, u64)>,
    pub(super) hold: Hold,
    /// What is held beyond the hold time.
    pub(super) overdue: Option<Overdue>,
    pub(super) doubt: Option<Doubt>,
    pub(super) recent: Recent,
    pub(super) recovery: Recovery,
    pub(super) config: ArbiterConfig,
}

impl Arbiter {
    /// Allocates all that it will ever need: `hold_bytes_max`, some 150 bytes a packet that may wait, and some 90 KiB;
    /// as much by the bounds of recovery where holes are asked for, and once more where snapshots can be had.
    #[must_use]
    pub fn new(config: ArbiterConfig) -> Self {
        let (mut packets_max, mut bytes_max) = (config.hold_packets_max, config.hold_bytes_max);
        if config.on_gap == OnGap::Recover {
            packets_max = packets_max.max(config.recover_packets_max);
            bytes_max = bytes_max.max(config.recover_bytes_max);
        }
        let recovery = if config.snapshots {
            // The packet in which a snapshot's sequence lies has to have room.
            let packets_max = config.recover_packets_max.max(1);
            Recovery::new(packets_max, config.recover_bytes_max.max(PACKET_BYTES_MAX))
        } else {
            Recovery::new(0, 0)
        };
        Self {
            next: 0,
            session: SessionId::default(),
            short_way: NO_EPOCH,
            deadline: Nanos::MAX,
            latest: 0,
            lines: [Line::default(); LINES_MAX],
            counters: ChannelCounters::default(),
            defect: None,
            epoch: 0,
            epoch_since: 0,
            session_epoch: 0,
            start: 0,
            ended: false,
            pending: None,
            previous: None,
            hold: Hold::new(packets_max, bytes_max),
            overdue: None,
            doubt: None,
            recent: Recent::new(),
            recovery,
            config,
        }
    }

    /// What was counted so far.
    #[must_use]
    #[inline(always)]
    pub const fn counters(&self) -> &ChannelCounters {
        &self.counters
    }

    /// For the channel, which counts what comes before arbitration.
    #[inline(always)]
    pub(crate) const fn counters_mut(&mut self) -> &mut ChannelCounters {
        &mut self.counters
    }

    /// The current session; `None` before the first frame.
    #[must_use]
    pub fn session(&self) -> Option<SessionId> {
        (self.epoch > 0).then_some(self.session)
    }

    /// Whether the current session's end was reached, and nothing else began since.
    pub(crate) const fn session_has_ended(&self) -> bool {
        self.ended
    }

    /// When [`on_time`](Self::on_time) has something to do; `None` while nothing waits. At once, while a demand is to be
    /// taken or a snapshot goes on.
    #[must_use]
    #[inline(always)]
    pub const fn next_deadline(&self) -> Option<Nanos> {
        if self.deadline == Nanos::MAX {
            None
        } else {
            Some(self.deadline)
        }
    }

    /// What was wrong with the frame taken last, once.
    #[inline(always)]
    pub const fn take_defect(&mut self) -> Option<Defect> {
        self.defect.take()
    }

    /// Takes a frame that `line` brought at `now`. What waited longer than it may goes first.
    ///
    /// A line beyond [`LINES_MAX`] is not known; its frame is counted and ignored.
    #[inline(always)]
    pub fn on_frame<O: Outlet>(
        &mut self,
        line: LineId,
        now: Nanos,
        frame: &Frame<'_>,
        out: &mut O,
    ) {
        if now >= self.deadline || now < self.latest {
            self.on_time(now, out);
        }
        self.latest = now;
        let Some(state) = self.lines.get(line.index()) else {
            self.counters.frame_errors.unknown_line += 1;
            return;
        };
        let in_order = frame.first == self.next
            && state.epoch == self.short_way
            && frame.session == self.session
            && matches!(frame.kind, FrameKind::Data);
        if in_order {
            self.counters.lines[line.index()].messages += u64::from(frame.count);
            self.show(line, now, frame.first, frame.end());
            let walked = out.deliver(line, now, frame, 0);
            self.note(line, frame, walked);
            let handed = Handed {
                skip: 0,
                whole: walked.whole,
                fingerprint: fingerprint(frame.body),
            };
            self.passed(line, now, frame.count, handed);
        } else {
            self.take(line, now, frame, out);
        }
    }

    /// Lets go what waited longer than it may. To be called between packets, at the latest shortly after
    /// [`next_deadline`](Self::next_deadline).
    pub fn on_time<O: Outlet>(&mut self, now: Nanos, out: &mut O) {
        if now < self.latest {
            self.rebase(now);
        }
        self.latest = now;
        if self.recovery.pauses() {
            self.go_on_with_snapshot(now, out);
        }
        self.expire(now, out);
        self.settle(now, out);
    }

    /// The clock stepped back to `now`.
    #[cold]
    fn rebase(&mut self, now: Nanos) {
        let window = self.window();
        self.hold.rebase(now);
        self.epoch_since = self.epoch_since.min(now);
        for line in &mut self.lines {
            line.rebase(now);
        }
        if let Some(overdue) = &mut self.overdue {
            overdue.until = overdue.until.min(now.saturating_add(window));
        }
        if let Some(doubt) = &mut self.doubt {
            doubt.rebase(now, window);
        }
        self.recovery.rebase(now);
    }

    /// Lets go everything that waits: no more input will come.
    pub fn finish<O: Outlet>(&mut self, now: Nanos, out: &mut O) {
        self.let_go(now, out);
        self.settle(now, out);
    }

    /// Every frame but the one that is simply next.
    #[inline(never)]
    fn take<O: Outlet>(&mut self, line: LineId, now: Nanos, frame: &Frame<'_>, out: &mut O) {
        let counters = &mut self.counters.lines[line.index()];
        match frame.kind {
            FrameKind::Data => counters.messages += u64::from(frame.count),
            FrameKind::Heartbeat => counters.heartbeats += 1,
            FrameKind::EndOfSession => counters.ends_of_session += 1,
        }
        if frame.kind != FrameKind::Data {
            self.counters.heartbeats += u64::from(frame.kind == FrameKind::Heartbeat);
            let walked = Walked {
                whole: 0,
                trailing_bytes: frame.body.len(),
                cut_at: None,
            };
            self.note(line, frame, walked);
        }
        if frame.first == 0 {
            if frame.kind == FrameKind::Data {
                self.unsequenced(line, now, frame, out);
            }
            return;
        }
        match self.place(line, now, frame) {
            Place::Start => {
                self.begin(now, frame, out);
                self.take_current(line, now, frame, out);
            }
            Place::Current => self.take_current(line, now, frame, out),
            Place::Pending => self.take_pending(line, now, frame, out),
            Place::Stale => self.counters.lines[line.index()].stale += u64::from(frame.count),
            // While the numbers of a session restart, that session is alive.
            Place::OtherSession if self.pending.is_some_and(|pending| pending.restarts) => {
                self.counters.lines[line.index()].stale += u64::from(frame.count);
                self.counters.sessions_refused += 1;
            }
            Place::OtherSession => {
                self.open_session(now, frame, out);
                self.take_pending(line, now, frame, out);
            }
        }
        self.settle(now, out);
    }

    /// Messages without a number: nothing to compare with, so they go on at once.
    fn unsequenced<O: Outlet>(&mut self, line: LineId, now: Nanos, frame: &Frame<'_>, out: &mut O) {
        self.finish_snapshot(now, out);
        let walked = out.deliver(line, now, frame, 0);
        self.note(line, frame, walked);
        let whole = u64::from(walked.whole);
        let counters = &mut self.counters.lines[line.index()];
        counters.delivered += whole;
        counters.truncated += u64::from(frame.count) - whole.min(u64::from(frame.count));
        self.counters.messages += whole;
        self.counters.unsequenced += whole;
    }

    /// A frame of the current numbering.
    fn take_current<O: Outlet>(
        &mut self,
        line: LineId,
        now: Nanos,
        frame: &Frame<'_>,
        out: &mut O,
    ) {
        if frame.first.saturating_sub(self.next) > LEAP_MESSAGES && self.leaps(frame.first) {
            self.hold_back(self.epoch, line, now, frame, true, out);
            return;
        }
        let state = &mut self.lines[line.index()];
        if state.epoch != self.epoch {
            state.join(self.epoch, frame.first, now);
        }
        state.heard = now;
        if frame.first < state.position && self.restarts(line, now, frame, out) {
            self.open_reset(line, frame);
            self.take_pending(line, now, frame, out);
            return;
        }
        self.show(line, now, frame.first, frame.end());
        match frame.kind {
            FrameKind::Data if frame.end() <= self.next => self.copy(line, now, frame),
            FrameKind::Data if frame.first <= self.next && !self.recovery.pauses() => {
                let skip = (self.next - frame.first) as u32;
                self.pass_by(line, frame.first, skip);
                let walked = out.deliver(line, now, frame, skip);
                self.note(line, frame, walked);
                self.retain(line, now, frame, skip, walked.whole);
                let handed = Handed {
                    skip,
                    whole: walked.whole,
                    fingerprint: fingerprint(frame.body),
                };
                self.passed(line, now, frame.count, handed);
            }
            FrameKind::Data => self.hold_back(self.epoch, line, now, frame, false, out),
            FrameKind::Heartbeat if frame.first <= self.next => {}
            FrameKind::EndOfSession if frame.first < self.next => {}
            FrameKind::EndOfSession if frame.first == self.next && !self.recovery.pauses() => {
                self.end_session(now, out)
            }
            FrameKind::Heartbeat | FrameKind::EndOfSession => {
                self.hold_back(self.epoch, line, now, frame, false, out)
            }
        }
    }

    /// A packet whose numbers were all passed before.
    fn copy(&mut self, line: LineId, now: Nanos, frame: &Frame<'_>) {
        self.pass_by(line, frame.first, frame.count);
        if let Some(first) = self.recent.find(frame.end(), line) {
            self.skew(line, first.line, first.received, now);
        }
    }

    /// Counts the messages `first .. first + count`, which were passed before, under the right reason.
    pub(super) fn pass_by(&mut self, line: LineId, first: u64, count: u32) {
        let end = first.saturating_add(u64::from(count));
        let before_start = end.min(self.start).saturating_sub(first);
        let late = self.recent.lost_among(first, end);
        let is_of_answers = (self.config.answer_lines_from..LINES_MAX).contains(&line.index());
        let counters = &mut self.counters.lines[line.index()];
        counters.before_start += before_start;
        // Late is what waiting for longer would have had. An answer has no part in that.
        if is_of_answers {
            counters.refused += late;
        } else {
            counters.late += late;
        }
        counters.duplicates += u64::from(count) - before_start - late;
    }

    pub(super) fn skew(&mut self, line: LineId, other: LineId, earlier: Nanos, now: Nanos) {
        if line != other {
            let skew = now.saturating_sub(earlier);
            let counters = &mut self.counters.lines[line.index()];
            counters.skew_packets += 1;
            counters.skew_sum_ns = counters.skew_sum_ns.saturating_add(skew);
            counters.skew_max_ns = counters.skew_max_ns.max(skew);
        }
    }

    /// Keeps what the line itself has shown up to date.
    #[inline(always)]
    pub(super) fn show(&mut self, line: LineId, now: Nanos, first: u64, end: u64) {
        let state = &mut self.lines[line.index()];
        let counters = &mut self.counters.lines[line.index()];
        state.heard = now;
        if first > state.position {
            counters.gaps += 1;
            counters.gap_messages = counters.gap_messages.saturating_add(first - state.position);
        } else if first < state.position && end > first {
            counters.out_of_order += 1;
        }
        if end > state.position {
            state.position = end;
            state.advanced = now;
        }
    }

    /// Accounts for a frame that was handed over; the messages skipped are accounted for already.
    #[inline(always)]
    pub(super) fn passed(&mut self, line: LineId, received: Nanos, count: u32, handed: Handed) {
        let Handed {
            skip,
            whole,
            fingerprint,
        } = handed;
        let delivered = u64::from(whole.saturating_sub(skip));
        let counters = &mut self.counters.lines[line.index()];
        counters.delivered += delivered;
        counters.truncated += u64::from(count.saturating_sub(whole.max(skip)));
        if delivered == 0 {
            return;
        }
        counters.wins += 1;
        self.counters.messages += delivered;
        self.next = self.next.saturating_add(delivered);
        self.counters.next_sequence = self.next;
        self.ended = false;
        self.recent.push(Passed {
            end: self.next,
            received,
            fingerprint,
            line,
        });
    }

    /// Notes what is wrong with a frame's body.
    #[inline(always)]
    pub(super) fn note(&mut self, line: LineId, frame: &Frame<'_>, walked: Walked) {
        if walked.whole < frame.count || walked.trailing_bytes > 0 {
            self.note_defect(line, frame, walked);
        }
    }

    #[cold]
    fn note_defect(&mut self, line: LineId, frame: &Frame<'_>, walked: Walked) {
        if walked.whole < frame.count {
            self.counters.frame_errors.truncated += 1;
            self.defect = Some(Defect::Truncated {
                offset: walked.cut_at.unwrap_or(frame.body.len()),
                missing: frame.count - walked.whole,
                announced: frame.count,
            });
        } else {
            self.counters.frame_errors.trailing_bytes += 1;
            self.counters.lines[line.index()].trailing_bytes += walked.trailing_bytes as u64;
            self.defect = Some(Defect::TrailingBytes {
                bytes: walked.trailing_bytes,
            });
        }
    }

    pub(super) fn end_session<O: Outlet>(&mut self, now: Nanos, out: &mut O) {
        if !self.ended {
            self.ended = true;
            self.counters.session_ends += 1;
            out.event(
                now,
                Event::SessionEnd {
                    sequence: self.next,
                },
            );
        }
    }
}

/// What became of a frame's messages.
#[derive(Clone, Copy)]
pub(super) struct Handed {
    /// Not handed over, because they were passed before.
    pub(super) skip: u32,
    /// Whole in the packet, those skipped included.
    pub(super) whole: u32,
    pub(super) fingerprint: u32,
}
