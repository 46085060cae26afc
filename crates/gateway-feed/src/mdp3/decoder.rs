//! From messages to records. `docs/feeds/cme-mdp3.md` has the table of what becomes of each message.
//!
//! A message may be about several instruments, and an event may take several messages, in several packets. The last record
//! of an instrument in an event is flagged [`LAST`]; where that could not be known when the record went out, a record
//! without effect (action `N`) says it later.
//!
//! A record whose book cannot be trusted, because packets are lost, carries [`MAYBE_BAD_BOOK`], until the instrument's
//! book is reset or told anew, the channel is reset, or a new session begins. Levels and orders are told anew apart, so
//! each is trusted for itself; a record of neither (a trade, an event's end) is flagged while one of them is in doubt.

use dbn::flags::{LAST, MAYBE_BAD_BOOK, MBP};
use dbn::{Action, Side, UNDEF_PRICE};

use super::book::OrderParts;
use super::directory::{Books, Directory, Place};
use super::sbe::{Header, Text};
use super::schema::{
    Book, ChannelReset, DailyStatistics, Future, HEARTBEAT, Limits, LongBook,
    LongSessionStatistics, LongSnapshot, LongTcpSnapshot, LongTrades, LongVolume, OptionDefinition,
    OrderBook, OrderSnapshot, OtherDefinition, SCHEMA_ID, SecurityStatus, SessionStatistics,
    Snapshot, Spread, TcpSnapshot, Trades, UNVIEWED, Volume, price_factor,
};
use crate::decoder::{Decoder, DecoderCounters, Discontinuity, SnapshotPart};
use crate::native;
use crate::record::{MboEvent, NativeHeader, WORDS_MAX, v3, words_into};
use crate::sink::{InstrumentId, MessageContext, NORMALISED, Output, RecordSink, publish_each};
use crate::symbols::{SymbolEntry, SymbolLimits};

/// What a symbols file for this feed may hold: ids are CME's security ids.
pub const SYMBOL_LIMITS: SymbolLimits = SymbolLimits {
    id_max: i32::MAX as u32,
    symbol_bytes_max: 20,
    blanks: true,
};

/// The most bytes of a message that a native record holds: its length is a byte of 32-bit words. What is longer is cut
/// there (its groups tell that they go on).
pub const NATIVE_BYTES_MAX: usize = 1_000;
const NATIVE_WORDS_MAX: usize = NativeHeader::words_for(NATIVE_BYTES_MAX);
/// The outputs whose records are not the exchange's bytes: the same ones here, because every message says all.
/// "MatchEventIndicator": the event is over.
pub(super) const END_OF_EVENT: u8 = 1 << 7;
/// The event's last message about resting orders, and about implied ones.
pub(super) const LAST_QUOTE: u8 = 1 << 2;
pub(super) const LAST_IMPLIED: u8 = 1 << 4;
/// Instruments of one event that are remembered to be told its end. One beyond is told it by a later record of its own, or
/// not at all, and counted.
pub(super) const OPEN_MAX: usize = 1_024;

/// How a channel's messages become records.
#[derive(Clone, Debug)]
pub struct Mdp3Config {
    /// DBN's number of the publisher: 1, GLBX.MDP3.GLBX (default).
    pub publisher_id: u16,
    /// The channel's id in its records.
    pub channel_id: u8,
    /// The most instruments that are numbered, 1 to 65,535. Some 90 bytes each, taken at the start.
    pub instruments_max: u16,
    /// Symbols of security ids, told at the beginning of each session, before the channel's definitions.
    pub symbols: Vec<SymbolEntry>,
}

impl Default for Mdp3Config {
    fn default() -> Self {
        Self {
            publisher_id: dbn::Publisher::GlbxMdp3Glbx as u16,
            channel_id: 0,
            instruments_max: u16::MAX,
            symbols: Vec::new(),
        }
    }
}

/// Why a decoder cannot be made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mdp3ConfigError {
    /// A symbol that the feed cannot have.
    #[error(
        "instrument {id} \"{symbol}\": CME has symbols of 1 to 20 ASCII characters, and security ids from 1 to 2147483647"
    )]
    Symbol {
        /// The security id.
        id: u32,
        /// The symbol.
        symbol: String,
    },
}

/// A message, and what goes with it.
#[derive(Clone, Copy)]
pub(super) struct Incoming<'a> {
    pub(super) context: &'a MessageContext,
    /// Header and all.
    pub(super) message: &'a [u8],
    /// From the message's prices to units of 1e-9.
    pub(super) factor: i64,
}

