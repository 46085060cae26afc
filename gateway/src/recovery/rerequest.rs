//! Sockets to re-request servers.
//!
//! One connected socket a server, so that the kernel lets nothing in that comes from elsewhere. Whatever goes wrong
//! with it ends it; the next request makes another. That a request was not sent need not be told: it is not answered,
//! and the planner goes on to the next server.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll};

use bytes::Bytes;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::UdpSocket;

use crate::config::model::Recovery;

/// The longest datagram.
pub(super) const DATAGRAM_BYTES_MAX: usize = 65_536;

/// Where sessions leave this host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Way {
    /// The address that they come from.
    pub(crate) source: Option<IpAddr>,
    /// The interface that they leave by.
    pub(crate) interface: Option<String>,
}

impl Way {
    /// The one that the configuration says.
    pub(crate) fn of(recovery: &Recovery) -> Self {
        Self {
            source: recovery.source,
            interface: recovery.interface.clone(),
        }
    }

    /// Has `socket`, to be connected to `server`, go this way.
    pub(super) fn bind(&self, socket: &SockRef<'_>, server: SocketAddr) -> io::Result<()> {
        if let Some(interface) = &self.interface {
            socket.bind_device(Some(interface.as_bytes()))?;
        }
        let any = match server {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let source = SocketAddr::new(self.source.unwrap_or(any), 0);
        socket.bind(&source.into())
    }
}

/// The way to one server.
#[derive(Debug)]
pub(super) struct Rerequest {
    server: SocketAddr,
    way: Way,
    socket: Option<UdpSocket>,
}

impl Rerequest {
    pub(super) const fn new(server: SocketAddr, way: Way) -> Self {
        let socket = None;
        Self {
            server,
            way,
            socket,
        }
    }

    /// Opens the socket, unless it is open.
    fn open(&mut self) -> io::Result<&UdpSocket> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => {
                let domain = Domain::for_address(self.server);
                let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
                self.way.bind(&SockRef::from(&socket), self.server)?;
                socket.connect(&self.server.into())?;
                socket.set_nonblocking(true)?;
                UdpSocket::from_std(socket.into())?
            }
        };
        Ok(self.socket.insert(socket))
    }

    /// Sends a request.
    pub(super) fn send(&mut self, request: &[u8]) -> io::Result<()> {
        // Past the runtime, which takes a socket that was just made for one that is not ready.
        let sent = SockRef::from(self.open()?).send(request);
        match sent {
            Ok(_) => Ok(()),
            Err(error) => {
                // A full socket buffer loses the request and no more.
                if error.kind() != io::ErrorKind::WouldBlock {
                    self.socket = None;
                }
                Err(error)
            }
        }
    }

    /// A datagram of the server, if one is there.
    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<Bytes>> {
        let Some(socket) = &self.socket else {
            return Ok(None);
        };
        match socket.try_recv(buffer) {
            Ok(length) => {
                let datagram = buffer.get(..length).unwrap_or_default();
                Ok(Some(Bytes::copy_from_slice(datagram)))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => {
                // Nobody listens there: other requests may find somebody.
                if error.kind() != io::ErrorKind::ConnectionRefused {
                    self.socket = None;
                }
                Err(error)
            }
        }
    }

    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        match &self.socket {
            Some(socket) => socket.poll_recv_ready(context).map(|_| ()),
            None => Poll::Pending,
        }
    }
}

/// Waits until any of them has something to receive.
pub(super) async fn readable(servers: &[Rerequest]) {
    std::future::poll_fn(|context| {
        for server in servers {
            if server.poll_readable(context).is_ready() {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    })
    .await;
}
