//! What broker and clients say to each other over the Unix socket.
//!
//! `SOCK_SEQPACKET`: the kernel keeps message boundaries, so a message is whole or it is malformed. Everything is
//! little-endian. A message is an envelope and a body:
//!
//! | bytes | field |
//! |--:|---|
//! | 0 | magic `GWB1` |
//! | 4 | version u16, of the whole protocol |
//! | 6 | kind u16 |
//! | 8 | request u32: chosen by the client, repeated in the answer |
//! | 12 | length of the body u32 |
//!
//! The envelope is the same in every version. Texts are UTF-8 in zero-padded fields. Descriptors travel by
//! `SCM_RIGHTS` with [`Reply::Subscribed`]: the queue, read-only, then the reader's position page; with
//! [`Reply::Book`]: the table, read-only; with [`Reply::Orders`]: a
//! file of records, which the gateway empties after some seconds or with the connection's next request.

mod fields;
#[cfg(any(test, feature = "harness"))]
pub mod harness;
mod reply;
mod request;

pub use reply::{BookInfo, ErrorCode, QueueEntry, Reply};
pub use request::{OrdersOf, Request, Wish};

/// First bytes of every message.
pub const MAGIC: [u8; 4] = *b"GWB1";
/// Version of the protocol that this build speaks, the only one.
pub const VERSION: u16 = 1;
/// Bytes in front of each body.
pub const ENVELOPE_BYTES: usize = 16;
/// No request is longer.
pub const REQUEST_BYTES_MAX: usize = 256;
/// No reply is longer; longer texts and lists take several.
pub const REPLY_BYTES_MAX: usize = 16_384;
/// Bytes of a queue's name, zero-padded.
pub const QUEUE_NAME_BYTES: usize = 64;
/// Bytes of a reader's name, zero-padded.
pub const READER_NAME_BYTES: usize = 32;

/// Bytes of a symbol, zero-padded.
pub const SYMBOL_BYTES: usize = 32;

/// Why a message could not be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// It is shorter than an envelope, longer than allowed, or its body has another length than announced.
    #[error("a message of {bytes} bytes is cut, padded or too long")]
    Length {
        /// Bytes that came.
        bytes: usize,
    },
    /// It does not start with the magic.
    #[error("a message does not start with GWB1")]
    Magic,
    /// It speaks another version.
    #[error("protocol version {version}, this side speaks {VERSION}")]
    Version {
        /// The version it speaks.
        version: u16,
    },
    /// Its kind is unknown.
    #[error("message kind {kind:#06x} is unknown")]
    Kind {
        /// The kind.
        kind: u16,
    },
    /// A field is not what it should be.
    #[error("field `{field}` is malformed")]
    Field {
        /// The field.
        field: &'static str,
    },
    /// The answer belongs to another request.
    #[error("an answer to request {found} came for request {expected}")]
    Request {
        /// The request that was asked.
        expected: u32,
        /// The one answered.
        found: u32,
    },
    /// The answer is of another kind than the request.
    #[error("the answer does not belong to the request")]
    Answer,
    /// A message came without the descriptors that belong to it.
    #[error("{found} descriptors came instead of {expected}")]
    Descriptors {
        /// How many belong to it.
        expected: usize,
        /// How many came.
        found: usize,
    },
}

/// A message's envelope, checked, and its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Envelope<'a> {
    pub(crate) kind: u16,
    pub(crate) request: u32,
    pub(crate) body: &'a [u8],
}

impl<'a> Envelope<'a> {
    pub(crate) fn parse(message: &'a [u8]) -> Result<Self, ProtocolError> {
        let length = ProtocolError::Length {
            bytes: message.len(),
        };
        let (envelope, body) = message
            .split_first_chunk::<ENVELOPE_BYTES>()
            .ok_or(length)?;
        let mut reader = fields::Fields::new(envelope);
        if reader.array()? != MAGIC {
            return Err(ProtocolError::Magic);
        }
        let version = reader.u16()?;
        if version != VERSION {
            return Err(ProtocolError::Version { version });
        }
        let (kind, request, body_bytes) = (reader.u16()?, reader.u32()?, reader.u32()?);
        if body_bytes as usize != body.len() {
            return Err(length);
        }
        Ok(Self {
            kind,
            request,
            body,
        })
    }

    pub(crate) fn build(kind: u16, request: u32, body: &[u8]) -> Vec<u8> {
        let mut message = Vec::with_capacity(ENVELOPE_BYTES + body.len());
        message.extend_from_slice(&MAGIC);
        message.extend_from_slice(&VERSION.to_le_bytes());
        message.extend_from_slice(&kind.to_le_bytes());
        message.extend_from_slice(&request.to_le_bytes());
        message.extend_from_slice(&(body.len() as u32).to_le_bytes());
        message.extend_from_slice(body);
        message
    }
}

/// The request number of a message of any version, so that a refusal can name it; 0 where there is none.
#[must_use]
pub fn request_number(message: &[u8]) -> u32 {
    message
        .get(8..12)
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(0, u32::from_le_bytes)
}
