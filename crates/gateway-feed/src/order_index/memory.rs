//! The memory of an index: zeroed, present, on large pages where there are any.

use std::io;

use memmap2::{Advice, MmapMut, MmapOptions};

use super::bucket::{Bucket, Key};
use super::{OrderIndexError, PROBES_MAX};

/// Binary logarithm of the huge pages asked for (2 MiB).
const HUGE_PAGE_BITS: u8 = 21;
/// Smallest page that a machine has.
const PAGE: usize = 4096;
/// Bits of a tag.
const TAG_BITS: u32 = 32;
/// 2⁶⁴ divided by the golden ratio: spreads references that count up as evenly as can be.
pub(super) const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// What the memory of an index is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backing {
    /// Huge pages that the system had reserved.
    HugePages,
    /// Ordinary pages that the kernel was asked to make huge ones.
    TransparentHugePages,
    /// Ordinary pages.
    OrdinaryPages,
}

/// The buckets of an index.
#[derive(Debug)]
pub(super) struct Buckets {
    memory: MmapMut,
    total: usize,
    /// References below two to the power of this are narrow.
    narrow_bits: u32,
    /// What spreads narrow references, see [`home`](Self::home).
    narrow_multiplier: u64,
    backing: Backing,
}

impl Buckets {
    /// `buckets` of them, all empty: a multiple of [`PROBES_MAX`].
    pub(super) fn new(buckets: u64) -> Result<Self, OrderIndexError> {
        debug_assert!(buckets.is_multiple_of(PROBES_MAX as u64));
        let total = buckets as usize;
        let bytes = total * size_of::<Bucket>();
        let (memory, backing) = map(bytes).map_err(|source| OrderIndexError::Memory {
            bytes: bytes as u64,
            source,
        })?;
        let narrow_bits = TAG_BITS + buckets.ilog2();
        let unused = u64::BITS - narrow_bits;
        Ok(Self {
            memory,
            total,
            narrow_bits,
            narrow_multiplier: (GOLDEN >> unused | 1) << unused,
            backing,
        })
    }

    pub(super) const fn bytes(&self) -> u64 {
        (self.total * size_of::<Bucket>()) as u64
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) const fn total(&self) -> usize {
        self.total
    }

    pub(super) const fn backing(&self) -> Backing {
        self.backing
    }

    /// Where an order of that reference belongs, below the number of buckets, and what tells it from the others that
    /// belong there.
    ///
    /// A narrow reference of `b` bits is multiplied by an odd number modulo 2ᵇ, which no two references share a product
    /// of, and the range of the products is divided among the buckets. The tag is how far into its bucket's share a
    /// product lies, in steps of 2⁻³² of the range: products differ by one or more, that is by `total` such steps' worth
    /// or more, and `total` is at least 2ᵇ⁻³². So bucket and tag together are as good as the reference.
    #[inline(always)]
    pub(super) fn home(&self, reference: u64) -> (usize, Key) {
        let (home, tag) = self.narrow(reference);
        let key = if self.is_narrow(reference) {
            Key::Narrow(tag)
        } else {
            Key::Wide(reference)
        };
        (home, key)
    }

    /// The home of an order, and its tag if the reference is narrow.
    #[inline(always)]
    pub(super) fn narrow(&self, reference: u64) -> (usize, u32) {
        // The product modulo 2ᵇ, shifted to the top of the word; of a wide reference, only the narrow bits count.
        let product = u128::from(reference.wrapping_mul(self.narrow_multiplier));
        let share = product * self.total as u128;
        ((share >> 64) as usize, (share >> 32) as u32)
    }

    #[inline(always)]
    pub(super) const fn is_narrow(&self, reference: u64) -> bool {
        reference >> self.narrow_bits == 0
    }

    #[inline(always)]
    pub(super) fn get(&self, bucket: usize) -> &Bucket {
        debug_assert!(bucket < self.total);
        // SAFETY: callers name a home, or one of which only bits below `PROBES_MAX` differ; there is a multiple of that
        // many buckets, so this one lies in the mapping, which begins on a page and so is aligned for it. Any bytes are
        // a valid `Bucket`. The mapping is private and borrowed as `self` is.
        unsafe { &*self.memory.as_ptr().cast::<Bucket>().add(bucket) }
    }

    #[inline(always)]
    pub(super) fn get_mut(&mut self, bucket: usize) -> &mut Bucket {
        debug_assert!(bucket < self.total);
        // SAFETY: as for `get`; `self` is borrowed mutably.
        unsafe { &mut *self.memory.as_mut_ptr().cast::<Bucket>().add(bucket) }
    }

    #[inline(always)]
    pub(super) fn prefetch(&self, reference: u64) {
        self.prefetch_bucket(self.narrow(reference).0);
    }

    #[inline(always)]
    pub(super) fn prefetch_bucket(&self, bucket: usize) {
        let bucket: *const Bucket = self.get(bucket);
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a prefetch of an address changes nothing that a program can see.
        unsafe {
            std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(bucket.cast());
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = bucket;
    }

    /// Empties everything.
    pub(super) fn wipe(&mut self) {
        self.memory.fill(0);
    }
}

/// `bytes` of zeros, every page present, on the largest pages that the system gives.
fn map(bytes: usize) -> io::Result<(MmapMut, Backing)> {
    let huge = 1 << HUGE_PAGE_BITS;
    if bytes >= huge {
        let reserved = MmapOptions::new()
            .len(bytes.next_multiple_of(huge))
            .huge(Some(HUGE_PAGE_BITS))
            .populate()
            .map_anon();
        if let Ok(memory) = reserved {
            return Ok((memory, Backing::HugePages));
        }
    }
    let mut memory = MmapOptions::new().len(bytes).map_anon()?;
    // A wish: a kernel without transparent huge pages gives ordinary ones.
    let transparent = bytes >= huge && memory.advise(Advice::HugePage).is_ok();
    // Writing to each page makes it present. Kernels from 5.14 do it in one call; memory that is short shows here.
    if memory.advise(Advice::PopulateWrite).is_err() {
        for page in memory.chunks_mut(PAGE) {
            // Volatile, so that storing what is there already is not left out.
            // SAFETY: a chunk is not empty, and the reference is the only one to it.
            unsafe { std::ptr::write_volatile(page.as_mut_ptr(), 0) };
        }
    }
    let backing = if transparent {
        Backing::TransparentHugePages
    } else {
        Backing::OrdinaryPages
    };
    Ok((memory, backing))
}
