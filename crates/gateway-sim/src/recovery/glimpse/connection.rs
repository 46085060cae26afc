//! One connection of a Glimpse server, from its login to its end.

use gateway_feed::itch50::glimpse::EndOfSnapshot;
use gateway_feed::soupbintcp::{
    Credentials, LoginAccepted, LoginRequest, RejectReason, Server, ServerEvent, ServerHandler,
    SessionName,
};

use super::super::counts::GlimpseCounts;
use super::super::tcp::Conversation;
use super::Fate;
use crate::venue::{Ledger, Snapshot, Venue};

/// Bytes that wait to be sent, at most: what the network does not take is not made.
const OUTPUT_BYTES_MAX: usize = 64 * 1024;
/// Begins with a length of 0, which no packet has.
const GARBAGE: &[u8] = b"\0\0this is no packet";
/// By how much a wrong sequence number at the end of a snapshot lies ahead.
const WRONG_END_AHEAD: u64 = 1_000_000;

/// One connection.
#[derive(Debug)]
pub struct GlimpseConnection {
    pub(super) server: Server,
    pub(super) visit: Visit,
    pub(super) fate: Fate,
    pub(super) interval_ns: u64,
    /// Whether the fate came about: nothing more is said.
    pub(super) done: bool,
    pub(super) hang_up: bool,
    /// What follows the output and is no packet.
    pub(super) garbage: &'static [u8],
}

impl Conversation for GlimpseConnection {
    fn on_bytes(&mut self, now_ns: u64, bytes: &[u8], venue: &Venue) {
        self.on_bytes(now_ns, bytes, venue);
    }

    fn on_time(&mut self, now_ns: u64, venue: &Venue) {
        self.on_time(now_ns, venue);
    }

    fn output(&self) -> &[u8] {
        self.output()
    }

    fn sent(&mut self, bytes: usize) {
        self.sent(bytes);
    }

    fn is_over(&self) -> bool {
        self.is_over()
    }
}

/// What the handler of the session keeps.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) credentials: Credentials,
    pub(super) session: Option<SessionName>,
    pub(super) refusal: Option<RejectReason>,
    /// Why a login was refused, if one was.
    pub(super) refused: Option<(RejectReason, bool)>,
    pub(super) delivery: Option<Delivery>,
    pub(super) login: bool,
}

/// A snapshot on its way.
#[derive(Debug)]
pub(super) struct Delivery {
    snapshot: Snapshot,
    next_sequence: u64,
    offset: usize,
    sent: u32,
    /// Whether the last message was sent, too.
    ended: bool,
    start_ns: Option<u64>,
}

/// The exchange's state is looked at in the moment of the login, and at no other.
struct Handler<'a> {
    visit: &'a mut Visit,
    venue: &'a Venue,
}

impl GlimpseConnection {
    /// Takes what came over the connection.
    pub fn on_bytes(&mut self, now_ns: u64, bytes: &[u8], venue: &Venue) {
        if self.fate != Fate::Silent {
            let visit = &mut self.visit;
            self.server
                .on_bytes(now_ns, bytes, &mut Handler { visit, venue });
        }
    }

    /// Does what is due, and makes ready what is to be sent next.
    pub fn on_time(&mut self, now_ns: u64, venue: &Venue) {
        if self.fate == Fate::Silent || self.done {
            return;
        }
        self.deliver(now_ns);
        if !self.done {
            let visit = &mut self.visit;
            self.server.on_time(now_ns, &mut Handler { visit, venue });
        }
    }

