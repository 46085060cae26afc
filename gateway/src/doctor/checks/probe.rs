//! Whether multicast arrives at all: only packets can tell.

use super::super::check::{Check, Place, Remedy, Seen, Severity, Side};
use super::super::{Device, Look};

pub(super) const MULTICAST: Check = Check {
    number: 12,
    id: "multicast-probe",
    title: "multicast arrives",
    severity: Severity::Fail,
    side: Side::Guest,
    reads: "packets of a peer (`--probe`), by a socket and by AF_XDP",
    good: "every packet that was sent",
    cost: "nothing else matters before it does",
    place: Place::Interface(multicast),
};

fn multicast(look: &Look<'_>, device: &Device) -> Seen {
    let Some(report) = look
        .system
        .probe
        .as_ref()
        .filter(|report| report.interface == device.name)
    else {
        return Seen::skipped("needs a peer that sends: `gateway doctor --probe` tells how");
    };
    look.note(format!("UDP {} on {}", report.group, report.interface));
    let remedy = || {
        Remedy::command(format!(
            "tcpdump -ni {} -c 5 host {}",
            device.name,
            report.group.ip()
        ))
        .with(report.advice())
    };
    if report.complete() {
        return Seen::ok(report.summary());
    }
    Seen::fail(report.summary(), remedy())
}
