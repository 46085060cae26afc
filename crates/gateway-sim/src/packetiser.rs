//! Messages into packets.

mod builder;
mod framing;

use std::rc::Rc;

use gateway_feed::mdp3;
use gateway_feed::moldudp64::encode::BuildError;
use gateway_feed::moldudp64::{self, Session};
use gateway_feed::pitch;

use builder::{Builder, iex_builder, iex_send_time, mdp3_heartbeat, short};

pub use framing::{Framing, IexStream};

use crate::flow::MIDNIGHT_NS;
use crate::source::SourceMessage;

/// Bytes of IPv4 and UDP header in front of a packet.
const IP_UDP_BYTES: usize = 28;
/// The longest UDP payload over IPv4.
const PAYLOAD_BYTES_MAX: usize = 65_535 - IP_UDP_BYTES;

/// How messages are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackOptions {
    /// What is around them.
    pub framing: Framing,
    /// The session's ten bytes.
    pub session: Session,
    /// Sequence number of the first message; sessions start at 1.
    pub first_sequence: u64,
    /// The most messages a packet, at least 1.
    pub messages_max: u16,
    /// The interface's MTU in bytes: a packet with its IPv4 and UDP headers fits in it.
    pub mtu: usize,
    /// A packet holds only messages that came within so many nanoseconds of the source's clock; `None` for no limit.
    pub window_ns: Option<u64>,
}

impl Default for PackOptions {
    /// A nameless session from 1 on, in packets that fit an Ethernet frame.
    fn default() -> Self {
        Self {
            framing: Framing::default(),
            session: Session([b' '; 10]),
            first_sequence: 1,
            messages_max: 12,
            mtu: 1_500,
            window_ns: None,
        }
    }
}

/// Where a session stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The number of the next message.
    pub next_sequence: u64,
    /// Bytes of the packets so far, as the framing counts them; 0 where it does not.
    pub stream_offset: u64,
    /// When the last message came, by the source's clock.
    pub time_ns: u64,
}

impl PackOptions {
    /// A packet without messages that tells where the session stands; of MDP 3.0 one that has the next number.
    #[must_use]
    pub fn heartbeat(&self, standing: &Standing) -> Rc<[u8]> {
        let next_sequence = standing.next_sequence;
        match self.framing {
            Framing::MoldUdp64 => {
                let builder = moldudp64::PacketBuilder::new(self.session, next_sequence, 0);
                Rc::from(builder.heartbeat().as_slice())
            }
            Framing::PitchUnit(unit) => {
                let mut builder = pitch::PacketBuilder::new(unit, short(next_sequence), 0);
                builder.finish(|payload| Rc::from(payload))
            }
            Framing::Mdp3 => mdp3_heartbeat(
                &mut mdp3::PacketBuilder::new(short(next_sequence), 64),
                MIDNIGHT_NS,
            ),
            Framing::IexTp(stream) => {
                let mut builder = iex_builder(stream, next_sequence, standing.stream_offset, 0);
                builder.finish(iex_send_time(standing.time_ns), |payload| Rc::from(payload))
            }
        }
    }

    /// The packet that ends a session behind its last message, where there is one.
    #[must_use]
    pub fn end_of_session(&self, next_sequence: u64) -> Option<Rc<[u8]>> {
        match self.framing {
            Framing::MoldUdp64 => {
                let builder = moldudp64::PacketBuilder::new(self.session, next_sequence, 0);
                Some(Rc::from(builder.end_of_session().as_slice()))
            }
            Framing::PitchUnit(_) | Framing::Mdp3 | Framing::IexTp(_) => None,
        }
    }
}

/// A packet, ready to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataPacket {
    /// The UDP payload, shared by the lines that carry it.
    pub payload: Rc<[u8]>,
    /// Sequence number of its first message.
    pub first: u64,
    /// Messages in it, at least 1; where packets are numbered: 1.
    pub messages: u64,
    /// When its last message came, by the source's clock.
    pub time_ns: u64,
}

