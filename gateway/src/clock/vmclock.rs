//! The hypervisor's clock page (`/dev/vmclock0`): the time by the processor's counter, and a mark that changes whenever
//! that was disrupted, by a migration or a restored snapshot.
//!
//! The layout is that of the specification UAPI.13 "VMClock", version 1.0. Whatever is in the page, nothing but wrong
//! numbers comes of it.

use std::fs::File;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use gateway_queue::clock::{Clock, Source};
use rustix::mm::{MapFlags, ProtFlags};

use super::OtherClock;

/// Its kind in metrics.
pub(super) const KIND: &str = "vmclock";
const DEVICE: &str = "vmclock0";
const BYTES: usize = 4096;
const MAGIC: u32 = 0x4b4c_4356;
/// Words of 8 bytes that are read, from the disruption marker on.
const WORDS: usize = 11;
const SEQUENCE_AT: usize = 0x0c;
const WORDS_AT: usize = 0x10;
/// An update takes the hypervisor no longer than so many looks.
const LOOKS_MAX: u32 = 1_000;

/// What the page says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct VmReading {
    /// Changes with each disruption.
    pub(super) marker: u64,
    /// The page's time minus the gateway's and its bound, in nanoseconds; `None` where the page has none to be relied upon.
    pub(super) time: Option<(i64, u64)>,
}

impl VmReading {
    /// As a clock beside the system's.
    pub(super) fn other(&self) -> Option<OtherClock> {
        self.time.map(|(offset_ns, bound_ns)| OtherClock {
            kind: KIND.to_owned(),
            device: DEVICE.to_owned(),
            offset_s: offset_ns as f64 / 1e9,
            error_bound_s: bound_ns as f64 / 1e9,
        })
    }
}

/// The page, mapped read-only.
#[derive(Debug)]
pub(super) struct VmClock {
    page: NonNull<u8>,
}

// SAFETY: memory that is reached as atomics only, and unmapped by `drop`, which has the value to itself.
unsafe impl Send for VmClock {}

impl VmClock {
    /// The machine's, if it has one that this process may read.
    pub(super) fn open() -> Option<Self> {
        Self::map(&Path::new("/dev").join(DEVICE))
    }

    fn map(path: &Path) -> Option<Self> {
        let file = File::open(path).ok()?;
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory that anybody has.
        let page = unsafe {
            rustix::mm::mmap(
                std::ptr::null_mut(),
                BYTES,
                ProtFlags::READ,
                MapFlags::SHARED,
                &file,
                0,
            )
        };
        let clock = Self {
            page: NonNull::new(page.ok()?.cast())?,
        };
        (clock.half_word(0).load(Ordering::Relaxed) == MAGIC).then_some(clock)
    }

    fn half_word(&self, offset: usize) -> &AtomicU32 {
        assert!(offset.is_multiple_of(4) && offset + 4 <= BYTES);
        // SAFETY: in bounds and aligned as just checked; the page is mapped while `self` lives and only loaded from.
        unsafe { &*self.page.as_ptr().add(offset).cast::<AtomicU32>() }
    }

    fn word(&self, offset: usize) -> &AtomicU64 {
        assert!(offset.is_multiple_of(8) && offset + 8 <= BYTES);
        // SAFETY: as for `half_word`.
        unsafe { &*self.page.as_ptr().add(offset).cast::<AtomicU64>() }
    }

    /// What the page says now, compared with `clock`.
    pub(super) fn read(&self, clock: &Clock) -> Option<VmReading> {
        let sequence = self.half_word(SEQUENCE_AT);
        // Counter and kind of time: they never change.
        let kinds = (self.half_word(0x08).load(Ordering::Relaxed) >> 16) as u16;
        for _ in 0..LOOKS_MAX {
            // Acquire: pairs with the hypervisor's barrier after what it wrote; odd while it writes.
            let before = sequence.load(Ordering::Acquire);
            let words: [u64; WORDS] = std::array::from_fn(|index| {
                self.word(WORDS_AT + index * 8).load(Ordering::Relaxed)
            });
            // Acquire: the words above are read before the sequence is read again.
            fence(Ordering::Acquire);
            if before & 1 == 0 && sequence.load(Ordering::Relaxed) == before {
                return Some(decode(kinds, &words, clock));
            }
            std::hint::spin_loop();
        }
        None
    }
}

impl Drop for VmClock {
    fn drop(&mut self) {
        // SAFETY: the range was mapped by `map`, and no reference into it outlives `self`.
        let _ = unsafe { rustix::mm::munmap(self.page.as_ptr().cast(), BYTES) };
    }
}

/// `kinds` are the bytes of counter and time; `words` the page from the marker on.
fn decode(kinds: u16, words: &[u64; WORDS], clock: &Clock) -> VmReading {
    VmReading {
        marker: words[0],
        time: time(kinds, words, clock),
    }
}

