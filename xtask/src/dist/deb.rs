//! The Debian package: what stands beside the tree, and the archive.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::files::{copy, settle, under, write};
use super::{Release, tree};
use crate::{shell, workspace};

/// Scripts that dpkg runs.
const SCRIPTS: [&str; 3] = ["postinst", "prerm", "postrm"];

/// Who answers for the package, by the variables that Debian's own tools read.
pub(super) fn maintainer() -> String {
    let said = |name| env::var(name).ok().filter(|value| !value.is_empty());
    let name = said("DEBFULLNAME").unwrap_or_else(|| "The gateway contributors".to_owned());
    let address = said("DEBEMAIL").unwrap_or_else(|| "contributors@gateway.invalid".to_owned());
    format!("{name} <{address}>")
}

/// Builds the package of `tree` in `output`; its name.
pub(super) fn build(release: &Release, work: &Path, tree: &Path, output: &Path) -> Result<String> {
    // A copy: the tarball has no use for what is Debian's alone.
    let root = work.join("deb");
    let mut command = Command::new("cp");
    shell::output_of(command.arg("-a").arg(tree).arg(&root))?;
    let overrides = root.join("usr/share/lintian/overrides/gateway");
    let config = workspace::root().join("config/debian");
    copy(&config.join("lintian-overrides"), &overrides, 0o644)?;

    let control = root.join("DEBIAN");
    let sizes = sizes(&root)?;
    let depends = depends(release, work, tree)?;
    write(
        &control.join("control"),
        &fields(release, sizes, &depends),
        0o644,
    )?;
    write(&control.join("md5sums"), &sums(&root)?, 0o644)?;
    let conffiles = format!("/{}\n", tree::CONFIGURATION);
    write(&control.join("conffiles"), &conffiles, 0o644)?;
    write(
        &control.join("triggers"),
        "activate-noawait ldconfig\n",
        0o644,
    )?;
    write(
        &control.join("shlibs"),
        "libgateway_client 0 gateway (>= 0.1.0)\n",
        0o644,
    )?;
    for name in SCRIPTS {
        copy(&config.join(name), &control.join(name), 0o755)?;
    }
    settle(&root, release.epoch)?;

    let name = format!("gateway_{}_{}.deb", release.version, release.architecture);
    // One thread: what several make depends on how many there are.
    let mut command = Command::new("dpkg-deb");
    command
        .env("SOURCE_DATE_EPOCH", release.epoch.0.to_string())
        .args(["--root-owner-group", "--threads-max=1", "-Zxz"])
        .arg(if release.optimised { "-z6" } else { "-z0" })
        .arg("--build")
        .arg(&root)
        .arg(output.join(&name));
    shell::output_of(&mut command)?;
    Ok(name)
}

fn fields(release: &Release, installed_kib: u64, depends: &str) -> String {
    format!(
        "Package: gateway\n\
         Version: {version}\n\
         Architecture: {architecture}\n\
         Maintainer: {maintainer}\n\
         Installed-Size: {installed_kib}\n\
         Depends: {depends}, passwd, systemd | systemd-standalone-sysusers | systemd-sysusers, \
         systemd | systemd-standalone-tmpfiles | systemd-tmpfiles\n\
         Recommends: ethtool, iproute2\n\
         Suggests: bash-completion, prometheus\n\
         Section: net\n\
         Priority: optional\n\
         Description: market data from the network to strategies on this host\n \
         Receives exchange feeds by AF_XDP or plain sockets, arbitrates their lines,\n \
         decodes them and publishes the records in shared memory, where any number of\n \
         strategies read them.\n \
         .\n \
         This package has the service, a simulated exchange to rehearse against, and\n \
         the client libraries for C and C++.\n",
        version = release.version,
        architecture = release.architecture,
        maintainer = maintainer(),
    )
}

/// The packages whose libraries the programs and the shared library load, with the versions that they need.
fn depends(release: &Release, work: &Path, tree: &Path) -> Result<String> {
    // dpkg-shlibdeps wants a source package around it.
    let source = work.join("source");
    write(
        &source.join("debian/control"),
        "Source: gateway\n\nPackage: gateway\nArchitecture: any\n",
        0o644,
    )?;
    let library = tree.join("usr/lib").join(&release.multiarch);
    let mut command = Command::new("dpkg-shlibdeps");
    command.current_dir(&source).arg("-O");
    for name in ["gateway", "gateway-sim"] {
        command.arg(tree.join("usr/bin").join(name));
    }
    command.arg(library.join("libgateway_client.so.0"));
    let text = shell::output_of(&mut command)?;
    let depends = text
        .lines()
        .find_map(|line| line.strip_prefix("shlibs:Depends="));
    Ok(depends
        .context("dpkg-shlibdeps names no libraries")?
        .trim()
        .to_owned())
}

/// What the files take, in KiB, each rounded up; links and folders count one (Debian policy, 5.6.20).
fn sizes(root: &Path) -> Result<u64> {
    let mut total = 0;
    for path in under(root)? {
        let facts = fs::symlink_metadata(&path)
            .with_context(|| format!("cannot look at {}", path.display()))?;
        total += if facts.is_file() {
            facts.len().div_ceil(1024)
        } else {
            1
        };
    }
    Ok(total)
}

/// Checksums of all files but the configuration, whose content is nobody's promise.
fn sums(root: &Path) -> Result<String> {
    let mut names = Vec::new();
    for path in under(root)? {
        let name = path.strip_prefix(root).context("not below its root")?;
        let is_own = !name.starts_with("DEBIAN") && name != Path::new(tree::CONFIGURATION);
        if is_own && path.is_file() && !path.is_symlink() {
            names.push(name.to_owned());
        }
    }
    let mut command = Command::new("md5sum");
    shell::output_of(command.current_dir(root).args(&names))
}
