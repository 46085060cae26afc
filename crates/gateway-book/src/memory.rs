//! Memory that is taken once: zeroed, every page present, on large pages where there are any.

use std::io;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use memmap2::{Advice, MmapMut, MmapOptions};

/// Binary logarithm of the huge pages asked for (2 MiB).
const HUGE_PAGE_BITS: u8 = 21;
/// Smallest page that a machine has.
const PAGE: usize = 4096;

/// Types of which all-zero bytes are a value, and that need no drop.
///
/// # Safety
/// The implementor is such a type, and its alignment is at most a page's.
pub(crate) unsafe trait Zeroed: Copy {}

// SAFETY: an integer.
unsafe impl Zeroed for u32 {}

/// A fixed number of `T`, all zero at first.
#[derive(Debug)]
pub(crate) struct Pages<T> {
    memory: MmapMut,
    total: usize,
    of: PhantomData<T>,
}

impl<T: Zeroed> Pages<T> {
    /// `total` of them; all memory is present when this returns.
    pub(crate) fn new(total: usize) -> io::Result<Self> {
        const { assert!(align_of::<T>() <= PAGE && size_of::<T>() > 0) };
        let bytes = total
            .max(1)
            .checked_mul(size_of::<T>())
            .ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self {
            memory: map(bytes)?,
            total,
            of: PhantomData,
        })
    }

    /// Bytes taken.
    pub(crate) const fn bytes(&self) -> u64 {
        (self.total * size_of::<T>()) as u64
    }

    /// Zeroes everything.
    pub(crate) fn wipe(&mut self) {
        self.memory.fill(0);
    }

    /// Asks the processor to fetch the cache line `line` of element `at`. Any numbers may come.
    #[inline(always)]
    pub(crate) fn prefetch(&self, at: usize, line: usize) {
        let address = self
            .memory
            .as_ptr()
            .wrapping_add(at.wrapping_mul(size_of::<T>()))
            .wrapping_add(line * 64);
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a prefetch of any address changes nothing that a program can see.
        unsafe {
            std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = address;
    }
}

impl<T: Zeroed> Deref for Pages<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        // SAFETY: the mapping holds `total` elements, begins on a page, which is aligned enough (checked in `new`), and
        // was zeroed or written through this type: `Zeroed` says that such bytes are values. Borrowed as `self` is.
        unsafe { std::slice::from_raw_parts(self.memory.as_ptr().cast(), self.total) }
    }
}

impl<T: Zeroed> DerefMut for Pages<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as for `deref`; the mapping is private and `self` is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.memory.as_mut_ptr().cast(), self.total) }
    }
}

/// `bytes` of zeros, every page present, on the largest pages that the system gives.
fn map(bytes: usize) -> io::Result<MmapMut> {
    let huge = 1 << HUGE_PAGE_BITS;
    if bytes >= huge {
        let reserved = MmapOptions::new()
            .len(bytes.next_multiple_of(huge))
            .huge(Some(HUGE_PAGE_BITS))
            .populate()
            .map_anon();
        if let Ok(memory) = reserved {
            return Ok(memory);
        }
    }
    let mut memory = MmapOptions::new().len(bytes).map_anon()?;
    if bytes >= huge {
        // A wish: a kernel without transparent huge pages gives ordinary ones.
        let _ = memory.advise(Advice::HugePage);
    }
    // Writing to each page makes it present. Kernels from 5.14 do it in one call; memory that is short shows here.
    if memory.advise(Advice::PopulateWrite).is_err() {
        for page in memory.chunks_mut(PAGE) {
            // Volatile, so that storing what is there already is not left out.
            // SAFETY: a chunk is not empty, and the reference is the only one to it.
            unsafe { std::ptr::write_volatile(page.as_mut_ptr(), 0) };
        }
    }
    Ok(memory)
}
