//! What the kernel does beside the work.

use super::super::Look;
use super::super::check::{Check, Place, Remedy, Seen, Severity, Side};

pub(super) const NOISE: Check = Check {
    number: 35,
    id: "kernel-noise",
    title: "the kernel's housekeeping is quiet",
    severity: Severity::Warn,
    side: Side::Both,
    reads: "`vm.stat_interval`, `kernel.{watchdog,nmi_watchdog,timer_migration,sched_rt_runtime_us}`, \
            `/sys/kernel/mm/ksm/run`, `/proc/cmdline`",
    good: "10 or more; 0, 0, 0, -1; 0",
    cost: "each of these wakes up on the workers' cores: some microseconds, once a second to four times a second; a real-time \
           worker is stopped for 50 ms of every second by the runtime limit",
    place: Place::Machine(noise),
};

/// A setting of sysctl.
struct Setting {
    /// Below `/proc/sys`.
    path: &'static str,
    name: &'static str,
    quiet: fn(i64) -> bool,
    /// What to set it to.
    better: i64,
}

const fn setting(
    path: &'static str,
    name: &'static str,
    quiet: fn(i64) -> bool,
    better: i64,
) -> Setting {
    Setting {
        path,
        name,
        quiet,
        better,
    }
}

const SETTINGS: [Setting; 5] = [
    setting(
        "vm/stat_interval",
        "vm.stat_interval",
        |value| value >= 10,
        120,
    ),
    setting("kernel/watchdog", "kernel.watchdog", |value| value == 0, 0),
    setting(
        "kernel/nmi_watchdog",
        "kernel.nmi_watchdog",
        |value| value == 0,
        0,
    ),
    setting(
        "kernel/timer_migration",
        "kernel.timer_migration",
        |value| value == 0,
        0,
    ),
    setting(
        "kernel/sched_rt_runtime_us",
        "kernel.sched_rt_runtime_us",
        |value| value == -1,
        -1,
    ),
];

fn noise(look: &Look<'_>) -> Seen {
    let (mut wrong, mut commands, mut told) = (Vec::new(), Vec::new(), 0);
    for Setting {
        path,
        name,
        quiet,
        better,
    } in SETTINGS
    {
        // Some kernels are built without one or the other.
        let Some(value) = look.number(&format!("/proc/sys/{path}")) else {
            continue;
        };
        told += 1;
        if !quiet(value) {
            wrong.push(format!("{name} {value}"));
            commands.push(format!("sysctl -w {name}={better}"));
        }
    }
    if look.number("/sys/kernel/mm/ksm/run") == Some(1) {
        wrong.push("same-page merging (ksm) runs".to_owned());
        commands.push("echo 0 > /sys/kernel/mm/ksm/run".to_owned());
    }
    if told == 0 {
        return Seen::skipped("the kernel shows none of the settings");
    }
    let cmdline = look.text("/proc/cmdline").unwrap_or_default();
    let mitigations = if cmdline
        .split_whitespace()
        .any(|word| word == "mitigations=off")
    {
        "off"
    } else {
        "on (each system call and interrupt costs more)"
    };
    if wrong.is_empty() {
        return Seen::ok(format!("all quiet; mitigations {mitigations}"));
    }
    Seen::warn(
        format!("{}; mitigations {mitigations}", wrong.join(", ")),
        Remedy::commands(commands),
    )
}
