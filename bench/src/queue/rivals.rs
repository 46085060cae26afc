//! The program that measures: our queue and its rivals, built from a crate with a lock file of its own.
//!
//! A rival that does not build on this machine is left out; the others, and ours, are measured without it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// What builds on every machine that builds the product.
pub(super) const OURS: [Contestant; 6] = [
    Contestant::Gateway,
    Contestant::Ring,
    Contestant::RawLine,
    Contestant::RawLines,
    Contestant::Datagram,
    Contestant::DatagramPolled,
];

/// A queue that takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Contestant {
    /// By the client, as a strategy reads.
    Gateway,
    /// The ring without the client.
    Ring,
    /// One line handed over and back.
    RawLine,
    /// A line of its own for each message.
    RawLines,
    Ringfire,
    Outcry,
    Aeron,
    Iceoryx2,
    Crossbeam,
    Rtrb,
    Datagram,
    DatagramPolled,
}

impl Contestant {
    /// All of them, in the order of the report.
    pub(super) const ALL: [Self; 12] = [
        Self::RawLine,
        Self::RawLines,
        Self::Gateway,
        Self::Ring,
        Self::Ringfire,
        Self::Outcry,
        Self::Aeron,
        Self::Iceoryx2,
        Self::Crossbeam,
        Self::Rtrb,
        Self::Datagram,
        Self::DatagramPolled,
    ];

    /// What the report calls it.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Ring => "gateway's ring, no client",
            Self::RawLine => "raw cache line",
            Self::RawLines => "raw cache lines, 65,536 in turn",
            Self::Ringfire => "ringfire 0.5",
            Self::Outcry => "outcry 0.2",
            Self::Aeron => "Aeron IPC",
            Self::Iceoryx2 => "iceoryx2 0.10",
            Self::Crossbeam => "crossbeam-channel (threads)",
            Self::Rtrb => "rtrb (threads)",
            Self::Datagram => "Unix datagram socket",
            Self::DatagramPolled => "Unix datagram socket, polled",
        }
    }

    /// What the measuring program calls it; a rival's feature has the same name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Ring => "ring",
            Self::RawLine => "raw-line",
            Self::RawLines => "raw-lines",
            Self::Ringfire => "ringfire",
            Self::Outcry => "outcry",
            Self::Aeron => "aeron",
            Self::Iceoryx2 => "iceoryx2",
            Self::Crossbeam => "crossbeam",
            Self::Rtrb => "rtrb",
            Self::Datagram => "datagram",
            Self::DatagramPolled => "datagram-polled",
        }
    }
}

/// The program, and who is missing from it.
#[derive(Debug)]
pub(super) struct Rivals {
    pub(super) program: PathBuf,
    /// Why a rival is not there.
    pub(super) missing: BTreeMap<Contestant, String>,
}

/// Builds the program with every rival that builds here. The first time takes minutes.
///
/// # Errors
/// Where it does not build even without rivals.
pub(super) fn build() -> Result<Rivals> {
    let target = target_folder()?;
    let mut wanted: Vec<Contestant> = Contestant::ALL.into();
    wanted.retain(|contestant| !OURS.contains(contestant));
    let mut missing = BTreeMap::new();
    let cmake = match cmake_folder(&target) {
        Ok(folder) => folder,
        Err(error) => {
            missing.insert(Contestant::Aeron, format!("{error:#}"));
            wanted.retain(|contestant| *contestant != Contestant::Aeron);
            None
        }
    };
    let cargo = |rivals: &[Contestant]| cargo(rivals, &target, cmake.as_deref());
    eprintln!("queue: building the rivals; the first time takes minutes");
    if cargo(&wanted)?.is_err() {
        // One of them, or more: each alone tells which.
        for rival in std::mem::take(&mut wanted) {
            match cargo(&[rival])? {
                Ok(()) => wanted.push(rival),
                Err(reason) => {
                    missing.insert(rival, reason);
                }
            }
        }
        if let Err(reason) = cargo(&wanted)? {
            bail!("the measuring program does not build: {reason}");
        }
    }
    for (rival, reason) in &missing {
        eprintln!("queue: {} does not build here: {reason}", rival.title());
    }
    Ok(Rivals {
        program: target.join("release/gateway-bench-rivals"),
        missing,
    })
}

/// Cargo's target folder, from where this program lies in it.
fn target_folder() -> Result<PathBuf> {
    let program = std::env::current_exe().context("this program has no path")?;
    let target = program.parent().and_then(Path::parent);
    Ok(target
        .context("this program is in no target folder")?
        .join("rivals"))
}

/// Builds with `rivals`; inside of the result, why it failed.
fn cargo(rivals: &[Contestant], target: &Path, cmake: Option<&Path>) -> Result<Result<(), String>> {
    let features: Vec<&str> = rivals.iter().map(|rival| rival.name()).collect();
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("rivals/Cargo.toml");
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .args(["build", "--quiet", "--release", "--locked", "--features"])
        .arg(features.join(","))
        .arg("--manifest-path")
        .arg(manifest)
        .arg("--target-dir")
        .arg(target)
        .stdin(Stdio::null());
    if let Some(cmake) = cmake {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let paths = [cmake.to_owned()]
            .into_iter()
            .chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(paths)?);
    }
    let output = command.output().context("cannot start cargo")?;
    if output.status.success() {
        return Ok(Ok(()));
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Ok(Err(reason_of(&stderr)))
}

/// The line of a failed build that says most.
fn reason_of(stderr: &str) -> String {
    let says = |word: &str| {
        let mut lines = stderr.lines().map(str::trim);
        lines.find(|line| line.contains(word)).map(str::to_owned)
    };
    says("CMake Error")
        .or_else(|| says("Unable to find libclang"))
        .or_else(|| says("cannot find -l"))
        .or_else(|| says("error"))
        .unwrap_or_else(|| "cargo says nothing".to_owned())
}

/// Where a CMake is that builds Aeron, if not in the path: it wants 3.30, and distributions are slow, so that PyPI's is
/// taken, into the target folder.
fn cmake_folder(target: &Path) -> Result<Option<PathBuf>> {
    let version_of = |program: &Path| -> Option<(u32, u32)> {
        let output = Command::new(program).arg("--version").output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let mut numbers = text.split_whitespace().nth(2)?.split('.');
        Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    };
    let good = |program: &Path| version_of(program).is_some_and(|version| version >= (3, 30));
    if good(Path::new("cmake")) {
        return Ok(None);
    }
    let into = target.join("cmake");
    let folder = into.join("cmake/data/bin");
    if !good(&folder.join("cmake")) {
        let mut pip = Command::new("python3");
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--root-user-action=ignore",
        ])
        .args(["--upgrade", "--target"])
        .arg(&into)
        .arg("cmake>=3.30")
        .stdin(Stdio::null());
        eprintln!("queue: taking CMake from PyPI into {}", into.display());
        let output = pip
            .output()
            .context("Aeron needs CMake 3.30; no python3 to get it with")?;
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            bail!(
                "Aeron needs CMake 3.30, and pip did not get it: {}",
                stderr.lines().last().unwrap_or_default()
            );
        }
    }
    Ok(Some(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_build_is_told_by_the_line_that_says_most() {
        let stderr = "warning: x\nerror: failed to run custom build command\n  CMake Error at \
                      CMakeLists.txt:15: CMake 3.30 or higher is required.\n";
        assert!(
            reason_of(stderr).contains("3.30 or higher"),
            "{}",
            reason_of(stderr)
        );
        assert_eq!(
            reason_of("error[E0425]: no such thing\n"),
            "error[E0425]: no such thing"
        );
    }
}