/// Packs messages in order.
#[derive(Debug)]
pub struct Packetiser {
    builder: Builder,
    options: PackOptions,
    /// The most bytes of a packet.
    limit: usize,
    first_time_ns: u64,
    last_time_ns: u64,
}

impl Packetiser {
    /// An empty packet at the start of the session.
    #[must_use]
    pub fn new(options: PackOptions) -> Self {
        let limit = options
            .mtu
            .saturating_sub(IP_UDP_BYTES)
            .min(PAYLOAD_BYTES_MAX);
        let builder = Builder::new(&options, options.first_sequence, limit);
        Self {
            builder,
            options,
            limit,
            first_time_ns: 0,
            last_time_ns: 0,
        }
    }

    /// Adds a message; returns the packet before it where that is now complete.
    ///
    /// # Errors
    /// The message does not fit a packet of its own: it is longer than the MTU allows. The packet under construction is
    /// as it was.
    pub fn push(&mut self, message: &SourceMessage<'_>) -> Result<Option<DataPacket>, BuildError> {
        // Before anything is completed, which would be lost with the error.
        let length = message.bytes.len();
        if self.options.framing.overhead() + length > self.limit {
            return Err(BuildError::TooLong {
                length,
                limit: self.limit,
            });
        }
        let late = self
            .options
            .window_ns
            .is_some_and(|window| message.time_ns - self.first_time_ns > window);
        let full = self.builder.count() >= self.options.messages_max.max(1);
        let mut complete = None;
        if self.builder.count() > 0 && (full || late || message.missing > 0) {
            complete = self.finish();
        }
        if message.missing > 0 {
            let next = self.builder.next_sequence().wrapping_add(message.missing);
            self.builder.restart(self.options.session, next);
        }
        match self.builder.push(message.bytes) {
            Ok(()) => {}
            Err(BuildError::Full { .. } | BuildError::TooMany) => {
                complete = self.finish();
                self.builder.push(message.bytes)?;
            }
            Err(error) => return Err(error),
        }
        if self.builder.count() == 1 {
            self.first_time_ns = message.time_ns;
        }
        self.last_time_ns = message.time_ns;
        Ok(complete)
    }

    /// Completes the packet under construction; `None` if it is empty.
    pub fn finish(&mut self) -> Option<DataPacket> {
        let mut messages = u64::from(self.builder.count());
        if messages == 0 {
            return None;
        }
        let first = if self.options.framing.numbers_packets() {
            messages = 1;
            self.next_sequence()
        } else {
            self.next_sequence().wrapping_sub(messages)
        };
        let payload = self.builder.finish(self.last_time_ns);
        Some(DataPacket {
            payload,
            first,
            messages,
            time_ns: self.last_time_ns,
        })
    }

    /// A heartbeat that has a number of its own; `None` where heartbeats have none, and while a packet is under
    /// construction.
    pub fn numbered_heartbeat(&mut self) -> Option<DataPacket> {
        let time_ns = self.last_time_ns;
        match &mut self.builder {
            Builder::Mdp3 {
                builder,
                messages: 0,
                ..
            } => Some(DataPacket {
                first: builder.next_sequence().into(),
                payload: mdp3_heartbeat(builder, MIDNIGHT_NS + time_ns),
                messages: 1,
                time_ns,
            }),
            _ => None,
        }
    }

    /// The sequence number that the next message gets.
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        self.builder.next_sequence()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use gateway_feed::moldudp64::{Messages, Packet, PacketKind};
    use gateway_feed::pitch::PitchUnit;
    use gateway_feed::transport::Transport;

    use super::*;

