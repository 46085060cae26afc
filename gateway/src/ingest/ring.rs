//! The two rings of a receiving AF_XDP socket, over the memory that the kernel shares with us.
//!
//! The layout and the protocol are those of `include/uapi/linux/if_xdp.h` and `net/xdp/xsk_queue.h`: free-running
//! 32-bit positions, masked by the ring's power-of-two size. Of each ring we are one side and the kernel is the other:
//! we produce the FILL ring and consume the RX ring. Each position has one writer; the other side's is cached and read
//! again only when the cache says "full" or "empty".

use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use super::prefetch::prefetch;

/// `XDP_RING_NEED_WAKEUP` of the ring's flags.
const NEED_WAKEUP: u32 = libxdp_sys::XDP_RING_NEED_WAKEUP;

/// One received packet: `struct xdp_desc`.
pub(super) type Descriptor = libxdp_sys::xdp_desc;

/// Where the kernel put a ring.
#[derive(Debug)]
struct Shared<T> {
    producer: NonNull<AtomicU32>,
    consumer: NonNull<AtomicU32>,
    flags: NonNull<AtomicU32>,
    entries: NonNull<T>,
    size: u32,
}

impl<T> Shared<T> {
    fn producer(&self) -> &AtomicU32 {
        // SAFETY: by the constructors' contract the pointer is valid and aligned as long as the ring lives.
        unsafe { self.producer.as_ref() }
    }

    fn consumer(&self) -> &AtomicU32 {
        // SAFETY: as in `producer`.
        unsafe { self.consumer.as_ref() }
    }

    fn flags(&self) -> &AtomicU32 {
        // SAFETY: as in `producer`.
        unsafe { self.flags.as_ref() }
    }

    /// The entry at a free-running position.
    fn entry(&self, position: u32) -> NonNull<T> {
        // SAFETY: by the constructors' contract there are `size` entries, a power of two, so the masked index is one
        // of them.
        unsafe { self.entries.add((position & (self.size - 1)) as usize) }
    }
}

/// The FILL ring: frames that we lend to the kernel for the packets to come.
#[derive(Debug)]
pub(super) struct FillRing {
    shared: Shared<u64>,
    /// Our position: frames offered since the start.
    produced: u32,
    /// The kernel's position when we last looked, plus the size: up to here we may write.
    limit: u32,
}

/// The RX ring: packets that the kernel hands to us.
#[derive(Debug)]
pub(super) struct RxRing {
    shared: Shared<Descriptor>,
    /// Our position: packets taken since the start.
    consumed: u32,
    /// The kernel's position when we last looked.
    available: u32,
}

// SAFETY: a ring is plain shared memory and has one owner on our side; the pointers carry no tie to a thread.
unsafe impl Send for FillRing {}
// SAFETY: as for `FillRing`.
unsafe impl Send for RxRing {}

impl FillRing {
    /// Takes over the producer's side of an empty FILL ring.
    ///
    /// # Safety
    ///
    /// `ring` was filled in by `xsk_umem__create`: its pointers lead into a mapping of `size` entries that outlives the
    /// returned value, nobody else writes its producer position, and nothing was produced yet.
    pub(super) unsafe fn new(ring: &libxdp_sys::xsk_ring_prod) -> Option<Self> {
        Some(Self {
            shared: Shared {
                producer: NonNull::new(ring.producer.cast())?,
                consumer: NonNull::new(ring.consumer.cast())?,
                flags: NonNull::new(ring.flags.cast())?,
                entries: NonNull::new(ring.ring.cast())?,
                size: ring.size,
            },
            produced: 0,
            limit: ring.size,
        })
    }

    /// Takes over the producer's side of a FILL ring that another process has filled and let go of.
    ///
    /// # Safety
    ///
    /// As [`new`](Self::new), but that frames may have been offered.
    pub(super) unsafe fn resume(ring: &libxdp_sys::xsk_ring_prod) -> Option<Self> {
        // SAFETY: by this function's contract; what it takes for nothing produced is set right below.
        let mut fill = unsafe { Self::new(ring) }?;
        // Relaxed: nobody else writes it, and what was written before came with a message.
        fill.produced = fill.shared.producer().load(Ordering::Relaxed);
        // Acquire pairs with the kernel's release, as in `refill`.
        fill.limit = fill
            .shared
            .consumer()
            .load(Ordering::Acquire)
            .wrapping_add(fill.shared.size);
        Some(fill)
    }

