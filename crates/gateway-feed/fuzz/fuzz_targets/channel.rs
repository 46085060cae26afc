//! Any bytes as a schedule of packets on three lines: whatever comes, the channel keeps its promises.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| gateway_feed::harness::channel(data));
