//! The clients as programs: built before they run, because a test must not run yesterday's.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail, ensure};

/// Where the running test was built, so that what it builds itself is of the same profile and lies beside it.
#[derive(Clone, Debug)]
pub(crate) struct Build {
    /// `.../target/PROFILE`.
    folder: PathBuf,
    profile: String,
}

impl Build {
    pub(crate) fn of_this_test() -> Result<Self> {
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
        Ok(Self {
            folder: folder.to_owned(),
            profile: profile.to_owned(),
        })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn profile(&self) -> &str {
        &self.profile
    }

    /// Builds, unless `GATEWAY_BINARIES` says that what is here is built.
    pub(crate) fn cargo_build(&self, arguments: &[&str]) -> Result<()> {
        if env::var_os("GATEWAY_BINARIES").is_some_and(|folder| Path::new(&folder) == self.folder) {
            return Ok(());
        }
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let target = self.folder.parent().context("no target folder")?;
        let mut command = Command::new(cargo);
        command
            .args(["build", "--quiet", "--profile", &self.profile])
            .args(arguments)
            .arg("--target-dir")
            .arg(target)
            .current_dir(env!("CARGO_MANIFEST_DIR"));
        run(&mut command)
    }
}

/// An example of the Rust client.
///
/// # Errors
/// The compiler's messages.
pub fn rust_example(name: &str) -> Result<PathBuf> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let build = || -> Result<PathBuf> {
        let build = Build::of_this_test()?;
        build.cargo_build(&["--package", "gateway-client", "--examples"])?;
        Ok(build.folder.join("examples"))
    };
    Ok(once(&BUILT, build)?.join(name))
}

/// The conformance script's program in Rust.
///
/// # Errors
/// The compiler's messages.
pub(crate) fn conformance_in_rust() -> Result<PathBuf> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let build = || -> Result<PathBuf> {
        let build = Build::of_this_test()?;
        build.cargo_build(&["--package", "gateway-test-clients", "--bins"])?;
        Ok(build.folder.join("conformance"))
    };
    Ok(once(&BUILT, build)?.to_owned())
}

/// What `build` made, the first time that anybody asked in this process.
pub(crate) fn once(
    cell: &'static OnceLock<Result<PathBuf, String>>,
    build: impl FnOnce() -> Result<PathBuf>,
) -> Result<&'static Path> {
    match cell.get_or_init(|| build().map_err(|error| format!("{error:#}"))) {
        Ok(path) => Ok(path),
        Err(error) => bail!("{error}"),
    }
}

/// Finds `program` in `PATH`.
pub(crate) fn find_program(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

/// Runs a command to its end; its output is in the error if it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let output = command
        .output()
        .with_context(|| format!("cannot start {command:?}"))?;
    ensure!(
        output.status.success(),
        "{command:?} ended with {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
