//! Any bytes as a MoldUDP64 packet: no panic, nothing read that is not there, what is whole encodes back.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| gateway_feed::harness::moldudp64(data));
