//! Clocks: the one that is read, who keeps it, and the card's.

use super::super::check::{Check, Place, Remedy, Seen, Severity, Side};
use super::super::{Device, Look};
use crate::ingest::netdev::XdpFeatures;
use crate::ingest::{Mode, Tier};

/// Regulation allows trading on machines as much (MiFID II, RTS 25).
const ERROR_MAX_US: i64 = 100;

pub(super) const SOURCE: Check = Check {
    number: 30,
    id: "clock-source",
    title: "the kernel reads time from the time-stamp counter",
    severity: Severity::Warn,
    side: Side::Both,
    reads: "`/sys/devices/system/clocksource/clocksource0/{current,available}_clocksource`, `/proc/cpuinfo` flags",
    good: "tsc (arch_sys_counter on ARM); constant_tsc, nonstop_tsc",
    cost: "every look at the clock costs tens of nanoseconds more (kvm-clock, hyperv) or a system call (acpi_pm, hpet); a \
           counter that is not constant makes the gateway's stamps drift",
    place: Place::Machine(source),
};

fn source(look: &Look<'_>) -> Seen {
    const DIRECTORY: &str = "/sys/devices/system/clocksource/clocksource0";
    let Ok(current) = look.text(&format!("{DIRECTORY}/current_clocksource")) else {
        return Seen::skipped("the kernel does not show it");
    };
    let available = look
        .text(&format!("{DIRECTORY}/available_clocksource"))
        .unwrap_or_default();
    let cpuinfo = look.text("/proc/cpuinfo").unwrap_or_default();
    let flags = cpuinfo.lines().find_map(|line| line.strip_prefix("flags"));
    let missing: Vec<&str> = match flags {
        None => Vec::new(),
        Some(flags) => ["constant_tsc", "nonstop_tsc"]
            .into_iter()
            .filter(|flag| !flags.split_whitespace().any(|word| word == *flag))
            .collect(),
    };
    let best = matches!(current.as_str(), "tsc" | "arch_sys_counter");
    let mut found = current.clone();
    if !missing.is_empty() {
        found.push_str(&format!(
            "; the CPU does not promise {}",
            missing.join(", ")
        ));
    }
    if best && missing.is_empty() {
        return Seen::ok(found);
    }
    let remedy = if !missing.is_empty() {
        Remedy::advice(
            "on the host: CPU mode `host-passthrough` with `<feature policy='require' name='invtsc'/>`",
        )
    } else if available.split_whitespace().any(|name| name == "tsc") {
        Remedy::command(format!("echo tsc > {DIRECTORY}/current_clocksource"))
            .with("at boot: `clocksource=tsc tsc=reliable`")
    } else {
        Remedy::advice(
            "the kernel has given the counter up as unreliable: `dmesg | grep -i tsc` says why; `tsc=reliable` if the host keeps it",
        )
    };
    Seen::warn(found, remedy)
}

pub(super) const DISCIPLINE: Check = Check {
    number: 31,
    id: "clock-discipline",
    title: "something keeps the system's clock right",
    severity: Severity::Warn,
    side: Side::Both,
    reads: "adjtimex(2), `/sys/class/ptp/*/clock_name`, `/dev/vmclock0`",
    good: "synchronised, error below 100 us",
    cost: "latencies from the exchange are wrong by the clock's error, and may be negative; regulation asks for 100 us (MiFID \
           II RTS 25, high-frequency tier)",
    place: Place::Machine(discipline),
};

