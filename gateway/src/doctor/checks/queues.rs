//! The card's queues: how many, who gets what, how long they wait.

use super::super::check::{Check, Place, Remedy, Seen, Severity, Side};
use super::super::device::{Answer, Refusal};
use super::super::{Device, Look};
use crate::ingest::{Queues, busy_poll, interrupts};

/// Every queue costs each round of its worker a look.
const QUEUES_MAX: u32 = 8;
/// What a burst at the open needs; the kernel's own default is mostly less.
const RING_MIN: u32 = 1024;

fn untold(refusal: &Refusal) -> Seen {
    Seen::skipped(if refusal.unsupported() {
        format!("the driver does not tell ({})", refusal.text)
    } else {
        format!("the kernel does not tell: {}", refusal.text)
    })
}

pub(super) const COUNT: Check = Check {
    number: 19,
    id: "queue-count",
    title: "few receive queues, and room for XDP's own",
    severity: Severity::Warn,
    side: Side::Guest,
    reads: "netlink `ethtool` CHANNELS_GET, else `/sys/class/net/X/queues`",
    good: "1 to 8; on ena at most half of what is possible",
    cost: "the worker looks at every queue in every round; a driver without spare queues refuses XDP",
    place: Place::Interface(count),
};

fn count(look: &Look<'_>, device: &Device) -> Seen {
    look.note("netlink ethtool CHANNELS_GET");
    let (queues, max) = match &device.channels {
        Ok(channels) => (channels.receive(), Some(channels.receive_max())),
        Err(_) if device.in_sysfs => {
            let queues = look.list(&device.sys("queues"));
            let receive = queues.iter().filter(|name| name.starts_with("rx-"));
            (receive.count() as u32, None)
        }
        Err(refusal) => return untold(refusal),
    };
    let found = match max {
        Some(max) => format!("{queues} of {max} receive queues are active"),
        None => format!("{queues} receive queues; the driver does not tell how many are possible"),
    };
    let fewer = |number: u32| {
        let kind = match &device.channels {
            Ok(channels) if channels.combined_max.unwrap_or(0) == 0 => "rx",
            _ => "combined",
        };
        Remedy::command(format!("ethtool -L {} {kind} {number}", device.name))
    };
    match max {
        Some(max) if device.facts.driver == "ena" && queues > max / 2 => Seen::warn(
            format!("{found}; ena wants half of them for XDP's own"),
            fewer((max / 2).max(1)),
        ),
        _ if queues > QUEUES_MAX && look.wants.request.queues == Queues::All => Seen::warn(
            found,
            fewer(1).with("one queue for each worker that polls the interface"),
        ),
        _ => Seen::ok(found),
    }
}

pub(super) const STEERING: Check = Check {
    number: 20,
    id: "flow-steering",
    title: "packets come to the queues that are polled",
    severity: Severity::Warn,
    side: Side::Guest,
    reads: "netlink `ethtool` CHANNELS_GET and FEATURES_GET (rx-ntuple-filter); ETHTOOL_GRXCLSRLCNT, ETHTOOL_GRXFHINDIR",
    good: "one queue, every queue polled, a hash table of polled queues, or rules",
    cost: "groups that the card hashes to a queue nobody polls go to the kernel (`no_socket`), and are lost to AF_XDP",
    place: Place::Interface(steering),
};

fn steering(look: &Look<'_>, device: &Device) -> Seen {
    look.note("netlink ethtool CHANNELS_GET");
    let active = device.facts.rx_queues;
    if active <= 1 {
        return Seen::ok("one receive queue: everything comes to it");
    }
    let polled = match &look.wants.request.queues {
        Queues::All => {
            return Seen::ok(format!(
                "{active} receive queues, and the gateway polls each"
            ));
        }
        Queues::Only(polled) => polled,
    };
    look.note("ETHTOOL_GRXFHINDIR");
    let astray = match &device.hash_table {
        Ok(table) => table.iter().any(|queue| !polled.contains(queue)),
        Err(_) => true,
    };
    if !astray {
        return Seen::ok("the card spreads packets over polled queues only");
    }
    look.note("netlink ethtool FEATURES_GET");
    look.note("ETHTOOL_GRXCLSRLCNT");
    let steers = device
        .offloads
        .as_ref()
        .is_ok_and(|offloads| offloads.on("rx-ntuple-filter"));
    let rules = device.steering_rules.as_ref().copied().unwrap_or(0);
    if steers && rules > 0 {
        return Seen::ok(format!(
            "{rules} rules steer packets (`ethtool -n {}` lists them)",
            device.name
        ));
    }
    let first = polled.first().copied().unwrap_or(0);
    let consecutive = polled
        .iter()
        .copied()
        .eq(first..first + polled.len() as u32);
    let remedy = if consecutive && device.hash_table.is_ok() {
        Remedy::command(format!(
            "ethtool -X {} start {first} equal {}",
            device.name,
            polled.len()
        ))
    } else {
        Remedy::command(format!("ethtool -L {} combined 1", device.name))
            .with("the driver has no hash table to set: have one queue, or poll every one (`queues = \"all\"`)")
    };
    Seen::warn(
        format!(
            "{active} queues are active, {} polled, and the card spreads packets over all",
            polled.len()
        ),
        remedy,
    )
}

