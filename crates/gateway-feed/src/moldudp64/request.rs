//! Asking for messages again ("Request Packet").
//!
//! | offset | bytes | field | |
//! |---|---|---|---|
//! | 0 | 10 | session | of the messages wanted |
//! | 10 | 8 | sequence number | of the first message wanted |
//! | 18 | 2 | requested message count | how many are wanted |
//!
//! It goes by UDP to a re-request server, which sends a downstream packet back to where the request came from: the
//! messages from the first one wanted on, as many as fit one packet. What it leaves is asked for again.

use super::{END_OF_SESSION_COUNT, HEADER_BYTES, Session};

/// Bytes of a request: as long as a header, and with the same fields.
pub const REQUEST_BYTES: usize = HEADER_BYTES;
/// The most messages that a request can ask for: the count of an end of session means no messages.
pub const REQUEST_COUNT_MAX: u16 = END_OF_SESSION_COUNT - 1;

/// A request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The session that the number counts in.
    pub session: Session,
    /// The first message wanted.
    pub sequence: u64,
    /// How many, from it on; 1..=[`REQUEST_COUNT_MAX`].
    pub count: u16,
}

/// Why bytes are no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Not the 20 bytes of a request.
    #[error("a request has {REQUEST_BYTES} bytes, not {0}")]
    Length(usize),
    /// It asks for no message, or for as many as no packet has.
    #[error("a request for {0} messages asks for nothing: 1 to {REQUEST_COUNT_MAX} can be had")]
    Count(u16),
    /// It asks for message 0, or for messages beyond the last number.
    #[error("a request for {count} messages from {sequence} on: numbers are 1 to 2^64 - 1")]
    Sequence {
        /// The first message wanted.
        sequence: u64,
        /// How many.
        count: u16,
    },
}

impl From<crate::recovery::Request> for Request {
    fn from(wanted: crate::recovery::Request) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, ..] = wanted.session.bytes();
        Self {
            session: Session([a, b, c, d, e, f, g, h, i, j]),
            sequence: wanted.first,
            count: wanted.count,
        }
    }
}

impl Request {
    /// The request as the wire has it.
    #[must_use]
    pub fn encode(&self) -> [u8; REQUEST_BYTES] {
        super::encode::header(self.session, self.sequence, self.count)
    }

    /// Reads a request.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, RequestError> {
        let Ok([session @ .., s0, s1, s2, s3, s4, s5, s6, s7, c0, c1]) =
            <&[u8; REQUEST_BYTES]>::try_from(bytes)
        else {
            return Err(RequestError::Length(bytes.len()));
        };
        let request = Self {
            session: Session(*session),
            sequence: u64::from_be_bytes([*s0, *s1, *s2, *s3, *s4, *s5, *s6, *s7]),
            count: u16::from_be_bytes([*c0, *c1]),
        };
        let Self {
            sequence, count, ..
        } = request;
        if count == 0 || count > REQUEST_COUNT_MAX {
            return Err(RequestError::Count(count));
        }
        if sequence == 0 || sequence.checked_add(u64::from(count) - 1).is_none() {
            return Err(RequestError::Sequence { sequence, count });
        }
        Ok(request)
    }
}