    /// What is to be sent.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        match self.server.output() {
            [] => self.garbage,
            output => output,
        }
    }

    /// The first `bytes` of [`output`](Self::output) are sent.
    pub fn sent(&mut self, bytes: usize) {
        if self.server.output().is_empty() {
            self.garbage = self.garbage.get(bytes..).unwrap_or_default();
        } else {
            self.server.sent(bytes);
        }
    }

    /// Whether the connection is to be closed once the output is sent.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.hang_up || self.server.is_closed()
    }

    /// Messages that were sent, the last one of a snapshot included.
    #[must_use]
    pub fn messages(&self) -> u64 {
        let delivery = self.visit.delivery.as_ref();
        delivery.map_or(0, |delivery| {
            u64::from(delivery.sent) + u64::from(delivery.ended)
        })
    }

    /// Counts what became of the connection, which is over.
    pub fn account(&self, counts: &mut GlimpseCounts) {
        if self.fate == Fate::Silent {
            counts.silent += 1;
            return;
        }
        let Some(delivery) = &self.visit.delivery else {
            let count = match self.visit.refused {
                _ if !self.visit.login => &mut counts.no_login,
                Some((_, true)) | None => &mut counts.refused,
                Some((RejectReason::NotAuthorized, false)) => &mut counts.not_authorized,
                Some(_) => &mut counts.session_not_available,
            };
            *count += 1;
            return;
        };
        counts.accepted += 1;
        counts.messages += self.messages();
        let count = match self.fate {
            Fate::Dropped { .. } if self.done => &mut counts.dropped,
            Fate::Stalled { .. } if self.done => &mut counts.stalled,
            Fate::Garbage { .. } if self.done => &mut counts.sent_garbage,
            Fate::WrongEnd if delivery.ended => &mut counts.sent_wrong_end,
            _ if delivery.ended => &mut counts.complete,
            _ => &mut counts.given_up,
        };
        *count += 1;
    }

    /// Sends the next messages of the snapshot, as many as there is room and time for.
    fn deliver(&mut self, now_ns: u64) {
        let Some(delivery) = &mut self.visit.delivery else {
            return;
        };
        if delivery.ended || !self.server.is_logged_in() {
            return;
        }
        let start_ns = *delivery.start_ns.get_or_insert(now_ns);
        let Delivery {
            snapshot, offset, ..
        } = delivery;
        let messages = snapshot.len();
        let until = match self.fate {
            Fate::Dropped { within } | Fate::Stalled { within } | Fate::Garbage { within } => {
                (f64::from(messages) * within) as u32
            }
            _ => messages,
        };
        for (end, message) in snapshot.messages_from(*offset) {
            let due_ns = start_ns.saturating_add(self.interval_ns * u64::from(delivery.sent));
            let room = self.server.output().len() < OUTPUT_BYTES_MAX;
            if delivery.sent == until || now_ns < due_ns || !room {
                break;
            }
            // No message of ITCH is too long.
            let _ = self.server.send(now_ns, message);
            *offset = end;
            delivery.sent += 1;
        }
        if delivery.sent < until {
            return;
        }
        match self.fate {
            Fate::Dropped { .. } => (self.done, self.hang_up) = (true, true),
            Fate::Stalled { .. } => self.done = true,
            Fate::Garbage { .. } => (self.done, self.garbage) = (true, GARBAGE),
            _ => {
                let ahead = if self.fate == Fate::WrongEnd {
                    WRONG_END_AHEAD
                } else {
                    0
                };
                let end = EndOfSnapshot {
                    next_sequence: delivery.next_sequence.saturating_add(ahead),
                };
                let _ = self.server.send(now_ns, &end.encode());
                delivery.ended = true;
            }
        }
    }
}

impl Handler<'_> {
    fn judge(&self, request: &LoginRequest, session: SessionName) -> Result<(), RejectReason> {
        if let Some(reason) = self.visit.refusal {
            return Err(reason);
        }
        if request.credentials != self.visit.credentials {
            return Err(RejectReason::NotAuthorized);
        }
        if ![SessionName::CURRENT, session].contains(&request.session) {
            return Err(RejectReason::SessionNotAvailable);
        }
        Ok(())
    }
}

impl ServerHandler for Handler<'_> {
    fn login(&mut self, request: &LoginRequest) -> Result<LoginAccepted, RejectReason> {
        self.visit.login = true;
        let ledger: &Ledger = &self.venue.lock();
        let live = SessionName::from_wire(ledger.session.0);
        let session = self.visit.session.unwrap_or(live);
        self.judge(request, session).inspect_err(|reason| {
            self.visit.refused = Some((*reason, self.visit.refusal.is_some()));
        })?;
        self.visit.delivery = Some(Delivery {
            snapshot: ledger.state.snapshot(),
            next_sequence: ledger.next_sequence,
            offset: 0,
            sent: 0,
            ended: false,
            start_ns: None,
        });
        // Whatever was asked for: a snapshot is had from its first message on.
        Ok(LoginAccepted {
            session,
            next_sequence: 1,
        })
    }

    fn event(&mut self, _: ServerEvent<'_>) {}
}
