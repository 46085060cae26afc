//! Making an AF_XDP socket: memory registered, FILL ring full, and only then bound.
//!
//! Intel's drivers leak buffers or receive nothing when a zero-copy socket is bound with an empty FILL ring, so ours is
//! filled before. `xsk_rs` makes and binds a socket in one call and does not give out the FILL ring in between; this
//! module therefore makes the same libxdp calls itself, with `xsk_rs`' checked configuration types, and leaves set-up
//! and tear-down of mappings to libxdp.
//!
//! A bind without a mode flag silently falls back to copying for whatever error the driver reports, so the mode is
//! always explicit and is read back afterwards.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::ptr::{self, NonNull};

use libxdp_sys::{xsk_ring_cons, xsk_ring_prod, xsk_socket, xsk_umem};
use xsk_rs::config::{BindFlags, FrameSize, LibxdpFlags, QueueSize, SocketConfig, UmemConfig};

use super::drops::get_option;
use super::frames::{FRAME_BYTES, Frames};
use super::membership::set_option;
use super::ring::{FillRing, RxRing};

/// How packets get from the driver into our frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transfer {
    /// The NIC writes into them.
    ZeroCopy,
    /// The kernel copies.
    Copy,
}

/// What failed while making the socket.
#[derive(Debug)]
pub(super) struct SetupError {
    pub(super) step: SetupStep,
    pub(super) cause: io::Error,
}

/// The steps of making a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SetupStep {
    Socket,
    Memory,
    Register,
    Bind,
    /// The kernel bound another mode than asked for.
    ReadBack,
}

/// A bound socket with its rings. Nothing reaches it until it is put into the program's socket map.
#[derive(Debug)]
pub(super) struct Xsk {
    // Declared before `handles`: the rings lead into mappings that the handles own.
    fill: FillRing,
    rx: RxRing,
    /// Frames that are ours now.
    free: Vec<u64>,
    handles: Handles,
}

/// Bytes of packet memory for one socket: a frame for each entry of both rings.
pub(super) const fn memory_bytes(rx_entries: u32) -> usize {
    frame_count(rx_entries) * FRAME_BYTES
}

/// Every frame of a full FILL ring may be followed by as many as the RX ring holds.
const fn frame_count(rx_entries: u32) -> usize {
    rx_entries as usize * 3
}

/// What libxdp knows about the socket; dropping it closes all of it.
#[derive(Debug)]
struct Handles {
    socket: *mut xsk_socket,
    umem: *mut xsk_umem,
    /// Owned boxes; libxdp keeps pointers to them and reads them when it unmaps the rings.
    fill: NonNull<xsk_ring_prod>,
    completion: NonNull<xsk_ring_cons>,
    rx: NonNull<xsk_ring_cons>,
    fd: RawFd,
    frames: Frames,
    /// Where another process has made the socket: it and its rings, of which libxdp knows nothing here.
    _adopted: Option<(OwnedFd, [Mapping; 2])>,
}

/// A ring of a socket, mapped.
#[derive(Debug)]
struct Mapping {
    start: NonNull<u8>,
    bytes: usize,
}

impl Mapping {
    fn of(socket: &OwnedFd, bytes: u64, at: u64) -> io::Result<Self> {
        let invalid = |_| io::Error::from(io::ErrorKind::InvalidData);
        let bytes = usize::try_from(bytes).map_err(invalid)?;
        // SAFETY: a new mapping at an address of the kernel's choice touches no existing memory.
        let start = unsafe {
            libc::mmap(
                ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_POPULATE,
                socket.as_raw_fd(),
                libc::off_t::try_from(at).map_err(invalid)?,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, bytes })
    }

    /// What lies so many bytes behind its beginning; nothing beyond its end.
    fn at<T>(&self, offset: u64) -> io::Result<*mut T> {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        if offset.saturating_add(size_of::<T>()) > self.bytes {
            return Err(io::ErrorKind::InvalidData.into());
        }
        // SAFETY: within the mapping.
        Ok(unsafe { self.start.add(offset) }.as_ptr().cast())
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: our own mapping, which no ring outlives.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.bytes) };
    }
}

