//! Snapshots: the client of a spin server ("Spin Server").
//!
//! | type | sent by | message | fields |
//! |---|---|---|---|
//! | 80 | server | Spin Image Available | sequence (4): there is an image as of this message |
//! | 81 | client | Spin Request | sequence (4) of an image that was offered |
//! | 82 | server | Spin Response | sequence (4), order count (4), status |
//! | 83 | server | Spin Finished | sequence (4) |
//!
//! Images are offered once a second. Between the response and the end come the unit's messages that tell the state: Time,
//! Add Order, Trading Status and such. What instruments there are can be asked for before ([`definitions`](super::definitions)).

use super::super::layout::{AddExpanded, AddLong, AddShort};
use super::CloseReason;
use super::client::{Client, ClientEvent};
use super::definitions::{DefinitionFinished, DefinitionRequest, DefinitionResponse};
use super::messages::{Credentials, of_type};
use crate::sink::Nanos;

/// How long a server may take to say whether it will tell what instruments there are, and from one of them to the next. After
/// that they are left to the stream, which tells them again all day.
pub const DEFINITIONS_TIMEOUT_NS: Nanos = 5_000_000_000;

/// A message of four bytes of sequence.
macro_rules! of_sequence {
    ($( $(#[$doc:meta])* $name:ident = $tag:literal, )*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub struct $name {
                /// The last message that the image contains.
                pub sequence: u32,
            }

            impl $name {
                /// The byte that names the type.
                pub const TYPE: u8 = $tag;

                /// The message.
                #[must_use]
                pub fn encode(&self) -> [u8; 5] {
                    let [a, b, c, d] = self.sequence.to_le_bytes();
                    [Self::TYPE, a, b, c, d]
                }

                /// Reads one; `None` if the message is another, or shorter.
                #[must_use]
                pub fn parse(message: &[u8]) -> Option<Self> {
                    let [_, sequence @ ..] = *of_type::<5>(message, Self::TYPE)?;
                    Some(Self { sequence: u32::from_le_bytes(sequence) })
                }
            }
        )*
    };
}

of_sequence! {
    /// Spin Image Available (80).
    SpinImageAvailable = 0x80,
    /// Spin Request (81).
    SpinRequest = 0x81,
    /// Spin Finished (83).
    SpinFinished = 0x83,
}

/// What a server says to a request for an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpinStatus {
    /// `A`: it follows.
    Accepted,
    /// `O`: there is none as of that message any more.
    OutOfRange,
    /// `S`: another one is being sent on this connection.
    InProgress,
    /// Any other.
    Other(u8),
}

impl SpinStatus {
    /// The byte that stands for it.
    pub(super) const fn to_byte(self) -> u8 {
        match self {
            Self::Accepted => b'A',
            Self::OutOfRange => b'O',
            Self::InProgress => b'S',
            Self::Other(status) => status,
        }
    }

    /// What the byte stands for.
    pub(super) const fn of_byte(status: u8) -> Self {
        match status {
            b'A' => Self::Accepted,
            b'O' => Self::OutOfRange,
            b'S' => Self::InProgress,
            status => Self::Other(status),
        }
    }
}

/// Spin Response (82).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpinResponse {
    /// The last message that the image contains.
    pub sequence: u32,
    /// How many orders it tells.
    pub order_count: u32,
    /// What becomes of the request.
    pub status: SpinStatus,
}

impl SpinResponse {
    /// The byte that names the type.
    pub const TYPE: u8 = 0x82;

    /// The message.
    #[must_use]
    pub fn encode(&self) -> [u8; 10] {
        let [a, b, c, d] = self.sequence.to_le_bytes();
        let [e, f, g, h] = self.order_count.to_le_bytes();
        let status = self.status.to_byte();
        [Self::TYPE, a, b, c, d, e, f, g, h, status]
    }

