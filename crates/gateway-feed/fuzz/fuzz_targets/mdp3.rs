//! Any bytes as a packet of MDP 3.0, or as a row of messages: no panic, each counted once, every record well formed.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| gateway_feed::mdp3::harness::exercise(data));
