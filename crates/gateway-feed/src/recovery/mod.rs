//! What a channel wants to have from outside its lines, and what it is given.
//!
//! Two halves that share nothing but the types here. In the worker, the channel knows which messages are missing and
//! says so ([`Demand`]); in the control plane, sessions with the venue's servers fetch what can be had and hand it
//! over ([`Supply`]). Neither waits for the other.
//!
//! A demand is a level, not an event: it says all that is wanted now, and replaces the one before. So one that is
//! lost or late does no harm as long as another follows, and nothing need ever be cancelled. A supply says which
//! numbering it is meant for ([`Demand::epoch`]), so that an answer that comes late cannot be taken for another one.

mod pieces;
pub mod planner;
mod servers;
#[cfg(test)]
mod tests;

use bytes::Bytes;

pub use planner::{Action, Answers, Ask, Planner, PlannerConfig, PlannerCounters, Reply, Request};
pub use servers::Backoff;

use crate::transport::SessionId;

/// The most holes that a demand names; where there are more, the lowest ones.
pub const HOLES_MAX: usize = 32;

/// The numbers `first .. first + count`, which no line brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hole {
    /// The first one.
    pub first: u64,
    /// How many, at least 1.
    pub count: u64,
}

impl Hole {
    /// The number behind the last one.
    #[must_use]
    pub const fn end(self) -> u64 {
        self.first.saturating_add(self.count)
    }
}

/// All that a channel wants at this moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// The numbering (a session, or what follows a restart in it) that all numbers here count in; rises with each.
    pub epoch: u64,
    /// The session.
    pub session: SessionId,
    /// The next number that the channel expects.
    pub next: u64,
    /// The highest [`Supply::serial`] that the channel has dealt with; 0 before the first. What was supplied later is
    /// not yet taken off the holes.
    pub supplied: u64,
    holes: [Hole; HOLES_MAX],
    holes_count: u8,
    /// A snapshot is wanted whose [`Snapshot::sequence`] is at least this; `None` where the books are right, or no
    /// snapshot can be had.
    pub snapshot_from: Option<u64>,
}

impl Demand {
    /// One that wants nothing.
    #[must_use]
    pub const fn new(epoch: u64, session: SessionId, next: u64, supplied: u64) -> Self {
        Self {
            epoch,
            session,
            next,
            supplied,
            holes: [Hole { first: 0, count: 0 }; HOLES_MAX],
            holes_count: 0,
            snapshot_from: None,
        }
    }

    /// What is missing and waited for, lowest first; the holes do not touch.
    #[must_use]
    pub fn holes(&self) -> &[Hole] {
        &self.holes[..usize::from(self.holes_count)]
    }

    /// Adds a hole behind those there are; `false` where there are [`HOLES_MAX`] already.
    pub fn push(&mut self, hole: Hole) -> bool {
        let Some(place) = self.holes.get_mut(usize::from(self.holes_count)) else {
            return false;
        };
        *place = hole;
        self.holes_count += 1;
        true
    }

    /// Whether nothing is wanted.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.holes_count == 0 && self.snapshot_from.is_none()
    }
}

/// The state of all books between two messages of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    session: SessionId,
    sequence: u64,
    count: u32,
    messages: Bytes,
}

impl Snapshot {
    /// The length in front of each message.
    const LENGTH_BYTES: usize = 2;

    /// A snapshot valid before message `sequence` of `session`, where the stream goes on. `messages` are behind each
    /// other, each behind its length in two bytes, big-endian, as in a MoldUDP64 packet.
    ///
    /// # Errors
    /// [`SupplyError::Damaged`] where `messages` does not end with a message.
    pub fn new(session: SessionId, sequence: u64, messages: Bytes) -> Result<Self, SupplyError> {
        let mut snapshot = Self {
            session,
            sequence,
            count: 0,
            messages,
        };
        let mut at = 0;
        while snapshot.message_at(&mut at).is_some() {
            snapshot.count = snapshot.count.saturating_add(1);
        }
        if at == snapshot.messages.len() {
            Ok(snapshot)
        } else {
            Err(SupplyError::Damaged {
                whole: snapshot.count,
                left: snapshot.messages.len() - at,
            })
        }
    }

