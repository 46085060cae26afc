//! What is to be measured, and what was.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A queue that takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Contestant {
    /// Ours, by its client.
    Gateway,
    /// Ours without the client.
    Ring,
    /// One cache line a direction, handed over and back: the least that anything can take.
    RawLine,
    /// A line of its own for each message, 65,536 in turn: the least that a ring can take.
    RawLines,
    /// The crate `ringfire`.
    Ringfire,
    /// The crate `outcry`.
    Outcry,
    /// The crate `iceoryx2`, publish and subscribe with safe overflow.
    Iceoryx2,
    /// Aeron IPC by the crate `rusteron-client`.
    Aeron,
    /// `crossbeam-channel`, between threads.
    Crossbeam,
    /// The crate `rtrb`, between threads.
    Rtrb,
    /// A Unix datagram socket whose ends block, its normal use.
    Datagram,
    /// A Unix datagram socket whose ends poll, as the queues' do.
    DatagramPolled,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Quantity {
    /// Half a round trip of a message every 5 µs.
    Latency,
    /// Messages a second, the reader close behind the writer.
    Throughput,
    /// Messages a second that a reader takes from a backlog.
    CatchUp,
    /// Time to publish while nobody reads.
    Alone,
    /// Time to publish one of a burst of 64 while one process polls.
    Burst,
    /// The same while further processes are attached, as [`Task::readers`] says.
    Attended,
    /// Memory that a further reader costs.
    Memory,
}

/// What further readers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Attendance {
    /// They poll, each on a core of its own.
    Poll,
    /// They sleep in the kernel until the helper wakes them, all on the far core.
    Sleep,
    /// They attach, and do nothing.
    Idle,
    /// They do not even attach.
    Bare,
}

/// Readers beside the one at the far end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Readers {
    /// How many processes.
    pub(crate) count: usize,
    /// What they do.
    pub(crate) attendance: Attendance,
}

/// One measurement.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) queue: Contestant,
    pub(crate) quantity: Quantity,
    /// The near end's core, the far end's, and those of further polling readers.
    pub(crate) cores: Vec<usize>,
    /// Messages that each queue has room for, where it can be chosen.
    pub(crate) capacity: u64,
    /// Where queues that have files put them. The caller removes it.
    pub(crate) folder: PathBuf,
    pub(crate) readers: Option<Readers>,
}

/// Values by name; what they are is the quantity's.
pub(crate) type Values = BTreeMap<&'static str, f64>;

/// What one measurement brought.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    /// Half a round trip of a raw cache line between the two cores, before and after, in nanoseconds.
    pub(crate) placement_ns: [f64; 2],
    pub(crate) values: Values,
}
