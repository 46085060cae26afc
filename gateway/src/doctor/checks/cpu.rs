//! The cores that workers spin on: whose they are besides, and how fast they wake.

use std::collections::BTreeSet;

use super::super::Look;
use super::super::check::{Check, Place, Remedy, Seen, Severity, Side};
use super::super::look::{cpus, listed};

/// A gap is long from here on.
const GAP_MAX_NS: u64 = 20_000;
/// Of all ticks, so many stolen ones are more than an accident.
const STOLEN_RATIO_MAX: f64 = 0.001;

const NO_CORES: &str = "no worker's core is known: name a configuration (`-c FILE`) or `--cores`";

fn words<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.split_whitespace()
        .find_map(|word| word.strip_prefix(key))
}

pub(super) const ISOLATION: Check = Check {
    number: 26,
    id: "cpu-isolation",
    title: "workers' cores are kept from everything else",
    severity: Severity::Warn,
    side: Side::Guest,
    reads: "`/sys/devices/system/cpu/{isolated,nohz_full,online}`, `/proc/cmdline`",
    good: "every worker's core isolated, without ticks, its RCU work elsewhere",
    cost: "the scheduler's tick (1000 to 250 a second, some microseconds each) and other processes (milliseconds) take the \
           core from the worker",
    place: Place::Machine(isolation),
};

fn isolation(look: &Look<'_>) -> Seen {
    let cores = &look.wants.cores;
    if cores.is_empty() {
        return Seen::skipped(NO_CORES);
    }
    let list = |file: &str| {
        let text = look.text(&format!("/sys/devices/system/cpu/{file}"));
        text.ok().and_then(|text| cpus(&text)).unwrap_or_default()
    };
    let online = list("online");
    let absent: Vec<usize> = cores
        .iter()
        .copied()
        .filter(|c| !online.contains(c))
        .collect();
    if !online.is_empty() && !absent.is_empty() {
        return Seen::fail(
            format!("this machine has no CPU {} that is online", listed(absent)),
            Remedy::advice(
                "name others as `core` in the configuration; `lscpu` lists those that there are",
            ),
        );
    }
    let cmdline = look.text("/proc/cmdline").unwrap_or_default();
    let isolated: BTreeSet<usize> = list("isolated").into_iter().collect();
    let tickless: BTreeSet<usize> = list("nohz_full").into_iter().collect();
    // A core without ticks has its RCU work elsewhere, too.
    let relieved: BTreeSet<usize> = words(&cmdline, "rcu_nocbs=")
        .and_then(cpus)
        .unwrap_or_default()
        .into_iter()
        .chain(tickless.iter().copied())
        .collect();
    let without = |set: &BTreeSet<usize>| cores.difference(set).copied().collect::<Vec<_>>();
    let wrong: Vec<String> = [
        ("not isolated", without(&isolated)),
        ("with ticks", without(&tickless)),
        ("with RCU work", without(&relieved)),
    ]
    .into_iter()
    .filter(|(_, cores)| !cores.is_empty())
    .map(|(what, cores)| format!("{what}: {}", listed(cores)))
    .collect();
    if wrong.is_empty() {
        return Seen::ok(format!(
            "CPU {}: isolated, without ticks and RCU work",
            listed(cores)
        ));
    }
    let list = cores
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(",");
    Seen::warn(
        format!("workers' cores {}", wrong.join("; ")),
        Remedy::commands([
            format!(
                "echo 'GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX isolcpus=managed_irq,domain,{list} nohz_full={list} \
                 rcu_nocbs={list}\"' > /etc/default/grub.d/gateway.cfg"
            ),
            "update-grub".to_owned(),
        ])
        .with("takes effect at the next boot; without one, a cpuset partition of the type `isolated` does half of it"),
    )
}

