//! Writing a table.

use std::sync::Arc;

use super::layout::{
    APPLIED, DIRECTORY, ENTRY_BYTES, HEADER_BYTES, HEARTBEAT, LAYOUT_MINOR, STATE, SUCCESSOR,
    TableHeader,
};
use super::{Directory, ENTRIES_MAX, ENTRY_WORDS, TableHandle, protocol};
use crate::QueueError;
use crate::clock::Clock;
use crate::create::{self, Sealed};
use crate::layout::State;
use crate::mapping::Mapping;
use crate::options::check_name;
use crate::ring::{Ending, store_end};
use crate::sync::Ordering;

/// How a table is to be made.
#[derive(Clone, Debug)]
pub struct TableOptions {
    /// Name by which readers ask for it: 1 to 63 bytes, no control characters.
    pub name: String,
    /// Name of the queue whose positions its entries count; as above.
    pub source: String,
    /// Entries there is room for, 1 to 2²⁰; each takes a kibibyte. Default 16,384 (16 MiB).
    pub entries_max: u32,
    /// What the entries are: the reader's to interpret.
    pub schema_id: u64,
    /// Version of that.
    pub schema_version: u32,
    /// Use 2 MiB pages where the machine has some to spare.
    pub huge_pages: bool,
    /// Keep it in memory (`mlock`), as far as the process may.
    pub lock_memory: bool,
}

impl Default for TableOptions {
    fn default() -> Self {
        Self {
            name: String::new(),
            source: String::new(),
            entries_max: 16_384,
            schema_id: 0,
            schema_version: 0,
            huge_pages: false,
            lock_memory: true,
        }
    }
}

impl TableOptions {
    fn validate(&self) -> Result<(), QueueError> {
        check_name("name", &self.name)?;
        check_name("source", &self.source)?;
        if (1..=ENTRIES_MAX).contains(&self.entries_max) {
            return Ok(());
        }
        Err(QueueError::Option {
            option: "entries_max",
            value: self.entries_max.to_string(),
            remedy: format!("use 1 to {ENTRIES_MAX}"),
        })
    }
}

/// The writing end of a table. There is one; it belongs to one thread at a time.
///
/// After [`TableWriter::create`] nothing here allocates, locks, logs or makes a system call, and nothing loads a word
/// that a reader could write. Dropped, it closes the table.
#[derive(Debug)]
pub struct TableWriter {
    mapping: Arc<Mapping>,
    header: TableHeader,
    directory: Directory,
}

impl TableWriter {
    /// Makes a table: empty, every page of it present, sealed so that nobody else can ever write to it.
    ///
    /// # Errors
    /// [`QueueError::Option`] for options outside of their ranges, [`QueueError::System`] where the kernel refuses
    /// memory. Huge pages and locked memory are wishes: [`TableHandle::memory`] says what became of them.
    pub fn create(options: &TableOptions) -> Result<(Self, TableHandle), QueueError> {
        options.validate()?;
        let len = HEADER_BYTES + options.entries_max as usize * ENTRY_BYTES;
        let memory = Sealed::create(&options.name, len, options.huge_pages, options.lock_memory)?;
        let header = TableHeader {
            layout_minor: LAYOUT_MINOR,
            total_bytes: memory.report.bytes,
            entries_offset: HEADER_BYTES as u64,
            entries_max: options.entries_max,
            schema_id: options.schema_id,
            schema_version: options.schema_version,
            epoch: create::next_epoch(Clock::global().now()),
            boot_id: create::boot_id().unwrap_or_default(),
            writer_pid: std::process::id(),
            writer_start_ticks: create::start_ticks().unwrap_or_default(),
            name: options.name.clone(),
            source: options.source.clone(),
        };
        let mapping = memory.mapping();
        // Ordered before the magic by its Release store.
        mapping
            .word(STATE)
            .store(State::Live as u64, Ordering::Relaxed);
        create::store_static_page(&mapping, &header.encode());
        let handle = TableHandle::new(Arc::clone(&mapping), memory, header.clone());
        let writer = Self {
            mapping,
            header,
            directory: Directory::default(),
        };
        Ok((writer, handle))
    }

    /// Adds an entry; its index, or `None` where the table is full.
    pub fn add(&mut self, words: &[u64; ENTRY_WORDS]) -> Option<u32> {
        let index = self.directory.entries;
        if index == self.header.entries_max {
            return None;
        }
        let entry = self.header.entry(&self.mapping, index);
        protocol::add(
            self.mapping.word(DIRECTORY),
            &mut self.directory,
            entry,
            words,
        );
        Some(index)
    }

    /// Replaces an entry that was added.
    ///
    /// # Panics
    /// Where there is none of that index: indices are those that [`Self::add`] returned.
    #[inline]
    pub fn store(&mut self, index: u32, words: &[u64; ENTRY_WORDS]) {
        assert!(index < self.directory.entries, "no entry {index} was added");
        protocol::store(self.header.entry(&self.mapping, index), words);
    }

    /// As [`Self::store`], where the entry becomes about something else: readers look for names again.
    ///
    /// # Panics
    /// As [`Self::store`].
    pub fn rename(&mut self, index: u32, words: &[u64; ENTRY_WORDS]) {
        assert!(index < self.directory.entries, "no entry {index} was added");
        let entry = self.header.entry(&self.mapping, index);
        protocol::rename(
            self.mapping.word(DIRECTORY),
            &mut self.directory,
            entry,
            words,
        );
    }

    /// Says that the entries have everything below `position` of their source.
    #[inline]
    pub fn set_applied(&mut self, position: u64) {
        protocol::set_applied(self.mapping.word(APPLIED), position);
    }

    /// Says that the writer is alive. `now_ns` counts nanoseconds since the Unix epoch.
    #[inline]
    pub fn heartbeat(&mut self, now_ns: u64) {
        // A statistic: no order needed.
        self.mapping
            .word(HEARTBEAT)
            .store(now_ns, Ordering::Relaxed);
    }

    /// Entries there are.
    #[must_use]
    pub const fn entries(&self) -> u32 {
        self.directory.entries
    }

    /// Ends the table: readers get the reason.
    pub fn close(self, ending: Ending) {
        self.end(ending);
    }

    fn end(&self, ending: Ending) {
        store_end(
            self.mapping.word(STATE),
            self.mapping.word(SUCCESSOR),
            ending,
        );
    }
}

impl Drop for TableWriter {
    fn drop(&mut self) {
        // Only this value writes the state: no order needed to read it back.
        if self.mapping.word(STATE).load(Ordering::Relaxed) == State::Live as u64 {
            self.end(Ending::Closed);
        }
    }
}
