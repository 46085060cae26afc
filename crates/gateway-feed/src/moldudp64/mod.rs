//! MoldUDP64 1.00: the UDP framing of Nasdaq's feeds, and of many others.
//!
//! The specification (Nasdaq, 07/07/2009) has no numbered sections; the documentation here names them by title.
//! Everything is big-endian. A *downstream packet* is
//!
//! | offset | bytes | field | |
//! |---|---|---|---|
//! | 0 | 10 | session | alphanumeric; compared as bytes, never trimmed |
//! | 10 | 8 | sequence number | of the first message, or of the next one to come |
//! | 18 | 2 | message count | 0: heartbeat; 0xFFFF: end of session; else the messages that follow |
//! | 20 | … | message blocks | each a 2-byte length and as many bytes; a length of 0 is a message |
//!
//! The count rules, not the packet's length: bytes behind the last message are counted and ignored, and of a packet
//! that is cut the whole messages are taken.

pub mod encode;
mod messages;
mod packet;
pub mod request;
#[cfg(test)]
mod tests;

pub use encode::PacketBuilder;
pub use messages::{Message, Messages};
pub use packet::{
    END_OF_SESSION_COUNT, HEADER_BYTES, LENGTH_BYTES, MESSAGE_COUNT_MAX, Packet, PacketKind,
    Session,
};
pub use request::Request;

use crate::transport::{Frame, FrameError, FrameKind, SequenceDomain, Transport, Walked};

/// The [`Transport`] of MoldUDP64. Messages are numbered, from 1 in each session.
#[derive(Clone, Copy, Debug)]
pub struct MoldUdp64;

impl Transport for MoldUdp64 {
    const NAME: &'static str = "moldudp64";
    const SEQUENCE: SequenceDomain = SequenceDomain::Messages;
    const FIRST_SEQUENCE: u64 = 1;

    #[inline(always)]
    fn frame(packet: &[u8]) -> Result<Frame<'_>, FrameError> {
        let packet = Packet::parse(packet)?;
        let (kind, count) = match packet.kind {
            PacketKind::Data { count } => (FrameKind::Data, u32::from(count)),
            PacketKind::Heartbeat => (FrameKind::Heartbeat, 0),
            PacketKind::EndOfSession => (FrameKind::EndOfSession, 0),
        };
        Frame::new(
            packet.session.id(),
            packet.sequence,
            count,
            kind,
            packet.body,
        )
    }

    #[inline(always)]
    fn walk(frame: &Frame<'_>, skip: u32, mut visit: impl FnMut(u64, &[u8])) -> Walked {
        let mut messages = Messages::new(frame.body, frame.count);
        for _ in 0..skip {
            if messages.next().is_none() {
                break;
            }
        }
        // Messages outside the sequence all have the number 0.
        let step = u64::from(frame.first != 0);
        let mut sequence = frame.first.wrapping_add(step * u64::from(skip));
        for message in messages.by_ref() {
            visit(sequence, message.bytes);
            sequence = sequence.wrapping_add(step);
        }
        messages.walked()
    }
}
