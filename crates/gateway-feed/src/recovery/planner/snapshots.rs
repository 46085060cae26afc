//! Snapshots, and what becomes of holes that none can close.

use super::super::SupplyItem;
use super::super::pieces::Piece;
use super::{Action, Fetch, Planner};
use crate::sink::Nanos;

impl Planner {
    fn has_snapshot_server(&self) -> bool {
        self.config.snapshot_servers > 0
    }

    pub(super) fn wants_snapshot(&self) -> bool {
        let spent = self.spent_before().is_some() && !self.has_given_up();
        self.has_snapshot_server() && (self.demand.snapshot_from.is_some() || spent)
    }

    /// Whether the channel has been told that something cannot be had, and has not said yet that it knows.
    pub(super) fn has_given_up(&self) -> bool {
        self.gave_up > self.demand.supplied
    }

    /// The lowest sequence that a snapshot must have.
    pub(super) fn snapshot_needed(&self) -> u64 {
        let spent = self.spent_before().unwrap_or(0);
        self.demand.snapshot_from.unwrap_or(0).max(spent)
    }

    pub(super) fn fetch(&mut self, now: Nanos, act: &mut impl FnMut(Action)) {
        if !self.wants_snapshot() {
            if !matches!(self.fetch, Fetch::Given { .. }) {
                self.leave_snapshot(act);
            }
            return;
        }
        if matches!(self.fetch, Fetch::Idle) && now >= self.fetch_at {
            let server = self.next_snapshot_server % self.config.snapshot_servers;
            self.fetch = Fetch::Running;
            self.counters.snapshot_attempts += 1;
            let from = self.snapshot_needed();
            act(Action::FetchSnapshot { server, from });
        }
    }

    pub(super) fn leave_snapshot(&mut self, act: &mut impl FnMut(Action)) {
        if matches!(self.fetch, Fetch::Running) {
            act(Action::AbandonSnapshot);
        }
        self.fetch = Fetch::Idle;
    }

    /// Another server is tried, after a pause.
    pub(super) fn fetch_failed(&mut self, now: Nanos) {
        self.fetch_failures = self.fetch_failures.saturating_add(1);
        self.next_snapshot_server = self.next_snapshot_server.wrapping_add(1);
        let pause = self.config.snapshot_backoff.after(self.fetch_failures);
        self.fetch_at = now.saturating_add(pause);
    }

    /// Hands over a snapshot that is here, or gives up what none can close.
    pub(super) fn give(&mut self, act: &mut impl FnMut(Action)) {
        if self.offer_at.is_some() {
            return;
        }
        if let Fetch::Here(snapshot) = &self.fetch {
            let sequence = snapshot.sequence();
            let open = |piece: &Piece| !piece.spent && piece.first < sequence;
            if sequence < self.snapshot_needed() {
                self.counters.snapshots_too_old += 1;
                self.fetch = Fetch::Idle;
                self.fetch_failed(self.latest);
            } else if !self.pieces.iter().any(open) {
                let snapshot = snapshot.clone();
                let serial = self.supply(SupplyItem::Snapshot(snapshot.clone()), act);
                self.counters.snapshots += 1;
                self.fetch = Fetch::Given { serial, snapshot };
            }
            return;
        }
        let tries =
            self.has_snapshot_server() && self.fetch_failures < self.config.snapshot_attempts_max;
        if let Some(before) = self.spent_before()
            && !tries
            && !matches!(self.fetch, Fetch::Given { .. })
            && !self.has_given_up()
        {
            self.counters.given_up += 1;
            self.gave_up = self.supply(SupplyItem::GiveUp { before }, act);
        }
    }
}
