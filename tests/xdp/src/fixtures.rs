//! The packets.

mod broken;

use std::net::Ipv4Addr;

use gateway::ingest::Stream;
use gateway_wire::build::{UdpFrame, Vlan};
use gateway_wire::shared::{Note, Verdict};

/// A group that anybody may send to.
pub const OPEN_GROUP: [u8; 4] = [239, 1, 1, 1];
/// Its port.
pub const OPEN_PORT: u16 = 5001;
/// A group with a source list.
pub const LISTED_GROUP: [u8; 4] = [239, 1, 1, 2];
/// Its port.
pub const LISTED_PORT: u16 = 5002;

/// One packet and its fate where its queue has a socket.
#[derive(Debug)]
pub struct Fixture {
    /// What the packet is.
    pub name: &'static str,
    /// The frame.
    pub frame: Vec<u8>,
    /// The program's verdict.
    pub verdict: Verdict,
    /// What the program notes of it besides that it stamped it.
    pub note: Option<Note>,
}

/// The streams that the fixtures speak of.
#[must_use]
pub fn streams() -> Vec<Stream> {
    let stream = |group: [u8; 4], port, sources: &[[u8; 4]]| Stream {
        group: group.into(),
        port,
        sources: sources.iter().copied().map(Ipv4Addr::from).collect(),
    };
    vec![
        stream(OPEN_GROUP, OPEN_PORT, &[]),
        stream(LISTED_GROUP, LISTED_PORT, &[[10, 0, 0, 1], [10, 0, 0, 2]]),
        stream([10, 9, 9, 9], 6000, &[]),
    ]
}

/// A datagram of the open stream.
#[must_use]
pub fn ours() -> UdpFrame<'static> {
    UdpFrame {
        destination: OPEN_GROUP,
        destination_port: OPEN_PORT,
        payload: b"twenty bytes of data",
        ..UdpFrame::default()
    }
}

/// The bytes of `frame`.
#[must_use]
pub fn bytes(frame: UdpFrame<'_>) -> Vec<u8> {
    let mut bytes = vec![0; frame.len()];
    frame.write(&mut bytes).unwrap();
    bytes
}

/// The bytes of a datagram of ours with `value` put at `offset`.
fn changed(offset: usize, value: &[u8]) -> Vec<u8> {
    let mut frame = bytes(ours());
    frame[offset..offset + value.len()].copy_from_slice(value);
    frame
}

/// The first `length` bytes of a datagram of ours.
fn cut(frame: UdpFrame<'_>, length: usize) -> Vec<u8> {
    let mut frame = bytes(frame);
    frame.truncate(length);
    frame
}

/// An Ethernet frame of 60 bytes with this EtherType (or 802.3 length) and start of payload.
fn ethernet(destination: [u8; 6], ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; 60];
    frame[..6].copy_from_slice(&destination);
    frame[6..12].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
    frame[12..14].copy_from_slice(&ethertype.to_be_bytes());
    frame[14..14 + payload.len()].copy_from_slice(payload);
    frame
}

