//! Multicast: what the card lets in, what the kernel lets join, and who asks.

use std::collections::BTreeSet;

use super::super::check::{Check, Place, Remedy, Seen, Severity, Side};
use super::super::{Device, Look};
use crate::ingest::filter_table::{self, Beyond, MacAddr};
use crate::ingest::membership::GROUPS_PER_SOCKET;

/// Addresses in the filters of the network namespace's devices.
const DEV_MCAST: &str = "/proc/thread-self/net/dev_mcast";
/// Groups joined, and the version of IGMP in use.
const IGMP: &str = "/proc/thread-self/net/igmp";

pub(super) const FILTER: Check = Check {
    number: 11,
    id: "multicast-filter",
    title: "the card's filter holds all groups",
    severity: Severity::Fail,
    side: Side::Both,
    reads: "`/proc/net/dev_mcast`, the configuration's groups, the gateway's table of drivers; the kernel's log",
    good: "fewer addresses than the filter holds",
    cost: "groups beyond the filter do not arrive, without a word anywhere; or every group on the wire comes in",
    place: Place::Interface(filter),
};

/// What drivers write when a filter is full.
const FULL: [&str; 4] = [
    "Cannot add more MAC addresses, VF is not trusted",
    "some addresses will be dropped",
    "cannot add more MAC addresses",
    "multicast filter overflow",
];

/// What the kernel said longer ago than this may have been mended since.
const OLD_S: u64 = 600;

/// Seconds after the kernel's start at which it logged a line: `<4>[   12.345678] text`.
fn seconds(line: &str) -> Option<u64> {
    let (_, stamped) = line.split_once('[')?;
    let (seconds, _) = stamped.split_once('.')?;
    seconds.trim().parse().ok()
}

fn filter(look: &Look<'_>, device: &Device) -> Seen {
    let trust = Remedy::command("ip link set PF vf N trust on").with(format!(
        "the command is for the host; then `ip link set dev {} allmulticast on` here, or fewer groups a function",
        device.name
    ));
    let complaint = look.system.kernel_log.as_ref().ok().and_then(|log| {
        look.note("the kernel's log");
        let about = |line: &&str| FULL.iter().any(|text| line.contains(text));
        log.lines().rev().find(about)
    });
    let said = |line: &str| format!("the kernel says `{}`", line.trim());
    let is_old = |line: &str| {
        seconds(line).is_some_and(|at| look.system.uptime_s.saturating_sub(at) > OLD_S)
    };
    if let Some(line) = complaint.filter(|line| !is_old(line)) {
        return Seen::fail(said(line), trust);
    }
    let Ok(text) = look.text(DEV_MCAST) else {
        return Seen::skipped("the kernel does not show its filters (`/proc/net/dev_mcast`)");
    };
    let mut addresses: BTreeSet<MacAddr> = filter_table::listed(&text, device.index);
    let now = addresses.len();
    // With another interface to join on, the groups are in that one's filter first, and reach this one's from there.
    addresses.extend(
        look.wants
            .groups
            .keys()
            .map(|&group| filter_table::address_of(group)),
    );
    let driver = &device.facts.driver;
    let found = format!(
        "{now} addresses now, {} with all groups of the configuration",
        addresses.len()
    );
    let table = filter_table::filter_table(driver);
    let overflow = filter_table::overflow(&device.name, driver, addresses.len());
    if let Some(line) = complaint.filter(|_| overflow.is_none()) {
        // It stays in the log until the next start. Where no limit is known, nothing else says that it is over.
        let said = said(line);
        return match table.and_then(|table| table.addresses_max) {
            Some(max) => Seen::warn(
                format!("{said}, a while ago; {found}, of {max}, which fits"),
                Remedy::advice(
                    "nothing, if groups were taken off the interface or the host trusts the function since",
                ),
            ),
            None => Seen::fail(format!("{said}; {found}"), trust),
        };
    }
    let Some(table) = table else {
        return Seen::ok(format!("{found}; no limit of this driver is known"));
    };
    match overflow {
        None => Seen::ok(match table.addresses_max {
            Some(max) => format!("{found}, of {max}"),
            None => format!(
                "{found}; the device has a limit and tells only the kernel's log when it is exceeded"
            ),
        }),
        Some(obstacle) => match table.beyond {
            Beyond::Dropped => Seen::fail(obstacle.reason, trust),
            Beyond::AllMulticast | Beyond::Fabric => {
                Seen::warn(obstacle.reason, Remedy::advice(obstacle.remedy))
            }
        },
    }
}