    fn pack(options: PackOptions, messages: &[(u64, u64, usize)]) -> Vec<(u64, u64, usize)> {
        let mut packetiser = Packetiser::new(options);
        let mut packets = Vec::new();
        for (time_ns, missing, length) in messages {
            let bytes = vec![b'x'; *length];
            packets.extend(
                packetiser
                    .push(&SourceMessage {
                        time_ns: *time_ns,
                        missing: *missing,
                        bytes: &bytes,
                    })
                    .unwrap(),
            );
        }
        packets.extend(packetiser.finish());
        packets
            .iter()
            .map(|packet| {
                let parsed = Packet::parse(&packet.payload).unwrap();
                let PacketKind::Data { count } = parsed.kind else {
                    panic!("a heartbeat")
                };
                assert_eq!(parsed.sequence, packet.first);
                assert_eq!(
                    Messages::new(parsed.body, u32::from(count)).count() as u64,
                    packet.messages
                );
                (packet.first, packet.messages, packet.payload.len())
            })
            .collect()
    }

    const OPTIONS: PackOptions = PackOptions {
        framing: Framing::MoldUdp64,
        session: Session(*b"SESSION   "),
        first_sequence: 1,
        messages_max: 3,
        mtu: 1500,
        window_ns: None,
    };

    #[test]
    fn packets_end_at_the_count_the_mtu_the_window_and_the_gap() {
        assert_eq!(
            pack(OPTIONS, &[(0, 0, 10); 7]),
            [(1, 3, 56), (4, 3, 56), (7, 1, 32)]
        );
        let mtu = PackOptions {
            mtu: 28 + 20 + 2 * 12,
            ..OPTIONS
        };
        assert_eq!(pack(mtu, &[(0, 0, 10); 3]), [(1, 2, 44), (3, 1, 32)]);
        let window = PackOptions {
            window_ns: Some(100),
            ..OPTIONS
        };
        assert_eq!(
            pack(window, &[(5, 0, 1), (105, 0, 1), (106, 0, 1)]),
            [(1, 2, 26), (3, 1, 23)]
        );
        assert_eq!(
            pack(OPTIONS, &[(0, 0, 1), (0, 5, 1), (0, 0, 1)]),
            [(1, 1, 23), (7, 2, 26)]
        );
        assert!(pack(OPTIONS, &[]).is_empty());
    }

    #[test]
    fn units_are_packed_as_sessions_are() {
        let options = PackOptions {
            framing: Framing::PitchUnit(7),
            messages_max: 300,
            ..OPTIONS
        };
        let mut packetiser = Packetiser::new(options);
        let mut packets = Vec::new();
        for missing in [0; 260].into_iter().chain([5, 0]) {
            let message = SourceMessage {
                time_ns: 0,
                missing,
                bytes: &[0x2D, 1],
            };
            packets.extend(packetiser.push(&message).unwrap());
        }
        packets.extend(packetiser.finish());
        let found: Vec<_> = packets.iter().map(|p| (p.first, p.messages)).collect();
        // A header counts up to 255.
        assert_eq!(found, [(1, 255), (256, 5), (266, 2)]);
        for packet in &packets {
            let frame = PitchUnit::frame(&packet.payload).unwrap();
            assert_eq!(frame.session, pitch::unit_session(7));
            assert_eq!(
                (frame.first, u64::from(frame.count)),
                (packet.first, packet.messages)
            );
            let mut messages = 0;
            options.framing.messages(&packet.payload, |message| {
                assert_eq!(message, [0x2D, 1]);
                messages += 1;
            });
            assert_eq!(messages, packet.messages);
        }
        let heartbeat = options.heartbeat(&Standing {
            next_sequence: 268,
            ..Standing::default()
        });
        assert_eq!(PitchUnit::frame(&heartbeat).unwrap().first, 268);
        assert!(options.end_of_session(268).is_none());
    }

    #[test]
    fn a_message_beyond_the_mtu_is_refused() {
        let mut packetiser = Packetiser::new(PackOptions {
            mtu: 100,
            ..OPTIONS
        });
        let message = SourceMessage {
            time_ns: 0,
            missing: 0,
            bytes: &[0; 51],
        };
        assert!(matches!(
            packetiser.push(&message),
            Err(BuildError::TooLong { .. })
        ));
    }
}
