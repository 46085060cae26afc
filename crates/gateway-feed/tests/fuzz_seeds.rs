//! What the fuzz targets begin with: messages and packets of the simulated exchange, and schedules as if drawn.
#![allow(clippy::unwrap_used, reason = "tests")]

use gateway_feed::harness;
use gateway_feed::moldudp64::{PacketBuilder, Session};
use gateway_feed::soupbintcp::{LoginAccepted, Packet, SessionName};
use gateway_feed::{iex, itch50, mdp3, pitch, soupbintcp};
use gateway_sim::flow::{FlowOptions, OrderFlow};
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
    check("pitch", pitch::harness::exercise, &pitch::harness::seeds());
}

#[test]
fn packets_of_the_transport_are_taken() {
    let mut builder = PacketBuilder::new(Session(*b"20191230A "), 1, 1_472);
    let mut seeds = vec![
        builder.heartbeat().to_vec(),
        builder.end_of_session().to_vec(),
    ];
    for packet in messages().chunks(12) {
        for message in packet {
            builder.push(message).unwrap();
        }
        builder.finish(|packet| seeds.push(packet.to_vec()));
    }
    check("moldudp64", harness::moldudp64, &seeds);
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
}
