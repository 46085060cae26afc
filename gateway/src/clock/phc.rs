//! Hardware clocks that the kernel has as `/dev/ptpN`: those of network cards, and `ptp_kvm`, the host's by hypercall.

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;

use gateway_queue::clock::{Clock, Simultaneous};
use rustix::time::{DynamicClockId, clock_gettime_dynamic};

use super::{CardClock, OtherClock};

/// What `ptp_kvm` calls itself.
const KVM: &str = "KVM virtual PTP";
/// TAI is ahead of UTC by so much since 2017, for a kernel that was not told.
const TAI_S: i64 = 37;

/// One that could be opened.
#[derive(Debug)]
struct HardwareClock {
    kind: &'static str,
    device: String,
    file: File,
}

impl HardwareClock {
    /// It and `clock` at the same moment; `None` where it cannot be read.
    fn beside(&self, clock: &Clock) -> Option<Simultaneous> {
        let read = || {
            let time = clock_gettime_dynamic(DynamicClockId::Dynamic(self.file.as_fd()))?;
            let nanos = (time.tv_sec as u64).wrapping_mul(1_000_000_000);
            Ok::<_, rustix::io::Errno>(nanos.wrapping_add(time.tv_nsec as u64))
        };
        clock.beside(read).ok()
    }
}

/// Those that could be opened at the start.
#[derive(Debug, Default)]
pub(super) struct HardwareClocks(Vec<HardwareClock>);

impl HardwareClocks {
    /// Opens what this process may read; most systems let root alone.
    pub(super) fn open() -> Self {
        Self::among(Path::new("/sys/class/ptp"), Path::new("/dev"))
    }

    fn among(class: &Path, devices: &Path) -> Self {
        let entries = fs::read_dir(class).into_iter().flatten().flatten();
        let mut clocks: Vec<HardwareClock> = entries
            .filter_map(|entry| {
                let device = entry.file_name().into_string().ok()?;
                let name = fs::read_to_string(entry.path().join("clock_name")).ok()?;
                let kind = match name.trim() {
                    KVM => "ptp_kvm",
                    _ => "phc",
                };
                let file = File::open(devices.join(&device)).ok()?;
                Some(HardwareClock { kind, device, file })
            })
            .collect();
        clocks.sort_unstable_by(|a, b| a.device.cmp(&b.device));
        Self(clocks)
    }

    /// Compares `cards`' clocks with `clock`, and forgets those that cannot be read. By how much what was converted by any of
    /// them since the last time was wrong at most, in nanoseconds; `None` where none could be read.
    pub(super) fn compare(&self, clock: &Clock, cards: &[Arc<CardClock>]) -> Option<u64> {
        let compare = |card: &Arc<CardClock>| {
            let hardware = self.0.iter().find(|one| one.device == card.device());
            let Some(found) = hardware.and_then(|one| one.beside(clock)) else {
                card.forget();
                return None;
            };
            let width_ns = clock.duration_ns(found.width_ticks);
            Some(card.compare(found.ns, clock.steady(found.ticks), width_ns))
        };
        // All of them, also behind one that cannot be read.
        cards.iter().filter_map(compare).max()
    }

    /// How far each is from `clock`; those that cannot be read are left out. `tai_s` is what the kernel knows of TAI.
    pub(super) fn read(&self, clock: &Clock, tai_s: i64) -> Vec<OtherClock> {
        let read = |hardware: &HardwareClock| {
            let found = hardware.beside(clock)?;
            Some(other(hardware.kind, &hardware.device, found, clock, tai_s))
        };
        self.0.iter().filter_map(read).collect()
    }
}

fn other(kind: &str, device: &str, found: Simultaneous, clock: &Clock, tai_s: i64) -> OtherClock {
    let offset_ns = found.ns.wrapping_sub(clock.at(found.ticks)).cast_signed();
    OtherClock {
        kind: kind.to_owned(),
        device: device.to_owned(),
        offset_s: as_utc(offset_ns, tai_s) as f64 / 1e9,
        error_bound_s: clock.duration_ns(found.width_ticks) as f64 / 2e9,
    }
}

/// An offset from UTC of a clock that may count TAI, as cards' clocks do under PTP.
fn as_utc(offset_ns: i64, tai_s: i64) -> i64 {
    let tai_s = if tai_s == 0 { TAI_S } else { tai_s };
    let of_tai = offset_ns.saturating_sub(tai_s.saturating_mul(1_000_000_000));
    let near = of_tai.unsigned_abs() < offset_ns.unsigned_abs().min(1_000_000_000);
    if near { of_tai } else { offset_ns }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_clock_that_counts_tai_is_compared_as_utc() {
        const S: i64 = 1_000_000_000;
        for (offset, tai, utc) in [
            (500, 37, 500),
            (37 * S + 500, 37, 500),
            (37 * S - 500, 0, -500),
            // Neither: it is told as it is.
            (20 * S, 37, 20 * S),
            (-37 * S, 37, -37 * S),
            (i64::MIN + 1, 37, i64::MIN + 1),
        ] {
            assert_eq!(as_utc(offset, tai), utc, "{offset} {tai}");
        }
    }

    #[test]
    fn an_offset_has_half_the_width_of_its_reading_as_bound() {
        let clock = Clock::manual(0);
        let found = Simultaneous {
            ticks: 1_000_000,
            ns: 1_000_250,
            width_ticks: 80,
        };
        let told = other("phc", "ptp0", found, &clock, 37);
        assert!((told.offset_s - 250e-9).abs() < 1e-15, "{told:?}");
        assert!((told.error_bound_s - 40e-9).abs() < 1e-15, "{told:?}");
    }

    #[test]
    fn what_is_no_clock_or_cannot_be_opened_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        for (device, name) in [
            ("ptp0", Some("eth clock")),
            ("ptp1", Some(KVM)),
            ("ptp2", None),
        ] {
            let entry = folder.path().join("class").join(device);
            fs::create_dir_all(&entry).unwrap();
            if let Some(name) = name {
                fs::write(entry.join("clock_name"), format!("{name}\n")).unwrap();
            }
        }
        fs::create_dir(folder.path().join("dev")).unwrap();
        fs::write(folder.path().join("dev/ptp1"), "").unwrap();
        let clocks =
            HardwareClocks::among(&folder.path().join("class"), &folder.path().join("dev"));
        let kinds: Vec<_> = clocks
            .0
            .iter()
            .map(|c| (c.kind, c.device.as_str()))
            .collect();
        assert_eq!(kinds, [("ptp_kvm", "ptp1")]);
        // A plain file is no clock.
        assert!(clocks.read(&Clock::manual(0), 0).is_empty());
        let cards = ["ptp1", "ptp7"].map(|device| Arc::new(CardClock::new(device.to_owned())));
        cards[0].compare(9, 5, 0);
        assert_eq!(clocks.compare(&Clock::manual(0), &cards), None);
        assert!(!cards[0].is_known());
    }
}
