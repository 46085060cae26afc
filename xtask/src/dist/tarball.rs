//! The same tree for systems without Debian's package manager.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::Release;
use crate::shell;

/// Packs `tree` into `output`; the archive's name. Everything in it is below one folder, as it will be below `/`.
pub(super) fn build(release: &Release, tree: &Path, output: &Path) -> Result<String> {
    let folder = format!("gateway-{}", release.version);
    let name = format!("{folder}-{}.tar.gz", release.multiarch);
    let packed = output.join(name.strip_suffix(".gz").unwrap_or(&name));
    let mut command = Command::new("tar");
    command
        .args(["--create", "--format=gnu", "--sort=name"])
        .args(["--owner=0", "--group=0", "--numeric-owner"])
        .arg(format!("--mtime=@{}", release.epoch.0))
        .arg(format!("--transform=flags=r;s,^\\.,{folder},"))
        .arg("--file")
        .arg(&packed)
        .arg("--directory")
        .arg(tree)
        .arg(".");
    shell::output_of(&mut command)?;
    let level = if release.optimised { "-9" } else { "-1" };
    shell::output_of(Command::new("gzip").args([level, "-n", "-f"]).arg(&packed))?;
    Ok(name)
}
