//! IEX-TP 1, the framing of IEX's multicast feeds ("Outbound Segment Format").
//!
//! | offset | bytes | field | |
//! |---|---|---|---|
//! | 0 | 1 | version | 1 |
//! | 1 | 1 | reserved | |
//! | 2 | 2 | message protocol id | which feed: [`super::TOPS`], [`super::DEEP`], [`super::DEEP_PLUS`] |
//! | 4 | 4 | channel id | of the stream within the feed |
//! | 8 | 4 | session id | unique within the day |
//! | 12 | 2 | payload length | bytes behind the header |
//! | 14 | 2 | message count | 0 with a payload length of 0: heartbeat |
//! | 16 | 8 | stream offset | bytes of payload sent before |
//! | 24 | 8 | first message sequence number | or that of the next message to come |
//! | 32 | 8 | send time | nanoseconds since the Unix epoch |
//! | 40 | … | message blocks | each a 2-byte length and as many bytes |
//!
//! The count rules, not the payload's length: of a segment that is cut the whole messages are taken, and bytes behind the last
//! message are counted and ignored. The payload's length only tells a heartbeat.

use crate::moldudp64::encode::BuildError;
use crate::transport::{
    Frame, FrameError, FrameKind, SequenceDomain, SessionId, Transport, Walked, walk_each,
};

/// Length of the header of every segment.
pub const HEADER_BYTES: usize = 40;
/// Length of the field in front of every message ("Message Block").
pub const LENGTH_BYTES: usize = 2;
/// The version that this module reads.
pub const VERSION: u8 = 1;

/// The [`Transport`] of the IEX feed with that message protocol id. Messages are numbered, from 1 in each session.
///
/// A segment of another feed, or of another version, is refused as foreign.
#[derive(Clone, Copy, Debug)]
pub struct IexTp<const PROTOCOL: u16>;

impl<const PROTOCOL: u16> Transport for IexTp<PROTOCOL> {
    const NAME: &'static str = "iex-tp";
    const SEQUENCE: SequenceDomain = SequenceDomain::Messages;
    const FIRST_SEQUENCE: u64 = 1;

    #[inline(always)]
    fn frame(packet: &[u8]) -> Result<Frame<'_>, FrameError> {
        let Some((header, behind)) = packet.split_first_chunk::<HEADER_BYTES>() else {
            return Err(FrameError::ShortHeader {
                length: packet.len(),
                needed: HEADER_BYTES,
            });
        };
        let protocol = u16::from_le_bytes([header[2], header[3]]);
        if header[0] != VERSION || protocol != PROTOCOL {
            return Err(FrameError::Foreign {
                found: u32::from(header[0]) << 16 | u32::from(protocol),
                expected: u32::from(VERSION) << 16 | u32::from(PROTOCOL),
            });
        }
        let channel = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
        let session = u32::from_le_bytes([header[8], header[9], header[10], header[11]]);
        let payload = usize::from(u16::from_le_bytes([header[12], header[13]]));
        let count = u16::from_le_bytes([header[14], header[15]]);
        let mut first = [0; 8];
        first.copy_from_slice(&header[24..32]);
        let kind = if count == 0 {
            FrameKind::Heartbeat
        } else {
            FrameKind::Data
        };
        // The walk sees all that came, so that it can tell what is cut and what lies behind the last message.
        let body = if count == 0 && payload == 0 {
            &[]
        } else {
            behind
        };
        Frame::new(
            session_id(channel, session),
            u64::from_le_bytes(first),
            count.into(),
            kind,
            body,
        )
    }

    #[inline(always)]
    fn walk(frame: &Frame<'_>, skip: u32, visit: impl FnMut(u64, &[u8])) -> Walked {
        walk_each(frame, skip, split_message, visit)
    }
}

/// The first message, without its length, and what follows.
#[inline(always)]
fn split_message(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, behind) = body.split_first_chunk::<LENGTH_BYTES>()?;
    behind.split_at_checked(usize::from(u16::from_le_bytes(*length)))
}

/// The session as text: its number in eight hexadecimal digits, then the channel's, both as the specification prints
/// numbers.
#[inline(always)]
const fn session_id(channel: u32, session: u32) -> SessionId {
    SessionId::from_parts(hexadecimal(session), hexadecimal(channel))
}

/// Eight digits, without a loop or a table: each nibble spread to a byte of its own, then raised to its digit.
#[inline(always)]
const fn hexadecimal(number: u32) -> [u8; 8] {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let mut nibbles = number as u64;
    nibbles = (nibbles | nibbles << 16) & 0x0000_FFFF_0000_FFFF;
    nibbles = (nibbles | nibbles << 8) & 0x00FF_00FF_00FF_00FF;
    nibbles = (nibbles | nibbles << 4) & 0x0F0F_0F0F_0F0F_0F0F;
    // 1 in each byte of ten or more: only there does adding 6 carry into the fifth bit.
    let letters = ((nibbles + 6 * ONES) >> 4) & ONES;
    (nibbles + 0x30 * ONES + letters * (b'a' - b'0' - 10) as u64).to_be_bytes()
}

