//! The sequenced unit header, the framing of every PITCH packet ("Sequenced Unit Header").
//!
//! | offset | bytes | field | |
//! |---|---|---|---|
//! | 0 | 2 | length | of the whole block, header included |
//! | 2 | 1 | count | of messages; 0: heartbeat |
//! | 3 | 1 | unit | whose numbers they are; may be 0 where there are none |
//! | 4 | 4 | sequence | of the first message, or of the next one to come; 0: unsequenced |
//! | 8 | … | messages | each begins with a byte that has its length, that byte included |
//!
//! The header names no session and no date: a unit's numbers begin at 1 again each day, which its heartbeats announce. A
//! unit is a stream of its own, whatever port it comes on, so the unit's number is the session's name here.
//!
//! Bytes behind the length that the header states are padding. Of a packet that is cut the whole messages are taken. A
//! message is handed on without its byte of length, so that its first byte is its type, as with other feeds.

use crate::moldudp64::encode::BuildError;
use crate::transport::{
    Frame, FrameError, FrameKind, SequenceDomain, SessionId, Transport, Walked, walk_each,
};

/// Length of the header of every packet.
pub const HEADER_BYTES: usize = 8;
/// The shortest message: its length and its type.
const MESSAGE_BYTES_MIN: u8 = 2;

/// The [`Transport`] of PITCH. Messages are numbered, from 1 in each unit and day.
#[derive(Clone, Copy, Debug)]
pub struct PitchUnit;

impl Transport for PitchUnit {
    const NAME: &'static str = "cboe-pitch";
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
        let length = usize::from(u16::from_le_bytes([header[0], header[1]]));
        if length < HEADER_BYTES {
            return Err(FrameError::Foreign {
                found: length as u32,
                expected: HEADER_BYTES as u32,
            });
        }
        let count = header[2];
        let kind = if count == 0 {
            FrameKind::Heartbeat
        } else {
            FrameKind::Data
        };
        Frame::new(
            unit_session(header[3]),
            u32::from_le_bytes([header[4], header[5], header[6], header[7]]).into(),
            count.into(),
            kind,
            &behind[..behind.len().min(length - HEADER_BYTES)],
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
    let length = body
        .first()
        .filter(|&&length| length >= MESSAGE_BYTES_MIN)?;
    let (message, behind) = body.split_at_checked(usize::from(*length))?;
    Some((message.get(1..)?, behind))
}

/// Who is to get a packet, where one port carries several units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addressee {
    /// The unit of this number, 1 to 255: the packet is of its stream, or without numbers beside it.
    Unit(u8),
    /// Every unit: messages without numbers, of unit 0.
    Every,
    /// None: shorter than a header, or numbered and of unit 0.
    Nobody,
}

/// Whose `packet` (the UDP payload) is, by its header alone: whether the packet is whole is for its unit's channel to find.
#[must_use]
#[inline(always)]
pub fn addressee(packet: &[u8]) -> Addressee {
    match packet {
        [_, _, _, 0, 0, 0, 0, 0, ..] => Addressee::Every,
        [_, _, _, unit @ 1..=u8::MAX, _, _, _, _, ..] => Addressee::Unit(*unit),
        _ => Addressee::Nobody,
    }
}

/// The name of a unit's stream, such as `unit003`. Unit 0 is none: only messages without numbers have it.
#[must_use]
#[inline(always)]
pub const fn unit_session(unit: u8) -> SessionId {
    if unit == 0 {
        return SessionId::from_parts([0; 8], [0; 8]);
    }
    let digits = [unit / 100, unit / 10 % 10, unit % 10];
    let name = [
        b'u',
        b'n',
        b'i',
        b't',
        b'0' + digits[0],
        b'0' + digits[1],
        b'0' + digits[2],
        0,
    ];
    SessionId::from_parts(name, [0; 8])
}

/// Builds one packet at a time in a buffer of its own, allocated once: for simulators and tests.
#[derive(Clone, Debug)]
pub struct PacketBuilder {
    buffer: Vec<u8>,
    limit: usize,
    next: u32,
    count: u8,
}

