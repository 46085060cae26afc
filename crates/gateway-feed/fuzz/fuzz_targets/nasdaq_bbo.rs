//! Any bytes as a row of messages of Nasdaq BBO: no panic, each counted once, every record well formed.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| gateway_feed::nasdaq_bbo::harness::exercise(data));
