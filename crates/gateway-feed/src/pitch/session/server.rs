//! The server's end of a session: for simulators and tests.

use super::messages::{Credentials, Login, LoginStatus};
use super::stream::{Blocks, write};
use super::{CloseReason, Timers};
use crate::sink::Nanos;

/// One connection of a server.
#[derive(Debug)]
pub struct Server {
    blocks: Blocks,
    phase: Phase,
    timers: Timers,
    output: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Connected,
    LoggedIn,
    Closed,
}

impl Server {
    /// A client connected at `now`.
    #[must_use]
    pub fn new(now: Nanos) -> Self {
        Self {
            blocks: Blocks::default(),
            phase: Phase::Connected,
            timers: Timers::new(now),
            output: Vec::new(),
        }
    }

    /// Takes what came over the connection. `judge` says what becomes of a login, `message` takes what follows it, from its
    /// type on, and may add what is to be said to it to the output by [`Say`].
    ///
    /// # Errors
    /// Why the session is over: told once.
    pub fn on_bytes(
        &mut self,
        now: Nanos,
        bytes: &[u8],
        judge: &mut impl FnMut(&Credentials) -> LoginStatus,
        message: &mut impl FnMut(&[u8], &mut Say<'_>),
    ) -> Result<(), CloseReason> {
        let mut rest = bytes;
        while self.phase != Phase::Closed {
            let Self {
                blocks,
                phase,
                output,
                timers,
            } = self;
            let mut ended = None;
            let mut take = |bytes: &[u8]| match (*phase, Login::parse(bytes)) {
                (Phase::Closed, _) => {}
                (Phase::LoggedIn, _) => message(bytes, &mut Say(output)),
                (Phase::Connected, Some(Login(credentials))) => {
                    let status = judge(&credentials);
                    write(output, Some(&status.encode()));
                    *phase = Phase::LoggedIn;
                    if status != LoginStatus::Accepted {
                        *phase = Phase::Closed;
                        ended = Some(CloseReason::Refused(status));
                    }
                }
                (Phase::Connected, None) => {
                    *phase = Phase::Closed;
                    let kind = bytes.first().copied().unwrap_or_default();
                    ended = Some(CloseReason::Unexpected(kind));
                }
            };
            let whole = blocks.next(&mut rest, &mut take);
            if let Some(reason) = ended {
                return Err(reason);
            }
            match whole {
                Ok(true) => timers.last_heard = now,
                Ok(false) => return Ok(()),
                Err(error) => {
                    *phase = Phase::Closed;
                    return Err(error.into());
                }
            }
        }
        Ok(())
    }

    /// Does what is due: a heartbeat, or giving up.
    ///
    /// # Errors
    /// Why the session is over: told once.
    pub fn on_time(&mut self, now: Nanos) -> Result<(), CloseReason> {
        let (limit, reason) = self.timers.limit(self.is_logged_in());
        if self.phase == Phase::Closed {
            return Ok(());
        }
        if now >= limit {
            self.phase = Phase::Closed;
            return Err(reason);
        }
        if now >= self.timers.heartbeat_due() {
            // Nothing is added to what a deaf peer does not take.
            if self.output.is_empty() {
                write(&mut self.output, None);
            }
            self.timers.last_sent = now;
        }
        Ok(())
    }

    /// Sends a message, from its type on, in a block of its own; ignored unless somebody is logged in.
    pub fn send(&mut self, now: Nanos, message: &[u8]) {
        if self.is_logged_in() {
            Say(&mut self.output).message(message);
            self.timers.last_sent = now;
        }
    }

    /// What is to be sent.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        &self.output
    }

    /// The first `bytes` of [`output`](Self::output) are sent.
    pub fn sent(&mut self, bytes: usize) {
        self.output.drain(..bytes.min(self.output.len()));
    }

    /// Whether a client is logged in.
    #[must_use]
    pub fn is_logged_in(&self) -> bool {
        self.phase == Phase::LoggedIn
    }

    /// Whether the session is over.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }
}

/// What is said to a message.
#[derive(Debug)]
pub struct Say<'a>(&'a mut Vec<u8>);

impl Say<'_> {
    /// Adds a message, from its type on, in a block of its own; ignored where it is none, or longer than one can be.
    pub fn message(&mut self, message: &[u8]) {
        if (1..usize::from(u8::MAX)).contains(&message.len()) {
            write(self.0, Some(message));
        }
    }
}
