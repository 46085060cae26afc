//! Packets out of a stream of bytes that comes in pieces of any size.

use super::packet::PacketError;
use super::{HEADER_BYTES, PAYLOAD_BYTES_MAX};

/// Bytes of the length field.
const LENGTH_BYTES: usize = HEADER_BYTES - 1;

/// Puts packets together. What is whole within a piece is borrowed from it; only a packet that is cut is copied, into a
/// buffer that never holds more than one packet.
#[derive(Debug)]
pub struct Reassembler {
    buffer: Vec<u8>,
    /// Whether the packet in the buffer was given out.
    given: bool,
    /// The most bytes of type and payload.
    length_max: usize,
}

impl Reassembler {
    /// For packets with payloads of at most `payload_bytes_max` bytes (at most [`PAYLOAD_BYTES_MAX`]).
    #[must_use]
    pub fn new(payload_bytes_max: usize) -> Self {
        Self {
            buffer: Vec::new(),
            given: false,
            length_max: 1 + payload_bytes_max.min(PAYLOAD_BYTES_MAX),
        }
    }

    /// The next packet's type and payload; `None` once `input` is used up. `input` is cut by what was used.
    ///
    /// # Errors
    /// [`PacketError::Empty`] or [`PacketError::TooLong`]: where the next packet begins is not known any more, and the
    /// connection is of no further use.
    pub fn next<'a, 'input: 'a>(
        &'a mut self,
        input: &mut &'input [u8],
    ) -> Result<Option<(u8, &'a [u8])>, PacketError> {
        if self.given {
            self.buffer.clear();
            self.given = false;
        }
        if self.buffer.is_empty() {
            let whole = match input.split_first_chunk::<LENGTH_BYTES>() {
                Some((length, rest)) => rest.split_at_checked(self.length(*length)?),
                None => None,
            };
            if let Some((packet, rest)) = whole {
                *input = rest;
                return Ok(packet.split_first().map(|(kind, payload)| (*kind, payload)));
            }
        }
        self.fill(LENGTH_BYTES, input);
        let Some(length) = self.buffer.first_chunk::<LENGTH_BYTES>() else {
            return Ok(None);
        };
        let end = LENGTH_BYTES + self.length(*length)?;
        self.fill(end, input);
        if self.buffer.len() < end {
            return Ok(None);
        }
        self.given = true;
        let packet = self.buffer.get(LENGTH_BYTES..).unwrap_or_default();
        Ok(packet.split_first().map(|(kind, payload)| (*kind, payload)))
    }

    /// Bytes of a packet that is cut, so far.
    #[must_use]
    pub fn pending(&self) -> usize {
        if self.given { 0 } else { self.buffer.len() }
    }

    fn length(&self, field: [u8; LENGTH_BYTES]) -> Result<usize, PacketError> {
        match usize::from(u16::from_be_bytes(field)) {
            0 => Err(PacketError::Empty),
            length if length > self.length_max => Err(PacketError::TooLong {
                length,
                limit: self.length_max,
            }),
            length => Ok(length),
        }
    }

    /// Moves bytes of `input` into the buffer until it holds `target`.
    fn fill(&mut self, target: usize, input: &mut &[u8]) {
        let wanted = target.saturating_sub(self.buffer.len()).min(input.len());
        let (taken, rest) = input.split_at(wanted);
        self.buffer.extend_from_slice(taken);
        *input = rest;
    }
}
