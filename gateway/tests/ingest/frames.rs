//! Frames as feeds send them and ordinary sockets do not: tags, options, wrong checksums, on a raw socket.

use gateway::ingest::{Ingest, InterfaceRequest, Mode, Tier, UdpChecksum};
use gateway_test_harness::Network;
use gateway_test_harness::network::{EXCHANGE_ADDRESS, EXCHANGE_INTERFACE};
use gateway_wire::build::{UdpFrame, Vlan};
use gateway_wire::shared::{Note, Verdict};
use std::time::Instant;

use crate::rig::*;

/// Sends `frames` as they are, from the exchange's interface.
fn inject(network: &Network, frames: &[Vec<u8>]) {
    network
        .exchange
        .enter(|| {
            let index = gateway::ingest::netdev::index(EXCHANGE_INTERFACE).unwrap();
            let socket = socket2::Socket::new(socket2::Domain::PACKET, socket2::Type::RAW, None)?;
            let to = libc::sockaddr_ll {
                sll_family: libc::AF_PACKET as u16,
                sll_protocol: 0,
                sll_ifindex: index.cast_signed(),
                sll_hatype: 0,
                sll_pkttype: 0,
                sll_halen: 6,
                sll_addr: [0; 8],
            };
            // SAFETY: all zeroes is a valid `sockaddr_storage`, which is large enough for every socket address.
            let to = unsafe {
                let mut storage = socket2::SockAddrStorage::zeroed();
                *storage.view_as::<libc::sockaddr_ll>() = to;
                socket2::SockAddr::new(storage, size_of::<libc::sockaddr_ll>() as libc::socklen_t)
            };
            for frame in frames {
                socket.send_to(frame, &to)?;
            }
            Ok(())
        })
        .unwrap();
}

fn bytes(frame: &UdpFrame<'_>) -> Vec<u8> {
    let mut bytes = vec![0; frame.len()];
    frame.write(&mut bytes).unwrap();
    bytes
}

#[test]
fn tagged_and_optioned_frames_come_through_and_wrong_checksums_are_counted() {
    let Some(network) = network() else { return };
    let streams = streams(1);
    let frame = UdpFrame {
        source: EXCHANGE_ADDRESS.octets(),
        destination: streams[0].group.octets(),
        destination_port: streams[0].port,
        payload: b"payload",
        ..UdpFrame::default()
    };
    let mut wrong = bytes(&frame);
    *wrong.last_mut().unwrap() ^= 1;
    let fragment = {
        let mut fragment = bytes(&frame);
        fragment[20] |= 0x20; // More Fragments
        fragment
    };
    let frames = [
        bytes(&frame),
        bytes(&UdpFrame {
            vlans: &[Vlan::customer(7)],
            ..frame
        }),
        bytes(&UdpFrame {
            vlans: &[Vlan::service(8), Vlan::customer(7)],
            ..frame
        }),
        bytes(&UdpFrame {
            ip_options: &[1; 8],
            ..frame
        }),
        bytes(&UdpFrame {
            udp_checksum: false,
            ..frame
        }),
        bytes(&UdpFrame {
            payload: &[0; 1400],
            ..frame
        }),
        wrong,
        fragment,
    ];
    for (tier, udp_checksum, delivered) in [
        (Tier::Copy, UdpChecksum::Count, 7),
        (Tier::Skb, UdpChecksum::Count, 7),
        (Tier::Copy, UdpChecksum::Drop, 6),
    ] {
        let request = InterfaceRequest {
            udp_checksum,
            ..request(Mode::Exactly(tier), streams.clone())
        };
        let (mut opened, _joins) = open(&network.gateway, &request).unwrap();
        inject(&network, &frames);
        let mut lengths = Vec::new();
        let limit = Instant::now() + PATIENCE;
        let seen = |counters: &gateway::ingest::IngestCounters| {
            counters.packets + counters.checksum_dropped
        };
        while seen(opened.providers[0].counters()) < 7 && Instant::now() < limit {
            opened.providers[0]
                .poll(&mut |datagram| lengths.push(datagram.payload.len()))
                .unwrap();
        }
        let counters = opened.providers[0].counters();
        assert_eq!(
            (
                counters.packets,
                counters.checksum_wrong,
                counters.checksum_absent
            ),
            (delivered, 1, 1),
            "{tier}"
        );
        assert_eq!(lengths[..6], [7, 7, 7, 7, 7, 1400], "{tier}");
        let verdicts = opened.program.as_ref().unwrap().verdicts().unwrap();
        assert_eq!(
            (
                verdicts.get(Verdict::Redirected),
                verdicts.get(Verdict::Fragment)
            ),
            (7, 1),
            "{tier}"
        );
        assert_eq!(
            (verdicts.note(Note::OneVlan), verdicts.note(Note::TwoVlans)),
            (1, 1),
            "{tier}"
        );
    }
}
