//! Any bytes as a packet of PITCH, or as a row of messages: no panic, each counted once, every record well formed.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| gateway_feed::pitch::harness::exercise(data));
