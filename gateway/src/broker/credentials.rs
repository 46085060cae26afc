//! Who is at the other end of a Unix socket.

use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;

/// Process, user and groups of a peer when it connected, as the gateway's namespaces see them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerCredentials {
    /// Process id; 0 where the peer's namespace hides it.
    pub pid: u32,
    /// User id; the kernel's overflow id (65534 unless changed) where the peer's namespace hides it.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Arc<[u32]>,
}

impl PeerCredentials {
    /// Asks the kernel (`SO_PEERCRED`, `SO_PEERGROUPS`). `None` only where the descriptor is no connected Unix socket.
    pub(super) fn of(socket: &OwnedFd) -> Option<Self> {
        let credentials = credentials(socket)?;
        Some(Self {
            pid: u32::try_from(credentials.pid).unwrap_or(0),
            uid: credentials.uid,
            gid: credentials.gid,
            // Without an answer it is in no further group, and is entitled to less.
            groups: groups(socket).unwrap_or_default().into(),
        })
    }

    /// Those of this process, for readers within it.
    pub(super) fn own() -> Self {
        Self {
            pid: std::process::id(),
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
            groups: Arc::new([]),
        }
    }

    /// Its group and its supplementary groups.
    pub fn all_groups(&self) -> impl Iterator<Item = u32> {
        std::iter::once(self.gid).chain(self.groups.iter().copied())
    }
}

impl std::fmt::Display for PeerCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "process {} of user {}", self.pid, self.uid)
    }
}

/// Not rustix: its type cannot hold the process id 0 of a peer in a foreign namespace.
fn credentials(socket: &OwnedFd) -> Option<libc::ucred> {
    let mut credentials = libc::ucred {
        pid: 0,
        uid: 0,
        gid: 0,
    };
    let mut len = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: both pointers lead to values that outlive the call, and `len` is the size of the first.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut credentials).cast(),
            &raw mut len,
        )
    };
    (result == 0 && len as usize == size_of::<libc::ucred>()).then_some(credentials)
}

/// The supplementary groups (Linux 4.13): the kernel says how many there are where the buffer is too short.
fn groups(socket: &OwnedFd) -> Option<Vec<u32>> {
    let mut groups = vec![0_u32; 32];
    // The peer's groups at its connect never change: the second attempt has room for all.
    for _ in 0..2 {
        let mut len = libc::socklen_t::try_from(size_of_val(groups.as_slice())).ok()?;
        // SAFETY: the first pointer leads to `len` writable bytes, the second to a value that outlives the call.
        let result = unsafe {
            libc::getsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_PEERGROUPS,
                groups.as_mut_ptr().cast(),
                &raw mut len,
            )
        };
        let error = std::io::Error::last_os_error();
        groups.resize(len as usize / size_of::<u32>(), 0);
        if result == 0 {
            return Some(groups);
        }
        if error.raw_os_error() != Some(libc::ERANGE) {
            return None;
        }
    }
    None
}
