//! The exchange's packets: MoldUDP64 with one add, or thirty, numbered on from 1.

use std::io;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

use anyhow::{Context, Result};
use gateway_feed::itch50::encode::AddOrder;
use gateway_feed::moldudp64::{HEADER_BYTES, PacketBuilder, Session};

/// Where a packet's header has the number of its first message: behind the session's ten bytes.
const SEQUENCE_AT: usize = 10;
/// Segments that one `sendmsg` hands to the kernel at most (`UDP_SEGMENT`); it takes 128 …
const SEGMENTS_MAX: usize = 64;
/// … and so many bytes: those of the longest datagram.
const SEGMENTED_BYTES_MAX: usize = 65_507;

/// Sends packets from the exchange's end of the link.
pub(super) struct Sender {
    socket: UdpSocket,
    /// As many packets as one call takes, one after the other.
    packets: Vec<u8>,
    segments: usize,
    packet_bytes: usize,
    messages: u64,
    next: u64,
}

impl Sender {
    /// For packets of so many adds each.
    pub(super) fn new(socket: UdpSocket, messages: u16) -> Result<Self> {
        let session = Session::from_name("BENCH").context("ten bytes at most")?;
        let mut builder = PacketBuilder::new(session, 1, 1_472);
        for order in 0..messages {
            let add = AddOrder {
                stock_locate: 1 + order,
                timestamp: 34_200_000_000_000,
                order_reference: 1 + u64::from(order),
                buy_sell: b'B',
                shares: 100,
                ..AddOrder::default()
            };
            builder.push(&add.encode())?;
        }
        let packet = builder.finish(<[u8]>::to_vec);
        let segments = SEGMENTS_MAX.min(SEGMENTED_BYTES_MAX / packet.len());
        Ok(Self {
            socket,
            packet_bytes: packet.len(),
            packets: packet.repeat(segments),
            segments,
            messages: u64::from(messages),
            next: 1,
        })
    }

    /// The number of the next packet, from 0.
    pub(super) const fn packet(&self) -> u64 {
        (self.next - 1) / self.messages
    }

    /// Sends one packet.
    pub(super) fn send(&mut self) -> io::Result<()> {
        self.number(0);
        self.socket.send(&self.packets[..self.packet_bytes])?;
        Ok(())
    }

    /// How many packets [`send_segments`](Self::send_segments) sends.
    pub(super) const fn segments(&self) -> usize {
        self.segments
    }

    /// Sends several packets by one system call, which the kernel cuts apart: the cheapest that a UDP socket has.
    pub(super) fn send_segments(&mut self) -> io::Result<()> {
        for segment in 0..self.segments {
            self.number(segment);
        }
        let segment_bytes = u16::try_from(self.packet_bytes).map_err(io::Error::other)?;
        let mut part = libc::iovec {
            iov_base: self.packets.as_mut_ptr().cast(),
            iov_len: self.packets.len(),
        };
        // Room for one header and two bytes, as aligned as the kernel wants it.
        let mut control = [0_u64; 4];
        // SAFETY: an all-zero msghdr is valid; the fields that matter follow.
        let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        // SAFETY: `control` is longer than the space of one header with two bytes, so that the first header exists and
        // its data lie within; the packets outlive the call.
        let sent = unsafe {
            message.msg_controllen = libc::CMSG_SPACE(size_of::<u16>() as u32) as usize;
            let header = libc::CMSG_FIRSTHDR(&raw const message);
            (*header).cmsg_level = libc::SOL_UDP;
            (*header).cmsg_type = libc::UDP_SEGMENT;
            (*header).cmsg_len = libc::CMSG_LEN(size_of::<u16>() as u32) as usize;
            libc::CMSG_DATA(header)
                .cast::<u16>()
                .write_unaligned(segment_bytes);
            libc::sendmsg(self.socket.as_raw_fd(), &raw const message, 0)
        };
        if sent < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    /// Writes the next number into the packet at that place.
    fn number(&mut self, segment: usize) {
        let at = segment * self.packet_bytes + SEQUENCE_AT;
        self.packets[at..at + 8].copy_from_slice(&self.next.to_be_bytes());
        self.next += self.messages;
    }
}

/// Which packet, from 0, a payload of packets of so many messages is.
#[inline]
pub(super) fn packet_of(payload: &[u8], messages: u64) -> Option<u64> {
    let bytes = payload.get(SEQUENCE_AT..HEADER_BYTES - 2)?;
    let sequence = u64::from_be_bytes(bytes.try_into().ok()?);
    Some(sequence.checked_sub(1)? / messages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_numbered_on_and_cut_apart_by_the_kernel() {
        let receiver = UdpSocket::bind("127.0.0.1:0").expect("loopback");
        let address = receiver.local_addr().expect("bound");
        let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback");
        socket.connect(address).expect("loopback");
        let mut sender = Sender::new(socket, 30).expect("thirty adds fit");
        sender.send().expect("sent");
        sender.send_segments().expect("sent");
        let mut buffer = [0; 2_048];
        for packet in 0..=sender.segments() as u64 {
            let length = receiver.recv(&mut buffer).expect("loopback loses nothing");
            assert_eq!(length, HEADER_BYTES + 30 * (2 + AddOrder::LENGTH));
            assert_eq!(packet_of(&buffer[..length], 30), Some(packet));
        }
        assert_eq!(sender.packet(), 1 + sender.segments() as u64);
        assert_eq!(packet_of(&buffer[..17], 30), None);
    }
}
