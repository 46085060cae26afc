//! Sessions by the specification's cases, and over connections that cut the bytes anywhere.

#![allow(clippy::unwrap_used)]

use proptest::collection::vec;
use proptest::prelude::*;

use super::harness::{Doorkeeper, Told, check, client, credentials, exercise, glimpse, told};
use super::*;

const SECOND: Nanos = 1_000_000_000;

fn bytes_of(packets: &[Packet<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for packet in packets {
        packet.write(&mut bytes).unwrap();
    }
    bytes
}

fn name(text: &str) -> SessionName {
    SessionName::new(text).unwrap()
}

fn accepted(session: &str, next_sequence: u64) -> Packet<'static> {
    Packet::LoginAccepted(LoginAccepted {
        session: name(session),
        next_sequence,
    })
}

#[test]
fn packets_have_the_layout_of_the_specification() {
    let request = LoginRequest {
        credentials: credentials(),
        session: name("S1"),
        sequence: 42,
    };
    for (packet, bytes) in [
        (Packet::Debug(b"hi"), &b"\x00\x03+hi"[..]),
        (
            accepted("20191230A", u64::MAX),
            b"\x00\x1fA 20191230A18446744073709551615",
        ),
        (
            Packet::LoginRejected(RejectReason::NotAuthorized),
            b"\x00\x02JA",
        ),
        (
            Packet::LoginRejected(RejectReason::SessionNotAvailable),
            b"\x00\x02JS",
        ),
        (Packet::Sequenced(b""), b"\x00\x01S"),
        (Packet::Sequenced(b"abc"), b"\x00\x04Sabc"),
        (Packet::ServerHeartbeat, b"\x00\x01H"),
        (Packet::EndOfSession, b"\x00\x01Z"),
        (
            Packet::LoginRequest(request),
            b"\x00\x2fLgate  secret    S1                          42",
        ),
        (Packet::Unsequenced(b"x"), b"\x00\x02Ux"),
        (Packet::ClientHeartbeat, b"\x00\x01R"),
        (Packet::LogoutRequest, b"\x00\x01O"),
    ] {
        assert_eq!(bytes_of(&[packet]), bytes, "{packet:?}");
        assert_eq!(Packet::parse(bytes[2], &bytes[3..]), Ok(packet));
    }
}

#[test]
fn numbers_may_be_padded_with_spaces_or_zeros_and_must_fit() {
    let read = |text: &[u8; 20]| read_number(text);
    assert_eq!(read(b"                   7"), Some(7));
    assert_eq!(read(b"00000000000000000007"), Some(7));
    assert_eq!(read(b"7                   "), Some(7));
    assert_eq!(read(b"18446744073709551615"), Some(u64::MAX));
    assert_eq!(read(b"18446744073709551616"), None);
    assert_eq!(read(b"99999999999999999999"), None);
    assert_eq!(read(b"                    "), None);
    assert_eq!(read(b"                 1 2"), None);
    assert_eq!(read(b"                  -1"), None);
    assert_eq!(read(b"                  +1"), None);
    assert_eq!(write_number(0), *b"                   0");
    assert_eq!(write_number(u64::MAX), *b"18446744073709551615");
}

#[test]
fn names_and_credentials_say_what_is_wrong_with_them_but_no_password() {
    assert_eq!(name("AB"), SessionName::from_wire(*b"AB        "));
    assert_eq!(name("AB"), SessionName::from_wire(*b"    AB    "));
    assert_eq!(name("A B").to_string(), "A B");
    assert!(SessionName::new("12345678901").is_err());
    assert!(SessionName::new("").is_err());
    assert!(SessionName::new("é").is_err());
    assert_eq!(
        Credentials::new("GATE", "Secret").unwrap(),
        credentials(),
        "case says nothing"
    );
    let error = Credentials::new("gate", "much too secret").unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
    assert!(!format!("{:?}", credentials()).contains("secret"));
    let error = Credentials::new("gateway", "x").unwrap_err();
    assert_eq!(
        error.to_string(),
        "a username has 1 to 6 printable ASCII characters, not 7 bytes of \"gateway\""
    );
}

