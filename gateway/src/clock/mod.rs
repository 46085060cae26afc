//! How good the gateway's time is: its clock against the system's, the system's against the world, and what disrupts
//! either.
//!
//! [`Watch`] is pure: it is told what was read and when, and answers what has happened. [`Clocks`] reads. Once a second
//! the control plane does both; workers only read the clock that is corrected by it.

mod card;
mod discipline;
mod phc;
mod vmclock;

use std::sync::Arc;
use std::time::{Duration, Instant};

use gateway_queue::clock::{Calibration, Clock, Disruption};
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

pub(crate) use card::{CardClock, since_card};
use discipline::Discipline;
use phc::HardwareClocks;
use vmclock::{VmClock, VmReading};

/// Of events of one kind, one is told in this time; the others are counted.
const REPEAT: Duration = Duration::from_secs(60);
/// Hardware clocks are asked this often: a hypercall, or a read over the card's bus, each.
const HARDWARE_INTERVAL: Duration = Duration::from_secs(10);

/// How good the gateway's time is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClockStatus {
    /// What it is read from: `tsc` or `system`.
    pub source: String,
    /// Ticks of that a second.
    pub hz: f64,
    /// By which part the counter ran faster than at the start, as last measured.
    pub drift: f64,
    /// The system's wall clock minus the gateway's, in seconds, before the last correction.
    pub offset_s: f64,
    /// By how much the two differ at most, in seconds.
    pub error_bound_s: f64,
    /// By how much stamps of the kernel differ from the gateway's at most, in seconds: a clock that is set moves neither.
    #[serde(default)]
    pub kernel_error_bound_s: f64,
    /// Whether something disciplines the system's clock; `None` where the kernel does not tell.
    pub synchronized: Option<bool>,
    /// By how much the gateway's clock differs from UTC at most, in seconds, where the system's is disciplined.
    pub utc_error_bound_s: Option<f64>,
    /// Hardware clocks of the machine.
    pub others: Vec<OtherClock>,
    /// What disrupted time since the start.
    pub disruptions: Disruptions,
}

/// A clock beside the system's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OtherClock {
    /// `phc` (a network card's), `ptp_kvm` or `vmclock` (the hypervisor's).
    pub kind: String,
    /// The device.
    pub device: String,
    /// It minus the gateway's, in seconds; a clock that counts TAI is compared as UTC.
    pub offset_s: f64,
    /// How much of that may be due to the reading, in seconds; with `vmclock` also what the hypervisor says.
    pub error_bound_s: f64,
}

/// How often time was disrupted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disruptions {
    /// The system's clock was set.
    pub wall_clock: u64,
    /// Counter and kernel disagreed about how much time has passed.
    pub counter: u64,
    /// A time daemon made the kernel's time run faster or slower than the hardware by more than 1,000 ppm, or ceased to.
    #[serde(default)]
    pub slew: u64,
    /// The hypervisor said so.
    pub vmclock: u64,
}

/// What is read of the clocks at one moment.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    calibration: Calibration,
    discipline: Option<Discipline>,
    vm: Option<VmReading>,
    /// `None` where they were not asked this time.
    hardware: Option<Vec<OtherClock>>,
}

/// Something that happened to time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    /// The system's clock was set.
    Set { by_ns: i64, held_back: u64 },
    /// Counter and kernel disagree about how much time has passed.
    Jumped { by_ns: i64, held_back: u64 },
    /// A time daemon slews the system's clock fast, or has ceased to.
    Slewed { by_ns: i64, held_back: u64 },
    /// The hypervisor says that the counter was disrupted.
    Moved { held_back: u64 },
    /// Nothing disciplines the system's clock any more.
    Adrift,
    /// Something does again.
    Held,
}

/// Tells one of many events of a kind.
#[derive(Debug, Default)]
struct Gate {
    told_at: Option<Instant>,
    held_back: u64,
}

impl Gate {
    /// How many were held back before this one; `None` where this one is, too.
    fn pass(&mut self, now: Instant) -> Option<u64> {
        if self.told_at.is_some_and(|at| now - at < REPEAT) {
            self.held_back += 1;
            return None;
        }
        self.told_at = Some(now);
        Some(std::mem::take(&mut self.held_back))
    }
}

/// Knows what was, and so what has happened.
#[derive(Debug, Default)]
struct Watch {
    status: ClockStatus,
    marker: Option<u64>,
    set: Gate,
    jumped: Gate,
    slewed: Gate,
    moved: Gate,
}

