//! A snapshot that stands in the place of what is lost: from its first message to where the lines go on.

use super::super::arbiter::Arbiter;
use super::super::{Event, LEAP_MESSAGES, Outlet};
use super::Splice;
use crate::recovery::SupplyError;
use crate::sink::Nanos;
use crate::transport::{Frame, FrameKind, SessionId};

/// Messages of a snapshot that are taken at once: some tens of microseconds of work.
const PART_MESSAGES: usize = 512;
/// Retained packets that are told again at once.
const PART_PACKETS: usize = 16;

impl Arbiter {
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
        let shown = self.shown();
        if sequence.saturating_sub(shown) > LEAP_MESSAGES {
            return Err(SupplyError::TooFarAhead { sequence, shown });
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

    /// The number behind the highest that any line has shown of the current numbering, or that was given up.
    fn shown(&self) -> u64 {
        let here = self.lines.iter().filter(|line| line.epoch == self.epoch);
        here.map(|line| line.position).fold(self.next, u64::max)
    }

    /// Goes on with the snapshot, a part at a time.
    pub(in crate::arbitration) fn go_on_with_snapshot<O: Outlet>(
        &mut self,
        now: Nanos,
        out: &mut O,
    ) {
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
    pub(in crate::arbitration) fn finish_snapshot<O: Outlet>(&mut self, now: Nanos, out: &mut O) {
        while self.recovery.pauses() {
            self.go_on_with_snapshot(now, out);
        }
    }
}
