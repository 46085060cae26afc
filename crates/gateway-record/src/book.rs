//! An instrument's book as the book table has it: best prices, ten levels, last trade, status, and what it is worth.
//!
//! [`BookEntry`] travels as [`WORDS`] words, [`BookBest`] as the first [`BEST_WORDS`] of them, which are one cache line.

use std::ffi::c_char;

use dbn::{BidAskPair, UNDEF_PRICE};

use crate::Nanos;

/// Words of an entry.
pub const WORDS: usize = 56;
/// Words of its front: best bid and ask, and what they are worth.
pub const BEST_WORDS: usize = 8;
/// Price levels of each side.
pub const LEVELS: usize = 10;
/// Longest symbol in bytes; longer ones are not in a table.
pub const SYMBOL_BYTES_MAX: usize = 32;
/// What entries are, in a table's header: `GWBOOK`.
pub const SCHEMA_ID: u64 = u64::from_le_bytes(*b"GWBOOK\0\0");
/// Version of that.
pub const SCHEMA_VERSION: u32 = 1;

/// What a book is worth: whether it shows what rests at the venue, and if not, what happened first. It gets valid again
/// when it begins anew: with a Clear, a snapshot, a restart of the numbers or the next session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BookState {
    /// It shows what rests.
    Valid,
    /// Neither the start of a session nor a Clear was seen yet.
    #[default]
    NeverBegun,
    /// The session was joined after its first message.
    LateStart,
    /// Messages of the channel are lost for good.
    Gap,
    /// The builder of the books was overtaken by its queue, and lost records.
    Lapped,
    /// A record said so (`F_MAYBE_BAD_BOOK`): the gateway lacked something that it needed.
    Flagged,
    /// A snapshot has begun and is not complete.
    Snapshot,
    /// A record named an order that is not known, or one of another instrument.
    UnknownOrder,
    /// An order was added whose reference one that rests had already.
    DuplicateOrder,
    /// A record lacked what it takes to apply it: side, price or size.
    IncompleteRecord,
    /// There is no room for its orders or levels.
    Overflow,
    /// While the instrument trades the best bid is above the best ask.
    Crossed,
    /// A record named another side or price than its order has.
    Contradiction,
    /// A reason that this build does not know.
    Other(u8),
}

impl BookState {
    /// Those that have a name, in the order of their numbers.
    pub const ALL: [Self; 13] = [
        Self::Valid,
        Self::NeverBegun,
        Self::LateStart,
        Self::Gap,
        Self::Lapped,
        Self::Flagged,
        Self::Snapshot,
        Self::UnknownOrder,
        Self::DuplicateOrder,
        Self::IncompleteRecord,
        Self::Overflow,
        Self::Crossed,
        Self::Contradiction,
    ];

    /// Its number in an entry.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Valid => 0,
            Self::NeverBegun => 1,
            Self::LateStart => 2,
            Self::Gap => 3,
            Self::Lapped => 4,
            Self::Flagged => 5,
            Self::Snapshot => 6,
            Self::UnknownOrder => 7,
            Self::DuplicateOrder => 8,
            Self::IncompleteRecord => 9,
            Self::Overflow => 10,
            Self::Crossed => 11,
            Self::Contradiction => 12,
            Self::Other(number) => number,
        }
    }

    /// The state of that number.
    #[must_use]
    pub const fn from_number(number: u8) -> Self {
        if (number as usize) < Self::ALL.len() {
            Self::ALL[number as usize]
        } else {
            Self::Other(number)
        }
    }

    /// Whether the book can be trusted.
    #[must_use]
    pub const fn is_valid(self) -> bool {
        matches!(self, Self::Valid)
    }

    /// A word for it in logs, metrics and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::NeverBegun => "never_begun",
            Self::LateStart => "late_start",
            Self::Gap => "gap",
            Self::Lapped => "lapped",
            Self::Flagged => "flagged",
            Self::Snapshot => "snapshot",
            Self::UnknownOrder => "unknown_order",
            Self::DuplicateOrder => "duplicate_order",
            Self::IncompleteRecord => "incomplete_record",
            Self::Overflow => "overflow",
            Self::Crossed => "crossed",
            Self::Contradiction => "contradiction",
            Self::Other(_) => "other",
        }
    }
}

