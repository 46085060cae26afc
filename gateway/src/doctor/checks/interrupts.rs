//! Where the queues' interrupts go.

use super::super::check::{Check, Place, Remedy, Seen, Severity, Side};
use super::super::look::cpus;
use super::super::{Device, Look};
use crate::ingest::interrupts;

pub(super) const AFFINITY: Check = Check {
    number: 25,
    id: "interrupt-affinity",
    title: "interrupts go where they should, and stay there",
    severity: Severity::Warn,
    side: Side::Guest,
    reads: "netlink `netdev` QUEUE_GET and NAPI_GET, `/sys/class/net/X/device/msi_irqs`, `/proc/irq/N/smp_affinity_list`, \
            `/proc/irq/N/effective_affinity_list`, `/proc/*/comm`",
    good: "the worker's own core where it busy-polls, another one where it does not; no irqbalance",
    cost: "an interrupt on a spinning worker's core takes some microseconds off it each time; one that moves takes the cache \
           with it",
    place: Place::Interface(affinity),
};

fn affinity(look: &Look<'_>, device: &Device) -> Seen {
    look.note("netlink netdev NAPI_GET");
    let mut queues: Vec<(String, u32)> = device
        .napis
        .iter()
        .flatten()
        .enumerate()
        .filter_map(|(queue, napi)| Some((queue.to_string(), napi.as_ref()?.irq?)))
        .collect();
    if queues.is_empty() && device.in_sysfs {
        // Of a kernel or driver that names no queue: all that the device has.
        let all = look.list(&device.sys("device/msi_irqs"));
        queues.extend(
            all.into_iter()
                .filter_map(|irq| Some(("any".to_owned(), irq.parse().ok()?))),
        );
    }
    if queues.is_empty() {
        return Seen::skipped("neither kernel nor driver names an interrupt of this device");
    }
    let polled = look.wants.busy_poll && look.wants.af_xdp;
    let (mut told, mut wrong, mut commands) = (Vec::new(), Vec::new(), Vec::new());
    for (queue, irq) in &queues {
        let list = |file| look.text(&format!("/proc/irq/{irq}/{file}")).ok();
        let Some(allowed) = list("smp_affinity_list") else {
            continue;
        };
        let effective = list("effective_affinity_list").filter(|list| !list.is_empty());
        told.push(format!(
            "{irq} on {}",
            effective.as_ref().unwrap_or(&allowed)
        ));
        for &core in &look.wants.cores {
            let Some(obstacle) = interrupts::misplaced(queue, *irq, &allowed, core, polled) else {
                continue;
            };
            wrong.push(obstacle.reason);
            // With several workers it is not known here which of them polls this queue.
            let command = match (polled, look.wants.cores.len()) {
                (true, 1) => format!("echo {core} > /proc/irq/{irq}/smp_affinity_list"),
                (true, _) => format!("echo CPU > /proc/irq/{irq}/smp_affinity_list"),
                (false, _) => {
                    let elsewhere = look
                        .wants
                        .housekeeping_core
                        .map_or_else(|| "CPU".to_owned(), |core| core.to_string());
                    format!("echo {elsewhere} > /proc/irq/{irq}/smp_affinity_list")
                }
            };
            if !commands.contains(&command) {
                commands.push(command);
            }
        }
    }
    // With several workers a queue is well where it is on one of them.
    if polled && look.wants.cores.len() > 1 {
        let on_a_worker = queues.iter().all(|(_, irq)| {
            let list = look.text(&format!("/proc/irq/{irq}/smp_affinity_list"));
            let allowed = list.ok().and_then(|list| cpus(&list)).unwrap_or_default();
            allowed.len() == 1 && allowed.iter().all(|cpu| look.wants.cores.contains(cpu))
        });
        if on_a_worker {
            wrong.clear();
            commands.clear();
        }
    }
    if irqbalance_runs(look) {
        wrong.push("irqbalance runs, and moves interrupts".to_owned());
        commands.insert(0, "systemctl disable --now irqbalance".to_owned());
    }
    let found = format!("interrupts {}", told.join(", "));
    if !wrong.is_empty() {
        return Seen::warn(
            format!("{}; {found}", wrong.join("; ")),
            Remedy::commands(commands),
        );
    }
    if look.wants.cores.is_empty() {
        return Seen::ok(format!(
            "{found}; no worker's core is known to compare with (`-c FILE`, `--cores`)"
        ));
    }
    Seen::ok(found)
}

fn irqbalance_runs(look: &Look<'_>) -> bool {
    // Only the directory is told as read: a path for each process would tell nobody anything.
    look.list("/proc")
        .iter()
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        .any(|pid| {
            look.quietly(&format!("/proc/{pid}/comm"))
                .is_some_and(|name| name == "irqbalance")
        })
}
