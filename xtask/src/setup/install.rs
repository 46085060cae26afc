//! How missing things are installed: by the distribution's packages and cargo, and by hand where neither has them.

use std::collections::BTreeSet;
use std::fmt;
use std::process::{Command, Stdio};

use anyhow::Result;

use super::needs::Need;
use crate::shell;

/// Debian's packages of a rustc that ships a prebuilt `core` for BPF.
const BPF_RUSTC_PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "libstd-rust-web-dev-bpf"];
/// What building the linker against the distribution's LLVM 22 needs.
const LLVM_PACKAGES: [&str; 3] = ["llvm-22-dev", "libpolly-22-dev", "libzstd-dev"];
/// The version of the linker that the project is tested with.
const LINKER_VERSION: &str = "0.13.0";

/// How to get one missing thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// Packages, by Debian's names.
    Packages(&'static [&'static str]),
    /// A command to run.
    Command(String),
    /// A compiler for the XDP program: packages where the distribution has them, else a nightly with `rust-src`.
    BpfCompiler,
    /// `bpf-linker`, built by cargo.
    BpfLinker,
}

/// What the package manager of this machine offers.
pub(crate) struct Packages {
    has_apt: bool,
    bpf_compiler: bool,
    llvm: bool,
}

impl Packages {
    /// Asks the package manager; changes nothing. Right only after `apt-get update` on a machine that never ran it.
    pub(crate) fn known() -> Self {
        let has_apt = shell::find_program("apt-get").is_some();
        let offers = |packages: &[&str]| has_apt && packages.iter().all(|name| apt_offers(name));
        Self {
            has_apt,
            bpf_compiler: offers(&BPF_RUSTC_PACKAGES),
            llvm: offers(&LLVM_PACKAGES),
        }
    }
}

fn apt_offers(package: &str) -> bool {
    let mut command = Command::new("apt-cache");
    command
        .args(["show", "--no-all-versions", package])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The steps that provide what is missing, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Packages to install.
    packages: BTreeSet<&'static str>,
    /// Commands to run after that: the program, its arguments, its environment.
    commands: Vec<Vec<String>>,
    /// What a person must do, a sentence each.
    by_hand: Vec<String>,
}

impl Plan {
    /// The plan for `missing` on a machine with `packages`.
    pub(crate) fn of(missing: &[&Need], packages: &Packages) -> Self {
        Self::for_remedies(missing.iter().map(|need| need.remedy.clone()), packages)
    }

    fn for_remedies(remedies: impl Iterator<Item = Remedy>, packages: &Packages) -> Self {
        let mut plan = Self::default();
        for remedy in remedies {
            match remedy {
                Remedy::Packages(names) => plan.packages.extend(names),
                Remedy::Command(command) => {
                    plan.commands.push(command.split_whitespace().map(str::to_owned).collect());
                }
                Remedy::BpfCompiler if packages.bpf_compiler => plan.packages.extend(BPF_RUSTC_PACKAGES),
                Remedy::BpfCompiler => plan.by_hand.push(format!(
                    "A compiler for the XDP program: this machine's package sources have no {} (Debian 12 has it in \
                     its security suite). Use a nightly with its library's source instead:\n    \
                     rustup toolchain install nightly --profile minimal --component rust-src",
                    BPF_RUSTC_PACKAGES[2]
                )),
                Remedy::BpfLinker if packages.llvm => {
                    plan.packages.extend(LLVM_PACKAGES);
                    plan.commands.push(linker_command(true));
                }
                // The linker's default features load the LLVM that comes with a rustup toolchain.
                Remedy::BpfLinker => plan.commands.push(linker_command(false)),
            }
        }
        if !plan.packages.is_empty() && !packages.has_apt {
            let names: Vec<&str> = plan.packages.iter().copied().collect();
            plan.by_hand.push(format!(
                "With this system's package manager, what Debian calls: {}",
                names.join(" ")
            ));
            plan.packages.clear();
        }
        plan
    }

    fn package_commands(&self) -> Vec<Vec<String>> {
        if self.packages.is_empty() {
            return Vec::new();
        }
        let mut install = words("apt-get install -y --no-install-recommends");
        install.extend(self.packages.iter().map(|&name| name.to_owned()));
        vec![words("apt-get update"), install]
    }
}

