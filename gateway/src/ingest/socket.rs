//! The socket tier: ordinary UDP sockets, for hosts and users without the rights or drivers for AF_XDP.
//!
//! One socket a stream, bound to the group's own address and port, so that the kernel does the steering. With
//! `IP_MULTICAST_ALL` off a socket gets only what it joined itself, on the interface it joined on: another process'
//! memberships and other interfaces stay out. The kernel checks checksums and reassembles fragments.
//!
//! Beside each packet the kernel hands out when it got it, and when the card did, where that stamps packets
//! (`SO_TIMESTAMPING`, Documentation/networking/timestamping.rst).

use std::io;
use std::mem::zeroed;
use std::net::SocketAddrV4;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Arc, Weak};

use super::ancillary::{Control, SocketStamps};
use super::membership::{self, set_option};
use super::stream::Lookup;
use super::{
    BATCH, Datagram, Ingest, IngestCounters, IngestError, InterfaceRequest, KernelDropReader,
    SocketWait, Stamps, Stream, StreamId, StreamTable, Tier,
};
use crate::clock::CardClock;

/// The longest payload received: a jumbo frame's. Longer ones count as `oversized`.
const PAYLOAD_MAX: usize = 9216;

/// Up to this many sockets are each asked for packets in turn; more are asked which of them have any first.
const ASK_EACH_MAX: usize = 2;

/// Milliseconds that a blocking poll waits at most, so that the worker sees to its timers.
const BLOCK_MS: libc::c_int = 1;

/// A provider over UDP sockets.
#[derive(Debug)]
pub struct SocketIngest {
    interface: String,
    /// Socket N carries stream N.
    sockets: Arc<[OwnedFd]>,
    table: StreamTable,
    ready: Vec<libc::pollfd>,
    batch: Batch,
    wait: SocketWait,
    /// The socket to serve first, so that a busy one does not starve those after it.
    first: usize,
    counters: IngestCounters,
    /// Bytes of receive buffer the kernel granted each socket (the smallest of them).
    buffer_bytes: usize,
    /// The clock of the card, where that stamps packets.
    card: Option<Arc<CardClock>>,
}

impl SocketIngest {
    /// Opens, binds and joins a socket for each stream of the request; packets queue from here on.
    ///
    /// # Errors
    ///
    /// A socket cannot be made or bound, or a group not joined.
    pub fn open(request: &InterfaceRequest, joining_index: u32) -> Result<Self, IngestError> {
        let mut buffer_bytes = usize::MAX;
        let mut sockets = Vec::with_capacity(request.streams.len());
        for stream in &request.streams {
            let (socket, bytes) = open_one(request, joining_index, stream)?;
            buffer_bytes = buffer_bytes.min(bytes);
            sockets.push(socket);
        }
        let ready = sockets
            .iter()
            .map(|socket| libc::pollfd {
                fd: socket.as_raw_fd(),
                events: libc::POLLIN,
                revents: 0,
            })
            .collect();
        Ok(Self {
            interface: request.name.clone(),
            sockets: sockets.into(),
            table: StreamTable::new(&request.streams),
            ready,
            batch: Batch::new(),
            wait: request.socket_wait,
            first: 0,
            counters: IngestCounters::default(),
            buffer_bytes,
            card: None,
        })
    }

    /// Has the kernel stamp what the sockets receive, and hand out the card's stamps, too, if told to.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub(super) fn stamp(&self, by_card: bool) -> io::Result<()> {
        let mut flags = libc::SOF_TIMESTAMPING_RX_SOFTWARE | libc::SOF_TIMESTAMPING_SOFTWARE;
        if by_card {
            flags |= libc::SOF_TIMESTAMPING_RX_HARDWARE | libc::SOF_TIMESTAMPING_RAW_HARDWARE;
        }
        self.sockets.iter().try_for_each(|socket| {
            set_option(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_TIMESTAMPING,
                &flags,
            )
        })
    }

    /// By which clock the card's stamps are.
    pub(super) fn set_card(&mut self, clock: Option<Arc<CardClock>>) {
        self.card = clock;
    }

    /// Bytes of receive buffer the kernel granted, the smallest of all sockets'.
    #[must_use]
    pub fn buffer_bytes(&self) -> usize {
        self.buffer_bytes
    }

    /// Reads what the kernel dropped, from another thread.
    #[must_use]
    pub fn drop_reader(&self) -> KernelDropReader {
        KernelDropReader::sockets(&self.sockets)
    }

    /// What the sockets have joined, to be renewed from another thread.
    pub(super) fn joins(&self, streams: &[Stream]) -> StreamJoins {
        StreamJoins {
            sockets: Arc::downgrade(&self.sockets),
            streams: streams.to_vec(),
        }
    }

    /// Asks which sockets have packets, waiting for one if told to.
    fn find_ready(&mut self) -> io::Result<()> {
        let timeout = match self.wait {
            SocketWait::Spin => 0,
            SocketWait::Block => BLOCK_MS,
        };
        self.counters.kicks += 1;
        // SAFETY: the pointer and length describe `ready`, which lives through the call.
        let result = unsafe {
            libc::poll(
                self.ready.as_mut_ptr(),
                self.ready.len() as libc::nfds_t,
                timeout,
            )
        };
        if result >= 0 {
            return Ok(());
        }
        match io::Error::last_os_error() {
            cause if cause.kind() == io::ErrorKind::Interrupted => {
                self.ready.iter_mut().for_each(|entry| entry.revents = 0);
                Ok(())
            }
            cause => Err(cause),
        }
    }
}

