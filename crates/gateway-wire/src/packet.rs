//! From a frame's bytes to the UDP datagram inside it.
//!
//! [`parse`] reads through [`PacketBytes`], so that one text serves a slice in user space and the bounds that
//! the BPF verifier wants to see in the XDP program. It trusts no length that it has not compared with the
//! frame's own. It does not compare checksums: see [`crate::checksum`].

use core::fmt;

/// Length of an Ethernet header without VLAN tags, in bytes.
pub const ETHERNET_LEN: usize = 14;
/// Length of one VLAN tag, in bytes.
pub const VLAN_LEN: usize = 4;
/// Length of an IPv4 header without options, in bytes.
pub const IPV4_LEN_MIN: usize = 20;
/// Length of a UDP header, in bytes.
pub const UDP_LEN: usize = 8;
/// The most VLAN tags a frame may carry (IEEE 802.1ad: one service tag, one customer tag).
pub const VLANS_MAX: usize = 2;

/// EtherType of IPv4.
pub const ETHERTYPE_IPV4: u16 = 0x0800;
/// EtherType of IPv6.
pub const ETHERTYPE_IPV6: u16 = 0x86dd;
/// EtherType of an IEEE 802.1Q customer tag.
pub const ETHERTYPE_VLAN: u16 = 0x8100;
/// EtherType of an IEEE 802.1ad service tag.
pub const ETHERTYPE_QINQ: u16 = 0x88a8;
/// EtherType that older switches give to the outer of two tags.
pub const ETHERTYPE_QINQ_OLD: u16 = 0x9100;
/// IPv4 protocol number of UDP.
pub const PROTOCOL_UDP: u8 = 17;

/// A frame whose bytes are read in bounds-checked pieces.
pub trait PacketBytes {
    /// The `N` bytes at `offset`, or nothing if any of them lies outside the frame.
    fn load<const N: usize>(&self, offset: usize) -> Option<[u8; N]>;

    /// Length of the frame in bytes.
    fn len(&self) -> usize;

    /// Whether the frame holds no byte.
    #[inline(always)]
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl PacketBytes for [u8] {
    #[inline(always)]
    fn load<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.get(offset..)?.first_chunk::<N>().copied()
    }

    #[inline(always)]
    fn len(&self) -> usize {
        <[u8]>::len(self)
    }
}

impl PacketBytes for &[u8] {
    #[inline(always)]
    fn load<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        <[u8] as PacketBytes>::load(self, offset)
    }

    #[inline(always)]
    fn len(&self) -> usize {
        <[u8]>::len(self)
    }
}

/// Why a frame holds no UDP datagram for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reject {
    /// The frame ends before a header, or before the length the IPv4 header announces.
    Truncated,
    /// Neither IPv4 nor IPv6: ARP, LLDP, PTP over Ethernet, an 802.3 length.
    NotIp,
    /// IPv6; feeds use IPv4 multicast.
    Ipv6,
    /// Three VLAN tags or more.
    TooManyVlans,
    /// The EtherType says IPv4, but the version is not 4 or the header is shorter than 20 bytes.
    BadHeader,
    /// IPv4, but not UDP: IGMP, TCP, ICMP.
    NotUdp,
    /// A fragment of a UDP datagram, first or later (RFC 791 §3.1); only the first one has ports.
    Fragment,
    /// The IPv4 total length or the UDP length contradicts the headers around it.
    BadLength,
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "the frame ends before its headers or its IPv4 total length do",
            Self::NotIp => "the frame holds no IP packet",
            Self::Ipv6 => "the frame holds an IPv6 packet; only IPv4 is read",
            Self::TooManyVlans => "the frame has more than two VLAN tags",
            Self::BadHeader => "the IPv4 header's version or header length is invalid",
            Self::NotUdp => "the IPv4 packet is not UDP",
            Self::Fragment => "the IPv4 packet is a fragment",
            Self::BadLength => "the IPv4 or UDP length contradicts the other",
        })
    }
}

