//! After its start a worker allocates and frees nothing, whatever passes through it.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::time::Duration;

use common::{Running, config, until, write_capture};
use gateway::service::status::Status;
use gateway_test_support::allocations::{self, CountingAllocator};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// The kernel's id of the thread of that name.
fn thread_named(name: &str) -> Option<usize> {
    std::fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(Result::ok)
        .find(|task| {
            std::fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim() == name)
        })
        .and_then(|task| task.file_name().to_str()?.parse().ok())
}

#[test]
fn a_replay_with_losses_allocates_nothing_on_the_workers_thread() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ab.pcap");
    // The day's first messages, a pause in which the count is read, then everything else.
    let pause = |packet: u64| if packet == 2 { 1_500_000_000 } else { 0 };
    let lost = |line: usize, packet: u64| packet.is_multiple_of(3 + line as u64);
    let truth = write_capture(&file, 20_000, lost, pause);
    let queues = "[[queue]]\nname = \"some\"\nchannels = [\"itch\"]\nsymbols = [\"A*\", \"ZZZ\"]\n";
    let entitled =
        format!("{queues}[[entitlement]]\nname = \"e\"\nusers = [4711]\nqueues = [\"*\"]\n");
    let gateway = Running::start(config(folder.path(), &file, "capture", &entitled));
    let client = gateway.client();
    let status = || -> Status { serde_json::from_str(&client.status().unwrap()).unwrap() };
    until("the first messages", || {
        (status().channels[0].messages > 0).then_some(())
    });
    let worker = until("the worker's thread", || thread_named("w0"));
    std::thread::sleep(Duration::from_millis(50));
    let before = allocations::of_thread(worker);
    assert!(
        status().channels[0].messages < 100,
        "the pause is over already"
    );

    // Queues change under way: a successor comes and the old end goes back.
    gateway.reload(config(folder.path(), &file, "capture", queues));
    let rotated = until("the rotations", || {
        let queues = status().queues;
        queues.iter().all(|q| q.rotations == 1).then_some(queues)
    });
    assert_eq!(rotated.len(), 3);

    let after = until("the capture's end", || {
        let status = status();
        (status.channels[0].next_sequence == truth.next).then_some(status)
    });
    assert_eq!(after.channels[0].messages, truth.delivered.len() as u64);
    assert!(after.channels[0].gaps > 0 && after.channels[0].instruments > 0);
    // Its end is told to the control plane, once: the channel to it was made at the start.
    until("the input's end", || {
        (status().interfaces[0].state == "finished").then_some(())
    });
    assert!(allocations::of_this_thread() > 0, "the counter counts");
    assert_eq!(
        allocations::of_thread(worker) - before,
        0,
        "allocations and frees on the worker's thread"
    );
}
