//! The protocol of the ring, over any memory that holds its words.
//!
//! Position `n` counts slots since the queue began and lives in slot `n % slots`. A slot is a sequence word and `P`
//! payload words. The sequence word is `n + 1` once position `n` is complete, 0 before anything was written, and has
//! [`CONTINUATION`] set where the slot continues a record that began before it. The writer announces what it may be
//! overwriting in blocks ([`Memory::reserved`]), so that a reader can tell *after* copying whether its copy is whole.
//!
//! Each ordering that the protocol needs is a [`Site`](crate::sync::Site), which names its partner; all other accesses
//! are relaxed.
//!
//! `P` is 7 in shared memory (64-byte slots) and 1 in the loom models, where the interleavings must stay countable.

mod bell;
mod lifecycle;
mod reader;
mod writer;

pub use bell::{Announcement, Look, Sleeper, ring};
pub use lifecycle::{
    Closed, Ending, State, end, ended, load_end, load_page, store_end, store_page,
};
pub use reader::{Reader, Step};
pub use writer::Writer;

use crate::sync::AtomicU64;

/// Set in the sequence word of a slot that continues a record.
pub const CONTINUATION: u64 = 1 << 63;

/// The record over each slot whose position is a multiple of this is stamped with the time of its publication.
pub const STAMP_SLOTS: u64 = 1_024;

/// The words of a ring, wherever they lie.
pub trait Memory {
    /// Positions below it are published.
    fn head(&self) -> &AtomicU64;
    /// Positions below it may be being overwritten.
    fn reserved(&self) -> &AtomicU64;
    /// First position from which state can be rebuilt, in two's complement: a negative one lies in an earlier epoch of the
    /// queue, so many slots before this one began. 0 where nobody says.
    fn resync(&self) -> &AtomicU64;
    /// A [`State`].
    fn state(&self) -> &AtomicU64;
    /// Epoch of the queue that took this one's place.
    fn successor(&self) -> &AtomicU64;
    /// The words of the slot of `position`: the sequence, then the payload. The implementation reduces `position`
    /// modulo the number of slots.
    fn slot(&self, position: u64) -> &[AtomicU64];
    /// Takes down when the record whose last slot is that of `position` is published, which is about to be; nothing, where
    /// nobody wants to know. Ordered before the record by its publication.
    fn stamp(&self, _position: u64) {}
}

/// The shape of a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Number of slots, a power of two.
    pub slots: u64,
    /// Slots reserved at a time; no record is longer.
    pub block: u64,
    /// Largest record in words.
    pub record_words_max: usize,
}

/// Where a reader that was overtaken goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnLapped {
    /// At the newest record: lowest latency, largest loss.
    Latest,
    /// At the oldest slot that the writer will not overwrite next: smallest loss.
    #[default]
    Oldest,
    /// Where state can be rebuilt, as the publisher says; the oldest slot where it is later.
    Resync,
}

/// Number of words of a record, from its first word: the low byte counts 32-bit words, as in DBN. At least 1.
#[inline(always)]
#[must_use]
pub const fn record_words(first: u64) -> usize {
    let words = ((first & 0xFF) as usize + 1) >> 1;
    if words == 0 { 1 } else { words }
}
