//! Bare AF_XDP: an XDP program of five instructions that sends everything to one socket, and that socket's rings.
//!
//! Nobody can receive by AF_XDP with less: no filter, no stamp, no counter, no look at the packet. It is the floor that
//! the gateway is compared with, and shares no code with it: `xsk-rs` drives the rings.

use std::io;
use std::num::NonZeroU32;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use libbpf_sys::{BPF_MAP_TYPE_XSKMAP, BPF_PROG_TYPE_XDP, BPF_XDP, bpf_insn};
use xsk_rs::config::{BindFlags, Interface, LibxdpFlags, QueueSize, SocketConfig, UmemConfig};
use xsk_rs::{FillQueue, FrameDesc, RxQueue, Socket, Umem};

use super::huge_pages::{HUGE_PAGE_BYTES, HugePages};
use super::receive::Receive;

/// Bytes of a frame, which is `xsk-rs`'s own choice, too.
const FRAME_BYTES: usize = 4096;
/// Frames taken at once, as by the gateway.
const BATCH: usize = 64;
/// The kernel lets go of a queue only some time after the socket that had it was closed: so long at most.
const FREE_WITHIN: Duration = Duration::from_secs(2);
/// Ethernet, IPv4 without options, UDP.
const HEADERS_BYTES: usize = 14 + 20 + 8;

/// A socket on receive queue 0 of an interface, and the program that feeds it, attached as long as this lives.
pub(super) struct Bare {
    rx: RxQueue,
    fill: FillQueue,
    umem: Umem,
    taken: Vec<FrameDesc>,
    busy_poll: bool,
    // Dropped after the socket: what comes while it is taken down has nowhere to go.
    _program: [OwnedFd; 3],
    // And these behind the memory that is on them.
    _pages: Option<HugePages>,
}

impl Bare {
    /// Attaches to `interface` of the calling thread's network namespace. With `busy_poll` the kernel's receive path runs
    /// in the calls of whoever polls. The FILL ring has twice the RX ring's entries, as the gateway's.
    pub(super) fn open(
        interface: &str,
        index: u32,
        rx_entries: u32,
        busy_poll: bool,
    ) -> Result<Self> {
        let deadline = Instant::now() + FREE_WITHIN;
        loop {
            match Self::try_open(interface, index, rx_entries, busy_poll) {
                Err(error) if is_busy(&error) && Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                result => return result,
            }
        }
    }

    fn try_open(interface: &str, index: u32, rx_entries: u32, busy_poll: bool) -> Result<Self> {
        let entries = |entries| QueueSize::new(entries).map_err(|error| anyhow!("{error}"));
        // The kernel takes an entry before it says so: a batch of places stays empty.
        let offered_entries = rx_entries * 2 - BATCH as u32;
        // Whole huge pages, which alone can be unmapped; the frames behind those offered are nobody's.
        let frames = offered_entries.next_multiple_of((HUGE_PAGE_BYTES / FRAME_BYTES) as u32);
        let pages = HugePages::reserve(frames as usize * FRAME_BYTES);
        let frames = NonZeroU32::new(frames).context("there are frames")?;
        let config = UmemConfig::builder()
            .fill_queue_size(entries(rx_entries * 2)?)
            .build()
            .map_err(|error| anyhow!("{error}"))?;
        // As the gateway's. What lies on ordinary pages, scattered over the memory, costs the kernel's copy some 300 ns.
        let (umem, descriptors) = Umem::new(config, frames, true)
            .or_else(|error| {
                eprintln!("wire: bare AF_XDP's frames are on ordinary pages: {error}");
                Umem::new(config, frames, false)
            })
            .context("no memory for packets")?;
        let descriptors = descriptors
            .get(..offered_entries as usize)
            .context("there are as many frames as asked for")?;
        let config = SocketConfig::builder()
            .rx_queue_size(entries(rx_entries)?)
            .libxdp_flags(LibxdpFlags::XSK_LIBXDP_FLAGS_INHIBIT_PROG_LOAD)
            .bind_flags(BindFlags::XDP_COPY | BindFlags::XDP_USE_NEED_WAKEUP)
            .build();
        let name: Interface = interface.parse().context("no name of an interface")?;
        // SAFETY: no other socket is bound to this queue from the same memory.
        let (_, rx, rings) = unsafe { Socket::new(config, &umem, &name, 0) }
            .context("cannot bind an AF_XDP socket")?;
        let (mut fill, _) = rings.context("the socket came without a FILL ring")?;
        // SAFETY: the frames are of this memory, and nobody else has them.
        let offered = unsafe { fill.produce(descriptors) };
        ensure!(
            offered == descriptors.len(),
            "the FILL ring took {offered} frames"
        );
        if busy_poll {
            prefer_busy_poll(rx.fd().as_raw_fd()).context("no busy polling")?;
        }
        let program = attach(rx.fd().as_raw_fd(), index).context("cannot attach the program")?;
        Ok(Self {
            rx,
            fill,
            umem,
            taken: vec![FrameDesc::default(); BATCH],
            busy_poll,
            _program: program,
            _pages: pages,
        })
    }
}

