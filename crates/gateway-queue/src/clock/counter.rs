//! The clocks underneath: the processor's counter and the system's wall clock.

use rustix::time::{ClockId, clock_gettime};

/// The wall clock in nanoseconds since the Unix epoch.
pub(super) fn realtime_ns() -> u64 {
    let time = clock_gettime(ClockId::Realtime);
    (time.tv_sec as u64)
        .wrapping_mul(1_000_000_000)
        .wrapping_add(time.tv_nsec as u64)
}

/// Readings of counter and wall clock at the same moment, as nearly as eight tries allow.
#[cfg(target_arch = "x86_64")]
pub(super) fn simultaneous() -> (u64, u64) {
    // SAFETY: every x86-64 processor has the instruction, and Linux leaves it enabled.
    let ticks = || unsafe { core::arch::x86_64::_rdtsc() };
    let mut best = (u64::MAX, 0, 0);
    for _ in 0..8 {
        let before = ticks();
        let realtime = realtime_ns();
        let width = ticks().wrapping_sub(before);
        if width < best.0 {
            best = (width, before.wrapping_add(width / 2), realtime);
        }
    }
    (best.1, best.2)
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) fn simultaneous() -> (u64, u64) {
    let now = realtime_ns();
    (now, now)
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
