//! What hostile clients do, and what becomes of it.

use std::fs;
use std::io::IoSlice;
use std::time::{Duration, Instant};

use gateway_client::protocol::{ErrorCode, Reply, Request, Wish};
use gateway_client::{Client, ClientError, Event, SubscribeOptions};
use rustix::net::SendFlags;

use crate::rig::{eventually, queue, raw, receive, record, send, start};

#[test]
fn malformed_messages_are_answered_counted_and_end_the_connection() {
    let gateway = start(vec![queue("all").1], 8);
    let hello = Request::Hello.encode(5);
    let mut wrong_version = hello.clone();
    wrong_version[4] = 9;
    let mut unknown = hello.clone();
    unknown[6] = 99;
    let mut wrong_length = hello.clone();
    wrong_length[12] = 1;
    let mut bad_text = Request::Subscribe {
        queue: "all".into(),
        reader: "r".into(),
        wish: Wish::Head,
    }
    .encode(1);
    bad_text[16] = 0xFF;
    let cases: [(&[u8], ErrorCode); 7] = [
        (&hello[..7], ErrorCode::Malformed),
        (&[0; 16], ErrorCode::Malformed),
        (&[b'x'; 100_000], ErrorCode::Malformed),
        (&unknown, ErrorCode::Malformed),
        (&wrong_length, ErrorCode::Malformed),
        (&bad_text, ErrorCode::Malformed),
        (&wrong_version, ErrorCode::Version),
    ];
    for (message, expected) in cases {
        let socket = raw(&gateway.path);
        send(&socket, message).unwrap();
        let Some(Reply::Error { code, text }) = receive(&socket) else {
            panic!("no answer")
        };
        assert_eq!(code, expected, "{text}");
        assert!(text.contains("speaks version 1"), "{text}");
        assert_eq!(receive(&socket), None, "the connection lives on");
    }
    let counters = gateway.registry.counters();
    assert_eq!((counters.malformed, counters.wrong_version), (6, 1));
    eventually("the end of all clients", || {
        gateway.registry.counters().clients == 0
    });
    Client::connect(&gateway.path).unwrap();
    gateway.stop();
}

#[test]
fn descriptors_that_a_client_sends_are_not_kept() {
    let gateway = start(vec![], 8);
    let socket = raw(&gateway.path);
    let open = || fs::read_dir("/proc/self/fd").unwrap().count();
    let before = open();
    let gift = fs::File::open("/dev/null").unwrap();
    for number in 0..20 {
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = rustix::net::SendAncillaryBuffer::new(&mut space);
        let gifts = [std::os::fd::AsFd::as_fd(&gift)];
        control.push(rustix::net::SendAncillaryMessage::ScmRights(&gifts));
        let hello = Request::Hello.encode(number);
        rustix::net::sendmsg(
            &socket,
            &[IoSlice::new(&hello)],
            &mut control,
            SendFlags::NOSIGNAL,
        )
        .unwrap();
        assert!(matches!(receive(&socket), Some(Reply::Welcome { .. })));
    }
    // Other tests of this process open files meanwhile, but not one for each message.
    assert!(
        open() < before + 15,
        "{before} descriptors became {}",
        open()
    );
    gateway.stop();
}

#[test]
fn clients_beyond_the_limit_are_refused_and_admitted_again_later() {
    let gateway = start(vec![queue("all").1], 3);
    let clients: Vec<_> = (0..3)
        .map(|_| Client::connect(&gateway.path).unwrap())
        .collect();
    let error = Client::connect(&gateway.path).unwrap_err();
    assert!(
        matches!(
            error,
            ClientError::Refused {
                code: ErrorCode::Busy,
                ..
            }
        ),
        "{error}"
    );
    assert!(clients[0].queues().is_ok());
    drop(clients);
    eventually("room", || Client::connect(&gateway.path).is_ok());
    assert!(gateway.registry.counters().refused_busy >= 1);
    gateway.stop();
}

#[test]
fn a_flood_of_requests_waits_and_nobody_else_does() {
    let (mut publisher, handle) = queue("all");
    let gateway = start(vec![handle], 32);
    let path = gateway.path.clone();
    let flood = std::thread::spawn(move || {
        let socket = raw(&path);
        rustix::net::sockopt::set_socket_timeout(
            &socket,
            rustix::net::sockopt::Timeout::Send,
            Some(Duration::from_millis(500)),
        )
        .unwrap();
        // Never reads an answer: its own socket fills, and it is let go.
        (0..10_000)
            .take_while(|&number| send(&socket, &Request::Status.encode(number)).is_ok())
            .count()
    });
    let mut subscription = Client::connect(&gateway.path)
        .unwrap()
        .subscribe("all", &SubscribeOptions::named("calm"))
        .unwrap();
    for id in 0..1_000 {
        publisher.publish(&record(id));
        assert!(matches!(subscription.poll(), Event::Record(_)));
    }
    let asked = Instant::now();
    Client::connect(&gateway.path).unwrap().queues().unwrap();
    assert!(
        asked.elapsed() < Duration::from_secs(1),
        "{:?}",
        asked.elapsed()
    );
    assert!(flood.join().unwrap() < 10_000);
    eventually("the flood's end", || {
        let counters = gateway.registry.counters();
        counters.stuck == 1 || counters.clients <= 1
    });
    gateway.stop();
}
