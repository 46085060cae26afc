//! An allocator that counts, for tests of what must not allocate.
//!
//! ```
//! use gateway_test_support::allocations::{self, CountingAllocator};
//!
//! #[global_allocator]
//! static ALLOCATOR: CountingAllocator = CountingAllocator;
//!
//! let before = allocations::of_this_thread();
//! let boxed = Box::new(1);
//! drop(boxed);
//! assert_eq!(allocations::of_this_thread() - before, 2);
//! ```

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

/// Threads that are told apart: those whose kernel ids differ by less than this.
const THREADS: usize = 1 << 16;

/// Calls of each thread, under its kernel id modulo the length.
static CALLS: [AtomicU64; THREADS] = [const { AtomicU64::new(0) }; THREADS];

/// The system's allocator, which counts each thread's calls: memory taken, given back or resized.
#[derive(Debug)]
pub struct CountingAllocator;

/// The running thread's id in the kernel.
fn this_thread() -> usize {
    thread_local! {
        static ID: Cell<usize> = const { Cell::new(0) };
    }
    // Without a destructor: it is there as long as the thread runs.
    ID.with(|id| {
        if id.get() == 0 {
            // SAFETY: takes nothing and touches no memory.
            id.set(unsafe { libc::gettid() } as usize);
        }
        id.get()
    })
}

fn count() {
    // Relaxed: a number, which orders nothing.
    CALLS[this_thread() % THREADS].fetch_add(1, Ordering::Relaxed);
}

/// Calls of the running thread so far.
#[must_use]
pub fn of_this_thread() -> u64 {
    of_thread(this_thread())
}

/// Calls so far of the thread with this id in the kernel (`/proc/self/task/ID`).
#[must_use]
pub fn of_thread(id: usize) -> u64 {
    // Relaxed: see `count`.
    CALLS[id % THREADS].load(Ordering::Relaxed)
}

// SAFETY: everything is the system's allocator's; counting touches a static and a thread-local without a destructor,
// and allocates nothing.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is passed on; the memory is the system's allocator's.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count();
        // SAFETY: the caller's promise is passed on; the memory is the system's allocator's.
        unsafe { System.dealloc(memory, layout) }
    }
}
