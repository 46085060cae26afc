//! Publisher and readers in processes of their own: records that check themselves, processes that are killed.
//!
//! | module | what lives there |
//! |---|---|
//! | `record` | records of every length that tell their own damage, and who keeps count of them |
//! | `child` | the test binary started again in another role, with a socket for descriptors |
//! | `reader` | a reader's process, and the four ways in which it reads |
//! | `publisher` | a publisher's process, which publishes until it is killed |
//! | `stress` | one publisher, readers of every kind, readers that are killed |
//! | `kills` | publishers that are killed at any point |
//! | `table` | a table whose writer or readers are killed |
//!
//! `GATEWAY_TEST_SECONDS` (4) says how long the stress lasts, `GATEWAY_TEST_KILLS` (150) how many readers and how many
//! publishers are killed at least:
//!
//! ```text
//! GATEWAY_TEST_SECONDS=60 GATEWAY_TEST_KILLS=1000 cargo test -p gateway-queue --test processes -- --show-output
//! ```
#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "tests")]

mod child;
mod kills;
mod publisher;
mod reader;
mod record;
mod stress;
mod table;

use std::time::Duration;

/// How long the stress lasts.
fn duration() -> Duration {
    Duration::from_secs(setting("GATEWAY_TEST_SECONDS", 4))
}

/// How many processes are killed.
fn kills() -> u64 {
    setting("GATEWAY_TEST_KILLS", 150)
}

fn setting(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{variable}={text} is no number")),
        Err(_) => default,
    }
}
