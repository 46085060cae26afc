//! Debian packages, from the archive that this machine's apt uses, without touching what is installed here.
//!
//! apt runs with lists, cache and status of its own. The suite is not the machine's: the lab wants the same QEMU and
//! the same kernels everywhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::command::{output_of, run};

/// Where QEMU and the older kernels come from; newer ones come from its backports.
pub(super) const SUITE: &str = "trixie";
/// The keys that sign it, as Debian and its derivatives install them.
pub(super) const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Package lists and what was downloaded by them.
pub(super) struct Archive {
    folder: PathBuf,
}

impl Archive {
    /// Reads the package lists anew, with everything kept under `folder`.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let archive = Self {
            folder: folder.to_owned(),
        };
        for part in ["lists/partial", "cache/archives/partial", "state"] {
            let path = folder.join(part);
            fs::create_dir_all(&path)
                .with_context(|| format!("cannot create {}", path.display()))?;
        }
        // Nothing counts as installed: a package comes with all that it needs.
        fs::write(folder.join("state/status"), "").context("cannot write the status file")?;
        fs::write(folder.join("sources.list"), sources(&mirror()?)).context("no sources.list")?;
        fs::write(folder.join("apt.conf"), configuration(folder)).context("no apt.conf")?;
        run(archive.apt("apt-get").args(["-q", "update"]))?;
        Ok(archive)
    }

    fn apt(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("APT_CONFIG", self.folder.join("apt.conf"))
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("LC_ALL", "C");
        command
    }

    /// Downloads `package` of the backports and all that it depends on; the files.
    pub(super) fn download_with_dependencies(&self, package: &str) -> Result<Vec<PathBuf>> {
        let backports = format!("{SUITE}-backports");
        let mut command = self.apt("apt-get");
        command.args(["-q", "-y", "--download-only", "-t", &backports, "install"]);
        run(command.arg(package))?;
        let found = fs::read_dir(self.folder.join("cache/archives"))
            .context("apt left no folder of packages")?;
        let files: Vec<PathBuf> = found
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "deb"))
            .collect();
        if files.is_empty() {
            bail!("apt downloaded nothing for {package}");
        }
        Ok(files)
    }

    /// Downloads `packages` alone into `folder`.
    pub(super) fn download(&self, packages: &[String], folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let mut command = self.apt("apt-get");
        run(command
            .current_dir(folder)
            .args(["-q", "download"])
            .args(packages))
    }

    /// The names of all packages that begin with `linux-`.
    pub(super) fn kernel_packages(&self) -> Result<Vec<String>> {
        let mut command = self.apt("apt-cache");
        let names = output_of(command.args(["pkgnames", "linux-"]))?;
        Ok(names.lines().map(|line| line.trim().to_owned()).collect())
    }
}

/// The address of the Debian archive among this machine's apt sources.
pub(super) fn mirror() -> Result<String> {
    // A machine that has read no list yet does not know whose archive is whose.
    if let Some(found) = find_mirror()? {
        return Ok(found);
    }
    run(Command::new("apt-get").args(["-q", "update"]))?;
    find_mirror()?.context("no Debian archive among the machine's apt sources")
}

fn find_mirror() -> Result<Option<String>> {
    let targets = output_of(Command::new("apt-get").args([
        "indextargets",
        "--format",
        "$(LABEL)|$(REPO_URI)",
        "Created-By: Packages",
    ]))?;
    Ok(debian_among(&targets).map(str::to_owned))
}

/// The address behind the label `Debian` in lines of `LABEL|ADDRESS`.
fn debian_among(targets: &str) -> Option<&str> {
    targets
        .lines()
        .filter_map(|line| line.split_once('|'))
        .find(|(label, _)| *label == "Debian")
        .map(|(_, address)| address.trim())
}

fn sources(mirror: &str) -> String {
    [SUITE.to_owned(), format!("{SUITE}-backports")]
        .map(|suite| format!("deb [arch=amd64 signed-by={KEYRING}] {mirror} {suite} main\n"))
        .concat()
}

fn configuration(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "Dir::State \"{folder}/state\";\n\
         Dir::State::status \"{folder}/state/status\";\n\
         Dir::State::lists \"{folder}/lists\";\n\
         Dir::Cache \"{folder}/cache\";\n\
         Dir::Etc::sourcelist \"{folder}/sources.list\";\n\
         Dir::Etc::sourceparts \"/dev/null\";\n\
         Dir::Etc::preferences \"/dev/null\";\n\
         Dir::Etc::preferencesparts \"/dev/null\";\n\
         APT::Architecture \"amd64\";\n\
         APT::Architectures \"amd64\";\n\
         APT::Install-Recommends \"false\";\n\
         APT::Sandbox::User \"root\";\n\
         Acquire::Languages \"none\";\n\
         Acquire::Retries \"3\";\n\
         Acquire::IndexTargets::deb::DEP-11::DefaultEnabled \"false\";\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_is_the_one_that_calls_itself_debian() {
        let targets = "Debian-Security|http://a.example/debian-security/\n\
                       Debian Backports|http://b.example/debian/\n\
                       Debian|http://c.example/debian/\nDebian|http://d.example/\n";
        assert_eq!(debian_among(targets), Some("http://c.example/debian/"));
        assert_eq!(debian_among("Ubuntu|http://a.example/ubuntu/\n"), None);
        assert_eq!(debian_among(""), None);
    }

    #[test]
    fn both_suites_come_from_one_archive() {
        let text = sources("http://c.example/debian/");
        assert_eq!(text.lines().count(), 2);
        assert!(text.contains("http://c.example/debian/ trixie-backports main"));
    }
}
