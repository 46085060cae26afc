//! Any bytes as a message of a client or of the broker: no panic, and what is understood is what is written again.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| gateway_client::protocol::harness::exercise(data));