/// Whether somebody else still has what was asked for.
fn is_busy(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.raw_os_error() == Some(libc::EBUSY))
}

impl Bare {
    /// The NAPI instance that brought the last packet; 0 where the driver names none.
    pub(super) fn napi_id(&self) -> libc::c_uint {
        let mut id: libc::c_uint = 0;
        let mut bytes = size_of::<libc::c_uint>() as libc::socklen_t;
        // SAFETY: the option is an unsigned int, for which there is room.
        unsafe {
            libc::getsockopt(
                self.rx.fd().as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_INCOMING_NAPI_ID,
                (&raw mut id).cast(),
                &raw mut bytes,
            )
        };
        id
    }
}

impl Receive for Bare {
    #[inline]
    fn poll(&mut self, mut visit: impl FnMut(&[u8])) -> io::Result<usize> {
        // SAFETY: the descriptors are of this socket's memory.
        let mut taken = unsafe { self.rx.consume(&mut self.taken) };
        if taken == 0 && (self.busy_poll || self.fill.needs_wakeup()) {
            // SAFETY: no buffer is passed, and the descriptor is open.
            unsafe {
                libc::recvfrom(
                    self.rx.fd().as_raw_fd(),
                    std::ptr::null_mut(),
                    0,
                    libc::MSG_DONTWAIT,
                    std::ptr::null_mut(),
                    std::ptr::null_mut(),
                )
            };
            // SAFETY: as above.
            taken = unsafe { self.rx.consume(&mut self.taken) };
        }
        for descriptor in &self.taken[..taken] {
            // SAFETY: the frame was taken from the RX ring and not yet offered again.
            let data = unsafe { self.umem.data(descriptor) };
            if let Some(payload) = data.contents().get(HEADERS_BYTES..) {
                visit(payload);
            }
        }
        // SAFETY: the frames were taken from the RX ring and nobody looks at them any longer.
        let offered = unsafe { self.fill.produce(&self.taken[..taken]) };
        if offered < taken {
            return Err(io::Error::other("the FILL ring has no room for a frame"));
        }
        Ok(taken)
    }
}

