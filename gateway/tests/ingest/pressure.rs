//! What happens when more comes than we take, when a device has several queues, and when it goes away.

use std::net::SocketAddrV4;
use std::time::Instant;

use gateway::ingest::{ErrorKind, Ingest, IngestError, InterfaceRequest, Mode, Opened, Tier};
use gateway_test_harness::network::{EXCHANGE_ADDRESS, GATEWAY_INTERFACE};
use gateway_wire::shared::Verdict;

use crate::rig::*;

#[test]
fn packets_beyond_the_rings_are_counted_by_the_kernel_and_the_rest_is_whole() {
    let Some(network) = network() else { return };
    for tier in [Tier::Copy, Tier::Skb] {
        let streams = streams(1);
        let request = InterfaceRequest {
            rx_ring: 64,
            busy_poll: false,
            ..request(Mode::Exactly(tier), streams.clone())
        };
        let (mut opened, _joins) = open(&network.gateway, &request).unwrap();
        for round in 0..5 {
            // Nobody polls while they come; few enough at a time for the veth queue.
            network
                .exchange
                .enter(|| {
                    let socket = sender(EXCHANGE_ADDRESS);
                    for number in 0_u32..200 {
                        let address = SocketAddrV4::new(streams[0].group, streams[0].port);
                        socket.send_to(&number.to_le_bytes(), address)?;
                    }
                    Ok(())
                })
                .unwrap();
            let sent = 200 * (round + 1);
            assert!(
                soon(|| redirected(&opened) == sent),
                "{tier}: {} of {sent}",
                redirected(&opened)
            );
            while opened.providers[0].poll(&mut |_| ()).unwrap() > 0 {}
        }
        let received = opened.providers[0].counters().packets;
        let drops = opened.providers[0]
            .drop_reader()
            .unwrap()
            .read()
            .unwrap()
            .unwrap();
        assert!(drops.rx_ring_full > 0, "{drops:?}");
        let dropped = drops.rx_ring_full + drops.rx_dropped;
        assert_eq!(received + dropped, 1000, "{tier}: {drops:?}");
    }
}

fn redirected(opened: &Opened) -> u64 {
    opened
        .program
        .as_ref()
        .unwrap()
        .verdicts()
        .unwrap()
        .get(Verdict::Redirected)
}

#[test]
fn each_receive_queue_has_a_provider_and_together_they_miss_nothing() {
    let Some(network) = network() else { return };
    network.exchange.ip("link delete exch0").unwrap();
    let peer = network.gateway.path();
    network
        .exchange
        .ip(&format!(
            "link add exch0 numtxqueues 2 numrxqueues 2 type veth \
             peer name {GATEWAY_INTERFACE} numtxqueues 2 numrxqueues 2 netns {peer}"
        ))
        .unwrap();
    network
        .exchange
        .ip(&format!("address add {EXCHANGE_ADDRESS}/24 dev exch0"))
        .unwrap();
    network.exchange.ip("link set exch0 up").unwrap();
    network
        .gateway
        .ip(&format!("link set {GATEWAY_INTERFACE} up"))
        .unwrap();

    // Enough flows that the sender's hash sends some to each queue.
    let streams = streams(16);
    let request = request(Mode::Exactly(Tier::Copy), streams.clone());
    let (mut opened, _joins) = open(&network.gateway, &request).unwrap();
    let queues: Vec<_> = opened
        .providers
        .iter()
        .map(|provider| provider.queue())
        .collect();
    assert_eq!(queues, [Some(0), Some(1)]);
    let (received, _) = exchange(&network, &mut opened, &streams, 100);
    assert_received(&received, 16, 100);
    for provider in &opened.providers {
        assert!(
            provider.counters().packets > 0,
            "queue {:?}",
            provider.queue()
        );
    }
}

#[test]
fn a_device_that_goes_away_is_an_error_and_not_silence() {
    for busy_poll in [true, false] {
        let Some(network) = network() else { return };
        let request = InterfaceRequest {
            busy_poll,
            ..request(Mode::Exactly(Tier::Copy), streams(1))
        };
        let (mut opened, _joins) = open(&network.gateway, &request).unwrap();
        network
            .gateway
            .ip(&format!("link set {GATEWAY_INTERFACE} down"))
            .unwrap();
        for _ in 0..100 {
            assert_eq!(
                opened.providers[0].poll(&mut |_| ()).unwrap(),
                0,
                "down is not gone"
            );
        }
        network.exchange.ip("link delete exch0").unwrap();
        let limit = Instant::now() + PATIENCE;
        let error = loop {
            match opened.providers[0].poll(&mut |_| ()) {
                Err(error) => break error,
                Ok(_) => assert!(Instant::now() < limit, "silence"),
            }
        };
        assert!(
            matches!(error, IngestError::InterfaceGone { .. }),
            "{error}"
        );
        assert_eq!(error.kind(), ErrorKind::InterfaceUnusable);
    }
}
