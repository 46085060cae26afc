//! The machine that is configured: where settings are read and written.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::card;
use super::setting::Setting;
use crate::ingest::netdev;

/// Why a setting could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such interface, interrupt or CPU.
    #[error("{0}")]
    Missing(String),
    /// The kernel or the driver does not have it.
    #[error("{0}")]
    Unsupported(String),
    /// This process may not.
    #[error("no permission ({0}); run it as root")]
    Denied(String),
    /// Refused for another reason.
    #[error("{0}")]
    Refused(String),
}

impl Refusal {
    /// What an error of the system means here.
    pub(super) fn of(error: &io::Error) -> Self {
        let text = error.to_string();
        match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES | libc::EROFS) => Self::Denied(text),
            Some(libc::ENOENT | libc::ENODEV | libc::ENXIO) => Self::Missing(text),
            Some(libc::EOPNOTSUPP | libc::ENOSYS) => Self::Unsupported(text),
            _ => Self::Refused(text),
        }
    }
}

/// A machine that has settings.
pub trait Machine {
    /// The present value.
    ///
    /// # Errors
    /// [`Refusal`].
    fn read(&self, setting: &Setting) -> Result<String, Refusal>;

    /// Gives it another value.
    ///
    /// # Errors
    /// [`Refusal`]; the value is unchanged then.
    fn write(&mut self, setting: &Setting, value: &str) -> Result<(), Refusal>;

    /// The largest number that a setting may have; `None` where nobody tells.
    fn most(&self, setting: &Setting) -> Option<u32>;

    /// The interrupts of an interface's queues; empty where its bus has none or does not tell.
    fn interrupts(&self, interface: &str) -> Vec<u32>;

    /// Receive queues that are active; `None` where there is no such interface.
    fn receive_queues(&self, interface: &str) -> Option<u32>;

    /// Whether a process of this name runs.
    fn runs(&self, name: &str) -> bool;

    /// What tells this boot from others.
    fn boot(&self) -> String;
}

/// This machine, or the one whose `/proc` and `/sys` lie below another folder.
#[derive(Debug)]
pub struct System {
    root: PathBuf,
}

impl System {
    /// The machine whose `/proc` and `/sys` lie below `root`.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    fn path(&self, below: &str) -> PathBuf {
        self.root.join(below)
    }

    /// A mount of sysfs shows the interfaces of one network namespace, which need not be this process'.
    fn check_namespace(&self, interface: &str) -> Result<(), Refusal> {
        if self.root != Path::new("/") {
            return Ok(());
        }
        let index = netdev::index(interface)
            .ok_or_else(|| Refusal::Missing(format!("there is no interface {interface}")))?;
        let shown = fs::read_to_string(self.path(&format!("sys/class/net/{interface}/ifindex")));
        match shown {
            Ok(text) if text.trim() == index.to_string() => Ok(()),
            _ => Err(Refusal::Refused(
                "/sys shows another network namespace; mount sysfs in this one".to_owned(),
            )),
        }
    }

    fn file(&self, setting: &Setting) -> Result<PathBuf, Refusal> {
        if !setting.is_sound() {
            return Err(Refusal::Missing("no interface has such a name".to_owned()));
        }
        if let Some(interface) = setting.interface() {
            self.check_namespace(interface)?;
        }
        let file = setting.file();
        file.map(|file| self.path(&file))
            .ok_or_else(|| Refusal::Unsupported("it has no file".to_owned()))
    }
}

impl Machine for System {
    fn read(&self, setting: &Setting) -> Result<String, Refusal> {
        if setting.file().is_none() {
            return card::read(setting);
        }
        let text = fs::read_to_string(self.file(setting)?).map_err(|e| Refusal::of(&e))?;
        Ok(text.trim().to_owned())
    }

    fn write(&mut self, setting: &Setting, value: &str) -> Result<(), Refusal> {
        if setting.file().is_none() {
            return card::write(setting, value);
        }
        // One write to a file that exists: what is not there shall not be made.
        let file = self.file(setting)?;
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).truncate(true).open(file);
        let written = file.and_then(|mut file| io::Write::write_all(&mut file, value.as_bytes()));
        written.map_err(|e| Refusal::of(&e))
    }

    fn most(&self, setting: &Setting) -> Option<u32> {
        card::most(setting)
    }

    fn interrupts(&self, interface: &str) -> Vec<u32> {
        let device = format!("sys/class/net/{interface}/device");
        // A virtio device has the interrupts of the PCI function that it lies on.
        let folders = [
            format!("{device}/msi_irqs"),
            format!("{device}/../msi_irqs"),
        ];
        let entries = folders
            .iter()
            .find_map(|folder| fs::read_dir(self.path(folder)).ok());
        let mut all: Vec<u32> = entries
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .collect();
        all.retain(|irq| self.handlers(*irq).iter().any(|name| is_of_a_queue(name)));
        all.sort_unstable();
        all
    }

    fn receive_queues(&self, interface: &str) -> Option<u32> {
        if self.root == Path::new("/") {
            return netdev::receive_queues(netdev::index(interface)?).ok();
        }
        let entries = fs::read_dir(self.path(&format!("sys/class/net/{interface}/queues"))).ok()?;
        let names = entries.flatten().map(|entry| entry.file_name());
        let receiving = names.filter(|name| name.to_string_lossy().starts_with("rx-"));
        u32::try_from(receiving.count()).ok()
    }

    fn runs(&self, name: &str) -> bool {
        let Ok(entries) = fs::read_dir(self.path("proc")) else {
            return false;
        };
        entries.flatten().any(|entry| {
            let is_process = entry
                .file_name()
                .to_string_lossy()
                .bytes()
                .all(|byte| byte.is_ascii_digit());
            is_process
                && fs::read_to_string(entry.path().join("comm"))
                    .is_ok_and(|comm| comm.trim() == name)
        })
    }

    fn boot(&self) -> String {
        fs::read_to_string(self.path("proc/sys/kernel/random/boot_id"))
            .map_or_else(|_| String::new(), |text| text.trim().to_owned())
    }
}

impl System {
    /// The names under which an interrupt was asked for: a folder each.
    fn handlers(&self, irq: u32) -> Vec<String> {
        let entries = fs::read_dir(self.path(&format!("proc/irq/{irq}")));
        let folders = entries.into_iter().flatten().flatten();
        folders
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect()
    }
}

/// Whether an interrupt of this name moves packets; the others are for events of the device (mlx5 `async`, virtio
/// `config`, mailboxes), which have no place on a worker's core.
fn is_of_a_queue(name: &str) -> bool {
    const EVENTS: [&str; 11] = [
        "config", "async", "ctrl", "control", "admin", "mgmnt", "mgmt", "mbx", "mailbox", "misc",
        "pages_eq",
    ];
    let name = name.to_ascii_lowercase();
    !EVENTS.iter().any(|event| name.contains(event))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interrupts_of_queues_are_told_from_those_of_events() {
        for (name, of_a_queue) in [
            ("virtio2-input.0", true),
            ("virtio2-config", false),
            ("mlx5_comp3@pci:0000:00:05.0", true),
            ("mlx5_async0@pci:0000:00:05.0", false),
            ("iavf-eth1-TxRx-0", true),
            ("iavf-0000:00:05.0:mbx", false),
            ("ena-mgmnt@pci:0000:00:05.0", false),
            ("eth1-Tx-Rx-0", true),
        ] {
            assert_eq!(is_of_a_queue(name), of_a_queue, "{name}");
        }
    }
}