/// Best bid and ask of an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookBest {
    /// Records of the queue below this position are in it, and none of its own from there on. Counted since the gateway
    /// started.
    pub position: u64,
    /// The instrument, as records name it.
    pub instrument_id: u32,
    /// What it is worth.
    pub state: BookState,
    /// When the venue changed it last; nanoseconds since the Unix epoch, 0 before the first time.
    pub ts_event: Nanos,
    /// Prices in units of 1e-9 ([`UNDEF_PRICE`] where there is none), sizes and counts of orders.
    pub best: Level,
}

/// A price level of both sides: DBN's [`BidAskPair`], which copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Level {
    /// Bid price in units of 1e-9; [`UNDEF_PRICE`] where there is no such level.
    pub bid_px: i64,
    /// Ask price, likewise.
    pub ask_px: i64,
    /// Shares or contracts bid.
    pub bid_sz: u32,
    /// Shares or contracts offered.
    pub ask_sz: u32,
    /// Orders that bid.
    pub bid_ct: u32,
    /// Orders that offer.
    pub ask_ct: u32,
}

impl Level {
    /// No bid and no ask.
    pub const EMPTY: Self = Self {
        bid_px: UNDEF_PRICE,
        ask_px: UNDEF_PRICE,
        bid_sz: 0,
        ask_sz: 0,
        bid_ct: 0,
        ask_ct: 0,
    };

    const fn words(self) -> [u64; 4] {
        [
            self.bid_px.cast_unsigned(),
            self.ask_px.cast_unsigned(),
            pair(self.bid_sz, self.ask_sz),
            pair(self.bid_ct, self.ask_ct),
        ]
    }

    const fn from_words(words: [u64; 4]) -> Self {
        let [bid_px, ask_px, sizes, counts] = words;
        Self {
            bid_px: bid_px.cast_signed(),
            ask_px: ask_px.cast_signed(),
            bid_sz: sizes as u32,
            ask_sz: (sizes >> 32) as u32,
            bid_ct: counts as u32,
            ask_ct: (counts >> 32) as u32,
        }
    }
}

impl From<&BidAskPair> for Level {
    fn from(pair: &BidAskPair) -> Self {
        Self {
            bid_px: pair.bid_px,
            ask_px: pair.ask_px,
            bid_sz: pair.bid_sz,
            ask_sz: pair.ask_sz,
            bid_ct: pair.bid_ct,
            ask_ct: pair.ask_ct,
        }
    }
}

impl From<Level> for BidAskPair {
    fn from(level: Level) -> Self {
        Self {
            bid_px: level.bid_px,
            ask_px: level.ask_px,
            bid_sz: level.bid_sz,
            ask_sz: level.ask_sz,
            bid_ct: level.bid_ct,
            ask_ct: level.ask_ct,
        }
    }
}

/// An instrument's last trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastTrade {
    /// Price in units of 1e-9.
    pub price: i64,
    /// Size.
    pub size: u32,
    /// The side that initiated it, as DBN has it: `A`, `B` or `N`.
    pub side: u8,
    /// When; nanoseconds since the Unix epoch.
    pub ts_event: Nanos,
}

/// An instrument's trading status, as the fields of the last DBN status record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TradingStatus {
    /// DBN's `StatusAction`.
    pub action: u16,
    /// DBN's `StatusReason`.
    pub reason: u16,
    /// Whether it trades: `Y`, `N` or `~`.
    pub is_trading: u8,
    /// Whether it is quoted: `Y`, `N` or `~`.
    pub is_quoting: u8,
    /// Whether short sales are restricted: `Y`, `N` or `~`.
    pub is_short_sell_restricted: u8,
    /// When; nanoseconds since the Unix epoch.
    pub ts_event: Nanos,
}

/// An instrument's symbol: up to [`SYMBOL_BYTES_MAX`] bytes of UTF-8; empty while it is not known.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct BookSymbol([u8; SYMBOL_BYTES_MAX]);

impl BookSymbol {
    /// `None` where it is too long, or has a zero byte.
    #[must_use]
    pub fn new(symbol: &str) -> Option<Self> {
        let mut bytes = [0; SYMBOL_BYTES_MAX];
        let place = bytes.get_mut(..symbol.len())?;
        if symbol.bytes().any(|byte| byte == 0) {
            return None;
        }
        place.copy_from_slice(symbol.as_bytes());
        Some(Self(bytes))
    }

    /// The symbol; empty where what came is no text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let end = self.0.iter().position(|&byte| byte == 0);
        std::str::from_utf8(&self.0[..end.unwrap_or(SYMBOL_BYTES_MAX)]).unwrap_or_default()
    }
}

impl std::fmt::Debug for BookSymbol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_str().fmt(f)
    }
}

