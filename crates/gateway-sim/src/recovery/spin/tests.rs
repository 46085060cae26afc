//! A spin server that is talked to byte by byte.

#![allow(clippy::unwrap_used)]

use gateway_feed::moldudp64::Session;
use gateway_feed::pitch::session::{SpinClient, SpinEvent};

use super::*;
use crate::flow::{FlowOptions, OrderFlow, PitchFlow};
use crate::source::Source;

fn credentials(password: &str) -> Credentials {
    Credentials::new("0001", "FIRM", password).unwrap()
}

fn server() -> SpinServer {
    SpinServer::new(SpinOptions {
        credentials: credentials("secret"),
        offer_ns: None,
    })
}

/// A venue that has published the first `messages` messages of a day.
fn venue(messages: u64) -> Venue {
    let venue = Venue::new(1_000);
    let mut flow = PitchFlow::new(OrderFlow::new(FlowOptions {
        symbols: 20,
        messages: 30_000,
        ..FlowOptions::default()
    }));
    let mut ledger = venue.lock();
    ledger.begin(Session([b' '; 10]), 1);
    for number in 1..=messages {
        let message = flow.next().unwrap().unwrap();
        ledger.add(number, message.bytes);
    }
    drop(ledger);
    venue
}

/// Talks until nothing more is said; what the client heard.
fn talk(
    connection: &mut SpinConnection,
    client: &mut SpinClient,
    venue: &Venue,
    now_ns: u64,
) -> Vec<String> {
    let mut heard = Vec::new();
    loop {
        connection.on_bytes(now_ns, client.output(), venue);
        client.sent(usize::MAX);
        connection.on_time(now_ns, venue);
        let output = connection.output().to_vec();
        connection.sent(output.len());
        client.on_bytes(now_ns, &output, &mut |event| match event {
            SpinEvent::Message(_) => {}
            other => heard.push(format!("{other:?}")),
        });
        if output.is_empty() && client.output().is_empty() {
            return heard;
        }
    }
}

#[test]
fn an_image_is_offered_once_a_second_and_sent_as_it_was_when_it_was_offered() {
    let venue = venue(5_000);
    let mut connection = server().connect(0);
    let mut client = SpinClient::new(credentials("secret"), 5_001, 0);
    let heard = talk(&mut connection, &mut client, &venue, 0);
    let counts = connection.counts.clone();
    let expected = format!(
        "Complete {{ next_sequence: 5001, messages: {} }}",
        counts.messages
    );
    assert_eq!(heard, [expected]);
    assert!(counts.messages > 500, "{counts:?}");
    assert_eq!((counts.requests, counts.complete), (1, 1));

    // One that wants more than there is waits for the next offer.
    let mut connection = server().connect(0);
    let mut client = SpinClient::new(credentials("secret"), 5_002, 0);
    assert!(talk(&mut connection, &mut client, &venue, 0).is_empty());
    venue.lock().add(5_001, &[0x20, 0, 0, 0, 0]);
    assert!(talk(&mut connection, &mut client, &venue, OFFER_NS - 1).is_empty());
    let heard = talk(&mut connection, &mut client, &venue, OFFER_NS);
    assert!(heard[0].contains("next_sequence: 5002"), "{heard:?}");
}

#[test]
fn who_asks_for_definitions_gets_those_of_no_instrument_and_then_the_image() {
    let venue = venue(1_000);
    let mut connection = server().connect(0);
    let mut client = SpinClient::new(credentials("secret"), 1, 0).with_definitions();
    let mut heard = talk(&mut connection, &mut client, &venue, 0);
    // The offer came before the definitions' end.
    assert!(heard.is_empty(), "{heard:?}");
    heard = talk(&mut connection, &mut client, &venue, OFFER_NS);
    assert!(heard[0].contains("next_sequence: 1001"), "{heard:?}");
    assert_eq!(connection.counts.malformed, 0);
}

#[test]
fn what_was_not_offered_last_is_refused_and_so_is_who_is_not_known() {
    let venue = venue(100);
    let mut connection = server().connect(0);
    let mut stranger = SpinClient::new(credentials("wrong"), 1, 0);
    let heard = talk(&mut connection, &mut stranger, &venue, 0);
    assert!(heard[0].contains("NotAuthorized"), "{heard:?}");
    assert_eq!(connection.counts.not_authorized, 1);

    let mut connection = server().connect(0);
    let mut client = gateway_feed::pitch::session::Client::new(credentials("secret"), 0);
    connection.on_bytes(0, client.output(), &venue);
    client.sent(usize::MAX);
    client.on_bytes(0, connection.output(), &mut |_| ());
    client.send(0, &SpinRequest { sequence: 7 }.encode());
    connection.on_bytes(0, client.output(), &venue);
    assert_eq!(
        (connection.counts.requests, connection.counts.refused),
        (1, 1)
    );
}