pub(super) const SIBLINGS: Check = Check {
    number: 27,
    id: "smt-siblings",
    title: "nobody works on a worker's other hardware thread",
    severity: Severity::Warn,
    side: Side::Both,
    reads: "`/sys/devices/system/cpu/smt/active`, `/sys/devices/system/cpu/cpuN/topology/thread_siblings_list`",
    good: "no sibling, or an isolated one that is no worker",
    cost: "two busy threads of one core take each other's units and cache: a worker is slower by a third, and unevenly",
    place: Place::Machine(siblings),
};

fn siblings(look: &Look<'_>) -> Seen {
    if look.number("/sys/devices/system/cpu/smt/active") == Some(0) {
        return Seen::ok("simultaneous multi-threading is off, or not shown to this machine");
    }
    let cores = &look.wants.cores;
    if cores.is_empty() {
        return Seen::skipped(NO_CORES);
    }
    let isolated = look.text("/sys/devices/system/cpu/isolated");
    let isolated = isolated
        .ok()
        .and_then(|text| cpus(&text))
        .unwrap_or_default();
    let (mut wrong, mut off) = (Vec::new(), BTreeSet::new());
    for &core in cores {
        let path = format!("/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list");
        let all = look
            .text(&path)
            .ok()
            .and_then(|text| cpus(&text))
            .unwrap_or_default();
        for other in all.into_iter().filter(|&other| other != core) {
            if cores.contains(&other) {
                if core < other {
                    wrong.push(format!("{core} and {other} are two workers on one core"));
                }
            } else if !isolated.contains(&other) {
                wrong.push(format!("{other} shares a core with the worker on {core}"));
                off.insert(other);
            }
        }
    }
    if wrong.is_empty() {
        return Seen::ok("no worker shares its core with anybody");
    }
    let commands = off
        .iter()
        .map(|cpu| format!("echo 0 > /sys/devices/system/cpu/cpu{cpu}/online"));
    Seen::warn(
        wrong.join("; "),
        Remedy::commands(commands)
            .with("two workers on one core: give one another `core` in the configuration"),
    )
}

pub(super) const IDLE: Check = Check {
    number: 28,
    id: "idle-states",
    title: "cores do not fall asleep, and keep their frequency",
    severity: Severity::Warn,
    side: Side::Both,
    reads: "`/sys/devices/system/cpu/cpuidle/{current_driver,current_governor}`, `cpuN/cpuidle/state*/{name,latency,disable}`, \
            `cpuN/cpufreq/scaling_governor`, `/proc/cmdline`",
    good: "no idle state above 1 us, or haltpoll; governor performance",
    cost: "a core that sleeps takes up to some hundred microseconds to wake; a worker that spins never sleeps, but \
           everything that waits (socket tier with `socket_wait`, strategies, the housekeeping core) does",
    place: Place::Machine(idle),
};

/// A state from which a core wakes slower than this is deep.
const WAKE_MAX_US: i64 = 1;

