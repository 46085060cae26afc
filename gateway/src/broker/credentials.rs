//! Who is at the other end of a Unix socket.

use std::os::fd::{AsRawFd, OwnedFd};

/// Process, user and group of a peer when it connected, as the gateway's namespaces see them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerCredentials {
    /// Process id; 0 where the peer's namespace hides it.
    pub pid: u32,
    /// User id; 65534 (usually) where the peer's namespace hides it.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

impl PeerCredentials {
    /// Asks the kernel (`SO_PEERCRED`). `None` only where the descriptor is no connected Unix socket.
    pub(super) fn of(socket: &OwnedFd) -> Option<Self> {
        // Not rustix: its type cannot hold the process id 0 of a peer in a foreign namespace.
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
        let found = result == 0 && len as usize == size_of::<libc::ucred>();
        found.then(|| Self {
            pid: u32::try_from(credentials.pid).unwrap_or(0),
            uid: credentials.uid,
            gid: credentials.gid,
        })
    }
}

impl std::fmt::Display for PeerCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "process {} of user {}", self.pid, self.uid)
    }
}
