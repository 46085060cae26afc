//! What a captured frame starts with, and where its UDP datagram lies.

use gateway_wire::packet::{ETHERNET_LEN, parse_ipv4};
use gateway_wire::{PacketBytes, Reject, UdpPacket, parse};

use crate::CapturedPacket;

/// The link-layer header of a capture, by <https://www.tcpdump.org/linktypes.html>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkType {
    /// Ethernet II (1).
    Ethernet,
    /// An IPv4 or IPv6 header at once (12, 14, 101, 228).
    RawIp,
    /// Linux "cooked" capture, version 1 (113).
    LinuxSll,
    /// Linux "cooked" capture, version 2 (276).
    LinuxSll2,
    /// Another, by its number.
    Other(u16),
}

impl LinkType {
    /// The link type of a capture file's number.
    #[must_use]
    pub const fn new(number: u16) -> Self {
        match number {
            1 => Self::Ethernet,
            12 | 14 | 101 | 228 => Self::RawIp,
            113 => Self::LinuxSll,
            276 => Self::LinuxSll2,
            other => Self::Other(other),
        }
    }

    /// The number that a capture file has for it.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::Ethernet => 1,
            Self::RawIp => 101,
            Self::LinuxSll => 113,
            Self::LinuxSll2 => 276,
            Self::Other(number) => number,
        }
    }
}

/// Bytes of a version 1 cooked header; its last two are an EtherType, as in an Ethernet header.
const SLL_BYTES: usize = 16;
/// Bytes of a version 2 cooked header; its first two are an EtherType.
const SLL2_BYTES: usize = 20;

impl CapturedPacket<'_> {
    /// Finds the UDP datagram in the frame, whatever its link layer; offsets are those within [`Self::frame`].
    ///
    /// # Errors
    /// What [`gateway_wire::parse`] says of the frame; [`Reject::NotIp`] for [`LinkType::Other`]; [`Reject::Truncated`]
    /// also where the capture kept only the start of the frame.
    pub fn udp(&self) -> Result<UdpPacket, Reject> {
        match self.link {
            LinkType::Ethernet => parse(self.frame),
            LinkType::RawIp => parse_ipv4(self.frame),
            LinkType::LinuxSll => {
                let start = SLL_BYTES - ETHERNET_LEN;
                let frame = self.frame.get(start..).ok_or(Reject::Truncated)?;
                parse(frame).map(|packet| moved(packet, start))
            }
            LinkType::LinuxSll2 => {
                if self.frame.len() < SLL2_BYTES {
                    return Err(Reject::Truncated);
                }
                parse(&AsEthernet(self.frame))
                    .map(|packet| moved(packet, SLL2_BYTES - ETHERNET_LEN))
            }
            LinkType::Other(_) => Err(Reject::NotIp),
        }
    }
}

/// The packet found in a view that starts `by` bytes into the frame.
fn moved(mut packet: UdpPacket, by: usize) -> UdpPacket {
    packet.ip_offset += by;
    packet.payload_offset += by;
    packet
}

/// A version 2 cooked frame (at least its header) seen with an Ethernet header of the same EtherType.
struct AsEthernet<'a>(&'a [u8]);

impl PacketBytes for AsEthernet<'_> {
    fn load<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        if offset >= ETHERNET_LEN {
            return self.0.load(offset.checked_add(SLL2_BYTES - ETHERNET_LEN)?);
        }
        let mut header = [0; ETHERNET_LEN];
        header[12..].copy_from_slice(self.0.get(..2)?);
        header.as_slice().load(offset)
    }

    fn len(&self) -> usize {
        self.0.len().saturating_sub(SLL2_BYTES - ETHERNET_LEN)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use gateway_wire::build::{UdpFrame, Vlan};

    use super::*;

    fn packet(link: LinkType, frame: &[u8]) -> CapturedPacket<'_> {
        CapturedPacket {
            timestamp_ns: 0,
            link,
            frame,
            original_len: frame.len() as u32,
            offset: 0,
            interface: 0,
        }
    }

    #[test]
    fn the_same_datagram_is_found_behind_every_link_layer() {
        for vlans in [
            &[][..],
            &[Vlan::customer(141)],
            &[Vlan::service(7), Vlan::customer(141)],
        ] {
            let mut ethernet = [0; 200];
            let udp = UdpFrame {
                vlans,
                payload: b"payload",
                ..UdpFrame::default()
            };
            let length = udp.write(&mut ethernet).unwrap();
            let ethernet = &ethernet[..length];
            let (ethertype, rest) = (&ethernet[12..14], &ethernet[14..]);
            let sll = [&[0; 14][..], ethertype, rest].concat();
            let sll2 = [ethertype, &[0; 18][..], rest].concat();
            for (link, frame) in [
                (LinkType::Ethernet, ethernet),
                (LinkType::LinuxSll, &sll),
                (LinkType::LinuxSll2, &sll2),
            ] {
                let found = packet(link, frame).udp().unwrap();
                assert_eq!(found.payload(frame), Some(&b"payload"[..]), "{link:?}");
                assert_eq!(found.destination, [239, 0, 0, 1]);
                assert_eq!(usize::from(found.vlan_count), vlans.len());
                for end in 0..frame.len() {
                    assert_eq!(
                        packet(link, &frame[..end]).udp(),
                        Err(Reject::Truncated),
                        "{link:?} cut at {end}"
                    );
                }
            }
            let raw = &ethernet[14 + 4 * vlans.len()..];
            assert_eq!(
                packet(LinkType::RawIp, raw).udp().unwrap().payload(raw),
                Some(&b"payload"[..])
            );
            assert_eq!(
                packet(LinkType::Other(147), ethernet).udp(),
                Err(Reject::NotIp)
            );
        }
    }
}
