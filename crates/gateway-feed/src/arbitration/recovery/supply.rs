//! What a channel is given from elsewhere: answers of re-request servers, and the word that there is none.

use super::super::arbiter::{Arbiter, Handed};
use super::super::hold::Held;
use super::super::recent::fingerprint;
use super::super::{LineId, Outlet};
use crate::recovery::SupplyError;
use crate::sink::Nanos;
use crate::transport::{Frame, FrameKind};

impl Arbiter {
    /// Begins to deal with something that the channel is given.
    pub(crate) fn begin_supply<O: Outlet>(
        &mut self,
        now: Nanos,
        (epoch, serial): (u64, u64),
        out: &mut O,
    ) -> Result<(), SupplyError> {
        if now < self.latest || now >= self.deadline {
            self.on_time(now, out);
        }
        self.latest = now;
        self.recovery.supplied = self.recovery.supplied.max(serial);
        self.recovery.demand_due = true;
        self.counters.recovery.supplies += 1;
        let current = self.epoch;
        if epoch != current || current == 0 {
            return Err(SupplyError::Epoch { epoch, current });
        }
        Ok(())
    }

    /// Ends it.
    pub(crate) fn end_supply<O: Outlet>(
        &mut self,
        now: Nanos,
        result: &Result<(), SupplyError>,
        out: &mut O,
    ) {
        let counters = &mut self.counters.recovery;
        match result {
            Ok(()) => {}
            Err(SupplyError::Epoch { .. }) => counters.refused_epoch += 1,
            Err(SupplyError::Session { .. }) => counters.refused_session += 1,
            Err(SupplyError::NoMessages | SupplyError::Damaged { .. }) => {
                counters.refused_no_messages += 1;
            }
            Err(SupplyError::NotWanted { .. } | SupplyError::NoSnapshotWanted) => {
                counters.refused_not_wanted += 1;
            }
            Err(SupplyError::NoRoom) => counters.refused_no_room += 1,
            Err(SupplyError::TooOld { .. }) => counters.refused_too_old += 1,
            Err(SupplyError::TooFarAhead { .. }) => counters.refused_too_far_ahead += 1,
        }
        self.settle(now, out);
    }

    /// Takes a frame that `line` brought, which carries what somebody asked for again and nothing else: what is missing
    /// here is taken, and nothing else of it has a meaning.
    #[cold]
    pub(crate) fn on_answer_line<O: Outlet>(
        &mut self,
        line: LineId,
        now: Nanos,
        frame: &Frame<'_>,
        out: &mut O,
    ) {
        if now < self.latest || now >= self.deadline {
            self.on_time(now, out);
        }
        self.latest = now;
        if frame.kind == FrameKind::Heartbeat {
            self.counters.lines[line.index()].heartbeats += 1;
        }
        if frame.kind == FrameKind::Data && frame.first == 0 {
            let counters = &mut self.counters.lines[line.index()];
            counters.messages += u64::from(frame.count);
            counters.refused += u64::from(frame.count);
        }
        match self.on_answer(line, now, frame, out) {
            Ok(()) => self.recovery.demand_due = true,
            Err(SupplyError::NoRoom) => self.counters.recovery.refused_no_room += 1,
            // Asked for by somebody else, or counted by message.
            Err(_) => {}
        }
        self.settle(now, out);
    }

