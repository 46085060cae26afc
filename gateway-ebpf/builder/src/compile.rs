//! Running the compiler.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::machine::clean_environment;
use crate::toolchain::{Detection, Route, Toolchain};

const TARGET: &str = "bpfel-unknown-none";
const PACKAGE: &str = "gateway-ebpf";

/// Why the XDP program was not built. The message holds the remedy.
#[derive(Debug)]
pub enum BuildError {
    /// No toolchain is complete; the detection lists what to install.
    NoToolchain(Box<Detection>),
    /// The compiler could not be started.
    NotStarted {
        /// What was started.
        program: PathBuf,
        /// Why not.
        cause: std::io::Error,
    },
    /// The compiler or the linker refused the program.
    Failed {
        /// What it was built with.
        toolchain: Box<Toolchain>,
        /// The end of what it said.
        output: String,
    },
    /// The build went well but left no object where it should be.
    NoObject(PathBuf),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoToolchain(detection) => {
                write!(
                    f,
                    "{detection}\nor let `cargo xtask setup` install what is missing"
                )
            }
            Self::NotStarted { program, cause } => {
                write!(
                    f,
                    "cannot start {}: {cause}; `cargo xtask setup` checks the tools",
                    program.display()
                )
            }
            Self::Failed { toolchain, output } => {
                write!(
                    f,
                    "the XDP program does not build with {toolchain}:\n{output}"
                )?;
                if let Some(remedy) = remedy(toolchain, output) {
                    write!(f, "\n{remedy}")?;
                }
                Ok(())
            }
            Self::NoObject(path) => write!(
                f,
                "the build of the XDP program left no object at {}; remove the folder around it and build again",
                path.display()
            ),
        }
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NotStarted { cause, .. } => Some(cause),
            _ => None,
        }
    }
}

/// What to do about failures whose message would not tell a newcomer.
fn remedy(toolchain: &Toolchain, output: &str) -> Option<String> {
    let says = |words: &[&str]| words.iter().any(|word| output.contains(word));
    if says(&[
        "nvalid bitcode",
        "Unknown attribute",
        "Producer: ",
        "nvalid record",
        "failure linking module",
    ]) {
        let major = toolchain.llvm.split('.').next().unwrap_or("22");
        return Some(format!(
            "the linker's LLVM is probably older than the compiler's ({}): reinstall it with\n    \
             LLVM_PREFIX=/usr/lib/llvm-{major} cargo install bpf-linker --force --locked --no-default-features \
             --features llvm-{major}",
            toolchain.llvm
        ));
    }
    if says(&["error while loading shared libraries"]) {
        return Some(format!(
            "a tool lacks its LLVM library: install it with\n    apt-get install -y llvm-{}-dev",
            toolchain.llvm.split('.').next().unwrap_or("22")
        ));
    }
    if says(&[
        "failed to download",
        "failed to get `",
        "Could not resolve host",
        "you may need to run without --offline",
    ]) {
        return Some("crates for BPF are not on this machine yet: connect it, or run `cargo fetch` where there is a \
                     network and copy CARGO_HOME"
            .to_owned());
    }
    if says(&["--locked"]) {
        return Some(
            "Cargo.lock does not fit the manifests: run `cargo metadata` once without --locked"
                .to_owned(),
        );
    }
    None
}

/// Folder of the workspace that this crate was compiled in.
fn workspace() -> PathBuf {
    let mut folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    folder.pop();
    folder.pop();
    folder
}

/// What the object is made from: a build script watches these.
#[must_use]
pub fn sources() -> Vec<PathBuf> {
    [
        "gateway-ebpf/src",
        "gateway-ebpf/Cargo.toml",
        "crates/gateway-wire/src",
        "crates/gateway-wire/Cargo.toml",
        "Cargo.toml",
        "Cargo.lock",
    ]
    .iter()
    .map(|name| workspace().join(name))
    .collect()
}

