//! The network providers on real links: veth pairs between network namespaces, ordinary UDP senders. Needs root.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::BufRead;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gateway::ingest::{
    BATCH, ErrorKind, Ingest, IngestError, InterfaceRequest, KernelDrops, Membership, Mode, Opened,
    Provider, Queues, SocketWait, Stamps, Stream, StreamId, Tier, ladder, netdev,
};
use gateway_test_harness::network::{EXCHANGE_ADDRESS, GATEWAY_INTERFACE};
use gateway_test_harness::{Namespace, Network};
use gateway_wire::shared::{Note, Verdict};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(5);

/// Two namespaces and the link between them, or the reason why not.
fn network() -> Option<Network> {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: needs root (network namespaces)");
        return None;
    }
    Some(Network::new().unwrap())
}

fn streams(count: u8) -> Vec<Stream> {
    (1..=count)
        .map(|n| Stream {
            group: [239, 7, 0, n].into(),
            port: 5000 + u16::from(n),
            sources: vec![],
        })
        .collect()
}

fn request(mode: Mode, streams: Vec<Stream>) -> InterfaceRequest {
    // Small rings: several tests run at once and each frame is locked memory.
    InterfaceRequest {
        mode,
        rx_ring: 512,
        ..InterfaceRequest::new(GATEWAY_INTERFACE, streams)
    }
}

/// Opens in `namespace`; what is opened works from any thread.
fn open(
    namespace: &Namespace,
    request: &InterfaceRequest,
) -> Result<(Opened, Option<Membership>), IngestError> {
    namespace
        .enter(|| {
            Ok(ladder::open(request).and_then(|opened| {
                let membership = opened.join(request)?;
                Ok((opened, membership))
            }))
        })
        .unwrap()
}

fn failure(namespace: &Namespace, request: &InterfaceRequest) -> IngestError {
    open(namespace, request)
        .map(|(opened, _)| opened.tier)
        .unwrap_err()
}

/// How many datagrams may be under way: less than a veth queue and each ring of ours hold, so that a machine with more
/// to do than to run this test loses none.
const UNDER_WAY_MAX: usize = 100;

