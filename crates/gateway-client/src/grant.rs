//! What the broker gives a reader, and where in it the reader can begin.

use std::os::fd::OwnedFd;

use gateway_queue::{OnLapped, PositionWriter, Start, Subscriber};

use crate::protocol::{ProtocolError, Reply, Request, Wish};
use crate::{ClientError, Connection};

/// Where a reader is, in a form that outlives it: for [`crate::SubscribeOptions::resuming`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Checkpoint {
    /// The gateway's run that `position` belongs to.
    pub run: u64,
    /// The next slot to be read, counted since that run began.
    pub position: u64,
}

/// What became of the wish to begin at a certain place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The first slot that will be read, counted since the gateway started.
    pub position: u64,
    /// The next slot to be published at that moment.
    pub head: u64,
    /// What was possible.
    pub outcome: JoinOutcome,
}

/// What was possible of where a reader asked to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinOutcome {
    /// It begins where it asked.
    AsAsked,
    /// So many slots from the place asked for are overwritten; the first poll reports them as lost. State cannot be
    /// rebuilt from a start that was to be [`Start::Resync`].
    Later {
        /// How many.
        slots: u64,
    },
    /// The position is yet to come: it begins at the next slot to be published.
    NotYet,
    /// The position belongs to another run of the gateway: it begins at the oldest record of this one.
    OtherRun,
}

/// Descriptors that the broker gave, and what it said about them.
#[derive(Debug)]
pub(crate) struct Grant {
    pub(crate) run: u64,
    base: u64,
    ring: OwnedFd,
    page: OwnedFd,
}

/// Memory of the gateway's, attached.
#[derive(Debug)]
pub(crate) struct Attachment {
    pub(crate) subscriber: Subscriber,
    pub(crate) page: PositionWriter,
    pub(crate) run: u64,
    /// Added to a position in the ring it is one counted since the gateway started.
    pub(crate) base: u64,
    pub(crate) joined: Joined,
}

impl Connection {
    /// Asks for `queue` under the name `reader`, in the memory that has `wish` if any has.
    pub(crate) fn subscribe(
        &mut self,
        queue: &str,
        reader: &str,
        wish: Wish,
    ) -> Result<Grant, ClientError> {
        let request = Request::Subscribe {
            queue: queue.to_owned(),
            reader: reader.to_owned(),
            wish,
        };
        let (reply, descriptors) = self.ask(&request)?;
        let Reply::Subscribed { base, run, .. } = reply else {
            return Err(ProtocolError::Answer.into());
        };
        let found = descriptors.len();
        let [ring, page] = <[_; 2]>::try_from(descriptors)
            .map_err(|_| ProtocolError::Descriptors { expected: 2, found })?;
        Ok(Grant {
            run,
            base,
            ring,
            page,
        })
    }
}

/// What the broker is told of where a reader is to begin.
pub(crate) const fn wish(start: Start, run: Option<u64>) -> Wish {
    match start {
        Start::Head => Wish::Head,
        Start::Oldest => Wish::Oldest,
        Start::Resync => Wish::Resync,
        Start::At(position) => {
            let run = match run {
                Some(run) => run,
                None => 0,
            };
            Wish::At { run, position }
        }
    }
}

impl Grant {
    /// Attaches at `start`, whose position counts since the run began that it belongs to: `run`, or this one.
    pub(crate) fn attach(
        self,
        start: Start,
        run: Option<u64>,
        on_lapped: OnLapped,
    ) -> Result<Attachment, ClientError> {
        let this_run = run.is_none_or(|run| run == self.run);
        let wish = match start {
            Start::At(position) if this_run => Some(position),
            _ => None,
        };
        let in_ring = match (start, wish) {
            (_, Some(position)) => Start::At(position.saturating_sub(self.base)),
            (Start::At(_), None) => Start::Oldest,
            (start, None) => start,
        };
        let mut subscriber = Subscriber::attach_with(self.ring, in_ring, on_lapped)?;
        let position = self.base.saturating_add(subscriber.position());
        let outcome = match wish {
            Some(wish) if wish < position => JoinOutcome::Later {
                slots: position - wish,
            },
            Some(wish) if wish > position => JoinOutcome::NotYet,
            None if start == Start::Resync && subscriber.untold() > 0 => JoinOutcome::Later {
                slots: subscriber.untold(),
            },
            None if matches!(start, Start::At(_)) => JoinOutcome::OtherRun,
            _ => JoinOutcome::AsAsked,
        };
        if let Some(wish) = wish {
            // The subscriber counts what the ring no longer holds; what an earlier epoch held it cannot know of.
            subscriber.add_lost(self.base.saturating_sub(wish));
        }
        Ok(Attachment {
            joined: Joined {
                position,
                head: self.base.saturating_add(subscriber.head()),
                outcome,
            },
            page: PositionWriter::attach(&self.page)?,
            subscriber,
            run: self.run,
            base: self.base,
        })
    }
}
