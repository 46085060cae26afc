//! The memory that the kernel or the NIC writes packets into, cut into frames of equal size.

use std::io;
use std::ptr::NonNull;

/// Bytes of one frame. Some drivers need a page; smaller ones gain nothing but memory (mlx5, idpf, and others refuse
/// sizes that are no power of two, or above a page).
pub(super) const FRAME_BYTES: usize = 4096;

const HUGE_PAGE_BYTES: usize = 2 << 20;

/// A mapping of whole frames, unmapped on drop.
#[derive(Debug)]
pub(super) struct Frames {
    start: NonNull<u8>,
    bytes: usize,
    mapped_bytes: usize,
    huge: bool,
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
        };
        // A child would get copies of pages that the kernel has pinned for the NIC. Failure costs nothing but that.
        // SAFETY: the range is our own mapping.
        unsafe { libc::madvise(start.as_ptr().cast(), mapped_bytes, libc::MADV_DONTFORK) };
        Ok(frames)
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
}
