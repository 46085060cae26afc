//! What must hold of any bytes, for the property tests and the fuzz target alike.

use gateway_wire::checksum::{ipv4_header_ok, udp_checksum};
use gateway_wire::packet::{UdpPacket, parse_ipv4};
use gateway_wire::parse;

/// Parses `frame` both ways: it is rejected, or what the parser says of it holds.
pub(crate) fn judge(frame: &[u8]) {
    for packet in [parse(frame), parse_ipv4(frame)].into_iter().flatten() {
        holds_together(&packet, frame);
    }
}

/// What a successful parse promises about the frame.
pub(crate) fn holds_together(packet: &UdpPacket, frame: &[u8]) {
    let payload = packet.payload(frame).unwrap();
    assert_eq!(payload.len(), packet.payload_len);
    assert_eq!(
        packet.datagram(frame).unwrap().len(),
        packet.payload_len + 8
    );
    let header = packet.ip_header(frame).unwrap();
    assert!((20..=60).contains(&header.len()));
    assert_eq!(packet.ip_offset + header.len() + 8, packet.payload_offset);
    assert!(packet.vlan_count <= 2 && packet.vlan_ids.iter().all(|id| *id < 4096));
    let _ = udp_checksum(packet, frame);
    let _ = ipv4_header_ok(header);
}
