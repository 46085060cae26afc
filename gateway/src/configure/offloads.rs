//! Offloads of receiving: what the card does to packets before the XDP program sees them.

use super::plan::{Plan, Stage, Wanted, uses_af_xdp};
use super::setting::{Feature, Setting, Wish, on_off};

pub(super) const STAGE: Stage = Stage {
    name: "offloads",
    about: "packets are not merged, and keep their VLAN tags",
    wanted,
};

fn wanted(plan: &Plan<'_>) -> Wanted {
    let mut all = Wanted::default();
    let offloads = &plan.profile.offloads;
    for (interface, _) in plan.interfaces() {
        if !uses_af_xdp(interface) {
            continue;
        }
        for (feature, on) in [
            (Feature::LargeReceive, offloads.large_receive),
            (Feature::HardwareGro, offloads.hardware_gro),
            (Feature::VlanStrip, offloads.vlan_strip),
        ] {
            let Some(on) = on else { continue };
            let interface = interface.name.clone();
            all.wish(Wish::exactly(
                Setting::Offload { interface, feature },
                on_off(on),
            ));
        }
    }
    all
}
