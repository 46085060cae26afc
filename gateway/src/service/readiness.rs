//! Whether the gateway does all that its configuration asks for: `/readyz`, and the gauge of that name.

use std::sync::atomic::{AtomicBool, Ordering};

use super::inputs::InterfaceState;
use super::ports::LinkState;

/// What is up, beside workers and interfaces.
///
/// Relaxed throughout: answers to questions over the network, not hand-overs of memory.
#[derive(Debug, Default)]
pub(crate) struct Readiness {
    /// From the last join until told to stop.
    started: AtomicBool,
    broker_ended: AtomicBool,
    metrics_ended: AtomicBool,
    recovery_ended: AtomicBool,
}

impl Readiness {
    /// All that starts has started, or the end has begun.
    pub(super) fn set_started(&self, started: bool) {
        self.started.store(started, Ordering::Relaxed);
    }

    /// Nobody accepts readers any more.
    pub(super) fn broker_has_ended(&self) {
        self.broker_ended.store(true, Ordering::Relaxed);
    }

    /// Nobody answers scrapes any more.
    pub(super) fn metrics_have_ended(&self) {
        self.metrics_ended.store(true, Ordering::Relaxed);
    }

    /// What a channel has lost is not had any more.
    pub(super) fn recovery_has_ended(&self) {
        self.recovery_ended.store(true, Ordering::Relaxed);
    }

    /// The first thing that is not as it should be; `None` when the gateway is ready. `workers` and `books` are names, and
    /// whether they run.
    pub(super) fn obstacle<'a>(
        &self,
        workers: impl IntoIterator<Item = (&'a str, bool)>,
        books: impl IntoIterator<Item = (&'a str, bool)>,
        interfaces: &[InterfaceState],
    ) -> Option<String> {
        if !self.started.load(Ordering::Relaxed) {
            return Some("starting or stopping".to_owned());
        }
        for (name, running) in workers {
            if !running {
                return Some(format!("worker \"{name}\" has ended"));
            }
        }
        for interface in interfaces {
            if interface.has_failed() {
                return Some(format!("input \"{}\" has failed", interface.name));
            }
            let link = interface.link();
            if !interface.is_capture() && !matches!(link, LinkState::Live | LinkState::Degraded) {
                return Some(format!(
                    "interface \"{}\" is {}",
                    interface.name,
                    link.name()
                ));
            }
            if !interface.membership.is_joined() {
                return Some(format!(
                    "the groups of \"{}\" are not joined",
                    interface.name
                ));
            }
        }
        for (name, running) in books {
            if !running {
                return Some(format!("the builder of book \"{name}\" has ended"));
            }
        }
        if self.broker_ended.load(Ordering::Relaxed) {
            return Some("the broker has ended".to_owned());
        }
        if self.metrics_ended.load(Ordering::Relaxed) {
            return Some("the metrics server has ended".to_owned());
        }
        if self.recovery_ended.load(Ordering::Relaxed) {
            return Some("a channel's recovery has ended".to_owned());
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::inputs::{InputSeat, InputState, Plugged};
    use super::super::state::Seat;
    use super::*;
    use crate::ingest::Tier;

    fn interface(name: &str, tier: Tier) -> InterfaceState {
        let mut state = InterfaceState::new(name, tier);
        state.inputs.push(InputSeat::new(
            Seat {
                worker: 0,
                index: 0,
            },
            Some(Plugged::default()),
        ));
        state
    }

    #[test]
    fn what_is_missing_is_named_and_a_capture_needs_no_groups() {
        let readiness = Readiness::default();
        let interfaces = [
            interface("eth1", Tier::Copy),
            interface("file", Tier::Capture),
        ];
        let obstacle = |readiness: &Readiness, running| {
            readiness
                .obstacle([("w0", running)], [("b0", true)], &interfaces)
                .unwrap_or_default()
        };
        assert_eq!(obstacle(&readiness, true), "starting or stopping");
        readiness.set_started(true);
        assert_eq!(
            obstacle(&readiness, true),
            "the groups of \"eth1\" are not joined"
        );
        interfaces[0].membership.set_joined(true);
        assert_eq!(obstacle(&readiness, true), "");
        assert_eq!(obstacle(&readiness, false), "worker \"w0\" has ended");
        interfaces[1].end(0, 0, InputState::Finished);
        assert_eq!(obstacle(&readiness, true), "");
        readiness.recovery_has_ended();
        assert_eq!(obstacle(&readiness, true), "a channel's recovery has ended");
        readiness.metrics_have_ended();
        assert_eq!(obstacle(&readiness, true), "the metrics server has ended");
        readiness.broker_has_ended();
        assert_eq!(obstacle(&readiness, true), "the broker has ended");
        interfaces[0].end(0, 0, InputState::Failed);
        assert_eq!(obstacle(&readiness, true), "input \"eth1\" has failed");
        readiness.set_started(false);
        assert_eq!(obstacle(&readiness, true), "starting or stopping");
    }
}
