//! What a builder of books shows of itself.

use std::sync::{Mutex, PoisonError};

use gateway_book::BookCounters;

/// Channels by their ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChannelSet([u64; 4]);

impl ChannelSet {
    /// Whether a channel is among them.
    #[must_use]
    pub const fn contains(self, channel: u8) -> bool {
        self.0[channel as usize / 64] >> (channel % 64) & 1 == 1
    }
}

impl FromIterator<u8> for ChannelSet {
    fn from_iter<I: IntoIterator<Item = u8>>(channels: I) -> Self {
        let mut set = Self::default();
        for channel in channels {
            set.0[usize::from(channel / 64)] |= 1 << (channel % 64);
        }
        set
    }
}

/// The counts of a builder at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// What the books met.
    pub books: BookCounters,
    /// Instruments whose books can be trusted.
    pub valid: u64,
    /// Slots of the queue that were read or lost, counted since the gateway started.
    pub position: u64,
    /// Slots of the queue that passed unread.
    pub lost: u64,
    /// How often the builder was overtaken.
    pub laps: u64,
    /// Channels whose books have not begun anew since.
    pub lapped: ChannelSet,
    /// Changes of books that the conflated queue is to tell.
    pub changes: u64,
    /// Of these, changes that were merged with a later one.
    pub conflated: u64,
    /// Records of books in the conflated queue.
    pub published: u64,
    /// Requests for orders that were answered with orders.
    pub snapshots: u64,
    /// Symbols that are too long for the table.
    pub symbols_refused: u64,
    /// How often table and conflated queue went on in other memory.
    pub rotations: u64,
    /// When this was shown, by the steady time of [`Clock`](gateway_queue::clock::Clock).
    pub shown_ns: u64,
}

/// Where a builder shows its counts. It never waits for whoever reads them.
#[derive(Debug, Default)]
pub struct BookBoard(Mutex<Shown>);

impl BookBoard {
    /// The counts as they were shown last.
    #[must_use]
    pub fn read(&self) -> Shown {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows counts; later, where somebody is reading.
    pub(super) fn show(&self, shown: Shown) {
        if let Ok(mut last) = self.0.try_lock() {
            *last = shown;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_the_channels_that_were_put_in() {
        let channels = [0, 63, 64, 200, 255];
        let set: ChannelSet = channels.into_iter().collect();
        for channel in 0..=255 {
            assert_eq!(set.contains(channel), channels.contains(&channel));
        }
    }
}
