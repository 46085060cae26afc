//! Where packets go: UDP to a group, frames to an interface, or a capture file.

mod packet_socket;
mod pcap;
mod udp;

use std::io;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, sendmmsg};

pub use packet_socket::PacketSocket;
pub use pcap::{PcapFile, PcapLine};
pub use udp::{Egress, UdpLine};

/// The most packets handed to the kernel at once.
pub const BATCH_MAX: usize = 32;
/// How long a socket may refuse packets before that is an error.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);
/// How long to wait where the interface's queue is full.
const QUEUE_FULL_WAIT: Duration = Duration::from_micros(200);

/// A packet on its way out.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// When it is to leave, by the publisher's clock.
    pub at_ns: u64,
    /// The UDP payload.
    pub payload: Rc<[u8]>,
}

/// Sends packets in order.
pub trait Transmit {
    /// Sends all of `packets`, waiting where need be. Returns how many were sent, from the first one on, and the
    /// system's error where that is not all.
    fn send(&mut self, packets: &[Outgoing]) -> (usize, io::Result<()>);
}

/// Sends `packets` over a connected or bound socket by as few calls as possible; returns also how many were sent
/// before an error.
fn send_all<'a>(
    socket: impl AsFd,
    packets: impl Iterator<Item = &'a [u8]>,
) -> (usize, io::Result<()>) {
    let slices: Vec<_> = packets.map(|packet| [io::IoSlice::new(packet)]).collect();
    let mut waited = Duration::ZERO;
    let mut sent = 0;
    while sent < slices.len() {
        let batch = &slices[sent..slices.len().min(sent + BATCH_MAX)];
        let mut controls: [SendAncillaryBuffer<'_, '_, '_>; BATCH_MAX] =
            std::array::from_fn(|_| Default::default());
        let mut headers: Vec<_> = batch
            .iter()
            .zip(&mut controls)
            .map(|(slice, control)| MMsgHdr::new(slice, control))
            .collect();
        match sendmmsg(&socket, &mut headers, SendFlags::empty()) {
            Ok(count) => {
                sent += count;
                waited = Duration::ZERO;
            }
            Err(Errno::INTR) => {}
            // A full queue is waited for, so that what counts as sent was sent. A port that nobody listens on is told
            // by the packet before (loopback only) and is no reason to stop.
            Err(Errno::NOBUFS | Errno::CONNREFUSED) if waited < SEND_TIMEOUT => {
                std::thread::sleep(QUEUE_FULL_WAIT);
                waited += QUEUE_FULL_WAIT;
            }
            Err(Errno::AGAIN) => return (sent, Err(io::ErrorKind::TimedOut.into())),
            Err(error) => return (sent, Err(error.into())),
        }
    }
    (sent, Ok(()))
}
