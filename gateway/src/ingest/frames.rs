//! The memory that the kernel or the NIC writes packets into, cut into frames of equal size.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;

use super::prefetch::prefetch;

/// Bytes of one frame. Some drivers need a page; smaller ones gain nothing but memory (mlx5, idpf, and others refuse
/// sizes that are no power of two, or above a page).
pub(super) const FRAME_BYTES: usize = 4096;

const HUGE_PAGE_BYTES: usize = 2 << 20;
/// Where the kernel puts a packet that it copies into a frame (linux/bpf.h, `XDP_PACKET_HEADROOM`).
const HEADROOM_BYTES: usize = 256;
const CACHE_LINE_BYTES: usize = 64;
/// The line before the packet, which has its stamp, that of its headers, and one of its payload; further ones the processor
/// fetches by itself once it sees these read.
const PREFETCHED_LINES: usize = 3;

/// A mapping of whole frames, unmapped on drop.
#[derive(Debug)]
pub(super) struct Frames {
    start: NonNull<u8>,
    bytes: usize,
    mapped_bytes: usize,
    huge: bool,
    /// The memory file that holds them, where another process maps them, too.
    file: Option<OwnedFd>,
}

// SAFETY: plain memory with one owner on our side; which frames the kernel may write is settled by the rings.
unsafe impl Send for Frames {}

impl Frames {
    /// Maps `count` frames, from huge pages when asked for and the system has enough, else from ordinary ones.
    pub(super) fn map(count: usize, huge_pages: bool) -> io::Result<Self> {
        let bytes = count * FRAME_BYTES;
        let rounded = bytes.next_multiple_of(HUGE_PAGE_BYTES);
        let (start, mapped_bytes, huge) = match huge_pages.then(|| map(rounded, libc::MAP_HUGETLB))
        {
            Some(Ok(start)) => (start, rounded, true),
            // None reserved, or not enough: ordinary pages serve.
            Some(Err(_)) | None => (map(bytes, 0)?, bytes, false),
        };
        let frames = Self {
            start,
            bytes,
            mapped_bytes,
            huge,
            file: None,
        };
        frames.keep_from_children();
        Ok(frames)
    }

    /// As [`map`](Self::map), in a memory file that another process can [`adopt`](Self::adopt).
    pub(super) fn share(count: usize, huge_pages: bool) -> io::Result<Self> {
        let bytes = count * FRAME_BYTES;
        let rounded = bytes.next_multiple_of(HUGE_PAGE_BYTES);
        let huge = huge_pages
            .then(|| memory_file(rounded, true))
            .and_then(|file| {
                let file = file.ok()?;
                let start = map_file(&file, rounded).ok()?;
                Some((file, start, rounded, true))
            });
        let (file, start, mapped_bytes, huge) = match huge {
            Some(huge) => huge,
            None => {
                let file = memory_file(bytes, false)?;
                let start = map_file(&file, bytes)?;
                (file, start, bytes, false)
            }
        };
        let frames = Self {
            start,
            bytes,
            mapped_bytes,
            huge,
            file: Some(file),
        };
        frames.keep_from_children();
        Ok(frames)
    }

    /// Maps the frames that another process has made and registered.
    pub(super) fn adopt(file: OwnedFd, count: usize, huge: bool) -> io::Result<Self> {
        let bytes = count * FRAME_BYTES;
        let mapped_bytes = if huge {
            bytes.next_multiple_of(HUGE_PAGE_BYTES)
        } else {
            bytes
        };
        // A file that is shorter than its mapping ends in SIGBUS.
        let there = rustix::fs::fstat(&file)?.st_size;
        if u64::try_from(there).unwrap_or(0) < mapped_bytes as u64 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let frames = Self {
            start: map_file(&file, mapped_bytes)?,
            bytes,
            mapped_bytes,
            huge,
            file: Some(file),
        };
        frames.keep_from_children();
        Ok(frames)
    }

