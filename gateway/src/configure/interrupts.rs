//! Where the interrupts of the queues go.
//!
//! A busy-polled queue's interrupt belongs on the worker's own core: there it finds the queue empty and costs nobody
//! anything. Without busy polling it must not go there, because a worker that spins keeps it waiting. Interrupts of the
//! device's other events are left alone.

use super::plan::{Plan, Stage, Wanted, is_busy_polled};
use super::profile::Place;
use super::setting::{Setting, Wish};

pub(super) const STAGE: Stage = Stage {
    name: "interrupts",
    about: "CPUs that the queues' interrupts go to",
    wanted,
};

fn wanted(plan: &Plan<'_>) -> Wanted {
    let mut all = Wanted::default();
    let Some(place) = plan.profile.interrupts.place else {
        return all;
    };
    let housekeeping = plan.config.gateway.housekeeping_core;
    for (interface, worker) in plan.interfaces() {
        let name = &interface.name;
        let (cpu, key) = match place {
            Place::ByPolling if is_busy_polled(interface) => {
                (worker.core, format!("`core` of worker \"{}\"", worker.name))
            }
            Place::ByPolling | Place::Housekeeping => {
                (housekeeping, "`gateway.housekeeping_core`".to_owned())
            }
        };
        let Some(cpu) = cpu else {
            all.note(format!(
                "{name}: {key} is not set, so its interrupts stay where they are"
            ));
            continue;
        };
        let interrupts = plan.machine.interrupts(name);
        if interrupts.is_empty() {
            all.note(format!("{name}: no interrupts of queues are known"));
        }
        for interrupt in interrupts {
            let setting = Setting::InterruptCpus { interrupt };
            all.wish(Wish::exactly(setting, cpu));
        }
    }
    if !all.wishes.is_empty() && plan.machine.runs("irqbalance") {
        all.note(format!(
            "irqbalance runs and will move interrupts again; stop it (`systemctl disable --now irqbalance`), or start it \
             with {}",
            all.wishes
                .iter()
                .filter_map(|wish| match wish.setting {
                    Setting::InterruptCpus { interrupt } => Some(format!("--banirq={interrupt}")),
                    _ => None,
                })
                .collect::<Vec<_>>()
                .join(" ")
        ));
    }
    all
}
