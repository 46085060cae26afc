//! Files of the tree: each with its mode, whatever the umask is.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::epoch::Epoch;
use crate::shell;

/// Makes the folder of `place`, and those above it.
fn make_folder_of(place: &Path) -> Result<()> {
    let folder = place.parent().context("a file without a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))
}

/// Copies a file.
pub(super) fn copy(from: &Path, place: &Path, mode: u32) -> Result<()> {
    make_folder_of(place)?;
    fs::copy(from, place)
        .with_context(|| format!("cannot copy {} to {}", from.display(), place.display()))?;
    set_mode(place, mode)
}

/// Writes a file.
pub(super) fn write(place: &Path, text: &str, mode: u32) -> Result<()> {
    make_folder_of(place)?;
    fs::write(place, text).with_context(|| format!("cannot write {}", place.display()))?;
    set_mode(place, mode)
}

pub(super) fn set_mode(place: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(place, Permissions::from_mode(mode))
        .with_context(|| format!("cannot set the mode of {}", place.display()))
}

/// Makes a link to what stands beside it.
pub(super) fn link(target: &str, place: &Path) -> Result<()> {
    make_folder_of(place)?;
    symlink(target, place).with_context(|| format!("cannot link {}", place.display()))
}

/// Packs a file where it stands, without its name and time.
pub(super) fn gzip(place: &Path) -> Result<()> {
    shell::output_of(Command::new("gzip").args(["-9", "-n", "-f"]).arg(place)).map(drop)
}

/// Copies what is under `from`, folders and all.
pub(super) fn copy_all(from: &Path, place: &Path) -> Result<()> {
    for path in under(from)? {
        if path.is_file() {
            let below = path.strip_prefix(from).context("not below its folder")?;
            copy(&path, &place.join(below), 0o644)?;
        }
    }
    Ok(())
}

/// Everything below `folder`, sorted, folders before what is in them; links are not followed.
pub(super) fn under(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.context("cannot read a folder")?.path());
    }
    paths.sort();
    for path in paths {
        let is_folder = path.is_dir() && !path.is_symlink();
        found.push(path.clone());
        if is_folder {
            found.extend(under(&path)?);
        }
    }
    Ok(found)
}

/// Gives every folder its mode, and everything its time.
pub(super) fn settle(tree: &Path, epoch: Epoch) -> Result<()> {
    use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};
    let time = Timespec {
        tv_sec: epoch.0.try_into().context("a time beyond all times")?,
        tv_nsec: 0,
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    let mut all = under(tree)?;
    all.push(tree.to_owned());
    for path in all {
        if path.is_dir() && !path.is_symlink() {
            set_mode(&path, 0o755)?;
        }
        utimensat(CWD, &path, &times, AtFlags::SYMLINK_NOFOLLOW)
            .with_context(|| format!("cannot set the time of {}", path.display()))?;
    }
    Ok(())
}
