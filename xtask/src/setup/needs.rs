//! What the project needs of a machine, and how to see whether it is there.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Intent;
use super::install::Remedy;
use crate::{shell, workspace};

/// One thing that the build, the tests or the demo need.
pub(crate) struct Need {
    /// What people call it.
    pub(crate) name: &'static str,
    /// What it is needed for.
    pub(crate) purpose: &'static str,
    /// Where it was found, or what exactly is missing.
    pub(crate) found: Result<String, String>,
    /// How to get it.
    pub(crate) remedy: Remedy,
    /// Which tasks need it.
    pub(crate) tasks: &'static [Intent],
    /// Whether the task can do without: some of its tests are skipped then.
    pub(crate) optional: bool,
}

/// Every task.
pub(crate) const ALL: &[Intent] = &[Intent::Build, Intent::Test, Intent::Dist];
/// `cargo xtask test` only.
pub(crate) const TEST: &[Intent] = &[Intent::Test];
/// `cargo xtask dist`, and the tests of what it builds.
const DIST: &[Intent] = &[Intent::Dist, Intent::Test];

/// Looks for everything.
pub(crate) fn all() -> Vec<Need> {
    let mut needs = vec![
        rust_component("rustfmt", "cargo-fmt"),
        rust_component("clippy", "cargo-clippy"),
        program(
            "cc",
            "linking, and the C parts of libxdp",
            &["gcc", "libc6-dev"],
        ),
        program("clang", "the bindings of libxdp (libclang)", &["clang"]),
        program("pkg-config", "finding the C libraries", &["pkg-config"]),
        program("make", "the build of libbpf", &["make"]),
        program("m4", "the build of libxdp", &["m4"]),
        header(
            "libelf",
            "libelf.h",
            "libbpf, which reads BPF objects",
            &["libelf-dev"],
        ),
        header("zlib", "zlib.h", "libelf", &["zlib1g-dev"]),
        program(
            "ip",
            "network namespaces and veth pairs of the demo and the tests",
            &["iproute2"],
        ),
        python(),
    ];
    needs.push(Need {
        tasks: TEST,
        ..program("g++", "the tests of the C and C++ clients", &["gcc", "g++"])
    });
    needs.push(Need {
        tasks: TEST,
        ..program(
            "valgrind",
            "counting the instructions of the hot path",
            &["valgrind"],
        )
    });
    needs.push(clang_runtimes());
    needs.push(fuzzer());
    needs.extend(packaging());
    needs.push(Need {
        tasks: TEST,
        optional: true,
        ..program(
            "prometheus",
            "the tests of rules, alerts and dashboard (Debian's package also starts it as a service, on port 9090)",
            &["prometheus"],
        )
    });
    needs.push(Need {
        tasks: TEST,
        optional: true,
        ..program(
            "chromium",
            "the test of the status page, in a browser",
            &["chromium"],
        )
    });
    needs.push(Need {
        tasks: TEST,
        optional: true,
        ..program(
            "tshark",
            "comparing our transports with Wireshark's",
            &["tshark"],
        )
    });
    needs.extend(super::bpf::needs());
    needs
}

/// What makes the package, and what looks at it. A system without Debian's tools builds and tests everything else.
fn packaging() -> Vec<Need> {
    let dist = |need| Need {
        tasks: DIST,
        ..need
    };
    let looks = |need| Need {
        tasks: TEST,
        optional: true,
        ..need
    };
    let mut needs = vec![
        dist(program("dpkg-deb", "building the package", &["dpkg"])),
        dist(program(
            "dpkg-shlibdeps",
            "the package's dependencies",
            &["dpkg-dev"],
        )),
        looks(program(
            "lintian",
            "Debian's checks of the package",
            &["lintian"],
        )),
        looks(program(
            "systemd-analyze",
            "rating the unit's hardening",
            &["systemd"],
        )),
        looks(program(
            "virt-xml-validate",
            "checking the examples for libvirt",
            &["libvirt-clients", "libxml2-utils"],
        )),
        looks(program("xmllint", "the same", &["libxml2-utils"])),
    ];
    if shell::find_program("apt-get").is_none() {
        // Nobody can install them: what needs them says that it is skipped, or fails with its own words.
        for need in &mut needs {
            need.optional = true;
        }
    }
    needs
}

