//! Workers: the threads that poll, decode and publish.
//!
//! The control plane makes everything a worker needs ([`Plan`]), starts it ([`start`]) and keeps a [`WorkerHandle`]:
//! counters to read, a line to send commands on, and events to receive. The thread allocates and frees nothing until
//! it is told to stop; what it owned it frees at its end.

pub mod board;
pub mod control;
pub mod feed;
pub mod filter;
mod pin;
mod poll;
mod route;
#[cfg(test)]
mod scraped;
pub mod sink;
pub mod supply;
pub mod symbols;
#[cfg(test)]
mod waking;

use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, bounded};
use gateway_feed::sink::Nanos;
use gateway_queue::Publisher;

pub use control::Retired;
pub use pin::{PinError, pin};
pub use poll::{WorkerChannel, WorkerEvent, WorkerInput};
pub use route::{LineOf, Route, Units};

use crate::config::model::Wait;
use crate::ingest::Provider;
use board::{ShownThread, WorkerBoard};
use control::{COMMANDS_MAX, Command, CommandError, Controls};
use filter::Filter;
use poll::{Lane, Source, Worker};
use sink::Outlet;
use supply::SupplyLine;
use symbols::Symbols;

/// Longest name of a thread in the kernel.
const THREAD_NAME_MAX: usize = 15;

/// Everything a worker needs.
#[derive(Debug)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// The CPU to pin it to.
    pub core: Option<usize>,
    /// What it does when idle.
    pub wait: Wait,
    /// What it polls.
    pub inputs: Vec<WorkerInput>,
    /// What it decodes.
    pub channels: Vec<WorkerChannel>,
    /// What it publishes to, by the bits of the channels' filters.
    pub queues: Vec<Publisher>,
}

/// A worker did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It cannot run where it should.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// The system refuses another thread.
    #[error(
        "cannot start the thread of worker \"{name}\": {source}; raise the limit of processes (`ulimit -u`)"
    )]
    Thread {
        /// The worker.
        name: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// It ended before it ran.
    #[error("worker \"{name}\" ended as it started; this is a defect, please report it")]
    Ended {
        /// The worker.
        name: String,
    },
}

/// The control plane's side of a running worker.
#[derive(Debug)]
pub struct WorkerHandle {
    /// Its name.
    pub name: String,
    /// Its counters.
    pub board: Arc<WorkerBoard>,
    /// What it has to tell.
    pub events: Receiver<WorkerEvent>,
    /// The old ends of queues that it rotated.
    pub retired: Receiver<Retired>,
    /// By channel, in the order of the plan: the line to those that recover.
    pub supplies: Vec<Option<SupplyLine>>,
    /// By channel, in the order of the plan: the symbols that it has learnt.
    pub symbols: Vec<Arc<Symbols>>,
    controls: Controls,
    thread: JoinHandle<()>,
}

/// Starts a worker and returns once it runs on its CPU.
///
/// # Errors
/// [`StartError`].
pub fn start(plan: Plan) -> Result<WorkerHandle, StartError> {
    let board = Arc::new(WorkerBoard::new(
        plan.inputs.len(),
        plan.channels.len(),
        plan.queues.len(),
    ));
    let supplied = plan.channels.iter().filter(|c| c.recovers).count();
    let (controls, inbox) = control::line(supplied);
    let symbols = plan.channels.iter().map(|c| c.filter.symbols()).collect();
    let mut supplies = Vec::new();
    let mut lanes = Vec::new();
    for (index, channel) in plan.channels.into_iter().enumerate() {
        let line = (channel.recovers).then(|| supply::line(controls.clone(), index));
        let (line, end) = line.unzip();
        supplies.push(line);
        lanes.push(Lane::new(channel, end));
    }
    // A provider has one event in its life, and another takes its place only when that was read: none ever finds the line
    // full.
    let (events_in, events) = bounded(plan.inputs.len().max(1));
    let (retired_in, retired) = bounded(COMMANDS_MAX);
    let (ready_in, ready) = bounded(1);
    let worker = Worker {
        inputs: plan.inputs.into_iter().map(Source::new).collect(),
        lanes,
        due: Nanos::MAX,
        outlets: plan.queues.into_iter().map(Outlet::new).collect(),
        wait: plan.wait,
        board: Arc::clone(&board),
        inbox,
        events: events_in,
        retired: retired_in,
        rounds: board::Rounds::default(),
    };
    let (name, core) = (plan.name, plan.core);
    let title = format!("worker \"{name}\"");
    let thread = std::thread::Builder::new()
        .name(name.chars().take(THREAD_NAME_MAX).collect())
        .spawn(move || {
            let _shown = ShownThread::new(Arc::clone(&worker.board));
            let pinned = core.map_or(Ok(()), |core| pin(&title, core));
            let failed = pinned.is_err();
            // The starter waits for this; if it is gone nobody needs the worker.
            if ready_in.send(pinned).is_err() || failed {
                return;
            }
            drop(worker.run());
        })
        .map_err(|source| StartError::Thread {
            name: name.clone(),
            source,
        })?;
    match ready.recv() {
        Ok(pinned) => pinned?,
        Err(_) => return Err(StartError::Ended { name }),
    }
    Ok(WorkerHandle {
        name,
        board,
        events,
        retired,
        supplies,
        symbols,
        controls,
        thread,
    })
}

