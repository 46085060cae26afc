//! How an entry is replaced and read, over any memory that holds its words: what loom explores.

use crate::sync::{AtomicU64, Ordering, Site, fence_at, ordered};

/// How often a reader copies an entry that is replaced meanwhile before it gives up. A copy takes less time than a
/// store, so that even the second attempt is rare.
pub const ATTEMPTS_MAX: u32 = 64;

/// The words of one entry.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// How often it was stored; the lowest bit says which copy counts.
    pub version: &'a AtomicU64,
    /// Its two copies, of one length.
    pub copies: [&'a [AtomicU64]; 2],
}

/// What the directory word says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Directory {
    /// Entries there are.
    pub entries: u32,
    /// How often one was added or became about something else, counted round.
    pub changes: u32,
}

impl Directory {
    const fn word(self) -> u64 {
        self.entries as u64 | (self.changes as u64) << 32
    }

    const fn from_word(word: u64) -> Self {
        Self {
            entries: word as u32,
            changes: (word >> 32) as u32,
        }
    }
}

/// Replaces `entry` by `words`, as many as a copy has. There is one writer.
#[inline]
pub fn store(entry: Entry<'_>, words: &[u64]) {
    // The writer's own store.
    let version = entry.version.load(Ordering::Relaxed) + 1;
    // Orders the version before this one, stored by the last call, before the words; partner: the Acquire fence
    // between a reader's copy and its second look at the version.
    fence_at(Site::LastVersionThenEntry, Ordering::Release);
    for (to, word) in entry.copies[(version & 1) as usize].iter().zip(words) {
        to.store(*word, Ordering::Relaxed);
    }
    // Publishes the words; partner: the Acquire fence after a reader loaded the version.
    let release = ordered(Site::EntryThenVersion, Ordering::Release);
    entry.version.store(version, release);
}

/// Copies the front of `entry`, as much as `words` has room for: all of one version, which is returned. 0 is that of an
/// entry that was never stored. `None` where it was replaced again and again meanwhile.
#[inline]
pub fn load(entry: Entry<'_>, words: &mut [u64]) -> Option<u64> {
    for _ in 0..ATTEMPTS_MAX {
        let version = entry.version.load(Ordering::Relaxed);
        // Partner: the Release store of the version: its words are whole.
        fence_at(Site::VersionThenEntry, Ordering::Acquire);
        for (word, from) in words.iter_mut().zip(entry.copies[(version & 1) as usize]) {
            *word = from.load(Ordering::Relaxed);
        }
        // Partners: the Release fence before the words of the version after the next, a word of which brings the next
        // version along; the Release stores of directory and applied position, which bring those of their entries.
        fence_at(Site::EntryThenSameVersion, Ordering::Acquire);
        if entry.version.load(Ordering::Relaxed) == version {
            return Some(version);
        }
        std::hint::spin_loop();
    }
    None
}

/// Stores the words of an entry that the directory does not count yet, and has it count them. `now` is what the
/// directory says, which its writer knows.
pub fn add(directory: &AtomicU64, now: &mut Directory, entry: Entry<'_>, words: &[u64]) {
    now.entries += 1;
    rename(directory, now, entry, words);
}

/// As [`store`], where the entry becomes about something else.
pub fn rename(directory: &AtomicU64, now: &mut Directory, entry: Entry<'_>, words: &[u64]) {
    store(entry, words);
    now.changes = now.changes.wrapping_add(1);
    // Partner: the Acquire fence before a reader's second look at a version: it then finds the entry.
    let release = ordered(Site::EntryThenDirectory, Ordering::Release);
    directory.store(now.word(), release);
}

/// What the directory says: the entries that it counts are there, and about what they were when it was stored, or
/// later.
#[inline]
#[must_use]
pub fn directory(word: &AtomicU64) -> Directory {
    // The fence in `load` orders it before the second look at an entry's version, which finds a version that is older
    // than the directory outdated.
    Directory::from_word(word.load(Ordering::Relaxed))
}

/// Says that the entries have everything below `position` of their source.
#[inline]
pub fn set_applied(word: &AtomicU64, position: u64) {
    // Partner: the Acquire fence before a reader's second look at a version: entries that it loads afterwards have it.
    let release = ordered(Site::EntriesThenApplied, Ordering::Release);
    word.store(position, release);
}

/// The position below which all entries loaded afterwards have everything.
#[inline]
#[must_use]
pub fn applied(word: &AtomicU64) -> u64 {
    // Ordered as the directory is.
    word.load(Ordering::Relaxed)
}
