//! The instruments that have a book, by their ids.

use std::io;

use crate::books::NO_SLOT;
use crate::levels::Side;
use crate::memory::{Pages, Zeroed};
use crate::side::BookSide;
use crate::validity::Reason;

/// The most entries that a look-up looks at.
const PROBES_MAX: usize = 64;
/// Spreads the upper half of an id over the lower.
const SPREAD: u32 = 0x9E37_79B1;

/// A trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastTrade {
    /// In units of 1e-9.
    pub price: i64,
    /// How much was traded.
    pub size: u32,
    /// The side of who took; `None` where the feed does not say.
    pub aggressor: Option<BookSide>,
    /// The venue's time, in nanoseconds since the Unix epoch.
    pub ts_event: u64,
    /// The position of the record in the queue.
    pub sequence: u64,
}

/// What the venue said last about trading in an instrument, as DBN's status record has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TradingStatus {
    /// A [`dbn::StatusAction`] as its number.
    pub action: u16,
    /// A [`dbn::StatusReason`] as its number.
    pub reason: u16,
    /// `b'Y'`, `b'N'` or `b'~'` (not known).
    pub is_trading: u8,
    /// `b'Y'`, `b'N'` or `b'~'` (not known).
    pub is_quoting: u8,
    /// `b'Y'`, `b'N'` or `b'~'` (not known).
    pub is_short_sell_restricted: u8,
    /// The venue's time, in nanoseconds since the Unix epoch; 0 before the first status.
    pub ts_event: u64,
}

impl TradingStatus {
    /// Nothing was said.
    pub(crate) const UNKNOWN: Self = Self {
        action: 0,
        reason: 0,
        is_trading: b'~',
        is_quoting: b'~',
        is_short_sell_restricted: b'~',
        ts_event: 0,
    };
}

/// Everything about one instrument but its levels and orders.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Instrument {
    // What every record touches, one cache line.
    pub(crate) sides: [Side; 2],
    pub(crate) sequence: u64,
    pub(crate) ts_event: u64,
    pub(crate) id: u32,
    /// The channel's epoch in which the book began by itself; 0 for none.
    pub(crate) begun_in: u32,
    /// The low half of the venue's sequence.
    pub(crate) venue_sequence: u32,
    pub(crate) channel: u8,
    /// A [`Reason`] as its number; 0 for none.
    pub(crate) fault: u8,
    /// [`Change`](crate::Change) since the last complete event, as its number.
    pub(crate) change: u8,
    /// Bits of [`state`].
    pub(crate) state: u8,
    // What few records touch.
    /// When `fault` came, or where there is none the book began.
    pub(crate) since: u64,
    pub(crate) trade_price: i64,
    pub(crate) trade_sequence: u64,
    pub(crate) trade_ts_event: u64,
    pub(crate) status_ts_event: u64,
    pub(crate) trade_size: u32,
    pub(crate) status_action: u16,
    pub(crate) status_reason: u16,
    pub(crate) trade_side: u8,
    pub(crate) is_trading: u8,
    pub(crate) is_quoting: u8,
    pub(crate) is_short_sell_restricted: u8,
    _padding: [u8; 12],
}

/// Bits of [`Instrument::state`].
pub(crate) mod state {
    /// The last record was not the last of its message.
    pub(crate) const INCOMPLETE: u8 = 1;
    /// An order was added that may cross the book.
    pub(crate) const MAY_CROSS: u8 = 2;
    /// A snapshot of this instrument has begun.
    pub(crate) const SNAPSHOT: u8 = 4;
    /// The venue said last that the instrument trades. Here as well as in the status, which few records touch.
    pub(crate) const TRADING: u8 = 8;
    /// An order record told the channel.
    pub(crate) const TOLD: u8 = 16;
}

const _: () = assert!(size_of::<Instrument>() == 128);
const _: () = assert!(std::mem::offset_of!(Instrument, since) == 64);

// SAFETY: integers only.
unsafe impl Zeroed for Instrument {}

impl Instrument {
    fn new(id: u32, channel: u8) -> Self {
        Self {
            sides: [Side::EMPTY; 2],
            sequence: 0,
            ts_event: 0,
            id,
            begun_in: 0,
            venue_sequence: 0,
            channel,
            fault: 0,
            change: 0,
            state: 0,
            since: 0,
            trade_price: 0,
            trade_sequence: 0,
            trade_ts_event: 0,
            status_ts_event: 0,
            trade_size: 0,
            status_action: 0,
            status_reason: 0,
            trade_side: 0,
            is_trading: b'~',
            is_quoting: b'~',
            is_short_sell_restricted: b'~',
            _padding: [0; 12],
        }
    }

    /// The instrument is told of in another channel than so far. What was told in that one, if anything was, says
    /// nothing here.
    #[cold]
    pub(crate) fn change_channel(&mut self, channel: u8, sequence: u64) {
        self.channel = channel;
        self.begun_in = 0;
        self.state &= !state::SNAPSHOT;
        if self.state & state::TOLD != 0 && self.fault == 0 {
            self.fault = Reason::NeverBegun as u8;
            self.since = sequence;
        }
    }

