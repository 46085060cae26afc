//! Memory files and their mappings: made, sealed, locked, mapped, unmapped.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;

use rustix::fs::{MemfdFlags, Mode, OFlags, SealFlags};
use rustix::mm::{Advice, MapFlags, ProtFlags};

use crate::QueueError;
use crate::sync::{AtomicU32, AtomicU64};

/// Size of the huge pages asked for.
const HUGE_PAGE: usize = 2 << 20;

/// What became of the wish for huge pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HugePages {
    /// Nobody asked.
    NotAsked,
    /// The file lies on 2 MiB pages.
    Used,
    /// Ordinary pages serve instead, for this reason.
    Unavailable(String),
}

/// What the kernel granted to a queue's memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryReport {
    /// Bytes of the file.
    pub bytes: u64,
    /// Huge pages.
    pub huge_pages: HugePages,
    /// Whether all pages exist already; if not, the first lap pays for each (up to 0.4 ms).
    pub prefaulted: Result<(), String>,
    /// Whether the pages are locked; `None` where nobody asked.
    pub locked: Option<Result<(), String>>,
}

/// A memory file of `len` bytes that can be sealed. On huge pages the length grows to whole pages.
pub(crate) fn create_file(
    name: &str,
    len: usize,
    huge: bool,
) -> Result<(OwnedFd, usize), QueueError> {
    let mut flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut len = len;
    if huge {
        flags |= MemfdFlags::HUGETLB | MemfdFlags::HUGE_2MB;
        len = len.next_multiple_of(HUGE_PAGE);
    } else {
        // Says that nobody executes it; kernels before 6.3 do not know the flag.
        let sealed = rustix::fs::memfd_create(name, flags | MemfdFlags::NOEXEC_SEAL);
        if let Ok(fd) = sealed {
            rustix::fs::ftruncate(&fd, len as u64)
                .map_err(QueueError::system("set the size of a memory file"))?;
            return Ok((fd, len));
        }
    }
    let fd = rustix::fs::memfd_create(name, flags)
        .map_err(QueueError::system("create a memory file"))?;
    rustix::fs::ftruncate(&fd, len as u64)
        .map_err(QueueError::system("set the size of a memory file"))?;
    Ok((fd, len))
}

pub(crate) fn seal(fd: &OwnedFd, seals: SealFlags) -> Result<(), QueueError> {
    rustix::fs::fcntl_add_seals(fd, seals).map_err(QueueError::system("seal a memory file"))
}

/// Opens the file again read-only: a descriptor that cannot be upgraded once the file is sealed.
pub(crate) fn reopen_read_only(fd: &impl AsRawFd) -> Result<OwnedFd, QueueError> {
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map_err(
        QueueError::system("open a memory file read-only through /proc/self/fd"),
    )
}

/// Refuses a file that lacks any of `wanted`.
pub(crate) fn require_seals(fd: BorrowedFd<'_>, wanted: SealFlags) -> Result<(), QueueError> {
    let seals = rustix::fs::fcntl_get_seals(fd).unwrap_or(SealFlags::empty());
    let missing = wanted.difference(seals);
    if missing.is_empty() {
        Ok(())
    } else {
        Err(QueueError::NotSealed {
            missing: format!("{missing:?}"),
        })
    }
}

pub(crate) fn file_bytes(fd: BorrowedFd<'_>) -> Result<u64, QueueError> {
    let stat = rustix::fs::fstat(fd).map_err(QueueError::system("look at a memory file"))?;
    Ok(u64::try_from(stat.st_size).unwrap_or(0))
}

/// Maps a sealed memory file of at least `header_bytes` read-only; returns its length, too. For files that others made.
pub(crate) fn map_sealed(fd: &OwnedFd, header_bytes: usize) -> Result<(Mapping, u64), QueueError> {
    // Without the seals anybody with a writable descriptor could shrink the file, which kills its readers, or write to
    // it.
    require_seals(fd.as_fd(), crate::create::SEALS)?;
    let flags = rustix::fs::fcntl_getfl(fd)
        .map_err(QueueError::system("look at a memory file's descriptor"))?;
    if flags & OFlags::ACCMODE != OFlags::RDONLY {
        return Err(QueueError::Damaged {
            what: "its descriptor is writable".into(),
        });
    }
    let bytes = file_bytes(fd.as_fd())?;
    if bytes < header_bytes as u64 || bytes > isize::MAX as u64 {
        return Err(QueueError::Damaged {
            what: format!("a file of {bytes} bytes"),
        });
    }
    Ok((Mapping::new(fd, bytes as usize, false)?, bytes))
}

