//! Reading a table.

use std::os::fd::OwnedFd;

use super::layout::{
    APPLIED, DIRECTORY, HEADER_BYTES, HEARTBEAT, STATE, STATIC_BYTES, SUCCESSOR, TableHeader,
};
use super::{Directory, ENTRY_WORDS, protocol};
use crate::mapping::Mapping;
use crate::ring::{Closed, load_end, load_page};
use crate::sync::Ordering;
use crate::{QueueError, mapping};

/// Signs of life of a table's writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableHealth {
    /// Last heartbeat, nanoseconds since the Unix epoch; 0 before the first.
    pub heartbeat_ns: u64,
    /// The position of the source below which the entries have everything.
    pub applied: u64,
}

/// A reader of a table. Any number may read; none is seen by the writer. Reading allocates nothing and makes no system
/// call.
#[derive(Debug)]
pub struct TableReader {
    mapping: Mapping,
    header: TableHeader,
}

impl TableReader {
    /// Maps the table behind a descriptor that the broker passed, read-only.
    ///
    /// # Errors
    /// [`QueueError::NotSealed`] where the file could change under the reader, [`QueueError::NotATable`],
    /// [`QueueError::UnsupportedLayout`] or [`QueueError::Damaged`] by what the header says, [`QueueError::System`]
    /// where the kernel refuses.
    pub fn attach(fd: &OwnedFd) -> Result<Self, QueueError> {
        let (mapping, bytes) = mapping::map_sealed(fd, HEADER_BYTES)?;
        let mut words = [0; STATIC_BYTES / 8];
        load_page(&mut words, |index| mapping.word(index * 8));
        let mut page = [0; STATIC_BYTES];
        for (bytes, word) in page.chunks_exact_mut(8).zip(words) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        let header = TableHeader::decode(&page, bytes)?;
        // Best effort: a page that is not mapped yet costs its first reader a fault.
        let _ = mapping.populate(false);
        Ok(Self { mapping, header })
    }

    /// What never changes about the table.
    #[must_use]
    pub const fn header(&self) -> &TableHeader {
        &self.header
    }

    /// How many entries there are, and how often what they are about changed.
    #[inline]
    #[must_use]
    pub fn directory(&self) -> Directory {
        let found = protocol::directory(self.mapping.word(DIRECTORY));
        Directory {
            // What cannot be is not believed.
            entries: found.entries.min(self.header.entries_max),
            ..found
        }
    }

    /// Copies the first `N` words of an entry, all of one version.
    ///
    /// # Errors
    /// There is no such entry, or it is replaced so fast that no copy is whole.
    #[inline]
    pub fn load<const N: usize>(&self, index: u32) -> Result<[u64; N], LoadError> {
        const { assert!(N >= 1 && N <= ENTRY_WORDS) };
        if index >= self.header.entries_max {
            return Err(LoadError::NoEntry);
        }
        let mut words = [0; N];
        match protocol::load(self.header.entry(&self.mapping, index), &mut words) {
            Some(0) => Err(LoadError::NoEntry),
            Some(_) => Ok(words),
            None => Err(LoadError::Contended),
        }
    }

    /// The position of the source below which all entries loaded afterwards have everything.
    #[inline]
    #[must_use]
    pub fn applied(&self) -> u64 {
        protocol::applied(self.mapping.word(APPLIED))
    }

    /// Whether the table ended, and why. Entries that are loaded afterwards are the last there were.
    #[inline]
    #[must_use]
    pub fn ended(&self) -> Option<Closed> {
        load_end(self.mapping.word(STATE), self.mapping.word(SUCCESSOR))
    }

    /// Signs of life of the writer.
    #[must_use]
    pub fn health(&self) -> TableHealth {
        TableHealth {
            // A statistic: no order needed.
            heartbeat_ns: self.mapping.word(HEARTBEAT).load(Ordering::Relaxed),
            applied: self.applied(),
        }
    }
}

/// Why an entry was not copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// There is no entry of that index.
    #[error("the table has no such entry")]
    NoEntry,
    /// It was replaced during each of [`super::ATTEMPTS_MAX`] copies.
    #[error("the entry was replaced during every attempt to copy it; read again")]
    Contended,
}