    /// The book begins anew.
    pub(crate) fn begin(&mut self, since: u64) {
        self.state &= state::TRADING | state::TOLD;
        self.fault = 0;
        self.since = since;
        self.begun_in = 0;
        self.change = 0;
    }

    /// No trade and no status is known any more.
    pub(crate) fn forget_the_day(&mut self) {
        self.trade_size = 0;
        self.set_status(TradingStatus::UNKNOWN);
    }

    pub(crate) fn set_status(&mut self, status: TradingStatus) {
        self.status_action = status.action;
        self.status_reason = status.reason;
        self.is_trading = status.is_trading;
        self.state &= !state::TRADING;
        if status.is_trading == b'Y' {
            self.state |= state::TRADING;
        }
        self.is_quoting = status.is_quoting;
        self.is_short_sell_restricted = status.is_short_sell_restricted;
        self.status_ts_event = status.ts_event;
    }

    pub(crate) const fn status(&self) -> TradingStatus {
        TradingStatus {
            action: self.status_action,
            reason: self.status_reason,
            is_trading: self.is_trading,
            is_quoting: self.is_quoting,
            is_short_sell_restricted: self.is_short_sell_restricted,
            ts_event: self.status_ts_event,
        }
    }

    pub(crate) fn last_trade(&self) -> Option<LastTrade> {
        (self.trade_size > 0).then_some(LastTrade {
            price: self.trade_price,
            size: self.trade_size,
            aggressor: BookSide::from_code(self.trade_side),
            ts_event: self.trade_ts_event,
            sequence: self.trade_sequence,
        })
    }
}

/// Finds an instrument's slot.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct Entry {
    id: u32,
    /// The slot's number plus one; 0 where the entry is free.
    slot: u32,
}

// SAFETY: integers only.
unsafe impl Zeroed for Entry {}

#[derive(Debug)]
pub(crate) struct Instruments {
    all: Pages<Instrument>,
    taken: u32,
    entries: Pages<Entry>,
}

impl Instruments {
    pub(crate) fn new(instruments_max: u32) -> io::Result<Self> {
        let entries = (instruments_max as usize * 2)
            .next_power_of_two()
            .max(PROBES_MAX);
        Ok(Self {
            all: Pages::new(instruments_max as usize)?,
            taken: 0,
            entries: Pages::new(entries)?,
        })
    }

    pub(crate) const fn bytes(&self) -> u64 {
        self.all.bytes() + self.entries.bytes()
    }

    /// Slots that are taken: `0 .. len`.
    #[inline(always)]
    pub(crate) const fn len(&self) -> u32 {
        self.taken
    }

    /// Ids that count up from a small number, as they do in most feeds, each have a place of their own.
    #[inline(always)]
    fn home(&self, id: u32) -> usize {
        (id ^ (id >> 16).wrapping_mul(SPREAD)) as usize & (self.entries.len() - 1)
    }

    pub(crate) fn find(&self, id: u32) -> Option<u32> {
        let slot = self.find_or_none(id);
        (slot != NO_SLOT).then_some(slot)
    }

    /// The instrument's slot, or [`NO_SLOT`].
    #[inline(always)]
    pub(crate) fn find_or_none(&self, id: u32) -> u32 {
        let home = self.home(id);
        let entry = self.entries[home];
        if entry.id == id {
            // A free entry's 0 becomes `NO_SLOT`.
            return entry.slot.wrapping_sub(1);
        }
        self.find_far(home, id).unwrap_or(NO_SLOT)
    }

    #[cold]
    #[inline(never)]
    fn find_far(&self, home: usize, id: u32) -> Option<u32> {
        for probe in 0..PROBES_MAX {
            let entry = self.entries[(home + probe) & (self.entries.len() - 1)];
            if entry.slot == 0 {
                return None;
            }
            if entry.id == id {
                return Some(entry.slot - 1);
            }
        }
        None
    }

    /// Gives an instrument that has none a slot, if there is one.
    #[cold]
    #[inline(never)]
    pub(crate) fn insert(&mut self, id: u32, channel: u8) -> Option<u32> {
        let home = self.home(id);
        let mask = self.entries.len() - 1;
        let probe = (0..PROBES_MAX).find(|probe| self.entries[(home + probe) & mask].slot == 0)?;
        let slot = self.taken;
        *self.all.get_mut(slot as usize)? = Instrument::new(id, channel);
        self.taken += 1;
        self.entries[(home + probe) & mask] = Entry { id, slot: slot + 1 };
        Some(slot)
    }

    #[inline(always)]
    pub(crate) fn get(&self, slot: u32) -> &Instrument {
        &self.all[slot as usize]
    }

    /// What is in a slot, if anything can be.
    #[inline(always)]
    pub(crate) fn try_get_mut(&mut self, slot: u32) -> Option<&mut Instrument> {
        self.all.get_mut(slot as usize)
    }

    #[inline(always)]
    pub(crate) fn get_mut(&mut self, slot: u32) -> &mut Instrument {
        &mut self.all[slot as usize]
    }

    /// Asks for what every record of the instrument touches.
    #[inline(always)]
    pub(crate) fn prefetch(&self, slot: u32) {
        self.all.prefetch(slot as usize, 0);
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Instrument> {
        let taken = self.taken as usize;
        self.all[..taken].iter_mut()
    }
}