// SAFETY: the pointers are owned by this value alone, and libxdp keeps no thread-local state about them.
unsafe impl Send for Handles {}

impl Drop for Handles {
    fn drop(&mut self) {
        // SAFETY: both came from libxdp and are deleted once, the socket before the memory that it uses; both calls
        // accept null. The ring structs that libxdp reads to unmap the rings are freed after.
        unsafe {
            libxdp_sys::xsk_socket__delete(self.socket);
            libxdp_sys::xsk_umem__delete(self.umem);
            drop(Box::from_raw(self.fill.as_ptr()));
            drop(Box::from_raw(self.completion.as_ptr()));
            drop(Box::from_raw(self.rx.as_ptr()));
        }
    }
}

impl Xsk {
    /// Makes a socket for one receive queue. The RX ring gets `rx_entries`, a power of two; the FILL ring twice as many
    /// and is full when the socket is bound.
    pub(super) fn open(
        interface: &str,
        queue: u32,
        transfer: Transfer,
        rx_entries: u32,
        huge_pages: bool,
        shared: bool,
    ) -> Result<Self, SetupError> {
        let failed = |step| move |cause| SetupError { step, cause };
        let (umem_config, socket_config) =
            configs(transfer, rx_entries).map_err(failed(SetupStep::Memory))?;
        let name =
            CString::new(interface).map_err(|error| failed(SetupStep::Bind)(error.into()))?;
        let fd = xdp_socket().map_err(failed(SetupStep::Socket))?;
        let make = if shared { Frames::share } else { Frames::map };
        let frames =
            make(frame_count(rx_entries), huge_pages).map_err(failed(SetupStep::Memory))?;
        let mut free: Vec<u64> = frames.offsets().collect();

        let mut handles = Handles {
            socket: ptr::null_mut(),
            umem: ptr::null_mut(),
            fill: boxed(EMPTY_PRODUCER),
            completion: boxed(EMPTY_CONSUMER),
            rx: boxed(EMPTY_CONSUMER),
            fd: fd.into_raw_fd(),
            frames,
            _adopted: None,
        };
        // SAFETY: the memory, the ring structs and the out-pointer live in `handles` until libxdp has let go of them.
        // libxdp owns the descriptor from here on and closes it on failure, too.
        let result = unsafe {
            libxdp_sys::xsk_umem__create_with_fd(
                &raw mut handles.umem,
                handles.fd,
                handles.frames.start().cast(),
                handles.frames.bytes() as u64,
                handles.fill.as_ptr(),
                handles.completion.as_ptr(),
                &umem_config,
            )
        };
        check(result).map_err(failed(SetupStep::Register))?;

        // SAFETY: libxdp has just filled in the struct; its mapping lives as long as `handles`, whose owner drops the
        // ring first or never uses it after; libxdp itself never writes the ring.
        let fill = unsafe { FillRing::new(handles.fill.as_ref()) };
        let mut fill =
            fill.ok_or_else(|| failed(SetupStep::Register)(io::ErrorKind::InvalidData.into()))?;
        fill.refill(&mut free);

        // SAFETY: as above; no transmit ring; the program is ours to load, which the configuration says.
        let result = unsafe {
            libxdp_sys::xsk_socket__create(
                &raw mut handles.socket,
                name.as_ptr(),
                queue,
                handles.umem,
                handles.rx.as_ptr(),
                ptr::null_mut(),
                &socket_config,
            )
        };
        check(result).map_err(failed(SetupStep::Bind))?;
        // SAFETY: as for the FILL ring.
        let rx = unsafe { RxRing::new(handles.rx.as_ref()) };
        let rx = rx.ok_or_else(|| failed(SetupStep::Bind)(io::ErrorKind::InvalidData.into()))?;

        let bound = bound_transfer(handles.fd).map_err(failed(SetupStep::ReadBack))?;
        if bound != transfer {
            let text = format!("asked for {transfer:?}, the kernel bound {bound:?}");
            return Err(failed(SetupStep::ReadBack)(io::Error::other(text)));
        }
        Ok(Self {
            fill,
            rx,
            free,
            handles,
        })
    }

