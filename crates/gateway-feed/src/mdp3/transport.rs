//! The packets of MDP 3.0 ("Binary Packet Header").
//!
//! | offset | bytes | field | |
//! |---|---|---|---|
//! | 0 | 4 | MsgSeqNum | the packet's number: from 1 each week, one more a packet, heartbeats too |
//! | 4 | 8 | SendingTime | nanoseconds since the Unix epoch |
//! | 12 | … | messages | each behind 2 bytes of length, which count themselves |
//!
//! Packets are numbered, not messages: the messages of a packet share its number. A packet is taken whole or not at all,
//! because half an event is worth nothing; where its last message is cut, none is delivered.
//!
//! The numbers restart each week, over the weekend, and nothing in a packet names the week but the sending time. So the
//! week is the session: it begins on Saturday at 12:00 UTC, which assumes that the numbers restart with the first packet
//! after that, and is shown as the number of weeks since 1970 (`week2968`). A restart within a week is not followed: its
//! packets count as copies. A packet does not say of which channel it is either: group and port do.

use crate::moldudp64::encode::BuildError;
use crate::transport::{
    Frame, FrameError, FrameKind, SequenceDomain, SessionId, Transport, Walked,
};

/// Length of the header of every packet.
pub const HEADER_BYTES: usize = 12;
/// Length of the field in front of every message.
pub const SIZE_BYTES: usize = 2;
/// The shortest message: its length and its header.
const MESSAGE_BYTES_MIN: usize = SIZE_BYTES + super::sbe::Header::BYTES;
const WEEK_NS: u64 = 7 * 86_400 * 1_000_000_000;
/// From 1970-01-01, a Thursday, to the first Saturday's noon.
const FIRST_WEEK_NS: u64 = (2 * 86_400 + 43_200) * 1_000_000_000;

/// The [`Transport`] of MDP 3.0 over UDP.
#[derive(Clone, Copy, Debug)]
pub struct Mdp3;

impl Transport for Mdp3 {
    const NAME: &'static str = "mdp3";
    const SEQUENCE: SequenceDomain = SequenceDomain::Packets;
    const FIRST_SEQUENCE: u64 = 1;
    const SESSION_NAMES_CHANNEL: bool = false;

    #[inline(always)]
    fn frame(packet: &[u8]) -> Result<Frame<'_>, FrameError> {
        let Some((header, body)) = packet.split_first_chunk::<HEADER_BYTES>() else {
            return Err(FrameError::ShortHeader {
                length: packet.len(),
                needed: HEADER_BYTES,
            });
        };
        let [s0, s1, s2, s3, time @ ..] = *header;
        let sequence = u32::from_le_bytes([s0, s1, s2, s3]);
        Frame::new(
            session_id(u64::from_le_bytes(time)),
            sequence.into(),
            1,
            FrameKind::Data,
            body,
        )
    }

    #[inline(always)]
    fn walk(frame: &Frame<'_>, skip: u32, mut visit: impl FnMut(u64, &[u8])) -> Walked {
        let mut rest = frame.body;
        while rest.len() >= SIZE_BYTES {
            match split_message(rest) {
                Some((_, behind)) => rest = behind,
                None => {
                    return Walked {
                        whole: 0,
                        trailing_bytes: 0,
                        cut_at: Some(frame.body.len() - rest.len()),
                    };
                }
            }
        }
        let trailing_bytes = rest.len();
        if skip == 0 {
            let mut rest = frame.body;
            while let Some((message, behind)) = split_message(rest) {
                visit(frame.first, message);
                rest = behind;
            }
        }
        Walked {
            whole: 1,
            trailing_bytes,
            cut_at: None,
        }
    }
}

/// The first message, without its length, and what follows; `None` where there is no whole one.
#[inline(always)]
fn split_message(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let size = usize::from(u16::from_le_bytes(*body.first_chunk::<SIZE_BYTES>()?));
    if size < MESSAGE_BYTES_MIN {
        return None;
    }
    let (message, behind) = body.split_at_checked(size)?;
    Some((message.get(SIZE_BYTES..)?, behind))
}

/// The week of a sending time, as text.
#[inline(always)]
const fn session_id(sending_time: u64) -> SessionId {
    let week = (sending_time.saturating_sub(FIRST_WEEK_NS) / WEEK_NS) as u32;
    let d = [
        b'0' + (week / 1_000 % 10) as u8,
        b'0' + (week / 100 % 10) as u8,
        b'0' + (week / 10 % 10) as u8,
        b'0' + (week % 10) as u8,
    ];
    SessionId::from_parts([b'w', b'e', b'e', b'k', d[0], d[1], d[2], d[3]], [0; 8])
}

/// Builds one packet at a time in a buffer of its own, allocated once: for simulators and tests.
#[derive(Clone, Debug)]
pub struct PacketBuilder {
    buffer: Vec<u8>,
    limit: usize,
    next: u32,
}

impl PacketBuilder {
    /// For packets of at most `packet_bytes_max` bytes, header included, the first one numbered `next`. A limit below the
    /// 12 bytes of a header is taken as 12, which holds no message.
    #[must_use]
    pub fn new(next: u32, packet_bytes_max: usize) -> Self {
        let limit = packet_bytes_max.clamp(HEADER_BYTES, usize::from(u16::MAX));
        let mut buffer = Vec::with_capacity(limit);
        buffer.resize(HEADER_BYTES, 0);
        Self {
            buffer,
            limit,
            next,
        }
    }

