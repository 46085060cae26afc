//! Idle states of the cores that the configuration pins threads to.
//!
//! A core that sleeps deeply takes up to some hundred microseconds to wake up. Holding `/dev/cpu_dma_latency` open forbids
//! that to the whole machine and ends with the process that holds it; `pm_qos_resume_latency_us` forbids it to single
//! cores, needs nobody to hold it, and is what a configured machine can be compared with. The governors of cpuidle obey
//! the stricter of both.

use std::collections::BTreeSet;

use super::plan::{Plan, Stage, Wanted};
use super::setting::{Setting, Wish};

pub(super) const STAGE: Stage = Stage {
    name: "cpu-latency",
    about: "idle states of the cores that threads are pinned to",
    wanted,
};

fn wanted(plan: &Plan<'_>) -> Wanted {
    let mut all = Wanted::default();
    let Some(latency_us) = plan.profile.cpu_latency.wakeup_us_max else {
        return all;
    };
    let config = plan.config;
    let workers = config.workers.iter().filter_map(|worker| worker.core);
    let books = config.books.iter().filter_map(|book| book.core);
    let cores: BTreeSet<usize> = workers.chain(books).collect();
    if cores.is_empty() {
        all.note(
            "no worker and no book is pinned to a core, so none is kept awake; set `core`, or hold /dev/cpu_dma_latency open",
        );
    }
    for cpu in cores {
        // The kernel reads 0 as "no limit".
        let value = match latency_us {
            0 => "n/a".to_owned(),
            limit => limit.to_string(),
        };
        all.wish(Wish::exactly(Setting::CpuResumeLatency { cpu }, value));
    }
    all
}
