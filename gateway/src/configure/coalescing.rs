//! When the card interrupts: after which delay, and who chooses it.

use super::plan::{Plan, Stage, Wanted};
use super::setting::{Setting, Wish, on_off};

pub(super) const STAGE: Stage = Stage {
    name: "coalescing",
    about: "the delay from a packet to its interrupt",
    wanted,
};

fn wanted(plan: &Plan<'_>) -> Wanted {
    let mut all = Wanted::default();
    let coalescing = &plan.profile.coalescing;
    for (interface, _) in plan.interfaces() {
        let interface = interface.name.clone();
        // First: some drivers refuse a delay while they choose it themselves.
        if let Some(on) = coalescing.adaptive {
            let interface = interface.clone();
            let setting = Setting::AdaptiveReceive { interface };
            all.wish(Wish::exactly(setting, on_off(on)));
        }
        if let Some(us) = coalescing.receive_us {
            let setting = Setting::ReceiveDelay { interface };
            all.wish(Wish::exactly(setting, us));
        }
    }
    all
}
