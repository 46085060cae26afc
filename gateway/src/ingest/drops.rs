//! Reading what the kernel dropped, from the control plane, while a worker polls the provider.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::{Arc, Weak};

use super::KernelDrops;

/// Reads a provider's kernel-side drop counts. Holds no socket open: once the provider is gone it reads `None`.
#[derive(Debug, Clone)]
pub struct KernelDropReader {
    sockets: Weak<[OwnedFd]>,
    kind: Kind,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Udp,
    AfXdp,
}

impl KernelDropReader {
    pub(super) fn sockets(sockets: &Arc<[OwnedFd]>) -> Self {
        Self {
            sockets: Arc::downgrade(sockets),
            kind: Kind::Udp,
        }
    }

    pub(super) fn af_xdp(sockets: &Arc<[OwnedFd]>) -> Self {
        Self {
            sockets: Arc::downgrade(sockets),
            kind: Kind::AfXdp,
        }
    }

    /// The counts since the provider was opened, or `None` when it is gone.
    ///
    /// # Errors
    ///
    /// The kernel refuses `getsockopt`.
    pub fn read(&self) -> io::Result<Option<KernelDrops>> {
        let Some(sockets) = self.sockets.upgrade() else {
            return Ok(None);
        };
        let mut drops = KernelDrops::default();
        for socket in sockets.iter() {
            match self.kind {
                Kind::Udp => {
                    drops.socket_buffer_full += u64::from(socket_drops(socket.as_raw_fd())?)
                }
                Kind::AfXdp => add_xdp_drops(&mut drops, socket.as_raw_fd())?,
            }
        }
        Ok(Some(drops))
    }
}

impl KernelDropReader {
    /// The NAPI id by which the kernel can busy-poll the provider's socket: 0 where it has none, `None` when the provider
    /// is gone or has no AF_XDP socket.
    #[must_use]
    pub fn napi_id(&self) -> Option<u32> {
        let sockets = self.sockets.upgrade()?;
        let socket = sockets
            .first()
            .filter(|_| matches!(self.kind, Kind::AfXdp))?;
        get_option(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_INCOMING_NAPI_ID,
        )
        .ok()
    }
}

/// Index of the drop count in the answer to `SO_MEMINFO` (linux/sock_diag.h).
const SK_MEMINFO_DROPS: usize = 8;
const SK_MEMINFO_VARS: usize = 9;

fn socket_drops(fd: RawFd) -> io::Result<u32> {
    let values: [u32; SK_MEMINFO_VARS] = get_option(fd, libc::SOL_SOCKET, libc::SO_MEMINFO)?;
    Ok(values[SK_MEMINFO_DROPS])
}

/// Adds the socket's `XDP_STATISTICS`, in the order of `struct xdp_statistics` (linux/if_xdp.h).
fn add_xdp_drops(drops: &mut KernelDrops, fd: RawFd) -> io::Result<()> {
    let [
        rx_dropped,
        rx_invalid_descs,
        _tx_invalid_descs,
        rx_ring_full,
        fill_ring_empty,
        _tx_ring_empty,
    ]: [u64; 6] = get_option(fd, libc::SOL_XDP, libxdp_sys::XDP_STATISTICS as libc::c_int)?;
    drops.rx_dropped += rx_dropped;
    drops.rx_invalid_descs += rx_invalid_descs;
    drops.rx_ring_full += rx_ring_full;
    drops.fill_ring_empty += fill_ring_empty;
    Ok(())
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
