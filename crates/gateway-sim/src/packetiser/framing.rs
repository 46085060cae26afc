//! What is around the messages of a packet.

use gateway_feed::iex::{self, IexTp};
use gateway_feed::mdp3::{self, Mdp3};
use gateway_feed::moldudp64::{self, MoldUdp64};
use gateway_feed::pitch::{self, PitchUnit};
use gateway_feed::transport::{Frame, Transport};

use crate::flow::IexFeed;

/// What is around the messages of a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// MoldUDP64: the session's name in each packet, and an end that is told.
    #[default]
    MoldUdp64,
    /// Cboe's sequenced unit header: the unit's number in each packet; an end is a message like any other.
    PitchUnit(u8),
    /// CME's binary packet header: packets are numbered instead of messages, heartbeats too; there is no end.
    Mdp3,
    /// IEX-TP 1: feed, channel and session in each segment, and how many bytes there were before; an end is a message like
    /// any other.
    IexTp(IexStream),
}

/// What the segments of a session of IEX-TP have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IexStream {
    /// Which feed's messages they carry.
    pub feed: IexFeed,
    /// "Channel ID".
    pub channel: u32,
    /// "Session ID".
    pub session: u32,
}

impl Framing {
    /// Whether packets are numbered, and not messages.
    #[must_use]
    pub const fn numbers_packets(self) -> bool {
        matches!(self, Self::Mdp3)
    }

    /// The byte that names a message's type.
    pub(crate) fn type_of(self, message: &[u8]) -> Option<u8> {
        let at = match self {
            Self::Mdp3 => 2,
            Self::MoldUdp64 | Self::PitchUnit(_) | Self::IexTp(_) => 0,
        };
        message.get(at).copied()
    }

    /// Bytes of a packet's header, and in front of each message.
    pub(super) const fn overhead(self) -> usize {
        match self {
            Self::MoldUdp64 => moldudp64::HEADER_BYTES + moldudp64::LENGTH_BYTES,
            Self::PitchUnit(_) => pitch::transport::HEADER_BYTES + 1,
            Self::Mdp3 => mdp3::transport::HEADER_BYTES + mdp3::transport::SIZE_BYTES,
            Self::IexTp(_) => iex::transport::HEADER_BYTES + iex::transport::LENGTH_BYTES,
        }
    }

    /// Bytes by which a packet moves the stream on, where it says how many there were before; 0 elsewhere.
    pub(crate) const fn stream_bytes(self, payload: &[u8]) -> u64 {
        match self {
            Self::IexTp(_) => payload.len().saturating_sub(iex::transport::HEADER_BYTES) as u64,
            Self::MoldUdp64 | Self::PitchUnit(_) | Self::Mdp3 => 0,
        }
    }

    /// Hands each message of a packet to `visit`, in order.
    pub fn messages(self, payload: &[u8], visit: impl FnMut(&[u8])) {
        fn walk<T: Transport>(payload: &[u8], mut visit: impl FnMut(&[u8])) {
            let take = |frame: Frame<'_>| T::walk(&frame, 0, |_, message| visit(message));
            let _ = T::frame(payload).map(take);
        }
        match self {
            Self::MoldUdp64 => walk::<MoldUdp64>(payload, visit),
            Self::PitchUnit(_) => walk::<PitchUnit>(payload, visit),
            Self::Mdp3 => walk::<Mdp3>(payload, visit),
            Self::IexTp(stream) => match stream.feed {
                IexFeed::Tops => walk::<IexTp<{ iex::TOPS }>>(payload, visit),
                IexFeed::Deep => walk::<IexTp<{ iex::DEEP }>>(payload, visit),
                IexFeed::DeepPlus => walk::<IexTp<{ iex::DEEP_PLUS }>>(payload, visit),
            },
        }
    }
}
