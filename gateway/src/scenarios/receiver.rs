//! The ways in that are compared.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use gateway_queue::{Poll, Publisher, PublisherOptions, Start, Subscriber};
use serde::{Deserialize, Serialize};
use socket2::SockRef;

use super::packet::{PACKET_BYTES_MAX, Packet};
use super::{ClockKind, Idle, Path};
use crate::ingest::{Ingest, InterfaceRequest, Opened, Provider, Stream, ladder};
use crate::worker::pin;

/// How long a blocking socket sleeps before it looks whether it should stop.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// Kernel receive buffer, so that a burst that the open loop sends is not lost there.
const SOCKET_BUFFER_BYTES: usize = 4 << 20;
/// Slots of the queue between worker and strategy.
const QUEUE_SLOTS: u64 = 4_096;
/// Words of a record: header, what the packet said, and how long it was.
const RECORD_WORDS: usize = 6;
/// First word of each record: its length in 32-bit words, and a type of our own.
const RECORD_HEADER: u64 = (RECORD_WORDS as u64 * 2) | (0xe0 << 8);

/// How this end receives, for the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// The tier that the gateway's ingest reached; `None` for the kernel's sockets.
    pub tier: Option<String>,
    /// Tiers above it, and why they are not used.
    pub steps: Vec<String>,
    /// Threads have to share processors: times say little.
    pub shares_a_processor: bool,
}

/// What an end may choose.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The interface under test, and how the gateway's ingest opens it; its streams are filled in here.
    pub interface: InterfaceRequest,
    /// Address of that interface.
    pub address: Ipv4Addr,
    /// UDP port to receive on.
    pub port: u16,
    /// Processor of the worker of [`Path::GatewayQueue`].
    pub worker_core: Option<usize>,
}

/// A datagram that came.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// Its header; `None` where it was none of ours.
    pub packet: Option<Packet>,
    /// Who sent it.
    pub source: Ipv4Addr,
    /// Bytes of payload.
    pub bytes: usize,
    /// When whoever answers had it.
    pub at_ns: u64,
}

/// An open way in. Dropped, it is closed.
#[derive(Debug)]
pub struct Receiver {
    way: Way,
    clock: ClockKind,
}

#[derive(Debug)]
enum Way {
    Kernel {
        socket: UdpSocket,
        buffer: Box<[u8; PACKET_BYTES_MAX]>,
    },
    Gateway(Box<Interface>),
    Queue(Box<Strategy>),
}

impl Receiver {
    /// Opens the way `path`.
    ///
    /// # Errors
    /// Why it cannot be opened, with what to do about it.
    pub fn open(
        path: Path,
        settings: &Settings,
        clock: ClockKind,
        idle: Idle,
    ) -> Result<(Self, Description), String> {
        let mut description = Description {
            tier: None,
            steps: Vec::new(),
            shares_a_processor: idle.shares_a_processor(),
        };
        let way = match path {
            Path::KernelBlock | Path::KernelSpin => Way::Kernel {
                socket: kernel_socket(settings, path == Path::KernelBlock)
                    .map_err(|error| cannot_bind(settings, &error))?,
                buffer: Box::new([0; PACKET_BYTES_MAX]),
            },
            Path::Gateway => Way::Gateway(Box::new(Interface::open(settings, &mut description)?)),
            Path::GatewayQueue => {
                let interface = Interface::open(settings, &mut description)?;
                Way::Queue(Box::new(Strategy::start(interface, settings, clock, idle)?))
            }
        };
        Ok((Self { way, clock }, description))
    }