impl Watch {
    /// Takes what was read at `now`; what has happened since.
    fn look(&mut self, seen: Seen, now: Instant) -> Vec<Event> {
        let mut events = Vec::new();
        let found = &seen.calibration;
        let by_ns = found.error_ns;
        let disruptions = &mut self.status.disruptions;
        match found.disruption {
            Some(Disruption::WallClock) => {
                disruptions.wall_clock += 1;
                let told = self.set.pass(now);
                events.extend(told.map(|held_back| Event::Set { by_ns, held_back }));
            }
            Some(Disruption::Counter) => {
                disruptions.counter += 1;
                let told = self.jumped.pass(now);
                events.extend(told.map(|held_back| Event::Jumped { by_ns, held_back }));
            }
            Some(Disruption::Slew) => {
                disruptions.slew += 1;
                let told = self.slewed.pass(now);
                events.extend(told.map(|held_back| Event::Slewed { by_ns, held_back }));
            }
            None => {}
        }
        if let Some(vm) = &seen.vm {
            let before = self.marker.replace(vm.marker);
            if before.is_some_and(|before| before != vm.marker) {
                disruptions.vmclock += 1;
                let told = self.moved.pass(now);
                events.extend(told.map(|held_back| Event::Moved { held_back }));
            }
        }
        let synchronized = seen.discipline.map(|discipline| discipline.synchronized);
        match (self.status.synchronized, synchronized) {
            (Some(true), Some(false)) => events.push(Event::Adrift),
            (Some(false), Some(true)) => events.push(Event::Held),
            _ => {}
        }
        self.take(seen, synchronized);
        events
    }

    fn take(&mut self, seen: Seen, synchronized: Option<bool>) {
        let found = seen.calibration;
        let bound_ns = found.error_ns.unsigned_abs().saturating_add(found.width_ns);
        let status = &mut self.status;
        status.hz = found.hz;
        status.drift = found.drift;
        status.offset_s = found.error_ns as f64 / 1e9;
        status.error_bound_s = bound_ns as f64 / 1e9;
        let kernel_ns = found.monotonic_error_ns.saturating_add(found.width_ns);
        status.kernel_error_bound_s = kernel_ns as f64 / 1e9;
        status.synchronized = synchronized;
        status.utc_error_bound_s = seen
            .discipline
            .filter(|discipline| discipline.synchronized)
            .map(|discipline| status.error_bound_s + discipline.max_error_ns as f64 / 1e9);
        if let Some(hardware) = seen.hardware {
            status.others.retain(|other| other.kind == vmclock::KIND);
            status.others.extend(hardware);
        }
        status.others.retain(|other| other.kind != vmclock::KIND);
        status.others.extend(seen.vm.and_then(|vm| vm.other()));
    }
}

/// Reads the clocks of this machine, and says what happens to them.
#[derive(Debug)]
pub(crate) struct Clocks {
    hardware: HardwareClocks,
    hardware_at: Option<Instant>,
    vm: Option<VmClock>,
    watch: Watch,
}

impl Clocks {
    /// Opens what there is.
    pub(crate) fn open() -> Self {
        let mut watch = Watch::default();
        Clock::global()
            .source()
            .name()
            .clone_into(&mut watch.status.source);
        Self {
            hardware: HardwareClocks::open(),
            hardware_at: None,
            vm: VmClock::open(),
            watch,
        }
    }

    /// Corrects the process's clock, and tells how good it is.
    pub(crate) fn tend(&mut self) -> ClockStatus {
        let (clock, now) = (Clock::global(), Instant::now());
        let discipline = Discipline::read();
        let due = self
            .hardware_at
            .is_none_or(|at| now - at >= HARDWARE_INTERVAL);
        let seen = Seen {
            calibration: clock.recalibrate(),
            discipline,
            vm: self.vm.as_ref().and_then(|vm| vm.read(clock)),
            hardware: due.then(|| {
                self.hardware_at = Some(now);
                let tai_s = discipline.map_or(0, |discipline| discipline.tai_s);
                self.hardware.read(clock, tai_s)
            }),
        };
        for event in self.watch.look(seen, now) {
            tell(event);
        }
        self.watch.status.clone()
    }
}

impl Clocks {
    /// Compares the clocks of cards that stamp packets with the process's: once a second, so that what they drift in between is
    /// little. By how much what was converted since the last time was wrong at most, in nanoseconds.
    pub(crate) fn compare(&self, cards: &[Arc<CardClock>]) -> Option<u64> {
        self.hardware.compare(Clock::global(), cards)
    }
}

