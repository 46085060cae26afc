//! The tree of files as it will be on a machine.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::files::{copy, copy_all, gzip, link, settle, write};
use super::inventory::Inventory;
use super::{Release, notices, sbom};
use crate::{shell, workspace};

/// Where the bill of materials lies.
pub(super) const SBOM: &str = "usr/share/doc/gateway/sbom.cdx.json";
/// What dpkg keeps as a person edited it.
pub(super) const CONFIGURATION: &str = "etc/gateway/gateway.toml";
/// The programs; each writes its own manual pages and completions.
const PROGRAMS: [&str; 2] = ["gateway", "gateway-sim"];
/// The shared library's name for the linker and at run time: the number is of its interface, not of the release.
const LIBRARY: &str = "libgateway_client.so";
const SONAME: &str = "libgateway_client.so.0";
/// Folders of `config/` that have places of their own; every other one goes to `usr/share/gateway`.
const PLACED: [&str; 5] = ["debian", "pkgconfig", "systemd", "sysusers.d", "tmpfiles.d"];

/// Lays out everything at `tree`, from what was `built`; `work` is for what is made on the way.
pub(super) fn lay_out(
    release: &Release,
    inventory: &Inventory,
    built: &Path,
    work: &Path,
    tree: &Path,
) -> Result<()> {
    programs(built, work, tree)?;
    libraries(release, built, tree)?;
    configuration(tree)?;
    documentation(release, inventory, tree)?;
    settle(tree, release.epoch)
}

fn programs(built: &Path, work: &Path, tree: &Path) -> Result<()> {
    for name in PROGRAMS {
        let place = tree.join("usr/bin").join(name);
        copy(&built.join(name), &place, 0o755)?;
        strip(&place, "--strip-unneeded")?;
        let pages = work.join("pages").join(name);
        shell::output_of(Command::new(built.join(name)).arg("manual").arg(&pages))?;
        let share = tree.join("usr/share");
        for entry in fs::read_dir(&pages).with_context(|| format!("{name} wrote no manual"))? {
            let from = entry.context("cannot read a folder")?.path();
            let file = from.file_name().and_then(|name| name.to_str());
            let file = file.context("a manual page with an odd name")?;
            if file.ends_with(".1") {
                let place = share.join("man/man1").join(file);
                copy(&from, &place, 0o644)?;
                gzip(&place)?;
            } else if file.ends_with(".bash") {
                let place = share.join("bash-completion/completions").join(name);
                copy(&from, &place, 0o644)?;
            } else if file.ends_with(".fish") {
                copy(
                    &from,
                    &share.join("fish/vendor_completions.d").join(file),
                    0o644,
                )?;
            } else if file.starts_with('_') {
                copy(
                    &from,
                    &share.join("zsh/vendor-completions").join(file),
                    0o644,
                )?;
            } else {
                bail!("{name} manual wrote {file}, which has no place in the package");
            }
        }
    }
    Ok(())
}

fn libraries(release: &Release, built: &Path, tree: &Path) -> Result<()> {
    let folder = tree.join("usr/lib").join(&release.multiarch);
    let version = &release.version;
    let numbers: Vec<&str> = version.splitn(3, '.').collect();
    ensure!(
        numbers.len() == 3,
        "the version {version} is not three numbers"
    );
    let file = format!("{SONAME}.{}", numbers[1..].join("."));
    copy(&built.join(LIBRARY), &folder.join(&file), 0o644)?;
    strip(&folder.join(&file), "--strip-unneeded")?;
    link(&file, &folder.join(SONAME))?;
    link(SONAME, &folder.join(LIBRARY))?;
    let archive = folder.join("libgateway_client.a");
    copy(&built.join("libgateway_client.a"), &archive, 0o644)?;
    strip(&archive, "--strip-debug")?;
    let client = workspace::root().join("crates/gateway-client-c");
    for name in ["gateway.h", "gateway.hpp"] {
        let place = tree.join("usr/include").join(name);
        copy(&client.join("include").join(name), &place, 0o644)?;
    }
    let template = read("config/pkgconfig/gateway-client.pc.in")?;
    let text = template
        .replace("@MULTIARCH@", &release.multiarch)
        .replace("@VERSION@", version);
    write(&folder.join("pkgconfig/gateway-client.pc"), &text, 0o644)?;
    copy_all(
        &client.join("examples"),
        &tree.join("usr/share/doc/gateway/examples"),
    )
}

fn configuration(tree: &Path) -> Result<()> {
    let config = workspace::root().join("config");
    copy(
        &config.join("gateway.toml"),
        &tree.join(CONFIGURATION),
        0o644,
    )?;
    // As it came: what the service compares the edited one with.
    let share = tree.join("usr/share/gateway");
    copy(
        &config.join("gateway.toml"),
        &share.join("gateway.toml"),
        0o644,
    )?;
    for (from, place) in [
        ("systemd", "usr/lib/systemd/system"),
        ("sysusers.d", "usr/lib/sysusers.d"),
        ("tmpfiles.d", "usr/lib/tmpfiles.d"),
    ] {
        copy_all(&config.join(from), &tree.join(place))?;
    }
    let entries = fs::read_dir(&config).context("cannot read config")?;
    for entry in entries {
        let path = entry.context("cannot read config")?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.context("an odd name in config")?;
        if path.is_dir() && !PLACED.contains(&name) {
            copy_all(&path, &share.join(name))?;
            // What checks the rules here checks nothing there.
            let tests = share.join(name).join("tests");
            if tests.is_dir() {
                fs::remove_dir_all(&tests).context("cannot leave tests out")?;
            }
        }
    }
    Ok(())
}

fn documentation(release: &Release, inventory: &Inventory, tree: &Path) -> Result<()> {
    let place = tree.join("usr/share/doc/gateway");
    let root = workspace::root();
    copy(
        &root.join("config/debian/copyright"),
        &place.join("copyright"),
        0o644,
    )?;
    copy(&root.join("README.md"), &place.join("README.md"), 0o644)?;
    copy_all(&root.join("docs"), &place.join("docs"))?;
    let changes = place.join("CHANGELOG.md");
    copy(&root.join("CHANGELOG.md"), &changes, 0o644)?;
    gzip(&changes)?;
    let changelog = place.join("changelog");
    write(&changelog, &debian_changelog(release)?, 0o644)?;
    gzip(&changelog)?;
    let others = place.join("third-party-licenses.txt");
    write(&others, &notices::text(inventory)?, 0o644)?;
    gzip(&others)?;
    write(&tree.join(SBOM), &sbom::text(release, inventory)?, 0o644)
}

/// What Debian's tools read; what changed stands in the project's own.
fn debian_changelog(release: &Release) -> Result<String> {
    Ok(format!(
        "gateway ({}) stable; urgency=medium\n\n  * What changed: /usr/share/doc/gateway/CHANGELOG.md.gz\n\n -- {}  {}\n",
        release.version,
        super::deb::maintainer(),
        release.epoch.formatted("+%a, %d %b %Y %H:%M:%S +0000")?
    ))
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(workspace::root().join(path)).with_context(|| format!("cannot read {path}"))
}

/// Takes out what only debuggers read: the build folder keeps it.
fn strip(place: &Path, how: &str) -> Result<()> {
    let mut command = Command::new("strip");
    command
        .args([
            "--enable-deterministic-archives",
            how,
            "--remove-section=.comment",
        ])
        .arg(place);
    shell::output_of(&mut command).map(drop)
}
