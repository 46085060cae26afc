//! What a planner counts.

/// What a planner did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlannerCounters {
    /// Requests sent.
    pub requests: u64,
    /// Requests that nobody answered in time.
    pub timeouts: u64,
    /// Packets of servers.
    pub packets: u64,
    /// Of these, answers with something that was missing.
    pub answers: u64,
    /// Messages in them that were missing.
    pub messages: u64,
    /// Packets of another session.
    pub other_session: u64,
    /// Packets with nothing that is missing: others were faster, or nobody asked.
    pub not_missing: u64,
    /// Packets without a message, or that are no packets.
    pub no_messages: u64,
    /// Requests that a server will not fulfil: it has none of the messages, or too many were asked for.
    pub refused: u64,
    /// Requests that a server could not take: no session with it, or its limits are reached.
    pub unavailable: u64,
    /// Requests that waited for their turn because of the rate.
    pub rate_limited: u64,
    /// Messages that no server could be had of.
    pub spent_messages: u64,
    /// Times that the channel was told that something cannot be had.
    pub given_up: u64,
    /// Attempts at a snapshot.
    pub snapshot_attempts: u64,
    /// Of these, ones that failed.
    pub snapshot_failures: u64,
    /// Snapshots that were from before what was needed.
    pub snapshots_too_old: u64,
    /// Snapshots handed over.
    pub snapshots: u64,
    /// What the channel's worker could not take.
    pub supplies_lost: u64,
}
