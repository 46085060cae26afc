//! How many receive queues a card has.
//!
//! One worker polls all queues of an interface, so more than one only spreads its packets. The queues that the
//! configuration names have to exist; a card that cannot have as many as wanted has what it can.

use super::plan::{Plan, Stage, Wanted, uses_af_xdp};
use super::setting::{QueueKind, Setting, Wish};
use crate::ingest::Queues;

pub(super) const STAGE: Stage = Stage {
    name: "channels",
    about: "how many receive queues there are",
    wanted,
};

fn wanted(plan: &Plan<'_>) -> Wanted {
    let mut all = Wanted::default();
    let Some(receive) = plan.profile.channels.receive else {
        return all;
    };
    for (interface, _) in plan.interfaces() {
        if !uses_af_xdp(interface) {
            continue;
        }
        let polled = match &interface.queues {
            Queues::All => 1,
            Queues::Only(queues) => queues.iter().max().map_or(1, |last| last + 1),
        };
        let of = |queues| Setting::Channels {
            interface: interface.name.clone(),
            queues,
        };
        // A card has pairs of queues, or queues of either kind.
        let pairs = of(QueueKind::Combined);
        let setting = match plan.machine.most(&pairs) {
            Some(most) if most > 0 => pairs,
            _ => of(QueueKind::Receive),
        };
        let most = plan.machine.most(&setting).unwrap_or(u32::MAX);
        all.wish(Wish::exactly(setting, receive.max(polled).min(most)));
    }
    all
}
