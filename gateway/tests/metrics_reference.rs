//! `docs/metrics.md` says what the table of metrics says.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

/// Set: the file is written instead of compared.
const WRITE: &str = "GATEWAY_WRITE_DOCS";

#[test]
fn the_reference_is_that_of_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
    let made = gateway::metrics::table::reference();
    if std::env::var_os(WRITE).is_some() {
        fs::write(&path, &made).unwrap();
        return;
    }
    let written = fs::read_to_string(&path).unwrap();
    for (number, (left, right)) in written.lines().zip(made.lines()).enumerate() {
        assert_eq!(
            left,
            right,
            "docs/metrics.md, line {}: {WRITE}=1 cargo test -p gateway --test metrics_reference",
            number + 1
        );
    }
    assert_eq!(written, made);
}
