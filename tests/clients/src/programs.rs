//! The clients as programs.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail, ensure};

/// The target folder that the running test was built into, and the profile.
#[derive(Clone, Debug)]
struct Build {
    /// `.../target/PROFILE`.
    folder: PathBuf,
    profile: String,
}

impl Build {
    fn of_this_test() -> Result<Self> {
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

    fn cargo_build(&self, arguments: &[&str]) -> Result<()> {
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

/// The folder of the Rust examples, built once a process: a test must not run yesterday's.
pub fn rust_examples() -> Result<&'static Path> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let build = || -> Result<PathBuf> {
        let build = Build::of_this_test()?;
        build.cargo_build(&["--package", "gateway-client", "--examples"])?;
        Ok(build.folder.join("examples"))
    };
    once(&BUILT, build)
}

fn once(
    cell: &'static OnceLock<Result<PathBuf, String>>,
    build: impl FnOnce() -> Result<PathBuf>,
) -> Result<&'static Path> {
    match cell.get_or_init(|| build().map_err(|error| format!("{error:#}"))) {
        Ok(path) => Ok(path),
        Err(error) => bail!("{error}"),
    }
}

/// Runs a command to its end; its output is in the error if it fails.
pub fn run(command: &mut Command) -> Result<()> {
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
