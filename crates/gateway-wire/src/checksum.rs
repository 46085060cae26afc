//! The internet checksum (RFC 1071) of IPv4 headers and UDP datagrams.
//!
//! A network card checks both on arrival, but does not tell an XDP program or an AF_XDP socket what it found.
//! The header's checksum is cheap enough to verify always; the datagram's is a choice, because real feeds send
//! datagrams with a wrong one or with none.

use crate::packet::{PROTOCOL_UDP, UdpPacket};

/// What a datagram's UDP checksum says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UdpChecksum {
    /// The sender computed none (RFC 768 allows that over IPv4).
    Absent,
    /// It fits the datagram.
    Right,
    /// It does not fit the datagram.
    Wrong,
}

/// Sum of `bytes` as 16-bit words in the machine's byte order, not yet folded; an odd last byte is padded with 0.
///
/// The sum does not depend on byte order but for a final swap (RFC 1071 §2), so it is taken in native words and
/// four bytes at a time. Below 2^32 words nothing overflows, and a frame is far shorter.
#[inline]
fn sum_native(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<4>();
    let mut sum = words
        .iter()
        .fold(0u64, |sum, word| sum + u64::from(u32::from_ne_bytes(*word)));
    let mut last = [0u8; 4];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    sum += u64::from(u32::from_ne_bytes(last));
    sum
}

/// Folds a native sum to 16 bits and returns it in network order as a number.
#[inline]
fn fold(mut sum: u64) -> u16 {
    sum = (sum & 0xffff_ffff) + (sum >> 32);
    sum = (sum & 0xffff_ffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    u16::from_be_bytes((sum as u16).to_ne_bytes())
}

/// The checksum that belongs into an IPv4 header, given the `header` with its options; the checksum field
/// (bytes 10 and 11) counts as zero whatever it holds.
#[must_use]
pub fn ipv4_header(header: &[u8]) -> u16 {
    let stored = match header.get(10..12) {
        Some(&[high, low]) => u16::from_be_bytes([high, low]),
        _ => 0,
    };
    // Taking a word out of a one's complement sum is adding its complement (RFC 1624).
    !fold(u64::from(u16::to_be(fold(sum_native(header)))) + u64::from(u16::to_be(!stored)))
}

/// Whether an IPv4 header with its options carries the right checksum.
#[must_use]
#[inline]
pub fn ipv4_header_ok(header: &[u8]) -> bool {
    header.len() >= 20 && fold(sum_native(header)) == 0xffff
}

/// Folded sum of the UDP pseudo header (RFC 768) and `datagram`.
#[inline]
fn udp_sum(source: [u8; 4], destination: [u8; 4], datagram: &[u8]) -> u16 {
    let length = (datagram.len() as u16).to_be_bytes();
    let pseudo = u64::from(u32::from_ne_bytes(source))
        + u64::from(u32::from_ne_bytes(destination))
        + u64::from(u32::from_ne_bytes([0, PROTOCOL_UDP, length[0], length[1]]));
    fold(pseudo + sum_native(datagram))
}

/// The checksum that belongs into a UDP header, given `datagram` (header and payload, at most 65,535 bytes) with
/// its checksum field set to 0. Never 0, which would mean "none".
#[must_use]
pub fn udp(source: [u8; 4], destination: [u8; 4], datagram: &[u8]) -> u16 {
    match !udp_sum(source, destination, datagram) {
        0 => 0xffff,
        checksum => checksum,
    }
}

/// Compares the UDP checksum of `packet`, which lies in `frame`, with its datagram.
#[must_use]
#[inline]
pub fn udp_checksum(packet: &UdpPacket, frame: &[u8]) -> UdpChecksum {
    match packet.datagram(frame) {
        _ if packet.udp_checksum == 0 => UdpChecksum::Absent,
        Some(datagram) if udp_sum(packet.source, packet.destination, datagram) == 0xffff => {
            UdpChecksum::Right
        }
        _ => UdpChecksum::Wrong,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    /// The definition of RFC 1071, word by word.
    fn by_definition(bytes: &[u8]) -> u16 {
        let mut sum = 0u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        sum as u16
    }

    #[test]
    fn the_header_of_rfc_1071_examples_is_right() {
        // A header with a known checksum (0xb861), printed in many textbooks.
        let header = [
            0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0xb8, 0x61, 0xc0, 0xa8,
            0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7,
        ];
        assert!(ipv4_header_ok(&header));
        assert_eq!(ipv4_header(&header), 0xb861);
        let mut wrong = header;
        wrong[8] ^= 1;
        assert!(!ipv4_header_ok(&wrong));
        assert!(!ipv4_header_ok(&header[..19]));
    }

    proptest::proptest! {
        #[test]
        fn the_fast_sum_is_the_definition(bytes: Vec<u8>) {
            proptest::prop_assert_eq!(fold(sum_native(&bytes)), by_definition(&bytes));
        }
    }
}
