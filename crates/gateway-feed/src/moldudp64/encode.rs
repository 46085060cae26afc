//! Writes downstream packets, for simulators and tests.

use super::{END_OF_SESSION_COUNT, HEADER_BYTES, LENGTH_BYTES, MESSAGE_COUNT_MAX, Session};

/// Why a message was not added to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// With it the packet would exceed its limit: send what there is, and begin the next with this message.
    #[error(
        "message of {length} bytes does not fit: {free} bytes are left of {limit}; finish this packet first"
    )]
    Full {
        /// The message's length.
        length: usize,
        /// Bytes left in the packet.
        free: usize,
        /// The packet's limit.
        limit: usize,
    },
    /// It does not even fit an empty packet: raise the limit, or leave the message out.
    #[error("message of {length} bytes exceeds a packet of {limit} bytes: raise the packet limit")]
    TooLong {
        /// The message's length.
        length: usize,
        /// The packet's limit.
        limit: usize,
    },
    /// The packet has 65,534 messages already, the most its header can say.
    #[error("packet holds 65534 messages already: finish it first")]
    TooMany,
}

/// Builds one packet at a time in a buffer of its own, allocated once.
#[derive(Clone, Debug)]
pub struct PacketBuilder {
    buffer: Vec<u8>,
    limit: usize,
    session: Session,
    next: u64,
    count: u16,
}

impl PacketBuilder {
    /// For packets of `session` of at most `packet_bytes_max` bytes, header included, the first message numbered
    /// `next`. A limit below the 20 bytes of a header is taken as 20, which holds heartbeats only; a UDP payload
    /// over Ethernet without jumbo frames has at most 1,472.
    #[must_use]
    pub fn new(session: Session, next: u64, packet_bytes_max: usize) -> Self {
        let limit = packet_bytes_max.max(HEADER_BYTES);
        let mut buffer = Vec::with_capacity(limit);
        buffer.resize(HEADER_BYTES, 0);
        Self {
            buffer,
            limit,
            session,
            next,
            count: 0,
        }
    }

    /// The number that the next message to be added gets.
    #[must_use]
    pub const fn next_sequence(&self) -> u64 {
        self.next.wrapping_add(self.count as u64)
    }

    /// Messages in the packet under construction.
    #[must_use]
    pub const fn count(&self) -> u16 {
        self.count
    }

    /// Adds one message.
    ///
    /// # Errors
    /// See [`BuildError`]; the packet is as it was.
    pub fn push(&mut self, message: &[u8]) -> Result<(), BuildError> {
        let length = message.len();
        let too_long = BuildError::TooLong {
            length,
            limit: self.limit,
        };
        let prefix = u16::try_from(length).map_err(|_| too_long)?;
        if self.count == MESSAGE_COUNT_MAX {
            return Err(BuildError::TooMany);
        }
        let free = self.limit - self.buffer.len();
        if LENGTH_BYTES + length > free {
            return Err(if self.count == 0 {
                too_long
            } else {
                BuildError::Full {
                    length,
                    free,
                    limit: self.limit,
                }
            });
        }
        self.buffer.extend_from_slice(&prefix.to_be_bytes());
        self.buffer.extend_from_slice(message);
        self.count += 1;
        Ok(())
    }

    /// Completes the packet and hands it to `send`, then begins the next one behind it. A packet without messages is
    /// a heartbeat.
    pub fn finish<R>(&mut self, send: impl FnOnce(&[u8]) -> R) -> R {
        let count = self.count;
        self.write_header(count);
        let result = send(&self.buffer);
        self.next = self.next_sequence();
        self.count = 0;
        self.buffer.truncate(HEADER_BYTES);
        result
    }

    /// A packet that tells the next number to come, and that the session lives. As for
    /// [`end_of_session`](Self::end_of_session), finish the packet under construction before.
    #[must_use]
    pub fn heartbeat(&self) -> [u8; HEADER_BYTES] {
        header(self.session, self.next, 0)
    }

    /// The packet that tells that the session is over. Messages not yet sent stay in the packet under construction:
    /// finish it before.
    #[must_use]
    pub fn end_of_session(&self) -> [u8; HEADER_BYTES] {
        header(self.session, self.next, END_OF_SESSION_COUNT)
    }

    /// Begins a session (or restarts the numbers of this one), throwing away what the packet under construction holds.
    pub fn restart(&mut self, session: Session, next: u64) {
        self.session = session;
        self.next = next;
        self.count = 0;
        self.buffer.truncate(HEADER_BYTES);
    }

    fn write_header(&mut self, count: u16) {
        let header = header(self.session, self.next, count);
        self.buffer[..HEADER_BYTES].copy_from_slice(&header);
    }
}

/// The 20 bytes in front of a packet's messages ("Downstream Packet Header").
pub(super) fn header(session: Session, sequence: u64, count: u16) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..10].copy_from_slice(&session.0);
    header[10..18].copy_from_slice(&sequence.to_be_bytes());
    header[18..].copy_from_slice(&count.to_be_bytes());
    header
}