impl core::error::Error for Reject {}

/// Where a UDP datagram lies in a frame, and the header fields that say whose it is.
///
/// Made by [`parse`], which promises that the datagram lies within the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpPacket {
    /// IPv4 source address, in network order.
    pub source: [u8; 4],
    /// IPv4 destination address, in network order; the group of a multicast packet.
    pub destination: [u8; 4],
    /// UDP source port.
    pub source_port: u16,
    /// UDP destination port.
    pub destination_port: u16,
    /// How many VLAN tags the frame carries, 0..=2.
    pub vlan_count: u8,
    /// The tags' VLAN ids (0..=4095), the outer first; those beyond `vlan_count` are 0.
    pub vlan_ids: [u16; VLANS_MAX],
    /// Offset of the IPv4 header in the frame, in bytes.
    pub ip_offset: usize,
    /// Length of the IPv4 header with its options, in bytes: 20..=60.
    pub ip_header_len: usize,
    /// Offset of the UDP payload in the frame, in bytes.
    pub payload_offset: usize,
    /// Length of the UDP payload in bytes, by the UDP header; Ethernet padding is not part of it.
    pub payload_len: usize,
    /// The UDP checksum as it was sent; 0 means that the sender computed none.
    pub udp_checksum: u16,
}

impl UdpPacket {
    /// The UDP payload within the `frame` that this was parsed from; nothing if `frame` is a shorter one.
    #[must_use]
    #[inline(always)]
    pub fn payload<'a>(&self, frame: &'a [u8]) -> Option<&'a [u8]> {
        frame.get(self.payload_offset..)?.get(..self.payload_len)
    }

    /// The IPv4 header with its options within `frame`.
    #[must_use]
    #[inline(always)]
    pub fn ip_header<'a>(&self, frame: &'a [u8]) -> Option<&'a [u8]> {
        frame.get(self.ip_offset..)?.get(..self.ip_header_len)
    }

    /// The UDP header and payload within `frame`.
    #[must_use]
    #[inline(always)]
    pub fn datagram<'a>(&self, frame: &'a [u8]) -> Option<&'a [u8]> {
        frame
            .get(self.payload_offset.checked_sub(UDP_LEN)?..)?
            .get(..self.payload_len.checked_add(UDP_LEN)?)
    }
}

/// Finds the UDP datagram in an Ethernet frame: up to two VLAN tags, IPv4 with options, not fragmented.
///
/// # Errors
///
/// [`Reject`] says what the frame is instead. A frame that is wrong in several ways is rejected for the
/// outermost header that is wrong; within IPv4 the protocol is looked at first, then fragmentation, then lengths,
/// so that a rejected TCP segment counts as [`Reject::NotUdp`] whatever its lengths say.
#[inline(always)]
pub fn parse<P: PacketBytes + ?Sized>(packet: &P) -> Result<UdpPacket, Reject> {
    let mut ethertype = u16::from_be_bytes(packet.load::<2>(12).ok_or(Reject::Truncated)?);
    let mut ip_offset = ETHERNET_LEN;
    let mut vlan_count = 0;
    let mut vlan_ids = [0; VLANS_MAX];
    // Two steps written out: the verifier of older kernels knows no loops, and neither step costs without a tag.
    if is_vlan(ethertype) {
        let tag = packet.load::<4>(ip_offset).ok_or(Reject::Truncated)?;
        vlan_ids[0] = u16::from_be_bytes([tag[0], tag[1]]) & 0x0fff;
        ethertype = u16::from_be_bytes([tag[2], tag[3]]);
        vlan_count = 1;
        ip_offset += VLAN_LEN;
        if is_vlan(ethertype) {
            let tag = packet.load::<4>(ip_offset).ok_or(Reject::Truncated)?;
            vlan_ids[1] = u16::from_be_bytes([tag[0], tag[1]]) & 0x0fff;
            ethertype = u16::from_be_bytes([tag[2], tag[3]]);
            vlan_count = 2;
            ip_offset += VLAN_LEN;
            if is_vlan(ethertype) {
                return Err(Reject::TooManyVlans);
            }
        }
    }
    match ethertype {
        ETHERTYPE_IPV4 => {}
        ETHERTYPE_IPV6 => return Err(Reject::Ipv6),
        _ => return Err(Reject::NotIp),
    }
    parse_ipv4_at(packet, ip_offset, vlan_count, vlan_ids)
}

