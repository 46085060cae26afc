//! Requests to re-request servers.

use super::super::pieces::{Asked, Piece};
use super::{Action, Answers, Ask, Planner, Request};
use crate::moldudp64::MESSAGE_COUNT_MAX;
use crate::sink::Nanos;

impl Planner {
    /// Learns from an answer that leaves a rest how much fits one.
    pub(super) fn learn(&mut self, first: u64, end: u64) {
        let left_a_rest =
            |piece: &Piece| piece.asked.is_some() && piece.first == first && end < piece.end;
        if self.pieces.iter().any(left_a_rest) {
            self.fits = u16::try_from(end - first).ok();
        }
    }

    /// A server sent something else than what is missing. Where only one request to it runs, that was the answer.
    pub(super) fn without_answer(&mut self, server: usize) {
        let bit = 1_u32.checked_shl(server as u32).unwrap_or(0);
        let is_asked =
            |piece: &&mut Piece| piece.asked.is_some_and(|asked| asked.servers & bit != 0);
        let mut asked = self.pieces.iter_mut().filter(is_asked);
        let (Some(piece), None) = (asked.next(), asked.next()) else {
            return;
        };
        if let Some(asked) = &mut piece.asked {
            asked.servers &= !bit;
            if asked.servers == 0 {
                piece.asked = None;
                piece.attempts += 1;
                self.preferred = server + 1;
            }
        }
    }

    /// No server is asked for `first .. end` any more.
    pub(super) fn spend(&mut self, first: u64, end: u64) {
        for piece in self.pieces.iter_mut() {
            if piece.first < end && first < piece.end && !piece.spent {
                piece.spent = true;
                piece.asked = None;
                let messages = piece.end - piece.first;
                self.counters.spent_messages =
                    self.counters.spent_messages.saturating_add(messages);
            }
        }
    }

    pub(super) fn request(&mut self, now: Nanos, act: &mut impl FnMut(Action)) {
        let mut running = self
            .pieces
            .iter()
            .filter(|piece| piece.asked.is_some())
            .count();
        let mut index = 0;
        while let Some(piece) = self.pieces.get(index) {
            index += 1;
            if piece.spent || piece.asked.is_some() {
                continue;
            }
            if piece.attempts >= self.config.attempts_max || self.servers.is_empty() {
                self.spend(piece.first, piece.end);
                continue;
            }
            let servers = self.choose(now);
            if servers == 0 || running >= self.config.requests_outstanding_max.max(1) {
                continue;
            }
            if self.rate.free_at(now) > now {
                self.counters.rate_limited += u64::from(!self.limited);
                self.limited = true;
                return;
            }
            self.limited = false;
            let most = self.config.request_messages_max.clamp(1, MESSAGE_COUNT_MAX);
            let most = self
                .fits
                .filter(|_| piece.attempts == 0 || self.config.answers == Answers::OnLines)
                .unwrap_or(most)
                .min(most);
            let count = (piece.end - piece.first).min(u64::from(most)) as u16;
            self.pieces.split(index - 1, piece.first + u64::from(count));
            if let Some(piece) = self.pieces.get_mut(index - 1) {
                let until = now.saturating_add(self.config.answer_timeout_ns);
                piece.asked = Some(Asked { servers, until });
            }
            running += 1;
            let request = Request {
                session: self.demand.session,
                first: piece.first,
                count,
            };
            for server in (0..self.servers.len()).filter(|index| servers & (1 << index) != 0) {
                self.rate.take(now);
                self.counters.requests += 1;
                act(Action::Request { server, request });
            }
        }
    }

    /// The servers to ask now, by bit. In turn, that is the one that failed least: where rests are shorter than the wait
    /// for an answer, two silent servers would else be asked for ever by turns, and a third one never.
    fn choose(&self, now: Nanos) -> u32 {
        let count = self.servers.len();
        let order = (0..count).map(|step| (self.preferred + step) % count);
        let able = order.filter(|index| self.servers[*index].rests_until <= now);
        match self.config.ask {
            Ask::InTurn => able
                .min_by_key(|index| self.servers[*index].failures)
                .map_or(0, |index| 1 << index),
            Ask::All => able.map(|index| 1 << index).sum(),
        }
    }

    /// The number behind the lowest missing numbers that only a snapshot can replace.
    pub(super) fn spent_before(&self) -> Option<u64> {
        let first = self.pieces.get(0).filter(|piece| piece.spent)?;
        let run = self.pieces.iter().take_while(|piece| piece.spent);
        Some(run.map(|piece| piece.end).last().unwrap_or(first.end))
    }
}
