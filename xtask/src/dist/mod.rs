//! `cargo xtask dist`: a Debian package, a tarball, checksums, and a list of all that went in.
//!
//! The archive is made by `dpkg-deb --build` over a tree that is laid out here. *Rejected:* `cargo-deb` (some 200 crates to
//! build before the first package, and the tree would still be ours: libraries with versioned links, manual pages, notices
//! of others' licences come from the build itself); debhelper (its own build system around cargo's). The same tree is the
//! tarball's, so that both hold the same files.
//!
//! The same commit, toolchain and path give the same bytes: times are `SOURCE_DATE_EPOCH`'s, or the commit's; names are
//! sorted; everything is root's.
//!
//! `GATEWAY_BINARIES` names a folder with programs and libraries that are built already, as it does for the demo: for
//! packages to try (`--profile dev`) only.

mod deb;
mod epoch;
mod files;
mod inventory;
mod notices;
mod sbom;
mod tarball;
mod tree;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::{setup, shell, workspace};
use epoch::Epoch;
use inventory::Inventory;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Cargo's profile that the programs are built with.
    #[arg(long, default_value = "release")]
    profile: String,
    /// Where the results go; made if it is not there [default: target/dist].
    #[arg(long, value_name = "DIRECTORY")]
    output: Option<PathBuf>,
    /// What is appended to the version, for builds of your own: `+2`, `~rc1`.
    #[arg(long, default_value = "", value_name = "SUFFIX")]
    suffix: String,
}

/// What all parts of a distribution know.
struct Release {
    /// With the suffix.
    version: String,
    /// Debian's name of the machine: `amd64`.
    architecture: String,
    /// Its folder for libraries: `x86_64-linux-gnu`.
    multiarch: String,
    epoch: Epoch,
    /// Whether it is built to be given away, or only to be looked at.
    optimised: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    setup::ensure(setup::Intent::Dist)?;
    let output = match &arguments.output {
        Some(folder) => std::env::current_dir()?.join(folder),
        None => workspace::target().join("dist"),
    };
    fs::create_dir_all(&output).with_context(|| format!("cannot create {}", output.display()))?;
    let inventory = Inventory::read()?;
    let suffix = &arguments.suffix;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "+~.".contains(c);
    ensure!(
        suffix.chars().all(allowed) && !suffix.starts_with(|c: char| c.is_ascii_alphanumeric()),
        "`--suffix {suffix}`: it begins with `+`, `~` or `.`, and holds letters, digits and these"
    );
    let release = Release {
        version: format!("{}{suffix}", inventory.version()?),
        architecture: said("dpkg", &["--print-architecture"])?,
        multiarch: said("dpkg-architecture", &["-qDEB_HOST_MULTIARCH"])?,
        epoch: Epoch::find()?,
        optimised: arguments.profile != "dev",
    };
    let built = match std::env::var_os("GATEWAY_BINARIES") {
        Some(folder) => {
            // What they were built with cannot be told by looking at them.
            ensure!(
                !release.optimised,
                "GATEWAY_BINARIES={} names programs that are built already, and a package for use is of programs that \
                 were built for it: unset it, or try the package out with `--profile dev`",
                folder.display()
            );
            std::env::current_dir()?.join(folder)
        }
        None => build(&arguments.profile)?,
    };

    // Of its own for each output: two builds do not meet.
    let work = output.join("work");
    if work.exists() {
        fs::remove_dir_all(&work).with_context(|| format!("cannot remove {}", work.display()))?;
    }
    let tree = work.join("tree");
    tree::lay_out(&release, &inventory, &built, &work, &tree)?;
    let results = [
        deb::build(&release, &work, &tree, &output)?,
        tarball::build(&release, &tree, &output)?,
        sbom_file(&release, &tree, &output)?,
    ];
    sums(&output, &results)?;
    fs::remove_dir_all(&work).with_context(|| format!("cannot remove {}", work.display()))?;
    for name in results.iter().map(String::as_str).chain(["SHA256SUMS"]) {
        println!("{}", output.join(name).display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds the programs and libraries; the folder that they are in then. The library apart: together with the programs
/// its dependencies would have their features.
fn build(profile: &str) -> Result<PathBuf> {
    for arguments in [
        &["--package", "gateway", "--package", "gateway-sim", "--bins"][..],
        &["--package", "gateway-client-c"][..],
    ] {
        let mut command = Command::new(workspace::cargo());
        command
            .current_dir(workspace::root())
            .args(["build", "--quiet", "--locked", "--profile", profile])
            .args(arguments);
        shell::run_shown(&mut command)?;
    }
    let folder = if profile == "dev" { "debug" } else { profile };
    Ok(workspace::target().join(folder))
}

/// The list of what went in, beside the archives.
fn sbom_file(release: &Release, tree: &Path, output: &Path) -> Result<String> {
    let name = format!("gateway-{}.cdx.json", release.version);
    fs::copy(tree.join(tree::SBOM), output.join(&name)).context("cannot copy the SBOM")?;
    Ok(name)
}

fn sums(output: &Path, names: &[String]) -> Result<()> {
    let mut command = Command::new("sha256sum");
    command.current_dir(output).args(names);
    let sums = shell::output_of(&mut command)?;
    fs::write(output.join("SHA256SUMS"), sums).context("cannot write SHA256SUMS")
}

/// What a program says in one line.
fn said(program: &str, arguments: &[&str]) -> Result<String> {
    let text = shell::output_of(Command::new(program).args(arguments))?;
    Ok(text.trim().to_owned())
}
