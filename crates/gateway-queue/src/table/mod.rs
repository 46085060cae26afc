//! A table in shared memory: entries that one writer replaces and any number of readers read whole.
//!
//! A queue says what happened, one record after the other; a table says how things are now. Who joins late, or looks
//! only once in a while, reads the table.
//!
//! An entry is [`ENTRY_WORDS`] words, kept twice, and a version whose lowest bit says which copy counts. The writer
//! fills the other copy and then raises the version (the kernel's `seqcount_latch`), so a writer that is preempted or
//! killed half-way holds up nobody: the last whole copy stays readable for good, and the table's state and heartbeat
//! tell how old it is. A reader that was overtaken by two stores while it copied tries again, at most
//! [`ATTEMPTS_MAX`] times.
//!
//! Entries are added, never removed: an index means the same for the table's whole life. The directory word counts
//! entries, and changes of what they are about, so that readers know when to look for names again. What the table has
//! applied of its source (a queue's position) is a word of its own: whoever reads it first, and entries after it, sees
//! entries that have everything up to there, and each says itself how far beyond it is.
//!
//! Readers use relaxed loads and fences only: all that is guaranteed on read-only pages. Each ordering is a
//! [`Site`](crate::sync::Site).

#[cfg(not(loom))]
mod handle;
#[cfg(not(loom))]
pub mod layout;
mod protocol;
#[cfg(not(loom))]
mod reader;
#[cfg(not(loom))]
mod writer;

#[cfg(not(loom))]
pub use handle::TableHandle;
pub use protocol::{
    ATTEMPTS_MAX, Directory, Entry, add, applied, directory, load, rename, set_applied, store,
};
#[cfg(not(loom))]
pub use reader::{LoadError, TableHealth, TableReader};
#[cfg(not(loom))]
pub use writer::{TableOptions, TableWriter};

/// Words of an entry.
pub const ENTRY_WORDS: usize = 56;
/// Most entries of a table (1 GiB of memory).
pub const ENTRIES_MAX: u32 = 1 << 20;
