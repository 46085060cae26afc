//! What the lab boots, made once and kept: QEMU, guest kernels and what the guest starts with.
//!
//! Everything lies under one folder (`target/lab`): `qemu/` is a tree of unpacked Debian packages in which nothing was
//! installed and no maintainer script ran, `kernels/` has an image and a few modules each, `apt/` apt's own files.

mod archive;
mod command;
mod debian;
mod initramfs;
mod kernel;
mod share;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use archive::Archive;
pub use kernel::Kernel;

use crate::topology;

/// What the lab boots.
#[derive(Debug)]
pub struct Depot {
    folder: PathBuf,
}

/// What runs in a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// One static program, the modules and the agent.
    Bare,
    /// Debian 13 with systemd.
    Debian,
}

/// Programs that provisioning starts, each with Debian's name of the package that has it.
const TOOLS: [(&str, &str); 4] = [
    ("apt-get", "apt"),
    ("dpkg-deb", "dpkg"),
    ("ldd", "libc-bin"),
    ("ip", "iproute2"),
];

impl Depot {
    /// Why there can be no lab on this machine; `None` if nothing speaks against it.
    pub fn impossible() -> Option<String> {
        if !gateway_test_harness::unprivileged::is_true_root() {
            return Some("no root".to_owned());
        }
        if !cfg!(target_arch = "x86_64") {
            return Some("the lab's guests are x86-64, this machine is not".to_owned());
        }
        if !Path::new("/dev/net/tun").exists() {
            return Some("no /dev/net/tun: the kernel lacks TUN/TAP devices".to_owned());
        }
        TOOLS.iter().find_map(|(tool, package)| {
            find(tool)
                .is_none()
                .then(|| format!("no {tool} (package {package})"))
        })
    }

    /// A depot in `folder`.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes sure that QEMU and the kernels of `series` are there; `say` hears of each download.
    ///
    /// # Errors
    /// The archive cannot be reached, or lacks something.
    pub fn provide(&self, series: &[String], mut say: impl FnMut(&str)) -> Result<Vec<Kernel>> {
        fs::create_dir_all(&self.folder)
            .with_context(|| format!("cannot create {}", self.folder.display()))?;
        let kernels = self.folder.join("kernels");
        let lacking: Vec<&String> = series
            .iter()
            .filter(|series| Kernel::unpacked(&kernels, series).is_none())
            .collect();
        if !self.qemu_tree().is_dir() || !lacking.is_empty() {
            say("reading Debian's package lists");
            let archive = Archive::open(&self.folder.join("apt"))?;
            if !self.qemu_tree().is_dir() {
                say("downloading and unpacking QEMU (40 MB)");
                self.provide_qemu(&archive)?;
            }
            for series in lacking {
                say(&format!(
                    "downloading and unpacking Linux {series} (110 MB)"
                ));
                Kernel::provide(&archive, &kernels, series, &self.busybox())?;
            }
        }
        series
            .iter()
            .map(|series| Kernel::unpacked(&kernels, series).context("a kernel is missing"))
            .collect()
    }

    /// Makes sure that guests can have `system`.
    ///
    /// # Errors
    /// The archive cannot be reached, or debootstrap fails.
    pub fn provide_system(&self, system: System, mut say: impl FnMut(&str)) -> Result<()> {
        if system == System::Bare {
            return Ok(());
        }
        let made = debian::file(&self.folder);
        if !made.is_file() {
            say("making a Debian 13 with systemd (80 MB)");
            debian::provide(&Archive::open(&self.folder.join("apt"))?, &self.folder)?;
        }
        // Where guests see it.
        let shared = self.shared().join("debian.tar");
        let _ = fs::remove_file(&shared);
        fs::hard_link(&made, &shared).context("cannot share the system with the guest")
    }

    /// Puts a file where guests see it, as `/guest/NAME`; its path there.
    ///
    /// # Errors
    /// It cannot be copied.
    pub fn lend(&self, file: &Path) -> Result<String> {
        let name = file.file_name().context("a file without a name")?;
        fs::copy(file, self.shared().join(name))
            .with_context(|| format!("cannot copy {}", file.display()))?;
        Ok(format!("/guest/{}", name.to_string_lossy()))
    }

    fn qemu_tree(&self) -> PathBuf {
        self.folder.join("qemu")
    }

    fn busybox(&self) -> PathBuf {
        self.qemu_tree().join("usr/bin/busybox")
    }

    fn provide_qemu(&self, archive: &Archive) -> Result<()> {
        let work = self.folder.join("qemu.new");
        let _ = fs::remove_dir_all(&work);
        archive.download(&["busybox-static".to_owned()], &work.join("packages"))?;
        let mut packages = archive.download_with_dependencies("qemu-system-x86")?;
        for entry in fs::read_dir(work.join("packages")).context("no busybox was downloaded")? {
            packages.push(entry?.path());
        }
        for package in &packages {
            command::run(Command::new("dpkg-deb").arg("-x").arg(package).arg(&work))?;
            fs::remove_file(package).context("cannot remove a package")?;
        }
        fs::rename(&work, self.qemu_tree()).context("cannot move QEMU to its place")
    }

    /// QEMU, by its own dynamic loader and with its own libraries: whatever this machine's are.
    pub(crate) fn qemu(&self) -> Command {
        let tree = self.qemu_tree();
        let libraries = tree.join("usr/lib/x86_64-linux-gnu");
        let mut command = Command::new(tree.join("usr/lib64/ld-linux-x86-64.so.2"));
        command
            .env("QEMU_MODULE_DIR", libraries.join("qemu"))
            .arg("--library-path")
            .arg(&libraries)
            .arg(tree.join("usr/bin/qemu-system-x86_64"));
        for data in ["usr/share/qemu", "usr/share/seabios"] {
            command.arg("-L").arg(tree.join(data));
        }
        command
    }

    /// Fills the folder that guests see as `/guest` with `programs`.
    ///
    /// # Errors
    /// A program or one of its libraries cannot be copied.
    pub fn share(&self, programs: &[PathBuf]) -> Result<()> {
        let Some(ip) = find("ip") else {
            bail!("no ip (package iproute2)");
        };
        let mut all = programs.to_vec();
        all.push(ip);
        share::fill(&self.shared(), &all, &topology::names())
    }

    pub(crate) fn shared(&self) -> PathBuf {
        self.folder.join("guest")
    }

    /// Writes the first file system of a guest with `kernel` to `file`.
    pub(crate) fn write_initramfs(
        &self,
        kernel: &Kernel,
        system: System,
        file: &Path,
    ) -> Result<()> {
        initramfs::write(file, kernel, system, &self.busybox())
    }
}

/// Finds `program` in `PATH` and where administrators' programs lie.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}
