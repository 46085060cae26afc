//! Blocks out of a stream of bytes, however it is cut.

use super::super::transport::{HEADER_BYTES, PitchUnit};
use crate::transport::Transport;

/// Why a stream is none of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// A block's length is less than its header's.
    #[error(
        "a block of {0} bytes has no room for its header of {HEADER_BYTES}: the peer does not speak this protocol"
    )]
    Length(u16),
    /// A block's messages do not fill it.
    #[error(
        "a block announces {announced} messages and has {whole}: the peer does not keep to the protocol"
    )]
    Messages {
        /// As the header says.
        announced: u32,
        /// Whole ones.
        whole: u32,
    },
}

/// Puts blocks together. It holds less than one at a time, of at most 65,535 bytes.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    begun: Vec<u8>,
}

impl Blocks {
    /// The next whole block at the start of `bytes`, behind what was there before, handed to `take`; `bytes` is then what
    /// follows. `Ok(false)` where it is not whole yet.
    pub(super) fn next(
        &mut self,
        bytes: &mut &[u8],
        take: &mut impl FnMut(&[u8]),
    ) -> Result<bool, StreamError> {
        if !self.fill(bytes, HEADER_BYTES) {
            return Ok(false);
        }
        let length = u16::from_le_bytes([self.begun[0], self.begun[1]]);
        if usize::from(length) < HEADER_BYTES {
            return Err(StreamError::Length(length));
        }
        if !self.fill(bytes, length.into()) {
            return Ok(false);
        }
        let Ok(frame) = PitchUnit::frame(&self.begun) else {
            return Err(StreamError::Length(length));
        };
        let walked = PitchUnit::walk(&frame, 0, |_, message| take(message));
        let announced = frame.count;
        self.begun.clear();
        if walked.whole < announced || walked.trailing_bytes > 0 {
            let whole = walked.whole;
            return Err(StreamError::Messages { announced, whole });
        }
        Ok(true)
    }

    /// Whether there are as many bytes as `length`, once what can be had of `bytes` is there.
    fn fill(&mut self, bytes: &mut &[u8], length: usize) -> bool {
        let missing = length.saturating_sub(self.begun.len()).min(bytes.len());
        let (now, later) = bytes.split_at(missing);
        self.begun.extend_from_slice(now);
        *bytes = later;
        self.begun.len() >= length
    }
}

/// Appends a block with one message, or none, to what is to be sent.
pub(super) fn write(output: &mut Vec<u8>, message: Option<&[u8]>) {
    let message = message.unwrap_or_default();
    let count = u8::from(!message.is_empty());
    // Messages of sessions are short: see their lengths.
    let length = HEADER_BYTES + usize::from(count) + message.len();
    output.extend_from_slice(&(length as u16).to_le_bytes());
    output.extend_from_slice(&[count, 0, 0, 0, 0, 0]);
    if count > 0 {
        output.push((message.len() + 1) as u8);
        output.extend_from_slice(message);
    }
}
