//! Any bytes as what a peer of a SoupBinTCP session or a GLIMPSE server sends: no panic, no unbounded memory, and the
//! same events however the bytes are cut.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| gateway_feed::soupbintcp::harness::exercise(data));
