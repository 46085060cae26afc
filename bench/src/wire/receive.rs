//! What receives in this very process: kernel sockets in three ways, and bare AF_XDP.

use std::io;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::time::Duration;

/// Datagrams that one `recvmmsg` takes at most.
const BATCH: usize = 64;
/// Bytes kept of each.
const PAYLOAD_BYTES: usize = 2_048;
/// A blocked receiver wakes up after so long to see whether it is over.
const BLOCK: Duration = Duration::from_millis(20);

/// A way to receive.
pub(super) trait Receive: Send {
    /// Hands all payloads that are there to `visit`; how many.
    fn poll(&mut self, visit: impl FnMut(&[u8])) -> io::Result<usize>;
}

/// `recv`, once a packet.
pub(super) struct Recv {
    socket: UdpSocket,
    buffer: Box<[u8; PAYLOAD_BYTES]>,
}

impl Recv {
    /// One that returns at once where nothing is there.
    pub(super) fn spinning(socket: UdpSocket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket,
            buffer: Box::new([0; PAYLOAD_BYTES]),
        })
    }

    /// One that sleeps in the kernel until something is there.
    pub(super) fn blocking(socket: UdpSocket) -> io::Result<Self> {
        socket.set_read_timeout(Some(BLOCK))?;
        Ok(Self {
            socket,
            buffer: Box::new([0; PAYLOAD_BYTES]),
        })
    }
}

impl Receive for Recv {
    #[inline]
    fn poll(&mut self, mut visit: impl FnMut(&[u8])) -> io::Result<usize> {
        match self.socket.recv(&mut *self.buffer) {
            Ok(length) => {
                visit(&self.buffer[..length]);
                Ok(1)
            }
            Err(error) => nothing(error),
        }
    }
}

/// `recvmmsg`, which takes what is there by one system call.
pub(super) struct Recvmmsg {
    socket: UdpSocket,
    buffers: Box<[[u8; PAYLOAD_BYTES]; BATCH]>,
    parts: Box<[libc::iovec]>,
    headers: Box<[libc::mmsghdr]>,
}

// SAFETY: the pointers in `parts` and `headers` lead into the boxes beside them, which move with the value and are not
// shared.
unsafe impl Send for Recvmmsg {}

impl Recvmmsg {
    /// One that returns at once where nothing is there.
    pub(super) fn spinning(socket: UdpSocket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let mut buffers = Box::new([[0; PAYLOAD_BYTES]; BATCH]);
        let mut parts: Box<[libc::iovec]> = buffers
            .iter_mut()
            .map(|buffer| libc::iovec {
                iov_base: buffer.as_mut_ptr().cast(),
                iov_len: PAYLOAD_BYTES,
            })
            .collect();
        let headers = parts
            .iter_mut()
            .map(|part| {
                // SAFETY: an all-zero mmsghdr is valid; the fields that matter follow.
                let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
                header.msg_hdr.msg_iov = part;
                header.msg_hdr.msg_iovlen = 1;
                header
            })
            .collect();
        Ok(Self {
            socket,
            buffers,
            parts,
            headers,
        })
    }
}

impl Receive for Recvmmsg {
    #[inline]
    fn poll(&mut self, mut visit: impl FnMut(&[u8])) -> io::Result<usize> {
        debug_assert_eq!(self.parts.len(), BATCH);
        // SAFETY: the headers lead to parts and these to buffers of the length they name, all of them `self`'s.
        let taken = unsafe {
            libc::recvmmsg(
                self.socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                BATCH as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        };
        let Ok(taken) = usize::try_from(taken) else {
            return nothing(io::Error::last_os_error());
        };
        for (header, buffer) in self.headers[..taken].iter().zip(self.buffers.iter()) {
            visit(&buffer[..(header.msg_len as usize).min(PAYLOAD_BYTES)]);
        }
        Ok(taken)
    }
}

/// No packet is no error.
fn nothing(error: io::Error) -> io::Result<usize> {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(0),
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receives(make: impl FnOnce(UdpSocket) -> io::Result<()>) {
        make(UdpSocket::bind("127.0.0.1:0").expect("loopback")).expect("a receiver");
    }

    fn takes(receiver: &mut impl Receive, sender: &UdpSocket) {
        let mut seen = Vec::new();
        assert_eq!(receiver.poll(|_| ()).expect("empty"), 0);
        for payload in [&b"a"[..], b"bc"] {
            sender.send(payload).expect("sent");
        }
        while seen.len() < 2 {
            receiver
                .poll(|payload| seen.push(payload.to_vec()))
                .expect("there");
        }
        assert_eq!(seen, [b"a".to_vec(), b"bc".to_vec()]);
    }

    fn sender(to: &UdpSocket) -> UdpSocket {
        let sender = UdpSocket::bind("127.0.0.1:0").expect("loopback");
        let address = to.local_addr().expect("bound");
        sender.connect(address).expect("loopback");
        sender
    }

    #[test]
    fn each_way_takes_what_is_there_in_order_and_nothing_where_nothing_is() {
        receives(|socket| {
            let sender = sender(&socket);
            takes(&mut Recv::spinning(socket)?, &sender);
            Ok(())
        });
        receives(|socket| {
            let sender = sender(&socket);
            takes(&mut Recv::blocking(socket)?, &sender);
            Ok(())
        });
        receives(|socket| {
            let sender = sender(&socket);
            takes(&mut Recvmmsg::spinning(socket)?, &sender);
            Ok(())
        });
    }
}
