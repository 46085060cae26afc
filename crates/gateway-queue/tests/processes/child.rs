//! The test binary, started again in another role. It talks to its parent over a socket, its standard input, which also
//! carries descriptors: as the broker's does.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};

const ROLE: &str = "GATEWAY_TEST_ROLE";
/// Nothing here takes longer, unless it hangs.
pub(crate) const HANGS: Duration = Duration::from_secs(60);

/// A process that does not outlive its test.
pub(crate) struct Process {
    child: Child,
    socket: OwnedFd,
}

/// What comes over a socket.
#[derive(Debug)]
pub(crate) enum Message {
    Numbers(Vec<u64>, Vec<OwnedFd>),
    /// The other side is gone.
    End,
}

/// This process's socket to its parent, if `role` is what it was started for.
pub(crate) fn playing(role: &str) -> Option<OwnedFd> {
    let plays = std::env::var(ROLE).is_ok_and(|playing| playing == role);
    plays.then(|| std::io::stdin().as_fd().try_clone_to_owned().unwrap())
}

impl Process {
    /// Starts this binary as the test of that name, which is no test by itself but `playing`.
    pub(crate) fn start(test: &str) -> Self {
        let (socket, theirs) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )
        .unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .env(ROLE, test)
            .stdin(theirs)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, socket }
    }

    pub(crate) const fn socket(&self) -> &OwnedFd {
        &self.socket
    }

    /// Ends it by SIGKILL, whatever it is doing, and sees it dead.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it ended by itself, and well.
    pub(crate) fn join(mut self) {
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = (self.child.kill(), self.child.wait());
    }
}

/// Sends numbers, at least one, and descriptors. An answer that nobody waits for is no error.
pub(crate) fn send(socket: &OwnedFd, numbers: &[u64], descriptors: &[BorrowedFd<'_>]) {
    let bytes: Vec<u8> = numbers
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(descriptors)));
    let slices = [IoSlice::new(&bytes)];
    match rustix::net::sendmsg(socket, &slices, &mut control, SendFlags::NOSIGNAL) {
        Ok(_) | Err(Errno::PIPE | Errno::CONNRESET) => {}
        Err(errno) => panic!("{errno}"),
    }
}

/// Waits for a message.
pub(crate) fn receive(socket: &OwnedFd) -> Message {
    let mut bytes = [0; 256];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let timeout = rustix::net::sockopt::Timeout::Recv;
    rustix::net::sockopt::set_socket_timeout(socket, timeout, Some(HANGS)).unwrap();
    let mut slices = [IoSliceMut::new(&mut bytes)];
    let received =
        match rustix::net::recvmsg(socket, &mut slices, &mut control, RecvFlags::CMSG_CLOEXEC) {
            Ok(received) => received.bytes,
            Err(Errno::CONNRESET) => 0,
            Err(errno) => panic!("{errno}"),
        };
    if received == 0 {
        return Message::End;
    }
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    let numbers = bytes[..received]
        .chunks_exact(8)
        .map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap()))
        .collect();
    Message::Numbers(numbers, descriptors)
}

/// Whether the other side is gone; does not wait. What a client of the broker looks at.
pub(crate) fn hung_up(socket: &OwnedFd) -> bool {
    let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
    match rustix::net::recv(socket, &mut [0_u8; 1], flags) {
        Ok((_, received)) => received == 0,
        Err(Errno::AGAIN | Errno::INTR) => false,
        Err(_) => true,
    }
}

/// Spins for so long: a sleep takes longer than some of these.
pub(crate) fn pause(duration: Duration) {
    let start = Instant::now();
    while start.elapsed() < duration {
        std::thread::yield_now();
    }
}

/// Numbers that look random and are the same in every run.
pub(crate) fn scatter(number: u64) -> u64 {
    let mixed = (number.wrapping_add(1)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 17
}