    /// The memory file, where there is one.
    pub(super) fn file(&self) -> Option<BorrowedFd<'_>> {
        self.file.as_ref().map(AsFd::as_fd)
    }

    fn keep_from_children(&self) {
        // A child would get copies of pages that the kernel has pinned for the NIC. Failure costs nothing but that.
        // SAFETY: the range is our own mapping.
        unsafe {
            libc::madvise(
                self.start.as_ptr().cast(),
                self.mapped_bytes,
                libc::MADV_DONTFORK,
            );
        }
    }

    pub(super) fn start(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether huge pages hold the frames.
    pub(super) fn huge(&self) -> bool {
        self.huge
    }

    /// Offsets of all frames.
    pub(super) fn offsets(&self) -> impl Iterator<Item = u64> + use<> {
        (0..self.bytes as u64).step_by(FRAME_BYTES)
    }

    /// Has the processor fetch what is read first of a packet that the kernel copies into the frame at offset `frame`, be it
    /// there or not. Any offset may come.
    #[inline]
    pub(super) fn prefetch(&self, frame: u64) {
        let first = (frame as usize).wrapping_add(HEADROOM_BYTES - CACHE_LINE_BYTES);
        for line in 0..PREFETCHED_LINES {
            let at = first.wrapping_add(line * CACHE_LINE_BYTES);
            prefetch(self.start.as_ptr().wrapping_add(at));
        }
    }

    /// The packet of `length` bytes at offset `address`, with what precedes it in its frame; nothing if it does not lie
    /// within one frame.
    ///
    /// # Safety
    ///
    /// The frame is ours: the kernel returned it on the RX ring and it was not offered again.
    #[inline]
    pub(super) unsafe fn packet(
        &mut self,
        address: u64,
        length: u32,
    ) -> Option<(&mut [u8], &[u8])> {
        let address = usize::try_from(address)
            .ok()
            .filter(|&address| address < self.bytes)?;
        let frame = frame_of(address);
        let length = length as usize;
        if address + length > frame + FRAME_BYTES {
            return None;
        }
        // SAFETY: checked above to lie within the mapping, and the two parts do not overlap; by this function's
        // contract nobody else accesses the frame.
        unsafe {
            let before =
                std::slice::from_raw_parts_mut(self.start.add(frame).as_ptr(), address - frame);
            let packet = std::slice::from_raw_parts(self.start.add(address).as_ptr(), length);
            Some((before, packet))
        }
    }
}

/// The offset of the frame that an offset lies in.
#[inline]
pub(super) const fn frame_of(address: usize) -> usize {
    address & !(FRAME_BYTES - 1)
}

impl Drop for Frames {
    fn drop(&mut self) {
        // SAFETY: the range is our own mapping, and no reference into it outlives `self`.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.mapped_bytes) };
    }
}

fn map(bytes: usize, flags: libc::c_int) -> io::Result<NonNull<u8>> {
    // SAFETY: a new anonymous mapping at an address of the kernel's choice touches no existing memory.
    let start = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            bytes,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE | flags,
            -1,
            0,
        )
    };
    if start == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    NonNull::new(start.cast()).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}

/// A memory file of this size that nobody can make shorter.
fn memory_file(bytes: usize, huge: bool) -> io::Result<OwnedFd> {
    use rustix::fs::{MemfdFlags, SealFlags};
    let mut flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    if huge {
        flags |= MemfdFlags::HUGETLB;
    }
    let file = rustix::fs::memfd_create("gateway packets", flags)?;
    rustix::fs::ftruncate(&file, bytes as u64)?;
    rustix::fs::fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    Ok(file)
}

fn map_file(file: &OwnedFd, bytes: usize) -> io::Result<NonNull<u8>> {
    // SAFETY: a new mapping at an address of the kernel's choice touches no existing memory.
    let start = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            bytes,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_POPULATE,
            file.as_raw_fd(),
            0,
        )
    };
    if start == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    NonNull::new(start.cast()).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_packet_is_found_only_within_one_frame_of_the_mapping() {
        let mut frames = Frames::map(4, false).unwrap();
        assert_eq!(frames.offsets().collect::<Vec<_>>(), [0, 4096, 8192, 12288]);
        // SAFETY: no kernel knows these frames.
        let mut lengths = |address, length| unsafe {
            frames
                .packet(address, length)
                .map(|(before, packet)| (before.len(), packet.len()))
        };
        assert_eq!(lengths(4096 + 256, 1500), Some((256, 1500)));
        assert_eq!(lengths(4096 + 256, 4096 - 256), Some((256, 4096 - 256)));
        assert_eq!(lengths(4096 + 256, 4096 - 255), None);
        assert_eq!(lengths(12288, 4096), Some((0, 4096)));
        assert_eq!(lengths(16384, 1), None);
        assert_eq!(lengths(u64::MAX, 1), None);
    }

    #[test]
    fn shared_frames_are_the_same_memory_and_a_short_file_is_refused() {
        let mine = Frames::share(4, false).unwrap();
        let file = || mine.file().unwrap().try_clone_to_owned().unwrap();
        let theirs = Frames::adopt(file(), 4, false).unwrap();
        // SAFETY: both mappings have four frames, and no kernel knows them.
        unsafe {
            mine.start().add(5000).write(7);
            assert_eq!(theirs.start().add(5000).read(), 7);
        }
        assert!(Frames::adopt(file(), 5, false).is_err());
        assert!(rustix::fs::ftruncate(file(), 0).is_err(), "it is sealed");
    }
}