/// Builds the XDP program with the toolchain that `detection` chose, and returns the path of the object, which is
/// below `out_dir`. Builds into the same folder share their work; cargo lets them take turns.
///
/// Runs a cargo of its own, so it works inside a build script.
///
/// # Errors
///
/// [`BuildError`]; its message names the missing piece or holds the compiler's own words, with the remedy.
pub fn build(detection: &Detection, out_dir: &Path) -> Result<PathBuf, BuildError> {
    let Some(toolchain) = &detection.usable else {
        return Err(BuildError::NoToolchain(Box::new(detection.clone())));
    };
    let mut command = command(toolchain, out_dir);
    let output = command.output().map_err(|cause| BuildError::NotStarted {
        program: toolchain.driver.clone(),
        cause,
    })?;
    if !output.status.success() {
        return Err(BuildError::Failed {
            toolchain: Box::new(toolchain.clone()),
            output: tail(&String::from_utf8_lossy(&output.stderr)),
        });
    }
    let object = out_dir.join(TARGET).join("release").join(PACKAGE);
    if object.is_file() {
        Ok(object)
    } else {
        Err(BuildError::NoObject(object))
    }
}

fn command(toolchain: &Toolchain, out_dir: &Path) -> Command {
    let mut command = Command::new(&toolchain.driver);
    clean_environment(&mut command);
    match toolchain.route {
        Route::Prebuilt => {
            // aya-ebpf uses an unstable feature of the compiler (assembly for experimental architectures).
            command
                .env("RUSTC_BOOTSTRAP", "1")
                .env("RUSTC", "/usr/bin/rustc")
                .arg("build");
        }
        Route::Nightly => {
            command.args(["run", "nightly", "cargo", "build", "-Z", "build-std=core"]);
        }
    }
    let linker = format!("-Clinker={}", toolchain.linker.display());
    command
        // The linker makes BTF out of the debug information.
        .env(
            "CARGO_ENCODED_RUSTFLAGS",
            [&linker, "-Clink-arg=--btf", "-Cdebuginfo=2"].join("\x1f"),
        )
        .args([
            "--release",
            "--locked",
            "--target",
            TARGET,
            "--package",
            PACKAGE,
            "--bin",
            PACKAGE,
        ])
        .arg("--target-dir")
        .arg(out_dir)
        .arg("--manifest-path")
        .arg(workspace().join("Cargo.toml"))
        .current_dir(workspace());
    command
}

/// The last lines, at most forty: an error is at the end, and a linker's command line is long.
fn tail(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .map(|line| line.trim_end())
        .filter(|line| !line.trim_start().starts_with("Compiling ") && line.len() < 1000)
        .collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::toolchain::Missing;

    fn toolchain() -> Toolchain {
        Toolchain {
            route: Route::Prebuilt,
            compiler: "rustc 1.96.0".into(),
            llvm: "23.1.0".into(),
            driver: "/usr/bin/cargo".into(),
            linker: "/bin/bpf-linker".into(),
            linker_version: "bpf-linker 0.13.0".into(),
        }
    }

    #[test]
    fn what_is_watched_exists() {
        for source in sources() {
            assert!(source.exists(), "{}", source.display());
        }
    }

    #[test]
    fn without_a_toolchain_the_error_is_the_shopping_list() {
        let missing = Missing {
            piece: crate::Piece::BpfLinker,
            what: "bpf-linker",
            why: "links",
            install_command: "cargo install bpf-linker",
        };
        let detection = Detection {
            missing: vec![missing],
            ..Detection::default()
        };
        let error = build(&detection, Path::new("/nonexistent"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("cargo install bpf-linker") && error.contains("xtask setup"),
            "{error}"
        );
    }

    #[test]
    fn an_old_linker_is_named_instead_of_dumped() {
        let output =
            "error: linking with `bpf-linker` failed\n  Unknown attribute kind (105)".to_owned();
        let error = BuildError::Failed {
            toolchain: Box::new(toolchain()),
            output,
        }
        .to_string();
        assert!(error.contains("--features llvm-23"), "{error}");
    }

    #[test]
    fn a_tool_that_cannot_start_is_named() {
        let usable = Some(Toolchain {
            driver: "/nonexistent/cargo".into(),
            ..toolchain()
        });
        let detection = Detection {
            usable,
            ..Detection::default()
        };
        let error = build(&detection, Path::new("/nonexistent"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("/nonexistent/cargo"), "{error}");
    }
}
