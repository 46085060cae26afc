//! How many packets a receive queue of the card holds.

use super::plan::{Plan, Stage, Wanted};
use super::setting::{Setting, Wish};

pub(super) const STAGE: Stage = Stage {
    name: "rings",
    about: "packets that a receive queue holds",
    wanted,
};

fn wanted(plan: &Plan<'_>) -> Wanted {
    let mut all = Wanted::default();
    let Some(entries) = plan.profile.rings.receive else {
        return all;
    };
    for (interface, _) in plan.interfaces() {
        let setting = Setting::ReceiveRing {
            interface: interface.name.clone(),
        };
        let most = plan.machine.most(&setting).unwrap_or(u32::MAX);
        all.wish(Wish::exactly(setting, entries.min(most)));
    }
    all
}