fn time(kinds: u16, words: &[u64; WORDS], clock: &Clock) -> Option<(i64, u64)> {
    let [
        _,
        flags,
        states,
        counter,
        period,
        _,
        period_error,
        seconds,
        fraction,
        _,
        error,
    ] = *words;
    let [counter_kind, time_kind] = kinds.to_le_bytes();
    let [_, _, status, _, tai_low, tai_high, _, shift] = states.to_le_bytes();
    // The x86 counter, which is also this clock's; synchronized or running free since.
    let usable = counter_kind == 1 && clock.source() == Source::Tsc && matches!(status, 2 | 3);
    let tai_s = match time_kind {
        0 => 0,
        1 if flags & 1 != 0 => i64::from(i16::from_le_bytes([tai_low, tai_high])),
        _ => return None,
    };
    if !usable || shift >= 64 {
        return None;
    }
    let ticks = clock.ticks();
    // Seconds in 64.64 fixed point. A reading from the future, or from so long ago that it overflows, is none.
    let since = ticks.wrapping_sub(counter);
    let passed = (u128::from(since) * u128::from(period)) >> shift;
    let at = ((u128::from(seconds) << 64) | u128::from(fraction)).checked_add(passed)?;
    let nanos =
        ((at >> 64) * 1_000_000_000 + (((at & u128::from(u64::MAX)) * 1_000_000_000) >> 64)) as u64;
    let utc = nanos.wrapping_sub((tai_s * 1_000_000_000).cast_unsigned());
    let offset_ns = utc.wrapping_sub(clock.at(ticks)).cast_signed();
    let grown = if flags & (1 << 4) == 0 {
        0
    } else {
        let seconds = (u128::from(since) * u128::from(period_error)) >> shift;
        ((seconds >> 32).saturating_mul(1_000_000_000) >> 32).min(u128::from(u64::MAX)) as u64
    };
    let bound_ns = if flags & (1 << 6) == 0 { 0 } else { error };
    Some((offset_ns, bound_ns.saturating_add(grown)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use super::*;

    /// A page that says: at `counter` it was `seconds` of TAI, and a tick lasts half a nanosecond.
    fn page(counter: u64, seconds: u64, marker: u64, status: u8) -> Vec<u8> {
        let mut page = vec![0_u8; BYTES];
        page[0..4].copy_from_slice(&MAGIC.to_le_bytes());
        page[4..8].copy_from_slice(&(BYTES as u32).to_le_bytes());
        page[8] = 1;
        (page[0x0a], page[0x0b]) = (1, 1);
        page[0x10..0x18].copy_from_slice(&marker.to_le_bytes());
        page[0x18..0x20].copy_from_slice(&0b101_0001_u64.to_le_bytes());
        page[0x22] = status;
        page[0x24..0x26].copy_from_slice(&37_i16.to_le_bytes());
        // Half a nanosecond in units of 2⁻⁹⁴ seconds: 30 bits more than without the shift.
        page[0x27] = 30;
        let period = (0.5e-9 * 2_f64.powi(94)) as u64;
        for (at, value) in [
            (0x28, counter),
            (0x30, period),
            (0x40, period / 1_000_000),
            (0x48, seconds),
            (0x60, 700),
        ] {
            page[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        page
    }

    fn reading(bytes: &[u8], clock: &Clock) -> Option<VmReading> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        VmClock::map(file.path())?.read(clock)
    }

    #[test]
    fn a_page_s_time_is_compared_with_the_gateway_s() {
        let clock = Clock::new();
        if clock.source() != Source::Tsc {
            println!("skipped: this processor's counter is not invariant");
            return;
        }
        // What the clock shows at this tick, a second later in the page, in TAI.
        let ticks = clock.ticks();
        let utc_s = clock.at(ticks) / 1_000_000_000;
        let lead_ns = (utc_s * 1_000_000_000)
            .wrapping_sub(clock.at(ticks))
            .cast_signed();
        let told = reading(&page(ticks, utc_s + 37 + 1, 9, 2), &clock).unwrap();
        assert_eq!(told.marker, 9);
        let (offset, bound) = told.time.unwrap();
        // The page believes in ticks of half a nanosecond: the few since are no matter.
        let expected = lead_ns + 1_000_000_000;
        assert!(
            offset.abs_diff(expected) < 500_000_000,
            "{offset} {expected}"
        );
        assert!((700..2_000_000).contains(&bound), "{bound}");
    }

    #[test]
    fn a_page_that_is_not_to_be_relied_upon_tells_its_marker_only() {
        let clock = Clock::new();
        for status in [0, 1, 4, 255] {
            let told = reading(&page(0, 5, 7, status), &clock).unwrap();
            assert_eq!(
                told,
                VmReading {
                    marker: 7,
                    time: None
                }
            );
        }
    }

    #[test]
    fn pages_that_make_no_sense_do_no_harm() {
        let clock = Clock::new();
        assert!(reading(&vec![0; BYTES], &clock).is_none());
        let mut wild = vec![0xff; BYTES];
        wild[0..4].copy_from_slice(&MAGIC.to_le_bytes());
        assert!(
            reading(&wild, &clock).is_none(),
            "it is being written for ever"
        );
        wild[SEQUENCE_AT] = 0;
        assert!(reading(&wild, &clock).unwrap().time.is_none());
        // As wild as can be and yet to be relied upon.
        (wild[0x0a], wild[0x0b], wild[0x22]) = (1, 1, 2);
        for shift in [0, 63, 64, 255] {
            wild[0x27] = shift;
            let _ = reading(&wild, &clock);
        }
        assert!(VmClock::map(Path::new("/nowhere")).is_none());
    }
}
