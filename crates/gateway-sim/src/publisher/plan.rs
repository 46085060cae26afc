//! What is to be published, session by session and part by part.

use std::net::SocketAddrV4;

use crate::clock::Pace;
use crate::impairment::Impairments;
use crate::packetiser::PackOptions;
use crate::recovery::Switch;
use crate::transmit::Transmit;

/// How one session of one part is published.
#[derive(Clone, Copy, Debug)]
pub struct PublishOptions {
    /// Session and packing.
    pub pack: PackOptions,
    /// When messages leave.
    pub pace: Pace,
    /// Idle time after which a heartbeat is sent, in nanoseconds; `None` for no heartbeats at all.
    pub heartbeat_ns: Option<u64>,
    /// Whether the session is ended in the end.
    pub end_of_session: bool,
    /// Decides the impairments.
    pub seed: u64,
    /// Packets handed to a line at once where there is no time to wait for,
    /// 1..=[`BATCH_MAX`](crate::transmit::BATCH_MAX).
    pub batch: usize,
}

/// A session: numbers that rise from its first one.
#[derive(Clone, Debug)]
pub struct SessionPlan {
    /// Name, first number and packing.
    pub pack: PackOptions,
    /// Idle time after which a heartbeat is sent, in nanoseconds; `None` for no heartbeats at all.
    pub heartbeat_ns: Option<u64>,
    /// For how long heartbeats go on behind the last message, in nanoseconds.
    pub linger_ns: u64,
    /// Whether the session is ended in the end; `Some` for how long, in nanoseconds, its end is repeated, once a
    /// heartbeat interval.
    pub end_of_session_ns: Option<u64>,
    /// What is published, one part after the other.
    pub parts: Vec<Part>,
}

/// A part of a session, in which nothing changes.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// How many messages; `None` for all that are left.
    pub messages: Option<u64>,
    /// When they leave, counted from the part's first one.
    pub pace: Pace,
    /// For how long nothing is published before, in nanoseconds; heartbeats go on.
    pub pause_ns: u64,
    /// Whether nothing of it is offered to the lines: it happened before anybody listened. Takes no time.
    pub silent: bool,
    /// What each line does from here on; lines beyond go on as before.
    pub impairments: Vec<Impairments>,
    /// Servers that are up or down (`true`) from here on.
    pub switches: Vec<(Switch, bool)>,
}

/// A line to publish on.
pub struct Line {
    /// Its name in reports: `A`, `B`.
    pub name: String,
    /// Where it goes.
    pub destination: SocketAddrV4,
    /// What it does to its packets.
    pub impairments: Impairments,
    /// Sends its packets.
    pub transmit: Box<dyn Transmit>,
}