/// Finds the UDP datagram in a packet that starts with its IPv4 header, as some captures store them.
///
/// # Errors
///
/// As [`parse`]; a version other than 4 or 6 is [`Reject::BadHeader`].
#[inline]
pub fn parse_ipv4<P: PacketBytes + ?Sized>(packet: &P) -> Result<UdpPacket, Reject> {
    match packet.load::<1>(0) {
        None => Err(Reject::Truncated),
        Some([first]) if first >> 4 == 6 => Err(Reject::Ipv6),
        Some(_) => parse_ipv4_at(packet, 0, 0, [0; VLANS_MAX]),
    }
}

#[inline(always)]
fn is_vlan(ethertype: u16) -> bool {
    matches!(
        ethertype,
        ETHERTYPE_VLAN | ETHERTYPE_QINQ | ETHERTYPE_QINQ_OLD
    )
}

#[inline(always)]
fn parse_ipv4_at<P: PacketBytes + ?Sized>(
    packet: &P,
    ip_offset: usize,
    vlan_count: u8,
    vlan_ids: [u16; VLANS_MAX],
) -> Result<UdpPacket, Reject> {
    let ip = packet
        .load::<IPV4_LEN_MIN>(ip_offset)
        .ok_or(Reject::Truncated)?;
    let ip_header_len = usize::from(ip[0] & 0x0f) * 4;
    if ip[0] >> 4 != 4 || ip_header_len < IPV4_LEN_MIN {
        return Err(Reject::BadHeader);
    }
    if ip[9] != PROTOCOL_UDP {
        return Err(Reject::NotUdp);
    }
    // More Fragments, or an offset other than 0; Don't Fragment and the reserved bit say nothing about this packet.
    if u16::from_be_bytes([ip[6], ip[7]]) & 0x3fff != 0 {
        return Err(Reject::Fragment);
    }
    // Read before the lengths are compared: from those a compiler can tell that the header lies in the frame and
    // would leave its bounds check out, which the BPF verifier insists on.
    let udp_offset = ip_offset + ip_header_len;
    let udp = packet
        .load::<UDP_LEN>(udp_offset)
        .ok_or(Reject::Truncated)?;
    let ip_total_len = usize::from(u16::from_be_bytes([ip[2], ip[3]]));
    if ip_total_len < ip_header_len + UDP_LEN {
        return Err(Reject::BadLength);
    }
    if ip_offset + ip_total_len > packet.len() {
        return Err(Reject::Truncated);
    }
    let udp_len = usize::from(u16::from_be_bytes([udp[4], udp[5]]));
    if udp_len < UDP_LEN || udp_len > ip_total_len - ip_header_len {
        return Err(Reject::BadLength);
    }
    Ok(UdpPacket {
        source: [ip[12], ip[13], ip[14], ip[15]],
        destination: [ip[16], ip[17], ip[18], ip[19]],
        source_port: u16::from_be_bytes([udp[0], udp[1]]),
        destination_port: u16::from_be_bytes([udp[2], udp[3]]),
        vlan_count,
        vlan_ids,
        ip_offset,
        ip_header_len,
        payload_offset: udp_offset + UDP_LEN,
        payload_len: udp_len - UDP_LEN,
        udp_checksum: u16::from_be_bytes([udp[6], udp[7]]),
    })
}
