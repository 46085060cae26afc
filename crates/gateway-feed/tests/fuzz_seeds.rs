//! What the fuzz targets begin with: messages and packets of the simulated exchange, and schedules as if drawn.
#![allow(clippy::unwrap_used, reason = "tests")]

use gateway_feed::harness;
use gateway_feed::moldudp64::{PacketBuilder, Request, Session};
use gateway_feed::soupbintcp::{LoginAccepted, Packet, SessionName};
use gateway_feed::{detect, iex, itch50, mdp3, nasdaq_bbo, pitch, soupbintcp};
use gateway_sim::flow::{FlowOptions, OrderFlow, PitchFlow};
use gateway_sim::source::Source;
use gateway_test_support::seeds::{drawn, keep};

/// Messages of a small day: directory, orders, trades.
fn messages() -> Vec<Vec<u8>> {
    let mut flow = OrderFlow::new(FlowOptions {
        symbols: 3,
        messages: 400,
        orders_max: 24,
        ..FlowOptions::default()
    });
    let next = || flow.next().map(|message| message.bytes.to_vec());
    std::iter::from_fn(next).collect()
}

fn check(target: &str, exercise: impl Fn(&[u8]), seeds: &[Vec<u8>]) {
    assert!(!seeds.is_empty());
    seeds.iter().for_each(|seed| exercise(seed));
    keep(target, seeds).unwrap();
}

#[test]
fn the_decoder_takes_its_seeds() {
    // Each message behind its length in one byte.
    let row = |messages: &[Vec<u8>]| {
        let framed = messages.iter().map(|m| [&[m.len() as u8], &m[..]].concat());
        framed.collect::<Vec<_>>().concat()
    };
    let seeds: Vec<_> = messages().chunks(40).map(row).collect();
    check("itch50_decode", itch50::harness::exercise, &seeds);
    check("iex", iex::harness::exercise, &iex::harness::seeds());
    check("mdp3", mdp3::harness::exercise, &mdp3::harness::seeds());
    let seeds = nasdaq_bbo::harness::seeds();
    check("nasdaq_bbo", nasdaq_bbo::harness::exercise, &seeds);
    check("pitch", pitch::harness::exercise, &pitch::harness::seeds());
}

/// The day in MoldUDP64.
fn moldudp64_packets() -> Vec<Vec<u8>> {
    let mut builder = PacketBuilder::new(Session(*b"20191230A "), 1, 1_472);
    let mut packets = vec![
        builder.heartbeat().to_vec(),
        builder.end_of_session().to_vec(),
    ];
    for packet in messages().chunks(12) {
        for message in packet {
            builder.push(message).unwrap();
        }
        builder.finish(|packet| packets.push(packet.to_vec()));
    }
    packets
}

/// The day in PITCH.
fn pitch_packets() -> Vec<Vec<u8>> {
    let mut flow = PitchFlow::new(OrderFlow::new(FlowOptions {
        symbols: 3,
        messages: 400,
        orders_max: 24,
        ..FlowOptions::default()
    }));
    let mut builder = pitch::PacketBuilder::new(1, 1, 1_472);
    let mut packets = Vec::new();
    while let Some(message) = flow.next().unwrap() {
        builder.push(message.bytes).unwrap();
        builder.finish(|packet| packets.push(packet.to_vec()));
    }
    packets
}

#[test]
fn packets_of_the_transport_are_taken() {
    let mut seeds = moldudp64_packets();
    let request = Request {
        session: Session(*b"20191230A "),
        sequence: 7,
        count: 3,
    };
    seeds.push(request.encode().to_vec());
    check("moldudp64", harness::moldudp64, &seeds);
}

#[test]
fn packets_of_every_feed_are_told_apart() {
    let mut iex_packets = Vec::new();
    for protocol in [iex::TOPS, iex::DEEP, iex::DEEP_PLUS] {
        let mut builder = iex::PacketBuilder::new(protocol, 1, 7, 1, 1_472);
        for kind in iex::messages::TYPES {
            let length = iex::messages::LENGTHS[usize::from(*kind)];
            let mut message = vec![b' '; length.into()];
            message[0] = *kind;
            builder.push(&message).unwrap();
            builder.finish(1, |packet| iex_packets.push(packet.to_vec()));
        }
    }
    // Each packet behind its length in two bytes.
    let row = |packets: &[Vec<u8>]| {
        let framed = packets
            .iter()
            .map(|packet| [&(packet.len() as u16).to_le_bytes()[..], packet].concat());
        framed.collect::<Vec<_>>().concat()
    };
    let seeds: Vec<_> = [
        moldudp64_packets(),
        pitch_packets(),
        iex_packets,
        mdp3::harness::seeds(),
    ]
    .iter()
    .flat_map(|packets| packets.chunks(12).map(row))
    .collect();
    check("detect", detect::harness::exercise, &seeds);
}

#[test]
fn schedules_are_taken() {
    let seeds: Vec<_> = (1..=24)
        .map(|n| drawn(n, 3 + 4 * 12 * n as usize))
        .collect();
    check("channel", harness::channel, &seeds);
    // Its own tests run such by the thousand.
    let seeds: Vec<_> = (1..=24).map(|n| drawn(n, 200 * n as usize)).collect();
    check("recovery", |_| (), &seeds);
}

#[test]
fn sessions_are_taken() {
    let accepted = LoginAccepted {
        session: SessionName::new("20191230A").unwrap(),
        next_sequence: 1,
    };
    let mut packets = vec![Packet::LoginAccepted(accepted), Packet::ServerHeartbeat];
    let messages = messages();
    packets.extend(
        messages
            .iter()
            .take(30)
            .map(|message| Packet::Sequenced(message)),
    );
    packets.push(Packet::EndOfSession);
    let mut whole = Vec::new();
    for packet in &packets {
        packet.write(&mut whole).unwrap();
    }
    // The first byte chooses the side and how the rest is cut.
    let seeds: Vec<_> = (0..9)
        .map(|choice| [&[choice], &whole[..]].concat())
        .collect();
    check("soupbintcp", soupbintcp::harness::exercise, &seeds);
    let seeds = pitch::session::harness::seeds();
    check("pitch_session", pitch::session::harness::exercise, &seeds);
}
