//! What the card and the kernel do to packets before anybody sees them.

use super::super::check::{Check, Place, Remedy, Seen, Severity, Side};
use super::super::{Device, Look};

pub(super) const MERGING: Check = Check {
    number: 16,
    id: "packet-merging",
    title: "the card merges no packets",
    severity: Severity::Fail,
    side: Side::Guest,
    reads: "netlink `ethtool` FEATURES_GET: rx-lro, rx-gro-hw, rx-udp-gro-forwarding",
    good: "off",
    cost: "drivers refuse native XDP (mlx5), and packets wait to be merged",
    place: Place::Interface(merging),
};

/// The kernel's name, and the one that `ethtool -K` takes.
const MERGES: [(&str, &str); 3] = [
    ("rx-lro", "lro"),
    ("rx-gro-hw", "rx-gro-hw"),
    ("rx-udp-gro-forwarding", "rx-udp-gro-forwarding"),
];

fn merging(look: &Look<'_>, device: &Device) -> Seen {
    look.note("netlink ethtool FEATURES_GET");
    let offloads = match &device.offloads {
        Ok(offloads) => offloads,
        Err(refusal) => {
            return Seen::skipped(format!("the kernel does not tell: {}", refusal.text));
        }
    };
    let on: Vec<_> = MERGES
        .iter()
        .filter(|(name, _)| offloads.on(name))
        .collect();
    if on.is_empty() {
        return Seen::ok("LRO, hardware GRO and forwarding of merged UDP are off");
    }
    let names: Vec<&str> = on.iter().map(|(_, name)| *name).collect();
    let fixed: Vec<&str> = on
        .iter()
        .filter(|(name, _)| !offloads.changeable(name))
        .map(|(_, option)| *option)
        .collect();
    let found = format!("on: {}", names.join(", "));
    if !fixed.is_empty() {
        return Seen::warn(
            format!(
                "{found}; the driver does not let {} be switched",
                fixed.join(", ")
            ),
            Remedy::advice(
                "on virtio_net the host decides: `guest_tso4=off,guest_tso6=off,guest_ufo=off` for the device",
            ),
        );
    }
    let switches: Vec<String> = names.iter().map(|name| format!("{name} off")).collect();
    Seen::fail(
        found,
        Remedy::command(format!("ethtool -K {} {}", device.name, switches.join(" "))),
    )
}

pub(super) const VLAN: Check = Check {
    number: 17,
    id: "vlan-offload",
    title: "VLAN tags are where the XDP program sees them",
    severity: Severity::Warn,
    side: Side::Guest,
    reads: "netlink `ethtool` FEATURES_GET: rx-vlan-hw-parse; `/proc/net/vlan/config`",
    good: "off, or no VLAN on this interface",
    cost: "the card takes the tag off before XDP: the gateway receives the feed, but cannot tell which VLAN a packet came by",
    place: Place::Interface(vlan),
};

fn vlan(look: &Look<'_>, device: &Device) -> Seen {
    look.note("netlink ethtool FEATURES_GET");
    let offloads = match &device.offloads {
        Ok(offloads) => offloads,
        Err(refusal) => {
            return Seen::skipped(format!("the kernel does not tell: {}", refusal.text));
        }
    };
    if !offloads.on("rx-vlan-hw-parse") {
        return Seen::ok("off: tags stay in the packet");
    }
    // Lines `name | id | parent`.
    let config = look.text("/proc/net/vlan/config").unwrap_or_default();
    let tagged: Vec<&str> = config
        .lines()
        .filter_map(|line| {
            let (name, rest) = line.split_once('|')?;
            let (_, parent) = rest.split_once('|')?;
            (parent.trim() == device.name).then_some(name.trim())
        })
        .collect();
    if tagged.is_empty() {
        return Seen::ok("on, and no VLAN is made on this interface");
    }
    let found = format!("on, and there are VLANs on it: {}", tagged.join(", "));
    if !offloads.changeable("rx-vlan-hw-parse") {
        return Seen::warn(
            found,
            Remedy::advice(
                "the driver does not let it be switched: keep each feed's groups unique among the VLANs",
            ),
        );
    }
    Seen::warn(
        found,
        Remedy::command(format!("ethtool -K {} rxvlan off", device.name)),
    )
}
