//! From a captured or received frame to the stream it belongs to: parse again, check, look up.
//!
//! The AF_XDP and capture providers share this. It repeats in user space what the XDP program decided, with the same
//! parser: lengths from the wire are never trusted because somebody else has looked at them.

use gateway_wire::checksum::{self, UdpChecksum as Checked};
use gateway_wire::shared::Verdict;
use gateway_wire::{Reject, UdpPacket};

use super::stream::Lookup;
use super::{IngestCounters, Stream, StreamId, StreamTable, UdpChecksum};

/// Decides what becomes of a frame.
#[derive(Debug)]
pub(super) struct Steering {
    table: StreamTable,
    udp_checksum: UdpChecksum,
}

/// A frame's datagram that is for us.
pub(super) struct Steered<'a> {
    pub(super) stream: StreamId,
    pub(super) source: [u8; 4],
    pub(super) payload: &'a [u8],
}

impl Steering {
    pub(super) fn new(streams: &[Stream], udp_checksum: UdpChecksum) -> Self {
        Self {
            table: StreamTable::new(streams),
            udp_checksum,
        }
    }

    /// The datagram in `frame` if it is for one of our streams; counts it either way.
    #[inline]
    pub(super) fn steer<'a>(
        &self,
        frame: &'a [u8],
        parsed: Result<UdpPacket, Reject>,
        counters: &mut IngestCounters,
    ) -> Option<Steered<'a>> {
        let packet = match parsed {
            Ok(packet) => packet,
            Err(reject) => {
                counters.rejected[Verdict::from(reject).index() as usize] += 1;
                return None;
            }
        };
        let stream =
            match self
                .table
                .find(packet.destination, packet.destination_port, packet.source)
            {
                Lookup::Found(stream) => stream,
                Lookup::WrongSource => {
                    counters.source_filtered += 1;
                    return None;
                }
                Lookup::Unknown => {
                    counters.unknown_stream += 1;
                    return None;
                }
            };
        // A kernel drops these (RFC 1122 §3.2.1.2), and so does the socket tier. Addresses and lengths of such a packet
        // say nothing: what looks like ours may be another's.
        if !packet
            .ip_header(frame)
            .is_some_and(checksum::ipv4_header_ok)
        {
            counters.header_checksum_dropped += 1;
            return None;
        }
        if self.udp_checksum != UdpChecksum::Ignore {
            match checksum::udp_checksum(&packet, frame) {
                Checked::Right => {}
                Checked::Absent => counters.checksum_absent += 1,
                Checked::Wrong => {
                    counters.checksum_wrong += 1;
                    if self.udp_checksum == UdpChecksum::Drop {
                        counters.checksum_dropped += 1;
                        return None;
                    }
                }
            }
        }
        let payload = packet.payload(frame)?;
        counters.packets += 1;
        counters.bytes += payload.len() as u64;
        Some(Steered {
            stream,
            source: packet.source,
            payload,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use gateway_wire::build::UdpFrame;

    fn frame(of: &UdpFrame<'_>) -> Vec<u8> {
        let mut bytes = vec![0; of.len()];
        of.write(&mut bytes).unwrap();
        bytes
    }

    fn steering(sources: &[[u8; 4]], udp_checksum: UdpChecksum) -> Steering {
        let sources = sources.iter().map(|&source| source.into()).collect();
        Steering::new(
            &[Stream {
                group: [239, 0, 0, 1].into(),
                port: 30001,
                sources,
            }],
            udp_checksum,
        )
    }

    fn steer(steering: &Steering, bytes: &[u8]) -> (Option<Vec<u8>>, IngestCounters) {
        let mut counters = IngestCounters::default();
        let steered = steering.steer(bytes, gateway_wire::parse(bytes), &mut counters);
        (steered.map(|steered| steered.payload.to_vec()), counters)
    }

    #[test]
    fn a_datagram_of_a_stream_comes_through_whole() {
        let bytes = frame(&UdpFrame {
            payload: b"hello",
            ..UdpFrame::default()
        });
        let (payload, counters) = steer(&steering(&[], UdpChecksum::Drop), &bytes);
        assert_eq!(payload.unwrap(), b"hello");
        assert_eq!(
            counters,
            IngestCounters {
                packets: 1,
                bytes: 5,
                ..IngestCounters::default()
            }
        );
    }

    #[test]
    fn every_frame_that_is_not_ours_counts_under_one_reason() {
        let ours = UdpFrame::default();
        let cases = [
            (
                frame(&UdpFrame {
                    destination_port: 9,
                    ..ours
                }),
                IngestCounters {
                    unknown_stream: 1,
                    ..Default::default()
                },
            ),
            (
                frame(&UdpFrame {
                    source: [10, 9, 9, 9],
                    ..ours
                }),
                IngestCounters {
                    source_filtered: 1,
                    ..Default::default()
                },
            ),
            (frame(&ours)[..20].to_vec(), {
                let mut counters = IngestCounters::default();
                counters.rejected[Verdict::Truncated.index() as usize] = 1;
                counters
            }),
        ];
        for (bytes, expected) in cases {
            let (payload, counters) =
                steer(&steering(&[[10, 0, 0, 1]], UdpChecksum::Count), &bytes);
            assert_eq!((payload, counters), (None, expected));
        }
    }

    #[test]
    fn a_datagram_behind_a_damaged_header_is_dropped_as_the_kernel_would() {
        let mut bytes = frame(&UdpFrame {
            payload: b"hello",
            ..UdpFrame::default()
        });
        let ip_offset = gateway_wire::parse(&bytes[..]).unwrap().ip_offset;
        bytes[ip_offset + 8] ^= 1; // the time to live: nothing else notices
        for policy in [UdpChecksum::Ignore, UdpChecksum::Count, UdpChecksum::Drop] {
            let expected = IngestCounters {
                header_checksum_dropped: 1,
                ..IngestCounters::default()
            };
            assert_eq!(
                steer(&steering(&[], policy), &bytes),
                (None, expected),
                "{policy:?}"
            );
        }
    }

    #[test]
    fn a_wrong_checksum_is_counted_and_dropped_only_on_request() {
        let mut bytes = frame(&UdpFrame {
            payload: b"hello",
            ..UdpFrame::default()
        });
        *bytes.last_mut().unwrap() ^= 1;
        for (policy, delivered, wrong, dropped) in [
            (UdpChecksum::Ignore, true, 0, 0),
            (UdpChecksum::Count, true, 1, 0),
            (UdpChecksum::Drop, false, 1, 1),
        ] {
            let (payload, counters) = steer(&steering(&[], policy), &bytes);
            assert_eq!(payload.is_some(), delivered, "{policy:?}");
            assert_eq!(
                (counters.checksum_wrong, counters.checksum_dropped),
                (wrong, dropped),
                "{policy:?}"
            );
        }
        let bytes = frame(&UdpFrame {
            udp_checksum: false,
            payload: b"hello",
            ..UdpFrame::default()
        });
        let (payload, counters) = steer(&steering(&[], UdpChecksum::Drop), &bytes);
        assert!(payload.is_some());
        assert_eq!(counters.checksum_absent, 1);
    }
}
