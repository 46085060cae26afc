//! How recovery is planned.

use super::super::servers::Backoff;
use crate::sink::Nanos;

/// The most re-request servers.
pub const SERVERS_MAX: usize = 16;

/// In which order servers are asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ask {
    /// One after the other, beginning with the one that answered last.
    #[default]
    InTurn,
    /// All at once: the first answer counts. It costs as many requests as there are servers.
    All,
}

/// Where what is asked for comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answers {
    /// From the server that was asked, to the planner ([`Planner::on_packet`](super::Planner::on_packet)).
    #[default]
    FromServers,
    /// On lines of the channel that carry nothing else.
    OnLines,
}

/// How a [`Planner`](super::Planner) works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannerConfig {
    /// Re-request servers, 0..=[`SERVERS_MAX`].
    pub servers: usize,
    /// In which order they are asked.
    pub ask: Ask,
    /// Where what is asked for comes.
    pub answers: Answers,
    /// The most messages of one request, 1..=65,534.
    pub request_messages_max: u16,
    /// Requests that may wait for their answers at a time.
    pub requests_outstanding_max: usize,
    /// How long an answer is waited for, in nanoseconds.
    pub answer_timeout_ns: Nanos,
    /// Requests in a row that bring nothing, after which numbers are spent.
    pub attempts_max: u32,
    /// A longer hole is spent at once.
    pub hole_messages_max: u64,
    /// Requests a second, to all servers together.
    pub requests_per_second: u32,
    /// How many of them may go at once after a pause.
    pub requests_burst: u32,
    /// How long a server rests that does not answer.
    pub backoff: Backoff,
    /// Snapshot servers.
    pub snapshot_servers: usize,
    /// Attempts in a row at a snapshot after which holes that wait for it are given up.
    pub snapshot_attempts_max: u32,
    /// The pause between attempts.
    pub snapshot_backoff: Backoff,
}

impl Default for PlannerConfig {
    fn default() -> Self {
        Self {
            servers: 0,
            ask: Ask::InTurn,
            answers: Answers::FromServers,
            request_messages_max: 1_000,
            requests_outstanding_max: 8,
            answer_timeout_ns: 20_000_000,
            attempts_max: 6,
            hole_messages_max: 100_000,
            requests_per_second: 1_000,
            requests_burst: 100,
            backoff: Backoff {
                min_ns: 10_000_000,
                max_ns: 1_000_000_000,
            },
            snapshot_servers: 0,
            snapshot_attempts_max: 3,
            snapshot_backoff: Backoff {
                min_ns: 100_000_000,
                max_ns: 10_000_000_000,
            },
        }
    }
}
