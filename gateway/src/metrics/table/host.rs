//! What the machine does to the gateway.

use super::{Family, define};

define! {
    since "0.1.0";

    POLL_LOOP_BUSY_SECONDS_TOTAL: counter("poll_loop_busy_seconds_total", "seconds", ["thread"], None,
        "Time of a worker's rounds that had packets; its rate is the part of its core that the feed takes. Workers that spin only.");

    POLL_LOOP_STALLS_TOTAL: counter("poll_loop_stalls_total", "rounds", ["thread", "threshold"], Some("a-worker-is-stuck"),
        "Rounds of a worker's loop that took longer than the threshold in seconds: something else had its core, or a burst. Workers that spin only.");

    POLL_LOOP_MAX_SECONDS: gauge("poll_loop_max_seconds", "seconds", ["thread"], Some("a-worker-is-stuck"),
        "The longest round of a worker's loop since the start; 0 while none was longer than 100 µs. Workers that spin only.");

    THREAD_CONTEXT_SWITCHES_TOTAL: counter("thread_context_switches_total", "switches", ["thread", "type"], Some("a-worker-is-stuck"),
        "How often the kernel took a thread from its processor: voluntary, it waited for something; involuntary, something else ran there. thread is the worker's name, as in poll_loop_*; of other threads what they are called. What a thread counts between the last scrape and its end is not told.");

    STEAL_SECONDS_TOTAL: counter("steal_seconds_total", "seconds", ["cpu"], Some("a-worker-is-stuck"),
        "Time that the hypervisor gave a processor of this machine to somebody else.");
}
