//! What servers say that send what they are asked for elsewhere.

use super::super::pieces::Piece;
use super::{Action, Planner};
use crate::sink::Nanos;

/// A server's word about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// What was asked for is on its way.
    Accepted,
    /// It does not have those messages.
    NotThere,
    /// It sends fewer at a time.
    TooMany,
    /// It takes no request for so long, in nanoseconds.
    Exhausted(Nanos),
    /// It cannot send now.
    Unavailable,
    /// It could not be asked: nothing was sent.
    NotAsked,
}

impl Planner {
    /// Takes a server's word about the request for the messages from `first` on. Of one that does not run any more only that
    /// the server answers, or does not, is taken note of.
    pub fn on_reply(
        &mut self,
        now: Nanos,
        server: usize,
        first: u64,
        reply: Reply,
        act: &mut impl FnMut(Action),
    ) {
        self.notice(now);
        match reply {
            Reply::Accepted => {
                self.counters.answers += 1;
                if let Some(server) = self.servers.get_mut(server) {
                    server.answered();
                }
                self.preferred = server;
                return;
            }
            Reply::NotThere | Reply::TooMany => self.counters.refused += 1,
            Reply::Exhausted(_) | Reply::Unavailable | Reply::NotAsked => {
                self.counters.unavailable += 1;
            }
        }
        let asked = self.end_request(server, first);
        match reply {
            Reply::TooMany => {
                // Nothing is asked for in vain that is asked for in smaller parts.
                if let Some(count) = asked.filter(|count| *count > 1) {
                    let half = u16::try_from(count / 2).unwrap_or(u16::MAX);
                    self.fits = Some(self.fits.map_or(half, |fits| fits.min(half)));
                } else {
                    self.blame(first);
                }
            }
            Reply::NotThere => {
                self.blame(first);
                self.preferred = server + 1;
            }
            Reply::Exhausted(rest) => {
                self.rest(server, now, now.saturating_add(rest));
            }
            Reply::Unavailable => {
                self.blame(first);
                self.rest(server, now, now);
            }
            // That is nothing against the messages.
            Reply::NotAsked => self.rest(server, now, now),
            Reply::Accepted => {}
        }
        self.plan(now, act);
    }

    /// A server that could not be asked can be: whatever rest it had is over.
    pub fn on_server_up(&mut self, now: Nanos, server: usize, act: &mut impl FnMut(Action)) {
        self.notice(now);
        if let Some(server) = self.servers.get_mut(server) {
            server.answered();
        }
        self.plan(now, act);
    }

    /// The request to `server` from `first` on runs no longer; how many messages it was for, where it was the last one for
    /// these.
    fn end_request(&mut self, server: usize, first: u64) -> Option<u64> {
        let bit = 1_u32.checked_shl(server as u32)?;
        let piece = self.pieces.iter_mut().find(|piece| {
            piece.first <= first
                && first < piece.end
                && piece.asked.is_some_and(|asked| asked.servers & bit != 0)
        })?;
        let asked = piece.asked.as_mut()?;
        asked.servers &= !bit;
        if asked.servers != 0 {
            return None;
        }
        piece.asked = None;
        Some(piece.end - piece.first)
    }

    /// The messages from `first` on were asked for in vain once more, unless another request for them runs.
    fn blame(&mut self, first: u64) {
        let open =
            |piece: &&mut Piece| piece.first <= first && first < piece.end && piece.asked.is_none();
        if let Some(piece) = self.pieces.iter_mut().find(open) {
            piece.attempts += 1;
        }
    }

    /// A server is not asked until `until`, nor as long as it would rest after a failure.
    fn rest(&mut self, server: usize, now: Nanos, until: Nanos) {
        let backoff = self.config.backoff;
        if let Some(server) = self.servers.get_mut(server) {
            if server.rests_until <= now {
                server.failed(now, backoff);
            }
            server.rests_until = server.rests_until.max(until);
        }
    }
}