    /// Offers frames from the end of `free`, as many as there is room for, and tells the kernel.
    #[inline]
    pub(super) fn refill(&mut self, free: &mut Vec<u64>) {
        if free.is_empty() {
            return;
        }
        let mut room = self.limit.wrapping_sub(self.produced);
        if (room as usize) < free.len() {
            // Acquire pairs with the kernel's release of the consumer position (`xskq_cons_release`): it has read the
            // entries before it, so that we may overwrite them.
            self.limit = self
                .shared
                .consumer()
                .load(Ordering::Acquire)
                .wrapping_add(self.shared.size);
            room = self.limit.wrapping_sub(self.produced);
        }
        let count = (room as usize).min(free.len());
        if count == 0 {
            // Nothing to tell: a store would take the cache line from the kernel in every empty poll.
            return;
        }
        for frame in free.drain(free.len() - count..) {
            // SAFETY: the position is between the kernel's and its plus the size, so the kernel does not read this
            // entry until the store below, and nobody else writes it.
            unsafe { self.shared.entry(self.produced).write(frame) };
            self.produced = self.produced.wrapping_add(1);
        }
        // Release pairs with the kernel's acquire of the producer position (`xskq_cons_peek_addr_unchecked` and kin):
        // it sees the entries written above.
        self.shared
            .producer()
            .store(self.produced, Ordering::Release);
    }

    /// The frame that the kernel takes next, if it has one; of a device that takes frames before there are packets, one
    /// of those to come.
    #[inline]
    pub(super) fn next_taken(&self) -> Option<u64> {
        // Acquire as in `refill`, although nothing is written upon it.
        let taken = self.shared.consumer().load(Ordering::Acquire);
        // A position that is not of the last `size` cannot come from a sane kernel.
        let offered = self.produced.wrapping_sub(taken);
        if offered == 0 || offered > self.shared.size {
            return None;
        }
        // SAFETY: this entry was written before the ring's position went past it, by us or by whom we resumed from, and is
        // written again only in `refill`, which has the ring to itself; the kernel only reads.
        Some(unsafe { self.shared.entry(taken).read() })
    }

    /// Whether the kernel asks to be woken to go on receiving. Relaxed: a hint, looked at again in the next poll.
    #[inline]
    pub(super) fn needs_wakeup(&self) -> bool {
        self.shared.flags().load(Ordering::Relaxed) & NEED_WAKEUP != 0
    }
}

impl RxRing {
    /// Takes over the consumer's side of an RX ring.
    ///
    /// # Safety
    ///
    /// `ring` was filled in by `xsk_socket__create`: its pointers lead into a mapping of `size` entries that outlives
    /// the returned value, and nobody else writes its consumer position.
    pub(super) unsafe fn new(ring: &libxdp_sys::xsk_ring_cons) -> Option<Self> {
        let shared = Shared {
            producer: NonNull::new(ring.producer.cast())?,
            consumer: NonNull::new(ring.consumer.cast())?,
            flags: NonNull::new(ring.flags.cast())?,
            entries: NonNull::new(ring.ring.cast())?,
            size: ring.size,
        };
        // Relaxed: our own position.
        let consumed = AtomicU32::load(shared.consumer(), Ordering::Relaxed);
        Some(Self {
            shared,
            consumed,
            available: consumed,
        })
    }

    /// How many packets can be taken now, at most `limit`.
    #[inline]
    pub(super) fn ready(&mut self, limit: u32) -> u32 {
        let ready = self.available.wrapping_sub(self.consumed);
        if ready != 0 {
            return ready.min(limit);
        }
        // Acquire pairs with the kernel's release of the producer position (`xskq_prod_submit`): the descriptors, and
        // the packets that they describe, are written.
        self.available = self.shared.producer().load(Ordering::Acquire);
        // A position further ahead than the ring is long cannot come from a sane kernel: believe none of it.
        let ready = self.available.wrapping_sub(self.consumed);
        if ready > self.shared.size {
            self.available = self.consumed;
            return 0;
        }
        ready.min(limit)
    }

    /// Has the processor fetch the next entry, ready or not.
    #[inline]
    pub(super) fn prefetch_next(&self) {
        prefetch(self.shared.entry(self.consumed).as_ptr().cast());
    }

    /// Takes the next packet, if one is ready by the last [`RxRing::ready`]. Its entry is the kernel's again with the
    /// next [`RxRing::release`].
    #[inline]
    pub(super) fn take(&mut self) -> Option<Descriptor> {
        if self.consumed == self.available {
            return None;
        }
        // SAFETY: entries between our position and the kernel's are ours to read until we release them.
        let descriptor = unsafe { self.shared.entry(self.consumed).read() };
        self.consumed = self.consumed.wrapping_add(1);
        Some(descriptor)
    }

