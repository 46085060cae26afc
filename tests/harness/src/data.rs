//! Exchange data that is not ours to ship.

use std::env;
use std::path::{Path, PathBuf};

/// The folder with exchange data: `GATEWAY_TEST_DATA`, or `../shared/data` beside the workspace where it exists.
pub fn folder() -> Option<PathBuf> {
    if let Some(folder) = env::var_os("GATEWAY_TEST_DATA") {
        return Some(PathBuf::from(folder));
    }
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    beside.is_dir().then_some(beside)
}

/// The file `name` in that folder, where both exist.
pub fn file(name: &str) -> Option<PathBuf> {
    let path = folder()?.join(name);
    path.is_file().then_some(path)
}
