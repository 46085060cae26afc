//! What fuzz targets begin with.

use std::path::PathBuf;
use std::{env, fs, io};

/// Names the folder that seeds are written to.
pub const VARIABLE: &str = "GATEWAY_FUZZ_SEEDS";

/// Writes `seeds` for the fuzz target `target`, where [`VARIABLE`] names a folder: a file each.
///
/// # Errors
/// The folder cannot be written to.
pub fn keep(target: &str, seeds: &[Vec<u8>]) -> io::Result<()> {
    let Some(folder) = env::var_os(VARIABLE) else {
        return Ok(());
    };
    let folder = PathBuf::from(folder).join(target);
    fs::create_dir_all(&folder)?;
    for (number, seed) in seeds.iter().enumerate() {
        fs::write(folder.join(format!("seed-{number:03}")), seed)?;
    }
    Ok(())
}

/// Bytes as if drawn, the same for the same `seed`: schedules of what happens, for targets that read their input so.
#[must_use]
pub fn drawn(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[4]
    };
    (0..length).map(|_| next()).collect()
}
