//! What became of each request and each connection.

use std::net::SocketAddr;

use gateway_feed::pitch::session::{GapRequest, GapStatus};
use serde::Serialize;

/// The account of a re-request server.
///
/// `requests` is the sum of all that can become of one: `malformed`, `while_down`, `lost`, `other_session`, `too_old`,
/// `not_yet`, `missing`, `answered`, and the wrong answers `sent_other_session`, `sent_other_range`, `sent_cut`,
/// `sent_garbage`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RerequestCounts {
    /// Datagrams that came.
    pub requests: u64,
    /// Messages asked for in those that are requests.
    pub messages_requested: u64,
    /// Were no request, or one for no message; not answered.
    pub malformed: u64,
    /// Came while the server was down; not answered.
    pub while_down: u64,
    /// Not answered on purpose.
    pub lost: u64,
    /// Named another session; not answered.
    pub other_session: u64,
    /// Began with a message that is not kept any longer; not answered.
    pub too_old: u64,
    /// Began with a message that was not sent yet; not answered.
    pub not_yet: u64,
    /// Began with a message that nobody has; not answered.
    pub missing: u64,
    /// Answered with the messages asked for, or as many of them as fit.
    pub answered: u64,
    /// Messages in these answers; those sent again are not counted again.
    pub messages_answered: u64,
    /// Of the answers of every kind, those sent twice.
    pub duplicated: u64,
    /// Answered in another session's name.
    pub sent_other_session: u64,
    /// Answered with messages that were not asked for.
    pub sent_other_range: u64,
    /// Answered with a packet that ends within a message.
    pub sent_cut: u64,
    /// Answered with random bytes.
    pub sent_garbage: u64,
    /// Answers that were not sent any more because the simulator ended, or that the network did not take.
    pub unsent: u64,
}

/// The account of a Glimpse server.
///
/// `connections` is the sum of all that can become of one: `while_down`, `too_many`, `silent`, `no_login`, `refused`,
/// `not_authorized`, `session_not_available` and `accepted`; and `accepted` of `complete`, `dropped`, `stalled`,
/// `sent_garbage`, `sent_wrong_end` and `given_up`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GlimpseCounts {
    /// Connections that were made.
    pub connections: u64,
    /// Came while the server was down, or were made then: closed at once.
    pub while_down: u64,
    /// Came when the server had as many as it takes: closed at once.
    pub too_many: u64,
    /// Never got an answer, on purpose.
    pub silent: u64,
    /// Ended before a login.
    pub no_login: u64,
    /// Refused on purpose.
    pub refused: u64,
    /// Refused for their username or password (reason `A`).
    pub not_authorized: u64,
    /// Refused for the session that they wanted (reason `S`).
    pub session_not_available: u64,
    /// Let in.
    pub accepted: u64,
    /// Got a whole snapshot.
    pub complete: u64,
    /// Closed within the snapshot, on purpose.
    pub dropped: u64,
    /// Left without a word within the snapshot, on purpose.
    pub stalled: u64,
    /// Got bytes within the snapshot that are no packet.
    pub sent_garbage: u64,
    /// Got a snapshot that ends with a wrong sequence number.
    pub sent_wrong_end: u64,
    /// Left, went silent or broke the protocol before the snapshot was whole.
    pub given_up: u64,
    /// Messages sent in snapshots, whole or not, the last one of each included.
    pub messages: u64,
}

/// The account of a gap request proxy.
///
/// `requests` is the sum of all that can become of one: `answered`, `out_of_range`, `too_many_messages`, `other_unit`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GapRequestCounts {
    /// Connections that were made.
    pub connections: u64,
    /// Came while the server was down, or were made then: closed at once.
    pub while_down: u64,
    /// Came when the server had as many as it takes: closed at once.
    pub too_many: u64,
    /// Logins refused for the session's id, username or password (status `N`).
    pub not_authorized: u64,
    /// Messages that have no place in a session.
    pub malformed: u64,
    /// Requests of who was let in.
    pub requests: u64,
    /// Messages asked for in them.
    pub messages_requested: u64,
    /// Accepted (status `A`).
    pub answered: u64,
    /// Messages asked for in these.
    pub messages_answered: u64,
    /// For messages not kept any longer, or not sent yet (status `O`).
    pub out_of_range: u64,
    /// For more messages than a request may ask for (status `C`).
    pub too_many_messages: u64,
    /// For a unit that it does not have (status `I`).
    pub other_unit: u64,
    /// Packets made for the gap response lines.
    pub packets: u64,
    /// Packets that the system did not take, on all lines together.
    pub unsent: u64,
}