/// `return bpf_redirect_map(map, ctx->rx_queue_index, XDP_PASS)`, attached natively; program, map and link.
fn attach(socket: i32, interface: u32) -> io::Result<[OwnedFd; 3]> {
    /// Where `struct xdp_md` has the receive queue.
    const RX_QUEUE_INDEX: i16 = 16;
    /// The helper's number.
    const REDIRECT_MAP: i32 = 51;
    const XDP_PASS: i32 = 2;
    // SAFETY: the name is a C string, no options.
    let map = owned(unsafe {
        libbpf_sys::bpf_map_create(
            BPF_MAP_TYPE_XSKMAP,
            c"bench_bare".as_ptr(),
            4,
            4,
            1,
            std::ptr::null(),
        )
    })?;
    let instruction = |code: u32, registers: (u8, u8), off: i16, imm: i32| {
        let mut instruction = bpf_insn {
            code: code as u8,
            off,
            imm,
            ..bpf_insn::default()
        };
        instruction.set_dst_reg(registers.0);
        instruction.set_src_reg(registers.1);
        instruction
    };
    let (load, move_32) = (
        libbpf_sys::BPF_LDX | libbpf_sys::BPF_MEM | libbpf_sys::BPF_W,
        libbpf_sys::BPF_ALU64 | libbpf_sys::BPF_MOV | libbpf_sys::BPF_K,
    );
    let program = [
        instruction(load, (2, 1), RX_QUEUE_INDEX, 0),
        // A 64-bit constant takes two: the map, by its descriptor.
        instruction(
            libbpf_sys::BPF_LD | libbpf_sys::BPF_DW | libbpf_sys::BPF_IMM,
            (1, libbpf_sys::BPF_PSEUDO_MAP_FD as u8),
            0,
            map.as_raw_fd(),
        ),
        instruction(0, (0, 0), 0, 0),
        instruction(move_32, (3, 0), 0, XDP_PASS),
        instruction(
            libbpf_sys::BPF_JMP | libbpf_sys::BPF_CALL,
            (0, 0),
            0,
            REDIRECT_MAP,
        ),
        instruction(libbpf_sys::BPF_JMP | libbpf_sys::BPF_EXIT, (0, 0), 0, 0),
    ];
    // SAFETY: names are C strings, the instructions outlive the call, no options.
    let loaded = owned(unsafe {
        libbpf_sys::bpf_prog_load(
            BPF_PROG_TYPE_XDP,
            c"bench_bare".as_ptr(),
            c"GPL".as_ptr(),
            program.as_ptr(),
            program.len() as _,
            std::ptr::null_mut(),
        )
    })?;
    let (key, value) = (0_u32, socket);
    // SAFETY: key and value have the map's four bytes each.
    let result = unsafe {
        libbpf_sys::bpf_map_update_elem(
            map.as_raw_fd(),
            (&raw const key).cast(),
            (&raw const value).cast(),
            0,
        )
    };
    if result < 0 {
        return Err(io::Error::from_raw_os_error(-result));
    }
    let options = libbpf_sys::bpf_link_create_opts {
        sz: size_of::<libbpf_sys::bpf_link_create_opts>() as _,
        flags: libbpf_sys::XDP_FLAGS_DRV_MODE,
        ..libbpf_sys::bpf_link_create_opts::default()
    };
    let target = i32::try_from(interface).map_err(io::Error::other)?;
    // SAFETY: the options outlive the call and say how long they are.
    let link = owned(unsafe {
        libbpf_sys::bpf_link_create(loaded.as_raw_fd(), target, BPF_XDP, &raw const options)
    })?;
    Ok([link, loaded, map])
}

/// libbpf returns a descriptor or a negative error number.
fn owned(result: i32) -> io::Result<OwnedFd> {
    if result < 0 {
        return Err(io::Error::from_raw_os_error(-result));
    }
    // SAFETY: the call has just made it for us.
    Ok(unsafe { OwnedFd::from_raw_fd(result) })
}

/// What the gateway sets with `busy_poll = true` (Documentation/networking/napi.rst, "Busy polling").
fn prefer_busy_poll(socket: i32) -> io::Result<()> {
    for (option, value) in [
        (libc::SO_PREFER_BUSY_POLL, 1),
        (libc::SO_BUSY_POLL, 20),
        (libc::SO_BUSY_POLL_BUDGET, BATCH as libc::c_int),
    ] {
        // SAFETY: `value` is an int, as these options want it.
        let result = unsafe {
            libc::setsockopt(
                socket,
                libc::SOL_SOCKET,
                option,
                (&raw const value).cast(),
                size_of::<libc::c_int>() as libc::socklen_t,
            )
        };
        if result < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}
