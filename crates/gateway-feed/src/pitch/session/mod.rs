//! Sessions over TCP with the servers that recover: gap request proxies ("Gap Request Proxy") and spin servers ("Spin
//! Server"; [`SpinClient`]).
//!
//! Pure: a [`Client`] or a [`Server`] takes what came over its connection, with the time, and gives events and the bytes to
//! send; whoever owns the socket moves the bytes. One value is one connection. Whatever the peer sends, memory is bounded
//! and nothing panics; what has no place in the session ends it with a [`CloseReason`].
//!
//! Each side sends blocks as the multicast lines have them ([`transport`](super::transport)), of unit 0 and without numbers.
//! A block without messages is a heartbeat ("Heartbeat Messages"): a side that has sent nothing for a second sends one. The
//! first message of a client is its login; a server that refuses it says why and hangs up.
//!
//! | type | sent by | message | fields |
//! |---|---|---|---|
//! | 01 | client | Login | session sub id (4), username (4), filler (2), password (10) |
//! | 02 | server | Login Response | status |
//! | 03 | client | Gap Request | unit (1), sequence (4), count (2) |
//! | 04 | server | Gap Response | unit (1), sequence (4), count (2), status |

mod client;
mod definitions;
#[cfg(any(test, feature = "harness"))]
pub mod harness;
mod messages;
mod server;
mod spin;
mod stream;
#[cfg(test)]
mod tests;

pub use client::{Client, ClientEvent};
pub use definitions::{DefinitionFinished, DefinitionRequest, DefinitionResponse};
pub use messages::{
    Credentials, CredentialsError, GAP_COUNT_MAX, GapRequest, GapResponse, GapStatus, Login,
    LoginStatus,
};
pub use server::{Say, Server};
pub use spin::{
    DEFINITIONS_TIMEOUT_NS, SpinClient, SpinError, SpinEvent, SpinFinished, SpinImageAvailable,
    SpinRequest, SpinResponse, SpinStatus,
};
pub use stream::StreamError;

use crate::sink::Nanos;

/// A side that has sent nothing for so long sends a heartbeat.
pub const HEARTBEAT_INTERVAL_NS: Nanos = 1_000_000_000;
/// A side that has heard nothing for so long takes the connection for lost: the specification lets servers hang up where
/// two heartbeats in a row are missing, at five seconds each.
pub const SILENCE_TIMEOUT_NS: Nanos = 10_000_000_000;

/// Why a session is over. The connection is to be closed, once what is left to send is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// The server refused the login.
    #[error("the server refused the login: {0}")]
    Refused(LoginStatus),
    /// The peer closed the connection, or it broke.
    #[error("the peer closed the connection")]
    PeerClosed,
    /// Nothing was heard for too long.
    #[error("nothing was heard for {} ms: the peer or the network between is down", SILENCE_TIMEOUT_NS / 1_000_000)]
    Silence,
    /// No login, or no answer to it, came in time.
    #[error("no login within {} ms", SILENCE_TIMEOUT_NS / 1_000_000)]
    LoginTimeout,
    /// The peer sent what is no block of messages.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// The peer sent a message that has no place in the session as it stood.
    #[error("a message of type {0:02X} has no place here: the peer does not keep to the protocol")]
    Unexpected(u8),
}

/// When a side has to do something.
#[derive(Clone, Copy, Debug)]
struct Timers {
    opened: Nanos,
    last_sent: Nanos,
    last_heard: Nanos,
}

impl Timers {
    const fn new(now: Nanos) -> Self {
        Self {
            opened: now,
            last_sent: now,
            last_heard: now,
        }
    }

    /// When the session is over for want of what is to come.
    const fn limit(&self, logged_in: bool) -> (Nanos, CloseReason) {
        let silence = self.last_heard.saturating_add(SILENCE_TIMEOUT_NS);
        let login = self.opened.saturating_add(SILENCE_TIMEOUT_NS);
        if logged_in || silence < login {
            (silence, CloseReason::Silence)
        } else {
            (login, CloseReason::LoginTimeout)
        }
    }

    const fn heartbeat_due(&self) -> Nanos {
        self.last_sent.saturating_add(HEARTBEAT_INTERVAL_NS)
    }

    /// The earlier of both.
    fn due(&self, logged_in: bool) -> Nanos {
        self.limit(logged_in).0.min(self.heartbeat_due())
    }
}