impl Incoming<'_> {
    /// A price in units of 1e-9; undefined where there is none, and where it does not fit.
    #[inline(always)]
    pub(super) fn price(&self, price: Option<i64>) -> i64 {
        price
            .and_then(|price| price.checked_mul(self.factor))
            .unwrap_or(UNDEF_PRICE)
    }
}

/// Decodes the messages of one channel.
#[derive(Debug)]
pub struct Mdp3Decoder {
    mbo_head: u64,
    mbo_channel: u64,
    pub(super) publisher_id: u16,
    pub(super) channel_id: u8,
    pub(super) snapshot: u8,
    pub(super) directory: Directory,
    pub(super) counters: DecoderCounters,
    /// Instruments whose event goes on.
    pub(super) open: Vec<Place>,
    /// Which part of an instrument's orders would go on with those before.
    pub(super) order_parts_next: Option<OrderParts>,
    presets: Vec<(i32, Text<20>)>,
    presets_pending: bool,
}

impl Mdp3Decoder {
    /// A decoder for a channel whose first message is still to come.
    ///
    /// # Errors
    /// A preset symbol cannot be one of this feed.
    pub fn new(config: &Mdp3Config) -> Result<Self, Mdp3ConfigError> {
        let presets = config
            .symbols
            .iter()
            .map(|entry| {
                let id = i32::try_from(entry.instrument.0).ok().filter(|&id| id > 0);
                let fits = (1..=20).contains(&entry.symbol.len());
                id.filter(|_| fits)
                    .map(|id| (id, Text::new(&entry.symbol)))
                    .ok_or_else(|| Mdp3ConfigError::Symbol {
                        id: entry.instrument.0,
                        symbol: entry.symbol.clone(),
                    })
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            mbo_head: MboEvent::head(config.publisher_id),
            mbo_channel: MboEvent::channel(config.channel_id),
            publisher_id: config.publisher_id,
            channel_id: config.channel_id,
            snapshot: 0,
            directory: Directory::new(config.instruments_max),
            counters: DecoderCounters::new(),
            open: Vec::with_capacity(OPEN_MAX),
            order_parts_next: None,
            presets_pending: !presets.is_empty(),
            presets,
        })
    }

    #[cold]
    #[inline(never)]
    fn announce_presets<S: RecordSink>(&mut self, sink: &mut S) {
        self.presets_pending = false;
        for index in 0..self.presets.len() {
            let (id, symbol) = self.presets[index];
            if let Some(place) = self.directory.find(id) {
                let no_names = (Text::default(), Text::default());
                self.directory
                    .learn(place, symbol, no_names, &mut self.counters, sink);
            }
            self.count_refused();
        }
    }

    /// Counts what the directory refused since the last time, once.
    #[inline(always)]
    fn count_refused(&mut self) {
        self.counters.symbols_refused += u64::from(self.directory.take_refused());
    }

    /// Everything but the updates of books that come most. `None` where the message is cut; `Some(false)` where it is of no known template.
    #[inline(never)]
    fn other<S: RecordSink>(
        &mut self,
        header: &Header,
        incoming: &Incoming<'_>,
        body: &[u8],
        sink: &mut S,
    ) -> Option<bool> {
        macro_rules! view {
            ($view:ident, $take:ident) => {{
                let view = $view::parse(header, body)?;
                self.$take(incoming, &view, sink);
            }};
        }
        match header.template_id {
            64 => {
                let book = LongBook::parse(header, body)?;
                self.book(incoming, &book.root, &book.entries, &book.orders, sink);
            }
            42 | 48 => view!(Trades, trades),
            65 => view!(LongTrades, trades),
            37 => view!(Volume, statistics),
            66 => view!(LongVolume, statistics),
            33 | 49 => view!(DailyStatistics, statistics),
            34 | 50 => view!(Limits, statistics),
            35 | 51 => view!(SessionStatistics, statistics),
            67 => view!(LongSessionStatistics, statistics),
            38 | 52 => view!(Snapshot, level_snapshot),
            69 => view!(LongSnapshot, level_snapshot),
            61 => view!(TcpSnapshot, level_snapshot),
            68 => view!(LongTcpSnapshot, level_snapshot),
            44 | 53 => view!(OrderSnapshot, order_snapshot),
            30 => view!(SecurityStatus, security_status),
            27 | 54 => view!(Future, definition),
            41 | 55 => view!(OptionDefinition, definition),
            29 | 56 => view!(Spread, definition),
            57 | 58 | 63 => view!(OtherDefinition, other_definition),
            4 => view!(ChannelReset, channel_reset),
            HEARTBEAT => {}
            id if UNVIEWED.contains(&id) => self.unmapped(incoming, InstrumentId(0), sink),
            _ => return Some(false),
        }
        Some(true)
    }