    /// Hands what has come to `visit`, and returns how many datagrams that were. A blocking socket waits a moment for
    /// one.
    ///
    /// # Errors
    /// The way in is gone.
    #[inline]
    pub fn poll(&mut self, visit: &mut impl FnMut(Arrival)) -> Result<usize, String> {
        let clock = self.clock;
        match &mut self.way {
            Way::Kernel { socket, buffer } => match socket.recv_from(&mut buffer[..]) {
                Ok((bytes, from)) => {
                    let at_ns = clock.now();
                    let std::net::SocketAddr::V4(from) = from else {
                        return Ok(0);
                    };
                    visit(Arrival {
                        packet: Packet::decode(&buffer[..bytes]),
                        source: *from.ip(),
                        bytes,
                        at_ns,
                    });
                    Ok(1)
                }
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock
                            | io::ErrorKind::TimedOut
                            | io::ErrorKind::Interrupted
                            // An ICMP error for something that was sent: no datagram.
                            | io::ErrorKind::ConnectionRefused
                    ) =>
                {
                    Ok(0)
                }
                Err(error) => Err(format!("cannot receive: {error}")),
            },
            Way::Gateway(interface) => interface.poll(clock, visit),
            Way::Queue(strategy) => strategy.poll(clock, visit),
        }
    }
}

fn kernel_socket(settings: &Settings, block: bool) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(SocketAddrV4::new(settings.address, settings.port))?;
    // The kernel grants what net.core.rmem_max allows.
    SockRef::from(&socket).set_recv_buffer_size(SOCKET_BUFFER_BYTES)?;
    if block {
        socket.set_read_timeout(Some(LOOK_INTERVAL))?;
    } else {
        socket.set_nonblocking(true)?;
    }
    Ok(socket)
}

fn cannot_bind(settings: &Settings, error: &io::Error) -> String {
    let Settings { address, port, .. } = settings;
    format!(
        "cannot receive on {address}:{port}: {error}; give an address of the interface under test with --address, and a free UDP port with --port"
    )
}

/// The interface, opened by the gateway's ladder of tiers.
#[derive(Debug)]
struct Interface {
    providers: Vec<Provider>,
    /// Attached as long as it lives.
    _opened: Opened,
}

impl Interface {
    fn open(settings: &Settings, description: &mut Description) -> Result<Self, String> {
        let mut request = settings.interface.clone();
        request.streams = vec![Stream {
            group: settings.address,
            port: settings.port,
            sources: Vec::new(),
        }];
        let mut opened = ladder::open(&request).map_err(|error| error.to_string())?;
        description.tier = Some(opened.tier.to_string());
        description.steps = opened
            .steps
            .iter()
            .map(|step| format!("not {}: {}", step.tier, step.reason))
            .collect();
        Ok(Self {
            providers: std::mem::take(&mut opened.providers),
            _opened: opened,
        })
    }

    #[inline]
    fn poll(&mut self, clock: ClockKind, visit: &mut impl FnMut(Arrival)) -> Result<usize, String> {
        let mut count = 0;
        for provider in &mut self.providers {
            count += provider
                .poll(&mut |datagram| {
                    visit(Arrival {
                        packet: Packet::decode(datagram.payload),
                        source: datagram.source.into(),
                        bytes: datagram.payload.len(),
                        at_ns: clock.now(),
                    });
                })
                .map_err(|error| error.to_string())?;
        }
        Ok(count)
    }
}

/// The reading end of a queue, and the worker that fills it.
#[derive(Debug)]
struct Strategy {
    subscriber: Subscriber,
    stop: Arc<AtomicBool>,
    worker: Option<JoinHandle<Result<(), String>>>,
}

