//! NAPI deferral: while a worker busy-polls a queue its interrupts stay off.
//!
//! Preferred busy polling needs both numbers (Documentation/networking/napi.rst): they say for how long a queue that
//! nobody polls waits for the kernel to look. Where nobody polls they only make packets late, so interfaces that are not
//! busy-polled are left alone.

use super::plan::{Plan, Stage, Wanted, is_busy_polled};
use super::setting::{Setting, Wish};

pub(super) const STAGE: Stage = Stage {
    name: "napi",
    about: "interrupts of busy-polled queues stay off",
    wanted,
};

fn wanted(plan: &Plan<'_>) -> Wanted {
    let mut all = Wanted::default();
    let napi = &plan.profile.napi;
    for (interface, _) in plan.interfaces() {
        if !is_busy_polled(interface) {
            continue;
        }
        let interface = interface.name.clone();
        if let Some(polls) = napi.defer_hard_irqs {
            let interface = interface.clone();
            let setting = Setting::NapiDeferHardIrqs { interface };
            all.wish(Wish::exactly(setting, polls));
        }
        if let Some(time_us) = napi.gro_flush_timeout_us {
            let setting = Setting::GroFlushTimeout { interface };
            all.wish(Wish::exactly(setting, time_us * 1000));
        }
    }
    all
}
