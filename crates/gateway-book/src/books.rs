//! All books of a publisher, and what each record does to them.

use std::fmt;

use dbn::flags::{LAST, MAYBE_BAD_BOOK, SNAPSHOT};
use gateway_record::{InstrumentId, RTYPE_CONTROL};

use crate::applied::{Applied, Change, Subject};
use crate::book::Book;
use crate::channels::Channels;
use crate::counters::BookCounters;
use crate::effect::{Effect, Outcome};
use crate::instruments::{Instruments, state};
use crate::levels::Levels;
use crate::mbo::{Mbo, WORDS};
use crate::options::{BooksError, BooksOptions};
use crate::orders::{Home, Orders};
use crate::validity::{Reason, Validity};

/// No instrument.
pub(crate) const NO_SLOT: u32 = u32::MAX;
/// What no order record's first half word is.
const NO_HEAD: u64 = u64::MAX;

/// The books of one publisher's instruments. See the [crate](crate).
pub struct Books {
    pub(crate) instruments: Instruments,
    pub(crate) levels: Levels,
    pub(crate) orders: Orders,
    pub(crate) channels: Channels,
    pub(crate) counters: BookCounters,
    pub(crate) options: BooksOptions,
    /// Length, type and publisher of the order records that are applied; [`NO_HEAD`] until the publisher is known.
    mbo_head: u64,
    /// Orders that rest.
    pub(crate) live: u32,
    /// Orders of dead levels that are still to be swept.
    pub(crate) stale: u32,
    /// The next order's.
    pub(crate) stamp: u32,
    /// The position of the last record.
    pub(crate) sequence: u64,
    pub(crate) ts_recv: u64,
    #[cfg(target_arch = "x86_64")]
    pub(crate) has_vectors: bool,
}

impl Books {
    /// Books without an instrument; all memory that they will ever need is present when this returns.
    ///
    /// # Errors
    /// A limit is out of range, or there is no memory.
    pub fn new(options: &BooksOptions) -> Result<Self, BooksError> {
        options.check()?;
        let BooksOptions {
            orders_max,
            levels_max,
            instruments_max,
            publisher_id,
        } = *options;
        let memory = |source| BooksError::Memory {
            orders_max,
            levels_max,
            instruments_max,
            source,
        };
        Ok(Self {
            instruments: Instruments::new(instruments_max).map_err(memory)?,
            levels: Levels::new(levels_max, instruments_max).map_err(memory)?,
            orders: Orders::new(orders_max).map_err(memory)?,
            channels: Channels::new(),
            counters: BookCounters::default(),
            options: *options,
            mbo_head: publisher_id.map_or(NO_HEAD, |publisher| Mbo::head(publisher).into()),
            live: 0,
            stale: 0,
            stamp: 0,
            sequence: 0,
            ts_recv: 0,
            #[cfg(target_arch = "x86_64")]
            has_vectors: crate::vectors::has_avx2(),
        })
    }

    /// Applies a record of a queue of `full` records: `record` is its words, `sequence` its position in the queue.
    /// Any words may come.
    #[inline]
    pub fn apply(&mut self, record: &[u64], sequence: u64) -> Applied {
        self.begin_record(sequence);
        let outcome = match record.try_into() {
            Ok(words) if self.is_order_record(words) => self.order_record(words, NO_SLOT, sequence),
            _ => self.other_record(record, record.len(), sequence),
        };
        outcome.applied()
    }

    /// A record comes.
    #[inline(always)]
    pub(crate) const fn begin_record(&mut self, sequence: u64) {
        self.counters.records += 1;
        self.sequence = sequence;
    }

    /// Whether the record of these words is about an order of the publisher.
    #[inline(always)]
    pub(crate) const fn is_order_record(&self, words: &[u64; WORDS]) -> bool {
        words[0] as u32 as u64 == self.mbo_head
    }

    /// Records between the last one and that of position `sequence` were lost: the reader was lapped. No book is valid
    /// until it begins anew.
    pub fn lost(&mut self, sequence: u64) -> Applied {
        self.sequence = sequence;
        self.counters.losses += 1;
        self.channels.begin_epoch_of_all(Reason::Lapped, sequence);
        Applied::of_many(Subject::All, Change::Nothing)
    }