pub(super) const MEMBERSHIPS: Check = Check {
    number: 13,
    id: "igmp-max-memberships",
    title: "how many groups a socket may join",
    severity: Severity::Fail,
    side: Side::Guest,
    reads: "`net.ipv4.igmp_max_memberships`",
    good: "20 or more: the gateway joins at most 20 groups a socket",
    cost: "the gateway does not start, because it cannot join its groups",
    place: Place::Machine(memberships),
};

fn memberships(look: &Look<'_>) -> Seen {
    let Some(limit) = look.number("/proc/sys/net/ipv4/igmp_max_memberships") else {
        return Seen::skipped("the kernel does not show the setting");
    };
    let wanted = look.wants.groups.len().min(GROUPS_PER_SOCKET);
    let remedy = Remedy::command(format!(
        "sysctl -w net.ipv4.igmp_max_memberships={GROUPS_PER_SOCKET}"
    ));
    let limit_is = format!("a socket may join {limit} groups");
    if limit < wanted as i64 {
        return Seen::fail(
            format!("{limit_is}, and the gateway wants to join {wanted} on one"),
            remedy,
        );
    }
    if limit < GROUPS_PER_SOCKET as i64 {
        return Seen::warn(limit_is, remedy);
    }
    Seen::ok(limit_is)
}

pub(super) const SETTINGS: Check = Check {
    number: 14,
    id: "igmp-settings",
    title: "sources a group, IGMP's version, reverse-path filter",
    severity: Severity::Warn,
    side: Side::Guest,
    reads: "`net.ipv4.igmp_max_msf`, `net.ipv4.conf.*.{force_igmp_version,rp_filter}`",
    good: "as many sources as the feed has; 0 or 3 where sources are named; 0 or 2",
    cost: "source-specific joins fail or become any-source ones; with a strict reverse-path filter the kernel drops feeds \
           whose source has no route back over this interface (socket tier, and the probe)",
    place: Place::Interface(settings),
};

fn settings(look: &Look<'_>, device: &Device) -> Seen {
    let joins_on = look.wants.membership_interface.as_ref();
    let name = joins_on.unwrap_or(&device.name);
    // The kernel takes the larger of the two for the filter; a forced version of `all` wins.
    let of = |setting: &str| {
        let one = |name: &str| look.number(&format!("/proc/sys/net/ipv4/conf/{name}/{setting}"));
        one("all").max(one(name))
    };
    let (Some(sources), Some(version), Some(reverse)) = (
        look.number("/proc/sys/net/ipv4/igmp_max_msf"),
        of("force_igmp_version"),
        of("rp_filter"),
    ) else {
        return Seen::skipped("the kernel does not show the settings");
    };
    let wanted = look.wants.groups.values().map(BTreeSet::len).max();
    let wanted = wanted.unwrap_or(0);
    let (mut wrong, mut commands) = (Vec::new(), Vec::new());
    if sources < wanted as i64 {
        wrong.push(format!(
            "{sources} sources a group, and the configuration names {wanted}"
        ));
        commands.push(format!("sysctl -w net.ipv4.igmp_max_msf={wanted}"));
    }
    if !matches!(version, 0 | 3) && look.wants.source_specific() {
        wrong.push(format!(
            "IGMP version {version} is forced, which knows no sources"
        ));
        for name in ["all", name.as_str()] {
            commands.push(format!(
                "sysctl -w net.ipv4.conf.{name}.force_igmp_version=0"
            ));
        }
    }
    if reverse == 1 {
        wrong.push("the reverse-path filter is strict".to_owned());
        for name in ["all", name.as_str()] {
            commands.push(format!("sysctl -w net.ipv4.conf.{name}.rp_filter=2"));
        }
    }
    if wrong.is_empty() {
        return Seen::ok(format!(
            "{sources} sources a group, forced version {version}, reverse-path filter {reverse}"
        ));
    }
    Seen::warn(wrong.join("; "), Remedy::commands(commands))
}

