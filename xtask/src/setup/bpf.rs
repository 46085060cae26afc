//! Whether the XDP program can be built here.

use std::path::{Path, PathBuf};

use super::install::Remedy;
use super::needs::Need;
use crate::shell;

/// The compiler and the linker for BPF.
pub(crate) fn needs() -> [Need; 2] {
    [
        Need {
            name: "BPF rustc",
            purpose: "the XDP program",
            found: compiler().ok_or_else(|| {
                "no rustc with a core for bpfel-unknown-none, and no nightly with rust-src"
                    .to_owned()
            }),
            remedy: Remedy::BpfCompiler,
        },
        Need {
            name: "bpf-linker",
            purpose: "the XDP program",
            found: linker()
                .map(|path| path.display().to_string())
                .ok_or_else(|| "no program bpf-linker".to_owned()),
            remedy: Remedy::BpfLinker,
        },
    ]
}

fn compiler() -> Option<String> {
    let prebuilt = Path::new("/usr/lib/rustlib/bpfel-unknown-none/lib");
    if prebuilt.is_dir() {
        return Some(format!("/usr/bin/rustc with {}", prebuilt.display()));
    }
    let rustup = std::env::var_os("RUSTUP_HOME").map_or_else(|| home(".rustup"), PathBuf::from);
    let nightly = std::fs::read_dir(rustup.join("toolchains"))
        .ok()?
        .flatten()
        .find(|entry| {
            entry.file_name().to_string_lossy().starts_with("nightly")
                && entry
                    .path()
                    .join("lib/rustlib/src/rust/library/core")
                    .is_dir()
        })?;
    Some(nightly.path().display().to_string())
}

fn linker() -> Option<PathBuf> {
    shell::find_program("bpf-linker")
        .or_else(|| Some(home(".cargo/bin/bpf-linker")).filter(|path| path.is_file()))
}

fn home(path: &str) -> PathBuf {
    PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(path)
}
