//! The server's end of a session.

use super::packet::{LoginAccepted, LoginRequest, Packet, PacketError, RejectReason};
use super::stream::Reassembler;
use super::{
    CloseReason, HEARTBEAT_INTERVAL_NS, LOGIN_TIMEOUT_NS, PAYLOAD_BYTES_MAX, SILENCE_TIMEOUT_NS,
    Timers,
};
use crate::sink::Nanos;

/// How a server behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// Nanoseconds without sending after which a heartbeat is sent.
    pub heartbeat_interval_ns: Nanos,
    /// Nanoseconds without a packet of the client after which it counts as lost.
    pub silence_timeout_ns: Nanos,
    /// Nanoseconds that a client may take to log in.
    pub login_timeout_ns: Nanos,
    /// The longest payload that is taken.
    pub payload_bytes_max: usize,
}

impl Default for ServerConfig {
    /// The specification's times.
    fn default() -> Self {
        Self {
            heartbeat_interval_ns: HEARTBEAT_INTERVAL_NS,
            silence_timeout_ns: SILENCE_TIMEOUT_NS,
            login_timeout_ns: LOGIN_TIMEOUT_NS,
            payload_bytes_max: PAYLOAD_BYTES_MAX,
        }
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerEvent<'a> {
    /// A message of the client.
    Unsequenced(&'a [u8]),
    /// Text for people.
    Debug(&'a [u8]),
    /// The session is over: told once, and nothing after it.
    Closed(CloseReason),
}

/// Who owns a server's end.
pub trait ServerHandler {
    /// A client wants in: what it is told.
    ///
    /// # Errors
    /// Why it may not; the session is over then.
    fn login(&mut self, request: &LoginRequest) -> Result<LoginAccepted, RejectReason>;

    /// Something happened.
    fn event(&mut self, event: ServerEvent<'_>);
}

/// One connection of a server. As for the [`Client`](super::Client), times come from a clock that does not run backwards.
#[derive(Debug)]
pub struct Server {
    stream: Reassembler,
    session: Session,
}

#[derive(Debug)]
struct Session {
    config: ServerConfig,
    phase: Phase,
    timers: Timers,
    output: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    AwaitingLogin { since: Nanos },
    LoggedIn { next_sequence: u64 },
    Closed,
}

impl Server {
    /// A client connected at `now`.
    #[must_use]
    pub fn new(config: ServerConfig, now: Nanos) -> Self {
        Self {
            stream: Reassembler::new(config.payload_bytes_max),
            session: Session {
                config,
                phase: Phase::AwaitingLogin { since: now },
                timers: Timers {
                    heartbeat_interval_ns: config.heartbeat_interval_ns,
                    silence_timeout_ns: config.silence_timeout_ns,
                    last_sent: now,
                    last_heard: now,
                },
                output: Vec::new(),
            },
        }
    }

    /// Takes what came over the connection.
    pub fn on_bytes(&mut self, now: Nanos, bytes: &[u8], handler: &mut impl ServerHandler) {
        let Self { stream, session } = self;
        let mut rest = bytes;
        while session.phase != Phase::Closed {
            let packet = match stream.next(&mut rest) {
                Ok(None) => return,
                Ok(Some((packet_type, payload))) => Packet::parse(packet_type, payload),
                Err(error) => Err(error),
            };
            match packet {
                Ok(packet) => session.on_packet(now, packet, handler),
                Err(error) => session.close(error.into(), handler),
            }
        }
    }

    /// The peer closed the connection, or it broke.
    pub fn on_disconnect(&mut self, handler: &mut impl ServerHandler) {
        self.session.close(CloseReason::PeerClosed, handler);
    }

    /// Does what is due: a heartbeat, or giving up.
    pub fn on_time(&mut self, now: Nanos, handler: &mut impl ServerHandler) {
        self.session.on_time(now, handler);
    }

    /// When [`on_time`](Self::on_time) has something to do next; `None` once the session is over.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Nanos> {
        self.session.next_deadline()
    }

    /// Sends the next message. Ignored (`None`) unless the client is in; else its number.
    ///
    /// # Errors
    /// [`PacketError::TooLong`] beyond [`PAYLOAD_BYTES_MAX`].
    pub fn send(&mut self, now: Nanos, message: &[u8]) -> Result<Option<u64>, PacketError> {
        let Phase::LoggedIn { next_sequence } = self.session.phase else {
            return Ok(None);
        };
        Packet::Sequenced(message).write(&mut self.session.output)?;
        self.session.timers.last_sent = now;
        self.session.phase = Phase::LoggedIn {
            next_sequence: next_sequence.wrapping_add(1),
        };
        Ok(Some(next_sequence))
    }

    /// Ends the session: what there is to send ends with the packet that says so.
    pub fn end_session(&mut self, now: Nanos, handler: &mut impl ServerHandler) {
        if matches!(self.session.phase, Phase::LoggedIn { .. }) {
            self.session.send(now, &Packet::EndOfSession);
            self.session.close(CloseReason::EndOfSession, handler);
        }
    }

    /// What is to be sent. It is the caller who bounds it, by what he has sent before he sends more.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        &self.session.output
    }

    /// The first `bytes` of [`output`](Self::output) are sent.
    pub fn sent(&mut self, bytes: usize) {
        let output = &mut self.session.output;
        output.drain(..bytes.min(output.len()));
    }

    /// Whether the client is in.
    #[must_use]
    pub fn is_logged_in(&self) -> bool {
        matches!(self.session.phase, Phase::LoggedIn { .. })
    }

    /// Whether the session is over.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.session.phase == Phase::Closed
    }
}

impl Session {
    fn on_packet(&mut self, now: Nanos, packet: Packet<'_>, handler: &mut impl ServerHandler) {
        self.timers.last_heard = now;
        match (packet, self.phase) {
            (Packet::ClientHeartbeat, _) => {}
            (Packet::Debug(text), _) => handler.event(ServerEvent::Debug(text)),
            (Packet::LoginRequest(request), Phase::AwaitingLogin { .. }) => {
                match handler.login(&request) {
                    Ok(accepted) => {
                        self.send(now, &Packet::LoginAccepted(accepted));
                        self.phase = Phase::LoggedIn {
                            next_sequence: accepted.next_sequence,
                        };
                    }
                    Err(reason) => {
                        self.send(now, &Packet::LoginRejected(reason));
                        self.close(CloseReason::Rejected(reason), handler);
                    }
                }
            }
            (Packet::Unsequenced(message), Phase::LoggedIn { .. }) => {
                handler.event(ServerEvent::Unsequenced(message));
            }
            (Packet::LogoutRequest, Phase::LoggedIn { .. }) => {
                self.close(CloseReason::LoggedOut, handler);
            }
            (packet, _) => self.close(CloseReason::Unexpected(packet.packet_type()), handler),
        }
    }

