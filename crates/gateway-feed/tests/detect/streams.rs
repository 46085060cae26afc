//! Streams of every feed with bytes of chance in messages of its own types and lengths, as our encoders pack them.

use gateway_feed::detect::{Candidate, Verdict, verdict};
use gateway_feed::mdp3::sbe::Header;
use gateway_feed::mdp3::schema::{HEARTBEAT, SCHEMA_ID, TEMPLATES, VERSION};
use gateway_feed::pitch::layout::Lengths;
use gateway_feed::{iex, itch50, mdp3, moldudp64, nasdaq_bbo, pitch};
use proptest::prelude::*;

use crate::evidence;

const PACKET_BYTES_MAX: usize = 1_472;
const SENDING_TIME: u64 = 1_795_185_000_000_000_000;

enum Builder {
    Moldudp64(moldudp64::PacketBuilder),
    Iex(iex::PacketBuilder),
    Pitch(pitch::PacketBuilder),
    Mdp3(mdp3::PacketBuilder),
}

/// Packets of a feed, one message each where pushed alone.
pub(crate) struct Stream {
    candidate: Candidate,
    builder: Builder,
    packets: Vec<Vec<u8>>,
}

impl Stream {
    pub(crate) fn new(candidate: Candidate) -> Self {
        Self::beginning(candidate, 1, 1)
    }

    /// With that first number, in that unit, session or channel.
    fn beginning(candidate: Candidate, first: u32, unit: u8) -> Self {
        let iex = |protocol| {
            let (channel, session) = (u32::from(unit), first);
            Builder::Iex(iex::PacketBuilder::new(
                protocol,
                channel,
                session,
                first.into(),
                PACKET_BYTES_MAX,
            ))
        };
        let builder = match candidate {
            Candidate::Moldudp64Itch50 | Candidate::NasdaqBbo => {
                let session = moldudp64::Session::from_name(&format!("S{unit}")).unwrap();
                let first = u64::from(first);
                Builder::Moldudp64(moldudp64::PacketBuilder::new(
                    session,
                    first,
                    PACKET_BYTES_MAX,
                ))
            }
            Candidate::IexTops => iex(iex::TOPS),
            Candidate::IexDeep => iex(iex::DEEP),
            Candidate::IexDeepPlus => iex(iex::DEEP_PLUS),
            Candidate::Mdp3 => Builder::Mdp3(mdp3::PacketBuilder::new(first, PACKET_BYTES_MAX)),
            _ => Builder::Pitch(pitch::PacketBuilder::new(unit, first, PACKET_BYTES_MAX)),
        };
        Self {
            candidate,
            builder,
            packets: Vec::new(),
        }
    }

    /// Adds a packet of that one message.
    pub(crate) fn push(&mut self, message: &[u8]) {
        self.add(message);
        self.finish();
    }

    /// Adds a packet of one message of the feed, drawn by the numbers.
    pub(crate) fn push_any(&mut self, kind: usize, fill: u8) {
        self.push(&message(self.candidate, kind, |_| fill));
    }

    /// Adds a packet that only tells that the feed lives.
    pub(crate) fn heartbeat(&mut self) {
        let packets = &mut self.packets;
        let mut keep = |packet: &[u8]| packets.push(packet.to_vec());
        match &mut self.builder {
            Builder::Moldudp64(builder) => keep(&builder.heartbeat()),
            Builder::Iex(builder) => builder.finish(SENDING_TIME, keep),
            Builder::Pitch(builder) => builder.finish(keep),
            Builder::Mdp3(_) => {
                let header = Header {
                    block_length: 0,
                    template_id: HEARTBEAT,
                    schema_id: SCHEMA_ID,
                    version: VERSION,
                };
                self.push(&header.bytes());
            }
        }
    }

    pub(crate) fn packets(self) -> Vec<Vec<u8>> {
        self.packets
    }

    fn add(&mut self, message: &[u8]) -> bool {
        match &mut self.builder {
            Builder::Moldudp64(builder) => builder.push(message).is_ok(),
            Builder::Iex(builder) => builder.push(message).is_ok(),
            Builder::Pitch(builder) => builder.push(message).is_ok(),
            Builder::Mdp3(builder) => builder.push(message).is_ok(),
        }
    }

    fn finish(&mut self) {
        let packets = &mut self.packets;
        let keep = |packet: &[u8]| packets.push(packet.to_vec());
        match &mut self.builder {
            Builder::Moldudp64(builder) => {
                builder.finish(keep);
            }
            Builder::Iex(builder) => builder.finish(SENDING_TIME, keep),
            Builder::Pitch(builder) => builder.finish(keep),
            Builder::Mdp3(builder) => builder.finish(SENDING_TIME, keep),
        }
    }
}

