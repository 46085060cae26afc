//! The header of a downstream packet.

use core::fmt;

use super::Messages;
use crate::transport::{FrameError, SessionId};

/// Length of the header of every packet ("Downstream Packet Header").
pub const HEADER_BYTES: usize = 20;
/// Length of the field in front of every message ("Message Block").
pub const LENGTH_BYTES: usize = 2;
/// The message count that says that the session is over ("End of Session").
pub const END_OF_SESSION_COUNT: u16 = 0xFFFF;
/// The most messages that a packet's header can announce.
pub const MESSAGE_COUNT_MAX: u16 = END_OF_SESSION_COUNT - 1;

/// A session's name: ten bytes as the wire has them, spaces and all.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Session(pub [u8; 10]);

impl Session {
    /// A name of at most ten bytes, padded with spaces on the right as the specification wants it.
    ///
    /// Returns `None` for a longer name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let mut bytes = [b' '; 10];
        bytes
            .get_mut(..name.len())?
            .copy_from_slice(name.as_bytes());
        Some(Self(bytes))
    }

    /// The name as every transport has it.
    #[must_use]
    #[inline(always)]
    pub const fn id(self) -> SessionId {
        let [a, b, c, d, e, f, g, h, i, j] = self.0;
        SessionId::from_parts([a, b, c, d, e, f, g, h], [i, j, 0, 0, 0, 0, 0, 0])
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session(\"{self}\")")
    }
}

/// What the message count says about a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketKind {
    /// `count` messages follow, 1..=65,534 ("Downstream Packet").
    Data {
        /// How many.
        count: u16,
    },
    /// None follows, the sequence number is that of the next message to come ("Heartbeats").
    Heartbeat,
    /// None follows, the sequence number is the one behind the session's last message ("End of Session").
    EndOfSession,
}

/// A downstream packet, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The session that the sequence number counts in.
    pub session: Session,
    /// Number of the first message, or of the next one to come. Sessions begin at 1.
    pub sequence: u64,
    /// What the packet is for.
    pub kind: PacketKind,
    /// All bytes behind the header.
    pub body: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads the header. The messages are not looked at.
    ///
    /// # Errors
    /// [`FrameError::ShortHeader`] for less than 20 bytes.
    #[inline(always)]
    pub fn parse(packet: &'a [u8]) -> Result<Self, FrameError> {
        let Some((header, body)) = packet.split_first_chunk::<HEADER_BYTES>() else {
            return Err(FrameError::ShortHeader {
                length: packet.len(),
                needed: HEADER_BYTES,
            });
        };
        let [session @ .., s0, s1, s2, s3, s4, s5, s6, s7, c0, c1] = *header;
        let kind = match u16::from_be_bytes([c0, c1]) {
            0 => PacketKind::Heartbeat,
            END_OF_SESSION_COUNT => PacketKind::EndOfSession,
            count => PacketKind::Data { count },
        };
        Ok(Self {
            session: Session(session),
            sequence: u64::from_be_bytes([s0, s1, s2, s3, s4, s5, s6, s7]),
            kind,
            body,
        })
    }

    /// The packet's messages, none for a heartbeat or an end of session.
    #[must_use]
    #[inline(always)]
    pub const fn messages(&self) -> Messages<'a> {
        let count = match self.kind {
            PacketKind::Data { count } => count as u32,
            PacketKind::Heartbeat | PacketKind::EndOfSession => 0,
        };
        Messages::new(self.body, count)
    }
}
