//! The listening socket: bound without stealing another gateway's, removed when done.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gateway_client::{ClientError, Connection};
use rustix::fs::FlockOperation;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use tokio::io::unix::AsyncFd;

use super::BrokerError;

/// How long another gateway may take to say that it is one.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
/// Connections that wait to be accepted.
const BACKLOG: i32 = 64;
/// Owner and group may connect; everybody may, where entitlements decide.
const SOCKET_MODE: u32 = 0o660;
const SOCKET_MODE_OPEN: u32 = 0o666;
/// How long to wait for another process that holds the directory's lock, and how often to ask.
const LOCK_WAIT: Duration = Duration::from_secs(2);
const LOCK_RETRY: Duration = Duration::from_millis(20);
/// Mode of a directory made for the socket.
const DIRECTORY_MODE: u32 = 0o755;

/// A listening socket and its file. Dropped, the file is removed, if it is still this one's.
#[derive(Debug)]
pub(super) struct BoundSocket {
    path: PathBuf,
    /// Device and inode of the file.
    identity: (u64, u64),
    descriptor: OwnedFd,
}

impl BoundSocket {
    pub(super) fn bind(path: &Path) -> Result<Self, BrokerError> {
        let fail = |operation| {
            let path = path.to_owned();
            move |source: io::Error| BrokerError::System {
                path,
                operation,
                source,
            }
        };
        let address = SocketAddrUnix::new(path)
            .map_err(|errno| fail("take the path as a socket's address")(errno.into()))?;
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(DIRECTORY_MODE)
            .create(directory)
            .map_err(fail("create the directory"))?;
        // Two gateways that start at once take turns, so that neither removes the other's new socket. The lock is the
        // directory's own: no file of ours is left behind.
        let lock = fs::File::open(directory).map_err(fail("open the directory"))?;
        take_turns(&lock).map_err(fail("lock the directory"))?;
        remove_stale(path)?;

        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let descriptor =
            rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)
                .map_err(|errno| fail("create a socket")(errno.into()))?;
        rustix::net::bind(&descriptor, &address).map_err(|errno| fail("bind")(errno.into()))?;
        let metadata = fs::symlink_metadata(path).map_err(fail("look at the socket"))?;
        let socket = Self {
            path: path.to_owned(),
            identity: identity(&metadata),
            descriptor,
        };
        socket
            .open_to_everybody(false)
            .map_err(fail("set the socket's mode"))?;
        rustix::net::listen(&socket.descriptor, BACKLOG)
            .map_err(|errno| fail("listen")(errno.into()))?;
        Ok(socket)
    }

    /// Whether the path still is this socket.
    fn is_there(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok_and(|metadata| identity(&metadata) == self.identity)
    }

    /// Lets everybody on the host connect, or owner and group only.
    pub(super) fn open_to_everybody(&self, open: bool) -> io::Result<()> {
        let mode = if open { SOCKET_MODE_OPEN } else { SOCKET_MODE };
        if !self.is_there() {
            return Err(io::ErrorKind::NotFound.into());
        }
        fs::set_permissions(&self.path, fs::Permissions::from_mode(mode))
    }

    /// The descriptor once more, to be watched by a runtime.
    pub(super) fn take_descriptor(&self) -> io::Result<OwnedFd> {
        self.descriptor.try_clone()
    }
}

impl Drop for BoundSocket {
    fn drop(&mut self) {
        if self.is_there() {
            // Nobody is left to hear of a failure; the next gateway removes what stays.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Locks the directory, as far as others let us within [`LOCK_WAIT`]: whoever may open it may also hold its lock for
/// ever, and must not keep a gateway from starting. Taking turns only matters between gateways that start at once.
fn take_turns(directory: &fs::File) -> io::Result<()> {
    let deadline = Instant::now() + LOCK_WAIT;
    loop {
        match rustix::fs::flock(directory, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(()),
            Err(Errno::WOULDBLOCK) if Instant::now() >= deadline => {
                tracing::warn!(
                    "another process holds the lock of the broker socket's directory; starting without it"
                );
                return Ok(());
            }
            Err(Errno::WOULDBLOCK | Errno::INTR) => std::thread::sleep(LOCK_RETRY),
            Err(errno) => return Err(errno.into()),
        }
    }
}

fn identity(metadata: &fs::Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// Removes a socket on which nobody listens; refuses anything else that has the path.
fn remove_stale(path: &Path) -> Result<(), BrokerError> {
    let occupied = |what| {
        Err(BrokerError::Occupied {
            path: path.to_owned(),
            what,
        })
    };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => {
            return Err(BrokerError::System {
                path: path.to_owned(),
                operation: "look at the path",
                source,
            });
        }
        Ok(metadata) if !metadata.file_type().is_socket() => return occupied("not a socket"),
        Ok(_) => {}
    }
    match Connection::open_within(path, ANSWER_TIMEOUT) {
        Ok(mut connection) => {
            // Whether it answers or is stuck, somebody listens: the socket is not ours.
            Err(BrokerError::AlreadyRunning {
                path: path.to_owned(),
                pid: connection.hello().ok(),
            })
        }
        Err(ClientError::Connect { source, .. }) => match source.raw_os_error() {
            Some(libc::ECONNREFUSED) => {
                fs::remove_file(path).map_err(|source| BrokerError::System {
                    path: path.to_owned(),
                    operation: "remove the socket that a dead gateway left",
                    source,
                })
            }
            Some(libc::EPROTOTYPE) => occupied("another program's socket"),
            // Its queue of connections is full: somebody listens and is stuck.
            Some(libc::EAGAIN) => Err(BrokerError::AlreadyRunning {
                path: path.to_owned(),
                pid: None,
            }),
            _ => Err(BrokerError::System {
                path: path.to_owned(),
                operation: "see who listens there",
                source,
            }),
        },
        Err(_) => occupied("another program's socket"),
    }
}

/// The next connection.
pub(super) async fn accept(listener: &AsyncFd<OwnedFd>) -> io::Result<OwnedFd> {
    loop {
        let mut ready = listener.readable().await?;
        let accepted = ready.try_io(|listener| {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            rustix::net::accept_with(listener, flags).map_err(Into::into)
        });
        match accepted {
            Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Ok(result) => return result,
            Err(_would_block) => {}
        }
    }
}