    /// The session that [`sequence`](Self::sequence) counts in.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.session
    }

    /// The number of the first message of the stream that is not contained in it.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// How many messages it has.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// The message that begins at byte `at`, which is then behind it; `None` at the end.
    #[must_use]
    pub fn message_at(&self, at: &mut usize) -> Option<&[u8]> {
        let rest = self.messages.get(*at..)?;
        let (length, rest) = rest.split_first_chunk::<{ Self::LENGTH_BYTES }>()?;
        let message = rest.get(..usize::from(u16::from_be_bytes(*length)))?;
        *at += Self::LENGTH_BYTES + message.len();
        Some(message)
    }
}

/// Something that a channel is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Supply {
    /// [`Demand::epoch`] of the demand that it answers; of another one it is refused.
    pub epoch: u64,
    /// Counts what the channel is given, from 1; see [`Demand::supplied`].
    pub serial: u64,
    /// What it is.
    pub item: SupplyItem,
}

/// What a channel may be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SupplyItem {
    /// A packet of the channel's transport, as a re-request server sent it. Of its messages only those are taken that
    /// are missing.
    Answer(Bytes),
    /// A whole snapshot. The channel waits for nothing below its sequence any longer.
    Snapshot(Snapshot),
    /// What is missing below this number cannot be had: the channel announces it as lost and goes on.
    GiveUp {
        /// The number behind the last one given up.
        before: u64,
    },
}

/// Why something that a channel was given is of no use to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SupplyError {
    /// It belongs to a numbering that the channel has left, or to none it had.
    #[error("it is meant for numbering {epoch}, the channel is in {current}; it came too late")]
    Epoch {
        /// The one it is meant for.
        epoch: u64,
        /// The channel's.
        current: u64,
    },
    /// It is of another session than the channel.
    #[error(
        "it is of session \"{session}\", not of the channel's: check that the server serves this feed"
    )]
    Session {
        /// Its session.
        session: SessionId,
    },
    /// It is no packet of the channel's transport, or one without messages.
    #[error("it is no packet with messages: check that address and port are those of the server")]
    NoMessages,
    /// None of its messages is missing.
    #[error("none of its messages {first} to {last} is missing")]
    NotWanted {
        /// The first of them.
        first: u64,
        /// The last of them.
        last: u64,
    },
    /// There is no room for it before its turn comes.
    #[error("there is no room for it before its turn comes: raise `recover_packets_max`")]
    NoRoom,
    /// The snapshot is from before what the channel still has of the stream.
    #[error(
        "the snapshot is valid at {sequence}, the channel has the stream from {needed} on only: the snapshot took longer than `recover_packets_max` packets"
    )]
    TooOld {
        /// Where it is valid.
        sequence: u64,
        /// Where it would have to be.
        needed: u64,
    },
    /// The snapshot is far ahead of all that the lines have shown: a channel that followed it would take what they go on
    /// to bring as old.
    #[error(
        "the snapshot is valid at {sequence}, and no line has shown more than {shown}: check that the server serves this session"
    )]
    TooFarAhead {
        /// Where it is valid.
        sequence: u64,
        /// The number behind the highest that a line has shown.
        shown: u64,
    },
    /// The snapshot's bytes do not end with a message.
    #[error("the snapshot is damaged: {left} bytes behind its {whole} messages are no message")]
    Damaged {
        /// Messages that are whole.
        whole: u32,
        /// Bytes behind them.
        left: usize,
    },
    /// The books are right, or another snapshot is being taken.
    #[error("no snapshot is wanted now")]
    NoSnapshotWanted,
}