    /// Asks the processor to fetch what applying `record` will touch first. Any words may come.
    #[inline(always)]
    pub fn prefetch(&self, record: &[u64]) {
        if let Ok(words) = record.try_into() {
            let _ = self.prefetch_order(words);
        }
    }

    /// Asks for what could not be told before the first fetch had time to arrive: to be called for each record of a
    /// batch once [`prefetch`](Self::prefetch) was called for all.
    #[inline(always)]
    pub fn prefetch_next(&self, record: &[u64]) {
        if let Ok(words) = <&[u64; WORDS]>::try_from(record)
            && let Some(slot) = self.instruments.find(Mbo(words).instrument())
            && self.is_order_record(words)
        {
            self.prefetch_levels(words, slot);
        }
    }

    /// Prefetches for an order record; gives its instrument's slot, or [`NO_SLOT`], and its order's home.
    #[inline(always)]
    pub(crate) fn prefetch_order(&self, words: &[u64; WORDS]) -> (u32, Home) {
        let mbo = Mbo(words);
        if !self.is_order_record(words) {
            return (NO_SLOT, Home::default());
        }
        let home = self.orders.prefetch(mbo.order_id());
        let slot = self.instruments.find_or_none(mbo.instrument());
        self.instruments.prefetch(slot);
        (slot, home)
    }

    /// Prefetches more for an order record of the instrument in that slot, if it is in one.
    #[inline(always)]
    pub(crate) fn prefetch_levels(&self, words: &[u64; WORDS], slot: u32) {
        if slot == NO_SLOT {
            return;
        }
        let side = Mbo(words).side_bit();
        self.levels
            .prefetch(&self.instruments.get(slot).sides[side]);
    }