impl Ingest for SocketIngest {
    fn poll<V: FnMut(Datagram<'_>)>(&mut self, visit: &mut V) -> Result<usize, IngestError> {
        let asked = self.sockets.len() > ASK_EACH_MAX || self.wait == SocketWait::Block;
        if asked && let Err(cause) = self.find_ready() {
            return Err(IngestError::InterfaceGone {
                name: self.interface.clone(),
                cause,
            });
        }
        let (mut handed, mut received) = (0, 0);
        for turn in 0..self.sockets.len() {
            let at = (self.first + turn) % self.sockets.len();
            if received == BATCH {
                self.first = at;
                break;
            }
            if asked && self.ready[at].revents == 0 {
                continue;
            }
            self.counters.kicks += 1;
            let count = match self.batch.receive(&self.sockets[at], BATCH - received) {
                Ok(count) => count,
                Err(cause) => match cause.kind() {
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => continue,
                    _ => {
                        return Err(IngestError::InterfaceGone {
                            name: self.interface.clone(),
                            cause,
                        });
                    }
                },
            };
            received += count;
            let stream = StreamId(at as u32);
            for (source, payload, stamped) in self.batch.messages(count) {
                let Some(payload) = payload else {
                    self.counters.oversized += 1;
                    continue;
                };
                if self.table.check(stream, source) == Lookup::WrongSource {
                    self.counters.source_filtered += 1;
                    continue;
                }
                self.counters.packets += 1;
                self.counters.bytes += payload.len() as u64;
                match stamped {
                    SocketStamps { card_ns: 1.., .. } => self.counters.stamped_by_card += 1,
                    SocketStamps { kernel_ns: 1.., .. } => self.counters.stamped_by_kernel += 1,
                    SocketStamps { .. } => self.counters.unstamped += 1,
                }
                handed += 1;
                visit(Datagram {
                    stream,
                    source,
                    payload,
                    stamps: stamps(stamped, self.card.as_deref()),
                });
            }
        }
        if received == 0 {
            self.counters.empty_polls += 1;
        }
        Ok(handed)
    }

    fn counters(&self) -> &IngestCounters {
        &self.counters
    }

    fn tier(&self) -> Tier {
        Tier::Socket
    }

    fn finished(&self) -> bool {
        false
    }
}

/// A packet's stamps, the card's converted by its clock.
#[inline]
fn stamps(stamped: SocketStamps, card: Option<&CardClock>) -> Stamps {
    let known = |ns: u64| (ns != 0).then_some(ns);
    Stamps {
        kernel_ns: known(stamped.kernel_ns),
        nic_ns: known(stamped.card_ns).and_then(|ns| card?.steady(ns)),
        ..Stamps::default()
    }
}

/// The memberships of a provider's sockets. Holds none of them open.
#[derive(Debug, Clone)]
pub(super) struct StreamJoins {
    sockets: Weak<[OwnedFd]>,
    /// Socket N carries stream N.
    streams: Vec<Stream>,
}

impl StreamJoins {
    /// Leaves the groups on the device `from`, which may be gone, and joins them on the device `to`. The sockets go on
    /// receiving meanwhile: the kernel takes such calls from any thread.
    ///
    /// # Errors
    ///
    /// [`IngestError::Join`] when the kernel refuses; what it did not refuse stays joined.
    pub(super) fn move_to(&self, interface: &str, from: u32, to: u32) -> Result<(), IngestError> {
        let Some(sockets) = self.sockets.upgrade() else {
            return Ok(());
        };
        for (socket, stream) in sockets.iter().zip(&self.streams) {
            membership::leave(socket, from, stream.group);
            // From an earlier attempt that succeeded in part.
            membership::leave(socket, to, stream.group);
            join_stream(socket, interface, to, stream)?;
        }
        Ok(())
    }
}

/// Joins what `stream` needs on its socket.
fn join_stream(
    socket: &OwnedFd,
    interface: &str,
    interface_index: u32,
    stream: &Stream,
) -> Result<(), IngestError> {
    for (group, source) in membership::wanted(std::slice::from_ref(stream)) {
        membership::join(socket, interface_index, group, source)
            .map_err(|cause| membership::refused(interface, group, source, cause))?;
    }
    Ok(())
}

