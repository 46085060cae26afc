//! How the queues of a running gateway get their packets moved: interrupts, and where they go.

use super::Finding;
use crate::ingest::{Obstacle, interrupts};
use crate::service::status::{InputStatus, InterfaceStatus, Status};

const SUBJECT: &str = "interrupts";

/// One finding for each thing that is wrong; one that all is well where something is known and nothing is wrong.
pub(super) fn findings(status: &Status, shown: &InterfaceStatus) -> Vec<Finding> {
    let worker = status.workers.iter().find(|w| w.name == shown.worker);
    let core = worker.and_then(|worker| worker.core);
    let mut all: Vec<Finding> = shown
        .queues
        .iter()
        .flat_map(|queue| wrong(&shown.name, queue, core))
        .map(|Obstacle { reason, remedy }| Finding::mind(SUBJECT, reason, remedy))
        .collect();
    let known: Vec<String> = shown
        .queues
        .iter()
        .filter_map(|queue| Some(format!("queue {}: {}", queue.queue, queue.napi?.irq?)))
        .collect();
    if all.is_empty() && !known.is_empty() {
        all.push(Finding::fine(SUBJECT, known.join(", ")));
    }
    all
}

fn wrong(interface: &str, queue: &InputStatus, core: Option<usize>) -> Vec<Obstacle> {
    let polled = queue.busy_poll == "polls";
    let Some(napi) = queue.napi else {
        return Vec::new();
    };
    let deferred = polled
        .then(|| interrupts::not_deferred(interface, &queue.queue, &napi))
        .flatten();
    let place = || {
        let cpus = queue.irq_cpus.as_deref()?;
        interrupts::misplaced(&queue.queue, napi.irq?, cpus, core?, polled)
    };
    deferred.into_iter().chain(place()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::netdev::Napi;
    use crate::service::status::WorkerStatus;

    #[test]
    fn each_queue_tells_what_is_wrong_with_its_interrupt() {
        let queue = InputStatus {
            queue: "0".into(),
            busy_poll: "polls".into(),
            napi: Some(Napi {
                id: 8193,
                irq: Some(45),
                defer_hard_irqs: Some(100),
                gro_flush_timeout_ns: Some(200_000),
            }),
            irq_cpus: Some("2".into()),
            ..InputStatus::default()
        };
        type Change = fn(&mut InputStatus);
        let table: [(Change, &[&str]); 5] = [
            (|_| {}, &[]),
            (|q| q.irq_cpus = Some("0-3".into()), &["polls it on 2"]),
            (
                |q| {
                    q.irq_cpus = Some("0-3".into());
                    q.napi = q.napi.map(|napi| Napi {
                        defer_hard_irqs: Some(0),
                        ..napi
                    });
                },
                &["comes all the same", "polls it on 2"],
            ),
            (|q| q.busy_poll = "off".into(), &["spins on 2"]),
            (|q| q.napi = None, &[]),
        ];
        for (number, (change, says)) in table.into_iter().enumerate() {
            let mut queue = queue.clone();
            change(&mut queue);
            let shown = InterfaceStatus {
                name: "eth1".into(),
                worker: "w0".into(),
                queues: vec![queue],
                ..InterfaceStatus::default()
            };
            let status = Status {
                workers: vec![WorkerStatus {
                    name: "w0".into(),
                    core: Some(2),
                    ..WorkerStatus::default()
                }],
                ..Status::default()
            };
            let found = findings(&status, &shown);
            let minded: Vec<_> = found.iter().filter(|finding| finding.attention).collect();
            assert_eq!(minded.len(), says.len(), "{number}: {found:?}");
            for (finding, says) in minded.iter().zip(says) {
                assert!(
                    finding.what.contains(says) && !finding.remedy.is_empty(),
                    "{finding:?}"
                );
            }
        }
    }
}