    /// The number of the packet that is being built.
    #[must_use]
    pub const fn next_sequence(&self) -> u32 {
        self.next
    }

    /// Adds one message (header, block and groups, without a length).
    ///
    /// # Errors
    /// See [`BuildError`]; the packet is as it was.
    pub fn push(&mut self, message: &[u8]) -> Result<(), BuildError> {
        let length = message.len();
        let limit = self.limit;
        let free = limit - self.buffer.len();
        let size = u16::try_from(SIZE_BYTES + length)
            .map_err(|_| BuildError::TooLong { length, limit })?;
        if usize::from(size) > free {
            return Err(if self.buffer.len() == HEADER_BYTES {
                BuildError::TooLong { length, limit }
            } else {
                BuildError::Full {
                    length,
                    free,
                    limit,
                }
            });
        }
        self.buffer.extend_from_slice(&size.to_le_bytes());
        self.buffer.extend_from_slice(message);
        Ok(())
    }

    /// Completes the packet with its sending time and hands it to `send`, then begins the next one.
    pub fn finish<R>(&mut self, sending_time: u64, send: impl FnOnce(&[u8]) -> R) -> R {
        self.buffer[..4].copy_from_slice(&self.next.to_le_bytes());
        self.buffer[4..HEADER_BYTES].copy_from_slice(&sending_time.to_le_bytes());
        let result = send(&self.buffer);
        self.next = self.next.wrapping_add(1);
        self.buffer.truncate(HEADER_BYTES);
        result
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    const TIME: u64 = 1_537_015_512_000_000_000;

    fn walk(packet: &[u8], skip: u32) -> (Vec<(u64, Vec<u8>)>, Walked) {
        let frame = Mdp3::frame(packet).unwrap();
        let mut all = Vec::new();
        let walked = Mdp3::walk(&frame, skip, |n, message| all.push((n, message.to_vec())));
        (all, walked)
    }

    /// A heartbeat as the specification's tables have it, byte by byte.
    #[test]
    fn a_packet_is_read_field_by_field() {
        let packet = [
            &[0xce, 0x2e, 0x27, 0x01][..],                     // packet 19,345,102
            &[0x51, 0xad, 0x71, 0x08, 0x81, 0x0e, 0x12, 0x14], // sent on 2015-10-30
            &[10, 0],                                          // bytes of the message
            &[0, 0, 12, 0, 1, 0, 9, 0], // no block, template 12, schema 1, version 9
        ]
        .concat();
        let frame = Mdp3::frame(&packet).unwrap();
        assert_eq!((frame.first, frame.count), (19_345_102, 1));
        assert_eq!(frame.session.to_string(), "week2390");
        let (all, walked) = walk(&packet, 0);
        assert_eq!(all, [(19_345_102, vec![0, 0, 12, 0, 1, 0, 9, 0])]);
        assert_eq!(
            walked,
            Walked {
                whole: 1,
                ..Walked::default()
            }
        );
        assert_eq!(walk(&packet, 1).0, []);
        let short = Mdp3::frame(&packet[..11]);
        assert!(matches!(short, Err(FrameError::ShortHeader { .. })));
    }

    #[test]
    fn a_week_begins_on_saturday_at_noon() {
        // 2024-06-08 was a Saturday.
        let noon = 1_717_848_000_000_000_000;
        let week = |time| session_id(time).to_string();
        assert_eq!(week(noon), week(noon + WEEK_NS - 1));
        assert_ne!(week(noon), week(noon - 1));
        assert_eq!(week(0), "week0000");
        assert_eq!(week(u64::MAX).len(), 8);
    }

    proptest! {
        #[test]
        fn what_is_built_is_read_back_and_a_cut_packet_delivers_nothing(
            lengths in prop::collection::vec(8_usize..80, 0..12),
            first in any::<u32>(),
            cut in 0_usize..100,
        ) {
            let mut builder = PacketBuilder::new(first, 2_000);
            let bodies: Vec<Vec<u8>> = lengths.iter().map(|&n| vec![n as u8; n]).collect();
            for body in &bodies {
                builder.push(body).unwrap();
            }
            let packet = builder.finish(TIME, <[u8]>::to_vec);
            prop_assert_eq!(builder.next_sequence(), first.wrapping_add(1));
            let (all, walked) = walk(&packet, 0);
            let expected: Vec<_> = bodies.iter().map(|body| (u64::from(first), body.clone())).collect();
            prop_assert_eq!(&all, &expected);
            prop_assert_eq!((walked.whole, walked.trailing_bytes), (1, 0));

            let kept = packet.len().saturating_sub(cut).max(HEADER_BYTES);
            let (all, walked) = walk(&packet[..kept], 0);
            match walked.cut_at {
                Some(_) => prop_assert!(all.is_empty() && walked.whole == 0),
                None => prop_assert!(all.len() <= bodies.len() && walked.whole == 1),
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if Mdp3::frame(&bytes).is_ok() {
                let (all, walked) = walk(&bytes, 0);
                let read: usize = all.iter().map(|(_, message)| message.len() + SIZE_BYTES).sum();
                prop_assert!(walked.whole <= 1 && read + walked.trailing_bytes <= bytes.len());
            }
        }
    }
}
