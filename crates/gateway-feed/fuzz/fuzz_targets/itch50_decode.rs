//! Any bytes as a row of ITCH messages: no panic, each counted once, every record well formed.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| gateway_feed::itch50::harness::exercise(data));