    /// Gives the entries taken so far back to the kernel.
    #[inline]
    pub(super) fn release(&self) {
        // Release pairs with the kernel's acquire of the consumer position (`xskq_prod_reserve`): our reads of the
        // entries happen before it writes them again.
        self.shared
            .consumer()
            .store(self.consumed, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const SIZE: u32 = 8;

    /// Memory that stands in for the kernel's, and the kernel's side of it.
    struct Fake<T> {
        positions: Box<[AtomicU32; 3]>,
        entries: Box<[std::cell::UnsafeCell<T>]>,
    }

    impl<T: Copy + Default> Fake<T> {
        fn new(start: u32) -> Self {
            let at = || AtomicU32::new(start);
            Self {
                positions: Box::new([at(), at(), AtomicU32::new(0)]),
                entries: (0..SIZE).map(|_| T::default().into()).collect(),
            }
        }

        fn pointers(&self) -> ([*mut u32; 3], *mut std::ffi::c_void) {
            let position = |n: usize| self.positions[n].as_ptr();
            (
                [position(0), position(1), position(2)],
                self.entries.as_ptr().cast_mut().cast(),
            )
        }

        fn entry(&self, position: u32) -> *mut T {
            self.entries[(position % SIZE) as usize].get()
        }
    }

    fn fill_ring(fake: &Fake<u64>) -> FillRing {
        let ([producer, consumer, flags], ring) = fake.pointers();
        let c = libxdp_sys::xsk_ring_prod {
            cached_prod: 0,
            cached_cons: SIZE,
            mask: SIZE - 1,
            size: SIZE,
            producer,
            consumer,
            ring,
            flags,
        };
        // SAFETY: the fake outlives the ring in each test, and has `SIZE` entries.
        unsafe { FillRing::new(&c) }.unwrap()
    }

    fn rx_ring(fake: &Fake<[u64; 2]>) -> RxRing {
        let ([producer, consumer, flags], ring) = fake.pointers();
        let c = libxdp_sys::xsk_ring_cons {
            cached_prod: 0,
            cached_cons: 0,
            mask: SIZE - 1,
            size: SIZE,
            producer,
            consumer,
            ring,
            flags,
        };
        // SAFETY: as in `fill_ring`; two `u64` are as large and aligned as a descriptor.
        unsafe { RxRing::new(&c) }.unwrap()
    }

    #[test]
    fn fill_offers_what_fits_and_the_rest_when_the_kernel_has_taken_some() {
        let fake = Fake::new(0);
        let mut ring = fill_ring(&fake);
        let mut free: Vec<u64> = (0..12).collect();
        ring.refill(&mut free);
        assert_eq!(
            (free.len(), fake.positions[0].load(Ordering::Relaxed)),
            (4, SIZE)
        );
        ring.refill(&mut free);
        assert_eq!(free.len(), 4, "full until the kernel takes some");
        fake.positions[1].store(3, Ordering::Relaxed);
        ring.refill(&mut free);
        assert_eq!(
            (free.len(), fake.positions[0].load(Ordering::Relaxed)),
            (1, SIZE + 3)
        );
        // Every frame is in the ring once, or still free.
        let mut frames: Vec<u64> = free;
        // SAFETY: nobody writes the fake's entries now.
        frames.extend((3..SIZE + 3).map(|position| unsafe { *fake.entry(position) }));
        frames.extend([4, 5, 6]);
        frames.sort_unstable();
        assert_eq!(frames, (0..12).collect::<Vec<_>>());
    }

    #[test]
    fn fill_tells_which_frame_comes_next_and_none_where_there_is_none() {
        // Across the wrap of the positions, in a ring that another process began.
        let start = u32::MAX - 1;
        let fake = Fake::new(start);
        let mut ring = fill_ring(&fake);
        ring.produced = start;
        ring.limit = start.wrapping_add(SIZE);
        assert_eq!(ring.next_taken(), None);
        ring.refill(&mut vec![30, 20, 10]);
        for (taken, expected) in [(0, Some(30)), (2, Some(10)), (3, None), (4, None)] {
            let position = start.wrapping_add(taken);
            fake.positions[1].store(position, Ordering::Relaxed);
            assert_eq!(ring.next_taken(), expected, "{taken} taken");
        }
    }

    #[test]
    fn fill_reports_the_kernels_wish_to_be_woken() {
        let fake = Fake::<u64>::new(0);
        let ring = fill_ring(&fake);
        assert!(!ring.needs_wakeup());
        fake.positions[2].store(NEED_WAKEUP, Ordering::Relaxed);
        assert!(ring.needs_wakeup());
    }

    #[test]
    fn rx_hands_out_every_packet_once_in_order_across_the_wrap_of_its_positions() {
        let start = u32::MAX - 5;
        let fake = Fake::<[u64; 2]>::new(start);
        let mut ring = rx_ring(&fake);
        assert_eq!(ring.ready(64), 0);
        let (mut produced, mut expected) = (0_u32, 0_u64);
        for burst in [3, 8, 1, 5, 8, 2] {
            for _ in 0..burst {
                // SAFETY: the ring does not read this entry before the store below.
                unsafe {
                    *fake.entry(start.wrapping_add(produced)) = [u64::from(produced) * 4096, 60]
                };
                produced += 1;
            }
            fake.positions[0].store(start.wrapping_add(produced), Ordering::Relaxed);
            loop {
                let ready = ring.ready(4);
                if ready == 0 {
                    break;
                }
                for _ in 0..ready {
                    assert_eq!(ring.take().unwrap().addr, expected * 4096);
                    expected += 1;
                }
                ring.release();
            }
            assert!(ring.take().is_none());
            assert_eq!(u64::from(produced), expected);
            assert_eq!(
                fake.positions[1].load(Ordering::Relaxed),
                start.wrapping_add(produced)
            );
        }
    }
}
