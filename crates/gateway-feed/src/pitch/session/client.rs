//! The client's end of a session.

use super::messages::{Credentials, Login, LoginStatus};
use super::stream::{Blocks, write};
use super::{CloseReason, Timers};
use crate::sink::Nanos;

/// Where so much waits to be sent, the peer takes nothing, and nothing is added.
pub(super) const OUTPUT_BYTES_MAX: usize = 4_096;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientEvent<'a> {
    /// The server let us in.
    LoggedIn,
    /// A message, from its type on.
    Message(&'a [u8]),
    /// The session is over: told once, and nothing after it.
    Closed(CloseReason),
}

/// One connection of a client.
///
/// Times come from a clock that does not run backwards; where it does, nothing is due until it has caught up.
#[derive(Debug)]
pub struct Client {
    blocks: Blocks,
    session: Session,
}

#[derive(Debug)]
struct Session {
    phase: Phase,
    timers: Timers,
    output: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    LoggingIn,
    LoggedIn,
    Closed,
}

impl Client {
    /// The connection was made at `now`: the login is what is to be sent first.
    #[must_use]
    pub fn new(credentials: Credentials, now: Nanos) -> Self {
        let mut output = Vec::new();
        write(&mut output, Some(&Login(credentials).encode()));
        Self {
            blocks: Blocks::default(),
            session: Session {
                phase: Phase::LoggingIn,
                timers: Timers::new(now),
                output,
            },
        }
    }

    /// Takes what came over the connection.
    pub fn on_bytes(&mut self, now: Nanos, bytes: &[u8], events: &mut impl FnMut(ClientEvent<'_>)) {
        let Self { blocks, session } = self;
        let mut rest = bytes;
        while session.phase != Phase::Closed {
            let whole = blocks.next(&mut rest, &mut |message| {
                session.on_message(message, events)
            });
            match whole {
                Ok(true) => session.timers.last_heard = now,
                Ok(false) => return,
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
        let Session { phase, timers, .. } = &self.session;
        let (limit, reason) = timers.limit(*phase == Phase::LoggedIn);
        if now >= limit {
            self.session.close(reason, events);
        } else if now >= timers.heartbeat_due() && *phase != Phase::Closed {
            let session = &mut self.session;
            // Nothing is added to what a deaf peer does not take.
            if session.output.is_empty() {
                write(&mut session.output, None);
            }
            session.timers.last_sent = now;
        }
    }

    /// When [`on_time`](Self::on_time) has something to do next; `None` once the session is over.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Nanos> {
        let Session { phase, timers, .. } = &self.session;
        (*phase != Phase::Closed).then(|| timers.due(*phase == Phase::LoggedIn))
    }

    /// Sends a message, from its type on, in a block of its own. Whether it goes: not unless the server let us in, nor where
    /// it is longer than a message can be, nor while the peer takes nothing of what was sent before.
    pub fn send(&mut self, now: Nanos, message: &[u8]) -> bool {
        let goes = self.session.phase == Phase::LoggedIn
            && self.session.output.len() < OUTPUT_BYTES_MAX
            && (1..usize::from(u8::MAX)).contains(&message.len());
        if goes {
            write(&mut self.session.output, Some(message));
            self.session.timers.last_sent = now;
        }
        goes
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
    fn on_message(&mut self, message: &[u8], events: &mut impl FnMut(ClientEvent<'_>)) {
        match self.phase {
            Phase::Closed => {}
            Phase::LoggedIn => events(ClientEvent::Message(message)),
            Phase::LoggingIn => match LoginStatus::parse(message) {
                Some(LoginStatus::Accepted) => {
                    self.phase = Phase::LoggedIn;
                    events(ClientEvent::LoggedIn);
                }
                Some(status) => self.close(CloseReason::Refused(status), events),
                None => {
                    let kind = message.first().copied().unwrap_or_default();
                    self.close(CloseReason::Unexpected(kind), events);
                }
            },
        }
    }

    fn close(&mut self, reason: CloseReason, events: &mut impl FnMut(ClientEvent<'_>)) {
        if self.phase != Phase::Closed {
            self.phase = Phase::Closed;
            events(ClientEvent::Closed(reason));
        }
    }
}