#[test]
fn what_is_no_packet_ends_the_session_with_its_reason() {
    let reason = |bytes: &[u8]| match client(bytes, &[]).pop() {
        Some(Told::Closed(reason)) => Some(reason),
        _ => None,
    };
    assert_eq!(
        reason(b"\x00\x00"),
        Some(CloseReason::Packet(PacketError::Empty))
    );
    assert_eq!(
        reason(b"\x00\x01q"),
        Some(CloseReason::Packet(PacketError::UnknownType(b'q')))
    );
    assert_eq!(
        reason(b"\x00\x02HH"),
        Some(CloseReason::Packet(PacketError::Length {
            packet_type: b'H',
            expected: 0,
            found: 1
        }))
    );
    assert_eq!(
        reason(b"\x00\x1fA 20191230A                   ?"),
        Some(CloseReason::Packet(PacketError::Number {
            packet_type: b'A'
        }))
    );
    for early in [
        &b"\x00\x04Sabc"[..],
        b"\x00\x01Z",
        b"\x00\x02Ux",
        b"\x00\x01R",
    ] {
        assert_eq!(reason(early), Some(CloseReason::Unexpected(early[2])));
    }
    let twice = bytes_of(&[accepted("S", 1), accepted("S", 1)]);
    assert_eq!(reason(&twice), Some(CloseReason::Unexpected(b'A')));
    let last = bytes_of(&[
        accepted("S", u64::MAX - 1),
        Packet::Sequenced(b"a"),
        Packet::Sequenced(b"b"),
    ]);
    assert_eq!(reason(&last), Some(CloseReason::SequenceOverflow));
    let mut small = Reassembler::new(9);
    assert_eq!(
        small.next(&mut &b"\x00\x0bS"[..]),
        Err(PacketError::TooLong {
            length: 11,
            limit: 10
        })
    );
}

#[test]
fn a_client_is_let_in_or_told_why_not() {
    let reason = |reason| bytes_of(&[Packet::LoginRejected(reason)]);
    for refusal in [
        RejectReason::NotAuthorized,
        RejectReason::SessionNotAvailable,
        RejectReason::Other(b'?'),
    ] {
        assert_eq!(
            client(&reason(refusal), &[]),
            [Told::Closed(CloseReason::Rejected(refusal))]
        );
    }
    let config = ClientConfig {
        session: name("WANTED"),
        ..ClientConfig::new(credentials())
    };
    let mut log = Vec::new();
    Client::new(config, 0).on_bytes(1, &bytes_of(&[accepted("OTHER", 1)]), &mut |event| {
        log.push(told(event));
    });
    let closed = CloseReason::OtherSession {
        asked: name("WANTED"),
        found: name("OTHER"),
    };
    assert_eq!(log, [Told::Closed(closed)]);
}

#[test]
fn each_side_sends_a_heartbeat_a_second_after_it_last_sent() {
    let mut client = Client::new(ClientConfig::new(credentials()), 0);
    let mut server = Server::new(ServerConfig::default(), 0);
    let mut doorkeeper = Doorkeeper::default();
    let mut log = Vec::new();
    server.on_bytes(0, client.output(), &mut doorkeeper);
    client.sent(usize::MAX);
    client.on_bytes(0, server.output(), &mut |event| log.push(told(event)));
    server.sent(usize::MAX);
    assert!(server.is_logged_in());

    server.send(SECOND / 2, b"m").unwrap();
    assert_eq!(server.next_deadline(), Some(SECOND + SECOND / 2));
    server.sent(usize::MAX);
    for (side, due) in [
        (client.next_deadline(), SECOND),
        (server.next_deadline(), SECOND + SECOND / 2),
    ] {
        assert_eq!(side, Some(due));
    }
    client.on_time(SECOND - 1, &mut |event| log.push(told(event)));
    assert_eq!(client.output(), b"");
    client.on_time(SECOND, &mut |event| log.push(told(event)));
    assert_eq!(client.output(), b"\x00\x01R");
    server.on_time(2 * SECOND, &mut doorkeeper);
    assert_eq!(server.output(), b"\x00\x01H");
    // What the peer does not take is not added to, however long it takes.
    client.on_time(2 * SECOND, &mut |event| log.push(told(event)));
    assert_eq!(client.output(), b"\x00\x01R");
    assert_eq!(client.next_deadline(), Some(3 * SECOND));
    check(&log);
}

