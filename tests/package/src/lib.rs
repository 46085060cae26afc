//! What `cargo xtask dist` makes, as its users get it: built with the development profile, because the contents are under
//! test and not the speed.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};

/// A folder with the package, the tarball and their companions.
#[derive(Debug)]
pub struct Dist {
    folder: tempfile::TempDir,
}

impl Dist {
    /// What this build makes, made once a process.
    ///
    /// # Errors
    /// It cannot be made; the message has what was said.
    pub fn of_this_build() -> Result<&'static Self> {
        static MADE: OnceLock<Result<Dist, String>> = OnceLock::new();
        let made = MADE.get_or_init(|| Self::make("").map_err(|error| format!("{error:#}")));
        made.as_ref().map_err(|why| anyhow::Error::msg(why.clone()))
    }

    /// The same with a suffix to the version.
    ///
    /// # Errors
    /// As above.
    pub fn make(suffix: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        // What `GATEWAY_BINARIES` names is built, xtask among it.
        let mut command = match env::var_os("GATEWAY_BINARIES") {
            Some(folder) => Command::new(Path::new(&folder).join("xtask")),
            None => {
                let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
                let mut command = Command::new(cargo);
                command.args(["run", "--quiet", "--package", "xtask", "--"]);
                command
            }
        };
        command
            .current_dir(root())
            .args(["dist", "--profile", "dev", "--output"])
            .arg(folder.path())
            .arg(format!("--suffix={suffix}"))
            .env("CARGO_TARGET_DIR", target()?);
        output_of(&mut command)?;
        Ok(Self { folder })
    }

    /// The file whose name ends so.
    ///
    /// # Errors
    /// There is none.
    pub fn file(&self, end: &str) -> Result<PathBuf> {
        let entries = fs::read_dir(self.folder.path())?;
        for entry in entries {
            let path = entry?.path();
            if path.to_string_lossy().ends_with(end) {
                return Ok(path);
            }
        }
        bail!("no *{end} among what was made")
    }

    /// The Debian package.
    ///
    /// # Errors
    /// There is none.
    pub fn package(&self) -> Result<PathBuf> {
        self.file(".deb")
    }

    /// Where all of it lies.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The package's files below a new folder, without running its scripts.
    ///
    /// # Errors
    /// dpkg-deb cannot read it.
    pub fn unpacked(&self) -> Result<tempfile::TempDir> {
        let place = tempfile::tempdir()?;
        let mut command = Command::new("dpkg-deb");
        output_of(
            command
                .arg("--raw-extract")
                .arg(self.package()?)
                .arg(place.path()),
        )?;
        Ok(place)
    }
}

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The target folder that this test was built into.
fn target() -> Result<PathBuf> {
    let test = env::current_exe().context("no path of the running program")?;
    // .../target/PROFILE/deps/test-0123456789abcdef
    let target = test.ancestors().nth(3);
    Ok(target.context("not in a target folder")?.to_owned())
}

/// What `command` printed.
///
/// # Errors
/// It cannot be started, or fails; the message has what it said.
pub fn output_of(command: &mut Command) -> Result<String> {
    let output = output(command)?;
    if !output.status.success() {
        bail!(
            "{command:?} ended with {}:\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// How `command` ended, and what it printed.
///
/// # Errors
/// It cannot be started.
pub fn output(command: &mut Command) -> Result<Output> {
    command
        .stdin(Stdio::null())
        .env("LC_ALL", "C.UTF-8")
        .output()
        .with_context(|| format!("cannot start {command:?}"))
}

/// Whether the program is to be had here.
pub fn has(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .any(|folder| folder.join(program).is_file())
}

/// Why what needs these programs cannot be tested here; `None` where it can.
pub fn lacks(programs: &[&str]) -> Option<String> {
    let missing: Vec<&str> = programs
        .iter()
        .copied()
        .filter(|program| !has(program))
        .collect();
    (!missing.is_empty()).then(|| format!("no {}", missing.join(", ")))
}

/// The programs without which there is no package.
pub const PACKAGING: [&str; 2] = ["dpkg-deb", "dpkg-shlibdeps"];