/// A shared mapping of a whole memory file, unmapped on drop.
#[derive(Debug)]
pub(crate) struct Mapping {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: the memory is reached only as atomics (`Mapping::word`), which threads may share; the mapping itself is
// released only by `drop`, which has the value to itself.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    pub(crate) fn new(fd: impl AsFd, len: usize, writable: bool) -> Result<Self, QueueError> {
        let protection = if writable {
            ProtFlags::READ | ProtFlags::WRITE
        } else {
            ProtFlags::READ
        };
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory that anybody has.
        let base = unsafe {
            rustix::mm::mmap(
                std::ptr::null_mut(),
                len,
                protection,
                MapFlags::SHARED,
                fd,
                0,
            )
        }
        .map_err(QueueError::system("map a memory file"))?;
        let base = NonNull::new(base.cast::<u8>()).ok_or_else(|| QueueError::System {
            operation: "map a memory file",
            source: io::ErrorKind::AddrNotAvailable.into(),
        })?;
        Ok(Self { base, len })
    }

    pub(crate) const fn base(&self) -> *const u8 {
        self.base.as_ptr()
    }

    /// The word at byte `offset`.
    ///
    /// # Panics
    /// Where the offset is outside the mapping or not a multiple of 8: offsets are constants of the layout.
    #[inline(always)]
    pub(crate) fn word(&self, offset: usize) -> &AtomicU64 {
        assert!(offset.is_multiple_of(8) && offset + 8 <= self.len);
        // SAFETY: in bounds and aligned as just checked (mappings begin at a page); the memory lives as long as
        // `self`, and everybody reaches it as 8-byte atomics. Read-only mappings are only loaded from: the callers
        // that store are `Publisher`, `TableWriter` and `PositionWriter`, whose mappings are writable.
        unsafe { &*self.base.as_ptr().add(offset).cast::<AtomicU64>() }
    }

    /// So many words from byte `offset` on.
    ///
    /// # Panics
    /// As [`Self::word`].
    #[inline(always)]
    pub(crate) fn words(&self, offset: usize, count: usize) -> &[AtomicU64] {
        assert!(offset.is_multiple_of(8) && offset + count * 8 <= self.len);
        // SAFETY: as for `word`, for each of the words.
        unsafe {
            std::slice::from_raw_parts(self.base.as_ptr().add(offset).cast::<AtomicU64>(), count)
        }
    }

    /// The word of 32 bits at byte `offset`: what a futex is. No word of 64 bits contains it.
    ///
    /// # Panics
    /// Where the offset is outside the mapping or not a multiple of 4: offsets are constants of the layout.
    pub(crate) fn futex(&self, offset: usize) -> &AtomicU32 {
        assert!(offset.is_multiple_of(4) && offset + 4 <= self.len);
        // SAFETY: as for `word`; the bytes of a futex are reached as this word alone.
        unsafe { &*self.base.as_ptr().add(offset).cast::<AtomicU32>() }
    }

    /// Makes every page exist now rather than at first touch.
    pub(crate) fn populate(&self, writable: bool) -> io::Result<()> {
        let advice = if writable {
            Advice::LinuxPopulateWrite
        } else {
            Advice::LinuxPopulateRead
        };
        // SAFETY: the range is this mapping; populating changes no content.
        unsafe { rustix::mm::madvise(self.base.as_ptr().cast(), self.len, advice) }
            .map_err(Into::into)
    }

    /// Keeps the pages in memory.
    pub(crate) fn lock(&self) -> io::Result<()> {
        // SAFETY: the range is this mapping; locking changes no content.
        unsafe { rustix::mm::mlock(self.base.as_ptr().cast(), self.len) }.map_err(Into::into)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range was mapped by `new`, and nobody can hold a reference into it: `word` ties them to `self`,
        // and `MappedRing` keeps the mapping alive through an `Arc`.
        let _ = unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), self.len) };
    }
}