fn idle(look: &Look<'_>) -> Seen {
    const CPU: &str = "/sys/devices/system/cpu";
    let driver = look
        .text(&format!("{CPU}/cpuidle/current_driver"))
        .unwrap_or_else(|_| "none".to_owned());
    let cmdline = look.text("/proc/cmdline").unwrap_or_default();
    // All cores are alike; one of the workers' stands for them.
    let core = look.wants.cores.first().copied().unwrap_or(0);
    let mut deep = Vec::new();
    let polls = cmdline.split_whitespace().any(|word| word == "idle=poll");
    if !polls && driver != "haltpoll" {
        for state in look.list(&format!("{CPU}/cpu{core}/cpuidle")) {
            let file = |file: &str| format!("{CPU}/cpu{core}/cpuidle/{state}/{file}");
            let latency_us = look.number(&file("latency")).unwrap_or(0);
            if latency_us > WAKE_MAX_US && look.number(&file("disable")) == Some(0) {
                let name = look.text(&file("name")).unwrap_or_else(|_| state.clone());
                deep.push((state, format!("{name} {latency_us} us")));
            }
        }
    }
    let governor = look
        .text(&format!("{CPU}/cpu{core}/cpufreq/scaling_governor"))
        .ok();
    let slow = governor
        .as_ref()
        .filter(|governor| *governor != "performance");
    let told = format!(
        "idle driver {driver}, frequency governor {}",
        governor.as_deref().unwrap_or("none (the host decides)")
    );
    if deep.is_empty() && slow.is_none() {
        return Seen::ok(told);
    }
    let mut found = told;
    let mut commands = Vec::new();
    if !deep.is_empty() {
        let names: Vec<&str> = deep.iter().map(|(_, name)| name.as_str()).collect();
        found.push_str(&format!(
            "; idle states that are slow to leave: {}",
            names.join(", ")
        ));
        for (state, _) in &deep {
            commands.push(format!(
                "for f in {CPU}/cpu*/cpuidle/{state}/disable; do echo 1 > \"$f\"; done"
            ));
        }
    }
    if slow.is_some() {
        commands.push(format!(
            "for f in {CPU}/cpu*/cpufreq/scaling_governor; do echo performance > \"$f\"; done"
        ));
    }
    Seen::warn(found, Remedy::commands(commands).with("a process that holds `/dev/cpu_dma_latency` at 0 does the first for as long as it runs"))
}

pub(super) const STOLEN: Check = Check {
    number: 29,
    id: "stolen-time",
    title: "nobody takes the cores away",
    severity: Severity::Warn,
    side: Side::Both,
    reads: "`/proc/stat` (steal) over a span; with `--jitter` gaps in the time-stamp counter of each core",
    good: "no stolen time; no gap above 20 us",
    cost: "while the hypervisor, or the firmware, runs something else the worker receives nothing: milliseconds at a time, and \
           the card's ring overflows",
    place: Place::Machine(stolen),
};

fn stolen(look: &Look<'_>) -> Seen {
    let remedy = || {
        Remedy::advice(
            "pin each vCPU to a core of its own on the host (`virsh vcpupin`, `virsh emulatorpin` elsewhere), and let it spin \
             there (`halt_poll_ns`, `cpu-pm=on`); gaps without stolen time are the firmware's (SMI) or the kernel's",
        )
    };
    if let Some(report) = &look.system.jitter {
        look.note("time-stamp counter");
        let worst = report.cores.iter().max_by_key(|core| core.gap_max_ns);
        if let Some(worst) = worst {
            let found = format!(
                "longest gap {:.1} us on CPU {}, {:.1} gaps above 20 us a second there",
                worst.gap_max_ns as f64 / 1e3,
                worst.core,
                worst.gaps_long as f64 / report.seconds.max(f64::EPSILON)
            );
            if worst.gap_max_ns > GAP_MAX_NS {
                return Seen::warn(found, remedy());
            }
        }
    }
    look.note("/proc/stat");
    let ratio = look.counters.and_then(|(before, after)| {
        let (all_before, stolen_before) = before.ticks?;
        let (all, stolen) = after.ticks?;
        let span = all.checked_sub(all_before).filter(|&span| span > 0)?;
        Some(stolen.saturating_sub(stolen_before) as f64 / span as f64)
    });
    let Some(ratio) = ratio else {
        return Seen::skipped("no span of time to compare");
    };
    let since_boot = look.counters.and_then(|(_, after)| after.ticks);
    let since_boot = since_boot.map_or_else(String::new, |(all, stolen)| {
        format!(
            ", {:.2} % since boot",
            100.0 * stolen as f64 / all.max(1) as f64
        )
    });
    let found = format!(
        "{:.2} % of the time stolen just now{since_boot}",
        100.0 * ratio
    );
    if ratio > STOLEN_RATIO_MAX {
        return Seen::warn(found, remedy());
    }
    let gaps = if look.system.jitter.is_some() {
        "; no gap above 20 us"
    } else {
        "; `--jitter 5` looks for gaps"
    };
    Seen::ok(format!("{found}{gaps}"))
}
