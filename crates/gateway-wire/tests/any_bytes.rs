//! What holds of any bytes at all, and of any frame that [`UdpFrame`] writes.
#![allow(clippy::unwrap_used, missing_docs)]

use gateway_wire::build::{UdpFrame, Vlan};
use gateway_wire::checksum::{UdpChecksum, ipv4_header_ok, udp_checksum};
use gateway_wire::packet::{ETHERNET_LEN, parse_ipv4};
use gateway_wire::{Reject, parse};
use proptest::collection::vec;
use proptest::prelude::*;

#[path = "common/judge.rs"]
mod judge;

use judge::{holds_together, judge};

/// Arbitrary parts of a frame: tags, options, ports, addresses, payload.
fn parts() -> impl Strategy<Value = Parts> {
    (
        vec(any::<u16>(), 0..=2),
        0usize..=10,
        any::<u16>(),
        any::<[u8; 4]>(),
        any::<[u8; 4]>(),
        vec(any::<u8>(), 0..1500),
        any::<bool>(),
    )
}

fn frame(
    (vlans, option_words, port, source, destination, payload, udp_checksum): &Parts,
) -> Vec<u8> {
    let vlans: Vec<Vlan> = vlans
        .iter()
        .map(|control| Vlan {
            ethertype: 0x8100,
            control: *control,
        })
        .collect();
    let options = [1u8; 40];
    let frame = UdpFrame {
        vlans: &vlans,
        ip_options: &options[..option_words * 4],
        destination_port: *port,
        source: *source,
        destination: *destination,
        payload,
        udp_checksum: *udp_checksum,
        ..UdpFrame::default()
    };
    let mut bytes = vec![0; frame.len()];
    assert_eq!(frame.write(&mut bytes), Ok(bytes.len()));
    bytes
}

type Parts = (Vec<u16>, usize, u16, [u8; 4], [u8; 4], Vec<u8>, bool);

proptest! {
    #[test]
    fn any_bytes_parse_or_are_rejected(bytes in vec(any::<u8>(), 0..200)) {
        judge(&bytes);
    }

    #[test]
    fn a_right_frame_with_some_bytes_changed_parses_or_is_rejected(
        parts in parts(), changes in vec((0usize..90, any::<u8>()), 1..6)
    ) {
        let mut bytes = frame(&parts);
        for (at, value) in changes {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        judge(&bytes);
    }

    #[test]
    fn what_was_built_is_what_is_parsed(parts in parts(), padding in 0usize..50) {
        let mut bytes = frame(&parts);
        let (vlans, option_words, port, source, destination, payload, with_checksum) = parts;
        let length = bytes.len();
        bytes.resize(length + padding, 0xee);

        let packet = parse(&bytes[..]).unwrap();
        holds_together(&packet, &bytes);
        prop_assert_eq!(packet.payload(&bytes).unwrap(), &payload[..]);
        prop_assert_eq!((packet.source, packet.destination), (source, destination));
        prop_assert_eq!(packet.destination_port, port);
        prop_assert_eq!(packet.ip_header_len, 20 + option_words * 4);
        prop_assert_eq!(usize::from(packet.vlan_count), vlans.len());
        for (id, control) in packet.vlan_ids.iter().zip(&vlans) {
            prop_assert_eq!(*id, control & 0x0fff);
        }
        prop_assert!(ipv4_header_ok(packet.ip_header(&bytes).unwrap()));
        let expected = if with_checksum { UdpChecksum::Right } else { UdpChecksum::Absent };
        prop_assert_eq!(udp_checksum(&packet, &bytes), expected);

        let from_ip = parse_ipv4(&bytes[ETHERNET_LEN + 4 * vlans.len()..]).unwrap();
        prop_assert_eq!((from_ip.source, from_ip.payload_len), (source, payload.len()));
    }

    #[test]
    fn a_frame_cut_short_is_truncated(parts in parts(), cut in 1usize..2000) {
        let bytes = frame(&parts);
        let kept = bytes.len().saturating_sub(cut);
        prop_assert_eq!(parse(&bytes[..kept]), Err(Reject::Truncated));
    }

    #[test]
    fn a_changed_payload_byte_is_a_wrong_checksum(parts in parts(), at in any::<usize>(), change in 1u8..=255) {
        let (_, _, _, _, _, payload, with_checksum) = &parts;
        prop_assume!(*with_checksum && !payload.is_empty());
        let mut bytes = frame(&parts);
        let at = bytes.len() - 1 - at % payload.len();
        bytes[at] ^= change;
        let packet = parse(&bytes[..]).unwrap();
        prop_assert_eq!(udp_checksum(&packet, &bytes), UdpChecksum::Wrong);
    }
}