fn open_one(
    request: &InterfaceRequest,
    joining_index: u32,
    stream: &Stream,
) -> Result<(OwnedFd, usize), IngestError> {
    let address = SocketAddrV4::new(stream.group, stream.port);
    let failed = |action| {
        move |cause| IngestError::Socket {
            name: request.name.clone(),
            address,
            action,
            cause,
        }
    };
    let socket = socket2::Socket::new(
        socket2::Domain::IPV4,
        socket2::Type::DGRAM.nonblocking(),
        Some(socket2::Protocol::UDP),
    )
    .map_err(failed("open a socket"))?;
    socket
        .set_reuse_address(true)
        .map_err(failed("set SO_REUSEADDR"))?;
    let off: libc::c_int = 0;
    set_option(
        socket.as_raw_fd(),
        libc::IPPROTO_IP,
        libc::IP_MULTICAST_ALL,
        &off,
    )
    .map_err(failed("unset IP_MULTICAST_ALL"))?;
    let wanted = libc::c_int::try_from(request.socket_buffer_bytes).unwrap_or(libc::c_int::MAX);
    // Beyond `net.core.rmem_max` only with CAP_NET_ADMIN; without it the kernel silently caps.
    if set_option(
        socket.as_raw_fd(),
        libc::SOL_SOCKET,
        libc::SO_RCVBUFFORCE,
        &wanted,
    )
    .is_err()
    {
        set_option(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVBUF,
            &wanted,
        )
        .map_err(failed("set SO_RCVBUF"))?;
    }
    // The kernel reports twice what it grants: half is for its own bookkeeping (socket(7)).
    let granted = socket
        .recv_buffer_size()
        .map_err(failed("read SO_RCVBUF"))?
        / 2;
    socket.bind(&address.into()).map_err(failed("bind"))?;
    let socket = OwnedFd::from(socket);
    join_stream(&socket, request.joining_interface(), joining_index, stream)?;
    Ok((socket, granted))
}

/// Buffers for one `recvmmsg`, allocated once.
struct Batch {
    payloads: Box<[[u8; PAYLOAD_MAX]]>,
    sources: Box<[libc::sockaddr_in]>,
    vectors: Box<[libc::iovec]>,
    controls: Box<[Control]>,
    headers: Box<[libc::mmsghdr]>,
}

// SAFETY: the raw pointers in `vectors` and `headers` point into the boxes beside them and are written anew by each
// `receive`; they carry no tie to a thread.
unsafe impl Send for Batch {}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch").finish_non_exhaustive()
    }
}

impl Batch {
    fn new() -> Self {
        // SAFETY: all three are C structs for which all-zero bytes are a valid value.
        let (source, vector, header): (libc::sockaddr_in, libc::iovec, libc::mmsghdr) =
            unsafe { (zeroed(), zeroed(), zeroed()) };
        Self {
            payloads: vec![[0; PAYLOAD_MAX]; BATCH].into_boxed_slice(),
            sources: vec![source; BATCH].into_boxed_slice(),
            vectors: vec![vector; BATCH].into_boxed_slice(),
            controls: vec![Control::default(); BATCH].into_boxed_slice(),
            headers: vec![header; BATCH].into_boxed_slice(),
        }
    }

    /// Receives up to `limit` datagrams without waiting.
    fn receive(&mut self, socket: &OwnedFd, limit: usize) -> io::Result<usize> {
        let limit = limit.min(BATCH);
        for at in 0..limit {
            self.vectors[at] = libc::iovec {
                iov_base: self.payloads[at].as_mut_ptr().cast(),
                iov_len: PAYLOAD_MAX,
            };
            let header = &mut self.headers[at].msg_hdr;
            header.msg_name = (&raw mut self.sources[at]).cast();
            header.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
            header.msg_iov = &raw mut self.vectors[at];
            header.msg_iovlen = 1;
            header.msg_control = (&raw mut self.controls[at]).cast();
            header.msg_controllen = size_of::<Control>();
            header.msg_flags = 0;
        }
        // SAFETY: the first `limit` headers point at buffers, names, vectors and controls of `self`, which is borrowed
        // mutably through the call; lengths are those of the buffers.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                limit as libc::c_uint,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }

    /// Source, payload and stamps of the first `count` datagrams; no payload where it did not fit.
    fn messages(
        &self,
        count: usize,
    ) -> impl Iterator<Item = ([u8; 4], Option<&[u8]>, SocketStamps)> {
        (0..count.min(BATCH)).map(|at| {
            let source = u32::from_be(self.sources[at].sin_addr.s_addr).to_be_bytes();
            let whole = self.headers[at].msg_hdr.msg_flags & libc::MSG_TRUNC == 0;
            let payload = self.payloads[at]
                .get(..self.headers[at].msg_len as usize)
                .filter(|_| whole);
            let written = self.headers[at].msg_hdr.msg_controllen;
            (source, payload, self.controls[at].stamps(written))
        })
    }
}
