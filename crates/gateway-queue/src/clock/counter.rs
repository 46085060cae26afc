//! The clocks underneath: the processor's counter, the system's steady clock and its wall clock.

use rustix::time::{ClockId, clock_gettime};

/// The wall clock in nanoseconds since the Unix epoch.
pub(super) fn realtime_ns() -> u64 {
    nanoseconds(ClockId::Realtime)
}

/// The system's clock that nobody sets, in nanoseconds since the machine's start: that of the kernel's own stamps.
pub(super) fn monotonic_ns() -> u64 {
    nanoseconds(ClockId::Monotonic)
}

/// The same without what time daemons do to it; in nanoseconds since the machine's start.
pub(super) fn raw_ns() -> u64 {
    nanoseconds(ClockId::MonotonicRaw)
}

fn nanoseconds(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    (time.tv_sec as u64)
        .wrapping_mul(1_000_000_000)
        .wrapping_add(time.tv_nsec as u64)
}

/// The processor's counter; the system's steady clock on processors that have none.
#[inline(always)]
pub(super) fn tsc() -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 processor has the instruction, and Linux leaves it enabled.
    return unsafe { core::arch::x86_64::_rdtsc() };
    #[cfg(not(target_arch = "x86_64"))]
    monotonic_ns()
}

/// Readings of the counter and of another clock at the same moment, as nearly as some tries allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Simultaneous {
    /// The counter.
    pub ticks: u64,
    /// The other clock, in nanoseconds.
    pub ns: u64,
    /// In how many ticks the other clock was read.
    pub width_ticks: u64,
}

/// Reads the counter by `ticks` before and after `other`, eight times, and takes the closest.
pub(super) fn simultaneously<E>(
    ticks: impl Fn() -> u64,
    mut other: impl FnMut() -> Result<u64, E>,
) -> Result<Simultaneous, E> {
    let mut best = Simultaneous {
        width_ticks: u64::MAX,
        ..Simultaneous::default()
    };
    for _ in 0..8 {
        let before = ticks();
        let ns = other()?;
        let width_ticks = ticks().wrapping_sub(before);
        if width_ticks < best.width_ticks {
            best = Simultaneous {
                ticks: before.wrapping_add(width_ticks / 2),
                ns,
                width_ticks,
            };
        }
    }
    Ok(best)
}

/// Whether the time-stamp counter ticks at one rate whatever the processor does.
#[cfg(target_arch = "x86_64")]
pub(super) fn tsc_is_invariant() -> bool {
    use core::arch::x86_64::__cpuid;
    // Leaf 0x8000_0007, EDX bit 8: "Invariant TSC" (AMD APM vol. 3 E.4.6, Intel SDM vol. 3 §18.17.1).
    __cpuid(0x8000_0000).eax >= 0x8000_0007 && __cpuid(0x8000_0007).edx & (1 << 8) != 0
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) fn tsc_is_invariant() -> bool {
    false
}
