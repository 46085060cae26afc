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
    /// Maps `count` frames, on huge pages when asked for, where the system has reserved enough or the kernel makes some; else
    /// on ordinary ones.
    pub(super) fn map(count: usize, huge_pages: bool) -> io::Result<Self> {
        let bytes = count * FRAME_BYTES;
        let rounded = bytes.next_multiple_of(HUGE_PAGE_BYTES);
        let (start, mapped_bytes, huge) = match huge_pages.then(|| map(rounded, libc::MAP_HUGETLB))
        {
            Some(Ok(start)) => (start, rounded, true),
            // None reserved, or not enough.
            Some(Err(_)) => {
                let start = map_on_boundary(None, rounded)?;
                (start, rounded, collapse(start, rounded))
            }
            None => (map(bytes, 0)?, bytes, false),
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
                let start = map_on_boundary(Some(&file), rounded).ok()?;
                Some((file, start, rounded, true))
            });
        let (file, start, mapped_bytes, huge) = match huge {
            Some(huge) => huge,
            None => {
                let length = if huge_pages { rounded } else { bytes };
                let file = memory_file(length, false)?;
                let start = map_on_boundary(Some(&file), length)?;
                let huge = huge_pages && collapse(start, length);
                (file, start, length, huge)
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
            start: map_on_boundary(Some(&file), mapped_bytes)?,
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

/// Maps a memory file, or anonymous memory, every page present, from the boundary of a huge page on: without that no huge page
/// can be mapped as one.
fn map_on_boundary(file: Option<&OwnedFd>, bytes: usize) -> io::Result<NonNull<u8>> {
    let (sharing, fd) = match file {
        Some(file) => (libc::MAP_SHARED, file.as_raw_fd()),
        None => (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1),
    };
    let reserved = Reserved::new(bytes)?;
    // SAFETY: takes the place of a part of our own reservation, into which nothing leads.
    let start = unsafe {
        libc::mmap(
            reserved.boundary().cast(),
            bytes,
            libc::PROT_READ | libc::PROT_WRITE,
            sharing | libc::MAP_FIXED | libc::MAP_POPULATE,
            fd,
            0,
        )
    };
    if start == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    reserved.keep_only(bytes);
    NonNull::new(start.cast()).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}

/// Addresses, so many that a boundary of huge pages and some bytes behind it are among them. Given back on drop.
struct Reserved {
    start: *mut u8,
    bytes: usize,
}

impl Reserved {
    fn new(bytes: usize) -> io::Result<Self> {
        let bytes = bytes + HUGE_PAGE_BYTES;
        // SAFETY: a new mapping at an address of the kernel's choice touches no existing memory.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                bytes,
                libc::PROT_NONE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Self {
            start: start.cast(),
            bytes,
        })
    }

    /// How many bytes lie in front of the first boundary.
    fn before(&self) -> usize {
        self.start.addr().next_multiple_of(HUGE_PAGE_BYTES) - self.start.addr()
    }

    fn boundary(&self) -> *mut u8 {
        self.start.wrapping_add(self.before())
    }

    /// Gives back what is not of the `bytes` behind the boundary, on whole pages, which are somebody's now.
    fn keep_only(self, bytes: usize) {
        let (before, kept) = (self.before(), bytes.next_multiple_of(FRAME_BYTES));
        let behind = self.bytes.saturating_sub(before + kept);
        let end = self.start.wrapping_add(before + kept);
        for (start, bytes) in [(self.start, before), (end, behind)] {
            if bytes > 0 {
                // SAFETY: a part of our own reservation, into which nothing leads.
                unsafe { libc::munmap(start.cast(), bytes) };
            }
        }
        std::mem::forget(self);
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        // SAFETY: our own reservation, into which nothing leads.
        unsafe { libc::munmap(self.start.cast(), self.bytes) };
    }
}

/// Has the kernel put memory whose pages are all present on huge ones, whatever it is set to do by itself (`MADV_COLLAPSE`,
/// Linux 6.1), and says whether all of it is. Where the kernel cannot, the memory serves as it is.
fn collapse(start: NonNull<u8>, bytes: usize) -> bool {
    // SAFETY: our own mapping; what it holds stays as it is.
    unsafe { libc::madvise(start.as_ptr().cast(), bytes, libc::MADV_COLLAPSE) == 0 }
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
    /// Where this machine has huge pages, reserved or made, and where it has none.
    #[test]
    fn frames_on_huge_pages_if_there_are_any_are_the_same_memory_for_both() {
        const COUNT: usize = 600;
        let mine = Frames::share(COUNT, true).unwrap();
        let file = mine.file().unwrap().try_clone_to_owned().unwrap();
        let theirs = Frames::adopt(file, COUNT, mine.huge()).unwrap();
        let alone = Frames::map(COUNT, true).unwrap();
        let last = COUNT * FRAME_BYTES - 1;
        for frames in [&mine, &theirs, &alone] {
            assert_eq!(frames.bytes(), COUNT * FRAME_BYTES);
            if frames.huge() {
                assert_eq!(frames.start().addr() % HUGE_PAGE_BYTES, 0);
            }
        }
        // SAFETY: all mappings have `COUNT` frames, and no kernel knows them.
        unsafe {
            mine.start().add(last).write(7);
            assert_eq!(theirs.start().add(last).read(), 7);
            alone.start().add(last).write(8);
            assert_eq!(mine.start().add(last).read(), 7);
        }
        println!("huge pages: {}", mine.huge());
    }
}