/// Sends `count` datagrams to each stream, each a number of its own, as `progress` says that they were received.
fn send(network: &Network, streams: &[Stream], count: u32, progress: &AtomicUsize) {
    network
        .exchange
        .enter(|| {
            let socket = sender(EXCHANGE_ADDRESS);
            let mut sent = 0;
            for number in 0..count {
                for stream in streams {
                    let stalled = Instant::now() + PATIENCE;
                    while sent - progress.load(Ordering::Relaxed).min(sent) >= UNDER_WAY_MAX
                        && Instant::now() < stalled
                    {
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
fn exchange(
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

fn sender(source: Ipv4Addr) -> UdpSocket {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).unwrap();
    socket.set_multicast_if_v4(&source).unwrap();
    socket.bind(&SocketAddrV4::new(source, 0).into()).unwrap();
    socket.into()
}

/// How often each number came, by stream.
type Received = BTreeMap<(StreamId, u32), u32>;

/// Polls all providers until `expected` datagrams came, or [`PATIENCE`] passes without any.
fn receive(
    providers: &mut [Provider],
    expected: usize,
    progress: &AtomicUsize,
) -> (Received, Vec<Stamps>) {
    let (mut received, mut stamps, mut total) = (Received::new(), Vec::new(), 0);
    let mut last = Instant::now();
    while total < expected && last.elapsed() < PATIENCE {
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
                last = Instant::now();
            }
        }
    }
    (received, stamps)
}

/// Each of `count` numbers came once on each of `streams`, and nothing else.
fn assert_received(received: &Received, streams: u32, count: u32) {
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
fn soon(mut condition: impl FnMut() -> bool) -> bool {
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

/// Sends on two streams and checks that every packet is received once and counted everywhere.
fn every_packet_is_received_and_accounted_for(tier: Tier, busy_poll: bool) {
    const COUNT: u32 = 3000;
    let Some(network) = network() else { return };
    let streams = streams(2);
    let request = InterfaceRequest {
        busy_poll,
        ..request(Mode::Exactly(tier), streams.clone())
    };
    let (mut opened, _membership) = open(&network.gateway, &request).unwrap();
    assert_eq!((opened.tier, opened.steps.len()), (tier, 0));
    // A stream that is not ours, but that the interface receives, must reach the kernel.
    let foreign = Stream {
        group: streams[0].group,
        port: 9,
        sources: vec![],
    };
    let total = 2 * COUNT;

    send(
        &network,
        std::slice::from_ref(&foreign),
        3,
        &AtomicUsize::new(0),
    );
    let (received, stamps) = exchange(&network, &mut opened, &streams, COUNT);
    assert_received(&received, 2, COUNT);

    let counters = *opened.providers[0].counters();
    assert_eq!(
        (counters.packets, counters.bytes),
        (u64::from(total), u64::from(4 * total)),
        "{counters:?}"
    );
    assert_eq!(
        (
            counters.unknown_stream,
            counters.checksum_wrong,
            counters.oversized
        ),
        (0, 0, 0)
    );
    assert_eq!(counters.rejected.iter().sum::<u64>(), 0);
    let drops = opened.providers[0].drop_reader().unwrap();
    assert_eq!(drops.read().unwrap(), Some(KernelDrops::default()));

    if let Some(program) = &opened.program {
        assert!(soon(|| program
            .verdicts()
            .unwrap()
            .get(Verdict::UnknownStream)
            >= 3));
        let verdicts = program.verdicts().unwrap();
        assert_eq!(
            verdicts.get(Verdict::Redirected),
            u64::from(total),
            "{verdicts:?}"
        );
        assert_eq!(verdicts.get(Verdict::UnknownStream), 3, "{verdicts:?}");
        assert_eq!(verdicts.get(Verdict::NoSocket), 0, "{verdicts:?}");
        let without = verdicts.note(Note::NoMetadata);
        let stamped = stamps
            .iter()
            .filter(|stamps| stamps.hook_ns.is_some())
            .count();
        assert_eq!(
            stamped as u64 + without,
            u64::from(total),
            "each packet has a stamp or a note that it has none"
        );
        if tier == Tier::Copy {
            assert_eq!(without, 0, "veth takes metadata");
        }
    }
    drop(opened);
    assert_eq!(
        drops.read().unwrap(),
        None,
        "the reader does not keep the socket open"
    );
    assert!(soon(|| !has_program(&network)), "dropping detaches");
}

fn has_program(network: &Network) -> bool {
    network
        .gateway
        .ip(&format!("-details link show dev {GATEWAY_INTERFACE}"))
        .unwrap()
        .contains("xdp")
}

#[test]
fn copy_tier_receives_every_packet_once_with_busy_polling() {
    every_packet_is_received_and_accounted_for(Tier::Copy, true);
}

#[test]
fn copy_tier_receives_every_packet_once_with_interrupts() {
    every_packet_is_received_and_accounted_for(Tier::Copy, false);
}

#[test]
fn skb_tier_receives_every_packet_once() {
    every_packet_is_received_and_accounted_for(Tier::Skb, true);
}

#[test]
fn socket_tier_receives_every_packet_once() {
    every_packet_is_received_and_accounted_for(Tier::Socket, false);
}

#[test]
fn socket_tier_receives_more_groups_than_one_socket_may_join_and_waits_where_told() {
    let Some(network) = network() else { return };
    for wait in [SocketWait::Spin, SocketWait::Block] {
        let streams = streams(45);
        let request = InterfaceRequest {
            socket_wait: wait,
            ..request(Mode::Exactly(Tier::Socket), streams.clone())
        };
        let (mut opened, membership) = open(&network.gateway, &request).unwrap();
        assert!(membership.is_none(), "the sockets have joined themselves");
        let (received, _) = exchange(&network, &mut opened, &streams, 20);
        assert_received(&received, 45, 20);
    }
}

#[test]
fn a_source_list_keeps_other_senders_out_on_every_tier() {
    let Some(network) = network() else { return };
    let other = Ipv4Addr::new(10, 77, 0, 99);
    network
        .exchange
        .ip("address add 10.77.0.99/24 dev exch0")
        .unwrap();
    for tier in [Tier::Copy, Tier::Skb, Tier::Socket] {
        let mut streams = streams(1);
        streams[0].sources = vec![EXCHANGE_ADDRESS, [10, 77, 0, 50].into()];
        let request = request(Mode::Exactly(tier), streams.clone());
        let (mut opened, membership) = open(&network.gateway, &request).unwrap();
        if let Some(membership) = membership {
            assert_eq!(
                membership.joined().len(),
                2,
                "one source-specific join a source"
            );
        }
        let address = SocketAddrV4::new(streams[0].group, streams[0].port);
        network
            .exchange
            .enter(|| Ok(sender(other).send_to(b"evil", address)?))
            .unwrap();
        let (received, _) = exchange(&network, &mut opened, &streams, 10);
        assert_received(&received, 1, 10);
        if let Some(program) = &opened.program {
            assert_eq!(
                program.verdicts().unwrap().get(Verdict::SourceRefused),
                1,
                "{tier}"
            );
        }
    }
}

#[test]
fn auto_steps_from_zero_copy_to_copy_with_the_kernels_reason() {
    let Some(network) = network() else { return };
    let (opened, _membership) = open(&network.gateway, &request(Mode::Auto, streams(1))).unwrap();
    assert_eq!(opened.tier, Tier::Copy);
    let [step] = &opened.steps[..] else {
        panic!("{:?}", opened.steps)
    };
    assert_eq!(step.tier, Tier::ZeroCopy);
    assert!(step.reason.contains("EOPNOTSUPP"), "{}", step.reason);
}

#[test]
fn what_is_required_and_what_is_exact_is_not_stepped_down_from() {
    let Some(network) = network() else { return };
    let auto = request(Mode::Auto, streams(1));
    let required = InterfaceRequest {
        require: Some(Tier::ZeroCopy),
        ..auto.clone()
    };
    let error = failure(&network.gateway, &required);
    assert_eq!(error.kind(), ErrorKind::TierBelowRequired, "{error}");
    assert!(error.to_string().contains("EOPNOTSUPP"), "{error}");

    let lowest = InterfaceRequest {
        lowest_tier: Tier::ZeroCopy,
        ..auto.clone()
    };
    assert_eq!(
        failure(&network.gateway, &lowest).kind(),
        ErrorKind::TierBelowRequired
    );

    let error = failure(
        &network.gateway,
        &request(Mode::Exactly(Tier::ZeroCopy), streams(1)),
    );
    assert_eq!(error.kind(), ErrorKind::KernelFeature, "{error}");

    let below = InterfaceRequest {
        require: Some(Tier::Copy),
        ..request(Mode::Exactly(Tier::Socket), streams(1))
    };
    assert_eq!(
        failure(&network.gateway, &below).kind(),
        ErrorKind::TierBelowRequired
    );
    assert!(
        soon(|| !has_program(&network)),
        "no failure leaves a program behind"
    );
}

#[test]
fn the_loopback_interface_has_no_native_xdp_and_the_ladder_says_so() {
    let Some(network) = network() else { return };
    let request = InterfaceRequest {
        name: "lo".to_owned(),
        ..request(Mode::Auto, streams(1))
    };
    let (opened, _membership) = open(&network.gateway, &request).unwrap();
    assert_eq!(opened.tier, Tier::Skb);
    let tiers: Vec<_> = opened.steps.iter().map(|step| step.tier).collect();
    assert_eq!(tiers, [Tier::ZeroCopy, Tier::Copy]);
    assert!(
        opened
            .steps
            .iter()
            .all(|step| step.reason.contains("redirect")),
        "{:?}",
        opened.steps
    );
}

#[test]
fn an_interface_that_somebody_holds_is_busy_until_he_lets_go() {
    let Some(network) = network() else { return };
    for mode in [
        Mode::Auto,
        Mode::Exactly(Tier::Copy),
        Mode::Exactly(Tier::Skb),
    ] {
        let request = request(mode, streams(1));
        let first = open(&network.gateway, &request).unwrap();
        let error = failure(&network.gateway, &request);
        assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
        assert!(error.to_string().contains("program id"), "{error}");
        drop(first);
        assert!(soon(|| open(&network.gateway, &request).is_ok()));
    }
}

#[test]
fn interfaces_and_queues_that_are_missing_or_down_are_named() {
    let Some(network) = network() else { return };
    let missing = InterfaceRequest {
        name: "eth99".to_owned(),
        ..request(Mode::Auto, streams(1))
    };
    let error = failure(&network.gateway, &missing);
    assert_eq!(error.kind(), ErrorKind::InterfaceUnusable);
    assert!(
        error.to_string().contains("`eth99` does not exist"),
        "{error}"
    );

    let queue = InterfaceRequest {
        queues: Queues::Only(vec![7]),
        ..request(Mode::Auto, streams(1))
    };
    assert!(matches!(
        failure(&network.gateway, &queue),
        IngestError::QueueMissing {
            queue: 7,
            active: 1,
            ..
        }
    ));

    network
        .gateway
        .ip(&format!("link set {GATEWAY_INTERFACE} down"))
        .unwrap();
    let error = failure(&network.gateway, &request(Mode::Auto, streams(1)));
    assert!(
        matches!(error, IngestError::InterfaceDown { .. }),
        "{error}"
    );
}

#[test]
fn without_privilege_auto_steps_to_sockets_and_an_exact_tier_is_refused() {
    let Some(network) = network() else { return };
    let unprivileged = |request: InterfaceRequest| {
        network
            .gateway
            .enter(|| {
                let none = rustix::thread::CapabilitySets {
                    effective: rustix::thread::CapabilitySet::empty(),
                    permitted: rustix::thread::CapabilitySet::empty(),
                    inheritable: rustix::thread::CapabilitySet::empty(),
                };
                // Of this thread alone, which ends with the closure.
                rustix::thread::set_capabilities(None, none)?;
                Ok(ladder::open(&request))
            })
            .unwrap()
    };
    let opened = unprivileged(request(Mode::Auto, streams(1))).unwrap();
    assert_eq!(
        (opened.tier, opened.steps.len()),
        (Tier::Socket, 3),
        "{:?}",
        opened.steps
    );
    assert!(
        opened.steps[0].reason.contains("no permission"),
        "{:?}",
        opened.steps
    );

    for refused in [
        request(Mode::Exactly(Tier::Copy), streams(1)),
        InterfaceRequest {
            lowest_tier: Tier::Skb,
            ..request(Mode::Auto, streams(1))
        },
    ] {
        let error = unprivileged(refused).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Privilege, "{error}");
    }
}

#[test]
fn membership_joins_any_number_of_groups_and_leaves_them_on_drop() {
    let Some(network) = network() else { return };
    let mut streams = streams(45);
    // More sources than one socket may list for a group (net.ipv4.igmp_max_msf).
    streams[3].sources = (1..=25).map(|n| [10, 9, 0, n].into()).collect();
    // The same group on another port, and a unicast address, need no join of their own.
    streams.push(Stream {
        port: 1,
        ..streams[0].clone()
    });
    streams.push(Stream {
        group: [10, 77, 0, 2].into(),
        port: 1,
        sources: vec![],
    });
    let index = network
        .gateway
        .enter(|| Ok(netdev::index(GATEWAY_INTERFACE)))
        .unwrap()
        .unwrap();
    let joined = || {
        let igmp = network.gateway.proc_net("igmp").unwrap();
        // The kernel prints an address as it lies in memory: 239.7.0.N as NN0007EF.
        igmp.lines()
            .filter(|line| line.trim_start().get(2..8) == Some("0007EF"))
            .count()
    };
    assert_eq!(joined(), 0);
    let membership = network
        .gateway
        .enter(|| Ok(Membership::join(GATEWAY_INTERFACE, index, &streams)?))
        .unwrap();
    assert_eq!((joined(), membership.joined().len()), (45, 44 + 25));
    drop(membership);
    assert!(soon(|| joined() == 0));

    // `/proc/net/mcfilter` is empty unless the group joined last has sources, hence this one alone.
    let _membership = network
        .gateway
        .enter(|| Ok(Membership::join(GATEWAY_INTERFACE, index, &streams[3..4])?))
        .unwrap();
    let filter = network.gateway.proc_net("mcfilter").unwrap();
    let sources = filter
        .lines()
        .filter(|line| line.contains("0xef070004"))
        .count();
    assert_eq!(sources, 25, "{filter}");
}

#[test]
fn a_killed_process_leaves_no_program_and_no_membership() {
    const CHILD: &str = "GATEWAY_TEST_INGEST_CHILD";
    if std::env::var_os(CHILD).is_some() {
        let request = request(Mode::Exactly(Tier::Copy), streams(1));
        let opened = ladder::open(&request).unwrap();
        let _membership = opened.join(&request).unwrap();
        println!("\nopen");
        std::thread::sleep(Duration::from_secs(60));
        return;
    }
    let Some(network) = network() else { return };
    let this = "a_killed_process_leaves_no_program_and_no_membership";
    let mut child = network
        .gateway
        .command(std::env::current_exe().unwrap())
        .args([this, "--exact", "--nocapture"])
        .env(CHILD, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = std::io::BufReader::new(child.stdout.take().unwrap());
    assert!(
        output
            .lines()
            .map_while(Result::ok)
            .any(|line| line == "open")
    );
    assert!(has_program(&network));
    let group = || {
        network
            .gateway
            .proc_net("igmp")
            .unwrap()
            .contains("010007EF")
    };
    assert!(group());
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(soon(|| !has_program(&network) && !group()));
}
