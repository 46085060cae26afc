//! What is known about whole channels: one store makes all books of a channel untrustworthy, or trustworthy.

use crate::validity::{Reason, Validity};

/// Channels of a publisher: their ids are bytes.
const CHANNELS: usize = 256;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Channel {
    /// Counts what befell all books of the channel. A book that began by itself did so in one epoch and is valid in
    /// this epoch only.
    epoch: u32,
    /// What is the matter with the books that did not begin by themselves; `None` if they are right.
    reason: Option<Reason>,
    /// Since which record.
    since: u64,
}

#[derive(Debug)]
pub(crate) struct Channels([Channel; CHANNELS]);

impl Channel {
    pub(crate) const fn epoch(&self) -> u32 {
        self.epoch
    }

    pub(crate) const fn reason(&self) -> Option<Reason> {
        self.reason
    }

    pub(crate) const fn validity(&self) -> Validity {
        match self.reason {
            None => Validity::Valid { since: self.since },
            Some(reason) => Validity::Invalid {
                reason,
                since: self.since,
            },
        }
    }

    fn begin_epoch(&mut self, reason: Option<Reason>, since: u64) {
        // Four billion epochs are more than records of a channel that begin one; at their end nothing begins by itself.
        self.epoch = self.epoch.saturating_add(1);
        self.reason = reason;
        self.since = since;
    }
}

impl Channels {
    pub(crate) const fn new() -> Self {
        Self(
            [Channel {
                epoch: 1,
                reason: Some(Reason::NeverBegun),
                since: 0,
            }; CHANNELS],
        )
    }

    #[inline(always)]
    pub(crate) const fn get(&self, channel: u8) -> &Channel {
        &self.0[channel as usize]
    }

    /// All books of the channel are right from here on, or wrong for `reason`; what they were before is forgotten.
    pub(crate) fn begin_epoch(&mut self, channel: u8, reason: Option<Reason>, since: u64) {
        self.0[usize::from(channel)].begin_epoch(reason, since);
    }

    /// The same for all channels.
    pub(crate) fn begin_epoch_of_all(&mut self, reason: Reason, since: u64) {
        for channel in &mut self.0 {
            channel.begin_epoch(Some(reason), since);
        }
    }
}