fn discipline(look: &Look<'_>) -> Seen {
    look.note("adjtimex(2)");
    let state = match &look.system.clock {
        Ok(state) => state,
        Err(error) => return Seen::skipped(format!("adjtimex: {error}")),
    };
    let clocks: Vec<(String, String)> = look
        .list("/sys/class/ptp")
        .into_iter()
        .filter_map(|name| {
            let kind = look
                .text(&format!("/sys/class/ptp/{name}/clock_name"))
                .ok()?;
            Some((name, kind))
        })
        .collect();
    let migration = look
        .list("/dev")
        .iter()
        .any(|name| name.starts_with("vmclock"));
    let hardware = if clocks.is_empty() {
        "no hardware clock".to_owned()
    } else {
        let named: Vec<String> = clocks
            .iter()
            .map(|(name, kind)| format!("{name} ({kind})"))
            .collect();
        named.join(", ")
    };
    let vmclock = if migration { ", vmclock" } else { "" };
    let refclock = match clocks.first() {
        Some((name, _)) => Remedy::commands([
            format!(
                "printf 'refclock PHC /dev/{name} poll 2 dpoll -2\\n' > /etc/chrony/conf.d/gateway.conf"
            ),
            "systemctl restart chrony".to_owned(),
        ]),
        None => Remedy::advice(
            "install chrony with a near server; on KVM `modprobe ptp_kvm` gives the host's clock as /dev/ptp0",
        ),
    };
    if !state.synchronised {
        return Seen::warn(
            format!("nothing keeps the clock; {hardware}{vmclock}"),
            refclock,
        );
    }
    let found = format!(
        "synchronised, error at most {} us; {hardware}{vmclock}",
        state.error_max_us
    );
    if state.error_max_us > ERROR_MAX_US {
        return Seen::warn(found, refclock);
    }
    Seen::ok(found)
}

pub(super) const STAMPING: Check = Check {
    number: 32,
    id: "nic-clock",
    title: "the card stamps what it receives, and it is measured from there on",
    severity: Severity::Warn,
    side: Side::Guest,
    reads: "netlink `ethtool` TSINFO_GET (rx filters, clock)",
    good: "filter `all`, and a clock of its own; at AF_XDP tiers a driver that lends its stamps to XDP programs, too",
    cost: "there is no stamp of the wire to compare latencies with",
    place: Place::Interface(stamping),
};

fn stamping(look: &Look<'_>, device: &Device) -> Seen {
    look.note("netlink ethtool TSINFO_GET");
    let stamping = match &device.time_stamping {
        Ok(stamping) => stamping,
        Err(refusal) => {
            return Seen::skipped(format!("the kernel does not tell: {}", refusal.text));
        }
    };
    let clock = stamping
        .clock
        .map_or_else(|| "no clock".to_owned(), |clock| format!("/dev/ptp{clock}"));
    let filters: Vec<&str> = stamping.rx_filters.iter().map(String::as_str).collect();
    let found = format!(
        "{clock}, filters: {}",
        if filters.is_empty() {
            "none".to_owned()
        } else {
            filters.join(", ")
        }
    );
    let wanted = look.wants.request.hardware_timestamps;
    let af_xdp = look.wants.af_xdp;
    let hardware = stamping.capabilities.contains("hardware-receive");
    let card = hardware && stamping.clock.is_some() && stamping.rx_filters.contains("all");
    let skb = look.wants.request.mode == Mode::Exactly(Tier::Skb);
    let refused = match device.xdp.map(XdpFeatures::lends_stamps) {
        _ if !af_xdp => "",
        _ if skb => "skb mode has no stamps of the card",
        None => "this kernel lends no stamps to XDP programs (6.3 and newer do)",
        Some(Some(false)) => "the driver lends no stamps to XDP programs",
        // What Linux 6.3 to 6.6 do not tell is tried.
        Some(Some(true) | None) => "",
    };
    let lent = refused.is_empty();
    let stage = if af_xdp { "nic_xdp" } else { "nic_kernel" };
    let found = match (wanted, card, lent) {
        (true, true, true) => format!(
            "{found}; {stage} is measured, if the gateway may read the clock (`gateway status`)"
        ),
        (true, true, false) => format!("{found}; {stage} is not measured: {refused}"),
        (true, false, _) => format!("{found}; {stage} is not measured"),
        (false, ..) => {
            format!("{found}; {stage} is not measured: `hardware_timestamps` is not set")
        }
    };
    if !card {
        return Seen::warn(
            found,
            Remedy::advice(
                "a card that stamps every packet; for a virtual function the physical one must have a clock that the host lends (`ptp4l` there)",
            ),
        );
    }
    if wanted && !lent {
        return Seen::warn(
            found,
            Remedy::advice(
                "`mode = \"socket\"` measures from the card on; or leave `hardware_timestamps` out",
            ),
        );
    }
    Seen::ok(found)
}
