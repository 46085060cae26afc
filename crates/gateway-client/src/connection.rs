//! One connection to the broker: messages and the descriptors that come with them.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendFlags, SocketAddrUnix, SocketFlags, SocketType,
};

use crate::ClientError;
use crate::protocol::{ErrorCode, ProtocolError, REPLY_BYTES_MAX, Reply, Request};

/// How long the gateway may take to answer.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Descriptors that a message may bring.
const DESCRIPTORS_MAX: usize = 2;

/// A connected socket that speaks the broker's protocol.
#[derive(Debug)]
pub struct Connection {
    socket: OwnedFd,
    last_request: u32,
}

/// A reply and the descriptors that came with it.
pub(crate) type Answer = (Reply, Vec<OwnedFd>);

impl Connection {
    /// Connects to the broker's socket; each answer may take five seconds.
    ///
    /// # Errors
    /// [`ClientError::Connect`].
    pub fn open(path: &Path) -> Result<Self, ClientError> {
        Self::open_within(path, ANSWER_TIMEOUT)
    }

    /// As [`Self::open`], with a limit of one's own for each answer.
    ///
    /// # Errors
    /// [`ClientError::Connect`].
    pub fn open_within(path: &Path, timeout: Duration) -> Result<Self, ClientError> {
        let fail = |errno: rustix::io::Errno| ClientError::Connect {
            path: path.to_owned(),
            source: errno.into(),
        };
        let socket = rustix::net::socket_with(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )
        .map_err(fail)?;
        // The limit also covers a connect that waits for room in the listener's queue.
        set_socket_timeout(&socket, Timeout::Send, Some(timeout)).map_err(fail)?;
        set_socket_timeout(&socket, Timeout::Recv, Some(timeout)).map_err(fail)?;
        let address = SocketAddrUnix::new(path).map_err(|_| fail(rustix::io::Errno::INVAL))?;
        rustix::net::connect(&socket, &address).map_err(fail)?;
        Ok(Self {
            socket,
            last_request: 0,
        })
    }

    /// Asks and waits for the (first) answer.
    pub(crate) fn ask(&mut self, request: &Request) -> Result<Answer, ClientError> {
        self.last_request = self.last_request.wrapping_add(1);
        let message = request.encode(self.last_request);
        let mut no_descriptors = SendAncillaryBuffer::default();
        // A broker that is full answers before it is asked and hangs up: its answer is worth reading.
        let sent = rustix::net::sendmsg(
            &self.socket,
            &[IoSlice::new(&message)],
            &mut no_descriptors,
            SendFlags::NOSIGNAL,
        );
        match (sent, self.answer()) {
            (_, Ok(answer)) => Ok(answer),
            (Err(errno), Err(ClientError::Broken { .. })) => Err(ClientError::Broken {
                waiting_for: "take a request",
                source: errno.into(),
            }),
            (_, Err(error)) => Err(error),
        }
    }

    /// Waits for a further answer to the last request.
    pub(crate) fn answer(&mut self) -> Result<Answer, ClientError> {
        let broken = |source: io::Error| ClientError::Broken {
            waiting_for: "answer",
            source,
        };
        let mut buffer = vec![0; REPLY_BYTES_MAX];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = loop {
            let mut slices = [IoSliceMut::new(&mut buffer)];
            match rustix::net::recvmsg(
                &self.socket,
                &mut slices,
                &mut control,
                RecvFlags::CMSG_CLOEXEC,
            ) {
                Ok(received) => break received,
                Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(broken(errno.into())),
            }
        };
        let mut descriptors = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                descriptors.extend(rights);
            }
        }
        if received.bytes == 0 {
            return Err(broken(io::ErrorKind::UnexpectedEof.into()));
        }
        if received.flags.contains(ReturnFlags::TRUNC) {
            return Err(ProtocolError::Length {
                bytes: received.bytes,
            }
            .into());
        }
        let (request, reply) = Reply::decode(&buffer[..received.bytes])?;
        if let Reply::Error { code, text } = reply {
            return Err(ClientError::Refused { code, text });
        }
        if request != self.last_request {
            return Err(ProtocolError::Request {
                expected: self.last_request,
                found: request,
            }
            .into());
        }
        Ok((reply, descriptors))
    }

    /// Asks who answers: the gateway's process id.
    ///
    /// # Errors
    /// [`ClientError`] where nobody sensible answers.
    pub fn hello(&mut self) -> Result<u32, ClientError> {
        match self.ask(&Request::Hello)? {
            (Reply::Welcome { pid, .. }, _) => Ok(pid),
            _ => Err(ProtocolError::Answer.into()),
        }
    }

    /// Limits how long sending and each further answer may take.
    pub(crate) fn limit(&self, timeout: Duration) -> Result<(), ClientError> {
        for direction in [Timeout::Send, Timeout::Recv] {
            set_socket_timeout(&self.socket, direction, Some(timeout)).map_err(|errno| {
                ClientError::Broken {
                    waiting_for: "keep its connection",
                    source: errno.into(),
                }
            })?;
        }
        Ok(())
    }

    /// Looks at the other side, to which nothing was asked. Does not wait.
    pub(crate) fn look(&mut self) -> Peer {
        let mut byte = [0_u8; 1];
        match rustix::net::recv(
            &self.socket,
            &mut byte,
            RecvFlags::PEEK | RecvFlags::DONTWAIT,
        ) {
            Ok((_, 0)) => Peer::Gone,
            // What nobody asked for is a notice.
            Ok(_) => match self.answer() {
                Err(ClientError::Refused {
                    code: ErrorCode::Revoked,
                    ..
                }) => Peer::Revoked,
                _ => Peer::There,
            },
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Peer::There,
            Err(_) => Peer::Gone,
        }
    }
}

/// The other side of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// It is there, or nothing else is known.
    There,
    /// It hung up.
    Gone,
    /// It took this reader's entitlement back, and hangs up.
    Revoked,
}
