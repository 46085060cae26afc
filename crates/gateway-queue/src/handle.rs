//! What the gateway keeps of a queue beside its publisher.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use crate::layout::{BELL, HEAD, HEARTBEAT, RESYNC, STATE, State, StaticHeader};
use crate::mapping::{Mapping, MemoryReport};
use crate::sync::Ordering;
use crate::{QueueError, futex, ring};

/// The gateway's view of a queue: what the broker passes on and what metrics report. Cheap to clone.
#[derive(Clone, Debug)]
pub struct QueueHandle {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    mapping: Arc<Mapping>,
    read_only: OwnedFd,
    header: StaticHeader,
    memory: MemoryReport,
}

impl QueueHandle {
    pub(crate) fn new(
        mapping: Arc<Mapping>,
        read_only: OwnedFd,
        header: StaticHeader,
        memory: MemoryReport,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                mapping,
                read_only,
                header,
                memory,
            }),
        }
    }

    /// A descriptor for a reader: it can be mapped read-only and nothing else.
    ///
    /// # Errors
    /// [`QueueError::System`] where the process has no descriptor left.
    pub fn read_only_fd(&self) -> Result<OwnedFd, QueueError> {
        self.shared
            .read_only
            .try_clone()
            .map_err(|source| QueueError::System {
                operation: "duplicate a queue's descriptor",
                source,
            })
    }

    /// The queue's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.header.name
    }

    /// When the queue was made, nanoseconds since the Unix epoch; no two queues of a process share one.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.shared.header.epoch
    }

    /// Everything that never changes about the queue.
    #[must_use]
    pub fn header(&self) -> &StaticHeader {
        &self.shared.header
    }

    /// What the kernel granted.
    #[must_use]
    pub fn memory(&self) -> &MemoryReport {
        &self.shared.memory
    }

    /// How many slots were published.
    #[must_use]
    pub fn head(&self) -> u64 {
        // A statistic: no order needed.
        self.shared.mapping.word(HEAD).load(Ordering::Relaxed)
    }

    /// First position from which state can be rebuilt, as the publisher says; negative where it lies in an earlier epoch of
    /// the queue, 0 where nobody says.
    #[must_use]
    pub fn resync(&self) -> i64 {
        // A hint, which a reader bounds by what the ring holds: no order needed.
        let mark = self.shared.mapping.word(RESYNC).load(Ordering::Relaxed);
        mark.cast_signed()
    }

    /// The publisher's last heartbeat, nanoseconds since the Unix epoch; 0 before the first.
    #[must_use]
    pub fn heartbeat_ns(&self) -> u64 {
        // A statistic: no order needed.
        self.shared.mapping.word(HEARTBEAT).load(Ordering::Relaxed)
    }

    /// The queue's state.
    #[must_use]
    pub fn state(&self) -> State {
        // A statistic: no order needed. The publisher stores only states.
        State::from_word(self.shared.mapping.word(STATE).load(Ordering::Relaxed))
            .unwrap_or(State::Closed)
    }

    /// Wakes every reader that sleeps on this queue. A system call: for a helper, never for the publisher.
    pub(crate) fn ring_bell(&self) {
        let bell = self.shared.mapping.futex(BELL);
        ring::ring(bell);
        futex::wake_all(bell);
    }
}
