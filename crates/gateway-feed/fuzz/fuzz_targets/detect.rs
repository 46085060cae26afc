//! Any bytes as a row of packets whose feed is to be told: no panic, and what a packet is said to fit reads it whole.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| gateway_feed::detect::harness::exercise(data));
