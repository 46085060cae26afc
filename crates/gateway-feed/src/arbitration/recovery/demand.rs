//! What a channel wants to have from elsewhere, as it tells it.

use super::super::arbiter::Arbiter;
use super::super::waiting::Overdue;
use crate::recovery::{Demand, Hole};

impl Arbiter {
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
    pub(in crate::arbitration) fn note_progress(&mut self) {
        let recovery = &mut self.recovery;
        if recovery.recovering.is_none() {
            return;
        }
        let top = self.overdue.as_ref().and_then(Overdue::highest);
        let more = top > recovery.demanded_top
            && Some((self.epoch, recovery.hole_top)) > recovery.demanded_top;
        recovery.demand_due |= more || recovery.demanded.next != self.next;
    }
}
