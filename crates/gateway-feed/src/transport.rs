//! How a feed packs messages into packets and numbers them: the boundary between a protocol's framing and the line
//! arbitration that serves every protocol.
//!
//! A transport is a type without a value: it turns the bytes of a packet into a [`Frame`] and walks a frame's
//! messages. What a number counts is the protocol's choice ([`SequenceDomain`]); arbitration only needs to know that
//! a frame covers the numbers `first .. first + count`. A new feed adds a folder with an implementation of
//! [`Transport`] and, where its messages are new too, one of [`Decoder`](crate::decoder::Decoder).

use core::fmt;

/// What a transport numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SequenceDomain {
    /// Each message has a number of its own (MoldUDP64, PITCH, IEX-TP).
    Messages,
    /// Each packet has one, which its messages share (CME MDP 3.0).
    Packets,
}

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// It carries messages.
    Data,
    /// It carries none and tells the next number to come.
    Heartbeat,
    /// It carries none and tells that the session is over; `first` is the number behind its last message.
    EndOfSession,
}

/// A session's name in its transport's own bytes, left-aligned and padded with zeros: up to 16 bytes.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct SessionId {
    head: u64,
    tail: u64,
}

impl SessionId {
    /// From the name as two groups of eight bytes.
    #[must_use]
    #[inline(always)]
    pub const fn from_parts(head: [u8; 8], tail: [u8; 8]) -> Self {
        Self {
            head: u64::from_ne_bytes(head),
            tail: u64::from_ne_bytes(tail),
        }
    }

    /// The first eight bytes, as a [`ControlRecord`](crate::record::ControlRecord) carries them.
    #[must_use]
    pub const fn head(self) -> [u8; 8] {
        self.head.to_ne_bytes()
    }

    /// All sixteen bytes.
    #[must_use]
    pub fn bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.head.to_ne_bytes());
        bytes[8..].copy_from_slice(&self.tail.to_ne_bytes());
        bytes
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.bytes();
        let length = bytes
            .iter()
            .rposition(|&byte| byte != 0)
            .map_or(0, |last| last + 1);
        write!(f, "{}", bytes[..length].escape_ascii())
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId(\"{self}\")")
    }
}

/// A packet whose header was understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The session that its numbers belong to.
    pub session: SessionId,
    /// Number of the first message (or of the packet, see [`SequenceDomain`]). 0 is no number: such messages are
    /// outside the sequence and cannot be arbitrated. Without messages: the number of the next one to come.
    pub first: u64,
    /// How many numbers the header claims; 0 unless `kind` is [`FrameKind::Data`].
    pub count: u32,
    /// What it is for.
    pub kind: FrameKind,
    /// The messages as they lie in the packet, with whatever follows them.
    pub body: &'a [u8],
}

impl<'a> Frame<'a> {
    /// A frame whose numbers are checked to fit: `first + count` is at most 2^64 - 1.
    ///
    /// # Errors
    /// [`FrameError::SequenceOverflow`] where they do not.
    #[inline(always)]
    pub const fn new(
        session: SessionId,
        first: u64,
        count: u32,
        kind: FrameKind,
        body: &'a [u8],
    ) -> Result<Self, FrameError> {
        if first.checked_add(count as u64).is_none() {
            return Err(FrameError::SequenceOverflow { first, count });
        }
        Ok(Self {
            session,
            first,
            count,
            kind,
            body,
        })
    }

    /// The number behind the last one that the header claims.
    #[must_use]
    #[inline(always)]
    pub const fn end(&self) -> u64 {
        // `Frame::new` checked the sum; a frame built by hand stays free of panics.
        self.first.saturating_add(self.count as u64)
    }
}

/// Walks over a body of `count` messages that lie one behind the other, each of a number of its own, as
/// [`Transport::walk`] does. `split` parts the first message, as it is visited, from what follows; `None` where there is no
/// whole one.
#[inline(always)]
pub(crate) fn walk_each(
    frame: &Frame<'_>,
    skip: u32,
    split: impl Fn(&[u8]) -> Option<(&[u8], &[u8])>,
    mut visit: impl FnMut(u64, &[u8]),
) -> Walked {
    let step = u64::from(frame.first != 0);
    let mut sequence = frame.first;
    let mut rest = frame.body;
    for whole in 0..frame.count {
        let Some((message, behind)) = split(rest) else {
            return Walked {
                whole,
                trailing_bytes: 0,
                cut_at: Some(frame.body.len() - rest.len()),
            };
        };
        if whole >= skip {
            visit(sequence, message);
        }
        sequence = sequence.wrapping_add(step);
        rest = behind;
    }
    Walked {
        whole: frame.count,
        trailing_bytes: rest.len(),
        cut_at: None,
    }
}

/// Why a packet could not be taken at all. Nothing of it is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The packet ends within the transport's header: cut on its way, or no packet of this protocol.
    #[error(
        "packet of {length} bytes is shorter than the transport header of {needed}: check that group and port carry this protocol"
    )]
    ShortHeader {
        /// Bytes in the packet.
        length: usize,
        /// Bytes in a header.
        needed: usize,
    },
    /// The header's numbers run past 2^64 - 1: damaged, or no packet of this protocol.
    #[error(
        "sequence {first} with {count} messages passes 2^64 - 1: the header is damaged, or group and port carry another protocol"
    )]
    SequenceOverflow {
        /// The header's sequence number.
        first: u64,
        /// The header's count.
        count: u32,
    },
    /// The header says that it is of another protocol, or of another version of it.
    #[error(
        "the transport header says {found:#x} where {expected:#x} (version and message protocol) belongs: group and port carry another feed, or a newer version of it"
    )]
    Foreign {
        /// What it says, as the protocol has it.
        found: u32,
        /// What belongs there.
        expected: u32,
    },
}

/// What walking a frame's messages found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Walked {
    /// Of the numbers that the header claims, those whose messages are whole; the ones skipped count too.
    pub whole: u32,
    /// Bytes of the body behind the last message.
    pub trailing_bytes: usize,
    /// Where in the packet's body the first message begins that is cut; `None` when all are whole.
    pub cut_at: Option<usize>,
}

/// A way of packing messages into packets.
pub trait Transport {
    /// The protocol's name, for messages and metrics.
    const NAME: &'static str;
    /// What its numbers count.
    const SEQUENCE: SequenceDomain;
    /// The number of a session's first message.
    const FIRST_SEQUENCE: u64;
    /// Whether packets of different channels are of different sessions. Where not, only group and port tell them apart.
    const SESSION_NAMES_CHANNEL: bool = true;

    /// Reads a packet's header.
    ///
    /// # Errors
    /// See [`FrameError`].
    fn frame(packet: &[u8]) -> Result<Frame<'_>, FrameError>;

    /// Hands each whole message of `frame` but the first `skip` to `visit`, with its number, in order. Where `frame.first`
    /// is 0, the number of each is 0.
    ///
    /// A message that is cut ends the walk; those before it were handed over.
    fn walk(frame: &Frame<'_>, skip: u32, visit: impl FnMut(u64, &[u8])) -> Walked;
}
