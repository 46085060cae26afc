//! What makes a book valid or invalid.

use dbn::flags::{LAST, MAYBE_BAD_BOOK, SNAPSHOT};

use crate::book::Book;
use crate::books::Books;
use crate::channels::Channel;
use crate::instruments::{Instrument, state};
use crate::mbo::Mbo;
use crate::validity::{Reason, Validity};

impl Books {
    /// What flags and an unusual state come to, once the record is applied. Says whether the validity changed.
    pub(crate) fn heed_flags(&mut self, slot: u32, mbo: Mbo<'_>) -> bool {
        let flags = mbo.flags();
        let complete = flags & LAST != 0;
        let mut changed = false;
        if flags & MAYBE_BAD_BOOK != 0 {
            changed |= self.fault(slot, Reason::Flagged);
        }
        let in_snapshot = self.instruments.get(slot).state & state::SNAPSHOT != 0;
        if flags & SNAPSHOT != 0 {
            let of_channel = self.channel_of(slot).reason() == Some(Reason::Snapshot);
            let begins = mbo.action() == b'R';
            if !in_snapshot && !of_channel && !begins {
                // Its beginning was missed.
                changed |= self.fault(slot, Reason::Snapshot);
            }
        }
        let instrument = self.instruments.get_mut(slot);
        if in_snapshot && (complete || flags & SNAPSHOT == 0) {
            instrument.state &= !state::SNAPSHOT;
            // A snapshot ends with its last record; one that another record breaks off never does.
            if flags & SNAPSHOT != 0 && instrument.fault == Reason::Snapshot as u8 {
                instrument.fault = 0;
                instrument.since = self.sequence;
                changed = true;
            }
        }
        if complete && instrument.state & state::MAY_CROSS != 0 {
            instrument.state &= !state::MAY_CROSS;
            if instrument.state & state::TRADING != 0 && Book::new(self, slot).is_crossed() {
                self.counters.crossed += 1;
                changed |= self.fault(slot, Reason::Crossed);
            }
        }
        changed
    }

    pub(crate) fn channel_of(&self, slot: u32) -> &Channel {
        self.channels.get(self.instruments.get(slot).channel)
    }

    pub(crate) fn validity_of(&self, instrument: &Instrument) -> Validity {
        if let Some(reason) = Reason::from_number(instrument.fault) {
            let since = instrument.since;
            return Validity::Invalid { reason, since };
        }
        let channel = self.channels.get(instrument.channel);
        if instrument.begun_in == channel.epoch() {
            let since = instrument.since;
            return Validity::Valid { since };
        }
        channel.validity()
    }

    /// Notes what makes a book invalid, unless it is already. Says whether that is news.
    #[cold]
    #[inline(never)]
    pub(crate) fn fault(&mut self, slot: u32, reason: Reason) -> bool {
        let validity = self.validity_of(self.instruments.get(slot));
        // What happens within a snapshot outlasts it.
        let news = match validity {
            Validity::Valid { .. } => true,
            Validity::Invalid { reason: of, .. } => of == Reason::Snapshot && reason != of,
        };
        if news {
            let sequence = self.sequence;
            let instrument = self.instruments.get_mut(slot);
            instrument.fault = reason as u8;
            instrument.since = sequence;
        }
        news
    }
}
