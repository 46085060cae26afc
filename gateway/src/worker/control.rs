//! The control plane's line to a worker.
//!
//! A bounded crossbeam channel carries the commands. Asking it whether there is one costs a full fence, so the worker
//! looks at a plain word first, the doorbell, and reads the channel only when that has changed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use gateway_feed::recovery::Supply;
use gateway_queue::Publisher;

use super::filter::Filter;
use super::supply::SUPPLIES_MAX;
use crate::ingest::Provider;

/// Commands that may wait, supplies left out; a worker reads them within a burst.
pub(super) const COMMANDS_MAX: usize = 64;

/// What the control plane may tell a worker.
#[derive(Debug)]
pub enum Command {
    /// Close the queues and end.
    Stop,
    /// Publish into this queue's successor from the next record on, and give the old one back.
    Rotate {
        /// Index among the worker's queues.
        queue: usize,
        /// What takes its place, ready to be written.
        successor: Publisher,
    },
    /// Poll this provider instead of the input's present one, and give that back.
    Swap {
        /// Index among the worker's inputs.
        input: usize,
        /// What takes its place; [`Provider::unplugged`] for nothing. The old one comes back in the same box.
        provider: Box<Provider>,
    },
    /// Have a channel's records go where this filter says, and give the old one back.
    Filter {
        /// Index among the worker's channels.
        channel: usize,
        /// What takes the present one's place, a successor of it. The old one comes back in the same box.
        filter: Box<Filter>,
    },
    /// Give a channel what was had from elsewhere than its lines. It comes back by the channel's
    /// [`SupplyLine`](super::supply::SupplyLine).
    Supply {
        /// Index among the worker's channels.
        channel: usize,
        /// What it is given.
        supply: Supply,
    },
    /// Have the state of a channel's books told anew by a snapshot: a builder of books has lost records of it.
    Refresh {
        /// Index among the worker's channels.
        channel: usize,
    },
}

/// What a worker is done with, given back because it never frees anything.
#[derive(Debug)]
pub enum Retired {
    /// A queue's old end.
    Queue {
        /// Index among the worker's queues.
        queue: usize,
        /// The end that nothing more is written to. It is not closed yet: its readers wait.
        publisher: Publisher,
    },
    /// A channel's old filter.
    Filter {
        /// Index among the worker's channels.
        channel: usize,
        /// What nothing is asked of any more.
        filter: Box<Filter>,
    },
    /// An input's old provider.
    Input {
        /// Index among the worker's inputs.
        input: usize,
        /// What is not polled any more. What it has counted is kept by the worker.
        provider: Box<Provider>,
    },
}

/// Why a command was not taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The worker has not read the commands before it: it is stuck, or its core is taken.
    #[error(
        "the worker does not read its commands; is its core taken by another process (`top -H`)?"
    )]
    Full,
    /// The worker has ended.
    #[error("the worker has ended")]
    Ended,
}

/// The control plane's end.
#[derive(Debug, Clone)]
pub struct Controls {
    commands: Sender<Command>,
    doorbell: Arc<AtomicU64>,
}

/// The worker's end.
#[derive(Debug)]
pub(crate) struct Inbox {
    commands: Receiver<Command>,
    doorbell: Arc<AtomicU64>,
    seen: u64,
}

/// A line between the control plane and one worker, of whose channels so many are supplied. There is room for the
/// supplies of all of them besides other commands, so that these never wait for those.
pub(crate) fn line(supplied: usize) -> (Controls, Inbox) {
    let (sender, receiver) = bounded(COMMANDS_MAX + supplied * SUPPLIES_MAX);
    let doorbell = Arc::new(AtomicU64::new(0));
    let controls = Controls {
        commands: sender,
        doorbell: Arc::clone(&doorbell),
    };
    let inbox = Inbox {
        commands: receiver,
        doorbell,
        seen: 0,
    };
    (controls, inbox)
}

impl Controls {
    /// Gives the worker a command; it acts on it between two bursts.
    ///
    /// # Errors
    /// [`CommandError`]: the command was not taken.
    pub fn send(&self, command: Command) -> Result<(), CommandError> {
        self.commands
            .try_send(command)
            .map_err(|error| match error {
                TrySendError::Full(_) => CommandError::Full,
                TrySendError::Disconnected(_) => CommandError::Ended,
            })?;
        // Relaxed: the word carries no data, the channel's own synchronisation does. It is rung after the command is
        // in; a worker that sees the ring late only looks late.
        self.doorbell.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

impl Controls {
    /// Whether another command would be taken now. Nobody else gives commands meanwhile: the control plane has one thread.
    pub(super) fn has_room(&self) -> bool {
        !self.commands.is_full()
    }

    /// The same for so many commands.
    pub(super) fn has_room_for(&self, commands: usize) -> bool {
        let capacity = self.commands.capacity().unwrap_or(usize::MAX);
        capacity - self.commands.len() >= commands
    }
}

impl Inbox {
    /// The next command, if the doorbell was rung since the last look.
    #[inline]
    pub(crate) fn next(&mut self) -> Option<Command> {
        // Relaxed: partner of the ring in `send`; see there.
        if self.doorbell.load(Ordering::Relaxed) == self.seen {
            return None;
        }
        self.read()
    }

    #[cold]
    fn read(&mut self) -> Option<Command> {
        let command = self.commands.try_recv().ok();
        if command.is_some() {
            self.seen = self.seen.wrapping_add(1);
        }
        command
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_command_arrives_once() {
        let (controls, mut inbox) = line(0);
        assert!(inbox.next().is_none());
        controls.send(Command::Stop).unwrap();
        assert!(matches!(inbox.next(), Some(Command::Stop)));
        assert!(inbox.next().is_none());
    }

    #[test]
    fn a_full_line_and_an_ended_worker_are_told_apart() {
        let (controls, inbox) = line(0);
        for _ in 0..COMMANDS_MAX {
            controls.send(Command::Stop).unwrap();
        }
        assert_eq!(controls.send(Command::Stop), Err(CommandError::Full));
        drop(inbox);
        assert_eq!(controls.send(Command::Stop), Err(CommandError::Ended));
    }
}
