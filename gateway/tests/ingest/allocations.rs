//! After construction a poll allocates and frees nothing, whatever the tier.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Instant;

use gateway::ingest::{Ingest, Mode, Tier};

use crate::rig::*;

/// Counts the calling thread's allocations and frees.
struct Counting;

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // A thread that is ending has no counter any more, and nothing to measure.
    let _ = CALLS.try_with(|calls| calls.set(calls.get() + 1));
}

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's contract is the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count();
        // SAFETY: as for `alloc`.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn polling_allocates_nothing() {
    const COUNT: u32 = 500;
    for tier in [Tier::Copy, Tier::Skb, Tier::Socket] {
        let Some(network) = network() else { return };
        let streams = streams(3);
        let (mut opened, _membership) = open(
            &network.gateway,
            &request(Mode::Exactly(tier), streams.clone()),
        )
        .unwrap();
        let progress = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| send(&network, &streams, COUNT, &progress));
            let provider = &mut opened.providers[0];
            let limit = Instant::now() + PATIENCE;
            let (mut received, before) = (0, CALLS.get());
            while received < 3 * COUNT as usize && Instant::now() < limit {
                let handed = provider.poll(&mut |datagram| assert_eq!(datagram.payload.len(), 4));
                received += handed.unwrap_or(0);
                progress.store(received, std::sync::atomic::Ordering::Relaxed);
            }
            assert_eq!(CALLS.get() - before, 0, "{tier}");
            assert_eq!(received, 3 * COUNT as usize, "{tier}");
        });
    }
}
