//! What detection asks of the machine, apart, so that tests can describe machines they do not run on.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A machine on which tools may be installed.
pub(crate) trait Machine {
    /// Standard output of a command that succeeded.
    fn output(&self, program: &Path, arguments: &[&str]) -> Option<String>;
    /// The executable of this name on the search path, or in cargo's own folder of executables.
    fn find(&self, name: &str) -> Option<PathBuf>;
    /// Whether a file or folder exists.
    fn exists(&self, path: &Path) -> bool;
    /// Whether `folder` holds a file whose name starts with `prefix`.
    fn holds(&self, folder: &Path, prefix: &str) -> bool;
    /// An environment variable.
    fn variable(&self, name: &str) -> Option<String>;
}

/// The machine we run on.
pub(crate) struct Local;

impl Machine for Local {
    fn output(&self, program: &Path, arguments: &[&str]) -> Option<String> {
        let mut command = Command::new(program);
        clean_environment(&mut command);
        let output = command.args(arguments).output().ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn find(&self, name: &str) -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let cargo_home = std::env::var_os("CARGO_HOME")
            .map(PathBuf::from)
            .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
        std::env::split_paths(&path)
            .chain(cargo_home.map(|home| home.join("bin")))
            .map(|folder| folder.join(name))
            .find(|candidate| candidate.is_file())
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn holds(&self, folder: &Path, prefix: &str) -> bool {
        std::fs::read_dir(folder).is_ok_and(|mut entries| {
            entries.any(|entry| {
                entry.is_ok_and(|entry| {
                    entry
                        .file_name()
                        .as_encoded_bytes()
                        .starts_with(prefix.as_bytes())
                })
            })
        })
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }
}

/// Takes out of a command's environment what an outer cargo, rustup or clippy put there for its own compilers.
///
/// What a user sets to reach the network or a registry stays.
pub(crate) fn clean_environment(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if belongs_to_outer_build(&name) {
            command.env_remove(name);
        }
    }
}

fn belongs_to_outer_build(name: &OsStr) -> bool {
    const KEPT: [&str; 6] = [
        "CARGO_HOME",
        "CARGO_NET_",
        "CARGO_HTTP_",
        "CARGO_REGISTR",
        "CARGO_SOURCE_",
        "CARGO_BUILD_JOBS",
    ];
    const TAKEN: [&str; 10] = [
        "CARGO",
        "RUSTC",
        "RUSTFLAGS",
        "RUSTDOC",
        "RUSTUP_TOOLCHAIN",
        "CLIPPY_",
        "LD_LIBRARY_PATH",
        "OUT_DIR",
        "TARGET",
        "MAKEFLAGS",
    ];
    let name = name.to_string_lossy();
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    starts(&TAKEN) && !starts(&KEPT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outer_builds_variables_go_and_the_users_stay() {
        for gone in [
            "CARGO",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_MAKEFLAGS",
            "CARGO_PROFILE_RELEASE_LTO",
            "RUSTC",
            "RUSTC_WORKSPACE_WRAPPER",
            "RUSTUP_TOOLCHAIN",
            "CLIPPY_ARGS",
            "CARGO_TARGET_DIR",
        ] {
            assert!(belongs_to_outer_build(OsStr::new(gone)), "{gone}");
        }
        for stays in [
            "PATH",
            "HOME",
            "CARGO_HOME",
            "CARGO_NET_OFFLINE",
            "RUSTUP_HOME",
            "https_proxy",
        ] {
            assert!(!belongs_to_outer_build(OsStr::new(stays)), "{stays}");
        }
    }
}