fn linker_command(system_llvm: bool) -> Vec<String> {
    let mut command = Vec::new();
    if system_llvm {
        command.extend(words("env LLVM_PREFIX=/usr/lib/llvm-22"));
    }
    command.extend(words(&format!(
        "cargo install bpf-linker --version {LINKER_VERSION} --locked --force"
    )));
    if system_llvm {
        command.extend(words("--no-default-features --features llvm-22"));
    }
    command
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

impl fmt::Display for Plan {
    /// The commands as an ordinary user types them, then what is to be done by hand.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for command in self.package_commands() {
            writeln!(f, "    sudo {}", command.join(" "))?;
        }
        for command in &self.commands {
            writeln!(f, "    {}", command.join(" "))?;
        }
        for sentence in &self.by_hand {
            writeln!(f, "{sentence}")?;
        }
        Ok(())
    }
}

/// Installs what is missing, as root, saying each command.
pub(crate) fn install(missing: &[&Need]) -> Result<()> {
    if shell::find_program("apt-get").is_some() && needs_packages(missing) {
        // Before asking what the sources offer: a fresh image has no package lists at all.
        run(&words("apt-get update"))?;
    }
    let plan = Plan::of(missing, &Packages::known());
    for command in plan.package_commands().iter().skip(1).chain(&plan.commands) {
        run(command)?;
    }
    for sentence in &plan.by_hand {
        eprintln!("{sentence}");
    }
    Ok(())
}

fn needs_packages(missing: &[&Need]) -> bool {
    missing
        .iter()
        .any(|need| !matches!(need.remedy, Remedy::Command(_)))
}

fn run(words: &[String]) -> Result<()> {
    let Some((program, arguments)) = words.split_first() else {
        return Ok(());
    };
    let mut command = Command::new(program);
    command.args(arguments);
    if program == "apt-get" {
        command.env("DEBIAN_FRONTEND", "noninteractive");
    }
    shell::run_shown(&mut command)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEBIAN_12: Packages = Packages {
        has_apt: true,
        bpf_compiler: true,
        llvm: true,
    };
    const OTHER_APT: Packages = Packages {
        has_apt: true,
        bpf_compiler: false,
        llvm: false,
    };
    const NO_APT: Packages = Packages {
        has_apt: false,
        bpf_compiler: false,
        llvm: false,
    };

    fn everything() -> impl Iterator<Item = Remedy> {
        [
            Remedy::Packages(&["m4"]),
            Remedy::Command("rustup component add clippy".to_owned()),
            Remedy::BpfCompiler,
            Remedy::BpfLinker,
        ]
        .into_iter()
    }

    #[test]
    fn debian_12_gets_everything_from_its_own_packages_and_cargo() {
        let plan = Plan::for_remedies(everything(), &DEBIAN_12).to_string();
        assert_eq!(
            plan,
            "    sudo apt-get update\n    \
             sudo apt-get install -y --no-install-recommends cargo-web libpolly-22-dev libstd-rust-web-dev-bpf \
             libzstd-dev llvm-22-dev m4 rustc-web\n    \
             rustup component add clippy\n    \
             env LLVM_PREFIX=/usr/lib/llvm-22 cargo install bpf-linker --version 0.13.0 --locked --force \
             --no-default-features --features llvm-22\n"
        );
    }

    #[test]
    fn an_apt_without_the_compiler_is_told_of_the_nightly() {
        let plan = Plan::for_remedies(everything(), &OTHER_APT).to_string();
        assert!(
            plan.contains("sudo apt-get install -y --no-install-recommends m4\n"),
            "{plan}"
        );
        assert!(plan.contains("no libstd-rust-web-dev-bpf"), "{plan}");
        assert!(
            plan.contains(
                "rustup toolchain install nightly --profile minimal --component rust-src"
            ),
            "{plan}"
        );
        assert!(
            plan.contains("    cargo install bpf-linker --version 0.13.0 --locked --force\n"),
            "{plan}"
        );
    }

    #[test]
    fn without_apt_the_packages_are_named_only() {
        let plan = Plan::for_remedies([Remedy::Packages(&["m4"])].into_iter(), &NO_APT);
        assert!(plan.package_commands().is_empty());
        assert!(plan.to_string().contains("what Debian calls: m4"));
    }
}
