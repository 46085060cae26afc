//! What the driver and the kernel can do with XDP on this interface.

use super::super::check::{Check, Place, Remedy, Seen, Severity, Side};
use super::super::{Device, Look};
use crate::ingest::Tier;
use crate::ingest::allow::{self, Platform};

/// The name of our own program.
pub(super) const PROGRAM: &str = "gateway_steer";

pub(super) const FEATURES: Check = Check {
    number: 1,
    id: "xdp-features",
    title: "what the driver does with XDP",
    severity: Severity::Fail,
    side: Side::Guest,
    reads: "netlink `netdev` DEV_GET, xdp-features",
    good: "native, redirect, zero-copy",
    cost: "without zero-copy each packet is copied once (about a microsecond at bursts); without redirect packets come \
           through generic XDP or sockets, some microseconds to tens of them later",
    place: Place::Interface(features),
};

fn features(look: &Look<'_>, device: &Device) -> Seen {
    look.note("netlink netdev DEV_GET");
    if !look.wants.af_xdp {
        return Seen::ok("the configuration wants sockets only");
    }
    let Some(xdp) = device.xdp else {
        return Seen::warn(
            format!(
                "kernel {} does not report what drivers can do with XDP",
                device.facts.kernel
            ),
            Remedy::advice("boot Linux 6.3 or newer"),
        );
    };
    let has = |what: &str, has: bool| format!("{}{what}", if has { "" } else { "no " });
    let found = [
        has("native", xdp.native()),
        has("redirect", xdp.redirect()),
        has("zero-copy", xdp.zero_copy()),
    ]
    .join(", ");
    let platform = Platform {
        driver: &device.facts.driver,
        kernel: device.facts.kernel_version(),
        features: device.xdp,
    };
    match (xdp.redirect(), xdp.zero_copy()) {
        (true, true) => Seen::ok(found),
        (true, false) => Seen::warn(
            format!("{}: {found}", named(device)),
            Remedy::advice(allow::NO_ZERO_COPY_REMEDY),
        ),
        (false, _) => {
            let remedy = allow::ruled_out(Tier::Copy, platform)
                .map_or_else(String::new, |obstacle| obstacle.remedy);
            Seen::fail(
                format!("{}: {found}", named(device)),
                Remedy::advice(remedy),
            )
        }
    }
}

fn named(device: &Device) -> &str {
    match device.facts.driver.as_str() {
        "" => "no driver to name",
        driver => driver,
    }
}

pub(super) const RECEIVE_STAMP: Check = Check {
    number: 2,
    id: "nic-timestamp",
    title: "the card's time stamp for XDP programs",
    severity: Severity::Warn,
    side: Side::Guest,
    reads: "netlink `netdev` DEV_GET, xdp-rx-metadata-features",
    good: "timestamp",
    cost: "the first time stamp is the driver's hook instead of the wire: waiting in the card and for the interrupt is not \
           seen in latencies",
    place: Place::Interface(receive_stamp),
};

fn receive_stamp(look: &Look<'_>, device: &Device) -> Seen {
    look.note("netlink netdev DEV_GET");
    match device.xdp {
        None => Seen::skipped("this kernel does not report it (6.3 and newer do)"),
        Some(xdp) if xdp.nic_timestamp() => Seen::ok(
            "programs that are loaded for this device can read it: with `hardware_timestamps` the gateway's is (`gateway status`)",
        ),
        Some(_) => Seen::warn(
            format!("{} does not offer it", named(device)),
            Remedy::advice(
                "a newer kernel, or a card whose driver has it (such as mlx5_core, mlx4_en, igc, ice, stmmac); else stamps are the kernel's",
            ),
        ),
    }
}

pub(super) const SENDING: Check = Check {
    number: 3,
    id: "xsk-features",
    title: "what the driver does for packets that AF_XDP sends",
    severity: Severity::Info,
    side: Side::Guest,
    reads: "netlink `netdev` DEV_GET, xsk-features",
    good: "any",
    cost: "nothing: the gateway only receives",
    place: Place::Interface(sending),
};

fn sending(look: &Look<'_>, device: &Device) -> Seen {
    look.note("netlink netdev DEV_GET");
    let Some(xdp) = device.xdp else {
        return Seen::skipped("this kernel does not report it (6.8 and newer do)");
    };
    Seen::ok(match xdp.socket_sends() {
        (true, true) => "stamps and checksums",
        (true, false) => "stamps",
        (false, true) => "checksums",
        (false, false) => "none",
    })
}

pub(super) const OTHER_PROGRAM: Check = Check {
    number: 7,
    id: "xdp-owner",
    title: "whose XDP program is on the interface",
    severity: Severity::Fail,
    side: Side::Guest,
    reads: "rtnetlink RTM_GETLINK, IFLA_XDP; the program's name by `bpf`",
    good: "none, or the gateway's own",
    cost: "the gateway cannot attach its program, and falls back to sockets or does not start (exit code 10)",
    place: Place::Interface(other_program),
};

fn other_program(look: &Look<'_>, device: &Device) -> Seen {
    look.note("rtnetlink RTM_GETLINK");
    let Some(attached) = &device.facts.other_program else {
        return Seen::ok("none");
    };
    match &device.program {
        Some(name) if name == PROGRAM => Seen::ok(format!("the gateway's own ({attached})")),
        _ if look.wants.running => Seen::ok(format!("the running gateway's ({attached})")),
        name => Seen::fail(
            format!(
                "{attached}, {}",
                name.as_ref().map_or_else(
                    || "whose name this process may not ask for".to_owned(),
                    |name| format!("`{name}`")
                )
            ),
            Remedy::command(format!("ip link set dev {} xdp off", device.name))
                .with("stop its owner rather than only taking it off: `bpftool net` and `bpftool link` show who it is"),
        ),
    }
}