/// Builds one segment at a time in a buffer of its own, allocated once: for simulators and tests.
#[derive(Clone, Debug)]
pub struct PacketBuilder {
    buffer: Vec<u8>,
    limit: usize,
    next: u64,
    offset: u64,
    count: u16,
}

impl PacketBuilder {
    /// For segments of the feed `protocol` of at most `packet_bytes_max` bytes, header included, the first message
    /// numbered `next`. A limit below the 40 bytes of a header is taken as 40, which holds heartbeats only.
    #[must_use]
    pub fn new(
        protocol: u16,
        channel: u32,
        session: u32,
        next: u64,
        packet_bytes_max: usize,
    ) -> Self {
        let limit = packet_bytes_max.clamp(HEADER_BYTES, HEADER_BYTES + usize::from(u16::MAX));
        let mut buffer = Vec::with_capacity(limit);
        buffer.resize(HEADER_BYTES, 0);
        buffer[0] = VERSION;
        buffer[2..4].copy_from_slice(&protocol.to_le_bytes());
        buffer[4..8].copy_from_slice(&channel.to_le_bytes());
        buffer[8..12].copy_from_slice(&session.to_le_bytes());
        Self {
            buffer,
            limit,
            next,
            offset: 0,
            count: 0,
        }
    }

    /// The same, with `offset` bytes of payload sent before in the session.
    #[must_use]
    pub const fn with_offset(mut self, offset: u64) -> Self {
        self.offset = offset;
        self
    }

    /// Bytes of payload in the segments that were finished.
    #[must_use]
    pub const fn stream_offset(&self) -> u64 {
        self.offset
    }

    /// Messages in the segment under construction.
    #[must_use]
    pub const fn count(&self) -> u16 {
        self.count
    }

    /// The number that the next message to be added gets.
    #[must_use]
    pub const fn next_sequence(&self) -> u64 {
        self.next.wrapping_add(self.count as u64)
    }

    /// Adds one message.
    ///
    /// # Errors
    /// See [`BuildError`]; the segment is as it was.
    pub fn push(&mut self, message: &[u8]) -> Result<(), BuildError> {
        let length = message.len();
        let limit = self.limit;
        let free = limit - self.buffer.len();
        let prefix = u16::try_from(length).map_err(|_| BuildError::TooLong { length, limit })?;
        if self.count == u16::MAX {
            return Err(BuildError::TooMany);
        }
        if LENGTH_BYTES + length > free {
            return Err(if self.count == 0 {
                BuildError::TooLong { length, limit }
            } else {
                BuildError::Full {
                    length,
                    free,
                    limit,
                }
            });
        }
        self.buffer.extend_from_slice(&prefix.to_le_bytes());
        self.buffer.extend_from_slice(message);
        self.count += 1;
        Ok(())
    }

