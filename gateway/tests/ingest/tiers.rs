//! Every tier delivers every packet, once, and accounts for all others.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::atomic::AtomicUsize;

use gateway::ingest::{
    Ingest, InterfaceRequest, KernelDrops, Mode, Provider, SocketWait, Stream, Tier,
};
use gateway_test_harness::network::EXCHANGE_ADDRESS;
use gateway_wire::shared::{Note, Verdict};

use crate::rig::*;

/// Sends on two streams and checks that every packet is received once and counted everywhere.
fn every_packet_is_received_and_accounted_for(tier: Tier, busy_poll: bool) {
    const COUNT: u32 = 3000;
    let Some(network) = network() else { return };
    let streams = streams(2);
    let request = InterfaceRequest {
        busy_poll,
        ..request(Mode::Exactly(tier), streams.clone())
    };
    let (mut opened, _joins) = open(&network.gateway, &request).unwrap();
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
    if tier != Tier::Socket {
        asks_only_where_that_brings_packets(&mut opened.providers[0], busy_poll);
    }

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

/// What is asked of the kernel once packets have come: to receive, in each empty poll, where it busy-polls this socket; else
/// next to nothing, be busy polling off or in vain.
fn asks_only_where_that_brings_packets(provider: &mut Provider, busy_poll: bool) {
    const EMPTY_POLLS: u64 = 1_000;
    let polls = busy_poll && provider.drop_reader().unwrap().napi_id() != Some(0);
    let before = *provider.counters();
    while provider.counters().empty_polls < before.empty_polls + EMPTY_POLLS {
        provider.poll(&mut |_| ()).unwrap();
    }
    let kicks = provider.counters().kicks - before.kicks;
    if polls {
        assert!(kicks >= EMPTY_POLLS, "{kicks}");
    } else {
        assert!(kicks <= 2, "{kicks} kicks in {EMPTY_POLLS} empty polls");
    }
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
        let (mut opened, joins) = open(&network.gateway, &request).unwrap();
        assert_eq!(joins.groups().len(), 45);
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
        let (mut opened, _joins) = open(&network.gateway, &request).unwrap();
        let filter = network.gateway.proc_net("mcfilter").unwrap();
        let sources = filter.lines().filter(|line| line.contains("0xef070001"));
        assert_eq!(
            sources.count(),
            2,
            "one source-specific join a source: {filter}"
        );
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
