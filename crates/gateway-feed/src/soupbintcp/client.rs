//! The client's end of a session.

use super::fields::{Credentials, SessionName};
use super::packet::{LoginRequest, Packet, PacketError};
use super::stream::Reassembler;
use super::{CloseReason, HEARTBEAT_INTERVAL_NS, PAYLOAD_BYTES_MAX, SILENCE_TIMEOUT_NS, Timers};
use crate::sink::Nanos;

/// How a client behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientConfig {
    /// Who logs in.
    pub credentials: Credentials,
    /// The session wanted; [`SessionName::CURRENT`] for the one that the server is in.
    pub session: SessionName,
    /// Number of the first message wanted; 0 for those to come.
    pub sequence: u64,
    /// Nanoseconds without sending after which a heartbeat is sent.
    pub heartbeat_interval_ns: Nanos,
    /// Nanoseconds without a packet of the server after which it counts as lost.
    pub silence_timeout_ns: Nanos,
    /// Nanoseconds that the server may take to answer the login, whatever else it sends.
    pub login_timeout_ns: Nanos,
    /// The longest payload that is taken.
    pub payload_bytes_max: usize,
}

impl ClientConfig {
    /// The specification's times, the current session, and all of its messages.
    #[must_use]
    pub const fn new(credentials: Credentials) -> Self {
        Self {
            credentials,
            session: SessionName::CURRENT,
            sequence: 1,
            heartbeat_interval_ns: HEARTBEAT_INTERVAL_NS,
            silence_timeout_ns: SILENCE_TIMEOUT_NS,
            login_timeout_ns: SILENCE_TIMEOUT_NS,
            payload_bytes_max: PAYLOAD_BYTES_MAX,
        }
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientEvent<'a> {
    /// The server let us in.
    Accepted {
        /// The session that we are in.
        session: SessionName,
        /// Number of the next message. It is lower than the one asked for where the session has not come so far.
        next_sequence: u64,
    },
    /// A message.
    Sequenced {
        /// Its number.
        sequence: u64,
        /// Its bytes, possibly none.
        message: &'a [u8],
    },
    /// A message without a number.
    Unsequenced(&'a [u8]),
    /// Text for people.
    Debug(&'a [u8]),
    /// The session is over: told once, and nothing after it.
    Closed(CloseReason),
}

/// One connection of a client.
///
/// Times come from a clock that does not run backwards; where it does, nothing is due until it has caught up.
#[derive(Debug)]
pub struct Client {
    stream: Reassembler,
    session: Session,
}

#[derive(Debug)]
struct Session {
    config: ClientConfig,
    phase: Phase,
    timers: Timers,
    output: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    LoggingIn { since: Nanos },
    LoggedIn { next_sequence: u64 },
    Closed,
}

impl Client {
    /// The connection was made at `now`: the login request is what is to be sent first.
    #[must_use]
    pub fn new(config: ClientConfig, now: Nanos) -> Self {
        let mut output = Vec::new();
        let request = LoginRequest {
            credentials: config.credentials,
            session: config.session,
            sequence: config.sequence,
        };
        send(&mut output, &Packet::LoginRequest(request));
        Self {
            stream: Reassembler::new(config.payload_bytes_max),
            session: Session {
                config,
                phase: Phase::LoggingIn { since: now },
                timers: Timers {
                    heartbeat_interval_ns: config.heartbeat_interval_ns,
                    silence_timeout_ns: config.silence_timeout_ns,
                    last_sent: now,
                    last_heard: now,
                },
                output,
            },
        }
    }

    /// Takes what came over the connection.
    pub fn on_bytes(&mut self, now: Nanos, bytes: &[u8], events: &mut impl FnMut(ClientEvent<'_>)) {
        let Self { stream, session } = self;
        let mut rest = bytes;
        while session.phase != Phase::Closed {
            let packet = match stream.next(&mut rest) {
                Ok(None) => return,
                Ok(Some((packet_type, payload))) => Packet::parse(packet_type, payload),
                Err(error) => Err(error),
            };
            match packet {
                Ok(packet) => session.on_packet(now, packet, events),
                Err(error) => session.close(error.into(), events),
            }
        }
    }

    /// The peer closed the connection, or it broke.
    pub fn on_disconnect(&mut self, events: &mut impl FnMut(ClientEvent<'_>)) {
        self.session.close(CloseReason::PeerClosed, events);
    }

    /// Does what is due: a heartbeat, or giving up.
    pub fn on_time(&mut self, now: Nanos, events: &mut impl FnMut(ClientEvent<'_>)) {
        self.session.on_time(now, events);
    }

    /// When [`on_time`](Self::on_time) has something to do next; `None` once the session is over.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Nanos> {
        self.session.next_deadline()
    }

    /// Leaves: what there is to send ends with a logout request, and the session is over.
    pub fn logout(&mut self, now: Nanos, events: &mut impl FnMut(ClientEvent<'_>)) {
        if self.session.phase != Phase::Closed {
            self.session.send(now, &Packet::LogoutRequest);
            self.session.close(CloseReason::LoggedOut, events);
        }
    }

    /// Sends a message without a number. Ignored unless the server let us in.
    ///
    /// # Errors
    /// [`PacketError::TooLong`] beyond [`PAYLOAD_BYTES_MAX`].
    pub fn send(&mut self, now: Nanos, message: &[u8]) -> Result<(), PacketError> {
        if matches!(self.session.phase, Phase::LoggedIn { .. }) {
            Packet::Unsequenced(message).write(&mut self.session.output)?;
            self.session.timers.last_sent = now;
        }
        Ok(())
    }

    /// What is to be sent.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        &self.session.output
    }

    /// The first `bytes` of [`output`](Self::output) are sent.
    pub fn sent(&mut self, bytes: usize) {
        let output = &mut self.session.output;
        output.drain(..bytes.min(output.len()));
    }

    /// Whether the session is over.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.session.phase == Phase::Closed
    }
}

impl Session {
    fn on_packet(
        &mut self,
        now: Nanos,
        packet: Packet<'_>,
        events: &mut impl FnMut(ClientEvent<'_>),
    ) {
        self.timers.last_heard = now;
        match (packet, self.phase) {
            (Packet::ServerHeartbeat, _) => {}
            (Packet::Debug(text), _) => events(ClientEvent::Debug(text)),
            (Packet::LoginAccepted(accepted), Phase::LoggingIn { .. }) => {
                let asked = self.config.session;
                let found = accepted.session;
                if asked != SessionName::CURRENT && asked != found {
                    return self.close(CloseReason::OtherSession { asked, found }, events);
                }
                let next_sequence = accepted.next_sequence;
                self.phase = Phase::LoggedIn { next_sequence };
                events(ClientEvent::Accepted {
                    session: found,
                    next_sequence,
                });
            }
            (Packet::LoginRejected(reason), Phase::LoggingIn { .. }) => {
                self.close(CloseReason::Rejected(reason), events);
            }
            (Packet::Sequenced(message), Phase::LoggedIn { next_sequence }) => {
                let Some(after) = next_sequence.checked_add(1) else {
                    return self.close(CloseReason::SequenceOverflow, events);
                };
                self.phase = Phase::LoggedIn {
                    next_sequence: after,
                };
                events(ClientEvent::Sequenced {
                    sequence: next_sequence,
                    message,
                });
            }
            (Packet::Unsequenced(message), Phase::LoggedIn { .. }) => {
                events(ClientEvent::Unsequenced(message));
            }
            (Packet::EndOfSession, Phase::LoggedIn { .. }) => {
                self.close(CloseReason::EndOfSession, events);
            }
            (packet, _) => self.close(CloseReason::Unexpected(packet.packet_type()), events),
        }
    }

    fn on_time(&mut self, now: Nanos, events: &mut impl FnMut(ClientEvent<'_>)) {
        if self.next_deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        if now >= self.timers.silence_due() {
            return self.close(CloseReason::Silence(self.config.silence_timeout_ns), events);
        }
        if self.login_due().is_some_and(|due| now >= due) {
            return self.close(
                CloseReason::LoginTimeout(self.config.login_timeout_ns),
                events,
            );
        }
        // Nothing is added to what a deaf peer does not take.
        if self.output.is_empty() {
            self.send(now, &Packet::ClientHeartbeat);
        } else {
            self.timers.last_sent = now;
        }
    }

    fn next_deadline(&self) -> Option<Nanos> {
        if self.phase == Phase::Closed {
            return None;
        }
        let due = self.timers.silence_due().min(self.timers.heartbeat_due());
        Some(self.login_due().map_or(due, |login| due.min(login)))
    }

    fn login_due(&self) -> Option<Nanos> {
        match self.phase {
            Phase::LoggingIn { since } => Some(since.saturating_add(self.config.login_timeout_ns)),
            _ => None,
        }
    }

    fn send(&mut self, now: Nanos, packet: &Packet<'_>) {
        send(&mut self.output, packet);
        self.timers.last_sent = now;
    }

    fn close(&mut self, reason: CloseReason, events: &mut impl FnMut(ClientEvent<'_>)) {
        if self.phase != Phase::Closed {
            self.phase = Phase::Closed;
            events(ClientEvent::Closed(reason));
        }
    }
}

/// Appends a packet whose payload is of its type's length.
fn send(output: &mut Vec<u8>, packet: &Packet<'_>) {
    let written = packet.write(output);
    debug_assert!(written.is_ok(), "a packet of fixed length always fits");
}