impl Strategy {
    fn start(
        mut interface: Interface,
        settings: &Settings,
        clock: ClockKind,
        idle: Idle,
    ) -> Result<Self, String> {
        let options = PublisherOptions {
            name: "scenarios".to_owned(),
            slots: QUEUE_SLOTS,
            record_bytes_max: RECORD_WORDS as u32 * 8,
            ..PublisherOptions::default()
        };
        let (mut publisher, handle) =
            Publisher::create(&options).map_err(|error| error.to_string())?;
        let subscriber = handle
            .read_only_fd()
            .and_then(|fd| Subscriber::attach(fd, Start::Head))
            .map_err(|error| error.to_string())?;
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let core = settings.worker_core;
        let work = move || -> Result<(), String> {
            if let Some(core) = core {
                pin("the worker (--worker-core)", core).map_err(|error| error.to_string())?;
            }
            // Pairs with nothing: the flag alone is the message.
            while !told.load(Ordering::Relaxed) {
                let came = interface.poll(clock, &mut |arrival| {
                    publisher.publish_array(&record_of(&arrival));
                })?;
                if came == 0 {
                    idle.wait();
                }
            }
            Ok(())
        };
        let worker = std::thread::Builder::new()
            .name("scenarios-worker".to_owned())
            .spawn(work)
            .map_err(|error| format!("cannot start a thread: {error}"))?;
        Ok(Self {
            subscriber,
            stop,
            worker: Some(worker),
        })
    }

    #[inline]
    fn poll(&mut self, clock: ClockKind, visit: &mut impl FnMut(Arrival)) -> Result<usize, String> {
        match self.subscriber.poll() {
            Poll::Record(record) => {
                let at_ns = clock.now();
                match record.words.first_chunk() {
                    Some(words) => visit(arrival_of(words, at_ns)),
                    None => return Err("a record of the queue is too short".to_owned()),
                }
                Ok(1)
            }
            Poll::Empty => Ok(0),
            // Counted as lost by whoever waits for them.
            Poll::Lost { .. } => Ok(0),
            Poll::Closed(_) => {
                let ended = self.worker.take().map(JoinHandle::join);
                Err(match ended {
                    Some(Ok(Err(error))) => error,
                    _ => "the worker ended".to_owned(),
                })
            }
        }
    }
}

impl Drop for Strategy {
    fn drop(&mut self) {
        // Pairs with nothing: the flag alone is the message.
        self.stop.store(true, Ordering::Relaxed);
        if let Some(worker) = self.worker.take() {
            let _ = worker.join();
        }
    }
}

/// What the strategy needs: who asked, how much, and the header's words. Strangers have no header.
fn record_of(arrival: &Arrival) -> [u64; RECORD_WORDS] {
    let from = u64::from(u32::from(arrival.source)) << 32 | (arrival.bytes as u64 & 0xffff) << 8;
    match arrival.packet {
        None => [RECORD_HEADER, from, 0, 0, 0, 0],
        Some(packet) => [
            RECORD_HEADER,
            from | packet.kind as u64,
            packet.token,
            packet.sequence,
            packet.sent_ns,
            packet.received_ns,
        ],
    }
}

fn arrival_of(words: &[u64; RECORD_WORDS], at_ns: u64) -> Arrival {
    let [_, from, token, sequence, sent_ns, received_ns] = *words;
    let kind = match from & 0xff {
        1 => Some(super::packet::Kind::Request),
        2 => Some(super::packet::Kind::Reply),
        _ => None,
    };
    Arrival {
        packet: kind.map(|kind| Packet {
            kind,
            token,
            sequence,
            sent_ns,
            received_ns,
        }),
        source: Ipv4Addr::from((from >> 32) as u32),
        bytes: (from >> 8 & 0xffff) as usize,
        at_ns,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenarios::packet::Kind;

    #[test]
    fn an_arrival_goes_through_the_queue_unchanged() {
        let packet = Packet {
            kind: Kind::Reply,
            token: u64::MAX,
            sequence: 3,
            sent_ns: 4,
            received_ns: 5,
        };
        for packet in [Some(packet), None] {
            let arrival = Arrival {
                packet,
                source: Ipv4Addr::new(192, 0, 2, 255),
                bytes: 1472,
                at_ns: 9,
            };
            let back = arrival_of(&record_of(&arrival), 9);
            assert_eq!(back.packet, arrival.packet);
            assert_eq!((back.source, back.bytes), (arrival.source, arrival.bytes));
        }
    }
}
