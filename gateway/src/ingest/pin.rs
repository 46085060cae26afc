//! Links that outlive the gateway: pinned in the BPF file system, one folder an interface.
//!
//! Attaching an XDP program resets some cards for seconds. A pinned link keeps the program attached when the gateway
//! ends; without sockets it passes every packet to the kernel. The next start puts its own program into the link, which
//! resets nothing. The folder is locked while a gateway uses the link, so that a second one, or `gateway detach`, finds out.

use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::IngestError;

/// Where the folders of interfaces are.
pub const PIN_FOLDER: &str = "/sys/fs/bpf/gateway";
/// `BPF_FS_MAGIC` of linux/magic.h.
const BPF_FS_MAGIC: i64 = 0xcafe_4a11;
const LINK: &str = "link";

/// An interface's place for a link, held by this process.
#[derive(Debug)]
pub(super) struct Pin {
    folder: PathBuf,
    /// Locked until this is dropped.
    lock_file: Option<File>,
}

/// Why a place could not be had.
#[derive(Debug)]
pub(super) enum PinError {
    /// Another process uses it.
    InUse,
    /// The system refused.
    System(io::Error),
}

impl From<io::Error> for PinError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

impl PinError {
    pub(super) fn into_ingest(self, interface: &str) -> IngestError {
        let name = interface.to_owned();
        match self {
            Self::InUse => IngestError::ProgramAttached {
                name,
                detail: "another gateway uses its pinned link".to_owned(),
            },
            Self::System(cause) => IngestError::System {
                name,
                action: "pin the XDP link",
                cause: cause.to_string(),
            },
        }
    }
}

/// Interfaces that have a folder.
pub(super) fn all() -> Vec<String> {
    let entries = fs::read_dir(PIN_FOLDER).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

impl Pin {
    /// Whether a link is pinned for this interface.
    pub(super) fn exists(interface: &str) -> bool {
        folder(interface).join(LINK).exists()
    }

    /// Takes the place of an interface, and makes it where there is none yet.
    pub(super) fn claim(interface: &str) -> Result<Self, PinError> {
        let folder = folder(interface);
        check_file_system(Path::new("/sys/fs/bpf"))?;
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(&folder)?;
        Self::lock(folder)
    }

    /// Takes a place that is there.
    pub(super) fn open(interface: &str) -> Result<Self, PinError> {
        Self::lock(folder(interface))
    }

    /// One that is there and that another process uses.
    pub(super) fn open_used(interface: &str) -> io::Result<Self> {
        let folder = folder(interface);
        let lock = open_folder(&folder)?;
        Ok(Self {
            folder,
            lock_file: Some(lock),
        })
    }

    fn lock(folder: PathBuf) -> Result<Self, PinError> {
        let lock = open_folder(&folder)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self {
                folder,
                lock_file: Some(lock),
            }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(PinError::InUse),
            Err(error) => Err(PinError::System(error.into())),
        }
    }

    /// The link that is pinned here.
    pub(super) fn link(&self) -> io::Result<Option<OwnedFd>> {
        let path = c_path(&self.folder.join(LINK))?;
        // SAFETY: a C string that lives through the call.
        let link = unsafe { libxdp_sys::bpf_obj_get(path.as_ptr()) };
        match -link {
            libc::ENOENT => Ok(None),
            error if error > 0 => Err(io::Error::from_raw_os_error(error)),
            // SAFETY: the call succeeded, so this is a new descriptor that nobody else owns.
            _ => Ok(Some(unsafe { OwnedFd::from_raw_fd(link) })),
        }
    }

    /// Pins a link here.
    pub(super) fn place(&self, link: BorrowedFd<'_>) -> io::Result<()> {
        let path = c_path(&self.folder.join(LINK))?;
        // SAFETY: an open descriptor and a C string, which live through the call.
        match unsafe { libxdp_sys::bpf_obj_pin(link.as_raw_fd(), path.as_ptr()) } {
            0 => Ok(()),
            error => Err(io::Error::from_raw_os_error(error.wrapping_neg())),
        }
    }

    /// Removes the link from here; it lasts as long as its descriptors then.
    pub(super) fn clear(&self) -> io::Result<()> {
        match fs::remove_file(self.folder.join(LINK)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes the place itself.
    pub(super) fn remove(self) -> io::Result<()> {
        self.clear()?;
        fs::remove_dir(&self.folder)?;
        // Others may be left.
        let _ = fs::remove_dir(PIN_FOLDER);
        Ok(())
    }

    /// Its lock, to be held by another process.
    pub(super) fn hand_over(mut self) -> Option<OwnedFd> {
        self.lock_file.take().map(OwnedFd::from)
    }

    /// An interface's place whose lock another process took and handed over.
    pub(super) fn adopt(interface: &str, lock: OwnedFd) -> Self {
        Self {
            folder: folder(interface),
            lock_file: Some(File::from(lock)),
        }
    }

    /// For messages.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.join(LINK)
    }
}

impl Drop for Pin {
    /// Closing the descriptor is not enough: a program that is being started has a copy of it until it is executed.
    fn drop(&mut self) {
        if let Some(lock) = &self.lock_file {
            let _ = flock(lock, FlockOperation::Unlock);
        }
    }
}

fn open_folder(folder: &Path) -> io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options
        .read(true)
        .custom_flags(libc::O_DIRECTORY | libc::O_NOFOLLOW);
    options.open(folder)
}

fn folder(interface: &str) -> PathBuf {
    Path::new(PIN_FOLDER).join(interface)
}

fn c_path(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| io::ErrorKind::InvalidInput.into())
}

fn check_file_system(path: &Path) -> io::Result<()> {
    let missing = || {
        io::Error::new(
            io::ErrorKind::NotFound,
            "there is no BPF file system at /sys/fs/bpf; `mount -t bpf bpf /sys/fs/bpf`, or set `pin_link = false`",
        )
    };
    let file = File::open(path).map_err(|_| missing())?;
    let facts = rustix::fs::fstatfs(file.as_fd())?;
    #[allow(
        clippy::useless_conversion,
        reason = "the type differs between targets"
    )]
    let magic = i64::from(facts.f_type);
    if magic == BPF_FS_MAGIC {
        Ok(())
    } else {
        Err(missing())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_copy_of_the_descriptor_in_another_process_does_not_keep_a_place_taken() {
        let folder = tempfile::tempdir().unwrap();
        let place = Pin::lock(folder.path().to_owned()).unwrap();
        let copy = place.lock_file.as_ref().unwrap().try_clone().unwrap();
        assert!(matches!(
            Pin::lock(folder.path().to_owned()),
            Err(PinError::InUse)
        ));
        drop(place);
        assert!(Pin::lock(folder.path().to_owned()).is_ok());
        drop(copy);
    }
}
