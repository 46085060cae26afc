//! Reading what the kernel dropped, from the control plane, while a worker polls the provider.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::{Arc, Weak};

use super::KernelDrops;

/// Reads a provider's kernel-side drop counts. Holds no socket open: once the provider is gone it reads `None`.
#[derive(Debug, Clone)]
pub struct KernelDropReader(Weak<[OwnedFd]>);

impl KernelDropReader {
    pub(super) fn sockets(sockets: &Arc<[OwnedFd]>) -> Self {
        Self(Arc::downgrade(sockets))
    }

    /// The counts since the provider was opened, or `None` when it is gone.
    ///
    /// # Errors
    ///
    /// The kernel refuses `getsockopt`.
    pub fn read(&self) -> io::Result<Option<KernelDrops>> {
        let Some(sockets) = self.0.upgrade() else {
            return Ok(None);
        };
        let mut drops = KernelDrops::default();
        for socket in sockets.iter() {
            drops.socket_buffer_full += u64::from(socket_drops(socket.as_raw_fd())?);
        }
        Ok(Some(drops))
    }
}

/// Index of the drop count in the answer to `SO_MEMINFO` (linux/sock_diag.h).
const SK_MEMINFO_DROPS: usize = 8;
const SK_MEMINFO_VARS: usize = 9;

fn socket_drops(fd: RawFd) -> io::Result<u32> {
    let values: [u32; SK_MEMINFO_VARS] = get_option(fd, libc::SOL_SOCKET, libc::SO_MEMINFO)?;
    Ok(values[SK_MEMINFO_DROPS])
}

/// `getsockopt` of a plain C value made of integers; what the kernel does not write stays zero.
pub(super) fn get_option<T: Default + Copy>(
    fd: RawFd,
    level: libc::c_int,
    name: libc::c_int,
) -> io::Result<T> {
    let mut value = T::default();
    let mut length = size_of::<T>() as libc::socklen_t;
    // SAFETY: the pointer and length describe `value`, which lives through the call; callers use integer-only types,
    // of which every bit pattern is valid.
    let result =
        unsafe { libc::getsockopt(fd, level, name, (&raw mut value).cast(), &raw mut length) };
    if result == 0 {
        Ok(value)
    } else {
        Err(io::Error::last_os_error())
    }
}
