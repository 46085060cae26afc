//! Any bytes as a capture and as a raw message file: no panic, an end, nothing delivered that is not there.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/common/exhaust.rs"]
mod exhaust;

fuzz_target!(|data: &[u8]| {
    exhaust::exhaust(data);
    exhaust::exhaust_messages(data);
});
