//! Rotation of queues: memory once given cannot be taken back, so a queue goes on in other memory.
//!
//! A successor is made (on a thread of its own: a large one takes the kernel a second), the worker switches to it between
//! two bursts and gives the old end back, the broker offers the successor, and only then the old queue says that it is
//! superseded: whoever reads it to its end and asks for what comes next finds it. Nothing published is in neither.

use std::future::pending;
use std::sync::atomic::Ordering;
use std::time::Duration;

use gateway_queue::{Ending, Publisher, QueueHandle};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{error, info};

use super::assembly;
use super::error::ServiceError;
use super::state::State;
use crate::broker::Offer;
use crate::worker::WorkerHandle;

/// How often a worker's answer is looked for: its readers wait meanwhile.
const LOOK: Duration = Duration::from_millis(1);
/// A worker that did not switch after this time is told of.
const SWITCH_MAX: Duration = Duration::from_secs(2);
/// When a rotation that failed is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// What becomes of the memory that a queue leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// Late joiners find in it what they would find in a queue that was never rotated.
    Kept,
    /// Nobody who comes later may have what is in it, nor in any before it.
    LetGo,
}

/// Rotations under way.
#[derive(Debug, Default)]
pub(super) struct Rotations {
    making: JoinSet<Made>,
    switching: Vec<Switching>,
    /// Queues, by index, whose rotation failed, and when to try again.
    owed: Vec<(usize, Before)>,
    retry_at: Option<Instant>,
}

#[derive(Debug)]
struct Made {
    queue: usize,
    before: Before,
    made: Result<(Publisher, QueueHandle), ServiceError>,
}

/// A queue whose successor is on its way to the worker.
#[derive(Debug)]
struct Switching {
    queue: usize,
    before: Before,
    successor: QueueHandle,
    since: Instant,
    told: bool,
}

impl Rotations {
    /// Begins to rotate a queue, by its index in the configuration.
    pub(super) fn begin(&mut self, state: &State, queue: usize, before: Before) {
        let config = state.config.queues[queue].clone();
        self.making.spawn_blocking(move || Made {
            queue,
            before,
            made: assembly::make_queue(&config),
        });
    }

    /// Waits for the next step of any rotation and takes it. Never returns while there is none; may be dropped at any
    /// time.
    pub(super) async fn step(&mut self, state: &State, workers: &[WorkerHandle]) {
        let retry_at = self.retry_at.unwrap_or_else(Instant::now);
        tokio::select! {
            Some(made) = self.making.join_next(), if !self.making.is_empty() => {
                // A thread that panicked is a defect that its message tells of; the queue stays as it is.
                if let Ok(made) = made {
                    self.switch(state, workers, made);
                }
            }
            // The caller looks at what workers gave back whenever this returns.
            () = sleep(LOOK), if !self.switching.is_empty() => {}
            () = sleep_until(retry_at), if self.retry_at.is_some() => {
                self.retry_at = None;
                for (queue, before) in std::mem::take(&mut self.owed) {
                    self.begin(state, queue, before);
                }
            }
            else => pending().await,
        }
    }

    /// Sends a successor to its worker.
    fn switch(&mut self, state: &State, workers: &[WorkerHandle], made: Made) {
        let Made {
            queue,
            before,
            made,
        } = made;
        let seat = state.queues[queue];
        let sent = made
            .map_err(|error| error.to_string())
            .and_then(|(publisher, handle)| {
                let worker = &workers[seat.worker];
                let sent = worker.rotate(seat.index, publisher);
                sent.map_err(|error| format!("worker \"{}\": {error}", worker.name))?;
                Ok(handle)
            });
        match sent {
            Ok(successor) => self.switching.push(Switching {
                queue,
                before,
                successor,
                since: Instant::now(),
                told: false,
            }),
            Err(reason) => {
                let queue_name = &state.config.queues[queue].name;
                error!(
                    queue = queue_name,
                    reason,
                    "the queue is not rotated yet: whoever lost the entitlement can read on; trying again"
                );
                self.owed.push((queue, before));
                self.retry_at = Some(Instant::now() + RETRY);
            }
        }
    }

    /// Takes a queue's old end that a worker gave back.
    pub(super) fn take_back(
        &mut self,
        state: &State,
        worker: usize,
        queue: usize,
        publisher: Publisher,
    ) {
        let position = self.switching.iter().position(|switching| {
            let seat = state.queues[switching.queue];
            (seat.worker, seat.index) == (worker, queue)
        });
        // A worker gives back no queue but those it was sent a successor for, in their order.
        if let Some(position) = position {
            supersede(state, self.switching.remove(position), publisher);
        }
    }

    /// Frees memory that nobody can need any longer, and tells of workers that take too long.
    pub(super) fn look(&mut self, state: &State) {
        if state.catalogue.now().holds_too_much() {
            state.catalogue.change(Offer::let_go);
        }
        for switching in &mut self.switching {
            if !switching.told && switching.since.elapsed() > SWITCH_MAX {
                switching.told = true;
                error!(
                    queue = state.config.queues[switching.queue].name,
                    "its worker does not switch to the queue's successor: whoever lost the entitlement can read on; \
                     is the worker's core taken by another process (`top -H`)?"
                );
            }
        }
    }
}

/// Offers the successor, then ends the old queue.
fn supersede(state: &State, switching: Switching, old: Publisher) {
    let Switching {
        queue,
        before,
        successor,
        ..
    } = switching;
    let epoch = successor.epoch();
    state.catalogue.change(|offer| {
        offer.go_on(queue, successor, old.head());
        if before == Before::LetGo {
            offer.let_go_of(queue);
        }
    });
    old.close(Ending::Superseded {
        successor_epoch: epoch,
    });
    // A statistic: no order needed.
    state.rotations[queue].fetch_add(1, Ordering::Relaxed);
    info!(
        queue = state.config.queues[queue].name,
        epoch, "queue rotated"
    );
}
