//! Hearing of links as they change: rtnetlink's group of link messages.
//!
//! A message only says that something changed; what is true now is asked anew ([`LinkFacts::of`](super::netdev::LinkFacts::of)).
//! So a message that is lost because too many came at once costs nothing but the next look.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use tokio::io::unix::AsyncFd;

/// Bytes of messages that are taken at once; what does not fit is thrown away unread.
const BUFFER_BYTES: usize = 8 << 10;

/// Tells when a link of the network namespace in which it was opened has changed.
#[derive(Debug)]
pub struct LinkWatch(AsyncFd<OwnedFd>);

impl LinkWatch {
    /// Starts to listen. To be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// The kernel refuses a netlink socket.
    pub fn open() -> io::Result<Self> {
        // SAFETY: makes a new descriptor from constants.
        let fd = unsafe {
            libc::socket(
                libc::AF_NETLINK,
                libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK,
                libc::NETLINK_ROUTE,
            )
        };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made it for us.
        let socket = unsafe { OwnedFd::from_raw_fd(fd) };
        // SAFETY: a C struct for which all-zero bytes are a valid value.
        let mut address: libc::sockaddr_nl = unsafe { std::mem::zeroed() };
        address.nl_family = libc::AF_NETLINK as libc::sa_family_t;
        address.nl_groups = libc::RTMGRP_LINK as u32;
        // SAFETY: pointer and length describe `address`, which lives through the call.
        let bound = unsafe {
            libc::bind(
                socket.as_raw_fd(),
                (&raw const address).cast(),
                size_of::<libc::sockaddr_nl>() as libc::socklen_t,
            )
        };
        if bound < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: an `OwnedFd` gives the same descriptor all its life, and closes it only when it is dropped with the
        // registration that holds it.
        let registered = unsafe { AsyncFd::register(socket) };
        registered.map(Self).map_err(Into::into)
    }

    /// Waits until a link has changed since the last call. May be dropped at any time.
    pub async fn changed(&self) {
        // Only a runtime that ends refuses, and then nobody waits.
        let Ok(mut ready) = self.0.readable().await else {
            return std::future::pending().await;
        };
        let mut buffer = [0_u8; BUFFER_BYTES];
        loop {
            // SAFETY: pointer and length describe `buffer`, which lives through the call.
            let received = unsafe {
                libc::recv(
                    self.0.get_ref().as_raw_fd(),
                    buffer.as_mut_ptr().cast(),
                    buffer.len(),
                    libc::MSG_DONTWAIT,
                )
            };
            // ENOBUFS says that messages were lost: there may be more behind them.
            let error = (received < 0).then(io::Error::last_os_error);
            match error.and_then(|error| error.raw_os_error()) {
                None | Some(libc::ENOBUFS | libc::EINTR) => {}
                Some(_) => break,
            }
        }
        ready.clear_ready();
    }
}
