//! How a queue begins and ends: its static page, its state.

use super::Memory;
use crate::sync::{AtomicU64, Ordering, Site, fence_at, ordered};

/// State word of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum State {
    /// Being made.
    Init = 0,
    /// Its publisher is at work.
    Live = 1,
    /// Its publisher ended in order.
    Closed = 2,
    /// A queue with a later epoch took its place.
    Superseded = 3,
}

impl State {
    /// The state of a word, if it is one.
    #[must_use]
    pub const fn from_word(word: u64) -> Option<Self> {
        match word {
            0 => Some(Self::Init),
            1 => Some(Self::Live),
            2 => Some(Self::Closed),
            3 => Some(Self::Superseded),
            _ => None,
        }
    }
}

/// How a queue ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The publisher stops.
    Closed,
    /// Another queue takes this one's place.
    Superseded {
        /// The epoch of that queue.
        successor_epoch: u64,
    },
}

/// Why a queue gives no more records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// Its publisher ended in order.
    Stopped,
    /// A later queue took its place; subscribe again.
    Superseded {
        /// Epoch of that queue.
        successor_epoch: u64,
    },
}

/// Says that the writer of `memory` published its last record.
pub fn end(memory: &impl Memory, ending: Ending) {
    store_end(memory.state(), memory.successor(), ending);
}

/// Whether `memory` got its last record, and why. A look at the ring after this one sees every record there is.
pub fn ended(memory: &impl Memory) -> Option<Closed> {
    load_end(memory.state(), memory.successor())
}

/// Stores a final state: all that was stored before is there for whoever sees it.
pub fn store_end(state: &AtomicU64, successor: &AtomicU64, ending: Ending) {
    let word = match ending {
        Ending::Closed => State::Closed,
        Ending::Superseded { successor_epoch } => {
            successor.store(successor_epoch, Ordering::Relaxed);
            State::Superseded
        }
    };
    // Partner: the Acquire fence after a reader loaded the state; it then sees every record.
    let release = ordered(Site::RecordsThenState, Ordering::Release);
    state.store(word as u64, release);
}

/// The final state, if that was stored.
pub fn load_end(state: &AtomicU64, successor: &AtomicU64) -> Option<Closed> {
    let word = state.load(Ordering::Relaxed);
    // Partner: the Release store of the state at the end.
    fence_at(Site::StateThenSlots, Ordering::Acquire);
    match State::from_word(word) {
        Some(State::Live | State::Init) => None,
        Some(State::Superseded) => Some(Closed::Superseded {
            successor_epoch: successor.load(Ordering::Relaxed),
        }),
        Some(State::Closed) | None => Some(Closed::Stopped),
    }
}

/// Stores a static page, its first word, the magic, last. `word` finds a word by its index.
pub fn store_page<'a>(page: &[u64], word: impl Fn(usize) -> &'a AtomicU64) {
    for (index, value) in page.iter().enumerate().rev() {
        let order = if index == 0 {
            // Partner: the Acquire fence after a reader loaded the magic.
            ordered(Site::PageThenMagic, Ordering::Release)
        } else {
            Ordering::Relaxed
        };
        word(index).store(*value, order);
    }
}

/// Copies a static page: if its first word is the magic, the rest is whole. `word` finds a word by its index.
pub fn load_page<'a>(page: &mut [u64], word: impl Fn(usize) -> &'a AtomicU64) {
    for (index, value) in page.iter_mut().enumerate() {
        *value = word(index).load(Ordering::Relaxed);
        if index == 0 {
            // Partner: the Release store of the magic: the rest of the page was stored before it.
            fence_at(Site::MagicThenPage, Ordering::Acquire);
        }
    }
}
