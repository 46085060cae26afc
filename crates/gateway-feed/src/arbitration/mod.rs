//! One ordered stream out of up to four lines that carry the same packets.
//!
//! The [`Arbiter`] is a deterministic state machine: it knows no clock and no socket, and it allocates nothing after
//! construction. Frames go in with their line and time of receipt, messages and [`Event`]s come out through an
//! [`Outlet`]. What it promises: messages leave in order, each at most once; every hole is announced once and
//! exactly; every message received is accounted for under one reason ([`LineCounters`]); what it holds is bounded.
//!
//! # What happens to a frame
//!
//! | its numbers | what happens |
//! |---|---|
//! | begin at the next one | delivered; then what was held and is in order now |
//! | lie before the next one | counted: a duplicate, late (its gap was declared), or from before the start |
//! | straddle it | the tail is delivered, the head counted as above |
//! | lie ahead of it | held until the other line fills the hole, at most `hold_timeout_ns` |
//! | are 0 | delivered at once: such messages are outside the sequence and not arbitrated |
//!
//! A heartbeat or an end of session announces the next number, and so reveals a loss at the tail: it is held like a
//! frame without messages. Where the hold's time is over, the hole before the frame becomes a [`Event::Gap`] and the
//! frame is delivered ([`OnGap::Continue`]), or the hole is asked for from the venue's servers while all behind it goes
//! on waiting ([`OnGap::Recover`]). Where the hold is full (or a frame longer than all of it), the lowest hole is given
//! up early: no message that was received is thrown away to make room.
//!
//! # What would give up the place where the stream stands
//!
//! A frame more than [`LEAP_MESSAGES`] ahead, or of another session though this one has not ended, is held in doubt:
//! one damaged or stray packet must not make the channel deaf to what its lines go on to bring. When its hold time is
//! over, windows of that length (100 us at least) follow each other, and at the end of one the frame is
//!
//! - believed, if the stream did not go on in it and another packet says the same: a copy on another line, or one of
//!   the same session and near its numbers. So it is after an outage of all lines, or where the venue went over;
//! - believed, alone as it is, if no line was heard where the stream stands for [`SESSION_RETURN_QUIET_NS`];
//! - thrown away with those that say the same, after eight windows in which the stream went on, or if nothing joins it
//!   for [`SESSION_RETURN_QUIET_NS`]. Its messages count as [`LineCounters::implausible`] or [`LineCounters::stale`].
//!
//! Where room is wanted, what the stream has refuted goes first; what it has not is believed. Its line counts as having
//! shown it only once it is believed. Without a hold (`hold_packets_max` 0) nothing can be doubted.
//!
//! # Another session, other numbers
//!
//! A frame of another session is held as if it lay ahead of everything in the old one, so that it does not cut off a
//! slower line. The switch comes when the frame is believed, or at once where the old session ended in order before.
//! The new session is then expected from its first number on, so that a loss at its start is a gap. Frames of the
//! session before are stale; it can come back only after the current one was silent for
//! [`SESSION_RETURN_QUIET_NS`].
//!
//! Numbers that restart within a session are recognised by a heartbeat, never by data: a late copy of old data looks
//! exactly like a restart. A heartbeat (or an end of session) with a number below what *its own line* has shown is
//! suspicious, and as long as the line does not go on where it was, it is a reset
//! - with the next such heartbeat on that line, `hold_timeout_ns` later or more: a late copy comes alone;
//! - or with a frame behind it on that line that lies in the old range, and whose bytes differ from what was delivered
//!   under the same numbers or, where that is not remembered, that comes `hold_timeout_ns` after the line's last news.
//!
//! A line that merely lags never announces less than it has itself shown, and so cannot cause one. As with a session,
//! the switch waits the hold time for the other lines' last frames. A line that has not shown the restart yet may
//! still send old numbers afterwards: a frame of it belongs to the numbering whose position is nearer, and is stale
//! if that is the old one.

mod arbiter;
mod config;
mod counters;
mod doubt;
mod epoch;
mod hold;
mod line;
mod recent;
mod recovery;
mod retained;
#[cfg(test)]
mod tests;
mod waiting;

