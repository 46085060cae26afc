//! SoupBinTCP 3.00: the session over TCP under Nasdaq's snapshots (GLIMPSE), and under order entry.
//!
//! Pure: a [`Client`] or a [`Server`] takes what came over its connection, with the time, and gives events and the
//! bytes to send; whoever owns the socket moves the bytes. One value is one connection: who reconnects makes a new one.
//! Whatever the peer sends, memory is bounded and nothing panics; what the protocol does not allow ends the session
//! with a [`CloseReason`].
//!
//! Everything is big-endian or ASCII. A *logical packet* (§1.1) is
//!
//! | bytes | field |
//! |---|---|
//! | 2 | length of what follows, 1 to 65,535 |
//! | 1 | type |
//! | … | payload |
//!
//! | type | sent by | payload | § |
//! |---|---|---|---|
//! | `+` | both | debug: text, ignored | 2.1 |
//! | `A` | server | login accepted: session (10), number of the next sequenced message (20) | 2.2.1 |
//! | `J` | server | login rejected: reason (1), `A` not authorised, `S` session not available | 2.2.2 |
//! | `S` | server | sequenced data: a message; its number is not sent but counted | 2.2.3 |
//! | `H` | server | server heartbeat | 2.2.4 |
//! | `Z` | server | end of session | 2.2.5 |
//! | `L` | client | login request: username (6), password (10), session (10), sequence number (20) | 2.3.1 |
//! | `U` | client | unsequenced data: a message. Servers of version 4 send it, too | 2.3.2 |
//! | `R` | client | client heartbeat | 2.3.3 |
//! | `O` | client | logout request | 2.3.4 |
//!
//! Each side sends something at least once a second ([`HEARTBEAT_INTERVAL_NS`]), and gives up a peer of which it has
//! heard nothing for 15 seconds ([`SILENCE_TIMEOUT_NS`]).

mod client;
mod fields;
#[cfg(any(test, feature = "harness"))]
pub mod harness;
mod packet;
mod server;
mod stream;
#[cfg(test)]
mod tests;

pub use client::{Client, ClientConfig, ClientEvent};
pub use fields::{Credentials, FieldError, NUMBER_BYTES, SessionName};
pub(crate) use fields::{read_number, write_number};
pub use packet::{LoginAccepted, LoginRequest, Packet, PacketError, RejectReason};
pub use server::{Server, ServerConfig, ServerEvent, ServerHandler};
pub use stream::Reassembler;

use crate::sink::Nanos;

/// The most bytes of a packet's payload: the length field counts the type, too.
pub const PAYLOAD_BYTES_MAX: usize = 65_534;
/// Bytes in front of a payload: length and type.
pub const HEADER_BYTES: usize = 3;
/// A side that has sent nothing for so long sends a heartbeat (§2.2.4, §2.3.3).
pub const HEARTBEAT_INTERVAL_NS: Nanos = 1_000_000_000;
/// A side that has heard nothing for so long takes the connection for lost (§2.2.4, §2.3.3).
pub const SILENCE_TIMEOUT_NS: Nanos = 15_000_000_000;
/// A server that got no login request for so long hangs up (§1.2 leaves the time open).
pub const LOGIN_TIMEOUT_NS: Nanos = 30_000_000_000;

/// Why a session is over. The connection is to be closed, once what is left to send is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// The server refused the login.
    #[error("the server refused the login: {0}")]
    Rejected(RejectReason),
    /// The server accepted the login to another session than the one asked for.
    #[error("the server is in session {found:?}, not in {asked:?}: ask for the one that it is in")]
    OtherSession {
        /// The session asked for.
        asked: SessionName,
        /// The session that the server named.
        found: SessionName,
    },
    /// The session has ended: no message follows (§2.2.5).
    #[error("the session has ended")]
    EndOfSession,
    /// The client logged out.
    #[error("logged out")]
    LoggedOut,
    /// The peer closed the connection, or it broke.
    #[error("the peer closed the connection")]
    PeerClosed,
    /// Nothing was heard for too long.
    #[error("nothing was heard for {} ms: the peer or the network between is down", .0 / 1_000_000)]
    Silence(Nanos),
    /// No login, or no answer to it, came in time.
    #[error("no login within {} ms", .0 / 1_000_000)]
    LoginTimeout(Nanos),
    /// The peer sent what is no packet.
    #[error(transparent)]
    Packet(#[from] PacketError),
    /// The peer sent a packet that has no place in the session as it stood.
    #[error(
        "a packet of type {} has no place here: the peer does not keep to the protocol",
        .0.escape_ascii()
    )]
    Unexpected(u8),
    /// The numbers of the messages passed 2^64 - 1.
    #[error("the sequence numbers passed 2^64 - 1: the peer does not keep to the protocol")]
    SequenceOverflow,
}

/// When a side has to do something: shared by client and server.
#[derive(Clone, Copy, Debug)]
struct Timers {
    heartbeat_interval_ns: Nanos,
    silence_timeout_ns: Nanos,
    last_sent: Nanos,
    last_heard: Nanos,
}

impl Timers {
    fn heartbeat_due(&self) -> Nanos {
        self.last_sent.saturating_add(self.heartbeat_interval_ns)
    }

    fn silence_due(&self) -> Nanos {
        self.last_heard.saturating_add(self.silence_timeout_ns)
    }
}
