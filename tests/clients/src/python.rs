//! A Python with the client's wheel, built as a strategy's developer would build it.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result};

use crate::programs::{Build, find_program, once, run};

/// What the tests install beside the wheel: its builder, what it needs, what it is compared with, and who checks its types.
const PACKAGES: [&str; 6] = [
    "maturin==1.9.4",
    "numpy==2.2.6",
    "pandas==2.2.3",
    "databento-dbn==0.72.0",
    "mypy==1.18.2",
    "pandas-stubs==2.2.3.250527",
];

/// The path of a program in Python.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("programs")
        .join(name)
}

/// The folder with the examples in Python.
#[must_use]
pub fn examples() -> PathBuf {
    sources().join("examples")
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/gateway-client-python")
}

/// A Python that has the wheel, or `None` after saying why there can be none.
///
/// # Errors
/// The wheel does not build, or cannot be installed.
pub fn with_wheel() -> Result<Option<PathBuf>> {
    static READY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let build = Build::of_this_test()?;
    let folders = build.folder().join("python");
    let folder = folders.join(PACKAGES.join("-"));
    // Tests that are processes of their own come here at the same time: the first one makes it, the others find it.
    fs::create_dir_all(&folders).with_context(|| format!("cannot make {folders:?}"))?;
    let lock = File::create(folders.join("lock")).context("cannot make the lock's file")?;
    lock.lock().context("cannot take the lock")?;
    if let Err(reason) = environment(&folder) {
        println!("skipped: no Python with the packages: {reason}");
        return Ok(None);
    }
    let python = once(&READY, || install(&build, &folder))?;
    Ok(Some(python.to_owned()))
}

/// Makes an environment with the packages, once: it is kept with what is built.
fn environment(folder: &Path) -> Result<(), String> {
    // Written last: an environment that was not completed is made again.
    let complete = folder.join("complete");
    if complete.is_file() {
        return Ok(());
    }
    let python3 = find_program("python3").ok_or("no program python3")?;
    let step = |command: &mut Command| run(command).map_err(|error| format!("{error:#}"));
    step(
        Command::new(python3)
            .args(["-m", "venv", "--clear"])
            .arg(folder),
    )?;
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet"]);
    pip.args(["--disable-pip-version-check", "--only-binary", ":all:"]);
    step(pip.args(PACKAGES))?;
    fs::write(complete, "").map_err(|error| error.to_string())
}

/// Builds the wheel of today's sources and installs it, unless it is installed: somebody may be using that.
fn install(build: &Build, folder: &Path) -> Result<PathBuf> {
    let python = folder.join("bin/python");
    let wheels = folder.join("wheels");
    if wheels.exists() {
        fs::remove_dir_all(&wheels)
            .with_context(|| format!("cannot remove {}", wheels.display()))?;
    }
    let target = build.folder().parent().context("no target folder")?;
    let mut maturin = Command::new(folder.join("bin/maturin"));
    maturin.args([
        "build",
        "--quiet",
        "--profile",
        build.profile(),
        "--auditwheel",
        "skip",
    ]);
    maturin
        .arg("--out")
        .arg(&wheels)
        .arg("--target-dir")
        .arg(target);
    // Where the builder is installed there is a Python to build for; the workspace builds without one.
    maturin
        .arg("--interpreter")
        .arg(&python)
        .current_dir(sources());
    maturin.env_remove("PYO3_NO_PYTHON");
    run(&mut maturin)?;
    let contents = contents(build)?;
    let installed = folder.join("installed");
    if fs::read_to_string(&installed).is_ok_and(|found| found == contents) {
        return Ok(python);
    }
    let wheel = fs::read_dir(&wheels)?
        .next()
        .context("maturin made no wheel")??
        .path();
    let mut pip = Command::new(&python);
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]);
    pip.args(["--force-reinstall", "--no-deps", "--no-index"])
        .arg(wheel);
    run(&mut pip)?;
    fs::write(&installed, contents).with_context(|| format!("cannot write {installed:?}"))?;
    Ok(python)
}

/// What tells one wheel from another: it is a hash of all that is in it.
fn contents(build: &Build) -> Result<String> {
    let package = sources().join("python/gateway_client");
    let entries = fs::read_dir(&package).with_context(|| format!("cannot read {package:?}"))?;
    let entries: Vec<_> = entries.collect::<Result<_, _>>()?;
    let mut files: Vec<PathBuf> = entries.iter().map(fs::DirEntry::path).collect();
    files.retain(|path| path.is_file());
    files.push(build.folder().join("libgateway_client_python.so"));
    files.sort();
    let mut hasher = DefaultHasher::new();
    for path in files {
        path.hash(&mut hasher);
        fs::read(&path)
            .with_context(|| format!("cannot read {path:?}"))?
            .hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}
