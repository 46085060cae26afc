//! A spin server of PITCH: who is logged in is offered images of the unit's state, and sent the one that they ask for.

#[cfg(test)]
mod tests;

use gateway_feed::pitch::session::{
    CloseReason, Credentials, DefinitionFinished, DefinitionRequest, DefinitionResponse,
    LoginStatus, Say, Server, SpinFinished, SpinImageAvailable, SpinRequest, SpinResponse,
    SpinStatus,
};

use super::counts::SpinCounts;
use super::tcp::{Conversation, Door, Service};
use crate::venue::{Snapshot, Venue};

/// Between two offers.
const OFFER_NS: u64 = 1_000_000_000;
/// Bytes that wait to be sent, at most: what the network does not take is not made.
const OUTPUT_BYTES_MAX: usize = 64 * 1024;

/// How a server serves.
#[derive(Clone, Debug, PartialEq)]
pub struct SpinOptions {
    /// Who is let in.
    pub credentials: Credentials,
    /// Nanoseconds between two offers; `None` for the second of the specification.
    pub offer_ns: Option<u64>,
}

/// A server: makes connections.
#[derive(Debug)]
pub struct SpinServer {
    options: SpinOptions,
}

impl SpinServer {
    /// One that serves as `options` say.
    #[must_use]
    pub const fn new(options: SpinOptions) -> Self {
        Self { options }
    }
}

/// One connection.
#[derive(Debug)]
pub struct SpinConnection {
    server: Server,
    options: SpinOptions,
    counts: SpinCounts,
    next_offer_ns: u64,
    /// The image that was offered last: as of which message, and how many orders it tells.
    offered: Option<(u32, u32, Snapshot)>,
    /// The one that is being sent, and how far it is.
    sending: Option<(u32, Snapshot, usize)>,
}

impl Service for SpinServer {
    const NAME: &'static str = "spin";
    type Connection = SpinConnection;
    type Counts = SpinCounts;

    fn connect(&mut self, now_ns: u64) -> SpinConnection {
        SpinConnection {
            server: Server::new(now_ns),
            options: self.options.clone(),
            counts: SpinCounts::default(),
            next_offer_ns: now_ns,
            offered: None,
            sending: None,
        }
    }

    fn note(counts: &mut SpinCounts, door: Door) {
        match door {
            Door::Came => counts.connections += 1,
            Door::WhileDown => counts.while_down += 1,
            Door::TooMany => counts.too_many += 1,
        }
    }

    fn settle(connection: &SpinConnection, _down: bool, counts: &mut SpinCounts) {
        counts.add(&connection.counts);
        counts.given_up += u64::from(connection.sending.is_some());
    }
}

impl Conversation for SpinConnection {
    fn on_bytes(&mut self, now_ns: u64, bytes: &[u8], _venue: &Venue) {
        let Self {
            server,
            options,
            counts,
            offered,
            sending,
            ..
        } = self;
        let mut judge = |who: &Credentials| {
            if *who == options.credentials {
                LoginStatus::Accepted
            } else {
                LoginStatus::NotAuthorized
            }
        };
        let mut answer = |message: &[u8], say: &mut Say<'_>| {
            if DefinitionRequest::parse(message).is_some() {
                // Equities have nothing to define.
                let status = match sending {
                    Some(_) => SpinStatus::InProgress,
                    None => SpinStatus::Accepted,
                };
                let response = DefinitionResponse {
                    instrument_count: 0,
                    status,
                };
                say.message(&response.encode());
                if status == SpinStatus::Accepted {
                    say.message(&DefinitionFinished.encode());
                }
                return;
            }
            let Some(SpinRequest { sequence }) = SpinRequest::parse(message) else {
                counts.malformed += 1;
                return;
            };
            counts.requests += 1;
            let found = offered.take_if(|offer| offer.0 == sequence && sending.is_none());
            let (order_count, status) = match &found {
                Some((_, orders, _)) => (*orders, SpinStatus::Accepted),
                None if sending.is_some() => (0, SpinStatus::InProgress),
                None => (0, SpinStatus::OutOfRange),
            };
            counts.refused += u64::from(found.is_none());
            let response = SpinResponse {
                sequence,
                order_count,
                status,
            };
            say.message(&response.encode());
            if let Some((_, _, snapshot)) = found {
                *sending = Some((sequence, snapshot, 0));
            }
        };
        match server.on_bytes(now_ns, bytes, &mut judge, &mut answer) {
            Ok(()) => {}
            Err(CloseReason::Refused(_)) => counts.not_authorized += 1,
            Err(_) => counts.malformed += 1,
        }
    }

    fn on_time(&mut self, now_ns: u64, venue: &Venue) {
        if self.server.is_logged_in() && self.sending.is_none() && now_ns >= self.next_offer_ns {
            self.next_offer_ns = now_ns + self.options.offer_ns.unwrap_or(OFFER_NS);
            self.offer(now_ns, venue);
        }
        self.send(now_ns);
        // Whoever has fallen silent is hung up on.
        let _ = self.server.on_time(now_ns);
    }

    fn output(&self) -> &[u8] {
        self.server.output()
    }

    fn sent(&mut self, bytes: usize) {
        self.server.sent(bytes);
    }

    fn is_over(&self) -> bool {
        self.server.is_closed()
    }
}

impl SpinConnection {
    /// Offers the state as it is now, once there is a message.
    fn offer(&mut self, now_ns: u64, venue: &Venue) {
        let ledger = venue.lock();
        let Some(sequence) = ledger.next_sequence.checked_sub(1).filter(|last| *last > 0) else {
            return;
        };
        let sequence = sequence as u32;
        let (snapshot, orders) = ledger.pitch.snapshot();
        drop(ledger);
        self.offered = Some((sequence, orders, snapshot));
        self.server
            .send(now_ns, &SpinImageAvailable { sequence }.encode());
    }

    /// Sends the next messages of the image, as many as there is room for.
    fn send(&mut self, now_ns: u64) {
        let Some((sequence, snapshot, offset)) = &mut self.sending else {
            return;
        };
        for (end, message) in snapshot.messages_from(*offset) {
            if self.server.output().len() >= OUTPUT_BYTES_MAX {
                return;
            }
            self.server.send(now_ns, message);
            *offset = end;
            self.counts.messages += 1;
        }
        let finished = SpinFinished {
            sequence: *sequence,
        };
        self.server.send(now_ns, &finished.encode());
        self.counts.complete += 1;
        self.sending = None;
    }
}
