//! A proxy of this host, and what its task makes of it.

#![allow(clippy::unwrap_used)]

use gateway_feed::pitch::session::{LoginStatus, Say, Server};
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::*;

const LIMIT: Duration = Duration::from_secs(20);

fn credentials(password: &str) -> Credentials {
    Credentials::new("0001", "FIRM", password).unwrap()
}

/// Takes one connection, which it leaves behind `requests` requests.
async fn serve(listener: &TcpListener, status: LoginStatus, requests: usize) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut server = Server::new(0);
    let mut buffer = [0; 100];
    let mut answered = 0;
    while answered < requests || !server.output().is_empty() || !server.is_logged_in() {
        if !server.output().is_empty() {
            let written = stream.write(server.output()).await.unwrap();
            server.sent(written);
            continue;
        }
        if server.is_closed() {
            return;
        }
        let length = stream.read(&mut buffer).await.unwrap();
        assert!(length > 0, "the gateway hung up");
        let judge = &mut |who: &Credentials| {
            assert_eq!(*who, credentials("secret"));
            status
        };
        let answer = &mut |message: &[u8], say: &mut Say<'_>| {
            let request = GapRequest::parse(message).unwrap();
            let status = GapStatus::Accepted;
            say.message(&GapResponse { request, status }.encode());
            answered += 1;
        };
        let _ = server.on_bytes(0, &buffer[..length], judge, answer);
    }
}

#[test]
fn a_session_is_made_again_and_again_and_carries_requests_while_it_is_there() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = GapServer {
            address: listener.local_addr().unwrap(),
            credentials: credentials("secret"),
            unit: 7,
            way: Way::default(),
            pauses: Backoff {
                min_ns: 1_000_000,
                max_ns: 2_000_000,
            },
        };
        let mut proxy = Proxy::new(server);
        let (tell, mut told) = mpsc::channel(10);
        assert!(!proxy.ask(1, 1), "there is no task yet");
        let task = tokio::spawn(proxy.begin(3, tell));
        let mut next = async || timeout(LIMIT, told.recv()).await.unwrap().unwrap();

        serve(&listener, LoginStatus::NotAuthorized, 0).await;
        let (3, Told::Down(cause, false)) = next().await else {
            panic!("it was refused")
        };
        let cause = cause.to_string();
        assert!(cause.contains("check username and password"), "{cause}");
        for _ in 0..2 {
            proxy.is_up = false;
            let serving = serve(&listener, LoginStatus::Accepted, 2);
            let asking = async {
                assert!(!proxy.ask(1, 1), "nobody is logged in");
                assert!(matches!(next().await, (3, Told::Up)));
                proxy.is_up = true;
                assert!(!proxy.ask(1 << 32, 1), "no message has that number");
                for first in [10, 20] {
                    assert!(proxy.ask(first, 5));
                    assert!(matches!(next().await, (3, Told::Asked)));
                    let (3, Told::Replied(response)) = next().await else {
                        panic!("it answers")
                    };
                    let request = GapRequest {
                        unit: 7,
                        sequence: first as u32,
                        count: 5,
                    };
                    assert_eq!(response.request, request);
                }
                let (3, Told::Down(..)) = next().await else {
                    panic!("it hung up")
                };
            };
            tokio::join!(serving, asking);
        }
        drop(listener);
        let (3, Told::Down(cause, _)) = next().await else {
            panic!("nobody listens")
        };
        assert!(cause.to_string().contains("cannot connect"), "{cause}");
        task.abort();
    });
}

#[test]
fn a_status_is_what_the_planner_knows_of_it() {
    assert_eq!(reply_of(GapStatus::Accepted), Reply::Accepted);
    assert_eq!(reply_of(GapStatus::OutOfRange), Reply::NotThere);
    assert_eq!(reply_of(GapStatus::Other(b'?')), Reply::NotThere);
    assert_eq!(reply_of(GapStatus::TooMany), Reply::TooMany);
    assert_eq!(
        reply_of(GapStatus::MinuteExhausted),
        Reply::Exhausted(60 * SECOND_NS)
    );
}