    /// Reads one; `None` if the message is another, or shorter.
    #[must_use]
    pub fn parse(message: &[u8]) -> Option<Self> {
        let [_, a, b, c, d, e, f, g, h, status] = *of_type::<10>(message, Self::TYPE)?;
        Some(Self {
            sequence: u32::from_le_bytes([a, b, c, d]),
            order_count: u32::from_le_bytes([e, f, g, h]),
            status: SpinStatus::of_byte(status),
        })
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpinEvent<'a> {
    /// A message of the image, or of what instruments there are, from its type on.
    Message(&'a [u8]),
    /// The image is whole: told once, and nothing after it.
    Complete {
        /// The number of the unit's first message that is not in it.
        next_sequence: u64,
        /// Messages that were told.
        messages: u64,
    },
    /// There will be none: told once, and nothing after it.
    Failed(SpinError),
}

/// Why there is no image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpinError {
    /// The session ended.
    #[error(transparent)]
    Closed(#[from] CloseReason),
    /// The server will not send it.
    #[error("the spin server refuses the image as of {sequence}: {status:?}")]
    Refused {
        /// The last message that it would have contained.
        sequence: u32,
        /// What it says.
        status: SpinStatus,
    },
    /// Another number of orders came than the server had announced.
    #[error(
        "the image has {found} orders, not {announced}: the server does not keep to the protocol"
    )]
    Orders {
        /// As it had announced.
        announced: u32,
        /// As they came.
        found: u32,
    },
    /// The image ended as of another message than was asked for.
    #[error(
        "the image that was sent is as of {found}, not {asked}: the server does not keep to the protocol"
    )]
    Sequence {
        /// As was asked for.
        asked: u32,
        /// As it ended.
        found: u32,
    },
}

/// One connection to a spin server, for one image.
#[derive(Debug)]
pub struct SpinClient {
    client: Client,
    image: Image,
}

#[derive(Debug)]
struct Image {
    /// The number of the first message that it need not contain.
    from: u64,
    /// Whether it is to be asked first what instruments there are.
    definitions: bool,
    /// Messages that were told of those.
    defined: u64,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// To be asked for as soon as what came is read: what instruments there are.
    DefinitionsWanted,
    /// The answer is waited for until then.
    DefinitionsAsked(Nanos),
    /// They are told: the next one, or their end, is waited for until then, once what came is read.
    DefinitionsComing(Option<Nanos>),
    /// An image that reaches far enough is waited for.
    Waiting,
    /// To be asked for as soon as what came is read.
    Wanted(u32),
    Asked(u32),
    Coming {
        sequence: u32,
        announced: u32,
        orders: u32,
        messages: u64,
    },
    Over,
}

impl SpinClient {
    /// The connection was made at `now`; wanted is an image behind which the unit's message `from`, or a later one, follows.
    #[must_use]
    pub fn new(credentials: Credentials, from: u64, now: Nanos) -> Self {
        Self {
            client: Client::new(credentials, now),
            image: Image {
                from,
                definitions: false,
                defined: 0,
                phase: Phase::Waiting,
            },
        }
    }

    /// The same, but that what instruments the unit has is asked for before the image. Where the server does not tell it, the
    /// image comes alone.
    #[must_use]
    pub const fn with_definitions(mut self) -> Self {
        self.image.definitions = true;
        self
    }

    /// Takes what came over the connection.
    pub fn on_bytes(&mut self, now: Nanos, bytes: &[u8], events: &mut impl FnMut(SpinEvent<'_>)) {
        let Self { client, image } = self;
        let defined = image.defined;
        client.on_bytes(now, bytes, &mut |event| image.on_event(event, events));
        if let Phase::DefinitionsComing(until) = &mut image.phase
            && (until.is_none() || image.defined > defined)
        {
            *until = Some(now.saturating_add(DEFINITIONS_TIMEOUT_NS));
        }
        if image.phase == Phase::DefinitionsWanted {
            image.phase = match client.send(now, &DefinitionRequest.encode()) {
                true => Phase::DefinitionsAsked(now.saturating_add(DEFINITIONS_TIMEOUT_NS)),
                false => Phase::Waiting,
            };
        }
        if let Phase::Wanted(sequence) = image.phase {
            image.phase = match client.send(now, &SpinRequest { sequence }.encode()) {
                true => Phase::Asked(sequence),
                // A newer one is offered within a second.
                false => Phase::Waiting,
            };
        }
    }

    /// The peer closed the connection, or it broke.
    pub fn on_disconnect(&mut self, events: &mut impl FnMut(SpinEvent<'_>)) {
        let Self { client, image } = self;
        client.on_disconnect(&mut |event| image.on_event(event, events));
    }

    /// Does what is due: a heartbeat, or giving up.
    pub fn on_time(&mut self, now: Nanos, events: &mut impl FnMut(SpinEvent<'_>)) {
        let Self { client, image } = self;
        client.on_time(now, &mut |event| image.on_event(event, events));
        if image.definitions_until().is_some_and(|until| until <= now) {
            image.phase = Phase::Waiting;
        }
    }

    /// When [`on_time`](Self::on_time) has something to do next; `None` once the session is over.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Nanos> {
        let due = self.client.next_deadline()?;
        Some(due.min(self.image.definitions_until().unwrap_or(Nanos::MAX)))
    }

    /// What is to be sent.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        self.client.output()
    }

    /// The first `bytes` of [`output`](Self::output) are sent.
    pub fn sent(&mut self, bytes: usize) {
        self.client.sent(bytes);
    }
}

impl Image {
    /// Until when the server is waited for, where it is to say what instruments there are.
    const fn definitions_until(&self) -> Option<Nanos> {
        match self.phase {
            Phase::DefinitionsAsked(until) => Some(until),
            Phase::DefinitionsComing(until) => until,
            _ => None,
        }
    }

