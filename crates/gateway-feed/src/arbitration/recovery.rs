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

use super::arbiter::{Arbiter, Handed, OnGap};
use super::hold::{Held, Key};
use super::recent::fingerprint;
use super::retained::{Kept, Retained};
use super::waiting::Overdue;
use super::{ChannelState, Event, LineId, Outlet, RECOVERY};
use crate::recovery::{Demand, Hole, SupplyError};
use crate::sink::Nanos;
use crate::transport::{Frame, FrameKind, SessionId};

/// Messages of a snapshot that are taken at once: some tens of microseconds of work.
const PART_MESSAGES: usize = 512;
/// Retained packets that are told again at once.
const PART_PACKETS: usize = 16;

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
    /// Something of the current numbering before `next` is missing.
    pub(super) fn doubt_books(&mut self) {
        if self.config.snapshots {
            self.recovery.in_doubt = true;
            self.recovery.demand_due = true;
            self.recovery.retained.restart(self.next);
        }
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

    /// What the channel wants now.
    fn demand(&mut self) -> Demand {
        let recovery = &self.recovery;
        let mut demand = Demand::new(self.epoch, self.session, self.next, recovery.supplied);
        if recovery.in_doubt && recovery.splice.is_none() {
            demand.snapshot_from = Some(recovery.retained.from());
        }
        let mut missing = 0;
        if recovery.recovering.is_some() {
            let top = self.overdue.as_ref().and_then(Overdue::highest);
            let mut cursor = self.next;
            for held in self.hold.iter() {
                let asked = held.epoch == self.epoch && Some(held.key()) <= top;
                if !asked || self.is_doubtful(held) {
                    break;
                }
                if held.first > cursor {
                    let count = held.first - cursor;
                    if !demand.push(Hole {
                        first: cursor,
                        count,
                    }) {
                        break;
                    }
                    missing += count;
                }
                cursor = cursor.max(held.end());
                if held.first >= recovery.hole_top {
                    break;
                }
            }
        }
        self.counters.recovery.holes_open = demand.holes().len() as u64;
        self.counters.recovery.missing = missing;
        demand
    }

    /// Hands what the channel wants to `take`, if that has changed; `take` says whether it could take it, and is asked
    /// again if not.
    pub(crate) fn tell_demand(&mut self, take: impl FnOnce(&Demand) -> bool) {
        if !self.recovery.demand_due {
            return;
        }
        let demand = self.demand();
        if demand != self.recovery.demanded {
            if !take(&demand) {
                self.counters.recovery.demands_delayed += 1;
                return;
            }
            self.recovery.demanded = demand;
        }
        self.recovery.demanded_top = self.overdue.as_ref().and_then(Overdue::highest);
        self.recovery.demand_due = false;
        self.set_deadline();
    }

    /// Looks whether the holes are others than were demanded: the lowest was filled in part, or there are more.
    pub(super) fn note_progress(&mut self) {
        let recovery = &mut self.recovery;
        if recovery.recovering.is_none() {
            return;
        }
        let top = self.overdue.as_ref().and_then(Overdue::highest);
        let more = top > recovery.demanded_top
            && Some((self.epoch, recovery.hole_top)) > recovery.demanded_top;
        recovery.demand_due |= more || recovery.demanded.next != self.next;
    }

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
        }
        self.settle(now, out);
    }

    /// Takes what is missing out of a packet of a re-request server.
    pub(crate) fn on_answer<O: Outlet>(
        &mut self,
        now: Nanos,
        frame: &Frame<'_>,
        out: &mut O,
    ) -> Result<(), SupplyError> {
        if frame.kind != FrameKind::Data || frame.first == 0 || frame.count == 0 {
            return Err(SupplyError::NoMessages);
        }
        let announced = u64::from(frame.count);
        let of_servers = &mut self.counters.lines[RECOVERY.index()];
        of_servers.messages += announced;
        if frame.session != self.session {
            of_servers.stale += announced;
            let session = frame.session;
            return Err(SupplyError::Session { session });
        }
        let whole = out.measure(frame).whole.min(frame.count);
        of_servers.truncated += u64::from(frame.count - whole);
        if whole == 0 {
            return Err(SupplyError::NoMessages);
        }
        let end = frame.first.saturating_add(u64::from(whole));
        let (mut cursor, mut taken, mut no_room) = (frame.first, false, false);
        while cursor < end {
            let passed = self.next.min(end).saturating_sub(cursor);
            if passed > 0 {
                self.pass_by(RECOVERY, cursor, passed as u32);
                cursor += passed;
                continue;
            }
            let held = self.hold.last_up_to((self.epoch, cursor));
            if let Some(held) = held.filter(|held| held.epoch == self.epoch && held.end() > cursor)
            {
                let known = held.end().min(end) - cursor;
                self.counters.lines[RECOVERY.index()].duplicates += known;
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
            if self.take_answer(now, &part, out) {
                taken = true;
            } else {
                self.counters.lines[RECOVERY.index()].refused += u64::from(count);
                no_room = true;
            }
            cursor = to;
        }
        self.counters.lines[RECOVERY.index()].refused += end - cursor;
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
    fn take_answer<O: Outlet>(&mut self, now: Nanos, part: &Frame<'_>, out: &mut O) -> bool {
        if part.first == self.next && !self.recovery.pauses() {
            let walked = out.deliver(RECOVERY, now, part, 0);
            self.retain(RECOVERY, now, part, 0, walked.whole);
            let handed = Handed {
                skip: 0,
                whole: walked.whole,
                fingerprint: fingerprint(part.body),
            };
            self.passed(RECOVERY, now, part.count, handed);
            self.drain(now, out);
            return true;
        }
        if !self.hold.fits(part.body.len()) {
            return false;
        }
        let held = Held::new(self.epoch, part.first, part.count, part.kind, RECOVERY, now);
        self.counters.held += 1;
        self.counters.lines[RECOVERY.index()].holding += u64::from(part.count);
        self.hold.insert(held, part.body, now);
        self.counters.holding_max = self.counters.holding_max.max(self.hold.len() as u64);
        true
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

    /// Begins to take a snapshot that is valid at `sequence`; the outlet has its messages.
    pub(crate) fn begin_snapshot<O: Outlet>(
        &mut self,
        now: Nanos,
        session: SessionId,
        (sequence, count): (u64, u32),
        out: &mut O,
    ) -> Result<(), SupplyError> {
        let wanted = self.recovery.in_doubt || self.recovery.recovering.is_some();
        if !self.config.snapshots || self.recovery.pauses() || !wanted {
            return Err(SupplyError::NoSnapshotWanted);
        }
        if session != self.session {
            return Err(SupplyError::Session { session });
        }
        let needed = if self.recovery.in_doubt {
            self.recovery.retained.from()
        } else {
            self.next
        };
        if sequence < needed {
            return Err(SupplyError::TooOld { sequence, needed });
        }
        if !self.recovery.in_doubt {
            self.recovery.in_doubt = true;
            self.recovery.retained.restart(self.next);
        }
        while let Some(front) = self.hold.front()
            && front.epoch == self.epoch
            && front.first < sequence
            && !self.is_doubtful(front)
        {
            self.release_lowest(now, out);
        }
        if self.next < sequence {
            self.lose(sequence, now, out);
        }
        self.recovery.splice = Some(Splice {
            sequence,
            told: false,
            replayed: 0,
        });
        let messages = u64::from(count);
        self.counters.recovery.snapshots += 1;
        self.counters.recovery.snapshot_messages += messages;
        out.event(now, Event::SnapshotBegin { sequence, messages });
        Ok(())
    }

    /// Goes on with the snapshot, a part at a time.
    pub(super) fn go_on_with_snapshot<O: Outlet>(&mut self, now: Nanos, out: &mut O) {
        let Some(splice) = &mut self.recovery.splice else {
            return;
        };
        if !splice.told {
            splice.told = out.snapshot(now, splice.sequence, PART_MESSAGES);
            return;
        }
        for _ in 0..PART_PACKETS {
            let Some((kept, body)) = self.recovery.retained.pop() else {
                return self.end_snapshot(now, out);
            };
            let frame = Frame {
                session: self.session,
                first: kept.first,
                count: kept.count,
                kind: FrameKind::Data,
                body,
            };
            let before = splice.sequence.saturating_sub(kept.first);
            let skip = before.max(u64::from(kept.skip));
            if skip < u64::from(kept.count) {
                out.deliver(kept.line, kept.received, &frame, skip as u32);
                let told = u64::from(kept.count) - skip;
                splice.replayed += told;
                self.counters.recovery.replayed += told;
            }
        }
    }

    /// The snapshot is through: the lines' messages go on.
    fn end_snapshot<O: Outlet>(&mut self, now: Nanos, out: &mut O) {
        let Some(splice) = self.recovery.splice.take() else {
            return;
        };
        let (sequence, replayed) = (self.next, splice.replayed);
        out.event(now, Event::SnapshotEnd { sequence, replayed });
        self.recovery.in_doubt = false;
        self.recovery.demand_due = true;
        self.recovery.retained.restart(self.next);
        self.drain(now, out);
    }

    /// Takes all that is left of a snapshot at once, because the lines' messages cannot wait any longer.
    pub(super) fn finish_snapshot<O: Outlet>(&mut self, now: Nanos, out: &mut O) {
        while self.recovery.pauses() {
            self.go_on_with_snapshot(now, out);
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
