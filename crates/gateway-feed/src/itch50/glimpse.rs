//! GLIMPSE 5.0: what rests now, for whoever comes late or has lost too much.
//!
//! A snapshot is a session of SoupBinTCP of its own, from message 1 on: ITCH 5.0 messages that describe the state at
//! one moment (system events, directory, trading states, an add order for each order that rests), each in a sequenced
//! packet, and then the snapshot message `G`, which says with which number of the live feed to go on.
//!
//! The [`GlimpseClient`] is as pure as the [`Client`] under it: bytes and time in, events and bytes out. One value is
//! one connection and one attempt; who tries again makes a new one.

use super::messages::LENGTHS;
use crate::sink::Nanos;
use crate::soupbintcp::{
    Client, ClientConfig, ClientEvent, CloseReason, Credentials, NUMBER_BYTES, SessionName,
    read_number, write_number,
};

/// Type of the snapshot message, the last one of a snapshot.
pub const END_OF_SNAPSHOT_TYPE: u8 = b'G';
/// Bytes of the snapshot message: type, and a number in ASCII.
pub const END_OF_SNAPSHOT_BYTES: usize = 1 + NUMBER_BYTES;

/// The snapshot message: the end of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndOfSnapshot {
    /// The number in the live feed of the first message that the snapshot does not contain.
    pub next_sequence: u64,
}

impl EndOfSnapshot {
    /// The message as the wire has it: the number right-aligned behind spaces.
    #[must_use]
    pub fn encode(&self) -> [u8; END_OF_SNAPSHOT_BYTES] {
        let mut bytes = [END_OF_SNAPSHOT_TYPE; END_OF_SNAPSHOT_BYTES];
        bytes[1..].copy_from_slice(&write_number(self.next_sequence));
        bytes
    }

    /// Reads the message; `None` if it is another, or its number is none. Zeros or spaces may stand in front of it.
    #[must_use]
    pub fn parse(message: &[u8]) -> Option<Self> {
        let (&END_OF_SNAPSHOT_TYPE, number) = message.split_first()? else {
            return None;
        };
        let next_sequence = read_number(number.try_into().ok()?)?;
        Some(Self { next_sequence })
    }
}

/// How a snapshot is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GlimpseConfig {
    /// Who asks.
    pub credentials: Credentials,
    /// The SoupBinTCP session of the snapshot server; [`SessionName::CURRENT`] for the one that it is in.
    pub session: SessionName,
    /// See [`ClientConfig::heartbeat_interval_ns`].
    pub heartbeat_interval_ns: Nanos,
    /// See [`ClientConfig::silence_timeout_ns`].
    pub silence_timeout_ns: Nanos,
    /// See [`ClientConfig::login_timeout_ns`].
    pub login_timeout_ns: Nanos,
    /// The most messages of a snapshot: one that goes on beyond is given up.
    pub messages_max: u64,
}

/// Far more than the orders that rest at any exchange.
pub const MESSAGES_MAX: u64 = 1 << 28;

impl GlimpseConfig {
    /// The current session, the protocol's times and [`MESSAGES_MAX`].
    #[must_use]
    pub const fn new(credentials: Credentials) -> Self {
        let client = ClientConfig::new(credentials);
        Self {
            credentials,
            session: client.session,
            heartbeat_interval_ns: client.heartbeat_interval_ns,
            silence_timeout_ns: client.silence_timeout_ns,
            login_timeout_ns: client.login_timeout_ns,
            messages_max: MESSAGES_MAX,
        }
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GlimpseEvent<'a> {
    /// The server let us in: the snapshot begins.
    Started {
        /// The SoupBinTCP session. Whether it is named as the live feed's is the venue's choice.
        session: SessionName,
    },
    /// A message of the snapshot, in the layouts of ITCH 5.0. It is not looked into: what is no message of ITCH is the
    /// decoder's to count.
    Message(&'a [u8]),
    /// The snapshot is whole. Told once, and nothing after it.
    Complete {
        /// The number in the live feed of the first message that the snapshot does not contain.
        next_sequence: u64,
        /// Messages of the snapshot.
        messages: u64,
    },
    /// There is no whole snapshot: what was told of it is to be forgotten. Told once, and nothing after it.
    Failed(GlimpseError),
}

/// Why a snapshot is not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GlimpseError {
    /// The session ended before the snapshot did.
    #[error("the snapshot broke off: {0}")]
    Session(#[from] CloseReason),
    /// The server does not begin with message 1: a snapshot cannot be had in part.
    #[error("the snapshot begins with message {0}, not 1: the server is no GLIMPSE server")]
    NotFromStart(u64),
    /// The last message names no number, or message 0.
    #[error("the snapshot's last message names no sequence number of the live feed")]
    EndUnreadable,
    /// It is longer than it may be.
    #[error(
        "the snapshot has more than {0} messages: raise the limit, or the server is no GLIMPSE server"
    )]
    TooLong(u64),
    /// A message that changes an order has no place in a snapshot.
    #[error("the snapshot holds a message of type {}: the server is no GLIMPSE server", .0.escape_ascii())]
    NotAState(u8),
}