    fn on_event(&mut self, event: ClientEvent<'_>, events: &mut impl FnMut(SpinEvent<'_>)) {
        match event {
            _ if self.phase == Phase::Over => {}
            ClientEvent::LoggedIn if self.definitions => self.phase = Phase::DefinitionsWanted,
            ClientEvent::LoggedIn => {}
            ClientEvent::Closed(reason) => self.fail(reason.into(), events),
            ClientEvent::Message(message) => self.on_message(message, events),
        }
    }

    fn on_message(&mut self, message: &[u8], events: &mut impl FnMut(SpinEvent<'_>)) {
        if let Some(SpinImageAvailable { sequence }) = SpinImageAvailable::parse(message) {
            if self.phase == Phase::Waiting && u64::from(sequence) + 1 >= self.from {
                self.phase = Phase::Wanted(sequence);
            }
        } else if let Some(response) = SpinResponse::parse(message) {
            self.on_response(&response, events);
        } else if let Some(SpinFinished { sequence: found }) = SpinFinished::parse(message) {
            self.finish(found, events);
        } else if let Some(response) = DefinitionResponse::parse(message) {
            // One that comes too late changes nothing.
            if matches!(self.phase, Phase::DefinitionsAsked(_)) {
                self.phase = match response.status {
                    SpinStatus::Accepted => Phase::DefinitionsComing(None),
                    _ => Phase::Waiting,
                };
            }
        } else if DefinitionFinished::parse(message).is_some() {
            if matches!(self.phase, Phase::DefinitionsComing(_)) {
                self.phase = Phase::Waiting;
            }
        } else if matches!(self.phase, Phase::DefinitionsComing(_)) {
            self.defined += 1;
            events(SpinEvent::Message(message));
        } else if let Phase::Coming {
            orders, messages, ..
        } = &mut self.phase
        {
            *messages += 1;
            let kind = message.first().copied().unwrap_or_default();
            let adds = [AddShort::TYPE, AddLong::TYPE, AddExpanded::TYPE].contains(&kind);
            *orders = orders.saturating_add(u32::from(adds));
            events(SpinEvent::Message(message));
        }
    }

    fn on_response(&mut self, response: &SpinResponse, events: &mut impl FnMut(SpinEvent<'_>)) {
        let SpinResponse {
            sequence,
            order_count,
            status,
        } = *response;
        match (self.phase, status) {
            (Phase::Asked(asked), SpinStatus::Accepted) if asked == sequence => {
                self.phase = Phase::Coming {
                    sequence,
                    announced: order_count,
                    orders: 0,
                    messages: 0,
                };
            }
            // A newer one is offered within a second.
            (Phase::Asked(_), SpinStatus::OutOfRange) => self.phase = Phase::Waiting,
            (Phase::Asked(asked), SpinStatus::Accepted) => {
                let found = sequence;
                self.fail(SpinError::Sequence { asked, found }, events);
            }
            (Phase::Asked(sequence), status) => {
                self.fail(SpinError::Refused { sequence, status }, events);
            }
            _ => self.fail(CloseReason::Unexpected(SpinResponse::TYPE).into(), events),
        }
    }

    fn finish(&mut self, found: u32, events: &mut impl FnMut(SpinEvent<'_>)) {
        let Phase::Coming {
            sequence: asked,
            announced,
            orders,
            messages,
        } = self.phase
        else {
            return self.fail(CloseReason::Unexpected(SpinFinished::TYPE).into(), events);
        };
        if found != asked {
            return self.fail(SpinError::Sequence { asked, found }, events);
        }
        if orders != announced {
            let found = orders;
            return self.fail(SpinError::Orders { announced, found }, events);
        }
        self.phase = Phase::Over;
        events(SpinEvent::Complete {
            next_sequence: u64::from(asked) + 1,
            messages: self.defined + messages,
        });
    }

    fn fail(&mut self, error: SpinError, events: &mut impl FnMut(SpinEvent<'_>)) {
        self.phase = Phase::Over;
        events(SpinEvent::Failed(error));
    }
}
