//! What a client asks.

use super::fields::{Fields, put_text};
use super::{Envelope, ProtocolError, QUEUE_NAME_BYTES, READER_NAME_BYTES, REQUEST_BYTES_MAX};

const HELLO: u16 = 1;
const QUEUES: u16 = 2;
const SUBSCRIBE: u16 = 3;
const STATUS: u16 = 4;

/// A client's request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Who are you? Answered by [`super::Reply::Welcome`].
    Hello,
    /// Which queues are there? Answered by one or more [`super::Reply::Queues`].
    Queues,
    /// Let me read a queue. Answered by [`super::Reply::Subscribed`] with two descriptors; once a connection, whose
    /// end is the reader's end, and once more for each later epoch of the same queue.
    Subscribe {
        /// The queue's name.
        queue: String,
        /// What the reader calls itself in metrics and status.
        reader: String,
    },
    /// How are you? Answered by one or more [`super::Reply::Status`].
    Status,
}

impl Request {
    /// The message that asks it under the number `request`.
    #[must_use]
    pub fn encode(&self, request: u32) -> Vec<u8> {
        let mut body = Vec::new();
        let kind = match self {
            Self::Hello => HELLO,
            Self::Queues => QUEUES,
            Self::Subscribe { queue, reader } => {
                put_text::<QUEUE_NAME_BYTES>(&mut body, queue);
                put_text::<READER_NAME_BYTES>(&mut body, reader);
                SUBSCRIBE
            }
            Self::Status => STATUS,
        };
        Envelope::build(kind, request, &body)
    }

    /// The request of a message, and its number.
    ///
    /// # Errors
    /// [`ProtocolError`], whatever the bytes are.
    pub fn decode(message: &[u8]) -> Result<(u32, Self), ProtocolError> {
        if message.len() > REQUEST_BYTES_MAX {
            return Err(ProtocolError::Length {
                bytes: message.len(),
            });
        }
        let envelope = Envelope::parse(message)?;
        let mut fields = Fields::new(envelope.body);
        let request = match envelope.kind {
            HELLO => Self::Hello,
            QUEUES => Self::Queues,
            SUBSCRIBE => Self::Subscribe {
                queue: fields.text::<QUEUE_NAME_BYTES>("queue")?,
                reader: fields.text::<READER_NAME_BYTES>("reader")?,
            },
            STATUS => Self::Status,
            kind => return Err(ProtocolError::Kind { kind }),
        };
        fields.end()?;
        Ok((envelope.request, request))
    }
}
