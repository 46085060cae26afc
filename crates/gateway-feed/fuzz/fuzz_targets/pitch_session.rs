//! Any bytes as what a gap request proxy, a spin server, or a client of one sends: no panic, no unbounded memory, and the
//! same events however the bytes are cut.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| gateway_feed::pitch::session::harness::exercise(data));