/// The account of a spin server.
///
/// `requests` is the sum of all that can become of one: `refused`, `complete` and `given_up`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SpinCounts {
    /// Connections that were made.
    pub connections: u64,
    /// Came while the server was down, or were made then: closed at once.
    pub while_down: u64,
    /// Came when the server had as many as it takes: closed at once.
    pub too_many: u64,
    /// Logins refused for the session's id, username or password (status `N`).
    pub not_authorized: u64,
    /// Messages that have no place in a session.
    pub malformed: u64,
    /// Requests of who was let in.
    pub requests: u64,
    /// For an image that is not the last one offered, or while another one was sent (status `O` or `S`).
    pub refused: u64,
    /// Images sent to their end.
    pub complete: u64,
    /// Whoever asked left, went silent or broke the protocol before the image was whole.
    pub given_up: u64,
    /// Messages sent of images, whole or not.
    pub messages: u64,
}

/// A server and its account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServerReport<C> {
    /// Its name.
    pub name: String,
    /// Where it listened.
    pub address: SocketAddr,
    /// What became of what came.
    #[serde(flatten)]
    pub counts: C,
}

/// The accounts of all servers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RecoveryReport {
    /// Re-request servers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rerequest: Vec<ServerReport<RerequestCounts>>,
    /// Gap request proxies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gap_request: Vec<ServerReport<GapRequestCounts>>,
    /// Spin servers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub spin: Vec<ServerReport<SpinCounts>>,
    /// Glimpse servers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub glimpse: Vec<ServerReport<GlimpseCounts>>,
    /// MDP 3.0's snapshot loop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub market_recovery: Option<MarketRecoveryCounts>,
    /// MDP 3.0's instrument feed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instrument_definition: Option<MarketRecoveryCounts>,
}

/// What was sent of MDP 3.0's snapshot loop, or of its instrument feed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MarketRecoveryCounts {
    /// Loops that were sent whole.
    pub loops: u64,
    /// Packets, each on every line.
    pub packets: u64,
    /// Packets that a line was not given on purpose.
    pub dropped: u64,
    /// Packets that the system refused.
    pub unsent: u64,
    /// Snapshots that do not fit a packet.
    pub too_long: u64,
}

impl RerequestCounts {
    /// The sum of all that became of requests.
    #[must_use]
    pub fn accounted(&self) -> u64 {
        self.malformed
            + self.while_down
            + self.lost
            + self.other_session
            + self.too_old
            + self.not_yet
            + self.missing
            + self.answered
            + self.sent_other_session
            + self.sent_other_range
            + self.sent_cut
            + self.sent_garbage
    }
}

impl GapRequestCounts {
    /// Counts what becomes of a request.
    pub(super) fn note(&mut self, request: GapRequest, status: GapStatus) {
        self.requests += 1;
        self.messages_requested += u64::from(request.count);
        match status {
            GapStatus::Accepted => {
                self.answered += 1;
                self.messages_answered += u64::from(request.count);
            }
            GapStatus::TooMany => self.too_many_messages += 1,
            GapStatus::InvalidUnit => self.other_unit += 1,
            _ => self.out_of_range += 1,
        }
    }

    /// Adds another account.
    pub(super) fn add(&mut self, other: &Self) {
        self.connections += other.connections;
        self.while_down += other.while_down;
        self.too_many += other.too_many;
        self.not_authorized += other.not_authorized;
        self.malformed += other.malformed;
        self.requests += other.requests;
        self.messages_requested += other.messages_requested;
        self.answered += other.answered;
        self.messages_answered += other.messages_answered;
        self.out_of_range += other.out_of_range;
        self.too_many_messages += other.too_many_messages;
        self.other_unit += other.other_unit;
        self.packets += other.packets;
        self.unsent += other.unsent;
    }
}

impl SpinCounts {
    /// Adds another account.
    pub(super) fn add(&mut self, other: &Self) {
        self.connections += other.connections;
        self.while_down += other.while_down;
        self.too_many += other.too_many;
        self.not_authorized += other.not_authorized;
        self.malformed += other.malformed;
        self.requests += other.requests;
        self.refused += other.refused;
        self.complete += other.complete;
        self.given_up += other.given_up;
        self.messages += other.messages;
    }
}

impl GlimpseCounts {
    /// The sum of all that became of connections that are over.
    #[must_use]
    pub fn accounted(&self) -> u64 {
        self.while_down
            + self.too_many
            + self.silent
            + self.no_login
            + self.refused
            + self.not_authorized
            + self.session_not_available
            + self.accepted
    }

    /// The sum of all that became of connections that were let in.
    #[must_use]
    pub fn accepted_accounted(&self) -> u64 {
        self.complete
            + self.dropped
            + self.stalled
            + self.sent_garbage
            + self.sent_wrong_end
            + self.given_up
    }
}
