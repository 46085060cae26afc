//! After construction a poll allocates and frees nothing, whatever the tier.

use std::time::Instant;

use gateway::ingest::{Ingest, Mode, Tier};
use gateway_test_support::allocations::{self, CountingAllocator};

use crate::rig::*;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn polling_allocates_nothing() {
    const COUNT: u32 = 500;
    for tier in [Tier::Copy, Tier::Skb, Tier::Socket] {
        let Some(network) = network() else { return };
        let streams = streams(3);
        let (mut opened, _joins) = open(
            &network.gateway,
            &request(Mode::Exactly(tier), streams.clone()),
        )
        .unwrap();
        let progress = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| send(&network, &streams, COUNT, &progress));
            let provider = &mut opened.providers[0];
            let limit = Instant::now() + PATIENCE;
            let (mut received, before) = (0, allocations::of_this_thread());
            while received < 3 * COUNT as usize && Instant::now() < limit {
                let handed = provider.poll(&mut |datagram| assert_eq!(datagram.payload.len(), 4));
                received += handed.unwrap_or(0);
                progress.store(received, std::sync::atomic::Ordering::Relaxed);
            }
            assert_eq!(allocations::of_this_thread() - before, 0, "{tier}");
            assert_eq!(received, 3 * COUNT as usize, "{tier}");
        });
    }
}
