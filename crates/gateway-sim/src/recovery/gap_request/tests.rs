//! A proxy that is talked to byte by byte.

#![allow(clippy::unwrap_used)]

use std::io;

use gateway_feed::moldudp64::Session;
use gateway_feed::pitch::PitchUnit;
use gateway_feed::pitch::session::{Client, ClientEvent};
use gateway_feed::transport::Transport;

use super::*;

/// A line that keeps what is sent.
#[derive(Clone, Default)]
struct Tape(Arc<Mutex<Vec<Vec<u8>>>>);

impl Transmit for Tape {
    fn send(&mut self, packets: &[Outgoing]) -> (usize, io::Result<()>) {
        let mut tape = self.0.lock().unwrap();
        tape.extend(packets.iter().map(|packet| packet.payload.to_vec()));
        (packets.len(), Ok(()))
    }
}

fn credentials(password: &str) -> Credentials {
    Credentials::new("0001", "FIRM", password).unwrap()
}

fn options() -> GapRequestOptions {
    GapRequestOptions {
        credentials: credentials("secret"),
        unit: 3,
        history_messages: 50,
        request_messages_max: 20,
        packet_bytes_max: 40,
    }
}

/// A venue that has sent messages 1 to 100, each its own number.
fn venue() -> Venue {
    let venue = Venue::new(1_000);
    let mut ledger = venue.lock();
    ledger.begin(Session([b' '; 10]), 1);
    for number in 1..=100_u64 {
        ledger.add(number, &[0x29, number as u8, 0, 0, 0]);
    }
    drop(ledger);
    venue
}

/// What a client that asks `requests` hears, what is on each line, and the counts.
fn ask(
    password: &str,
    requests: &[GapRequest],
) -> (Vec<GapStatus>, Vec<Vec<u8>>, GapRequestCounts) {
    let tapes = [Tape::default(), Tape::default()];
    let lines = tapes
        .iter()
        .map(|tape| Box::new(tape.clone()) as Box<dyn Transmit + Send>);
    let mut server = GapRequestServer::new(options(), GapLines::new(lines.collect()));
    let mut connection = server.connect(0);
    let mut client = Client::new(credentials(password), 0);
    let venue = venue();
    let mut heard = Vec::new();
    for request in [None].into_iter().chain(requests.iter().map(Some)) {
        if let Some(request) = request {
            client.send(0, &request.encode());
        }
        connection.on_bytes(0, client.output(), &venue);
        client.sent(usize::MAX);
        client.on_bytes(0, connection.output(), &mut |event| {
            if let ClientEvent::Message(message) = event {
                heard.push(GapResponse::parse(message).unwrap().status);
            }
        });
        connection.sent(usize::MAX);
    }
    let [a, b] = tapes.map(|tape| tape.0.lock().unwrap().clone());
    assert_eq!(a, b, "each line has each packet");
    let mut counts = GapRequestCounts::default();
    GapRequestServer::settle(&connection, false, &mut counts);
    (heard, a, counts)
}

fn request(sequence: u32, count: u16) -> GapRequest {
    GapRequest {
        unit: 3,
        sequence,
        count,
    }
}

#[test]
fn what_is_asked_for_is_sent_on_every_line_under_its_numbers() {
    let (heard, packets, counts) = ask("secret", &[request(60, 20)]);
    assert_eq!(heard, [GapStatus::Accepted]);
    let mut all = Vec::new();
    for packet in &packets {
        assert!(packet.len() <= 40);
        let frame = PitchUnit::frame(packet).unwrap();
        assert_eq!(frame.session.to_string(), "unit003");
        PitchUnit::walk(&frame, 0, |number, message| {
            assert_eq!(u64::from(message[1]), number);
            all.push(number);
        });
    }
    assert_eq!(all, Vec::from_iter(60..80));
    assert_eq!((counts.requests, counts.messages_answered), (1, 20));
    assert_eq!(counts.packets, packets.len() as u64);
}

#[test]
fn what_cannot_be_had_is_refused_with_the_reason() {
    let other = GapRequest {
        unit: 4,
        ..request(60, 1)
    };
    let requests = [
        request(50, 5),
        request(95, 7),
        request(0, 1),
        request(u32::MAX, 20),
        request(60, 0),
        request(60, 21),
        other,
    ];
    let (heard, packets, counts) = ask("secret", &requests);
    let far = [GapStatus::OutOfRange; 5];
    let rest = [GapStatus::TooMany, GapStatus::InvalidUnit];
    assert_eq!(heard, [&far[..], &rest].concat());
    assert!(packets.is_empty());
    assert_eq!(
        (
            counts.out_of_range,
            counts.too_many_messages,
            counts.other_unit
        ),
        (5, 1, 1)
    );
}

#[test]
fn who_has_another_password_is_not_let_in() {
    let (heard, packets, counts) = ask("wrong", &[request(60, 1)]);
    assert!(heard.is_empty() && packets.is_empty());
    assert_eq!((counts.not_authorized, counts.requests), (1, 0));
}