    /// 4: the books of all instruments are empty.
    fn channel_reset<S: RecordSink>(
        &mut self,
        incoming: &Incoming<'_>,
        reset: &ChannelReset<'_>,
        sink: &mut S,
    ) {
        self.native(incoming, InstrumentId(0), sink);
        let time = reset.root.transact_time();
        self.clear_books(incoming.context, time, sink);
    }

    /// Takes note of the first and the last of an instrument's reports in a message, where the stream brings them.
    #[inline(always)]
    pub(super) fn report(&mut self, place: Place, [first, last]: [u32; 2]) {
        // What a snapshot tells again was noted when it came.
        if self.snapshot == 0 {
            self.directory.report(place, (first, last));
        }
    }

    /// The event of one message of an instrument, for records of these books.
    #[inline(always)]
    pub(super) fn event(
        &self,
        context: &MessageContext,
        place: Place,
        books: Books,
        transact_time: u64,
    ) -> MboEvent {
        let suspect = if self.directory.is_clean(place, books) {
            0
        } else {
            MAYBE_BAD_BOOK
        };
        MboEvent::new(
            self.mbo_head,
            self.mbo_channel | MboEvent::flags(suspect | self.snapshot),
            self.directory.instrument(place),
            transact_time,
            context.ts_recv,
            context.sequence,
        )
    }

    /// Takes note that a record of the instrument went out, and whether it was its event's last.
    #[inline(always)]
    pub(super) fn note_last(&mut self, place: Place, last: bool) {
        self.directory.tell(place);
        let was_open = self.directory.set_open(place, !last);
        if !last && !was_open {
            self.remember_open(place);
        }
    }

    #[inline(always)]
    fn remember_open(&mut self, place: Place) {
        if self.open.len() < OPEN_MAX {
            self.open.push(place);
        } else {
            // Only what is in the list may be open: else it would be passed over there from now on.
            self.directory.set_open(place, false);
            self.counters.events_overflowed += 1;
        }
    }

    /// The event is over for the instruments whose records did not say so.
    #[inline(always)]
    pub(super) fn close_event<S: RecordSink>(
        &mut self,
        context: &MessageContext,
        transact_time: u64,
        sink: &mut S,
    ) {
        if !self.open.is_empty() {
            self.close_open(context, transact_time, sink);
        }
    }

    #[inline(never)]
    fn close_open<S: RecordSink>(
        &mut self,
        context: &MessageContext,
        transact_time: u64,
        sink: &mut S,
    ) {
        for index in 0..self.open.len() {
            let place = self.open[index];
            if !self.directory.set_open(place, false) {
                continue;
            }
            let event = self.event(context, place, Books::Both, transact_time);
            let wanted = sink.wants(event.instrument());
            let record = event.record(Action::None, Side::None, 0, UNDEF_PRICE, 0, LAST);
            publish_each(wanted, event.instrument(), &record, sink);
        }
        self.open.clear();
    }

    /// Publishes the message as it is to those who want that.
    #[inline(always)]
    pub(super) fn native<S: RecordSink>(
        &self,
        incoming: &Incoming<'_>,
        instrument: InstrumentId,
        sink: &mut S,
    ) {
        if sink.wants(instrument).contains(Output::Native) {
            publish_native(Output::Native, instrument, incoming, sink);
        }
    }

    /// Publishes a message that has no counterpart in DBN as it is, to all.
    #[inline(never)]
    pub(super) fn unmapped<S: RecordSink>(
        &mut self,
        incoming: &Incoming<'_>,
        instrument: InstrumentId,
        sink: &mut S,
    ) {
        self.native(incoming, instrument, sink);
        self.unmapped_too(incoming, instrument, sink);
    }

    /// The same, where those who want native records have it.
    #[inline(never)]
    pub(super) fn unmapped_too<S: RecordSink>(
        &mut self,
        incoming: &Incoming<'_>,
        instrument: InstrumentId,
        sink: &mut S,
    ) {
        self.counters.unmapped += 1;
        let wanted = sink.wants(instrument);
        for output in NORMALISED {
            if wanted.contains(output) {
                publish_native(output, instrument, incoming, sink);
            }
        }
    }