/// An instrument's book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookEntry {
    /// Records of the queue below this position are in it, and none of its own from there on. Counted since the gateway
    /// started.
    pub position: u64,
    /// The instrument, as records name it.
    pub instrument_id: u32,
    /// What it is worth.
    pub state: BookState,
    /// The position at which that began.
    pub state_since: u64,
    /// When the venue changed it last; nanoseconds since the Unix epoch, 0 before the first time.
    pub ts_event: Nanos,
    /// When the gateway received that; nanoseconds since the Unix epoch.
    pub ts_recv: Nanos,
    /// The lower 32 bits of the channel's sequence of that.
    pub sequence: u32,
    /// Best first.
    pub levels: [Level; LEVELS],
    /// Price levels of the bid side, those beyond ten too.
    pub bid_levels: u32,
    /// Price levels of the ask side, those beyond ten too.
    pub ask_levels: u32,
    /// The last trade, if there was one.
    pub last_trade: Option<LastTrade>,
    /// The last status, if there was one.
    pub status: Option<TradingStatus>,
    /// The symbol; empty while it is not known.
    pub symbol: BookSymbol,
}

const HAS_TRADE: u64 = 1 << 40;
const HAS_STATUS: u64 = 1 << 41;

impl BookEntry {
    /// An instrument of which nothing is known.
    #[must_use]
    pub const fn unknown(instrument_id: u32) -> Self {
        Self {
            position: 0,
            instrument_id,
            state: BookState::NeverBegun,
            state_since: 0,
            ts_event: 0,
            ts_recv: 0,
            sequence: 0,
            levels: [Level::EMPTY; LEVELS],
            bid_levels: 0,
            ask_levels: 0,
            last_trade: None,
            status: None,
            symbol: BookSymbol([0; SYMBOL_BYTES_MAX]),
        }
    }

    /// The best bid and ask.
    #[must_use]
    pub const fn best(&self) -> BookBest {
        BookBest {
            position: self.position,
            instrument_id: self.instrument_id,
            state: self.state,
            ts_event: self.ts_event,
            best: self.levels[0],
        }
    }

    /// The words of the entry.
    #[must_use]
    pub fn words(&self) -> [u64; WORDS] {
        let mut words = [0; WORDS];
        words[0] = self.position;
        words[1] = u64::from(self.instrument_id) | u64::from(self.state.number()) << 32;
        words[2] = self.ts_event;
        words[3] = self.ts_recv;
        words[4..8].copy_from_slice(&self.levels[0].words());
        if let Some(trade) = &self.last_trade {
            words[1] |= HAS_TRADE;
            words[8] = trade.price.cast_unsigned();
            words[9] = u64::from(trade.size) | u64::from(trade.side) << 32;
            words[10] = trade.ts_event;
        }
        if let Some(status) = &self.status {
            let [a0, a1] = status.action.to_le_bytes();
            let [r0, r1] = status.reason.to_le_bytes();
            words[1] |= HAS_STATUS;
            words[11] = u64::from_le_bytes([
                a0,
                a1,
                r0,
                r1,
                status.is_trading,
                status.is_quoting,
                status.is_short_sell_restricted,
                0,
            ]);
            words[12] = status.ts_event;
        }
        words[13] = u64::from(self.sequence);
        words[14] = pair(self.bid_levels, self.ask_levels);
        words[15] = self.state_since;
        for (place, level) in words[16..52].chunks_exact_mut(4).zip(&self.levels[1..]) {
            place.copy_from_slice(&level.words());
        }
        let (symbol, _) = self.symbol.0.as_chunks::<8>();
        for (place, bytes) in words[52..].iter_mut().zip(symbol) {
            *place = u64::from_le_bytes(*bytes);
        }
        words
    }

    /// The entry of those words, whatever they are.
    #[must_use]
    pub fn from_words(words: &[u64; WORDS]) -> Self {
        let best = best_of(words);
        let mut levels = [best.best; LEVELS];
        let (rest, _) = words[16..52].as_chunks::<4>();
        for (level, words) in levels[1..].iter_mut().zip(rest) {
            *level = Level::from_words(*words);
        }
        let mut symbol = [0; SYMBOL_BYTES_MAX];
        for (place, word) in symbol.chunks_exact_mut(8).zip(&words[52..]) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        let [
            a0,
            a1,
            r0,
            r1,
            is_trading,
            is_quoting,
            is_short_sell_restricted,
            _,
        ] = words[11].to_le_bytes();
        Self {
            position: best.position,
            instrument_id: best.instrument_id,
            state: best.state,
            state_since: words[15],
            ts_event: best.ts_event,
            ts_recv: words[3],
            sequence: words[13] as u32,
            levels,
            bid_levels: words[14] as u32,
            ask_levels: (words[14] >> 32) as u32,
            last_trade: (words[1] & HAS_TRADE != 0).then_some(LastTrade {
                price: words[8].cast_signed(),
                size: words[9] as u32,
                side: (words[9] >> 32) as u8,
                ts_event: words[10],
            }),
            status: (words[1] & HAS_STATUS != 0).then_some(TradingStatus {
                action: u16::from_le_bytes([a0, a1]),
                reason: u16::from_le_bytes([r0, r1]),
                is_trading,
                is_quoting,
                is_short_sell_restricted,
                ts_event: words[12],
            }),
            symbol: BookSymbol(symbol),
        }
    }
}