/// A component of the toolchain that runs this task. Cargo's own folder holds it: no program is started.
fn rust_component(component: &'static str, file: &str) -> Need {
    let beside = workspace::cargo()
        .parent()
        .map(|folder| folder.join(file))
        .filter(|path| path.is_file());
    let found = beside.or_else(|| shell::find_program(file));
    Need {
        name: component,
        purpose: "cargo xtask test",
        found: found
            .map(|path| path.display().to_string())
            .ok_or_else(|| format!("no {file} beside cargo")),
        remedy: Remedy::Command(format!("rustup component add {component}")),
        tasks: TEST,
        optional: false,
    }
}

fn program(name: &'static str, purpose: &'static str, packages: &'static [&'static str]) -> Need {
    let found = shell::find_program(name);
    Need {
        name,
        purpose,
        found: found
            .map(|path| path.display().to_string())
            .ok_or_else(|| format!("no program {name}")),
        remedy: Remedy::Packages(packages),
        tasks: ALL,
        optional: false,
    }
}

/// The version of cargo-fuzz that the project is tested with.
const FUZZER_VERSION: &str = "0.13.2";

/// Cargo finds it in its own folder for programs, too, which need not be in `PATH`.
fn fuzzer() -> Need {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let own = home.map(|home| home.join("bin/cargo-fuzz"));
    let found = own
        .filter(|path| path.is_file())
        .or_else(|| shell::find_program("cargo-fuzz"));
    Need {
        name: "cargo-fuzz",
        purpose: "the fuzz targets",
        found: found
            .map(|path| path.display().to_string())
            .ok_or_else(|| "no program cargo-fuzz".to_owned()),
        remedy: Remedy::Command(format!(
            "cargo install cargo-fuzz --version {FUZZER_VERSION} --locked"
        )),
        tasks: TEST,
        optional: false,
    }
}

/// What clang links under its sanitizers: Debian packs it on its own.
fn clang_runtimes() -> Need {
    let file = format!("libclang_rt.asan-{}.a", std::env::consts::ARCH);
    let mut command = Command::new("clang");
    command.arg(format!("--print-file-name={file}"));
    // Where it has none, it answers with the name as it was given.
    let found = shell::output_of(&mut command)
        .ok()
        .map(|path| path.trim().to_owned())
        .filter(|path| Path::new(path).is_absolute() && Path::new(path).is_file());
    Need {
        name: "clang's sanitizers",
        purpose: "the tests of the C and C++ clients under them",
        found: found.ok_or_else(|| format!("clang has no {file}")),
        remedy: Remedy::Packages(&["libclang-rt-dev"]),
        tasks: TEST,
        optional: true,
    }
}

/// A Python that can make environments: Debian packs that part on its own, so it is tried.
fn python() -> Need {
    let found = match shell::find_program("python3") {
        None => Err("no program python3".to_owned()),
        Some(path) => {
            let mut command = Command::new(&path);
            command
                .args(["-I", "-c", "import ensurepip, venv"])
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            match command.status() {
                Ok(status) if status.success() => Ok(path.display().to_string()),
                _ => Err(format!("{} has no venv and ensurepip", path.display())),
            }
        }
    };
    Need {
        name: "python3-venv",
        purpose: "cargo xtask test, which builds the Python client and reads DBN files with Databento's Python library",
        found,
        remedy: Remedy::Packages(&["python3", "python3-venv"]),
        tasks: TEST,
        optional: false,
    }
}

fn header(
    name: &'static str,
    file: &'static str,
    purpose: &'static str,
    packages: &'static [&'static str],
) -> Need {
    Need {
        name,
        purpose,
        found: find_header(file)
            .map(|path| path.display().to_string())
            .ok_or_else(|| format!("no header {file}")),
        remedy: Remedy::Packages(packages),
        tasks: ALL,
        optional: false,
    }
}

fn find_header(file: &str) -> Option<PathBuf> {
    let multiarch = format!("/usr/include/{}-linux-gnu", std::env::consts::ARCH);
    ["/usr/include", "/usr/local/include", &multiarch]
        .iter()
        .map(|folder| Path::new(folder).join(file))
        .find(|path| path.is_file())
}
