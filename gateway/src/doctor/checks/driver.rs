//! The device and its driver.

use super::super::check::{Check, Place, Remedy, Seen, Severity, Side};
use super::super::{Device, Look};
use crate::ingest::allow::{self, Platform};
use crate::ingest::{Tier, mtu};

pub(super) const KNOWN_PROBLEMS: Check = Check {
    number: 8,
    id: "driver",
    title: "what is known to go wrong with this driver on this kernel",
    severity: Severity::Fail,
    side: Side::Guest,
    reads: "`ethtool -i` (ETHTOOL_GDRVINFO); the gateway's table of drivers and kernels",
    good: "nothing known",
    cost: "the gateway keeps away from the tiers that lose packets or corrupt memory, and is slower for it",
    place: Place::Interface(known_problems),
};

fn known_problems(look: &Look<'_>, device: &Device) -> Seen {
    look.note("ETHTOOL_GDRVINFO");
    let facts = &device.facts;
    if !look.wants.af_xdp {
        return Seen::ok("the configuration wants sockets only, which work with every driver");
    }
    let platform = Platform {
        driver: &facts.driver,
        kernel: facts.kernel_version(),
        // Of a kernel that reports nothing, and of a driver that redirects nothing, another check tells.
        features: Some(crate::ingest::netdev::XdpFeatures::of(
            true, true, true, true,
        )),
    };
    for (tier, verdict) in [
        (Tier::Skb, Seen::fail as fn(String, Remedy) -> Seen),
        (Tier::Copy, Seen::fail),
        (Tier::ZeroCopy, Seen::warn),
    ] {
        if let Some(obstacle) = allow::ruled_out(tier, platform) {
            return verdict(
                format!("no {tier}: {}", obstacle.reason),
                Remedy::advice(obstacle.remedy),
            );
        }
    }
    let version = device.info.as_ref().map_or_else(
        |_| "no driver to name: nothing known".to_owned(),
        |info| {
            let firmware = match info.firmware.as_str() {
                "" | "N/A" => String::new(),
                firmware => format!(", firmware {firmware}"),
            };
            format!("{} {}{firmware}: nothing known", info.driver, info.version)
        },
    );
    Seen::ok(version)
}

pub(super) const KIND: Check = Check {
    number: 9,
    id: "device-kind",
    title: "what kind of device this is",
    severity: Severity::Fail,
    side: Side::Both,
    reads: "`/sys/class/net/X/device` (physfn, virtfn*, modalias, subsystem), `/sys/class/net/X/uevent`",
    good: "a function of a card",
    cost: "a bond, bridge, VLAN or macvlan has no receive queues of its own: AF_XDP on it is generic XDP at best",
    place: Place::Interface(kind),
};

fn kind(look: &Look<'_>, device: &Device) -> Seen {
    if !device.in_sysfs {
        return Seen::skipped("`/sys` shows another network namespace's devices");
    }
    let uevent = look.text(&device.sys("uevent")).unwrap_or_default();
    let stacked = uevent
        .lines()
        .find_map(|line| line.strip_prefix("DEVTYPE="));
    if let Some(kind @ ("bond" | "bridge" | "vlan" | "macvlan" | "team")) = stacked {
        return Seen::fail(
            format!("a {kind}: packets come through the devices below it"),
            Remedy::advice(format!(
                "name the card's own interface in the configuration, and `{}` as its membership_interface",
                device.name
            )),
        );
    }
    let below = look.list(&device.sys("device"));
    if below.is_empty() {
        return Seen::ok(format!(
            "a device of software ({})",
            match device.facts.driver.as_str() {
                "" => "no driver to name",
                driver => driver,
            }
        ));
    }
    let has = |name: &str| below.iter().any(|file| file == name);
    let functions = below
        .iter()
        .filter(|file| file.starts_with("virtfn"))
        .count();
    let bus = look
        .target(&device.sys("device/subsystem"))
        .unwrap_or_default();
    let id = look
        .text(&device.sys("device/modalias"))
        .unwrap_or_default();
    let what = if has("physfn") {
        "a virtual function, whose physical function this machine has".to_owned()
    } else if functions > 0 {
        format!("a physical function with {functions} virtual ones")
    } else if bus == "virtio" {
        "a virtual card of the hypervisor (virtio)".to_owned()
    } else if is_function_driver(&device.facts.driver) || is_function_id(&id) {
        "a virtual function of a card that the host owns".to_owned()
    } else {
        "a function of a card".to_owned()
    };
    Seen::ok(match id.as_str() {
        "" => what,
        id => format!("{what}, {id}"),
    })
}

/// Drivers of virtual functions alone.
fn is_function_driver(driver: &str) -> bool {
    matches!(
        driver,
        "iavf" | "ixgbevf" | "igbvf" | "ena" | "mana" | "gve"
    )
}

/// Virtual functions of Mellanox cards share their driver with physical ones; the PCI ids differ (drivers/net/ethernet/
/// mellanox/mlx5/core/main.c, those marked MLX5_PCI_DEV_IS_VF).
fn is_function_id(modalias: &str) -> bool {
    let virtual_ids = [
        "1012", "1014", "1016", "1018", "101A", "101C", "101E", "A2D3",
    ];
    modalias
        .strip_prefix("pci:v000015B3d0000")
        .and_then(|rest| rest.get(..4))
        .is_some_and(|id| virtual_ids.contains(&id))
}

pub(super) const MTU: Check = Check {
    number: 18,
    id: "mtu",
    title: "the MTU is not too large for native XDP",
    severity: Severity::Fail,
    side: Side::Guest,
    reads: "rtnetlink RTM_GETLINK, IFLA_MTU; the gateway's table of drivers",
    good: "at most what the driver takes in one piece",
    cost: "the driver refuses the XDP program: packets come through generic XDP or sockets",
    place: Place::Interface(mtu),
};

fn mtu(look: &Look<'_>, device: &Device) -> Seen {
    look.note("rtnetlink RTM_GETLINK");
    let facts = &device.facts;
    if !look.wants.af_xdp {
        return Seen::ok(format!(
            "{}, and the configuration wants sockets only",
            facts.mtu
        ));
    }
    match mtu::too_long(&device.name, &facts.driver, facts.mtu) {
        None => Seen::ok(match mtu::limit(&facts.driver) {
            Some(limit) => format!("{}, and {} takes up to {limit}", facts.mtu, facts.driver),
            None => format!("{}; no limit of this driver is known", facts.mtu),
        }),
        Some(obstacle) => Seen::fail(
            obstacle.reason,
            Remedy::command(format!("ip link set dev {} mtu 1500", device.name))
                .with("feeds send no packet above 1500 bytes"),
        ),
    }
}
