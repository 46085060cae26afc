//! Any bytes as a frame: rejected, or what the parser says of them holds.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/common/judge.rs"]
mod judge;

fuzz_target!(|data: &[u8]| judge::judge(data));
