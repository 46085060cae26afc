//! A bare AF_XDP socket: memory and rings enough to receive a few packets.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const FRAME: usize = 4096;
const FRAMES: usize = 64;

/// Memory mapped for the socket's life.
struct Mapping {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: the mapping is this value's alone, and no thread of ours knows it but by this value.
unsafe impl Send for Mapping {}

impl Mapping {
    fn new(length: usize, flags: i32, fd: i32, offset: i64) -> Self {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a fresh mapping at an address of the kernel's choice touches nobody's memory.
        let start =
            unsafe { libc::mmap(std::ptr::null_mut(), length, protection, flags, fd, offset) };
        assert_ne!(
            start,
            libc::MAP_FAILED,
            "mmap: {}",
            io::Error::last_os_error()
        );
        Self {
            start: NonNull::new(start.cast()).unwrap(),
            length,
        }
    }

    /// The word at `offset`, which the kernel writes as well.
    fn word(&self, offset: u64) -> &AtomicU32 {
        let offset = offset as usize;
        assert!(offset + 4 <= self.length && offset.is_multiple_of(4));
        // SAFETY: in bounds and aligned; both sides only use it as an atomic word.
        unsafe { &*self.start.as_ptr().add(offset).cast() }
    }

    /// The `N` bytes at `offset`.
    fn bytes<const N: usize>(&self, offset: usize) -> [u8; N] {
        assert!(offset + N <= self.length);
        // SAFETY: in bounds; the ring's producer index says that the kernel is done with these bytes.
        unsafe {
            self.start
                .as_ptr()
                .add(offset)
                .cast::<[u8; N]>()
                .read_unaligned()
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours and nothing borrows from it any more.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.length) };
    }
}

/// A socket bound to one queue of one interface, in copy mode.
pub struct XdpSocket {
    fd: OwnedFd,
    umem: Mapping,
    rx: Mapping,
    offsets: libc::xdp_ring_offset,
    _fill: Mapping,
}

impl AsFd for XdpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl XdpSocket {
    /// A socket on queue `queue` of the interface with this index; all its frames lie in the FILL ring.
    #[must_use]
    pub fn bind(interface: u32, queue: u32) -> Self {
        // SAFETY: socket takes no pointers, and a result that is not negative is a new descriptor.
        let fd = unsafe {
            let fd = libc::socket(libc::AF_XDP, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0);
            assert!(fd >= 0, "socket(AF_XDP): {}", io::Error::last_os_error());
            OwnedFd::from_raw_fd(fd)
        };
        let umem = Mapping::new(
            FRAME * FRAMES,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        // SAFETY: all-zero is a valid value of this C struct.
        let mut registration: libc::xdp_umem_reg = unsafe { std::mem::zeroed() };
        registration.addr = umem.start.as_ptr() as u64;
        registration.len = umem.length as u64;
        registration.chunk_size = FRAME as u32;
        set(&fd, libc::XDP_UMEM_REG, &registration);
        for ring in [
            libc::XDP_UMEM_FILL_RING,
            libc::XDP_UMEM_COMPLETION_RING,
            libc::XDP_RX_RING,
        ] {
            set(&fd, ring, &(FRAMES as u32));
        }
        let offsets = ring_offsets(&fd);
        let map = |ring: &libc::xdp_ring_offset, entry: usize, at| {
            Mapping::new(
                ring.desc as usize + FRAMES * entry,
                libc::MAP_SHARED | libc::MAP_POPULATE,
                fd.as_raw_fd(),
                at,
            )
        };
        let fill = map(&offsets.fr, 8, libc::XDP_UMEM_PGOFF_FILL_RING as i64);
        let rx = map(&offsets.rx, 16, libc::XDP_PGOFF_RX_RING);
        for frame in 0..FRAMES {
            let low = fill.word(offsets.fr.desc + frame as u64 * 8);
            low.store((frame * FRAME) as u32, Ordering::Relaxed);
        }
        // Release: the kernel's acquire of the producer index sees the addresses above.
        fill.word(offsets.fr.producer)
            .store(FRAMES as u32, Ordering::Release);

        // SAFETY: all-zero is a valid value of this C struct.
        let mut address: libc::sockaddr_xdp = unsafe { std::mem::zeroed() };
        address.sxdp_family = libc::AF_XDP as u16;
        address.sxdp_flags = libc::XDP_COPY;
        address.sxdp_ifindex = interface;
        address.sxdp_queue_id = queue;
        let length = size_of_val(&address) as libc::socklen_t;
        // SAFETY: `address` lives through the call and has this length.
        let bound = unsafe { libc::bind(fd.as_raw_fd(), (&raw const address).cast(), length) };
        assert_eq!(bound, 0, "bind: {}", io::Error::last_os_error());
        Self {
            fd,
            umem,
            rx,
            offsets: offsets.rx,
            _fill: fill,
        }
    }

    /// The first packet that comes within a second: the 16 bytes in front of it, and itself.
    #[must_use]
    pub fn receive(&self) -> Option<([u8; 16], Vec<u8>)> {
        let deadline = Instant::now() + Duration::from_secs(1);
        let consumer = self.rx.word(self.offsets.consumer);
        let at = consumer.load(Ordering::Relaxed);
        // Acquire: the kernel's release of the producer index makes descriptor and packet visible.
        while self.rx.word(self.offsets.producer).load(Ordering::Acquire) == at {
            if Instant::now() > deadline {
                return None;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let descriptor = self.offsets.desc as usize + (at as usize % FRAMES) * 16;
        let address = u64::from_ne_bytes(self.rx.bytes(descriptor)) as usize;
        let length = u32::from_ne_bytes(self.rx.bytes(descriptor + 8)) as usize;
        let front = self.umem.bytes(address - 16);
        let packet = (address..address + length)
            .map(|at| self.umem.bytes::<1>(at)[0])
            .collect();
        // Release: the kernel reuses the entry only after we have read it.
        consumer.store(at.wrapping_add(1), Ordering::Release);
        Some((front, packet))
    }
}

fn set<T>(fd: &OwnedFd, option: i32, value: &T) {
    let length = size_of::<T>() as libc::socklen_t;
    // SAFETY: `value` lives through the call and has this length.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_XDP,
            option,
            (&raw const *value).cast(),
            length,
        )
    };
    assert_eq!(
        result,
        0,
        "setsockopt(SOL_XDP, {option}): {}",
        io::Error::last_os_error()
    );
}

fn ring_offsets(fd: &OwnedFd) -> libc::xdp_mmap_offsets {
    // SAFETY: all-zero is a valid value of this C struct.
    let mut offsets: libc::xdp_mmap_offsets = unsafe { std::mem::zeroed() };
    let mut length = size_of_val(&offsets) as libc::socklen_t;
    // SAFETY: both pointers live through the call, and `length` is the buffer's.
    let result = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::SOL_XDP,
            libc::XDP_MMAP_OFFSETS,
            (&raw mut offsets).cast(),
            &raw mut length,
        )
    };
    assert_eq!(
        result,
        0,
        "XDP_MMAP_OFFSETS: {}",
        io::Error::last_os_error()
    );
    offsets
}
