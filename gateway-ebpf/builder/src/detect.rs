//! Which toolchain can build for BPF, and what an incomplete one lacks.

use std::path::{Path, PathBuf};

use crate::machine::{Local, Machine};
use crate::toolchain::{Detection, Missing, Piece, Route, TOOLCHAIN_VARIABLE, Toolchain};

/// The compiler that Debian installs beside rustup's, and its cargo.
const SYSTEM_RUSTC: &str = "/usr/bin/rustc";
const SYSTEM_CARGO: &str = "/usr/bin/cargo";

/// Looks for a toolchain that can build for BPF. Runs a few `--version` commands; installs nothing.
#[must_use]
pub fn detect() -> Detection {
    detect_on(&Local)
}

fn detect_on(machine: &(impl Machine + Sync)) -> Detection {
    let wanted = machine.variable(TOOLCHAIN_VARIABLE);
    let routes = match wanted.as_deref() {
        Some("nightly") => [Route::Nightly, Route::Prebuilt],
        Some(_) => Route::ALL,
        // Without apt there is no package to install: name what rustup needs first.
        None if machine.exists(Path::new(SYSTEM_RUSTC)) || machine.find("apt-get").is_some() => {
            Route::ALL
        }
        None => [Route::Nightly, Route::Prebuilt],
    };
    // Most of the time goes into starting compilers: both at once.
    let linker = machine.find("bpf-linker").and_then(|linker| {
        let version = machine.output(&linker, &["--version"])?;
        Some((linker, version.trim().to_owned()))
    });
    let [first, second] = routes;
    let (first, second) = std::thread::scope(|scope| {
        let other = scope.spawn(|| look(machine, second, linker.clone()));
        let first = look(machine, first, linker.clone());
        match other.join() {
            Ok(second) => (first, second),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    });
    match (first, second) {
        (Ok(usable), other) => Detection {
            usable: Some(usable),
            other: other.ok(),
            ..Detection::default()
        },
        // Someone who names a toolchain wants that one or none.
        (Err(_), Ok(usable)) if wanted.is_none() => Detection {
            usable: Some(usable),
            ..Detection::default()
        },
        (Err(missing), Ok(_)) => Detection {
            missing,
            ..Detection::default()
        },
        (Err(missing), Err(alternative)) => Detection {
            missing,
            alternative,
            ..Detection::default()
        },
    }
}

/// The toolchain of one route, or the pieces it lacks.
fn look(
    machine: &impl Machine,
    route: Route,
    linker: Option<(PathBuf, String)>,
) -> Result<Toolchain, Vec<Missing>> {
    let mut missing = Vec::new();
    let compiler = match route {
        Route::Prebuilt => look_prebuilt(machine, &mut missing),
        Route::Nightly => look_nightly(machine, &mut missing),
    };
    if machine.find("cc").is_none() {
        missing.push(Missing {
            piece: Piece::HostLinker,
            what: "a C linker (cc)",
            why: "the macros of the BPF library run on the build machine",
            install_command: "apt-get install -y gcc libc6-dev",
        });
    }
    if linker.is_none() {
        missing.push(Missing {
            piece: Piece::BpfLinker,
            what: "bpf-linker",
            why: "links the compiler's LLVM bitcode into a BPF object",
            install_command: "apt-get install -y llvm-22-dev libpolly-22-dev libzstd-dev && LLVM_PREFIX=/usr/lib/llvm-22 \
                              cargo install bpf-linker --version 0.13.0 --locked --no-default-features --features llvm-22",
        });
    }
    match (compiler, linker) {
        (Some((driver, verbose)), Some((linker, linker_version))) if missing.is_empty() => {
            Ok(Toolchain {
                route,
                compiler: verbose.lines().next().unwrap_or("rustc").trim().to_owned(),
                llvm: verbose
                    .lines()
                    .find_map(|line| line.strip_prefix("LLVM version: "))
                    .unwrap_or("unknown")
                    .trim()
                    .to_owned(),
                driver,
                linker,
                linker_version,
            })
        }
        _ => Err(missing),
    }
}

/// Debian's cargo and what its `rustc -vV` says.
fn look_prebuilt(machine: &impl Machine, missing: &mut Vec<Missing>) -> Option<(PathBuf, String)> {
    let rustc = Path::new(SYSTEM_RUSTC);
    let verbose = machine.output(rustc, &["-vV"]);
    if verbose.is_none() || !machine.exists(Path::new(SYSTEM_CARGO)) {
        missing.push(Missing {
            piece: Piece::Compiler,
            what: "Debian's rustc and cargo (rustc-web, cargo-web)",
            why: "a compiler for which a core for BPF is packaged",
            install_command: "apt-get install -y rustc-web cargo-web",
        });
    }
    let sysroot = machine
        .output(rustc, &["--print", "sysroot"])
        .unwrap_or_else(|| "/usr".to_owned());
    let library = Path::new(sysroot.trim()).join("lib/rustlib/bpfel-unknown-none/lib");
    if !machine.holds(&library, "libcore-") {
        missing.push(Missing {
            piece: Piece::Compiler,
            what: "Rust's core for bpfel-unknown-none (libstd-rust-web-dev-bpf)",
            why: "the library that every Rust program starts from, compiled for BPF",
            install_command: "apt-get install -y libstd-rust-web-dev-bpf",
        });
    }
    Some((PathBuf::from(SYSTEM_CARGO), verbose?))
}

/// rustup and what its nightly `rustc -vV` says.
fn look_nightly(machine: &impl Machine, missing: &mut Vec<Missing>) -> Option<(PathBuf, String)> {
    let nightly = |rustup: &Path, arguments: &[&str]| {
        machine.output(rustup, &[&["run", "nightly", "rustc"], arguments].concat())
    };
    let Some(rustup) = machine.find("rustup") else {
        missing.push(Missing {
            piece: Piece::Compiler,
            what: "rustup",
            why: "installs the nightly toolchain",
            install_command: "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh",
        });
        missing.push(NIGHTLY);
        return None;
    };
    let Some(verbose) = nightly(&rustup, &["-vV"]) else {
        missing.push(NIGHTLY);
        return None;
    };
    let sysroot = nightly(&rustup, &["--print", "sysroot"]).unwrap_or_default();
    let source = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/core");
    if !machine.exists(&source) {
        missing.push(Missing {
            piece: Piece::Compiler,
            what: "nightly's rust-src component",
            why: "the source of core, which nightly compiles for BPF",
            install_command: "rustup component add rust-src --toolchain nightly",
        });
    }
    Some((rustup, verbose))
}

const NIGHTLY: Missing = Missing {
    piece: Piece::Compiler,
    what: "rustup's nightly toolchain with rust-src",
    why: "a compiler that can build core for BPF itself",
    install_command: "rustup toolchain install nightly --no-self-update --profile minimal --component rust-src",
};

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A machine described by what is on it.
    #[derive(Clone, Copy, Default)]
    struct Fake {
        debian: bool,
        debian_core: bool,
        rustup: bool,
        nightly: bool,
        source: bool,
        linker: bool,
        wanted: Option<&'static str>,
    }

    impl Machine for Fake {
        fn output(&self, program: &Path, arguments: &[&str]) -> Option<String> {
            let said = match (program.to_str().unwrap(), arguments) {
                (SYSTEM_RUSTC, ["-vV"]) if self.debian => {
                    "rustc 1.96.0 (debian)\nLLVM version: 22.1.8\n"
                }
                (SYSTEM_RUSTC, ["--print", "sysroot"]) if self.debian => "/usr\n",
                ("/bin/rustup", [.., "-vV"]) if self.nightly => {
                    "rustc 1.99.0-nightly\nLLVM version: 22.1.9\n"
                }
                ("/bin/rustup", [.., "sysroot"]) if self.nightly => "/nightly\n",
                ("/bin/bpf-linker", ["--version"]) => "bpf-linker 0.13.0\n",
                _ => return None,
            };
            Some(said.to_owned())
        }

        fn find(&self, name: &str) -> Option<PathBuf> {
            let there = match name {
                "rustup" => self.rustup,
                "bpf-linker" => self.linker,
                "cc" => true,
                _ => false,
            };
            there.then(|| Path::new("/bin").join(name))
        }

        fn exists(&self, path: &Path) -> bool {
            if path.starts_with("/nightly") {
                self.source
            } else {
                self.debian
            }
        }

        fn holds(&self, _: &Path, _: &str) -> bool {
            self.debian_core
        }

        fn variable(&self, _: &str) -> Option<String> {
            self.wanted.map(str::to_owned)
        }
    }

    const DEBIAN: Fake = Fake {
        debian: true,
        debian_core: true,
        linker: true,
        rustup: false,
        nightly: false,
        source: false,
        wanted: None,
    };
    const RUSTUP: Fake = Fake {
        rustup: true,
        nightly: true,
        source: true,
        debian: false,
        debian_core: false,
        ..DEBIAN
    };

    fn names(missing: &[Missing]) -> Vec<&str> {
        missing
            .iter()
            .map(|missing| missing.what.split(' ').next().unwrap())
            .collect()
    }

    #[test]
    fn either_toolchain_alone_is_taken() {
        assert_eq!(detect_on(&DEBIAN).usable.unwrap().route, Route::Prebuilt);
        let nightly = detect_on(&RUSTUP).usable.unwrap();
        assert_eq!(
            (nightly.route, nightly.llvm.as_str()),
            (Route::Nightly, "22.1.9")
        );
    }

    #[test]
    fn of_two_one_is_taken_and_the_other_named() {
        let both = Fake {
            debian: true,
            debian_core: true,
            ..RUSTUP
        };
        let found = detect_on(&both);
        assert_eq!(found.usable.as_ref().unwrap().route, Route::Prebuilt);
        assert!(
            found.summary().contains("GATEWAY_BPF_TOOLCHAIN=nightly"),
            "{}",
            found.summary()
        );
        let chosen = detect_on(&Fake {
            wanted: Some("nightly"),
            ..both
        });
        assert_eq!(chosen.usable.unwrap().route, Route::Nightly);
    }

    #[test]
    fn an_incomplete_toolchain_is_passed_over_for_a_complete_one() {
        let found = detect_on(&Fake {
            debian: true,
            ..RUSTUP
        });
        assert_eq!(found.usable.unwrap().route, Route::Nightly);
        let insisted = detect_on(&Fake {
            debian: true,
            wanted: Some("prebuilt"),
            ..RUSTUP
        });
        assert_eq!(insisted.usable, None);
        assert_eq!(names(&insisted.missing), ["Rust's"]);
    }

    #[test]
    fn each_missing_piece_is_named_with_its_command() {
        let found = detect_on(&Fake {
            debian: true,
            rustup: true,
            nightly: true,
            ..Fake::default()
        });
        assert_eq!(names(&found.missing), ["Rust's", "bpf-linker"]);
        assert_eq!(names(&found.alternative), ["nightly's", "bpf-linker"]);
        let text = found.to_string();
        for missing in found.missing.iter().chain(&found.alternative) {
            assert!(text.contains(missing.install_command));
        }
        let bare = detect_on(&Fake::default());
        assert_eq!(names(&bare.missing), ["rustup", "rustup's", "bpf-linker"]);
    }
}
