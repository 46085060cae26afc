//! Any bytes as a row of records: no panic, and books that are in order.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| gateway_book::harness::exercise(data));
