//! What a channel asked for beyond its lines, and what came of it.

use serde::{Deserialize, Serialize};

use super::Count;

/// A channel's recovery.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RecoveryStatus {
    /// Holes asked for at this moment; those beyond the 32 lowest are not counted.
    pub holes_open: u64,
    /// Messages missing in them.
    pub missing: u64,
    /// Holes asked for.
    pub holes: u64,
    /// Messages in them when they were asked for first.
    pub hole_messages: u64,
    /// Holes that were closed without loss.
    pub holes_closed: u64,
    /// Holes of which something was lost for good.
    pub holes_lost: u64,
    /// Holes given up because `recover_timeout_ms` was over.
    pub timeouts: u64,
    /// Times that all waited for what was asked for, however many holes there were.
    pub recoveries: u64,
    /// How long they took together, in nanoseconds.
    pub duration_sum_ns: u64,
    /// The longest.
    pub duration_max_ns: u64,
    /// Messages delivered that re-request servers brought.
    pub delivered: u64,
    /// Requests sent.
    pub requests: u64,
    /// Requests that nobody answered in time.
    pub request_timeouts: u64,
    /// Requests that waited because of `requests_per_second`.
    pub rate_limited: u64,
    /// Answers with something that was missing.
    pub answers: u64,
    /// Packets of re-request servers that were of no use, by reason; only reasons that occurred.
    pub answers_refused: Vec<Count>,
    /// Messages that no re-request server could be had of.
    pub spent_messages: u64,
    /// Times that the channel was told that something cannot be had.
    pub given_up: u64,
    /// Whether a snapshot is wanted or being taken.
    pub snapshot_wanted: bool,
    /// Attempts at a snapshot.
    pub snapshot_attempts: u64,
    /// Of these, ones that failed.
    pub snapshot_failures: u64,
    /// Whole snapshots from before what was needed.
    pub snapshots_too_old: u64,
    /// Time that the whole snapshots took to fetch, in nanoseconds.
    pub snapshot_fetch_sum_ns: u64,
    /// Their bytes.
    pub snapshot_bytes: u64,
    /// Snapshots taken.
    pub snapshots: u64,
    /// Messages in them.
    pub snapshot_messages: u64,
    /// Messages told again on top of a snapshot.
    pub replayed: u64,
    /// Snapshots that were wanted because a builder of books had lost records.
    #[serde(default)]
    pub refreshes: u64,
    /// Packets retained at this moment, because a snapshot is wanted.
    pub retained: u64,
    /// Packets that were retained and went for newer ones.
    pub retained_lost: u64,
    /// What the channel was given: answers, snapshots, and words that something cannot be had.
    pub supplies: u64,
    /// Of these, ones that it could not use, by reason; only reasons that occurred.
    pub supplies_refused: Vec<Count>,
    /// What the worker's line had no room for; it was planned anew.
    pub supplies_lost: u64,
    /// Times that the channel could not tell at once what it wants.
    pub demands_delayed: u64,
    /// The servers.
    pub servers: Vec<ServerStatus>,
}

/// A server of a channel.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ServerStatus {
    /// `rerequest`, `gap_request`, `glimpse` or `spin`.
    pub kind: String,
    /// Its address and port.
    pub address: String,
    /// Requests sent to it, or attempts to have a snapshot of it.
    pub requests: u64,
    /// Packets that came from it, requests that it accepted, or snapshots that were whole.
    pub answers: u64,
    /// Requests that could not be sent and errors that the network told, or attempts that failed.
    pub failures: u64,
    /// The last of these; empty before the first.
    pub last_failure: String,
}

/// Recovery of a channel instrument by instrument, from a snapshot loop.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RefreshStatus {
    /// Instruments whose levels are not whole.
    pub stale_levels: u64,
    /// Instruments whose orders are not whole.
    pub stale_orders: u64,
    /// Records of each output that were withheld because their book was not whole.
    pub withheld: u64,
    /// Records of each output that were left out because a snapshot contained them already.
    pub contained: u64,
    /// Books made whole by a snapshot.
    pub snapshots: u64,
    /// Messages that were kept and told behind those snapshots.
    pub replayed: u64,
    /// Instruments that the stream itself proved to have lost nothing, or emptied.
    pub refreshed: u64,
    /// Instruments whose changes go on although no snapshot came that could be used.
    pub given_up: u64,
    /// Books whose changes go on because `market_recovery_timeout_ms` was over.
    #[serde(default)]
    pub timed_out: u64,
    /// Snapshots of no use, by reason; only reasons that occurred.
    pub refused: Vec<Count>,
    /// Definitions of the instrument feed that said nothing new.
    #[serde(default)]
    pub definitions_repeated: u64,
    /// Snapshot loops that came whole.
    pub loops: u64,
    /// How often there was no room for what is kept of the stream.
    pub overflows: u64,
}
