//! Frames with right lengths and checksums, for tests and for the simulator.
//!
//! [`UdpFrame`] describes a frame; [`UdpFrame::write`] puts it into a buffer of the caller's. A test that wants a
//! broken frame writes a right one and then changes the bytes it means.

use core::fmt;

use crate::checksum;
use crate::packet::{
    ETHERNET_LEN, ETHERTYPE_IPV4, ETHERTYPE_QINQ, ETHERTYPE_VLAN, IPV4_LEN_MIN, PROTOCOL_UDP,
    UDP_LEN, VLAN_LEN,
};

/// The most bytes of IPv4 options a header can hold.
pub const IP_OPTIONS_MAX: usize = 40;

/// One VLAN tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vlan {
    /// EtherType that announces the tag.
    pub ethertype: u16,
    /// Priority (3 bits), drop eligible (1 bit), VLAN id (12 bits).
    pub control: u16,
}

impl Vlan {
    /// A customer tag (802.1Q) with priority 0.
    #[must_use]
    pub const fn customer(id: u16) -> Self {
        Self {
            ethertype: ETHERTYPE_VLAN,
            control: id & 0x0fff,
        }
    }

    /// A service tag (802.1ad) with priority 0.
    #[must_use]
    pub const fn service(id: u16) -> Self {
        Self {
            ethertype: ETHERTYPE_QINQ,
            control: id & 0x0fff,
        }
    }
}

/// An Ethernet frame with one UDP datagram over IPv4.
#[derive(Clone, Copy, Debug)]
pub struct UdpFrame<'a> {
    /// Sender's Ethernet address.
    pub source_mac: [u8; 6],
    /// Receiver's Ethernet address; `None` derives it from a multicast `destination`, else broadcast.
    pub destination_mac: Option<[u8; 6]>,
    /// VLAN tags, the outer first.
    pub vlans: &'a [Vlan],
    /// IPv4 source address.
    pub source: [u8; 4],
    /// IPv4 destination address.
    pub destination: [u8; 4],
    /// UDP source port.
    pub source_port: u16,
    /// UDP destination port.
    pub destination_port: u16,
    /// IPv4 time to live.
    pub ttl: u8,
    /// IPv4 identification.
    pub identification: u16,
    /// IPv4 options: a multiple of four bytes, at most [`IP_OPTIONS_MAX`].
    pub ip_options: &'a [u8],
    /// Whether to compute the UDP checksum; without it the field is 0.
    pub udp_checksum: bool,
    /// UDP payload.
    pub payload: &'a [u8],
}

impl Default for UdpFrame<'_> {
    /// A datagram without payload from 10.0.0.1:30000 to 239.0.0.1:30001, untagged, with a checksum.
    fn default() -> Self {
        Self {
            source_mac: [0x02, 0, 0, 0, 0, 1],
            destination_mac: None,
            vlans: &[],
            source: [10, 0, 0, 1],
            destination: [239, 0, 0, 1],
            source_port: 30_000,
            destination_port: 30_001,
            ttl: 1,
            identification: 0,
            ip_options: &[],
            udp_checksum: true,
            payload: &[],
        }
    }
}

/// Why a frame could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuildError {
    /// The buffer is shorter than the frame; give it `needed` bytes.
    BufferTooShort {
        /// Bytes the frame needs.
        needed: usize,
    },
    /// The datagram does not fit the 16-bit IPv4 total length; shorten the payload to 65,507 bytes or less.
    PayloadTooLong,
    /// The IPv4 options are longer than 40 bytes or no multiple of four; pad them with zeros.
    BadIpOptions,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BufferTooShort { needed } => {
                write!(f, "the buffer is too short: the frame needs {needed} bytes")
            }
            Self::PayloadTooLong => {
                f.write_str("the payload does not fit an IPv4 packet: at most 65,507 bytes")
            }
            Self::BadIpOptions => f.write_str(
                "IPv4 options must be a multiple of 4 bytes, at most 40: pad with zeros",
            ),
        }
    }
}

impl core::error::Error for BuildError {}

