//! What became of a line's packets, counted when it became of them: dropped when decided, sent when sent.

use serde::Serialize;

use crate::ranges::Ranges;

/// What became of a line's packets.
///
/// `packets_sent + packets_dropped + packets_unsent` are the data packets published, and likewise for messages. A
/// receiver gets `packets_sent + duplicated` data packets and, of heartbeats and ends of session each,
/// `sent + duplicated`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LineCounts {
    /// Data packets that were sent; a duplicated one counts once here.
    pub packets_sent: u64,
    /// Messages in them.
    pub messages_sent: u64,
    /// Data packets that were not sent on purpose.
    pub packets_dropped: u64,
    /// Messages in them.
    pub messages_dropped: u64,
    /// Data packets that were still to be sent when an error ended the session.
    pub packets_unsent: u64,
    /// Messages in them.
    pub messages_unsent: u64,
    /// Data packets of which a second copy was sent.
    pub duplicated: u64,
    /// Messages in them.
    pub messages_duplicated: u64,
    /// Data packets sent after one, of whatever kind, with a higher sequence number.
    pub reordered: u64,
    /// Heartbeats.
    pub heartbeats: ControlCounts,
    /// Packets that end the session.
    pub end_of_session: ControlCounts,
    /// The sequence numbers that were dropped.
    pub dropped: Ranges,
}

/// What became of a line's packets of one kind that carries no messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ControlCounts {
    /// Sent; a duplicated one counts once here.
    pub sent: u64,
    /// Not sent on purpose.
    pub dropped: u64,
    /// Of which a second copy was sent.
    pub duplicated: u64,
}