impl PacketBuilder {
    /// For packets of `unit` of at most `packet_bytes_max` bytes, header included, the first message numbered `next`; 0:
    /// none is. A limit below the 8 bytes of a header is taken as 8, which holds heartbeats only.
    #[must_use]
    pub fn new(unit: u8, next: u32, packet_bytes_max: usize) -> Self {
        let limit = packet_bytes_max.clamp(HEADER_BYTES, usize::from(u16::MAX));
        let mut buffer = Vec::with_capacity(limit);
        buffer.resize(HEADER_BYTES, 0);
        buffer[3] = unit;
        Self {
            buffer,
            limit,
            next,
            count: 0,
        }
    }

    /// The number that the next message to be added gets.
    #[must_use]
    pub const fn next_sequence(&self) -> u32 {
        match self.next {
            0 => 0,
            next => next.wrapping_add(self.count as u32),
        }
    }

    /// Adds one message, given from its type on; its byte of length is put in front.
    ///
    /// # Errors
    /// See [`BuildError`]; the packet is as it was.
    pub fn push(&mut self, message: &[u8]) -> Result<(), BuildError> {
        let (length, limit) = (message.len() + 1, self.limit);
        let free = limit - self.buffer.len();
        let prefix = u8::try_from(length)
            .ok()
            .filter(|length| *length >= MESSAGE_BYTES_MIN)
            .ok_or(BuildError::TooLong { length, limit })?;
        if self.count == u8::MAX {
            return Err(BuildError::TooMany);
        }
        if length > free {
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
        self.buffer.push(prefix);
        self.buffer.extend_from_slice(message);
        self.count += 1;
        Ok(())
    }

    /// Completes the packet and hands it to `send`, then begins the next one behind it. A packet without messages is a
    /// heartbeat.
    pub fn finish<R>(&mut self, send: impl FnOnce(&[u8]) -> R) -> R {
        // `limit` keeps the length within 16 bits.
        let length = self.buffer.len() as u16;
        self.buffer[..2].copy_from_slice(&length.to_le_bytes());
        self.buffer[2] = self.count;
        self.buffer[4..8].copy_from_slice(&self.next.to_le_bytes());
        let result = send(&self.buffer);
        self.next = self.next_sequence();
        self.count = 0;
        self.buffer.truncate(HEADER_BYTES);
        result
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn messages(packet: &[u8]) -> (Frame<'_>, Vec<(u64, Vec<u8>)>, Walked) {
        let frame = PitchUnit::frame(packet).unwrap();
        let mut all = Vec::new();
        let walked = PitchUnit::walk(&frame, 0, |sequence, message| {
            all.push((sequence, message.to_vec()));
        });
        (frame, all, walked)
    }

    /// A packet as the specification's table has it, byte by byte.
    #[test]
    fn a_packet_is_read_field_by_field() {
        let packet = [
            &[17, 0][..],                 // length, header included
            &[2],                         // messages
            &[3],                         // unit
            &[0x1f, 0x9e, 0x8b, 0],       // sequence 9,149,983
            &[6, 0x20, 0x98, 0x85, 0, 0], // a message of 6 bytes
            &[3, 0x99, 1],                // one of 3
            &[0, 0, 0],                   // padding behind the length
        ]
        .concat();
        let (frame, all, walked) = messages(&packet);
        assert_eq!(frame.session.to_string(), "unit003");
        assert_eq!((frame.first, frame.count), (9_149_983, 2));
        assert_eq!(
            all,
            [
                (9_149_983, vec![0x20, 0x98, 0x85, 0, 0]),
                (9_149_984, vec![0x99, 1])
            ]
        );
        assert_eq!(
            (walked.whole, walked.trailing_bytes, walked.cut_at),
            (2, 0, None)
        );
    }

    #[test]
    fn messages_without_numbers_all_have_the_number_0() {
        let mut builder = PacketBuilder::new(1, 0, 100);
        builder.push(&[0x2E, 1]).unwrap();
        builder.push(&[0x2E, 2]).unwrap();
        let packet = builder.finish(<[u8]>::to_vec);
        let (frame, all, _) = messages(&packet);
        assert_eq!((frame.first, frame.kind), (0, FrameKind::Data));
        assert_eq!(all, [(0, vec![0x2E, 1]), (0, vec![0x2E, 2])]);
    }

    #[test]
    fn what_is_no_header_is_refused_and_no_message_ends_the_walk() {
        let short = PitchUnit::frame(&[8, 0, 0, 1, 1, 0, 0]);
        assert!(matches!(short, Err(FrameError::ShortHeader { .. })));
        let wrong = PitchUnit::frame(&[7, 0, 0, 1, 1, 0, 0, 0]);
        assert!(matches!(wrong, Err(FrameError::Foreign { found: 7, .. })));
        // A length that does not hold its own message would never end.
        for length in [0, 1] {
            let packet = [12, 0, 2, 1, 1, 0, 0, 0, 2, 0x99, length, 0];
            let (_, all, walked) = messages(&packet);
            assert_eq!((all.len(), walked.whole, walked.cut_at), (1, 1, Some(2)));
        }
    }

    #[test]
    fn a_packet_is_of_the_unit_in_its_header() {
        assert_eq!(addressee(&[8, 0, 0, 7, 1, 0, 0, 0]), Addressee::Unit(7));
        // Without numbers: of a unit, or of all.
        assert_eq!(addressee(&[8, 0, 0, 255, 0, 0, 0, 0]), Addressee::Unit(255));
        assert_eq!(addressee(&[8, 0, 0, 0, 0, 0, 0, 0]), Addressee::Every);
        // Unit 0 has no numbers.
        assert_eq!(addressee(&[8, 0, 0, 0, 0, 0, 0, 1]), Addressee::Nobody);
        assert_eq!(addressee(&[8, 0, 0, 7, 1, 0, 0]), Addressee::Nobody);
        assert_eq!(addressee(&[]), Addressee::Nobody);
    }

    #[test]
    fn a_packet_without_messages_tells_the_next_number() {
        let mut builder = PacketBuilder::new(254, 5, 1_400);
        builder.push(&[0x2D]).unwrap();
        builder.finish(|_| ());
        let packet = builder.finish(<[u8]>::to_vec);
        let (frame, all, _) = messages(&packet);
        assert_eq!((frame.kind, frame.first), (FrameKind::Heartbeat, 6));
        assert_eq!(frame.session.to_string(), "unit254");
        assert!(all.is_empty());
        assert_eq!(unit_session(0), SessionId::default());
    }

    proptest! {
        #[test]
        fn what_is_built_is_read_back_and_what_is_cut_is_told(
            lengths in prop::collection::vec(1_usize..60, 0..20),
            first in 1..u32::MAX / 2,
            cut in 0_usize..64,
            skip in 0_u32..4,
        ) {
            let mut builder = PacketBuilder::new(7, first, 2_000);
            let bodies: Vec<Vec<u8>> = lengths.iter().map(|&n| vec![n as u8; n]).collect();
            for body in &bodies {
                builder.push(body).unwrap();
            }
            let packet = builder.finish(<[u8]>::to_vec);
            prop_assert_eq!(builder.next_sequence() as usize, first as usize + bodies.len());
            let (_, all, walked) = messages(&packet);
            let expected: Vec<_> = (u64::from(first)..).zip(bodies.iter().cloned()).collect();
            prop_assert_eq!(&all, &expected);
            prop_assert_eq!(walked.whole as usize, bodies.len());

            let kept = packet.len().saturating_sub(cut).max(HEADER_BYTES);
            let frame = PitchUnit::frame(&packet[..kept]).unwrap();
            let mut seen = Vec::new();
            let walked = PitchUnit::walk(&frame, skip, |n, message| seen.push((n, message.to_vec())));
            let whole = walked.whole as usize;
            prop_assert!(whole <= bodies.len());
            prop_assert_eq!(walked.cut_at.is_some(), whole < bodies.len());
            let skipped = (skip as usize).min(whole);
            prop_assert_eq!(&seen[..], &expected[skipped..whole]);
        }

        #[test]
        fn any_bytes_are_read_or_refused(packet in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(frame) = PitchUnit::frame(&packet) {
                let walked = PitchUnit::walk(&frame, 0, |_, message| assert!(!message.is_empty()));
                prop_assert!(walked.whole <= frame.count);
            }
        }
    }
}