impl UdpFrame<'_> {
    /// Length of the frame in bytes, without Ethernet padding and checksum.
    #[must_use]
    pub const fn len(&self) -> usize {
        ETHERNET_LEN + self.vlans.len() * VLAN_LEN + self.ip_len()
    }

    /// Whether the frame has no byte: never, since it has headers.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        false
    }

    const fn ip_len(&self) -> usize {
        IPV4_LEN_MIN + self.ip_options.len() + UDP_LEN + self.payload.len()
    }

    /// Writes the frame to the start of `buffer` and returns its length.
    ///
    /// # Errors
    ///
    /// [`BuildError`]; nothing useful is in `buffer` then.
    pub fn write(&self, buffer: &mut [u8]) -> Result<usize, BuildError> {
        if self.ip_options.len() > IP_OPTIONS_MAX || !self.ip_options.len().is_multiple_of(4) {
            return Err(BuildError::BadIpOptions);
        }
        let total_len = u16::try_from(self.ip_len()).map_err(|_| BuildError::PayloadTooLong)?;
        let needed = self.len();
        let frame = buffer
            .get_mut(..needed)
            .ok_or(BuildError::BufferTooShort { needed })?;

        let (ethernet, ip) = frame.split_at_mut(ETHERNET_LEN + self.vlans.len() * VLAN_LEN);
        self.write_ethernet(ethernet);
        let (header, datagram) = ip.split_at_mut(IPV4_LEN_MIN + self.ip_options.len());
        self.write_ip_header(header, total_len);
        self.write_datagram(datagram);
        Ok(needed)
    }

    fn write_ethernet(&self, out: &mut [u8]) {
        let destination = match self.destination_mac {
            Some(mac) => mac,
            None => multicast_mac(self.destination).unwrap_or([0xff; 6]),
        };
        out[..6].copy_from_slice(&destination);
        out[6..12].copy_from_slice(&self.source_mac);
        let mut at = 12;
        for vlan in self.vlans {
            out[at..at + 2].copy_from_slice(&vlan.ethertype.to_be_bytes());
            out[at + 2..at + 4].copy_from_slice(&vlan.control.to_be_bytes());
            at += VLAN_LEN;
        }
        out[at..at + 2].copy_from_slice(&ETHERTYPE_IPV4.to_be_bytes());
    }

    fn write_ip_header(&self, out: &mut [u8], total_len: u16) {
        out.fill(0);
        out[0] = 0x40 | (out.len() / 4) as u8;
        out[2..4].copy_from_slice(&total_len.to_be_bytes());
        out[4..6].copy_from_slice(&self.identification.to_be_bytes());
        out[6] = 0x40; // Don't Fragment
        out[8] = self.ttl;
        out[9] = PROTOCOL_UDP;
        out[12..16].copy_from_slice(&self.source);
        out[16..20].copy_from_slice(&self.destination);
        out[IPV4_LEN_MIN..].copy_from_slice(self.ip_options);
        let checksum = checksum::ipv4_header(out);
        out[10..12].copy_from_slice(&checksum.to_be_bytes());
    }

    fn write_datagram(&self, out: &mut [u8]) {
        let length = out.len() as u16;
        out[..2].copy_from_slice(&self.source_port.to_be_bytes());
        out[2..4].copy_from_slice(&self.destination_port.to_be_bytes());
        out[4..6].copy_from_slice(&length.to_be_bytes());
        out[6..8].fill(0);
        out[UDP_LEN..].copy_from_slice(self.payload);
        if self.udp_checksum {
            let checksum = checksum::udp(self.source, self.destination, out);
            out[6..8].copy_from_slice(&checksum.to_be_bytes());
        }
    }
}

/// The Ethernet address of an IPv4 multicast group (RFC 1112 §6.4); nothing for a unicast address.
#[must_use]
pub const fn multicast_mac(group: [u8; 4]) -> Option<[u8; 6]> {
    if group[0] & 0xf0 != 0xe0 {
        return None;
    }
    Some([0x01, 0x00, 0x5e, group[1] & 0x7f, group[2], group[3]])
}
