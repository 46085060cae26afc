//! The counting allocator counts, and by thread.

use gateway_test_support::allocations::{self, CountingAllocator};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn each_call_counts_once_and_for_its_thread() {
    let before = allocations::of_this_thread();
    let mut bytes = Vec::with_capacity(8);
    bytes.extend([0_u8; 8]);
    bytes.reserve_exact(4_000);
    let zeroed = vec![0_u8; 4_000];
    drop((bytes, zeroed));
    assert_eq!(allocations::of_this_thread() - before, 5);

    let before = allocations::of_this_thread();
    std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            let before = allocations::of_this_thread();
            let bytes = std::hint::black_box(vec![1_u8; 4_000]);
            drop(bytes);
            allocations::of_this_thread() - before
        });
        // Read before the join, which frees what starting a thread took.
        let result = loop {
            if other.is_finished() {
                break allocations::of_this_thread();
            }
            std::thread::yield_now();
        };
        assert!(matches!(other.join(), Ok(2)));
        assert!(result - before < 20, "starting a thread takes a few");
    });
}