    fn on_time(&mut self, now: Nanos, handler: &mut impl ServerHandler) {
        if self.next_deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        match self.phase {
            Phase::AwaitingLogin { .. } => {
                let timeout = self.config.login_timeout_ns;
                self.close(CloseReason::LoginTimeout(timeout), handler);
            }
            _ if now >= self.timers.silence_due() => {
                let timeout = self.config.silence_timeout_ns;
                self.close(CloseReason::Silence(timeout), handler);
            }
            // Nothing is added to what a deaf peer does not take.
            _ if self.output.is_empty() => self.send(now, &Packet::ServerHeartbeat),
            _ => self.timers.last_sent = now,
        }
    }

    fn next_deadline(&self) -> Option<Nanos> {
        match self.phase {
            Phase::AwaitingLogin { since } => {
                Some(since.saturating_add(self.config.login_timeout_ns))
            }
            Phase::LoggedIn { .. } => {
                Some(self.timers.silence_due().min(self.timers.heartbeat_due()))
            }
            Phase::Closed => None,
        }
    }

    fn send(&mut self, now: Nanos, packet: &Packet<'_>) {
        let written = packet.write(&mut self.output);
        debug_assert!(written.is_ok(), "a packet of fixed length always fits");
        self.timers.last_sent = now;
    }

    fn close(&mut self, reason: CloseReason, handler: &mut impl ServerHandler) {
        if self.phase != Phase::Closed {
            self.phase = Phase::Closed;
            handler.event(ServerEvent::Closed(reason));
        }
    }
}