impl WorkerHandle {
    /// Whether its thread is gone.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Tells it to close its queues and end.
    ///
    /// # Errors
    /// It does not read its commands, or has ended.
    pub fn stop(&self) -> Result<(), CommandError> {
        self.controls.send(Command::Stop)
    }

    /// Has it publish into `successor` instead of its queue of that index from the next record on. The old end comes
    /// back by [`Self::retired`].
    ///
    /// # Errors
    /// It does not read its commands, or has ended.
    pub fn rotate(&self, queue: usize, successor: Publisher) -> Result<(), CommandError> {
        self.controls.send(Command::Rotate { queue, successor })
    }

    /// Has a snapshot told of the books of its channel of that index, because a reader has lost records. One that is
    /// wanted already is enough, and nothing comes of it where no server has any.
    ///
    /// # Errors
    /// It does not read its commands, or has ended.
    pub fn refresh(&self, channel: usize) -> Result<(), CommandError> {
        self.controls.send(Command::Refresh { channel })
    }

    /// Whether it would take another command now.
    #[must_use]
    pub fn can_take_commands(&self) -> bool {
        self.controls.has_room()
    }

    /// Has it poll `provider` in place of its input of that index. The old one comes back by [`Self::retired`].
    ///
    /// # Errors
    /// It does not read its commands, or has ended.
    pub fn swap(&self, input: usize, provider: Box<Provider>) -> Result<(), CommandError> {
        self.controls.send(Command::Swap { input, provider })
    }

    /// Has a channel's records go where `filter` says, from the next burst on. The old one comes back by [`Self::retired`].
    ///
    /// # Errors
    /// It does not read its commands, or has ended.
    pub fn refilter(&self, channel: usize, filter: Box<Filter>) -> Result<(), CommandError> {
        self.controls.send(Command::Filter { channel, filter })
    }

    /// Whether it would take so many further commands now.
    #[must_use]
    pub fn has_room_for(&self, commands: usize) -> bool {
        self.controls.has_room_for(commands)
    }

    /// Waits until it has ended; `false` if it panicked.
    #[must_use]
    pub fn join(self) -> bool {
        self.thread.join().is_ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Write;
    use std::time::{Duration, Instant};

    use gateway_capture::{LinkType, PcapWriter};

    use super::*;
    use crate::ingest::{Pace, PcapIngest, UdpChecksum};

    #[test]
    fn every_input_tells_its_end_however_many_there_are() {
        const INPUTS: usize = 70;
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let empty = PcapWriter::new(Vec::new(), LinkType::Ethernet).unwrap();
        file.write_all(&empty.finish().unwrap()).unwrap();
        let input = |_| {
            let pace = Pace::AsFastAsPossible;
            let capture = PcapIngest::open(file.path(), &[], pace, UdpChecksum::Count);
            WorkerInput {
                provider: Provider::Pcap(capture.unwrap()),
                routes: Vec::new(),
            }
        };
        let handle = start(Plan {
            name: "w0".to_owned(),
            core: None,
            wait: Wait::Sleep,
            inputs: (0..INPUTS).map(input).collect(),
            channels: Vec::new(),
            queues: Vec::new(),
        })
        .unwrap();
        // Nobody reads them before all are there.
        let deadline = Instant::now() + Duration::from_secs(10);
        while handle.events.len() < INPUTS && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
        let mut ended: Vec<usize> = handle
            .events
            .try_iter()
            .map(|event| match event {
                WorkerEvent::InputFinished { input } | WorkerEvent::InputFailed { input, .. } => {
                    input
                }
            })
            .collect();
        ended.sort_unstable();
        assert_eq!(ended, Vec::from_iter(0..INPUTS));
        handle.stop().unwrap();
        assert!(handle.join());
    }
}