/// One attempt at a snapshot over one connection.
#[derive(Debug)]
pub struct GlimpseClient {
    client: Client,
    progress: Progress,
}

#[derive(Debug)]
struct Progress {
    messages: u64,
    messages_max: u64,
    done: bool,
}

impl GlimpseClient {
    /// The connection was made at `now`: the login request is what is to be sent first.
    #[must_use]
    pub fn new(config: GlimpseConfig, now: Nanos) -> Self {
        let client = ClientConfig {
            session: config.session,
            heartbeat_interval_ns: config.heartbeat_interval_ns,
            silence_timeout_ns: config.silence_timeout_ns,
            login_timeout_ns: config.login_timeout_ns,
            sequence: 1,
            // No message of ITCH is as long; some room for those to come.
            payload_bytes_max: 1024,
            ..ClientConfig::new(config.credentials)
        };
        Self {
            client: Client::new(client, now),
            progress: Progress {
                messages: 0,
                messages_max: config.messages_max,
                done: false,
            },
        }
    }

    /// Takes what came over the connection.
    pub fn on_bytes(
        &mut self,
        now: Nanos,
        bytes: &[u8],
        events: &mut impl FnMut(GlimpseEvent<'_>),
    ) {
        let Self { client, progress } = self;
        client.on_bytes(now, bytes, &mut |event| progress.on_event(event, events));
        self.leave_when_done(now);
    }

    /// The peer closed the connection, or it broke.
    pub fn on_disconnect(&mut self, events: &mut impl FnMut(GlimpseEvent<'_>)) {
        let Self { client, progress } = self;
        client.on_disconnect(&mut |event| progress.on_event(event, events));
    }

    /// Does what is due: a heartbeat, or giving up.
    pub fn on_time(&mut self, now: Nanos, events: &mut impl FnMut(GlimpseEvent<'_>)) {
        let Self { client, progress } = self;
        client.on_time(now, &mut |event| progress.on_event(event, events));
    }

    /// When [`on_time`](Self::on_time) has something to do next; `None` once it is over.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Nanos> {
        self.client.next_deadline()
    }

    /// What is to be sent: the login, heartbeats, and a logout behind the last message.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        self.client.output()
    }

    /// The first `bytes` of [`output`](Self::output) are sent.
    pub fn sent(&mut self, bytes: usize) {
        self.client.sent(bytes);
    }

    /// Whether it is over, one way or the other: the connection is to be closed once the output is sent.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.progress.done
    }

    /// Messages of the snapshot so far.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.progress.messages
    }

    fn leave_when_done(&mut self, now: Nanos) {
        if self.progress.done {
            self.client.logout(now, &mut |_| {});
        }
    }
}