pub(super) const COALESCING: Check = Check {
    number: 21,
    id: "coalescing",
    title: "the card does not wait before it interrupts",
    severity: Severity::Warn,
    side: Side::Guest,
    reads: "netlink `ethtool` COALESCE_GET",
    good: "adaptive-rx off, rx-usecs 0",
    cost: "every packet of a quiet moment waits for the interrupt: some microseconds to hundreds; less where the worker \
           busy-polls",
    place: Place::Interface(coalescing),
};

fn coalescing(look: &Look<'_>, device: &Device) -> Seen {
    look.note("netlink ethtool COALESCE_GET");
    let set = match &device.coalescing {
        Ok(set) => set,
        Err(refusal) => return untold(refusal),
    };
    let adaptive = set.adaptive_rx == Some(true);
    let waits = set.rx_us.is_some_and(|us| us > 0);
    let mut options = Vec::new();
    if adaptive {
        options.push("adaptive-rx off");
    }
    if waits || adaptive && set.rx_us.is_some() {
        options.push("rx-usecs 0");
    }
    let found = format!(
        "adaptive-rx {}, rx-usecs {}, rx-frames {}",
        match set.adaptive_rx {
            Some(true) => "on",
            Some(false) => "off",
            None => "n/a",
        },
        or_not_told(set.rx_us),
        or_not_told(set.rx_frames)
    );
    if options.is_empty() {
        return Seen::ok(found);
    }
    Seen::warn(
        found,
        Remedy::command(format!("ethtool -C {} {}", device.name, options.join(" "))),
    )
}

fn or_not_told(number: Option<u32>) -> String {
    number.map_or_else(|| "n/a".to_owned(), |number| number.to_string())
}

pub(super) const RING: Check = Check {
    number: 22,
    id: "ring-size",
    title: "the card's receive ring holds a burst",
    severity: Severity::Warn,
    side: Side::Guest,
    reads: "netlink `ethtool` RINGS_GET",
    good: "1024 or more",
    cost: "the card drops packets in bursts while the worker is busy or interrupted; a ring much larger than that costs cache",
    place: Place::Interface(ring),
};

fn ring(look: &Look<'_>, device: &Device) -> Seen {
    look.note("netlink ethtool RINGS_GET");
    let rings = match &device.rings {
        Ok(rings) => rings,
        Err(refusal) => return untold(refusal),
    };
    let Some(entries) = rings.rx else {
        return Seen::skipped("the driver does not tell");
    };
    let max = rings.rx_max.unwrap_or(entries);
    let found = format!("{entries} entries of at most {max}");
    let better = RING_MIN.min(max);
    if entries >= better {
        return Seen::ok(found);
    }
    Seen::warn(
        found,
        Remedy::command(format!("ethtool -G {} rx {better}", device.name)),
    )
}

pub(super) const PAUSE: Check = Check {
    number: 23,
    id: "pause-and-eee",
    title: "no pause frames, no sleeping link",
    severity: Severity::Warn,
    side: Side::Both,
    reads: "netlink `ethtool` PAUSE_GET, EEE_GET",
    good: "off",
    cost: "pause frames of one slow receiver stop the whole link; a link that sleeps takes some microseconds to tens of them \
           to wake",
    place: Place::Interface(pause),
};

fn pause(look: &Look<'_>, device: &Device) -> Seen {
    look.note("netlink ethtool PAUSE_GET");
    look.note("netlink ethtool EEE_GET");
    let (mut wrong, mut commands, mut told) = (Vec::new(), Vec::new(), false);
    if let Ok(pause) = &device.pause {
        told = true;
        if pause.rx == Some(true) || pause.tx == Some(true) {
            wrong.push("pause frames are on");
            // A driver refuses the others while both ends negotiate them.
            let negotiated = if pause.autoneg == Some(true) {
                "autoneg off "
            } else {
                ""
            };
            commands.push(format!(
                "ethtool -A {} {negotiated}rx off tx off",
                device.name
            ));
        }
    }
    if let Ok(energy) = &device.energy_efficiency {
        told = true;
        if energy.enabled == Some(true) {
            wrong.push("energy-efficient Ethernet is on");
            commands.push(format!("ethtool --set-eee {} eee off", device.name));
        }
    }
    if !told {
        let why = not_told(&device.pause).or_else(|| not_told(&device.energy_efficiency));
        return Seen::skipped(format!(
            "the driver tells neither{}",
            why.unwrap_or_default()
        ));
    }
    if wrong.is_empty() {
        return Seen::ok("both off, as far as the driver tells");
    }
    Seen::warn(wrong.join("; "), Remedy::commands(commands))
}