/// All fixtures.
#[must_use]
pub fn all() -> Vec<Fixture> {
    [
        datagrams(),
        vlans(),
        addresses(),
        not_udp(),
        broken::headers(),
        broken::lengths(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn fixture(name: &'static str, verdict: Verdict, frame: Vec<u8>) -> Fixture {
    Fixture {
        name,
        frame,
        verdict,
        note: None,
    }
}

/// Datagrams as feeds send them.
fn datagrams() -> Vec<Fixture> {
    use Verdict::Redirected;
    let mut padded = bytes(UdpFrame {
        payload: b"ab",
        ..ours()
    });
    padded.resize(60, 0);
    vec![
        fixture("plain_udp", Redirected, bytes(ours())),
        fixture(
            "udp_empty_payload",
            Redirected,
            bytes(UdpFrame {
                payload: &[],
                ..ours()
            }),
        ),
        fixture(
            "udp_one_byte_payload",
            Redirected,
            bytes(UdpFrame {
                payload: &[7],
                ..ours()
            }),
        ),
        fixture("udp_padded_to_60_bytes", Redirected, padded),
        fixture(
            "udp_1472_byte_payload",
            Redirected,
            bytes(UdpFrame {
                payload: &[0x55; 1472],
                ..ours()
            }),
        ),
        fixture(
            "udp_no_checksum",
            Redirected,
            bytes(UdpFrame {
                udp_checksum: false,
                ..ours()
            }),
        ),
        // Real feeds send wrong UDP checksums; user space counts them.
        fixture("udp_wrong_checksum", Redirected, changed(40, &[0xde, 0xad])),
        fixture("ip_ttl_0", Redirected, bytes(UdpFrame { ttl: 0, ..ours() })),
        // Reserved bit, without which a packet is as good.
        fixture("ip_reserved_flag", Redirected, changed(20, &[0x80, 0])),
        fixture("ip_may_fragment", Redirected, changed(20, &[0, 0])),
        fixture(
            "ip_options_router_alert",
            Redirected,
            bytes(UdpFrame {
                ip_options: &[0x94, 4, 0, 0],
                ..ours()
            }),
        ),
        fixture(
            "ip_options_40_bytes",
            Redirected,
            bytes(UdpFrame {
                ip_options: &[1; 40],
                ..ours()
            }),
        ),
    ]
}

fn vlans() -> Vec<Fixture> {
    let tagged = |name, verdict, note, vlans: &[Vlan], ip_options: &[u8]| Fixture {
        note,
        ..fixture(
            name,
            verdict,
            bytes(UdpFrame {
                vlans,
                ip_options,
                ..ours()
            }),
        )
    };
    let old = Vlan {
        ethertype: 0x9100,
        control: 100,
    };
    let (one, two) = (Some(Note::OneVlan), Some(Note::TwoVlans));
    let ours = Verdict::Redirected;
    vec![
        tagged("vlan_udp", ours, one, &[Vlan::customer(100)], &[]),
        tagged(
            "vlan_priority_only",
            ours,
            one,
            &[Vlan {
                control: 0xe000,
                ..Vlan::customer(0)
            }],
            &[],
        ),
        tagged(
            "vlan_ip_options",
            ours,
            one,
            &[Vlan::customer(4094)],
            &[1; 8],
        ),
        tagged(
            "vlan_qinq_udp",
            ours,
            two,
            &[Vlan::service(200), Vlan::customer(100)],
            &[],
        ),
        tagged(
            "vlan_two_customer_tags",
            ours,
            two,
            &[Vlan::customer(200), Vlan::customer(100)],
            &[],
        ),
        tagged(
            "vlan_qinq_old_ethertype",
            ours,
            two,
            &[old, Vlan::customer(100)],
            &[],
        ),
        tagged(
            "vlan_qinq_ip_options_40_bytes",
            ours,
            two,
            &[Vlan::service(1), Vlan::customer(2)],
            &[1; 40],
        ),
        tagged(
            "vlan_three_tags",
            Verdict::TooManyVlans,
            None,
            &[Vlan::service(1), Vlan::customer(2), Vlan::customer(3)],
            &[],
        ),
    ]
}

/// Whose datagrams are ours.
fn addresses() -> Vec<Fixture> {
    use Verdict::{Redirected, SourceRefused, UnknownStream};
    let listed = |source| UdpFrame {
        source,
        destination: LISTED_GROUP,
        destination_port: LISTED_PORT,
        ..ours()
    };
    let to = |destination, destination_port| {
        bytes(UdpFrame {
            destination,
            destination_port,
            ..ours()
        })
    };
    vec![
        fixture("stream_unicast", Redirected, to([10, 9, 9, 9], 6000)),
        fixture(
            "stream_unknown_group",
            UnknownStream,
            to([239, 1, 1, 3], OPEN_PORT),
        ),
        fixture(
            "stream_unknown_port",
            UnknownStream,
            to(OPEN_GROUP, LISTED_PORT),
        ),
        fixture("stream_ptp_event", UnknownStream, to([224, 0, 1, 129], 319)),
        fixture(
            "stream_our_port_as_source",
            UnknownStream,
            bytes(UdpFrame {
                source_port: OPEN_PORT,
                destination_port: 1,
                ..ours()
            }),
        ),
        fixture(
            "source_first_of_list",
            Redirected,
            bytes(listed([10, 0, 0, 1])),
        ),
        fixture(
            "source_last_of_list",
            Redirected,
            bytes(listed([10, 0, 0, 2])),
        ),
        fixture(
            "source_not_listed",
            SourceRefused,
            bytes(listed([10, 0, 0, 3])),
        ),
        fixture(
            "source_any_of_open_stream",
            Redirected,
            bytes(UdpFrame {
                source: [192, 0, 2, 77],
                ..ours()
            }),
        ),
    ]
}

/// What the kernel lives by.
fn not_udp() -> Vec<Fixture> {
    use Verdict::{Ipv6, NotIp, NotUdp};
    let lldp = [1, 0x80, 0xc2, 0, 0, 0x0e];
    let mut igmp = bytes(UdpFrame {
        destination: [224, 0, 0, 1],
        ip_options: &[0x94, 4, 0, 0],
        ..ours()
    });
    igmp[23] = 2;
    let mut ipv6 = vec![0x60, 0, 0, 0, 0, 8, 17, 64];
    ipv6.extend([0; 32]);
    vec![
        fixture(
            "arp_request",
            NotIp,
            ethernet([0xff; 6], 0x0806, &[0, 1, 8, 0, 6, 4, 0, 1]),
        ),
        fixture("lldp", NotIp, ethernet(lldp, 0x88cc, &[2, 7, 4])),
        fixture(
            "ptp_ethernet",
            NotIp,
            ethernet(lldp, 0x88f7, &[0, 2, 0, 44]),
        ),
        fixture(
            "stp_802_3_length",
            NotIp,
            ethernet([1, 0x80, 0xc2, 0, 0, 0], 38, &[0x42, 0x42, 3]),
        ),
        fixture(
            "ipv6_udp",
            Ipv6,
            ethernet([0x33, 0x33, 0, 0, 0, 1], 0x86dd, &ipv6),
        ),
        fixture("igmp_query", NotUdp, igmp),
        fixture("tcp_to_our_port", NotUdp, changed(23, &[6])),
        fixture("icmp_echo", NotUdp, changed(23, &[1])),
    ]
}