pub(super) const QUERIER: Check = Check {
    number: 15,
    id: "igmp-querier",
    title: "somebody asks for memberships, in a version that fits",
    severity: Severity::Warn,
    side: Side::Guest,
    reads: "`/proc/net/igmp` (version, timers)",
    good: "version 3, or no sources named",
    cost: "a switch that snoops without a querier forgets memberships after some minutes, and groups stop; a querier of \
           version 1 or 2 turns source-specific joins into any-source ones",
    place: Place::Interface(querier),
};

fn querier(look: &Look<'_>, device: &Device) -> Seen {
    let Ok(text) = look.text(IGMP) else {
        return Seen::skipped("the kernel does not show its memberships (`/proc/net/igmp`)");
    };
    let joins_on = look.wants.membership_interface.as_ref();
    let name = joins_on.unwrap_or(&device.name);
    let Some((version, groups, asked)) = igmp(&text, name) else {
        return Seen::skipped(format!(
            "no group is joined on {name}, so the kernel tells nothing of it"
        ));
    };
    if matches!(version.as_str(), "V1" | "V2") {
        let found = format!("a querier of version {} was heard", &version[1..]);
        if look.wants.source_specific() {
            return Seen::warn(
                found,
                Remedy::advice(
                    "set the switch's querier to IGMPv3: the configuration names sources",
                ),
            );
        }
        return Seen::ok(found);
    }
    if asked {
        return Seen::ok(format!("a querier has just asked; {groups} groups joined"));
    }
    Seen::skipped(format!(
        "{groups} groups joined, version 3; whether a querier asks is not told between its questions: \
         `tcpdump -ni {name} igmp` shows one within 125 s"
    ))
}

/// Version, number of groups, and whether an answer is due, of a device in `/proc/net/igmp`: a line with index, name,
/// count and version, then an indented line for each group (net/ipv4/igmp.c, `igmp_mc_seq_show`).
fn igmp(text: &str, name: &str) -> Option<(String, usize, bool)> {
    let mut found = None;
    let mut here = false;
    for line in text.lines().skip(1) {
        if !line.starts_with(|c: char| c.is_ascii_whitespace()) {
            let mut words = line.split_whitespace().skip(1);
            here = words.next() == Some(name);
            if here {
                found = Some((line.split_whitespace().last()?.to_owned(), 0, false));
            }
        } else if here && let Some((_, groups, asked)) = &mut found {
            *groups += 1;
            // Users, then `running:ticks`.
            let timer = line.split_whitespace().nth(2).unwrap_or_default();
            *asked |= timer.starts_with("1:");
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_memberships_are_read_by_device() {
        // Of a 6.18 kernel.
        let text = "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n\
                    1\tlo        :     1      V3\n\t\t\t\t010000E0     1 0:00000000\t\t0\n\
                    2\teth0      :     2      V2\n\t\t\t\t4D0100EF     1 1:00000F00\t\t0\n\
                    \t\t\t\t010000E0     1 0:00000000\t\t0\n";
        assert_eq!(igmp(text, "eth0"), Some(("V2".into(), 2, true)));
        assert_eq!(igmp(text, "lo"), Some(("V3".into(), 1, false)));
        assert_eq!(igmp(text, "eth1"), None);
        assert_eq!(igmp("", "lo"), None);
    }
}
