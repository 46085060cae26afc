//! Attempts at a spin server of this host.

#![allow(clippy::unwrap_used)]

use gateway_feed::pitch::session::{
    DefinitionFinished, DefinitionRequest, DefinitionResponse, LoginStatus, Say, Server,
    SpinFinished, SpinImageAvailable, SpinRequest, SpinResponse, SpinStatus,
};
use tokio::net::TcpListener;

use super::*;

/// How an attempt ends at a server that sends `orders` orders and announces `announced`; where it tells what instruments there
/// are, it tells one.
fn attempt(
    definitions: bool,
    bytes_max: usize,
    orders: u32,
    announced: u32,
) -> Result<Fetched, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut server = Server::new(0);
            let mut buffer = [0; 100];
            loop {
                let length = stream.read(&mut buffer).await.unwrap_or(0);
                if length == 0 {
                    return;
                }
                let mut answer = |message: &[u8], say: &mut Say<'_>| {
                    if DefinitionRequest::parse(message).is_some() {
                        let response = DefinitionResponse {
                            instrument_count: 1,
                            status: SpinStatus::Accepted,
                        };
                        say.message(&response.encode());
                        say.message(&[0x2E; 37]);
                        say.message(&DefinitionFinished.encode());
                        return;
                    }
                    let SpinRequest { sequence } = SpinRequest::parse(message).unwrap();
                    let response = SpinResponse {
                        sequence,
                        order_count: announced,
                        status: SpinStatus::Accepted,
                    };
                    say.message(&response.encode());
                    (0..orders).for_each(|_| say.message(&[0x22; 25]));
                    say.message(&SpinFinished { sequence }.encode());
                };
                let judge = &mut |_: &Credentials| LoginStatus::Accepted;
                let bytes = &buffer[..length];
                server.on_bytes(0, bytes, judge, &mut answer).unwrap();
                for sequence in [40, 99] {
                    server.send(0, &SpinImageAvailable { sequence }.encode());
                }
                let written = stream.write_all(server.output()).await;
                server.sent(usize::MAX);
                if written.is_err() {
                    return;
                }
            }
        });
        let server = SpinServer {
            address,
            credentials: Credentials::new("0001", "FIRM", "secret").unwrap(),
            definitions,
            way: Way::default(),
            timeout: Duration::from_secs(20),
            bytes_max,
        };
        let fetched = fetch(server, 50).await.map_err(|error| error.to_string());
        serving.abort();
        fetched
    })
}

#[test]
fn an_image_comes_with_the_number_to_go_on_with() {
    let fetched = attempt(false, 10_000, 3, 3).unwrap();
    assert_eq!((fetched.sequence, fetched.count), (100, 3));
    let message = [&[0, 25][..], &[0x22; 25]].concat();
    assert_eq!(fetched.messages, message.repeat(3));
}

#[test]
fn what_instruments_there_are_comes_in_front_of_the_image() {
    let fetched = attempt(true, 10_000, 2, 2).unwrap();
    assert_eq!((fetched.sequence, fetched.count), (100, 3));
    let definition = [&[0, 37][..], &[0x2E; 37]].concat();
    let orders = [&[0, 25][..], &[0x22; 25]].concat().repeat(2);
    assert_eq!(fetched.messages, [definition, orders].concat());
}

#[test]
fn what_is_not_whole_or_too_long_is_told() {
    let short = attempt(false, 10_000, 3, 4).unwrap_err();
    assert!(short.contains("3 orders, not 4"), "{short}");
    let long = attempt(false, 60, 3, 3).unwrap_err();
    assert!(long.contains("snapshot_mib_max"), "{long}");
}
