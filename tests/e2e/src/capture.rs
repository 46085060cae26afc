//! The captures of a real morning, and what is true of them.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use gateway_test_harness::Config;
use gateway_test_harness::config::{Input, Line};
use gateway_test_support::data;

/// Messages of the session.
pub const MESSAGES: u64 = 1_000;
/// Messages that line A or line B carried.
pub const ON_EITHER_LINE: u64 = 994;
/// What neither carried.
pub const LOST_ON_BOTH: [(u64, u64); 2] = [(291, 295), (329, 329)];

/// A capture of the folder, or `None` after saying that there is none.
pub fn file(name: &str) -> Option<PathBuf> {
    data::find_or_skip(&format!("nasdaq-moldudp64-ab/{name}"))
}

/// A configuration for the captured lines.
pub fn config(input: Input) -> Config {
    let line = |name, group| Line {
        name,
        group,
        port: 26_477,
    };
    Config {
        lines: vec![
            line("A", Ipv4Addr::new(233, 54, 12, 111)),
            line("B", Ipv4Addr::new(233, 49, 196, 111)),
        ],
        session_date: "2019-12-30".to_owned(),
        ..Config::new(input)
    }
}
