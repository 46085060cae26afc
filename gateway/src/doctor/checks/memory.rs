//! Memory: near, in large pages, and locked.

use super::super::check::{Check, Place, Remedy, Seen, Severity, Side};
use super::super::look::cpus;
use super::super::{Device, Look};

pub(super) const NODE: Check = Check {
    number: 33,
    id: "numa",
    title: "card and workers are on the same memory node",
    severity: Severity::Warn,
    side: Side::Guest,
    reads: "`/sys/class/net/X/device/numa_node`, `/sys/devices/system/node/nodeN/cpulist`, `kernel.numa_balancing`",
    good: "one node; numa_balancing 0",
    cost: "every packet crosses the processors' link (about 100 ns); balancing unmaps pages to see who uses them, and each \
           fault takes microseconds",
    place: Place::Interface(node),
};

fn node(look: &Look<'_>, device: &Device) -> Seen {
    let nodes: Vec<String> = look
        .list("/sys/devices/system/node")
        .into_iter()
        .filter(|name| {
            name.strip_prefix("node")
                .is_some_and(|n| n.parse::<u32>().is_ok())
        })
        .collect();
    let balancing = look.number("/proc/sys/kernel/numa_balancing").unwrap_or(0);
    let off = || Remedy::command("sysctl -w kernel.numa_balancing=0");
    if nodes.len() <= 1 {
        let found = "one memory node";
        return if balancing != 0 {
            Seen::warn(format!("{found}, and numa_balancing is {balancing}"), off())
        } else {
            Seen::ok(found)
        };
    }
    let of_device = if device.in_sysfs {
        look.number(&device.sys("device/numa_node"))
    } else {
        None
    };
    let Some(of_device) = of_device.filter(|&node| node >= 0) else {
        return Seen::skipped(format!(
            "{} memory nodes, and the device does not tell which is its own",
            nodes.len()
        ));
    };
    let near = look.text(&format!("/sys/devices/system/node/node{of_device}/cpulist"));
    let near = near.ok().and_then(|text| cpus(&text)).unwrap_or_default();
    let far: Vec<usize> = look
        .wants
        .cores
        .iter()
        .copied()
        .filter(|core| !near.contains(core))
        .collect();
    if !far.is_empty() {
        return Seen::warn(
            format!(
                "{} is on node {of_device}, and workers on other nodes: {far:?}",
                device.name
            ),
            Remedy::advice(format!(
                "choose workers' cores among {near:?}; in a VM give it the host's nodes (`<numatune mode='strict'>`)"
            )),
        );
    }
    if balancing != 0 {
        return Seen::warn(
            format!("node {of_device}, and numa_balancing is {balancing}"),
            off(),
        );
    }
    Seen::ok(if look.wants.cores.is_empty() {
        format!("node {of_device}; choose workers' cores among {near:?}")
    } else {
        format!("node {of_device}, and every worker's core is on it")
    })
}

pub(super) const PAGES: Check = Check {
    number: 34,
    id: "huge-pages",
    title: "huge pages for the packet memory, and leave to lock it",
    severity: Severity::Warn,
    side: Side::Guest,
    reads: "`/proc/meminfo`, `/sys/kernel/mm/transparent_hugepage/enabled`, getrlimit(2) (memory lock)",
    good: "enough free huge pages; madvise or never; no limit",
    cost: "packet memory in ordinary pages costs misses of the address cache; transparent huge pages for everybody stall \
           processes while memory is compacted; a memory-lock limit keeps AF_XDP from starting",
    place: Place::Interface(pages),
};

fn pages(look: &Look<'_>, device: &Device) -> Seen {
    const TRANSPARENT: &str = "/sys/kernel/mm/transparent_hugepage/enabled";
    let facts = &device.facts;
    look.note("/proc/meminfo");
    look.note("getrlimit(2)");
    let needed = facts.packet_memory_bytes;
    let mib = |bytes: u64| format!("{:.0} MiB", bytes as f64 / f64::from(1 << 20));
    if let Some(limit) = facts.memory_lock_bytes
        && limit < needed
        && look.wants.af_xdp
    {
        return Seen::fail(
            format!(
                "may lock {}, and the packet memory is {}",
                mib(limit),
                mib(needed)
            ),
            Remedy::advice(
                "`LimitMEMLOCK=infinity` in systemd, `ulimit -l unlimited`, or CAP_IPC_LOCK",
            ),
        );
    }
    // `always [madvise] never`
    let transparent = look.text(TRANSPARENT).unwrap_or_default();
    let for_everybody = transparent.contains("[always]");
    let few = facts.huge_pages_free_bytes < needed && look.wants.af_xdp && !look.wants.running;
    let found = format!(
        "{} free in huge pages, {} wanted; transparent ones: {}",
        mib(facts.huge_pages_free_bytes),
        mib(needed),
        transparent
            .split_once('[')
            .and_then(|(_, rest)| rest.split_once(']'))
            .map_or("not told", |(chosen, _)| chosen)
    );
    let mut commands = Vec::new();
    if few {
        let missing = (needed - facts.huge_pages_free_bytes)
            .div_ceil(2 << 20)
            .max(1);
        commands.push(format!(
            "sysctl -w vm.nr_hugepages=$(($(sysctl -n vm.nr_hugepages) + {missing}))"
        ));
    }
    if for_everybody {
        commands.push(format!("echo madvise > {TRANSPARENT}"));
    }
    if commands.is_empty() {
        return Seen::ok(found);
    }
    Seen::warn(found, Remedy::commands(commands))
}
