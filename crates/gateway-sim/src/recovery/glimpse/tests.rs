//! What a client meets, one fault a test.

#![allow(clippy::unwrap_used)]

use gateway_feed::itch50::glimpse::{GlimpseClient, GlimpseConfig, GlimpseEvent};
use gateway_feed::moldudp64::Session;
use proptest::prelude::*;

use super::super::counts::GlimpseCounts;
use super::*;
use crate::flow::{FlowOptions, OrderFlow};
use crate::venue::Venue;

const SECOND: u64 = 1_000_000_000;

fn options(faults: GlimpseFaults) -> GlimpseOptions {
    GlimpseOptions {
        credentials: Credentials::new("glimps", "glimpse").unwrap(),
        session: None,
        faults,
        seed: 1,
        number: 0,
    }
}

fn venue(messages: u64) -> Venue {
    let venue = Venue::new(0);
    let mut flow = OrderFlow::new(FlowOptions {
        messages: 0,
        symbols: 10,
        ..FlowOptions::default()
    });
    let mut ledger = venue.lock();
    ledger.begin(Session(*b"GWSIM00001"), 1);
    for sequence in 1..=messages {
        ledger.add(sequence, flow.next().unwrap().bytes);
    }
    drop(ledger);
    venue
}

/// Lets a client talk to a connection until one of them hangs up or half a minute is over; what the client was told,
/// the messages apart from the rest.
fn talk(
    connection: &mut GlimpseConnection,
    config: GlimpseConfig,
    venue: &Venue,
) -> (Vec<Vec<u8>>, Vec<String>) {
    let mut client = GlimpseClient::new(config, 0);
    let (mut messages, mut told) = (Vec::new(), Vec::new());
    let mut now_ns = 0;
    while now_ns < 30 * SECOND {
        let mut events = |event: GlimpseEvent<'_>| match event {
            GlimpseEvent::Message(message) => messages.push(message.to_vec()),
            other => told.push(format!("{other:?}")),
        };
        connection.on_bytes(now_ns, client.output(), venue);
        client.sent(usize::MAX);
        connection.on_time(now_ns, venue);
        while !connection.output().is_empty() {
            let length = connection.output().len();
            client.on_bytes(now_ns, connection.output(), &mut events);
            connection.sent(length);
        }
        if connection.is_over() {
            client.on_disconnect(&mut events);
        }
        client.on_time(now_ns, &mut events);
        if client.is_done() && client.output().is_empty() {
            break;
        }
        now_ns += SECOND / 20;
    }
    (messages, told)
}

/// A connection of a server with `faults`, and the account of it.
fn visit(faults: GlimpseFaults, venue: &Venue) -> (Vec<Vec<u8>>, String, GlimpseCounts) {
    let mut connection = GlimpseServer::new(options(faults)).connect(0);
    let config = GlimpseConfig::new(options(faults).credentials);
    let (messages, mut told) = talk(&mut connection, config, venue);
    let mut counts = GlimpseCounts::default();
    connection.account(&mut counts);
    (messages, told.pop().unwrap_or_default(), counts)
}

#[test]
fn a_client_gets_the_state_of_the_moment_and_where_to_go_on() {
    let venue = venue(5_000);
    let (messages, end, counts) = visit(GlimpseFaults::default(), &venue);
    let expected: Vec<Vec<u8>> = {
        let snapshot = venue.lock().state.snapshot();
        snapshot.messages().map(<[u8]>::to_vec).collect()
    };
    assert_eq!(messages, expected);
    let count = messages.len();
    assert!(count > 1_000);
    assert_eq!(
        end,
        format!("Complete {{ next_sequence: 5001, messages: {count} }}")
    );
    assert_eq!(
        counts,
        GlimpseCounts {
            accepted: 1,
            complete: 1,
            messages: count as u64 + 1,
            ..GlimpseCounts::default()
        }
    );
}

#[test]
fn a_snapshot_of_nothing_is_a_snapshot() {
    let (messages, end, _) = visit(GlimpseFaults::default(), &venue(0));
    assert_eq!(messages.len(), 0);
    assert_eq!(end, "Complete { next_sequence: 1, messages: 0 }");
}

#[test]
fn strangers_and_those_who_want_another_session_are_refused() {
    let venue = venue(100);
    let mut counts = GlimpseCounts::default();
    let mut server = GlimpseServer::new(options(GlimpseFaults::default()));
    let mut visit = |config| {
        let mut connection = server.connect(0);
        let (_, mut told) = talk(&mut connection, config, &venue);
        connection.account(&mut counts);
        told.pop().unwrap()
    };
    let right = Credentials::new("GLIMPS", "glimpse").unwrap();
    let wrong = Credentials::new("glimps", "wrong").unwrap();
    let session = |name| SessionName::new(name).unwrap();
    let told = visit(GlimpseConfig::new(wrong));
    assert_eq!(told, "Failed(Session(Rejected(NotAuthorized)))");
    let told = visit(GlimpseConfig {
        session: session("ANOTHER"),
        ..GlimpseConfig::new(right)
    });
    assert_eq!(told, "Failed(Session(Rejected(SessionNotAvailable)))");
    let told = visit(GlimpseConfig {
        session: session("GWSIM00001"),
        ..GlimpseConfig::new(right)
    });
    assert!(told.starts_with("Complete"), "{told}");
    assert_eq!(
        (counts.not_authorized, counts.session_not_available),
        (1, 1)
    );
    assert_eq!((counts.accepted, counts.complete), (1, 1));
    assert_eq!(counts.accounted(), 3);
}