    /// The book of an instrument, if any record about it came.
    #[must_use]
    pub fn instrument(&self, id: InstrumentId) -> Option<Book<'_>> {
        let slot = self.instruments.find(id.0)?;
        Some(Book::new(self, slot))
    }

    /// The book of a slot, see [`Book::slot`].
    #[must_use]
    pub fn slot(&self, slot: u32) -> Option<Book<'_>> {
        (slot < self.instruments.len()).then(|| Book::new(self, slot))
    }

    /// All books, in the order of their slots: that in which their instruments were first heard of.
    pub fn instruments(&self) -> impl ExactSizeIterator<Item = Book<'_>> {
        (0..self.instruments.len()).map(|slot| Book::new(self, slot))
    }

    /// Whether the books of a channel that did not begin by themselves are valid: an instrument that was never heard of
    /// has an empty book that is.
    #[must_use]
    pub const fn channel_validity(&self, channel: u8) -> Validity {
        self.channels.get(channel).validity()
    }

    /// The position of the last record: the books are what the queue says up to it.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// What came so far.
    #[must_use]
    pub fn counters(&self) -> BookCounters {
        BookCounters {
            orders: self.live.into(),
            levels: self.levels.live().into(),
            instruments: self.instruments.len().into(),
            ..self.counters
        }
    }

    /// The limits.
    #[must_use]
    pub const fn options(&self) -> &BooksOptions {
        &self.options
    }

    /// The publisher, once it is known.
    #[must_use]
    pub const fn publisher_id(&self) -> Option<u16> {
        if self.mbo_head == NO_HEAD {
            return None;
        }
        Some((self.mbo_head >> 16) as u16)
    }

    /// Bytes taken at the start, used or not.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.instruments.bytes() + self.levels.bytes() + self.orders.bytes()
    }

    /// Applies a record that is about an order; `slot` is its instrument's, if that was looked up already.
    #[inline(always)]
    pub(crate) fn order_record(
        &mut self,
        words: &[u64; WORDS],
        slot: u32,
        sequence: u64,
    ) -> Outcome {
        let mbo = Mbo(words);
        let id = mbo.instrument();
        let slot = if slot == NO_SLOT {
            self.find_or_admit(mbo)
        } else {
            slot
        };
        if slot == NO_SLOT {
            return Outcome::NOTHING;
        }
        self.ts_recv = mbo.ts_recv();
        let instrument = self.instruments.get_mut(slot);
        let moved = instrument.channel != mbo.channel();
        if moved {
            instrument.change_channel(mbo.channel(), sequence);
        }
        instrument.sequence = sequence;
        instrument.ts_event = mbo.ts_event();
        instrument.venue_sequence = mbo.venue_sequence();
        // Nearly all are of two kinds: two branches, and not a jump by a table, which is mispredicted more often.
        let effect = if mbo.action() == b'A' {
            self.add(slot, mbo)
        } else if mbo.action() == b'C' {
            self.cancel(slot, mbo)
        } else {
            self.seldom(slot, mbo)
        };
        let mut effect = effect.and_validity(moved);
        let flags = mbo.flags();
        let complete = flags & LAST != 0;
        let unusual = self.instruments.get(slot).state & (state::MAY_CROSS | state::SNAPSHOT);
        if flags & (MAYBE_BAD_BOOK | SNAPSHOT) | unusual != 0 {
            effect = effect.and_validity(self.heed_flags(slot, mbo));
        }
        let instrument = self.instruments.get_mut(slot);
        let effect = effect.and_change(instrument.change);
        instrument.change = if complete { 0 } else { effect.change() };
        instrument.state =
            (instrument.state & !state::INCOMPLETE) | state::TOLD | u8::from(!complete);
        effect.outcome(id, slot, complete)
    }

    /// What is neither an Add nor a Cancel.
    #[inline(never)]
    fn seldom(&mut self, slot: u32, mbo: Mbo<'_>) -> Effect {
        match mbo.action() {
            b'M' => self.modify(slot, mbo),
            b'R' => self.clear(slot, mbo),
            b'T' => self.trade(slot, mbo),
            // What a fill takes off its order comes as a cancel.
            b'F' | b'N' => Effect::NOTHING,
            _ => {
                self.counters.malformed += 1;
                Effect::NOTHING
            }
        }
    }

    /// The slot of a record's instrument, which it gets if there is room; else [`NO_SLOT`].
    #[inline(never)]
    fn find_or_admit(&mut self, mbo: Mbo<'_>) -> u32 {
        let found = self.instruments.find(mbo.instrument());
        found.or_else(|| self.admit(mbo)).unwrap_or(NO_SLOT)
    }

    /// Gives the instrument of a record its book, if there is room.
    #[cold]
    fn admit(&mut self, mbo: Mbo<'_>) -> Option<u32> {
        self.admit_instrument(mbo.instrument(), mbo.channel())
    }

    pub(crate) fn admit_instrument(&mut self, id: u32, channel: u8) -> Option<u32> {
        let slot = self.instruments.insert(id, channel);
        self.counters.instruments_overflowed += u64::from(slot.is_none());
        slot
    }

    /// Applies a record that is no order record of the publisher, whose number is still to be learnt perhaps.
    #[cold]
    #[inline(never)]
    pub(crate) fn other_record(&mut self, record: &[u64], length: usize, sequence: u64) -> Outcome {
        let Some(&head) = record.first() else {
            self.counters.malformed += 1;
            return Outcome::NOTHING;
        };
        let [_, rtype, p0, p1, ..] = head.to_le_bytes();
        if rtype == RTYPE_CONTROL {
            return self.control_record(record, length).into();
        }
        let about_instruments = [
            dbn::rtype::MBO,
            dbn::rtype::STATUS,
            dbn::rtype::INSTRUMENT_DEF,
        ];
        if !about_instruments.contains(&rtype) {
            self.counters.ignored += 1;
            return Outcome::NOTHING;
        }
        if self.mbo_head == NO_HEAD {
            self.mbo_head = Mbo::head(u16::from_le_bytes([p0, p1])).into();
        }
        if (head ^ self.mbo_head) & 0xFFFF_0000 != 0 {
            self.counters.foreign += 1;
            return Outcome::NOTHING;
        }
        match (rtype, <&[u64; WORDS]>::try_from(record)) {
            (dbn::rtype::MBO, Ok(words)) if self.is_order_record(words) && length == WORDS => {
                self.order_record(words, NO_SLOT, sequence)
            }
            (dbn::rtype::STATUS, _) => self.status_record(record, length).into(),
            (dbn::rtype::INSTRUMENT_DEF, _) => self.definition_record(head, length).into(),
            _ => {
                self.counters.malformed += 1;
                Outcome::NOTHING
            }
        }
    }
}

impl fmt::Debug for Books {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Books")
            .field("options", &self.options)
            .field("sequence", &self.sequence)
            .field("counters", &self.counters())
            .finish_non_exhaustive()
    }
}