/// A message of one of the feed's types, its other bytes as `fill` gives them.
fn message(candidate: Candidate, kind: usize, fill: impl Fn(usize) -> u8) -> Vec<u8> {
    let filled = |head: &[u8], length: usize| {
        let rest = (head.len()..length).map(&fill);
        head.iter().copied().chain(rest).collect::<Vec<u8>>()
    };
    match candidate {
        Candidate::Moldudp64Itch50 => {
            let types = itch50::messages::TYPES;
            let kind = types[kind % types.len()];
            filled(&[kind], itch50::messages::LENGTHS[usize::from(kind)].into())
        }
        Candidate::NasdaqBbo => {
            let types = nasdaq_bbo::messages::TYPES;
            let kind = types[kind % types.len()];
            let length = nasdaq_bbo::messages::LENGTHS[usize::from(kind)];
            filled(&[kind], length.into())
        }
        Candidate::IexTops | Candidate::IexDeep | Candidate::IexDeepPlus => {
            let types = iex::messages::TYPES;
            let kind = types[kind % types.len()];
            filled(&[kind], iex::messages::LENGTHS[usize::from(kind)].into())
        }
        Candidate::Mdp3 => {
            let template = &TEMPLATES[kind % TEMPLATES.len()];
            let header = Header {
                block_length: template.root.length(VERSION) as u16,
                template_id: template.id,
                schema_id: SCHEMA_ID,
                version: VERSION,
            };
            let groups: usize = template.groups.iter().map(|group| group.header).sum();
            let block = template.root.length(VERSION);
            let mut message = filled(&header.bytes(), Header::BYTES + block);
            message.extend(vec![0; groups]);
            message
        }
        _ => {
            let lengths = Lengths::of(candidate.pitch_market().unwrap());
            // Definitions tell their own length, by their legs.
            let of_fixed_length = |kind: &u8| !matches!(*kind, 0x9A | 0xBB);
            let types = (0..=255).filter(|kind| lengths.usual(*kind) != 0);
            let types: Vec<u8> = types.filter(of_fixed_length).collect();
            let kind = types[kind % types.len()];
            filled(&[kind], usize::from(lengths.usual(kind)) - 1)
        }
    }
}

/// What of a stream is drawn: a heartbeat, or messages of a packet by their kind and what fills them.
type Drawn = Vec<Option<Vec<(usize, u64)>>>;

fn drawn() -> impl Strategy<Value = Drawn> {
    let message = (any::<usize>(), any::<u64>());
    let packet = prop::option::weighted(0.9, prop::collection::vec(message, 1..8));
    prop::collection::vec(packet, 1..12)
}

proptest! {
    #[test]
    fn a_stream_is_never_taken_for_another_feeds(
        which in 0..Candidate::ALL.len(),
        first in any::<u32>(),
        unit in 1_u8..=255,
        packets in drawn(),
    ) {
        let candidate = Candidate::ALL[which];
        let mut stream = Stream::beginning(candidate, first.max(1), unit);
        for packet in packets {
            match packet {
                None => stream.heartbeat(),
                Some(messages) => {
                    for (kind, seed) in messages {
                        let fill = |at: usize| seed.rotate_left(at as u32 * 8 % 61) as u8;
                        prop_assert!(stream.add(&message(candidate, kind, fill)));
                    }
                    stream.finish();
                }
            }
        }
        let packets = stream.packets();
        let flow = evidence(&packets);
        prop_assert_eq!((flow.packets(), flow.fitting()), (packets.len() as u64, packets.len() as u64));
        prop_assert!(flow.candidates().contains(candidate));
        match verdict([&flow]) {
            Verdict::One(one) => prop_assert_eq!(one, candidate),
            Verdict::Ambiguous(several) | Verdict::Heartbeats(several) => {
                prop_assert!(several.contains(candidate));
                // What is no market's of PITCH, nor a heartbeat of MoldUDP64, looks like nothing else.
                let markets = several.iter().all(|of| of.pitch_market().is_some());
                let in_moldudp64 = [Candidate::Moldudp64Itch50, Candidate::NasdaqBbo];
                let in_moldudp64 = several.iter().all(|of| in_moldudp64.contains(&of));
                prop_assert!(markets || in_moldudp64 || several.single() == Some(candidate));
            }
            other => prop_assert!(false, "{other:?}"),
        }
    }

    #[test]
    fn any_bytes_are_looked_at(packet in prop::collection::vec(any::<u8>(), 0..300)) {
        let flow = evidence([&packet]);
        prop_assert!(flow.fitting() <= flow.packets());
    }
}
