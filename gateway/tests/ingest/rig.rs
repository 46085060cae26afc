//! What the tests share: a link, a sender that does not outrun the receiver, and a receiver that counts.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gateway::ingest::{
    BATCH, Ingest, IngestError, InterfaceRequest, Joins, Mode, Opened, Provider, Stamps, Stream,
    StreamId, ladder,
};
use gateway_test_harness::network::{EXCHANGE_ADDRESS, GATEWAY_INTERFACE};
use gateway_test_harness::{Namespace, Network};

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Two namespaces and the link between them, or the reason why not.
pub(crate) fn network() -> Option<Network> {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: needs root (network namespaces)");
        return None;
    }
    Some(Network::new().unwrap())
}

pub(crate) fn streams(count: u8) -> Vec<Stream> {
    (1..=count)
        .map(|n| Stream {
            group: [239, 7, 0, n].into(),
            port: 5000 + u16::from(n),
            sources: vec![],
        })
        .collect()
}

pub(crate) fn request(mode: Mode, streams: Vec<Stream>) -> InterfaceRequest {
    // Small rings: several tests run at once and each frame is locked memory.
    InterfaceRequest {
        mode,
        rx_ring: 512,
        ..InterfaceRequest::new(GATEWAY_INTERFACE, streams)
    }
}

/// Opens in `namespace`; what is opened works from any thread.
pub(crate) fn open(
    namespace: &Namespace,
    request: &InterfaceRequest,
) -> Result<(Opened, Joins), IngestError> {
    namespace
        .enter(|| {
            Ok(ladder::open(request).and_then(|opened| {
                let joins = opened.join(request)?;
                Ok((opened, joins))
            }))
        })
        .unwrap()
}

pub(crate) fn failure(namespace: &Namespace, request: &InterfaceRequest) -> IngestError {
    open(namespace, request)
        .map(|(opened, _)| opened.tier)
        .unwrap_err()
}

/// How many datagrams may be under way: less than a veth queue and each ring of ours hold, so that a machine with more
/// to do than to run this test loses none.
const UNDER_WAY_MAX: usize = 100;

/// Sends `count` datagrams to each stream, each a number of its own, as `progress` says that they were received.
pub(crate) fn send(network: &Network, streams: &[Stream], count: u32, progress: &AtomicUsize) {
    network
        .exchange
        .enter(|| {
            let socket = sender(EXCHANGE_ADDRESS);
            let mut sent = 0;
            for number in 0..count {
                for stream in streams {
                    let stalled = Instant::now() + PATIENCE;
                    while sent - progress.load(Ordering::Relaxed).min(sent) >= UNDER_WAY_MAX {
                        anyhow::ensure!(Instant::now() < stalled, "nobody receives any more");
                        std::thread::yield_now();
                    }
                    let address = SocketAddrV4::new(stream.group, stream.port);
                    socket.send_to(&number.to_le_bytes(), address)?;
                    sent += 1;
                }
            }
            Ok(())
        })
        .unwrap();
}

/// Sends `count` datagrams to each stream and receives them.
pub(crate) fn exchange(
    network: &Network,
    opened: &mut Opened,
    streams: &[Stream],
    count: u32,
) -> (Received, Vec<Stamps>) {
    let progress = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| send(network, streams, count, &progress));
        receive(
            &mut opened.providers,
            streams.len() * count as usize,
            &progress,
        )
    })
}

pub(crate) fn sender(source: Ipv4Addr) -> UdpSocket {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).unwrap();
    socket.set_multicast_if_v4(&source).unwrap();
    socket.bind(&SocketAddrV4::new(source, 0).into()).unwrap();
    socket.into()
}

/// How often each number came, by stream.
pub(crate) type Received = BTreeMap<(StreamId, u32), u32>;

/// Polls all providers until `expected` datagrams came, or [`PATIENCE`] passes without any.
pub(crate) fn receive(
    providers: &mut [Provider],
    expected: usize,
    progress: &AtomicUsize,
) -> (Received, Vec<Stamps>) {
    let (mut received, mut stamps, mut total) = (Received::new(), Vec::new(), 0);
    // Empty polls count as well as time: the machine itself may have been paused.
    let (mut last, mut empty) = (Instant::now(), 0);
    while total < expected && (last.elapsed() < PATIENCE || empty < 1000) {
        empty += 1;
        for provider in &mut *providers {
            let handed = provider
                .poll(&mut |datagram| {
                    assert_eq!(datagram.source, EXCHANGE_ADDRESS.octets());
                    let number = u32::from_le_bytes(datagram.payload.try_into().unwrap());
                    *received.entry((datagram.stream, number)).or_default() += 1;
                    stamps.push(datagram.stamps);
                })
                .unwrap();
            assert!(handed <= BATCH);
            total += handed;
            progress.store(total, Ordering::Relaxed);
            if handed > 0 {
                (last, empty) = (Instant::now(), 0);
            }
        }
    }
    (received, stamps)
}

/// Each of `count` numbers came once on each of `streams`, and nothing else.
pub(crate) fn assert_received(received: &Received, streams: u32, count: u32) {
    let expected =
        (0..streams).flat_map(|stream| (0..count).map(move |number| (StreamId(stream), number)));
    let missing: Vec<_> = expected
        .filter(|key| received.get(key) != Some(&1))
        .take(10)
        .collect();
    assert!(missing.is_empty(), "not once, among others: {missing:?}");
    assert_eq!(received.len(), (streams * count) as usize);
}

/// Whether `condition` comes true. The kernel ends some things a moment after their last descriptor is closed, and
/// commands that other tests are just starting hold copies of descriptors until they run.
pub(crate) fn soon(mut condition: impl FnMut() -> bool) -> bool {
    let limit = Instant::now() + PATIENCE;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() > limit {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn has_program(network: &Network) -> bool {
    network
        .gateway
        .ip(&format!("-details link show dev {GATEWAY_INTERFACE}"))
        .unwrap()
        .contains("xdp")
}
