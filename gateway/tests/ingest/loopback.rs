//! The socket tier where everybody may run it: on the loopback interface, without privilege.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use gateway::ingest::{
    Ingest, InterfaceRequest, Mode, SocketWait, Stamper, Stream, StreamId, Tier, ladder,
};

use crate::rig::{PATIENCE, sender};

/// Ports of this process' own, so that two runs at once do not hear each other.
fn streams(block: u8, count: u8) -> Vec<Stream> {
    let base = 20_000 + (std::process::id() % 20_000) as u16;
    (1..=count)
        .map(|n| Stream {
            group: [239, 8, block, n].into(),
            port: base + u16::from(n),
            sources: vec![],
        })
        .collect()
}

fn request(streams: &[Stream]) -> InterfaceRequest {
    InterfaceRequest {
        mode: Mode::Exactly(Tier::Socket),
        ..InterfaceRequest::new("lo", streams.to_vec())
    }
}

fn send(streams: &[Stream], payload: &[u8]) {
    let socket = sender(Ipv4Addr::LOCALHOST);
    for stream in streams {
        socket
            .send_to(payload, SocketAddrV4::new(stream.group, stream.port))
            .unwrap();
    }
}

#[test]
fn every_stream_has_its_own_packets_with_more_groups_than_one_socket_may_join() {
    for wait in [SocketWait::Spin, SocketWait::Block] {
        let streams = streams(wait as u8, 30);
        let request = InterfaceRequest {
            socket_wait: wait,
            ..request(&streams)
        };
        let mut opened = ladder::open(&request).unwrap();
        assert_eq!(opened.join(&request).unwrap().groups().len(), 30);
        for stream in &streams {
            send(std::slice::from_ref(stream), &stream.group.octets());
        }
        let mut seen = Vec::new();
        let limit = Instant::now() + PATIENCE;
        while seen.len() < streams.len() && Instant::now() < limit {
            opened.providers[0]
                .poll(&mut |datagram| {
                    assert_eq!(
                        datagram.payload,
                        streams[datagram.stream.0 as usize].group.octets()
                    );
                    seen.push(datagram.stream);
                })
                .unwrap();
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..30).map(StreamId).collect::<Vec<_>>(), "{wait:?}");
    }
}

/// `CLOCK_REALTIME`, in nanoseconds.
fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since.as_nanos()).unwrap()
}

#[test]
fn the_kernel_stamps_packets_between_their_sending_and_their_reading_and_no_card_does() {
    let streams = streams(12, 1);
    let request = InterfaceRequest {
        hardware_timestamps: true,
        ..request(&streams)
    };
    let mut opened = ladder::open(&request).unwrap();
    assert_eq!(opened.stamping.by, Stamper::Software);
    let why = opened.stamping.obstacle.clone().unwrap().reason;
    assert!(why.contains("does not stamp"), "{why}");
    // The kernel begins to stamp a moment after the first socket has asked for it.
    let (mut stamped, mut unstamped) = (0, 0);
    let end = Instant::now() + PATIENCE;
    while stamped < 3 {
        assert!(Instant::now() < end, "{unstamped} packets without a stamp");
        let before_ns = now_ns();
        send(&streams, b"stamped");
        let mut seen = None;
        let limit = Instant::now() + PATIENCE;
        while seen.is_none() && Instant::now() < limit {
            opened.providers[0]
                .poll(&mut |datagram| seen = Some(datagram.stamps))
                .unwrap();
        }
        let stamps = seen.unwrap();
        assert_eq!(stamps.nic_ns, None);
        match stamps.kernel_ns {
            Some(kernel_ns) => {
                assert!((before_ns..=now_ns()).contains(&kernel_ns), "{kernel_ns}");
                stamped += 1;
            }
            None => unstamped += 1,
        }
        let counters = opened.providers[0].counters();
        let counted = [
            counters.stamped_by_card,
            counters.stamped_by_kernel,
            counters.unstamped,
        ];
        assert_eq!(counted, [0, stamped, unstamped]);
    }
}

#[test]
fn a_source_that_is_listed_twice_is_joined_once() {
    let mut streams = streams(11, 1);
    streams[0].sources = vec![Ipv4Addr::LOCALHOST; 2];
    let mut opened = ladder::open(&request(&streams)).unwrap();
    send(&streams, b"once");
    let mut seen = 0;
    let limit = Instant::now() + PATIENCE;
    while seen == 0 && Instant::now() < limit {
        seen += opened.providers[0].poll(&mut |_| ()).unwrap();
    }
    assert_eq!(seen, 1);
}

#[test]
fn what_does_not_fit_the_buffer_is_counted_and_not_handed_out_cut() {
    let streams = streams(9, 1);
    let mut opened = ladder::open(&request(&streams)).unwrap();
    send(&streams, &[1; 9217]);
    send(&streams, &[2; 9216]);
    send(&streams, &[]);
    let mut lengths = Vec::new();
    let limit = Instant::now() + PATIENCE;
    while lengths.len() < 2 && Instant::now() < limit {
        opened.providers[0]
            .poll(&mut |datagram| lengths.push(datagram.payload.len()))
            .unwrap();
    }
    assert_eq!(lengths, [9216, 0]);
    assert_eq!(opened.providers[0].counters().oversized, 1);
}

#[test]
fn packets_that_the_kernel_dropped_for_a_full_buffer_are_counted() {
    let streams = streams(10, 1);
    let request = InterfaceRequest {
        socket_buffer_bytes: 4096,
        ..request(&streams)
    };
    let mut opened = ladder::open(&request).unwrap();
    for _ in 0..200 {
        send(&streams, &[0; 1000]);
    }
    let drops = opened.providers[0].drop_reader().unwrap();
    let dropped = drops.read().unwrap().unwrap().socket_buffer_full;
    let mut received = 0;
    while opened.providers[0].poll(&mut |_| received += 1).unwrap() > 0 {}
    assert!(dropped > 0);
    assert_eq!(received + dropped, 200);
}
