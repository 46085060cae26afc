//! Memory that both ends of a measurement share, beside the queue: what keeps the writer from overtaking a reader
//! (broadcast queues do not wait for readers), and what they agree on.

use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use rustix::fs::MemfdFlags;
use rustix::mm::{MapFlags, ProtFlags};

/// Bytes of what the ends tell each other.
const PAGE: usize = 4096;

/// Memory in both processes.
#[derive(Debug)]
pub(crate) struct Shared {
    base: NonNull<u8>,
    bytes: usize,
    fd: OwnedFd,
}

// SAFETY: the memory is reached as atomics alone, which threads may share.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    /// So many bytes of zeros.
    pub(crate) fn create(bytes: usize) -> Result<Self> {
        let fd = rustix::fs::memfd_create("gateway-bench", MemfdFlags::CLOEXEC)?;
        rustix::fs::ftruncate(&fd, bytes as u64)?;
        Self::map(fd, bytes)
    }

    /// The memory that another process made, of as many bytes.
    pub(crate) fn open(address: &str, bytes: usize) -> Result<Self> {
        let file = File::options().read(true).write(true).open(address);
        let fd = file.with_context(|| format!("cannot open {address}"))?;
        Self::map(fd.into(), bytes)
    }

    fn map(fd: OwnedFd, bytes: usize) -> Result<Self> {
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory that anybody has.
        let base = unsafe {
            rustix::mm::mmap(
                std::ptr::null_mut(),
                bytes,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED | MapFlags::POPULATE,
                &fd,
                0,
            )
        }?;
        let base = NonNull::new(base.cast()).context("a mapping at address 0")?;
        Ok(Self { base, bytes, fd })
    }

    /// Where another process of the same user finds it.
    pub(crate) fn address(&self) -> String {
        address_of(&self.fd)
    }

    /// The word at index `index`.
    #[inline(always)]
    pub(crate) fn word(&self, index: usize) -> &AtomicU64 {
        assert!(index < self.bytes / 8);
        // SAFETY: in bounds as just checked, aligned because mappings begin at a page; lives as long as `self`.
        unsafe { &*self.base.as_ptr().cast::<AtomicU64>().add(index) }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: mapped by `map`; references into it are tied to `self`.
        let _ = unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), self.bytes) };
    }
}

/// Where another process of the same user finds a descriptor of this one.
pub(crate) fn address_of(fd: &impl AsRawFd) -> String {
    format!("/proc/{}/fd/{}", std::process::id(), fd.as_raw_fd())
}

/// What the ends tell each other.
#[derive(Debug)]
pub(crate) struct Control {
    page: Shared,
}

impl Control {
    pub(crate) fn create() -> Result<Self> {
        Ok(Self {
            page: Shared::create(PAGE)?,
        })
    }

    pub(crate) fn open(address: &str) -> Result<Self> {
        Ok(Self {
            page: Shared::open(address, PAGE)?,
        })
    }

    pub(crate) fn address(&self) -> String {
        self.page.address()
    }

    /// How many messages the far end has read, as it last said.
    pub(crate) fn read(&self) -> u64 {
        // Partner: the Release store in `say_read`.
        self.page.word(0).load(Ordering::Acquire)
    }

    /// Says how many messages the far end has read.
    pub(crate) fn say_read(&self, messages: u64) {
        // Partner: the Acquire load in `read`: what was read may be overwritten.
        self.page.word(0).store(messages, Ordering::Release);
    }

    /// How many messages the far end may begin to read.
    pub(crate) fn ready(&self) -> u64 {
        // Partner: the Release store in `say_ready`.
        self.page.word(16).load(Ordering::Acquire)
    }

    /// Says how many messages the far end may begin to read.
    pub(crate) fn say_ready(&self, messages: u64) {
        // Partner: the Acquire load in `ready`: they are published.
        self.page.word(16).store(messages, Ordering::Release);
    }
}
