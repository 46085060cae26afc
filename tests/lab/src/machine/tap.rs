//! Taps: the host's ends of the guest's wires, opened in the lab's network namespace and handed to QEMU as descriptors.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use anyhow::{Context, Result};
use gateway_test_harness::Namespace;

use crate::topology::Wire;

const TUNSETIFF: libc::Ioctl = 0x4004_54ca;

/// Makes the tap of `wire` with its address, up; a descriptor for each pair of queues.
pub(super) fn open(namespace: &Namespace, wire: &Wire) -> Result<Vec<OwnedFd>> {
    let descriptors = namespace.enter(|| {
        (0..wire.queues)
            .map(|_| queue(wire))
            .collect::<io::Result<Vec<_>>>()
            .with_context(|| format!("cannot make the tap {}", wire.name))
    })?;
    namespace.ip(&format!("address add {}/24 dev {}", wire.host(), wire.name))?;
    namespace.ip(&format!("link set dev {} up", wire.name))?;
    Ok(descriptors)
}

/// One queue of the tap; the first one makes the device, which goes with the last one.
fn queue(wire: &Wire) -> io::Result<OwnedFd> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/net/tun")?;
    // SAFETY: all zeroes is a valid `ifreq`: integers and a pointer.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(wire.name.bytes()) {
        *to = from.cast_signed();
    }
    // With the header in which checksums and segmentation are negotiated, as QEMU's own script would.
    let mut flags = libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR;
    if wire.queues > 1 {
        flags |= libc::IFF_MULTI_QUEUE;
    }
    request.ifr_ifru.ifru_flags = flags as libc::c_short;
    // SAFETY: the request is an `ifreq`, as TUNSETIFF wants, and lives through the call.
    let result = unsafe { libc::ioctl(file.as_raw_fd(), TUNSETIFF, &raw mut request) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(file.into())
}
