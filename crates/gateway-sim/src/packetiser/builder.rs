//! A packet under construction, in any framing.

use std::rc::Rc;

use gateway_feed::iex;
use gateway_feed::mdp3;
use gateway_feed::moldudp64::encode::BuildError;
use gateway_feed::moldudp64::{self, Session};
use gateway_feed::pitch;

use super::{Framing, IexStream, PackOptions};
use crate::flow::{IEX_MIDNIGHT_NS, MDP3_VERSION, MIDNIGHT_NS};

/// "AdminHeartbeat" in a packet of its own.
pub(super) fn mdp3_heartbeat(builder: &mut mdp3::PacketBuilder, sending_time: u64) -> Rc<[u8]> {
    let header = mdp3::sbe::Header {
        block_length: 0,
        template_id: mdp3::schema::HEARTBEAT,
        schema_id: mdp3::schema::SCHEMA_ID,
        version: MDP3_VERSION,
    };
    // It fits any packet that has room for a message.
    let _ = builder.push(&header.bytes());
    builder.finish(sending_time, |payload| Rc::from(payload))
}

/// A sequence number of 32 bits.
pub(super) fn short(sequence: u64) -> u32 {
    u32::try_from(sequence).unwrap_or(u32::MAX)
}

/// Builds segments of a session of IEX-TP, from where it stands.
pub(super) fn iex_builder(
    stream: IexStream,
    next_sequence: u64,
    stream_offset: u64,
    limit: usize,
) -> iex::PacketBuilder {
    let IexStream {
        feed,
        channel,
        session,
    } = stream;
    iex::PacketBuilder::new(feed.protocol(), channel, session, next_sequence, limit)
        .with_offset(stream_offset)
}

/// When a segment of IEX-TP is sent, by the source's clock.
pub(super) const fn iex_send_time(time_ns: u64) -> u64 {
    IEX_MIDNIGHT_NS.saturating_add(time_ns)
}

/// A packet under construction.
#[derive(Debug)]
pub(super) enum Builder {
    Mold(moldudp64::PacketBuilder),
    Pitch {
        builder: pitch::PacketBuilder,
        unit: u8,
        limit: usize,
        messages: u16,
    },
    Mdp3 {
        builder: mdp3::PacketBuilder,
        limit: usize,
        messages: u16,
    },
    Iex {
        builder: iex::PacketBuilder,
        stream: IexStream,
        limit: usize,
    },
}

impl Builder {
    pub(super) fn new(options: &PackOptions, next_sequence: u64, limit: usize) -> Self {
        match options.framing {
            Framing::MoldUdp64 => {
                let session = options.session;
                Self::Mold(moldudp64::PacketBuilder::new(session, next_sequence, limit))
            }
            Framing::PitchUnit(unit) => Self::Pitch {
                builder: pitch::PacketBuilder::new(unit, short(next_sequence), limit),
                unit,
                limit,
                messages: 0,
            },
            Framing::Mdp3 => Self::Mdp3 {
                builder: mdp3::PacketBuilder::new(short(next_sequence), limit),
                limit,
                messages: 0,
            },
            Framing::IexTp(stream) => Self::Iex {
                builder: iex_builder(stream, next_sequence, 0, limit),
                stream,
                limit,
            },
        }
    }

    pub(super) fn count(&self) -> u16 {
        match self {
            Self::Mold(builder) => builder.count(),
            Self::Pitch { messages, .. } | Self::Mdp3 { messages, .. } => *messages,
            Self::Iex { builder, .. } => builder.count(),
        }
    }

    pub(super) fn next_sequence(&self) -> u64 {
        match self {
            Self::Mold(builder) => builder.next_sequence(),
            Self::Pitch { builder, .. } => builder.next_sequence().into(),
            Self::Mdp3 { builder, .. } => builder.next_sequence().into(),
            Self::Iex { builder, .. } => builder.next_sequence(),
        }
    }

    /// Goes on with another number; the packet under construction must be empty.
    pub(super) fn restart(&mut self, session: Session, next_sequence: u64) {
        match self {
            Self::Mold(builder) => builder.restart(session, next_sequence),
            Self::Pitch {
                builder,
                unit,
                limit,
                ..
            } => *builder = pitch::PacketBuilder::new(*unit, short(next_sequence), *limit),
            Self::Mdp3 { builder, limit, .. } => {
                *builder = mdp3::PacketBuilder::new(short(next_sequence), *limit);
            }
            Self::Iex {
                builder,
                stream,
                limit,
            } => {
                // How many bytes the messages had that are left out, nobody knows.
                let offset = builder.stream_offset();
                *builder = iex_builder(*stream, next_sequence, offset, *limit);
            }
        }
    }

    pub(super) fn push(&mut self, message: &[u8]) -> Result<(), BuildError> {
        match self {
            Self::Mold(builder) => builder.push(message),
            Self::Pitch {
                builder, messages, ..
            } => {
                builder.push(message)?;
                *messages += 1;
                Ok(())
            }
            Self::Mdp3 {
                builder, messages, ..
            } => {
                builder.push(message)?;
                *messages += 1;
                Ok(())
            }
            Self::Iex { builder, .. } => builder.push(message),
        }
    }

    pub(super) fn finish(&mut self, time_ns: u64) -> Rc<[u8]> {
        match self {
            Self::Mold(builder) => builder.finish(|payload| Rc::from(payload)),
            Self::Pitch {
                builder, messages, ..
            } => {
                *messages = 0;
                builder.finish(|payload| Rc::from(payload))
            }
            Self::Mdp3 {
                builder, messages, ..
            } => {
                *messages = 0;
                builder.finish(MIDNIGHT_NS + time_ns, |payload| Rc::from(payload))
            }
            Self::Iex { builder, .. } => {
                builder.finish(iex_send_time(time_ns), |payload| Rc::from(payload))
            }
        }
    }
}
