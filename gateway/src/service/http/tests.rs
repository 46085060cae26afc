#![allow(clippy::unwrap_used)]

use std::cell::Cell;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::service::status::Status;

const PATIENCE: Duration = Duration::from_secs(10);

/// Runs `test` against a server with these limits, at the address that it is given.
fn with_server<T: Future<Output = ()>>(
    limits: Limits,
    test: impl FnOnce(SocketAddr, Arc<Desk>) -> T,
) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let desk = Arc::new(Desk::with_followers(2));
        let router = of_desk(Arc::clone(&desk));
        let test = tokio::time::timeout(PATIENCE, test(address, Arc::clone(&desk)));
        let mut ended = None;
        serve(Listener::Tcp(listener), router, desk, limits, async {
            ended = Some(test.await);
        })
        .await;
        ended.unwrap().unwrap();
    });
}

async fn silent(address: std::net::SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

/// The answer to a request on a connection that is there.
async fn ask(mut stream: TcpStream) -> String {
    let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[test]
fn a_client_that_says_nothing_is_hung_up_on() {
    let limits = Limits {
        lifetime: Duration::from_millis(50),
        ..Limits::default()
    };
    with_server(limits, |address, desk| async move {
        let mut quiet = silent(address).await;
        let mut slow = silent(address).await;
        slow.write_all(b"GET /healthz HT").await.unwrap();
        for stream in [&mut quiet, &mut slow] {
            let mut bytes = Vec::new();
            // The end of the stream, or a reset: what was sent last was not read.
            let _ = stream.read_to_end(&mut bytes).await;
            assert!(bytes.is_empty());
        }
        assert_eq!(desk.status().timeouts, 2);
    });
}

#[test]
fn connections_beyond_the_limit_wait_for_their_turn() {
    let limits = Limits {
        connections: 2,
        lifetime: PATIENCE * 2,
    };
    with_server(limits, |address, _| async move {
        let held = [silent(address).await, silent(address).await];
        let third = tokio::spawn(ask(silent(address).await));
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!third.is_finished(), "served beyond the limit");
        drop(held);
        let answer = third.await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        assert!(answer.ends_with("ok\n"), "{answer}");
    });
}

#[test]
fn a_page_that_calls_the_loopback_address_by_its_own_name_gets_nothing() {
    with_server(Limits::default(), |address, _| async move {
        for (host, expected) in [
            ("evil.example:9464", "HTTP/1.1 421 "),
            ("127.0.0.1:9464", "HTTP/1.1 200 "),
        ] {
            for path in ["/", "/events", "/healthz"] {
                let mut stream = silent(address).await;
                let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
                stream.write_all(request.as_bytes()).await.unwrap();
                assert!(reads(&mut stream, expected).await, "{host}{path}");
            }
        }
    });
}

/// A look at a gateway whose picture has some kilobytes, and how many there were.
fn look(looks: &Cell<usize>) -> Status {
    looks.set(looks.get() + 1);
    Status {
        name: "n".repeat(16 << 10),
        uptime_s: looks.get() as f64,
        pid: 1,
        ..Status::default()
    }
}

async fn follower(address: SocketAddr) -> TcpStream {
    let mut stream = silent(address).await;
    let request = b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(request).await.unwrap();
    stream
}

/// Reads until `words` came; `false` where the stream ended before.
async fn reads(stream: &mut TcpStream, words: &str) -> bool {
    let mut text = String::new();
    let mut bytes = [0; 4096];
    while !text.contains(words) {
        match stream.read(&mut bytes).await {
            Ok(length @ 1..) => text.push_str(&String::from_utf8_lossy(&bytes[..length])),
            _ => return false,
        }
    }
    true
}

#[test]
fn a_follower_that_reads_stays_and_one_that_does_not_is_cut_off() {
    let limits = Limits {
        lifetime: Duration::from_millis(50),
        ..Limits::default()
    };
    with_server(limits, |address, desk| async move {
        let looks = Cell::new(0);
        let drawing = desk.events.draw(Duration::from_millis(2), || look(&looks));
        let test = async {
            let mut reading = follower(address).await;
            let mut stuck = follower(address).await;
            assert!(reads(&mut reading, "text/event-stream").await);
            assert!(reads(&mut reading, "\"interval_s\":1.0").await, "no rates");
            while desk.status().followers_dropped == 0 {
                assert!(reads(&mut reading, "\n\n").await, "cut off though it reads");
            }
            let status = desk.status();
            assert_eq!((status.followers, status.followers_dropped), (1, 1));
            // Longer than others live.
            tokio::time::sleep(limits.lifetime * 2).await;
            assert!(reads(&mut reading, "\n\n").await);
            assert!(!reads(&mut stuck, "never").await, "it ends");
            assert_eq!(desk.status().timeouts, 0);
            drop(reading);
        };
        tokio::select! {
            () = drawing => {}
            () = test => {}
        }
    });
}

#[test]
fn nothing_is_drawn_for_nobody_and_followers_are_bounded() {
    with_server(Limits::default(), |address, desk| async move {
        let looks = Cell::new(0);
        let drawing = desk.events.draw(Duration::from_millis(1), || look(&looks));
        let test = async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            assert_eq!(looks.get(), 0);
            let mut both = [follower(address).await, follower(address).await];
            for stream in &mut both {
                assert!(reads(stream, "data: ").await);
            }
            assert!(reads(&mut follower(address).await, "503").await);
            drop(both);
            while desk.status().followers > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            let before = looks.get();
            tokio::time::sleep(Duration::from_millis(20)).await;
            assert_eq!(looks.get(), before);
            assert!(
                reads(&mut follower(address).await, "data: ").await,
                "and again"
            );
        };
        tokio::select! {
            () = drawing => {}
            () = test => {}
        }
    });
}

#[test]
fn the_page_tells_the_browser_to_ask_nobody_else() {
    with_server(Limits::default(), |address, _| async move {
        let mut stream = silent(address).await;
        let request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let policy = answer
            .lines()
            .find(|line| line.starts_with("content-security-policy: "));
        let policy = policy.unwrap();
        assert!(policy.contains("default-src 'none'"), "{policy}");
        let (_, nonce) = policy.split_once("script-src 'nonce-").unwrap();
        let (nonce, _) = nonce.split_once('\'').unwrap();
        assert_eq!(nonce.len(), 32);
        assert_eq!(answer.matches(&format!("nonce=\"{nonce}\"")).count(), 2);
    });
}