pub use arbiter::Arbiter;
pub use config::{ArbiterConfig, OnGap};
pub use counters::{
    ChannelCounters, ChannelState, FrameErrorCounters, LineCounters, RecoveryCounters,
};

use crate::sink::Nanos;
use crate::transport::{Frame, FrameError, SessionId, Walked};

/// The most lines that a channel can have.
pub const LINES_MAX: usize = 4;

/// What messages can come from: the lines, and behind them the venue's re-request servers.
pub const SOURCES_MAX: usize = LINES_MAX + 1;

/// What re-request servers brought is counted as a line of its own.
pub const RECOVERY: LineId = LineId(LINES_MAX as u8);

/// For how long the current session must have been silent until the one before it may come back. Three times the
/// second that heartbeats are usually apart.
pub const SESSION_RETURN_QUIET_NS: Nanos = 3_000_000_000;

/// A packet is far ahead if it lies further ahead than this: more than one packet of MoldUDP64 can announce.
pub const LEAP_MESSAGES: u64 = 1 << 16;

/// A line of a channel: its position in the configuration, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineId(pub u8);

impl LineId {
    /// As an index.
    #[must_use]
    #[inline(always)]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What happened to the channel, between its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A session begins, or the first packet of a running one was seen. `sequence` is the first number expected.
    SessionStart {
        /// Its name.
        session: SessionId,
        /// The first number expected.
        sequence: u64,
        /// Whether another session came before it.
        changed: bool,
    },
    /// The venue ended the session.
    SessionEnd {
        /// The number behind its last message.
        sequence: u64,
    },
    /// The numbers restarted within the session.
    Reset {
        /// The first number expected now.
        sequence: u64,
    },
    /// The numbers `first .. first + count` did not come on any line.
    Gap {
        /// The first one.
        first: u64,
        /// How many.
        count: u64,
    },
    /// The numbers `first .. first + count` are missing and asked for; what follows waits.
    Recovering {
        /// The first one.
        first: u64,
        /// How many.
        count: u64,
    },
    /// Nothing is waited for any longer.
    Recovered {
        /// The next number expected.
        sequence: u64,
    },
    /// A snapshot follows.
    SnapshotBegin {
        /// The number of the first message that is not in it.
        sequence: u64,
        /// How many messages it has.
        messages: u64,
    },
    /// The snapshot is through.
    SnapshotEnd {
        /// The next number expected.
        sequence: u64,
        /// How many messages were told again on top of it.
        replayed: u64,
    },
}

/// Takes what the [`Arbiter`] lets out, in order.
pub trait Outlet {
    /// Takes the messages of `frame`, received on `line` at `received`, but for the first `skip`.
    fn deliver(&mut self, line: LineId, received: Nanos, frame: &Frame<'_>, skip: u32) -> Walked;

    /// Walks the messages of `frame` without taking them: how many are whole is needed before a frame is held.
    fn measure(&self, frame: &Frame<'_>) -> Walked;

    /// Learns what happened, at `now`, between the messages before and those after.
    fn event(&mut self, now: Nanos, event: Event);

    /// Takes up to `messages_max` messages of the snapshot that is valid at `sequence`; whether that were the last ones.
    fn snapshot(&mut self, now: Nanos, sequence: u64, messages_max: usize) -> bool;
}

/// What was wrong with a packet, of which what could be used was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Defect {
    /// The packet was not taken at all.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The packet ends within a message: those before it were taken.
    #[error(
        "packet is cut: {missing} of {announced} messages are missing from byte {offset} of its body on"
    )]
    Truncated {
        /// Where the first message that is cut begins, in bytes behind the transport's header.
        offset: usize,
        /// How many messages were announced and are not whole.
        missing: u32,
        /// How many messages were announced.
        announced: u32,
    },
    /// Bytes follow the last message; they were ignored.
    #[error("{bytes} bytes follow the last message of the packet")]
    TrailingBytes {
        /// How many.
        bytes: usize,
    },
}
