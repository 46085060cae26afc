//! Exchange data that is not ours to ship.

use std::env;
use std::path::{Path, PathBuf};

/// Names the folder with the data.
pub const VARIABLE: &str = "GATEWAY_TEST_DATA";

/// The folder: the one that [`VARIABLE`] names, else `../shared/data` beside the workspace.
fn folder() -> PathBuf {
    env::var_os(VARIABLE).map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    )
}

/// The file or folder `name` of the data, if it is there; all of the data under the name `""`.
#[must_use]
pub fn find(name: &str) -> Option<PathBuf> {
    let path = folder().join(name);
    path.exists().then_some(path)
}

/// The same for a test, which ends where it is not there: says so in the words that `cargo xtask test` counts.
#[must_use]
pub fn find_or_skip(name: &str) -> Option<PathBuf> {
    let found = find(name);
    if found.is_none() {
        let path = folder().join(name);
        println!(
            "skipped: no data at {} ({VARIABLE} names another folder)",
            path.display()
        );
    }
    found
}