    /// Goes on with a socket that another process has bound with [`open`](Self::open), in shared memory, and that it has
    /// let go of.
    pub(super) fn adopt(
        socket: OwnedFd,
        memory: OwnedFd,
        rx_entries: u32,
        huge: bool,
    ) -> io::Result<Self> {
        let count = frame_count(rx_entries);
        let fill_entries = rx_entries * 2;
        let frames = Frames::adopt(memory, count, huge)?;
        // `struct xdp_mmap_offsets`: RX, TX, FILL and completion ring, of each its producer, consumer, entries and flags.
        let offsets: [[u64; 4]; 4] = get_option(
            socket.as_raw_fd(),
            libc::SOL_XDP,
            libxdp_sys::XDP_MMAP_OFFSETS as libc::c_int,
        )?;
        let [rx_at, _, fill_at, _] = offsets;
        let rx_bytes = rx_at[2] + u64::from(rx_entries) * size_of::<libxdp_sys::xdp_desc>() as u64;
        let fill_bytes = fill_at[2] + u64::from(fill_entries) * size_of::<u64>() as u64;
        let rx_map = Mapping::of(&socket, rx_bytes, libxdp_sys::XDP_PGOFF_RX_RING.into())?;
        let fill_map = Mapping::of(&socket, fill_bytes, libxdp_sys::XDP_UMEM_PGOFF_FILL_RING)?;
        let fill_ring = xsk_ring_prod {
            mask: fill_entries - 1,
            size: fill_entries,
            producer: fill_map.at(fill_at[0])?,
            consumer: fill_map.at(fill_at[1])?,
            ring: fill_map.at::<u64>(fill_at[2])?.cast(),
            flags: fill_map.at(fill_at[3])?,
            ..EMPTY_PRODUCER
        };
        let rx_ring = xsk_ring_cons {
            mask: rx_entries - 1,
            size: rx_entries,
            producer: rx_map.at(rx_at[0])?,
            consumer: rx_map.at(rx_at[1])?,
            ring: rx_map.at::<libxdp_sys::xdp_desc>(rx_at[2])?.cast(),
            flags: rx_map.at(rx_at[3])?,
            ..EMPTY_CONSUMER
        };
        let invalid = || io::Error::from(io::ErrorKind::InvalidData);
        // SAFETY: the pointers lead into the mappings above, which have all entries and live in `handles` for longer than
        // the rings; who made the socket has let go of it.
        let (fill, rx) = unsafe { (FillRing::resume(&fill_ring), RxRing::new(&rx_ring)) };
        let free = frames
            .offsets()
            .take(count - fill_entries as usize)
            .collect();
        Ok(Self {
            fill: fill.ok_or_else(invalid)?,
            rx: rx.ok_or_else(invalid)?,
            free,
            handles: Handles {
                socket: ptr::null_mut(),
                umem: ptr::null_mut(),
                fill: boxed(EMPTY_PRODUCER),
                completion: boxed(EMPTY_CONSUMER),
                rx: boxed(EMPTY_CONSUMER),
                fd: socket.as_raw_fd(),
                frames,
                _adopted: Some((socket, [fill_map, rx_map])),
            },
        })
    }

    /// Socket and memory once more, for another process to [`adopt`](Self::adopt).
    pub(super) fn hand_over(&self) -> io::Result<(OwnedFd, OwnedFd)> {
        let memory = self
            .handles
            .frames
            .file()
            .ok_or(io::ErrorKind::Unsupported)?;
        Ok((
            self.fd().try_clone_to_owned()?,
            memory.try_clone_to_owned()?,
        ))
    }

