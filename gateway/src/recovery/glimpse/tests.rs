//! Attempts at servers that are none, or bad ones.

#![allow(clippy::unwrap_used)]

use gateway_feed::itch50::encode::SystemEvent;
use gateway_feed::itch50::glimpse::EndOfSnapshot;
use gateway_feed::soupbintcp::{LoginAccepted, Packet, RejectReason, SessionName};
use tokio::net::TcpListener;

use super::*;

/// What a server does with its only connection.
enum Does {
    /// Writes these bytes, then keeps the connection or closes it.
    Writes(Vec<u8>, bool),
    /// Writes these bytes again and again.
    Repeats(Vec<u8>),
    /// Reads, and says nothing.
    Nothing,
}

fn of(packets: &[Packet<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for packet in packets {
        packet.write(&mut bytes).unwrap();
    }
    bytes
}

fn accepted() -> Packet<'static> {
    Packet::LoginAccepted(LoginAccepted {
        session: SessionName::new("GLIMPSE").unwrap(),
        next_sequence: 1,
    })
}

fn server_at(address: SocketAddr) -> SnapshotServer {
    SnapshotServer {
        address,
        credentials: Credentials::new("glimps", "secret").unwrap(),
        way: Way::default(),
        timeout: Duration::from_millis(400),
        bytes_max: 10_000,
    }
}

/// How an attempt ends.
fn attempt(does: Does) -> Result<Fetched, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            match does {
                Does::Writes(bytes, keeps) => {
                    // The login: a connection that is closed with something unread is reset.
                    assert!(stream.read(&mut [0; 100]).await.unwrap() > 0);
                    stream.write_all(&bytes).await.unwrap();
                    if keeps {
                        std::future::pending().await
                    }
                }
                Does::Repeats(bytes) => while stream.write_all(&bytes).await.is_ok() {},
                Does::Nothing => {
                    let mut buffer = [0; 100];
                    while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
                }
            }
        });
        let fetched = fetch(server_at(address)).await;
        serving.abort();
        fetched.map_err(|error| error.to_string())
    })
}

#[test]
fn a_whole_snapshot_is_its_messages_behind_their_lengths_and_where_to_go_on() {
    let event = SystemEvent::default().encode();
    let end = EndOfSnapshot { next_sequence: 78 }.encode();
    let bytes = of(&[
        accepted(),
        Packet::Sequenced(&event),
        Packet::ServerHeartbeat,
        Packet::Sequenced(&event),
        Packet::Sequenced(&end),
    ]);
    for keeps in [true, false] {
        let fetched = attempt(Does::Writes(bytes.clone(), keeps)).unwrap();
        assert_eq!((fetched.sequence, fetched.count), (78, 2));
        let one = [&(event.len() as u16).to_be_bytes()[..], &event].concat();
        assert_eq!(fetched.messages, [&one[..], &one].concat());
    }
}

#[test]
fn whatever_a_server_does_an_attempt_ends_and_says_why() {
    let event = SystemEvent::default().encode();
    let begun = || of(&[accepted(), Packet::Sequenced(&event)]);
    let refused = of(&[Packet::LoginRejected(RejectReason::NotAuthorized)]);
    for (does, why) in [
        (Does::Writes(refused, true), "refused the login"),
        (Does::Writes(begun(), false), "closed the connection"),
        (Does::Writes(begun(), true), "not whole within 400 ms"),
        (Does::Writes(vec![0xFF; 300], true), "broke off"),
        (
            Does::Writes(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), true),
            "broke off",
        ),
        (Does::Nothing, "not whole within 400 ms"),
        (Does::Repeats(vec![0]), "broke off"),
    ] {
        let error = attempt(does).unwrap_err();
        assert!(error.contains(why), "{why}: {error}");
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn a_snapshot_without_an_end_is_given_up_at_its_limit() {
    let event = SystemEvent::default().encode();
    let mut bytes = of(&[accepted()]);
    for _ in 0..10_000 {
        Packet::Sequenced(&event).write(&mut bytes).unwrap();
    }
    let error = attempt(Does::Writes(bytes, true)).unwrap_err();
    assert!(error.contains("raise snapshot_mib_max"), "{error}");
}

#[test]
fn where_nobody_listens_the_attempt_fails_at_once() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let error = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        fetch(server_at(address)).await.unwrap_err()
    });
    assert!(matches!(error, FetchError::Connect(_)), "{error}");
}