fn tell(event: Event) {
    match event {
        Event::Set { by_ns, held_back } => {
            warn!(by_ns, held_back, "the system's clock was set");
        }
        Event::Jumped { by_ns, held_back } => warn!(
            by_ns,
            held_back,
            "processor and kernel disagree about how much time has passed: the machine was stopped or moved"
        ),
        Event::Slewed { by_ns, held_back } => warn!(
            by_ns,
            held_back,
            "the system's clock is made to run faster or slower by more than 1,000 ppm, or that has ended"
        ),
        Event::Moved { held_back } => {
            warn!(held_back, "the hypervisor says that time was disrupted");
        }
        Event::Adrift => warn!("nothing disciplines the system's clock any more"),
        Event::Held => info!("the system's clock is disciplined"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn seen(error_ns: i64, disruption: Option<Disruption>) -> Seen {
        Seen {
            calibration: Calibration {
                error_ns,
                disruption,
                width_ns: 30,
                monotonic_error_ns: 5,
                drift: 2e-6,
                hz: 2e9,
            },
            discipline: Some(Discipline {
                synchronized: true,
                max_error_ns: 40_000,
                tai_s: 37,
            }),
            vm: None,
            hardware: None,
        }
    }

    #[test]
    fn bounds_add_up() {
        let mut watch = Watch::default();
        assert!(watch.look(seen(-170, None), Instant::now()).is_empty());
        let status = &watch.status;
        assert!((status.offset_s + 170e-9).abs() < 1e-15);
        assert!((status.error_bound_s - 200e-9).abs() < 1e-15);
        assert!((status.kernel_error_bound_s - 35e-9).abs() < 1e-15);
        assert!((status.utc_error_bound_s.unwrap() - 40_200e-9).abs() < 1e-12);
    }

    #[test]
    fn a_clock_that_is_set_back_and_forth_is_told_once_a_minute_and_counted_each_time() {
        let (mut watch, start) = (Watch::default(), Instant::now());
        let mut told = Vec::new();
        for second in 0..130 {
            let by = if second % 2 == 0 {
                -5_000_000_000
            } else {
                5_000_000_000
            };
            let now = start + Duration::from_secs(second);
            told.extend(watch.look(seen(by, Some(Disruption::WallClock)), now));
        }
        let by_ns = -5_000_000_000;
        assert_eq!(
            told,
            [0, 59, 59].map(|held_back| Event::Set { by_ns, held_back })
        );
        assert_eq!(watch.status.disruptions.wall_clock, 130);
        let jumped = watch.look(seen(7, Some(Disruption::Counter)), start);
        assert_eq!(
            jumped,
            [Event::Jumped {
                by_ns: 7,
                held_back: 0
            }]
        );
        assert_eq!(watch.status.disruptions.counter, 1);
        let slewed = watch.look(seen(7, Some(Disruption::Slew)), start);
        let (by_ns, held_back) = (7, 0);
        assert_eq!(slewed, [Event::Slewed { by_ns, held_back }]);
        let disruptions = watch.status.disruptions;
        assert_eq!((disruptions.counter, disruptions.slew), (1, 1));
    }

    #[test]
    fn the_hypervisor_s_word_is_taken_when_it_changes() {
        let (mut watch, now) = (Watch::default(), Instant::now());
        let with = |marker| Seen {
            vm: Some(VmReading { marker, time: None }),
            ..seen(0, None)
        };
        // What it says first is no news.
        assert!(watch.look(with(5), now).is_empty());
        assert!(watch.look(with(5), now).is_empty());
        assert_eq!(watch.look(with(6), now), [Event::Moved { held_back: 0 }]);
        assert_eq!(watch.status.disruptions.vmclock, 1);
    }

    #[test]
    fn a_clock_that_nobody_disciplines_is_told_when_somebody_did() {
        let (mut watch, now) = (Watch::default(), Instant::now());
        let adrift = || {
            let mut seen = seen(0, None);
            seen.discipline = seen.discipline.map(|discipline| Discipline {
                synchronized: false,
                ..discipline
            });
            seen
        };
        assert!(
            watch.look(adrift(), now).is_empty(),
            "as it was at the start"
        );
        assert_eq!(watch.status.utc_error_bound_s, None);
        assert_eq!(watch.look(seen(0, None), now), [Event::Held]);
        assert_eq!(watch.look(adrift(), now), [Event::Adrift]);
        assert!(watch.look(adrift(), now).is_empty());
    }

    #[test]
    fn hardware_clocks_stay_until_they_are_read_again() {
        let (mut watch, now) = (Watch::default(), Instant::now());
        let other = OtherClock {
            kind: "phc".into(),
            device: "ptp0".into(),
            offset_s: 1e-6,
            error_bound_s: 1e-7,
        };
        let read = Seen {
            hardware: Some(vec![other.clone()]),
            ..seen(0, None)
        };
        watch.look(read, now);
        watch.look(seen(0, None), now);
        assert_eq!(watch.status.others, [other]);
        let gone = Seen {
            hardware: Some(Vec::new()),
            ..seen(0, None)
        };
        watch.look(gone, now);
        assert!(watch.status.others.is_empty());
    }

    #[test]
    fn this_machine_s_clocks_are_read() {
        let mut clocks = Clocks::open();
        clocks.tend();
        let status = clocks.tend();
        assert!(status.hz > 1e8, "{status:?}");
        // Nobody sets the clock meanwhile, as a rule; where somebody does it is counted.
        let set = status.disruptions != Disruptions::default();
        assert!(set || status.error_bound_s < 1e-3, "{status:?}");
    }
}