impl BookBest {
    /// The front of an entry of those words, whatever they are.
    #[must_use]
    #[inline]
    pub fn from_words(words: &[u64; BEST_WORDS]) -> Self {
        best_of(words)
    }
}

#[inline]
fn best_of(words: &[u64]) -> BookBest {
    BookBest {
        position: words[0],
        instrument_id: words[1] as u32,
        state: BookState::from_number((words[1] >> 32) as u8),
        ts_event: words[2],
        best: Level::from_words([words[4], words[5], words[6], words[7]]),
    }
}

const fn pair(low: u32, high: u32) -> u64 {
    low as u64 | (high as u64) << 32
}

impl From<&dbn::StatusMsg> for TradingStatus {
    fn from(record: &dbn::StatusMsg) -> Self {
        let letter = |character: c_char| character.cast_unsigned();
        Self {
            action: record.action,
            reason: record.reason,
            is_trading: letter(record.is_trading),
            is_quoting: letter(record.is_quoting),
            is_short_sell_restricted: letter(record.is_short_sell_restricted),
            ts_event: record.hd.ts_event,
        }
    }
}

const _: () = assert!(size_of::<Level>() == size_of::<BidAskPair>());
const _: () = assert!(16 + (LEVELS - 1) * 4 + SYMBOL_BYTES_MAX / 8 == WORDS);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn full() -> BookEntry {
        let level = |number: u32| Level {
            bid_px: -i64::from(number),
            ask_px: i64::from(number),
            bid_sz: number + 1,
            ask_sz: number + 2,
            bid_ct: number + 3,
            ask_ct: u32::MAX,
        };
        BookEntry {
            position: u64::MAX,
            instrument_id: u32::MAX,
            state: BookState::Crossed,
            state_since: 5,
            ts_event: 6,
            ts_recv: 7,
            sequence: 8,
            levels: std::array::from_fn(|index| level(index as u32 * 10)),
            bid_levels: 10,
            ask_levels: 11,
            last_trade: Some(LastTrade {
                price: i64::MIN,
                size: 12,
                side: b'B',
                ts_event: 13,
            }),
            status: Some(TradingStatus {
                action: 14,
                reason: 15,
                is_trading: b'Y',
                is_quoting: b'N',
                is_short_sell_restricted: b'~',
                ts_event: 16,
            }),
            symbol: BookSymbol::new("ABCDEFGHIJKLMNOPQRSTUVWXYZ012345").unwrap(),
        }
    }

    #[test]
    fn an_entry_survives_its_words() {
        for entry in [
            full(),
            BookEntry::unknown(3),
            BookEntry {
                last_trade: None,
                ..full()
            },
            BookEntry {
                status: None,
                state: BookState::Valid,
                ..full()
            },
        ] {
            let words = entry.words();
            assert_eq!(BookEntry::from_words(&words), entry);
            let front = words.first_chunk().unwrap();
            assert_eq!(BookBest::from_words(front), entry.best());
        }
    }

    #[test]
    fn no_words_panic_the_reader_and_states_keep_their_numbers() {
        let entry = BookEntry::from_words(&[u64::MAX; WORDS]);
        assert_eq!(entry.symbol.as_str(), "");
        for number in 0..=255 {
            assert_eq!(BookState::from_number(number).number(), number);
        }
    }

    #[test]
    fn symbols_that_do_not_fit_are_refused() {
        assert_eq!(BookSymbol::new("AAPL").unwrap().as_str(), "AAPL");
        assert_eq!(BookSymbol::new("").unwrap(), BookSymbol::default());
        assert!(BookSymbol::new(&"A".repeat(33)).is_none());
        assert!(BookSymbol::new("A\0B").is_none());
    }
}
