//! Receivers of the lines: they keep all that comes.

use std::collections::BTreeMap;
use std::net::{SocketAddrV4, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use gateway_feed::moldudp64::{Packet, PacketKind, Session};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};

/// A packet that came.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) session: Session,
    pub(crate) sequence: u64,
    pub(crate) kind: PacketKind,
    pub(crate) messages: Vec<Vec<u8>>,
}

/// How far the lines are: the number behind the last message that any of them has brought of the session that goes on.
#[derive(Debug, Default)]
pub(crate) struct Position(AtomicU64);

impl Position {
    pub(crate) fn get(&self) -> u64 {
        // Relaxed: a number, which orders nothing.
        self.0.load(Ordering::Relaxed)
    }
}

/// A line's receiver.
pub(crate) struct Receiver(JoinHandle<Vec<Heard>>);

impl Receiver {
    /// Joins a line's group and takes what comes until `stop` is set and nothing comes any more.
    pub(crate) fn start(
        line: SocketAddrV4,
        stop: &Arc<AtomicBool>,
        position: &Arc<Position>,
    ) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
        socket.set_recv_buffer_size(64 << 20).unwrap();
        socket.bind(&line.into()).unwrap();
        // The only interface up is loopback, whose index is 1 in every namespace.
        socket
            .join_multicast_v4_n(line.ip(), &InterfaceIndexOrAddress::Index(1))
            .unwrap();
        socket
            .set_read_timeout(Some(Duration::from_millis(200)))
            .unwrap();
        let socket = UdpSocket::from(socket);
        let (stop, position) = (Arc::clone(stop), Arc::clone(position));
        Self(std::thread::spawn(move || {
            receive(&socket, &stop, &position)
        }))
    }

    pub(crate) fn join(self) -> Vec<Heard> {
        self.0.join().unwrap()
    }
}

fn receive(socket: &UdpSocket, stop: &AtomicBool, position: &Position) -> Vec<Heard> {
    let mut heard = Vec::new();
    let mut buffer = [0; 2048];
    loop {
        let Ok(length) = socket.recv(&mut buffer) else {
            // Relaxed: the flag orders nothing.
            if stop.load(Ordering::Relaxed) {
                return heard;
            }
            continue;
        };
        let packet = Packet::parse(&buffer[..length]).unwrap();
        let messages: Vec<Vec<u8>> = packet
            .messages()
            .map(|message| message.bytes.to_vec())
            .collect();
        position
            .0
            .store(packet.sequence + messages.len() as u64, Ordering::Relaxed);
        heard.push(Heard {
            session: packet.session,
            sequence: packet.sequence,
            kind: packet.kind,
            messages,
        });
    }
}

/// What a line's packets of one session were.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) data: u64,
    pub(crate) heartbeats: u64,
    pub(crate) ends: u64,
    pub(crate) messages: BTreeMap<u64, Vec<u8>>,
}

/// Splits what a line brought into the sessions of which there are `sessions`: they follow each other, and where the
/// numbers of one begin anew a heartbeat says so.
pub(crate) fn split(heard: &[Heard], sessions: &[(Session, u64)]) -> Vec<Tally> {
    let mut tallies = vec![Tally::default(); sessions.len()];
    let mut current = 0;
    for packet in heard {
        let begins = |next: &(Session, u64)| {
            let (session, first) = *next;
            let restarts = session == sessions[current].0;
            packet.session == session
                && (!restarts || (packet.kind == PacketKind::Heartbeat && packet.sequence == first))
        };
        if let Some(next) = sessions.get(current + 1)
            && begins(next)
            && (tallies[current].data > 0 || packet.session != sessions[current].0)
        {
            current += 1;
        }
        assert_eq!(
            packet.session, sessions[current].0,
            "packet {} is of another session",
            packet.sequence
        );
        let tally = &mut tallies[current];
        match packet.kind {
            PacketKind::Heartbeat => tally.heartbeats += 1,
            PacketKind::EndOfSession => tally.ends += 1,
            PacketKind::Data { .. } => {
                tally.data += 1;
                tally
                    .messages
                    .extend((packet.sequence..).zip(packet.messages.iter().cloned()));
            }
        }
    }
    tallies
}
