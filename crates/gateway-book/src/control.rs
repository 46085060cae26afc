//! Records that are not about orders: those about a channel, trading status, definitions.

use gateway_record::{ControlKind, ControlRecord, InstrumentId, v3};

use crate::applied::{Applied, Change, Subject};
use crate::books::Books;
use crate::instruments::TradingStatus;
use crate::validity::Reason;

/// Every transport's first message has this number.
const FIRST_SEQUENCE: u64 = 1;
/// A status record without a state of trading: it tells of the short-sale restriction only.
const SSR_CHANGE: u16 = dbn::StatusAction::SsrChange as u16;
const UNKNOWN: u8 = b'~';

/// Whether a control record has all books of its channel begin anew.
pub(crate) fn begins_anew(record: &[u64]) -> bool {
    let of_channel = ControlRecord::from_words(record).filter(|record| record.instrument_id == 0);
    let kind = of_channel.and_then(|record| ControlKind::from_number(record.kind));
    matches!(
        kind,
        Some(ControlKind::SessionStart | ControlKind::Reset | ControlKind::SnapshotBegin)
    )
}

impl Books {
    /// `record` may be the beginning of one of `length` words.
    pub(crate) fn control_record(&mut self, record: &[u64], length: usize) -> Applied {
        let whole = ControlRecord::from_words(record).filter(|_| length == record.len());
        let Some(record) = whole else {
            self.counters.malformed += 1;
            return Applied::NOTHING;
        };
        if record.instrument_id != 0 {
            // Of one instrument of a feed that has levels among its orders: none of these books is of it.
            self.counters.ignored += 1;
            return Applied::NOTHING;
        }
        let channel = record.channel_id;
        let whole = if record.sequence <= FIRST_SEQUENCE {
            None
        } else {
            Some(Reason::LateStart)
        };
        match ControlKind::from_number(record.kind) {
            Some(ControlKind::SessionStart) => {
                self.begin_channel(channel, whole);
                for instrument in self.instruments.iter_mut() {
                    if instrument.channel == channel {
                        instrument.forget_the_day();
                    }
                }
            }
            Some(ControlKind::Reset) => self.begin_channel(channel, whole),
            Some(ControlKind::SnapshotBegin) => {
                self.begin_channel(channel, Some(Reason::Snapshot));
            }
            Some(ControlKind::SnapshotEnd)
                if self.channels.get(channel).reason() == Some(Reason::Snapshot) =>
            {
                self.counters.snapshots += 1;
                let sequence = self.sequence();
                self.channels.begin_epoch(channel, None, sequence);
                return Applied::of_many(Subject::Channel(channel), Change::Nothing);
            }
            Some(ControlKind::Gap) => {
                self.counters.gaps += 1;
                let sequence = self.sequence();
                self.channels
                    .begin_epoch(channel, Some(Reason::Gap), sequence);
                return Applied::of_many(Subject::Channel(channel), Change::Nothing);
            }
            // A snapshot whose beginning was missed, or that a gap broke off, says nothing about the channel. Silence
            // and what is asked for again leave the books as they are: right up to where the stream stands.
            Some(
                ControlKind::SnapshotEnd
                | ControlKind::SessionEnd
                | ControlKind::Recovering
                | ControlKind::Recovered
                | ControlKind::Stale
                | ControlKind::Live,
            ) => {
                self.counters.ignored += 1;
                return Applied::NOTHING;
            }
            None => {
                self.counters.malformed += 1;
                return Applied::NOTHING;
            }
        }
        Applied::of_many(Subject::Channel(channel), Change::Best)
    }

    /// All books of a channel begin anew.
    fn begin_channel(&mut self, channel: u8, reason: Option<Reason>) {
        let sequence = self.sequence();
        for slot in 0..self.instruments.len() {
            if self.instruments.get(slot).channel == channel {
                self.empty(slot);
                self.instruments.get_mut(slot).begin(sequence);
            }
        }
        self.channels.begin_epoch(channel, reason, sequence);
    }

    pub(crate) fn status_record(&mut self, record: &[u64], length: usize) -> Applied {
        let &[head, ts_event, _, states, rest] = record else {
            self.counters.malformed += 1;
            return Applied::NOTHING;
        };
        debug_assert_eq!(length * 8, size_of::<v3::StatusMsg>());
        let id = (head >> 32) as u32;
        let Some(slot) = self.slot_of(id) else {
            return Applied::NOTHING;
        };
        let sequence = self.sequence();
        let instrument = self.instruments.get_mut(slot);
        instrument.sequence = sequence;
        let [a0, a1, r0, r1, _, _, is_trading, is_quoting] = states.to_le_bytes();
        let [is_short_sell_restricted, ..] = rest.to_le_bytes();
        let before = instrument.status();
        let mut status = TradingStatus { ts_event, ..before };
        let action = u16::from_le_bytes([a0, a1]);
        if action != SSR_CHANGE {
            status.action = action;
            status.reason = u16::from_le_bytes([r0, r1]);
            status.is_trading = is_trading;
            status.is_quoting = is_quoting;
        }
        if is_short_sell_restricted != UNKNOWN {
            status.is_short_sell_restricted = is_short_sell_restricted;
        }
        instrument.set_status(status);
        Applied {
            subject: Subject::Instrument {
                id: InstrumentId(id),
                slot,
            },
            status: true,
            ..Applied::NOTHING
        }
    }

    /// An instrument that is defined has a book, without any order.
    pub(crate) fn definition_record(&mut self, head: u64, length: usize) -> Applied {
        if length * 8 != size_of::<v3::InstrumentDefMsg>() {
            self.counters.malformed += 1;
            return Applied::NOTHING;
        }
        let id = (head >> 32) as u32;
        let Some(slot) = self.slot_of(id) else {
            return Applied::NOTHING;
        };
        Applied {
            subject: Subject::Instrument {
                id: InstrumentId(id),
                slot,
            },
            ..Applied::NOTHING
        }
    }

    /// The slot of an instrument, which it gets if it has none. Which channel it is of is told by its first order.
    fn slot_of(&mut self, id: u32) -> Option<u32> {
        let known = self.instruments.find(id);
        known.or_else(|| self.admit_instrument(id, 0))
    }
}