    /// Takes what is missing out of a packet that was asked for, which came from a re-request server or on a line.
    pub(crate) fn on_answer<O: Outlet>(
        &mut self,
        line: LineId,
        now: Nanos,
        frame: &Frame<'_>,
        out: &mut O,
    ) -> Result<(), SupplyError> {
        if frame.kind != FrameKind::Data || frame.first == 0 || frame.count == 0 {
            return Err(SupplyError::NoMessages);
        }
        let announced = u64::from(frame.count);
        let of_servers = &mut self.counters.lines[line.index()];
        of_servers.messages += announced;
        if frame.session != self.session {
            of_servers.stale += announced;
            let session = frame.session;
            return Err(SupplyError::Session { session });
        }
        let whole = out.measure(frame).whole.min(frame.count);
        of_servers.truncated += u64::from(frame.count - whole);
        if whole < frame.count {
            self.counters.frame_errors.truncated += 1;
        }
        if whole == 0 {
            return Err(SupplyError::NoMessages);
        }
        let end = frame.first.saturating_add(u64::from(whole));
        let (mut cursor, mut taken, mut no_room) = (frame.first, false, false);
        while cursor < end {
            let passed = self.next.min(end).saturating_sub(cursor);
            if passed > 0 {
                self.pass_by(line, cursor, passed as u32);
                cursor += passed;
                continue;
            }
            let held = self.hold.last_up_to((self.epoch, cursor));
            if let Some(held) = held.filter(|held| held.epoch == self.epoch && held.end() > cursor)
            {
                let known = held.end().min(end) - cursor;
                self.counters.lines[line.index()].duplicates += known;
                cursor += known;
                continue;
            }
            let behind = self.hold.first_from((self.epoch, cursor.saturating_add(1)));
            let Some(behind) = behind.filter(|behind| {
                behind.epoch == self.epoch && behind.first > cursor && !self.is_doubtful(behind)
            }) else {
                break;
            };
            let to = behind.first.min(end);
            let count = (to - cursor) as u32;
            let part = part_of(frame, (cursor - frame.first) as u32, count, out);
            if self.take_answer(line, now, &part, out) {
                taken = true;
            } else {
                self.counters.lines[line.index()].refused += u64::from(count);
                no_room = true;
            }
            cursor = to;
        }
        self.counters.lines[line.index()].refused += end - cursor;
        match (taken, no_room) {
            (true, _) => Ok(()),
            (false, true) => Err(SupplyError::NoRoom),
            (false, false) => Err(SupplyError::NotWanted {
                first: frame.first,
                last: end - 1,
            }),
        }
    }

    /// Delivers, or holds, messages that are missing; `false` where there is no room.
    fn take_answer<O: Outlet>(
        &mut self,
        line: LineId,
        now: Nanos,
        part: &Frame<'_>,
        out: &mut O,
    ) -> bool {
        if part.first == self.next && !self.recovery.pauses() {
            let walked = out.deliver(line, now, part, 0);
            self.retain(line, now, part, 0, walked.whole);
            let handed = Handed {
                skip: 0,
                whole: walked.whole,
                fingerprint: fingerprint(part.body),
            };
            self.passed(line, now, part.count, handed);
            self.drain(now, out);
            return true;
        }
        if !self.hold.fits(part.body.len()) {
            return false;
        }
        let held = Held::new(self.epoch, part.first, part.count, part.kind, line, now);
        self.counters.held += 1;
        self.counters.lines[line.index()].holding += u64::from(part.count);
        self.hold.insert(held, part.body, now);
        self.counters.holding_max = self.counters.holding_max.max(self.hold.len() as u64);
        true
    }

    /// Gives up what is missing below `before`.
    pub(crate) fn give_up<O: Outlet>(&mut self, now: Nanos, before: u64, out: &mut O) {
        while let Some(front) = self.hold.front()
            && self.recovery.recovering.is_some()
            && front.epoch == self.epoch
            && front.first > self.next
            && before > self.next
            && !self.is_doubtful(front)
        {
            let to = front.first.min(before);
            self.lose(to, now, out);
            self.drain(now, out);
        }
    }
}

/// The `count` messages of a frame behind its first `skip`, as a frame of their own.
fn part_of<'a, O: Outlet>(frame: &Frame<'a>, skip: u32, count: u32, out: &O) -> Frame<'a> {
    let bytes_of = |count: u32| {
        let walked = out.measure(&Frame { count, ..*frame });
        frame.body.len() - walked.trailing_bytes
    };
    let begin = if skip == 0 { 0 } else { bytes_of(skip) };
    let end = bytes_of(skip + count).max(begin);
    Frame {
        first: frame.first + u64::from(skip),
        count,
        body: &frame.body[begin..end],
        ..*frame
    }
}