#[test]
fn a_silent_peer_is_given_up_after_fifteen_seconds_and_told_once() {
    let mut client = Client::new(ClientConfig::new(credentials()), 0);
    let mut log = Vec::new();
    let hello = bytes_of(&[accepted("S", 1)]);
    client.on_bytes(SECOND, &hello, &mut |event| log.push(told(event)));
    client.sent(usize::MAX);
    while let Some(deadline) = client.next_deadline() {
        client.on_time(deadline, &mut |event| log.push(told(event)));
        client.sent(usize::MAX);
        assert!(deadline <= 16 * SECOND);
    }
    client.on_time(99 * SECOND, &mut |event| log.push(told(event)));
    client.on_disconnect(&mut |event| log.push(told(event)));
    let closed = Told::Closed(CloseReason::Silence(SILENCE_TIMEOUT_NS));
    assert_eq!(log, [Told::Accepted(name("S"), 1), closed]);

    let mut server = Server::new(ServerConfig::default(), 0);
    let mut doorkeeper = Doorkeeper::default();
    let login = Client::new(ClientConfig::new(credentials()), 0);
    server.on_bytes(0, login.output(), &mut doorkeeper);
    while let Some(deadline) = server.next_deadline() {
        server.sent(usize::MAX);
        server.on_time(deadline, &mut doorkeeper);
    }
    assert_eq!(
        doorkeeper.told.last(),
        Some(&Told::Closed(CloseReason::Silence(SILENCE_TIMEOUT_NS)))
    );
}

#[test]
fn heartbeats_alone_are_no_answer_to_a_login_and_no_login() {
    let mut client = Client::new(ClientConfig::new(credentials()), 0);
    let mut log = Vec::new();
    let heartbeat = bytes_of(&[Packet::ServerHeartbeat]);
    for second in 1..=15 {
        client.on_bytes(second * SECOND - 1, &heartbeat, &mut |event| {
            log.push(told(event));
        });
        client.on_time(second * SECOND, &mut |event| log.push(told(event)));
    }
    let closed = CloseReason::LoginTimeout(SILENCE_TIMEOUT_NS);
    assert_eq!(log, [Told::Closed(closed)]);

    let mut server = Server::new(ServerConfig::default(), 0);
    let mut doorkeeper = Doorkeeper::default();
    assert_eq!(server.next_deadline(), Some(LOGIN_TIMEOUT_NS));
    let heartbeat = bytes_of(&[Packet::ClientHeartbeat]);
    server.on_bytes(LOGIN_TIMEOUT_NS - 1, &heartbeat, &mut doorkeeper);
    server.on_time(LOGIN_TIMEOUT_NS, &mut doorkeeper);
    let closed = CloseReason::LoginTimeout(LOGIN_TIMEOUT_NS);
    assert_eq!(doorkeeper.told, [Told::Closed(closed)]);
    assert_eq!(server.output(), b"", "who is not in gets no heartbeats");
}

#[test]
fn a_session_ends_in_order_from_either_side() {
    let mut client = Client::new(ClientConfig::new(credentials()), 0);
    let mut server = Server::new(ServerConfig::default(), 0);
    let mut doorkeeper = Doorkeeper::default();
    let mut log = Vec::new();
    server.on_bytes(0, client.output(), &mut doorkeeper);
    client.sent(usize::MAX);
    client.send(0, b"question").unwrap();
    assert_eq!(client.output(), b"", "not before the login is answered");
    client.on_bytes(0, server.output(), &mut |event| log.push(told(event)));
    server.sent(usize::MAX);
    client.send(0, b"question").unwrap();
    client.logout(0, &mut |event| log.push(told(event)));
    assert_eq!(client.output(), b"\x00\x09Uquestion\x00\x01O");
    server.on_bytes(0, client.output(), &mut doorkeeper);
    assert_eq!(
        doorkeeper.told[1..],
        [
            Told::Unsequenced(b"question".to_vec()),
            Told::Closed(CloseReason::LoggedOut)
        ]
    );
    assert_eq!(log[1..], [Told::Closed(CloseReason::LoggedOut)]);
    assert_eq!(server.send(0, b"late"), Ok(None));

    let mut server = Server::new(ServerConfig::default(), 0);
    let login = Client::new(ClientConfig::new(credentials()), 0);
    let mut doorkeeper = Doorkeeper::default();
    server.on_bytes(0, login.output(), &mut doorkeeper);
    server.sent(usize::MAX);
    assert_eq!(server.send(0, b"last"), Ok(Some(1)));
    server.end_session(0, &mut doorkeeper);
    assert_eq!(server.output(), b"\x00\x05Slast\x00\x01Z");
    assert!(server.is_closed());
}

#[test]
fn a_refused_client_is_told_so_and_heard_no_more() {
    let stranger = ClientConfig::new(Credentials::new("who", "knows").unwrap());
    let mut server = Server::new(ServerConfig::default(), 0);
    let mut doorkeeper = Doorkeeper::default();
    let mut bytes = Client::new(stranger, 0).output().to_vec();
    bytes.extend(bytes_of(&[Packet::Unsequenced(b"hello?")]));
    server.on_bytes(0, &bytes, &mut doorkeeper);
    assert_eq!(server.output(), b"\x00\x02JA");
    let closed = CloseReason::Rejected(RejectReason::NotAuthorized);
    assert_eq!(doorkeeper.told, [Told::Closed(closed)]);
}

