//! Which fuzz targets there are, their programs, and what each begins with.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::{shell, workspace};

/// The machine that the targets are built for, this one: the sanitizers need glibc.
fn machine() -> String {
    format!("{}-unknown-linux-gnu", std::env::consts::ARCH)
}

/// One fuzz target.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Its name.
    pub(crate) name: String,
    /// Package of the crate that it is about.
    package: String,
    /// The crate's folder, which has one named `fuzz`.
    crate_folder: PathBuf,
    /// What runs it, once it is built.
    pub(crate) program: PathBuf,
}

#[derive(Deserialize)]
struct Manifest {
    bin: Vec<Binary>,
}

#[derive(Deserialize)]
struct Binary {
    name: String,
}

/// All of them: what each `crates/*/fuzz/Cargo.toml` lists, by name.
pub(crate) fn all() -> Result<Vec<Target>> {
    let crates = workspace::root().join("crates");
    let programs = workspace::target()
        .join("fuzz")
        .join(machine())
        .join("release");
    let mut targets = Vec::new();
    let entries =
        std::fs::read_dir(&crates).with_context(|| format!("cannot read {}", crates.display()))?;
    for entry in entries {
        let crate_folder = entry?.path();
        let manifest = crate_folder.join("fuzz/Cargo.toml");
        if !manifest.is_file() {
            continue;
        }
        let package = crate_folder.file_name().unwrap_or_default();
        let package = package.to_string_lossy().into_owned();
        for name in listed(&manifest)? {
            targets.push(Target {
                program: programs.join(&name),
                name,
                package: package.clone(),
                crate_folder: crate_folder.clone(),
            });
        }
    }
    targets.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(targets)
}

fn listed(manifest: &Path) -> Result<Vec<String>> {
    let cannot_read = || format!("cannot read {}", manifest.display());
    let text = std::fs::read_to_string(manifest).with_context(cannot_read)?;
    let manifest: Manifest = toml::from_str(&text).with_context(cannot_read)?;
    Ok(manifest.bin.into_iter().map(|binary| binary.name).collect())
}

/// Builds what `targets` need, into `folder`.
pub(crate) fn build(targets: &[Target], folder: &Path) -> Result<()> {
    let mut folders: Vec<&Path> = targets.iter().map(|t| t.crate_folder.as_path()).collect();
    folders.sort_unstable();
    folders.dedup();
    for crate_folder in folders {
        let mut command = Command::new(workspace::cargo());
        command
            .current_dir(crate_folder)
            .args(["fuzz", "build", "--target-dir"])
            .arg(folder)
            .args(["--target", &machine()])
            // The sanitizers' flags are unstable; the compiler is the project's own.
            .env("RUSTC_BOOTSTRAP", "1");
        shell::run_shown(&mut command)?;
    }
    Ok(())
}

/// Has the crates' own tests write inputs for their targets, by their own encoders, one folder a target.
pub(crate) fn write_seeds(targets: &[Target], folder: &Path) -> Result<()> {
    let mut packages: Vec<&str> = targets.iter().map(|t| t.package.as_str()).collect();
    packages.sort_unstable();
    packages.dedup();
    let mut command = Command::new(workspace::cargo());
    command
        .current_dir(workspace::root())
        .args(["test", "--quiet", "--test", "fuzz_seeds"])
        .args(packages.iter().flat_map(|package| ["--package", package]))
        .env("GATEWAY_FUZZ_SEEDS", folder);
    shell::run_shown(&mut command)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_source_of_a_target_is_listed() {
        let targets = all().unwrap();
        for target in &targets {
            let source = target.crate_folder.join("fuzz/fuzz_targets");
            let source = source.join(format!("{}.rs", target.name));
            assert!(source.is_file(), "{}", source.display());
        }
        let crates = std::fs::read_dir(workspace::root().join("crates")).unwrap();
        let sources = crates
            .filter_map(|each| {
                std::fs::read_dir(each.unwrap().path().join("fuzz/fuzz_targets")).ok()
            })
            .flatten();
        assert_eq!(sources.count(), targets.len());
        assert!(targets.iter().any(|target| target.name == "recovery"));
    }
}