    /// The socket's descriptor.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        // SAFETY: libxdp keeps it open as long as `handles` lives.
        unsafe { BorrowedFd::borrow_raw(self.handles.fd) }
    }

    /// Rings and memory apart, for code that works on them together.
    pub(super) fn parts(&mut self) -> (&mut FillRing, &mut RxRing, &mut Vec<u64>, &mut Frames) {
        (
            &mut self.fill,
            &mut self.rx,
            &mut self.free,
            &mut self.handles.frames,
        )
    }

    /// Whether huge pages hold the frames.
    pub(super) fn huge_pages(&self) -> bool {
        self.handles.frames.huge()
    }

    /// Makes this socket's receive queue driven by our own calls in preference to interrupts: `SO_PREFER_BUSY_POLL`
    /// with its two companions (Documentation/networking/napi.rst, "Busy polling").
    pub(super) fn prefer_busy_poll(&self) -> io::Result<()> {
        /// Microseconds; with `MSG_DONTWAIT` each call polls once whatever the value, but zero means never.
        const BUSY_POLL_US: libc::c_int = 20;
        /// Packets a call processes at most: one of our batches.
        const BUDGET: libc::c_int = super::BATCH as libc::c_int;
        let fd = self.handles.fd;
        let on: libc::c_int = 1;
        set_option(fd, libc::SOL_SOCKET, libc::SO_PREFER_BUSY_POLL, &on)?;
        set_option(fd, libc::SOL_SOCKET, libc::SO_BUSY_POLL, &BUSY_POLL_US)?;
        set_option(fd, libc::SOL_SOCKET, libc::SO_BUSY_POLL_BUDGET, &BUDGET)
    }
}

/// The same libxdp configuration as `xsk_rs` would use, checked by its types.
fn configs(
    transfer: Transfer,
    rx_entries: u32,
) -> io::Result<(libxdp_sys::xsk_umem_config, libxdp_sys::xsk_socket_config)> {
    let invalid = |error: &dyn std::error::Error| {
        io::Error::new(io::ErrorKind::InvalidInput, error.to_string())
    };
    let queue = |entries| QueueSize::new(entries).map_err(|error| invalid(&error));
    let umem = UmemConfig::builder()
        .frame_size(FrameSize::new(FRAME_BYTES as u32).map_err(|error| invalid(&error))?)
        .fill_queue_size(queue(rx_entries * 2)?)
        // We send nothing, but the kernel wants the ring to exist.
        .comp_queue_size(queue(64)?)
        .build()
        .map_err(|error| invalid(&error))?;
    let mode = match transfer {
        Transfer::ZeroCopy => BindFlags::XDP_ZEROCOPY,
        Transfer::Copy => BindFlags::XDP_COPY,
    };
    let socket = SocketConfig::builder()
        .rx_queue_size(queue(rx_entries)?)
        .libxdp_flags(LibxdpFlags::XSK_LIBXDP_FLAGS_INHIBIT_PROG_LOAD)
        .bind_flags(mode | BindFlags::XDP_USE_NEED_WAKEUP)
        .build();
    Ok((umem.into(), socket.into()))
}

fn xdp_socket() -> io::Result<OwnedFd> {
    // SAFETY: makes a new descriptor from constants.
    let fd = unsafe { libc::socket(libc::AF_XDP, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made it for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Why no AF_XDP socket can be made at all; `None` where one can.
pub(super) fn socket_refusal() -> Option<io::Error> {
    xdp_socket().err()
}

/// The mode that the kernel bound, by `XDP_OPTIONS`.
fn bound_transfer(fd: RawFd) -> io::Result<Transfer> {
    let flags: u32 = get_option(
        fd.as_raw_fd(),
        libc::SOL_XDP,
        libxdp_sys::XDP_OPTIONS as libc::c_int,
    )?;
    let zero_copy = flags & libxdp_sys::XDP_OPTIONS_ZEROCOPY != 0;
    Ok(if zero_copy {
        Transfer::ZeroCopy
    } else {
        Transfer::Copy
    })
}

/// libxdp returns 0 or a negative error number.
fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(-result))
    }
}

fn boxed<T>(value: T) -> NonNull<T> {
    NonNull::from(Box::leak(Box::new(value)))
}

const EMPTY_PRODUCER: xsk_ring_prod = xsk_ring_prod {
    cached_prod: 0,
    cached_cons: 0,
    mask: 0,
    size: 0,
    producer: ptr::null_mut(),
    consumer: ptr::null_mut(),
    ring: ptr::null_mut(),
    flags: ptr::null_mut(),
};

const EMPTY_CONSUMER: xsk_ring_cons = xsk_ring_cons {
    cached_prod: 0,
    cached_cons: 0,
    mask: 0,
    size: 0,
    producer: ptr::null_mut(),
    consumer: ptr::null_mut(),
    ring: ptr::null_mut(),
    flags: ptr::null_mut(),
};