#[test]
fn a_payload_beyond_the_length_field_is_refused() {
    let mut bytes = Vec::new();
    let longest = vec![7; PAYLOAD_BYTES_MAX];
    Packet::Sequenced(&longest).write(&mut bytes).unwrap();
    let mut stream = Reassembler::new(PAYLOAD_BYTES_MAX);
    assert_eq!(stream.next(&mut &bytes[..]), Ok(Some((b'S', &longest[..]))));
    let before = bytes.clone();
    let error = Packet::Sequenced(&[7; PAYLOAD_BYTES_MAX + 1]).write(&mut bytes);
    assert!(matches!(error, Err(PacketError::TooLong { .. })));
    assert_eq!(bytes, before);
}

/// Packets that a server may send, in an order that makes sense more often than not.
fn server_packets() -> impl Strategy<Value = Vec<u8>> {
    let message = || vec(any::<u8>(), 0..40);
    let packet = prop_oneof![
        8 => message().prop_map(|message| bytes_of(&[Packet::Sequenced(&message)])),
        2 => Just(bytes_of(&[Packet::ServerHeartbeat])),
        1 => message().prop_map(|text| bytes_of(&[Packet::Debug(&text)])),
        1 => message().prop_map(|text| bytes_of(&[Packet::Unsequenced(&text)])),
        1 => message(),
    ];
    let login = prop_oneof![
        9 => (any::<u64>()).prop_map(|number| bytes_of(&[accepted("S", number)])),
        9 => Just(bytes_of(&[accepted("S", 1)])),
        1 => Just(bytes_of(&[Packet::LoginRejected(RejectReason::SessionNotAvailable)])),
    ];
    let end = prop_oneof![
        Just(bytes_of(&[Packet::EndOfSession])),
        Just(b"\x00\x16SG                 123".to_vec()),
        Just(Vec::new())
    ];
    (login, vec(packet, 0..30), end)
        .prop_map(|(login, packets, end)| [login, packets.concat(), end].concat())
}

proptest! {
    #[test]
    fn any_fragmentation_of_the_stream_gives_the_same_events(
        bytes in server_packets(),
        cuts in vec(1_usize..90, 1..20),
    ) {
        for side in [client, glimpse] {
            let whole = side(&bytes, &[]);
            check(&whole);
            prop_assert_eq!(side(&bytes, &cuts), whole);
        }
    }

    #[test]
    fn any_bytes_keep_every_promise(script in vec(any::<u8>(), 0..300)) {
        exercise(&script);
    }

    /// A server's messages come to a client as they are, however the network cuts them and whatever is in them.
    #[test]
    fn what_a_server_sends_is_what_its_client_gets(
        first: u32,
        messages in vec(vec(any::<u8>(), 0..200), 0..30),
        cuts in vec(1_usize..300, 1..10),
    ) {
        let config = ClientConfig { sequence: first.into(), ..ClientConfig::new(credentials()) };
        let mut client = Client::new(config, 0);
        let mut server = Server::new(ServerConfig::default(), 0);
        let mut doorkeeper = Doorkeeper::default();
        let mut log = Vec::new();
        let mut cuts = cuts.iter().cycle();
        let mut cut = move |length: usize| cuts.next().map_or(length, |cut| length.min(*cut));
        while !client.output().is_empty() {
            let length = cut(client.output().len());
            server.on_bytes(0, &client.output()[..length], &mut doorkeeper);
            client.sent(length);
        }
        for (number, message) in (u64::from(first)..).zip(&messages) {
            prop_assert_eq!(server.send(0, message), Ok(Some(number)));
        }
        server.end_session(0, &mut doorkeeper);
        while !server.output().is_empty() {
            let length = cut(server.output().len());
            client.on_bytes(0, &server.output()[..length], &mut |event| log.push(told(event)));
            server.sent(length);
        }
        let mut expected = vec![Told::Accepted(SessionName::CURRENT, first.into())];
        expected.extend(
            (u64::from(first)..).zip(messages).map(|(number, message)| Told::Sequenced(number, message)),
        );
        expected.push(Told::Closed(CloseReason::EndOfSession));
        prop_assert_eq!(log, expected);
    }
}
