//! Which queue the card puts a packet on.
//!
//! Where the configuration polls some of several queues, packets that the card spreads over the others go to the kernel.
//! The indirection table of its hash then names the polled queues only. Where all queues are polled any table will do.

use super::plan::{Plan, Stage, Wanted, uses_af_xdp};
use super::setting::{Setting, Wish};
use crate::ingest::Queues;

pub(super) const STAGE: Stage = Stage {
    name: "steering",
    about: "packets are spread over polled queues only",
    wanted,
};

fn wanted(plan: &Plan<'_>) -> Wanted {
    let mut all = Wanted::default();
    if plan.profile.steering.polled_queues_only != Some(true) {
        return all;
    }
    for (interface, _) in plan.interfaces() {
        let Queues::Only(queues) = &interface.queues else {
            continue;
        };
        let active = plan.machine.receive_queues(&interface.name).unwrap_or(0);
        if !uses_af_xdp(interface) || active as usize <= queues.len() {
            continue;
        }
        let setting = Setting::HashTable {
            interface: interface.name.clone(),
        };
        let entries = match plan.machine.read(&setting) {
            Ok(table) => table.split(' ').count(),
            // Refused again, and told, when it is to be set.
            Err(_) => queues.len(),
        };
        let table: Vec<String> = queues
            .iter()
            .cycle()
            .take(entries)
            .map(u32::to_string)
            .collect();
        all.wish(Wish::exactly(setting, table.join(" ")));
    }
    all
}
