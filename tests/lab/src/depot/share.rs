//! The folder that guests see as `/guest`: the programs, each library that they load, and the names of interfaces.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::command::output_of;

const NAME_INTERFACES: &str = include_str!("name-interfaces.sh");

/// Fills `folder` anew: `programs` and their libraries are those of this machine, so that what was built here runs there.
pub(super) fn fill(folder: &Path, programs: &[PathBuf], interfaces: &str) -> Result<()> {
    let _ = fs::remove_dir_all(folder);
    for part in ["bin", "lib", "lib64"] {
        let path = folder.join(part);
        fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
    }
    let mut libraries = BTreeSet::new();
    for program in programs {
        copy(program, &folder.join("bin"))?;
        libraries.extend(loaded_by(&output_of(Command::new("ldd").arg(program))?));
    }
    for library in &libraries {
        let is_loader = library
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("ld-linux"));
        copy(
            library,
            &folder.join(if is_loader { "lib64" } else { "lib" }),
        )?;
    }
    let script = folder.join("bin/name-interfaces");
    fs::write(&script, NAME_INTERFACES).context("cannot write a script")?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    fs::write(folder.join("interfaces"), interfaces).context("cannot write the names")?;
    Ok(())
}

fn copy(file: &Path, folder: &Path) -> Result<()> {
    let Some(name) = file.file_name() else {
        bail!("{} is no file", file.display());
    };
    fs::copy(file, folder.join(name))
        .map(drop)
        .with_context(|| format!("cannot copy {}", file.display()))
}

/// The files that `ldd` names.
fn loaded_by(listing: &str) -> impl Iterator<Item = PathBuf> {
    listing.lines().filter_map(|line| {
        let path = line.split_once("=>").map_or(line, |(_, path)| path);
        let path = path.split_whitespace().next()?;
        path.starts_with('/').then(|| PathBuf::from(path))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_and_the_loader_are_found_in_a_listing() {
        let listing = "\tlinux-vdso.so.1 (0x00007ffd)\n\
                       \tlibelf.so.1 => /lib/x86_64-linux-gnu/libelf.so.1 (0x00007f)\n\
                       \t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n\tnot a dynamic executable\n";
        let found: Vec<PathBuf> = loaded_by(listing).collect();
        assert_eq!(
            found,
            [
                PathBuf::from("/lib/x86_64-linux-gnu/libelf.so.1"),
                PathBuf::from("/lib64/ld-linux-x86-64.so.2")
            ]
        );
    }
}
