//! Frames onto an interface as they are, by AF_PACKET.

use std::io;

use rustix::net::netdevice::name_to_index;
use socket2::{Domain, SockAddr, Socket, Type};

use super::{SEND_TIMEOUT, send_all};
use crate::SimError;

/// A socket that puts whole Ethernet frames onto one interface, and receives none.
#[derive(Debug)]
pub struct PacketSocket {
    socket: Socket,
}

impl PacketSocket {
    /// Opens `interface`.
    ///
    /// # Errors
    /// [`SimError::Privilege`] without CAP_NET_RAW, [`SimError::Interface`].
    pub fn open(interface: &str) -> Result<Self, SimError> {
        Self::open_interface(interface).map_err(|source| match source.kind() {
            io::ErrorKind::PermissionDenied => SimError::Privilege {
                name: interface.to_owned(),
            },
            _ => SimError::Interface {
                name: interface.to_owned(),
                source,
            },
        })
    }

    fn open_interface(interface: &str) -> io::Result<Self> {
        // Protocol 0: nothing is received, and the kernel takes each frame's protocol from its header.
        let socket = Socket::new(Domain::PACKET, Type::RAW, None)?;
        let index = name_to_index(&socket, interface)?;
        socket.set_write_timeout(Some(SEND_TIMEOUT))?;
        socket.bind(&link_address(index)?)?;
        Ok(Self { socket })
    }

    /// Sends `frames` in order; returns how many were sent, and the system's error where that is not all: `EMSGSIZE`
    /// where the next one is longer than the interface takes.
    pub fn send<'a>(&mut self, frames: impl Iterator<Item = &'a [u8]>) -> (usize, io::Result<()>) {
        send_all(&self.socket, frames)
    }
}

/// The address of an interface for AF_PACKET, which socket2 has no constructor for.
fn link_address(index: u32) -> io::Result<SockAddr> {
    let index = i32::try_from(index).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: the closure writes a `sockaddr_ll` of `AF_PACKET` to zeroed storage that is larger and more strictly
    // aligned, and sets the length to that of what it wrote.
    let ((), address) = unsafe {
        SockAddr::try_init(|storage, storage_length| {
            let link = storage.cast::<libc::sockaddr_ll>();
            (*link).sll_family = libc::AF_PACKET as u16;
            (*link).sll_ifindex = index;
            *storage_length = length;
            Ok(())
        })
    }?;
    Ok(address)
}
