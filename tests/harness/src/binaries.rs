//! The programs under test.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};

/// A folder with the built programs.
#[derive(Clone, Debug)]
pub struct Binaries {
    folder: PathBuf,
}

impl Binaries {
    /// The programs in `folder`.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// The programs in the target folder that the running test was built into. They are brought up to date first,
    /// once a process, because a test must not run yesterday's; `GATEWAY_BINARIES` names another folder, as it is.
    pub fn of_this_build() -> Result<Self> {
        static BUILT: OnceLock<Result<Binaries, String>> = OnceLock::new();
        let built = BUILT.get_or_init(|| match env::var_os("GATEWAY_BINARIES") {
            Some(folder) => Ok(Self::at(folder)),
            None => build().map_err(|error| format!("{error:#}")),
        });
        built.clone().map_err(anyhow::Error::msg)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The program `name`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

fn build() -> Result<Binaries> {
    let test = env::current_exe().context("no path of the running program")?;
    // .../target/PROFILE/deps/test-0123456789abcdef
    let folder = test
        .ancestors()
        .nth(2)
        .context("the running program is not in a target folder")?;
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let target = folder.parent().context("no target folder")?;
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "build",
            "--quiet",
            "--package",
            "gateway",
            "--package",
            "gateway-sim",
            "--bins",
            "--profile",
            profile,
        ])
        .arg("--target-dir")
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .context("cannot start cargo to build the programs under test")?;
    if !output.status.success() {
        bail!(
            "building the programs under test failed:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(Binaries::at(folder))
}
