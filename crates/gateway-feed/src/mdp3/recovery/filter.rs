//! Sinks that let through what counts.

use dbn::flags::{LAST, MBP};
use dbn::{Action, Side, UNDEF_PRICE, rtype};

use super::Announcer;
use super::instruments::{Instruments, Kind};
use crate::decoder::RefreshCounters;
use crate::record::{ControlKind, ControlRecord, MboEvent};
use crate::sink::{InstrumentId, Output, Outputs, RecordSink, publish_each};

/// Where an order record's action and flags lie, see [`MboEvent`].
const CODES: usize = 4;
const FLAGS_SHIFT: u32 = 32;
const ACTION_SHIFT: u32 = 48;

/// Which book a record changes; `None`: none, it says what happened (a trade, a statistic), or that an event is over.
fn changes(words: &[u64]) -> Option<Kind> {
    let (&[head, ..], Some(codes)) = (words, words.get(CODES)) else {
        return None;
    };
    let is_order = head.to_le_bytes()[1] == rtype::MBO;
    let action = (codes >> ACTION_SHIFT) as u8;
    let book = [Action::Add, Action::Modify, Action::Cancel, Action::Clear];
    if !is_order || !book.map(|of_book| of_book as u8).contains(&action) {
        return None;
    }
    let levels = (codes >> FLAGS_SHIFT) as u8 & MBP != 0;
    Some(if levels { Kind::Levels } else { Kind::Orders })
}

fn is_last(words: &[u64]) -> bool {
    let codes = words.get(CODES).copied().unwrap_or_default();
    (codes >> FLAGS_SHIFT) as u8 & LAST != 0
}

/// The record without its effect, where it ends its instrument's event: action `N`.
fn end_alone(words: &[u64]) -> Option<[u64; 7]> {
    if is_last(words) {
        end_behind(words)
    } else {
        None
    }
}

/// A record without effect that ends the event of the one given.
fn end_behind(words: &[u64]) -> Option<[u64; 7]> {
    let mut record: [u64; 7] = words.try_into().ok()?;
    let flags = (record[CODES] >> FLAGS_SHIFT) as u8 | LAST;
    let channel = record[CODES] & 0xFF << 40;
    record[2] = 0;
    record[3] = UNDEF_PRICE.cast_unsigned();
    record[CODES] =
        channel | MboEvent::codes(Action::None, flags & !MBP) | MboEvent::side_code(Side::None);
    Some(record)
}

/// Withholds what changes a book that is not whole, and what a snapshot contains already.
pub(super) struct Withholding<'a, S> {
    pub(super) sink: &'a mut S,
    pub(super) instruments: &'a mut Instruments,
    pub(super) counters: &'a mut RefreshCounters,
    pub(super) announcer: &'a Announcer,
    pub(super) packet: u32,
    pub(super) ts_recv: u64,
}

impl<S: RecordSink> RecordSink for Withholding<'_, S> {
    fn wants(&self, instrument: InstrumentId) -> Outputs {
        self.sink.wants(instrument)
    }

    fn publish(&mut self, output: Output, instrument: InstrumentId, words: &[u64]) {
        let Some(kind) = changes(words) else {
            return self.sink.publish(output, instrument, words);
        };
        let (number, packet) = (instrument.0, self.packet);
        let whole = self.instruments.is_whole(number, kind);
        if whole && !self.instruments.is_contained(number, kind, packet) {
            return self.sink.publish(output, instrument, words);
        }
        if whole {
            self.counters.contained += 1;
        } else {
            self.counters.withheld += 1;
            let state = self.instruments.state_mut(number);
            let first = state.is_some_and(|state| {
                state.withheld_levels |= kind == Kind::Levels;
                !std::mem::replace(&mut state.withheld, true)
            });
            if first {
                let place = (packet.into(), 0, self.ts_recv);
                self.announcer
                    .tell(ControlKind::Recovering, instrument, place, self.sink);
            }
        }
        // What else there was of the event, a trade or the other book's changes, may have gone out.
        if let Some(end) = end_alone(words) {
            self.sink.publish(output, instrument, &end);
        }
    }

    fn control(&mut self, record: &ControlRecord) {
        self.sink.control(record);
    }

    fn instrument(&mut self, instrument: InstrumentId, symbol: &[u8]) {
        self.sink.instrument(instrument, symbol);
    }
}

/// Lets through what changes one book of one instrument, of messages that went out otherwise already.
pub(super) struct Only<'a, S> {
    pub(super) sink: &'a mut S,
    pub(super) instrument: InstrumentId,
    pub(super) kind: Kind,
    /// The last record that went out, where it did not end its event.
    pub(super) open: Option<[u64; 7]>,
}

impl<S: RecordSink> Only<'_, S> {
    /// Ends the event of the last record, whose end came in a message about others.
    pub(super) fn close(&mut self) {
        let end = self.open.take().and_then(|words| end_behind(&words));
        if let Some(end) = end {
            let wanted = self.wants(self.instrument);
            publish_each(wanted, self.instrument, &end, self.sink);
        }
    }
}

impl<S: RecordSink> RecordSink for Only<'_, S> {
    fn wants(&self, instrument: InstrumentId) -> Outputs {
        if instrument == self.instrument {
            self.sink.wants(instrument).without(Output::Native)
        } else {
            Outputs::NONE
        }
    }

    fn publish(&mut self, output: Output, instrument: InstrumentId, words: &[u64]) {
        if instrument != self.instrument {
            return;
        }
        match changes(words) {
            Some(kind) if kind == self.kind => {
                self.open = words.try_into().ok().filter(|_| !is_last(words));
                self.sink.publish(output, instrument, words);
            }
            Some(_) => {
                if let Some(end) = end_alone(words) {
                    self.open = None;
                    self.sink.publish(output, instrument, &end);
                }
            }
            None => {}
        }
    }

    fn control(&mut self, _: &ControlRecord) {}

    fn instrument(&mut self, _: InstrumentId, _: &[u8]) {}
}