#[test]
fn each_fault_is_what_its_name_says() {
    let venue = venue(2_000);
    let whole = venue.lock().state.snapshot().len() as usize;
    let with = |set: fn(&mut GlimpseFaults)| {
        let mut faults = GlimpseFaults::default();
        set(&mut faults);
        let (messages, end, counts) = visit(faults, &venue);
        assert_eq!(counts.accounted(), 1);
        assert_eq!(counts.accepted_accounted(), counts.accepted);
        (messages.len(), end, counts)
    };
    let (messages, end, counts) = with(|faults| faults.silent_first = 1);
    assert_eq!((messages, counts.silent), (0, 1));
    assert_eq!(end, "Failed(Session(Silence(15000000000)))");
    let (messages, end, counts) = with(|faults| faults.refuse = 1.0);
    assert_eq!((messages, counts.refused), (0, 1));
    assert_eq!(end, "Failed(Session(Rejected(NotAuthorized)))");
    let (messages, end, counts) = with(|faults| faults.drop_first = 1);
    assert!((1..whole).contains(&messages), "{messages}");
    assert_eq!(end, "Failed(Session(PeerClosed))");
    assert_eq!((counts.dropped, counts.messages), (1, messages as u64));
    let (messages, end, counts) = with(|faults| faults.stall = 1.0);
    assert!((1..whole).contains(&messages), "{messages}");
    assert_eq!(end, "Failed(Session(Silence(15000000000)))");
    assert_eq!(counts.stalled, 1);
    let (messages, end, counts) = with(|faults| faults.garbage = 1.0);
    assert!((1..whole).contains(&messages), "{messages}");
    assert_eq!(end, "Failed(Session(Packet(Empty)))");
    assert_eq!(counts.sent_garbage, 1);
    let (messages, end, counts) = with(|faults| faults.wrong_end = 1.0);
    assert_eq!(messages, whole);
    assert!(
        end.starts_with("Complete { next_sequence: 1002001,"),
        "{end}"
    );
    assert_eq!(counts.sent_wrong_end, 1);
    // 80 messages a second: some fifty take more than half a second, and no heartbeat is wanted meanwhile.
    let (messages, end, _) = with(|faults| faults.messages_per_s = Some(80.0));
    assert!(end.starts_with("Complete") || messages < whole, "{end}");
}

#[test]
fn who_leaves_before_the_end_has_given_up() {
    let venue = venue(2_000);
    let faults = GlimpseFaults {
        messages_per_s: Some(10.0),
        ..GlimpseFaults::default()
    };
    let mut connection = GlimpseServer::new(options(faults)).connect(0);
    let mut client = GlimpseClient::new(GlimpseConfig::new(options(faults).credentials), 0);
    connection.on_bytes(0, client.output(), &venue);
    client.sent(usize::MAX);
    connection.on_time(0, &venue);
    connection.sent(usize::MAX);
    let logout = b"\x00\x01O";
    connection.on_bytes(SECOND, logout, &venue);
    assert!(connection.is_over());
    let mut counts = GlimpseCounts::default();
    connection.account(&mut counts);
    assert_eq!((counts.accepted, counts.given_up), (1, 1));
}

proptest! {
    #[test]
    fn every_connection_is_accounted_for(seed: u64, rates in prop::array::uniform6(0.0..0.5)) {
        let [silent, refuse, drop, stall, garbage, wrong_end] = rates;
        let faults = GlimpseFaults {
            silent, refuse, drop, stall, garbage, wrong_end, ..GlimpseFaults::default()
        };
        let venue = venue(300);
        let run = || {
            let mut server = GlimpseServer::new(GlimpseOptions { seed, ..options(faults) });
            let mut counts = GlimpseCounts::default();
            let mut told = Vec::new();
            for _ in 0..10 {
                let mut connection = server.connect(0);
                counts.connections += 1;
                let config = GlimpseConfig::new(options(faults).credentials);
                told.push(talk(&mut connection, config, &venue));
                connection.account(&mut counts);
            }
            (told, counts)
        };
        let (told, counts) = run();
        prop_assert_eq!(counts.accounted(), counts.connections);
        prop_assert_eq!(counts.accepted_accounted(), counts.accepted);
        let whole = told.iter().filter(|(_, told)| told.iter().any(|told| told.starts_with("Complete")));
        prop_assert_eq!(whole.count() as u64, counts.complete + counts.sent_wrong_end);
        prop_assert_eq!(run(), (told, counts));
    }
}