    /// Publishes a record that was built as a struct.
    pub(super) fn reference<S: RecordSink, R: v3::Record>(
        &self,
        instrument: InstrumentId,
        record: &R,
        sink: &mut S,
    ) {
        let mut words = [0; WORDS_MAX];
        let wanted = sink.wants(instrument);
        publish_each(wanted, instrument, words_into(record, &mut words), sink);
    }

    /// Every instrument begins anew: tells readers that no order and no level stands any more. Only of instruments of
    /// which something was told since the last time, so that resets that follow each other are not paid for by readers;
    /// of all of them where something was lost since, because readers may doubt any.
    #[cold]
    fn clear_books<S: RecordSink>(&mut self, context: &MessageContext, time: u64, sink: &mut S) {
        if self.directory.in_doubt() {
            for number in 1..=self.directory.used() {
                self.clear_book(context, InstrumentId(number), time, sink);
            }
        } else {
            for instrument in self.directory.told() {
                self.clear_book(context, instrument, time, sink);
            }
        }
        self.open.clear();
        self.order_parts_next = None;
        self.directory.begin_anew();
    }

    fn clear_book<S: RecordSink>(
        &self,
        context: &MessageContext,
        instrument: InstrumentId,
        time: u64,
        sink: &mut S,
    ) {
        let event = MboEvent::new(
            self.mbo_head,
            self.mbo_channel,
            instrument,
            time,
            context.ts_recv,
            context.sequence,
        );
        let wanted = sink.wants(instrument);
        for flags in [0, MBP | LAST] {
            let clear = event.record(Action::Clear, Side::None, 0, UNDEF_PRICE, 0, flags);
            publish_each(wanted, instrument, &clear, sink);
        }
    }

    #[cold]
    #[inline(never)]
    fn skip(&mut self, message: &[u8]) {
        if message.is_empty() {
            self.counters.empty += 1;
        } else {
            self.counters.too_short += 1;
        }
    }
}

impl Decoder for Mdp3Decoder {
    #[inline(always)]
    fn message<S: RecordSink>(&mut self, context: &MessageContext, message: &[u8], sink: &mut S) {
        if self.presets_pending {
            self.announce_presets(sink);
        }
        let Some((header, body)) = Header::split(message) else {
            return self.skip(message);
        };
        if header.schema_id != SCHEMA_ID {
            self.counters.unknown_types += 1;
            return;
        }
        let incoming = Incoming {
            context,
            message,
            factor: price_factor(header.template_id),
        };
        let taken = match header.template_id {
            32 | 46 => Book::parse(&header, body).map(|book| {
                self.book(&incoming, &book.root, &book.entries, &book.orders, sink);
                true
            }),
            43 | 47 => OrderBook::parse(&header, body).map(|book| {
                self.order_book(&incoming, &book, sink);
                true
            }),
            _ => self.other(&header, &incoming, body, sink),
        };
        self.count_refused();
        match (
            taken,
            self.counters
                .by_type
                .get_mut(usize::from(header.template_id)),
        ) {
            (Some(true), Some(count)) => *count += 1,
            (None, _) => self.counters.too_short += 1,
            _ => self.counters.unknown_types += 1,
        }
    }

    fn discontinuity<S: RecordSink>(
        &mut self,
        kind: Discontinuity,
        context: &MessageContext,
        sink: &mut S,
    ) {
        for place in self.open.drain(..) {
            self.directory.set_open(place, false);
        }
        self.order_parts_next = None;
        if kind == Discontinuity::Lost {
            return self.directory.taint_all();
        }
        self.clear_books(context, context.ts_recv, sink);
        if kind == Discontinuity::SessionChanged {
            self.directory.forget(&mut self.counters, sink);
            self.presets_pending = !self.presets.is_empty();
        }
    }

    fn snapshot(&mut self, part: SnapshotPart) {
        self.snapshot = part.flag();
    }

    fn counters(&self) -> &DecoderCounters {
        &self.counters
    }
}

#[inline(never)]
fn publish_native<S: RecordSink>(
    output: Output,
    instrument: InstrumentId,
    incoming: &Incoming<'_>,
    sink: &mut S,
) {
    let message = &incoming.message[..incoming.message.len().min(NATIVE_BYTES_MAX)];
    native::publish::<NATIVE_WORDS_MAX, S>(output, instrument, incoming.context, message, sink);
}