fn not_told<T>(answer: &Answer<T>) -> Option<String> {
    let refusal = answer.as_ref().err()?;
    Some(format!(" ({})", refusal.text))
}

pub(super) const DEFERRAL: Check = Check {
    number: 24,
    id: "interrupt-deferral",
    title: "interrupts are deferred where the worker polls, and only there",
    severity: Severity::Warn,
    side: Side::Guest,
    reads: "`/sys/class/net/X/{napi_defer_hard_irqs,gro_flush_timeout,threaded}`; netlink `netdev` QUEUE_GET and NAPI_GET",
    good: "both set where busy_poll is on, neither where it is off; threaded 0; each queue's NAPI instance named",
    cost: "one setting without the other does nothing, or lets packets wait for the time-out; without both, interrupts go on \
           while the worker polls; a queue without a named NAPI instance cannot be polled",
    place: Place::Interface(deferral),
};

/// What it means for busy polling that the driver does not name its queues' NAPI instances. Nothing before the gateway's
/// program is attached: a driver may name them then.
fn unnamed(look: &Look<'_>, device: &Device) -> Option<String> {
    let (facts, queues) = (&device.facts, device.facts.rx_queues);
    let named = facts.rx_queues_with_napi?;
    let in_vain = busy_poll::is_in_vain(facts.kernel_version(), 0, 0);
    (look.wants.running && in_vain && named < queues).then(|| {
        format!(
            "the driver names the NAPI instance of {named} of {queues} queues, and the kernel polls no other: the worker does \
             not ask there, packets come by interrupt"
        )
    })
}

fn deferral(look: &Look<'_>, device: &Device) -> Seen {
    if !device.in_sysfs {
        return Seen::skipped("`/sys` shows another network namespace's devices");
    }
    let (Some(defer), Some(timeout_ns)) = (
        look.number(&device.sys("napi_defer_hard_irqs")),
        look.number(&device.sys("gro_flush_timeout")),
    ) else {
        return Seen::skipped("this kernel does not have the settings (5.10 and newer do)");
    };
    let found = format!("napi_defer_hard_irqs {defer}, gro_flush_timeout {timeout_ns} ns");
    let set = |defer: u32, timeout_ns: u32| {
        [
            format!("echo {defer} > {}", device.sys("napi_defer_hard_irqs")),
            format!("echo {timeout_ns} > {}", device.sys("gro_flush_timeout")),
        ]
    };
    if look
        .number(&device.sys("threaded"))
        .is_some_and(|threaded| threaded != 0)
    {
        return Seen::warn(
            format!("{found}; a kernel thread of its own moves the packets (threaded)"),
            Remedy::command(format!("echo 0 > {}", device.sys("threaded"))),
        );
    }
    look.note("netlink netdev NAPI_GET");
    let polled = look.wants.busy_poll && look.wants.af_xdp;
    if polled && let Some(text) = unnamed(look, device) {
        return Seen::warn(
            format!("{found}; {text}"),
            Remedy::advice(busy_poll::REMEDY),
        );
    }
    match (defer > 0, timeout_ns > 0) {
        (true, false) | (false, true) => {
            let wanted = if polled { set(100, 200_000) } else { set(0, 0) };
            Seen::warn(
                format!("{found}: one does nothing without the other"),
                Remedy::commands(wanted),
            )
        }
        (true, true) if !polled => Seen::warn(
            format!("{found}, and nobody polls: packets may wait for the time-out"),
            Remedy::commands(set(0, 0)),
        ),
        (false, false) if polled => Seen::warn(
            format!("{found}: interrupts go on while the worker polls"),
            Remedy::commands(set(100, 200_000)).with(
                "after the gateway has started: some drivers reset them when a program is attached",
            ),
        ),
        // A queue may have settings of its own.
        _ => {
            let napis = device.napis.iter().flatten().enumerate();
            let own = napis.filter_map(|(queue, napi)| {
                let wrong =
                    interrupts::not_deferred(&device.name, &queue.to_string(), napi.as_ref()?);
                wrong.filter(|_| polled)
            });
            match own.into_iter().next() {
                Some(obstacle) => Seen::warn(obstacle.reason, Remedy::commands(set(100, 200_000))),
                None => Seen::ok(found),
            }
        }
    }
}
