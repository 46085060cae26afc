//! SoupBinTCP.

use std::fs::File;
use std::io::BufWriter;

use gateway_capture::{LinkType, PcapWriter};
use gateway_feed::soupbintcp::{LoginAccepted, Packet, SessionName};
use gateway_wire::checksum::ipv4_header;

use crate::{hexadecimal, knows_or_skip, scratch, tshark};

const PORT: u16 = 26_500;

/// An IPv4 packet with a TCP segment of a connection's server, whose bytes begin at `sequence`.
fn segment(sequence: u32, payload: &[u8]) -> Vec<u8> {
    let length = (40 + payload.len()) as u16;
    let mut ip = vec![0x45, 0];
    ip.extend(length.to_be_bytes());
    ip.extend([0, 1, 0x40, 0, 64, 6, 0, 0]);
    ip.extend([198, 51, 100, 10, 198, 51, 100, 20]);
    let checksum = ipv4_header(&ip).to_be_bytes();
    ip[10..12].copy_from_slice(&checksum);
    ip.extend(PORT.to_be_bytes());
    ip.extend(40_000_u16.to_be_bytes());
    ip.extend(sequence.to_be_bytes());
    ip.extend(1_u32.to_be_bytes());
    // Five words of header; PSH and ACK; the window; no checksum; no urgent data.
    ip.extend([0x50, 0x18, 0xFF, 0xFF, 0, 0, 0, 0]);
    ip.extend(payload);
    ip
}

#[test]
fn a_session_is_read_as_it_was_written() {
    if !knows_or_skip("soupbintcp") {
        return;
    }
    let accepted = LoginAccepted {
        session: SessionName::new("20261120A").unwrap(),
        next_sequence: 4_711,
    };
    let messages: Vec<Vec<u8>> = (1..=40).map(|n| vec![n as u8; n * 7]).collect();
    let mut packets = vec![Packet::LoginAccepted(accepted), Packet::ServerHeartbeat];
    packets.extend(messages.iter().map(|message| Packet::Sequenced(message)));
    packets.push(Packet::Unsequenced(b"beside the sequence"));
    packets.push(Packet::EndOfSession);
    let mut stream = Vec::new();
    for packet in &packets {
        packet.write(&mut stream).unwrap();
    }

    let path = scratch("tshark_soup.pcap");
    let output = BufWriter::new(File::create(&path).unwrap());
    let mut writer = PcapWriter::new(output, LinkType::RawIp).unwrap();
    // The login comes alone: behind it tshark takes the connection for another one, and would not put together a packet
    // that spans the two. From there on it is cut as it comes.
    let mut login = Vec::new();
    packets[0].write(&mut login).unwrap();
    let (login, rest) = stream.split_at(login.len());
    let mut sequence = 1_000_000;
    for (time, piece) in (1..).zip(std::iter::once(login).chain(rest.chunks(333))) {
        writer.write(time, &segment(sequence, piece)).unwrap();
        sequence += piece.len() as u32;
    }
    writer.finish().unwrap();

    let read = tshark(
        &path,
        &[format!("tcp.port=={PORT},soupbintcp")],
        &[
            "soupbintcp.packet_length",
            "soupbintcp.packet_type",
            "soupbintcp.session",
            "soupbintcp.message",
        ],
    );
    let column = |index: usize| -> Vec<String> {
        let values = read
            .iter()
            .flat_map(|row: &Vec<Vec<String>>| row[index].clone());
        values
            .map(|value| value.trim_matches([' ', '\'']).to_owned())
            .collect()
    };
    let mut lengths = Vec::new();
    let mut types = Vec::new();
    for packet in &packets {
        let mut bytes = Vec::new();
        packet.write(&mut bytes).unwrap();
        lengths.push((bytes.len() - 2).to_string());
        types.push(char::from(packet.packet_type()).to_string());
    }
    assert_eq!(column(0), lengths);
    assert_eq!(column(1), types);
    assert_eq!(column(2), ["20261120A"]);
    let mut bodies: Vec<String> = messages
        .iter()
        .map(|message| hexadecimal(message))
        .collect();
    bodies.push(hexadecimal(b"beside the sequence"));
    assert_eq!(column(3), bodies);
}
