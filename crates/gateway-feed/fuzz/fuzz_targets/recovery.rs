//! Any bytes as a schedule of the whole of recovery, exchange and servers included: whatever happens, the channel keeps its
//! promises.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(
    dead_code,
    reason = "shared with tests/recovery, which has schedules as text, too"
)]
#[path = "../../tests/recovery/harness/mod.rs"]
mod harness;

fuzz_target!(|data: &[u8]| drop(harness::run(&harness::script::Script::from_bytes(data))));