impl Progress {
    fn on_event(&mut self, event: ClientEvent<'_>, events: &mut impl FnMut(GlimpseEvent<'_>)) {
        if self.done {
            return;
        }
        match event {
            ClientEvent::Accepted {
                session,
                next_sequence: 1,
            } => events(GlimpseEvent::Started { session }),
            ClientEvent::Accepted { next_sequence, .. } => {
                self.fail(GlimpseError::NotFromStart(next_sequence), events);
            }
            ClientEvent::Sequenced { message, .. } => self.on_message(message, events),
            ClientEvent::Unsequenced(_) | ClientEvent::Debug(_) => {}
            ClientEvent::Closed(reason) => self.fail(reason.into(), events),
        }
    }

    fn on_message(&mut self, message: &[u8], events: &mut impl FnMut(GlimpseEvent<'_>)) {
        match message.first() {
            Some(&END_OF_SNAPSHOT_TYPE) => match EndOfSnapshot::parse(message) {
                Some(EndOfSnapshot { next_sequence }) if next_sequence > 0 => {
                    self.done = true;
                    let messages = self.messages;
                    events(GlimpseEvent::Complete {
                        next_sequence,
                        messages,
                    });
                }
                _ => self.fail(GlimpseError::EndUnreadable, events),
            },
            Some(kind @ (b'E' | b'C' | b'X' | b'D' | b'U' | b'P' | b'Q' | b'B')) => {
                self.fail(GlimpseError::NotAState(*kind), events);
            }
            _ if self.messages == self.messages_max => {
                self.fail(GlimpseError::TooLong(self.messages_max), events);
            }
            _ => {
                self.messages += 1;
                events(GlimpseEvent::Message(message));
            }
        }
    }

    fn fail(&mut self, error: GlimpseError, events: &mut impl FnMut(GlimpseEvent<'_>)) {
        self.done = true;
        events(GlimpseEvent::Failed(error));
    }
}

// ITCH 5.0 has no message of that type, so that the last message is told from all others.
const _: () = assert!(LENGTHS[END_OF_SNAPSHOT_TYPE as usize] == 0);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::itch50::encode::{OrderDelete, SystemEvent};
    use crate::soupbintcp::harness::credentials;
    use crate::soupbintcp::{LoginAccepted, Packet};

    const SECOND: Nanos = 1_000_000_000;

    fn bytes_of(first: u64, messages: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let accepted = LoginAccepted {
            session: SessionName::new("GLIMPSE").unwrap(),
            next_sequence: first,
        };
        Packet::LoginAccepted(accepted).write(&mut bytes).unwrap();
        for message in messages {
            Packet::Sequenced(message).write(&mut bytes).unwrap();
        }
        bytes
    }

    /// The events of an attempt, as they print, and what it sends behind its login.
    fn attempt(config: GlimpseConfig, bytes: &[u8]) -> (Vec<String>, Vec<u8>) {
        let mut client = GlimpseClient::new(config, 0);
        client.sent(usize::MAX);
        let mut events = Vec::new();
        client.on_bytes(1, bytes, &mut |event| events.push(format!("{event:?}")));
        client.on_disconnect(&mut |event| events.push(format!("{event:?}")));
        assert!(client.is_done());
        (events, client.output().to_vec())
    }

    fn failure(bytes: &[u8]) -> String {
        attempt(GlimpseConfig::new(credentials()), bytes)
            .0
            .pop()
            .unwrap()
    }

    #[test]
    fn the_last_message_has_the_layout_of_the_specification() {
        let end = EndOfSnapshot {
            next_sequence: 4711,
        };
        assert_eq!(&end.encode(), b"G                4711");
        assert_eq!(EndOfSnapshot::parse(b"G                4711"), Some(end));
        assert_eq!(EndOfSnapshot::parse(b"G00000000000000004711"), Some(end));
        assert_eq!(EndOfSnapshot::parse(b"G               47 11"), None);
        assert_eq!(EndOfSnapshot::parse(b"G4711"), None);
        assert_eq!(EndOfSnapshot::parse(b""), None);
        let last = EndOfSnapshot {
            next_sequence: u64::MAX,
        };
        assert_eq!(EndOfSnapshot::parse(&last.encode()), Some(last));
    }

    #[test]
    fn a_whole_snapshot_ends_with_where_to_go_on_and_a_logout() {
        let event = SystemEvent::default().encode();
        let end = EndOfSnapshot { next_sequence: 9 }.encode();
        let bytes = bytes_of(1, &[&event, &event, &end, &event]);
        let (events, output) = attempt(GlimpseConfig::new(credentials()), &bytes);
        let message = format!("Message({:?})", &event[..]);
        assert_eq!(
            events,
            [
                "Started { session: \"GLIMPSE\" }",
                &message,
                &message,
                "Complete { next_sequence: 9, messages: 2 }"
            ]
        );
        assert_eq!(output, b"\x00\x01O");
    }

    #[test]
    fn what_is_no_whole_snapshot_fails_and_says_why() {
        let event = SystemEvent::default().encode();
        let delete = OrderDelete::default().encode();
        assert_eq!(
            failure(&bytes_of(1, &[&event])),
            "Failed(Session(PeerClosed))"
        );
        assert_eq!(failure(&bytes_of(2, &[&event])), "Failed(NotFromStart(2))");
        assert_eq!(failure(&bytes_of(1, &[b"G"])), "Failed(EndUnreadable)");
        let zero = EndOfSnapshot { next_sequence: 0 }.encode();
        assert_eq!(failure(&bytes_of(1, &[&zero])), "Failed(EndUnreadable)");
        assert_eq!(failure(&bytes_of(1, &[&delete])), "Failed(NotAState(68))");
        let mut ended = bytes_of(1, &[&event]);
        Packet::EndOfSession.write(&mut ended).unwrap();
        assert_eq!(failure(&ended), "Failed(Session(EndOfSession))");
        let long = bytes_of(1, &[&[b'S'; 2_000]]);
        assert!(failure(&long).starts_with("Failed(Session(Packet(TooLong"));

        let config = GlimpseConfig {
            messages_max: 2,
            ..GlimpseConfig::new(credentials())
        };
        let end = EndOfSnapshot { next_sequence: 9 }.encode();
        let (events, _) = attempt(config, &bytes_of(1, &[&event, &event, &end]));
        assert_eq!(events[3], "Complete { next_sequence: 9, messages: 2 }");
        let (events, _) = attempt(config, &bytes_of(1, &[&event, &event, &event, &end]));
        assert_eq!(events[3], "Failed(TooLong(2))");
    }

    #[test]
    fn a_server_that_falls_silent_in_the_middle_is_given_up() {
        let mut client = GlimpseClient::new(GlimpseConfig::new(credentials()), 0);
        let mut failed = None;
        let event = SystemEvent::default().encode();
        client.on_bytes(0, &bytes_of(1, &[&event]), &mut |_| {});
        while let Some(deadline) = client.next_deadline() {
            client.on_time(deadline, &mut |event| failed = Some(format!("{event:?}")));
            assert!(deadline <= 15 * SECOND);
        }
        assert_eq!(failed.unwrap(), "Failed(Session(Silence(15000000000)))");
    }
}
