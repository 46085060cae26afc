//! What the gateway keeps of a table beside its writer.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::layout::{APPLIED, DIRECTORY, HEARTBEAT, STATE, TableHeader};
use super::protocol;
use crate::layout::State;
use crate::mapping::{Mapping, MemoryReport};
use crate::sync::Ordering;
use crate::{QueueError, create};

/// The gateway's view of a table: what the broker passes on and what metrics report. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TableHandle {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    mapping: Arc<Mapping>,
    read_only: OwnedFd,
    header: TableHeader,
    memory: MemoryReport,
}

impl TableHandle {
    pub(super) fn new(mapping: Arc<Mapping>, memory: create::Sealed, header: TableHeader) -> Self {
        Self {
            shared: Arc::new(Shared {
                mapping,
                read_only: memory.read_only,
                header,
                memory: memory.report,
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
                operation: "duplicate a table's descriptor",
                source,
            })
    }

    /// Everything that never changes about the table.
    #[must_use]
    pub fn header(&self) -> &TableHeader {
        &self.shared.header
    }

    /// When the table was made, nanoseconds since the Unix epoch; no two tables of a process share one.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.shared.header.epoch
    }

    /// What the kernel granted.
    #[must_use]
    pub fn memory(&self) -> &MemoryReport {
        &self.shared.memory
    }

    /// Entries there are.
    #[must_use]
    pub fn entries(&self) -> u32 {
        protocol::directory(self.shared.mapping.word(DIRECTORY)).entries
    }

    /// The position of the source below which the entries have everything.
    #[must_use]
    pub fn applied(&self) -> u64 {
        protocol::applied(self.shared.mapping.word(APPLIED))
    }

    /// The writer's last heartbeat, nanoseconds since the Unix epoch; 0 before the first.
    #[must_use]
    pub fn heartbeat_ns(&self) -> u64 {
        // A statistic: no order needed.
        self.shared.mapping.word(HEARTBEAT).load(Ordering::Relaxed)
    }

    /// The table's state.
    #[must_use]
    pub fn state(&self) -> State {
        // A statistic: no order needed. The writer stores only states.
        State::from_word(self.shared.mapping.word(STATE).load(Ordering::Relaxed))
            .unwrap_or(State::Closed)
    }
}
