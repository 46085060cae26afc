//! What the host allows a virtual function: only the owner of the physical function sees it.

use super::super::check::{Check, Place, Remedy, Seen, Severity, Side};
use super::super::{Device, LinkState, Look, VirtualFunction};

pub(super) const SETTINGS: Check = Check {
    number: 10,
    id: "vf-settings",
    title: "trust, spoof check, VLAN, link state and rate of virtual functions",
    severity: Severity::Fail,
    side: Side::Host,
    reads: "rtnetlink RTM_GETLINK of the physical function with the extended mask VF",
    good: "trust on, link state auto, no rate limit",
    cost: "without trust `allmulticast on` in the guest succeeds and does nothing, and groups beyond a small number do not \
           arrive; a link state of `enable` hides a pulled cable; a rate limit delays what is sent",
    place: Place::Interface(settings),
};

fn settings(look: &Look<'_>, device: &Device) -> Seen {
    look.note("rtnetlink RTM_GETLINK (RTEXT_FILTER_VF)");
    let functions = match &device.functions {
        Ok(functions) => functions,
        Err(refusal) => {
            return Seen::skipped(format!("the kernel does not tell: {}", refusal.text));
        }
    };
    if functions.is_empty() {
        return Seen::skipped(format!(
            "{} has no virtual functions (`echo N > /sys/class/net/{}/device/sriov_numvfs` makes some)",
            device.name, device.name
        ));
    }
    let mut found = Vec::new();
    let (mut failing, mut commands) = (false, Vec::new());
    for function in functions {
        found.push(told(function));
        let set = |what: &str| format!("ip link set {} vf {} {what}", device.name, function.number);
        if function.trust == Some(false) {
            failing = true;
            commands.push(set("trust on"));
        }
        if function.link_state == Some(LinkState::Disable) {
            failing = true;
            commands.push(set("state auto"));
        }
        if function.link_state == Some(LinkState::Enable) {
            commands.push(set("state auto"));
        }
        if function.rate_max_mbps != 0 {
            commands.push(set("max_tx_rate 0"));
        }
    }
    let found = found.join("; ");
    let remedy = Remedy::commands(commands);
    match (failing, remedy.commands.is_empty()) {
        (true, _) => Seen::fail(found, remedy),
        (false, false) => Seen::warn(found, remedy),
        (false, true) => Seen::ok(found),
    }
}

fn told(function: &VirtualFunction) -> String {
    let on = |setting: Option<bool>| match setting {
        Some(true) => "on",
        Some(false) => "off",
        None => "not told",
    };
    let mut text = format!(
        "vf {}: trust {}, spoof check {}",
        function.number,
        on(function.trust),
        on(function.spoof_check)
    );
    match function.link_state {
        Some(LinkState::Auto) | None => {}
        Some(LinkState::Enable) => text.push_str(", link state enable"),
        Some(LinkState::Disable) => text.push_str(", link state disable"),
    }
    if function.vlan != 0 {
        text.push_str(&format!(", VLAN {}", function.vlan));
    }
    if function.rate_max_mbps != 0 {
        text.push_str(&format!(", at most {} Mbit/s", function.rate_max_mbps));
    }
    text
}
