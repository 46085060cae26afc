//! Packets that are being lost now.

use super::super::check::{Check, Place, Remedy, Seen, Severity, Side};
use super::super::{Counters, Device, Look};

pub(super) const LOSSES: Check = Check {
    number: 36,
    id: "losses",
    title: "nothing is being lost",
    severity: Severity::Warn,
    side: Side::Both,
    reads: "`/proc/net/softnet_stat`, `/proc/net/snmp` (Udp), `ethtool -S` (discards, drops, missed), twice",
    good: "no counter moves",
    cost: "packets are missing: gaps, and whatever recovery costs",
    place: Place::Interface(losses),
};

fn losses(look: &Look<'_>, device: &Device) -> Seen {
    look.note("/proc/net/softnet_stat");
    look.note("/proc/net/snmp");
    look.note("ETHTOOL_GSTATS");
    let Some((before, after)) = look.counters else {
        return Seen::skipped("no span of time to compare");
    };
    let totals = totals(after, &device.name);
    let earlier = self::totals(before, &device.name);
    let moved: Vec<String> = totals
        .iter()
        .filter_map(|(name, count)| {
            let was = earlier
                .iter()
                .find(|(known, _)| known == name)
                .map_or(0, |(_, was)| *was);
            let more = count.saturating_sub(was);
            (more > 0).then(|| format!("{name} +{more}"))
        })
        .collect();
    let since: Vec<String> = totals
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    if moved.is_empty() {
        return Seen::ok(if since.is_empty() {
            "no counter moves; all are 0".to_owned()
        } else {
            format!("no counter moves; since boot: {}", since.join(", "))
        });
    }
    Seen::warn(
        moved.join(", "),
        Remedy::commands([
            format!("ethtool -G {} rx 4096", device.name),
            "sysctl -w net.core.netdev_max_backlog=16384".to_owned(),
            "sysctl -w net.core.rmem_max=33554432".to_owned(),
        ])
        .with("larger rings and buffers hold longer bursts; `out of budget` is time, not loss"),
    )
}

/// The kernel's counters and those of one interface.
fn totals(counters: &Counters, interface: &str) -> Vec<(String, u64)> {
    let kernel = counters
        .kernel
        .iter()
        .map(|(name, count)| (name.clone(), *count));
    let driver = counters
        .drivers
        .iter()
        .filter(|((of, _), _)| of == interface)
        .map(|((_, name), count)| (name.clone(), *count));
    kernel.chain(driver).collect()
}