    /// Completes the segment with its send time and hands it to `send`, then begins the next one behind it. A segment
    /// without messages is a heartbeat.
    pub fn finish<R>(&mut self, send_time: u64, send: impl FnOnce(&[u8]) -> R) -> R {
        let payload = self.buffer.len() - HEADER_BYTES;
        // `limit` keeps the payload within 16 bits.
        self.buffer[12..14].copy_from_slice(&(payload as u16).to_le_bytes());
        self.buffer[14..16].copy_from_slice(&self.count.to_le_bytes());
        self.buffer[16..24].copy_from_slice(&self.offset.to_le_bytes());
        self.buffer[24..32].copy_from_slice(&self.next.to_le_bytes());
        self.buffer[32..40].copy_from_slice(&send_time.to_le_bytes());
        let result = send(&self.buffer);
        self.next = self.next_sequence();
        self.offset = self.offset.wrapping_add(payload as u64);
        self.count = 0;
        self.buffer.truncate(HEADER_BYTES);
        result
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::super::{DEEP, TOPS};
    use super::*;

    fn messages(packet: &[u8]) -> (Frame<'_>, Vec<(u64, Vec<u8>)>, Walked) {
        let frame = IexTp::<TOPS>::frame(packet).unwrap();
        let mut all = Vec::new();
        let walked = IexTp::<TOPS>::walk(&frame, 0, |sequence, message| {
            all.push((sequence, message.to_vec()));
        });
        (frame, all, walked)
    }

    /// A segment as the specification's table has it, byte by byte.
    #[test]
    fn a_segment_is_read_field_by_field() {
        let packet = [
            &[1, 0][..],                                       // version, reserved
            &[0x03, 0x80],                                     // TOPS 1.6
            &[1, 0, 0, 0],                                     // channel 1
            &[0, 0, 0x1d, 0x4e],                               // session 0x4e1d0000
            &[7, 0],                                           // payload length
            &[2, 0],                                           // messages
            &[9, 0, 0, 0, 0, 0, 0, 0],                         // stream offset
            &[0x2e, 0xb8, 0, 0, 0, 0, 0, 0],                   // first sequence 47150
            &[0xdb, 0x28, 0x9e, 0x16, 0x61, 0x55, 0xfa, 0x17], // send time
            &[1, 0, b'X'],
            &[2, 0, b'Y', b'Z'],
        ]
        .concat();
        let (frame, all, walked) = messages(&packet);
        assert_eq!(frame.session.to_string(), "4e1d000000000001");
        assert_eq!((frame.first, frame.count), (47_150, 2));
        assert_eq!(all, [(47_150, b"X".to_vec()), (47_151, b"YZ".to_vec())]);
        assert_eq!(
            (walked.whole, walked.trailing_bytes, walked.cut_at),
            (2, 0, None)
        );
    }

    #[test]
    fn other_feeds_and_short_packets_are_refused() {
        let mut builder = PacketBuilder::new(DEEP, 1, 2, 1, 1_400);
        let packet = builder.finish(0, <[u8]>::to_vec);
        let error = IexTp::<TOPS>::frame(&packet).unwrap_err();
        assert!(matches!(error, FrameError::Foreign { .. }), "{error}");
        assert!(error.to_string().contains("0x18004"), "{error}");
        assert!(IexTp::<DEEP>::frame(&packet).is_ok());
        let short = IexTp::<DEEP>::frame(&packet[..39]);
        assert!(matches!(short, Err(FrameError::ShortHeader { .. })));
        let mut other = packet.clone();
        other[0] = 2;
        assert!(IexTp::<DEEP>::frame(&other).is_err());
    }

    #[test]
    fn a_segment_without_messages_tells_the_next_number() {
        let mut builder = PacketBuilder::new(TOPS, 1, 2, 5, 1_400);
        builder.push(b"S").unwrap();
        builder.finish(0, |_| ());
        let packet = builder.finish(0, <[u8]>::to_vec);
        let (frame, all, _) = messages(&packet);
        assert_eq!((frame.kind, frame.first), (FrameKind::Heartbeat, 6));
        assert!(all.is_empty());
    }

    #[test]
    fn digits_are_those_of_the_number() {
        for number in [
            0,
            9,
            10,
            15,
            16,
            0x9a9a_9a9a,
            0x0123_4567,
            0x89ab_cdef,
            u32::MAX,
        ] {
            assert_eq!(
                hexadecimal(number).as_slice(),
                format!("{number:08x}").as_bytes()
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_built_is_read_back_and_what_is_cut_is_told(
            lengths in prop::collection::vec(0_usize..60, 0..20),
            first in 1..u64::MAX / 2,
            cut in 0_usize..64,
            skip in 0_u32..4,
        ) {
            let mut builder = PacketBuilder::new(TOPS, 7, 9, first, 2_000);
            let bodies: Vec<Vec<u8>> = lengths.iter().map(|&n| vec![n as u8; n]).collect();
            for body in &bodies {
                builder.push(body).unwrap();
            }
            let packet = builder.finish(1, <[u8]>::to_vec);
            prop_assert_eq!(builder.next_sequence(), first + bodies.len() as u64);
            let (_, all, walked) = messages(&packet);
            let expected: Vec<_> = (first..).zip(bodies.iter().cloned()).collect();
            prop_assert_eq!(&all, &expected);
            prop_assert_eq!(walked.whole as usize, bodies.len());

            let kept = packet.len().saturating_sub(cut).max(HEADER_BYTES);
            let frame = IexTp::<TOPS>::frame(&packet[..kept]).unwrap();
            let mut seen = Vec::new();
            let walked = IexTp::<TOPS>::walk(&frame, skip, |n, message| seen.push((n, message.to_vec())));
            let whole = walked.whole as usize;
            prop_assert!(whole <= bodies.len());
            prop_assert_eq!(walked.cut_at.is_some(), whole < bodies.len());
            let skipped = (skip as usize).min(whole);
            prop_assert_eq!(&seen[..], &expected[skipped..whole]);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut packet = vec![1, 0, 3, 0x80];
            packet.extend(bytes);
            if let Ok(frame) = IexTp::<TOPS>::frame(&packet) {
                let walked = IexTp::<TOPS>::walk(&frame, 0, |_, _| {});
                prop_assert!(walked.whole <= frame.count);
            }
        }
    }
}
