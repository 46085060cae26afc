//! From messages to records. `docs/feeds/iex.md` has the table of what becomes of each message.
//!
//! Quotes (TOPS), price levels (DEEP) and orders (DEEP+) are composed as words, the rest as DBN structs (`records`).
//! A record whose book cannot be trusted, because messages are lost, carries
//! [`MAYBE_BAD_BOOK`](dbn::flags::MAYBE_BAD_BOOK): a quote replaces all that was known of its instrument, so with TOPS that ends with
//! the instrument's next quote, with DEEP+ with its Clear, else with a new session.

use dbn::flags::{LAST, MAYBE_BAD_BOOK, MBP, PUBLISHER_SPECIFIC, TOB};
use dbn::{Action, Side, UNDEF_PRICE};

use super::directory::{Directory, Place};
use super::messages::{
    AuctionInformation, LENGTHS, OfficialPrice, OperationalHaltStatus, QuoteUpdate,
    RetailLiquidityIndicator, SecurityDirectory, SecurityEvent, ShortSalePriceTestStatus,
    SystemEvent, TradeBreak, TradeReport, TradingStatus,
};
use super::records::{ReferenceRecords, price_or_undefined};
use super::updates::{Level, Order};
use crate::decoder::{Decoder, DecoderCounters, Discontinuity, SnapshotPart};
use crate::itch50::fields::Symbol;
use crate::native;
use crate::record::{MboEvent, NativeHeader, WORDS_MAX, v3, words_into};
use crate::sink::{
    InstrumentId, MessageContext, NORMALISED, Output, Outputs, RecordSink, publish_each,
};
use crate::symbols::{SymbolEntry, SymbolLimits};

/// What a symbols file for these feeds may hold.
pub const SYMBOL_LIMITS: SymbolLimits = SymbolLimits {
    id_max: u16::MAX as u32,
    symbol_bytes_max: 8,
    blanks: false,
};

/// Words of the longest native record (A, 80 bytes).
const NATIVE_WORDS_MAX: usize = NativeHeader::words_for(AuctionInformation::LENGTH);
/// Words of a quote.
const QUOTE_WORDS: usize = size_of::<v3::Mbp1Msg>() / 8;
/// The outputs whose records are not the exchange's bytes: the same ones here, because every message says all.
/// Bit 0 of a price level's flags: the event is complete.
const EVENT_COMPLETE: u8 = 1;

/// How a channel's messages become records.
#[derive(Clone, Debug)]
pub struct IexConfig {
    /// DBN's number of the publisher: 38, IEXG.TOPS (default); DBN has none for DEEP and DEEP+.
    pub publisher_id: u16,
    /// The channel's id in its records.
    pub channel_id: u8,
    /// The most instruments that are numbered, 1 to 65,535. IEX trades some 10,000. Some 24 bytes each, taken at the start.
    pub instruments_max: u16,
    /// Numbers for symbols, for the first session only; others are numbered as they appear.
    pub symbols: Vec<SymbolEntry>,
}

impl Default for IexConfig {
    fn default() -> Self {
        Self {
            publisher_id: dbn::Publisher::IexgTopsIexg as u16,
            channel_id: 0,
            instruments_max: 32_768,
            symbols: Vec::new(),
        }
    }
}

/// Why a decoder cannot be made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum IexConfigError {
    /// A symbol that the feed cannot have.
    #[error(
        "instrument {id} \"{symbol}\": IEX has symbols of 1 to 8 ASCII characters, and they are numbered 1 to 65535"
    )]
    Symbol {
        /// The instrument's id.
        id: u32,
        /// The symbol.
        symbol: String,
    },
}

/// Decodes the messages of one channel of TOPS, DEEP or DEEP+.
#[derive(Debug)]
pub struct IexDecoder {
    mbo_head: u64,
    mbo_channel: u64,
    quote_head: u64,
    /// Action, side and flags of a quote's record.
    quote_codes: u64,
    snapshot: u8,
    directory: Directory,
    counters: DecoderCounters,
    reference: ReferenceRecords,
    /// Numbers given in advance and not announced yet.
    presets: Vec<(u16, Symbol)>,
    presets_pending: bool,
}

impl IexDecoder {
    /// A decoder for a channel whose first message is still to come.
    ///
    /// # Errors
    /// A preset symbol cannot be one of these feeds.
    pub fn new(config: &IexConfig) -> Result<Self, IexConfigError> {
        let presets = config
            .symbols
            .iter()
            .map(|entry| {
                let id = u16::try_from(entry.instrument.0).ok().filter(|&id| id != 0);
                id.zip(Symbol::new(&entry.symbol))
                    .ok_or_else(|| IexConfigError::Symbol {
                        id: entry.instrument.0,
                        symbol: entry.symbol.clone(),
                    })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let quote_length = (QUOTE_WORDS * 2) as u64;
        Ok(Self {
            mbo_head: MboEvent::head(config.publisher_id),
            mbo_channel: MboEvent::channel(config.channel_id),
            quote_head: quote_length
                | u64::from(dbn::rtype::MBP_1) << 8
                | u64::from(config.publisher_id) << 16,
            quote_codes: quote_codes(0),
            snapshot: 0,
            directory: Directory::new(config.instruments_max),
            counters: DecoderCounters::new(),
            reference: ReferenceRecords {
                publisher_id: config.publisher_id,
                channel_id: config.channel_id,
            },
            presets_pending: !presets.is_empty(),
            presets,
        })
    }

    /// Numbers that were given in advance come first.
    #[cold]
    #[inline(never)]
    fn announce_presets<S: RecordSink>(&mut self, sink: &mut S) {
        self.presets_pending = false;
        for &(id, symbol) in &self.presets {
            self.directory.preset(symbol, id, &mut self.counters, sink);
        }
    }

    /// Q.
    #[inline(always)]
    fn quote<S: RecordSink>(
        &mut self,
        context: &MessageContext,
        message: &QuoteUpdate<'_>,
        sink: &mut S,
    ) {
        let Some((mut place, wanted)) =
            self.begin(context, message.bytes(), message.symbol(), sink)
        else {
            return;
        };
        // A quote says all that there is to know.
        self.directory.cleanse(&mut place);
        let instrument = place.instrument();
        let delta = context
            .ts_recv
            .wrapping_sub(message.timestamp())
            .cast_signed()
            .clamp(i32::MIN.into(), i32::MAX.into()) as i32;
        let words: [u64; QUOTE_WORDS] = [
            self.quote_head | u64::from(instrument.0) << 32,
            message.timestamp(),
            UNDEF_PRICE.cast_unsigned(),
            self.quote_codes,
            context.ts_recv,
            u64::from(delta.cast_unsigned()) | context.sequence << 32,
            price_or_undefined(message.bid_price()).cast_unsigned(),
            price_or_undefined(message.ask_price()).cast_unsigned(),
            u64::from(message.bid_size()) | u64::from(message.ask_size()) << 32,
            0,
        ];
        publish_each(wanted, instrument, &words, sink);
    }

    /// 8 and 5: all that is at one price.
    #[inline(always)]
    fn level<S: RecordSink>(
        &mut self,
        context: &MessageContext,
        message: &[u8],
        side: Side,
        level: &Level,
        sink: &mut S,
    ) {
        let Some((place, wanted)) = self.begin(context, message, level.symbol, sink) else {
            return;
        };
        let action = if level.size == 0 {
            Action::Cancel
        } else {
            Action::Modify
        };
        let last = if level.event_flags & EVENT_COMPLETE != 0 {
            LAST
        } else {
            0
        };
        let event = self.event(context, place, level.timestamp);
        let price = price_or_undefined(level.price);
        let record = event.record(action, side, 0, price, level.size, MBP | last);
        publish_each(wanted, event.instrument(), &record, sink);
    }

    /// T.
    #[inline(always)]
    fn trade<S: RecordSink>(
        &mut self,
        context: &MessageContext,
        message: &TradeReport<'_>,
        sink: &mut S,
    ) {
        let Some((place, wanted)) = self.begin(context, message.bytes(), message.symbol(), sink)
        else {
            return;
        };
        let event = self.event(context, place, message.timestamp());
        let price = price_or_undefined(message.price());
        let record = event.record(
            Action::Trade,
            Side::None,
            message.trade_id(),
            price,
            message.size(),
            LAST,
        );
        publish_each(wanted, event.instrument(), &record, sink);
    }

    /// The messages that are none of those that make up the feed.
    #[inline(never)]
    fn other<S: RecordSink>(&mut self, context: &MessageContext, message: &[u8], sink: &mut S) {
        macro_rules! view {
            ($view:ident) => {
                match $view::parse(message) {
                    Some(view) => view,
                    None => return self.skip(message),
                }
            };
        }
        macro_rules! reference {
            ($view:ident, $build:ident) => {{
                let view = view!($view);
                if let Some((place, wanted)) = self.begin(context, message, view.symbol(), sink) {
                    let instrument = place.instrument();
                    let record = self.reference.$build(instrument, &view, context);
                    let mut words = [0; WORDS_MAX];
                    publish_each(wanted, instrument, words_into(&record, &mut words), sink);
                }
            }};
        }
        macro_rules! unmapped {
            ($view:ident) => {{
                let view = view!($view);
                if let Some((place, wanted)) = self.begin(context, message, view.symbol(), sink) {
                    let instrument = place.instrument();
                    self.unmapped(context, message, instrument, wanted, sink);
                }
            }};
        }
        match message.first() {
            Some(b'D') => reference!(SecurityDirectory, definition),
            Some(b'H') => reference!(TradingStatus, trading_status),
            Some(b'O') => reference!(OperationalHaltStatus, operational_halt),
            Some(b'P') => reference!(ShortSalePriceTestStatus, short_sale_restriction),
            Some(b'A') => reference!(AuctionInformation, auction),
            Some(b'X') => unmapped!(OfficialPrice),
            Some(b'B') => unmapped!(TradeBreak),
            Some(b'E') => unmapped!(SecurityEvent),
            Some(b'I') => unmapped!(RetailLiquidityIndicator),
            Some(b'S') => {
                view!(SystemEvent);
                let instrument = InstrumentId(0);
                let wanted = self.offer(context, message, instrument, sink);
                self.unmapped(context, message, instrument, wanted, sink);
            }
            Some(b'a' | b'M' | b'R' | b'L' | b'C') => self.order(context, message, sink),
            _ => self.skip(message),
        }
    }

    /// The orders of DEEP+.
    fn order<S: RecordSink>(&mut self, context: &MessageContext, message: &[u8], sink: &mut S) {
        let Some(order) = Order::parse(message) else {
            return self.skip(message);
        };
        let Some((mut place, wanted)) = self.begin(context, message, order.symbol, sink) else {
            return;
        };
        if order.action == Action::Clear {
            self.directory.cleanse(&mut place);
        }
        let event = self.event(context, place, order.timestamp);
        let instrument = event.instrument();
        // Only an Add has its side: what is done to an order names the order alone.
        let flags = match (order.side, order.action) {
            (Side::None, action) if action != Action::Clear => PUBLISHER_SPECIFIC,
            _ => 0,
        };
        let mut publish = |action, order_id, price, flags| {
            let record = event.record(action, order.side, order_id, price, order.size, flags);
            publish_each(wanted, instrument, &record, sink);
        };
        if order.action == Action::Fill {
            publish(Action::Trade, order.trade_id, order.price, flags);
            publish(Action::Fill, order.order_id, order.price, flags);
            publish(Action::Cancel, order.order_id, UNDEF_PRICE, flags | LAST);
        } else {
            publish(order.action, order.order_id, order.price, flags | LAST);
        }
    }

    /// Counts a message about `symbol`, publishes it as it is to those who want that, and says which other records are
    /// wanted. A message of a symbol without a number goes out as of no instrument: `None`.
    #[inline(always)]
    fn begin<S: RecordSink>(
        &mut self,
        context: &MessageContext,
        message: &[u8],
        symbol: Symbol,
        sink: &mut S,
    ) -> Option<(Place, Outputs)> {
        match self.directory.find(symbol, &mut self.counters, sink) {
            Some(place) => {
                let instrument = place.instrument();
                Some((place, self.offer(context, message, instrument, sink)))
            }
            None => {
                self.numberless(context, message, sink);
                None
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn numberless<S: RecordSink>(
        &mut self,
        context: &MessageContext,
        message: &[u8],
        sink: &mut S,
    ) {
        let instrument = InstrumentId(0);
        let wanted = self.offer(context, message, instrument, sink);
        self.unmapped(context, message, instrument, wanted, sink);
    }

    #[inline(always)]
    fn offer<S: RecordSink>(
        &mut self,
        context: &MessageContext,
        message: &[u8],
        instrument: InstrumentId,
        sink: &mut S,
    ) -> Outputs {
        self.counters.by_type[usize::from(message[0])] += 1;
        let wanted = sink.wants(instrument);
        if wanted.contains(Output::Native) {
            publish_native(Output::Native, instrument, context, message, sink);
        }
        wanted.without(Output::Native)
    }

    /// Publishes a message that has no counterpart in DBN: as it is.
    fn unmapped<S: RecordSink>(
        &mut self,
        context: &MessageContext,
        message: &[u8],
        instrument: InstrumentId,
        wanted: Outputs,
        sink: &mut S,
    ) {
        self.counters.unmapped += 1;
        for output in NORMALISED {
            if wanted.contains(output) {
                publish_native(output, instrument, context, message, sink);
            }
        }
    }

    #[inline(always)]
    fn event(&self, context: &MessageContext, place: Place, timestamp: u64) -> MboEvent {
        let suspect = if self.directory.is_clean(&place) {
            0
        } else {
            MAYBE_BAD_BOOK
        };
        MboEvent::new(
            self.mbo_head,
            self.mbo_channel | MboEvent::flags(suspect | self.snapshot),
            place.instrument(),
            timestamp,
            context.ts_recv,
            context.sequence,
        )
    }

    #[cold]
    #[inline(never)]
    fn skip(&mut self, message: &[u8]) {
        let Some(&message_type) = message.first() else {
            self.counters.empty += 1;
            return;
        };
        match usize::from(LENGTHS[usize::from(message_type)]) {
            0 => self.counters.unknown_types += 1,
            expected if message.len() < expected => self.counters.too_short += 1,
            _ => self.counters.too_long += 1,
        }
    }

    /// Tells readers that no order, level or quote of any known instrument stands any more.
    #[cold]
    fn clear_books<S: RecordSink>(&self, context: &MessageContext, sink: &mut S) {
        for instrument in self.directory.known() {
            let event = MboEvent::new(
                self.mbo_head,
                self.mbo_channel,
                instrument,
                context.ts_recv,
                context.ts_recv,
                context.sequence,
            );
            let clear = event.record(Action::Clear, Side::None, 0, UNDEF_PRICE, 0, LAST);
            publish_each(sink.wants(instrument), instrument, &clear, sink);
        }
    }
}

impl Decoder for IexDecoder {
    #[inline(always)]
    fn message<S: RecordSink>(&mut self, context: &MessageContext, message: &[u8], sink: &mut S) {
        if self.presets_pending {
            self.announce_presets(sink);
        }
        if let Some(quote) = QuoteUpdate::parse(message) {
            self.quote(context, &quote, sink);
        } else if let Some((side, level)) = Level::parse(message) {
            self.level(context, message, side, &level, sink);
        } else if let Some(trade) = TradeReport::parse(message) {
            self.trade(context, &trade, sink);
        } else {
            self.other(context, message, sink);
        }
    }

    fn discontinuity<S: RecordSink>(
        &mut self,
        kind: Discontinuity,
        context: &MessageContext,
        sink: &mut S,
    ) {
        if kind == Discontinuity::Lost {
            return self.directory.taint_all();
        }
        self.clear_books(context, sink);
        self.directory.begin_anew();
        if kind == Discontinuity::SessionChanged {
            self.directory.forget(&mut self.counters, sink);
        }
    }

    fn snapshot(&mut self, part: SnapshotPart) {
        self.snapshot = part.flag();
        self.quote_codes = quote_codes(self.snapshot);
    }

    fn counters(&self) -> &DecoderCounters {
        &self.counters
    }
}

/// The word of a quote's record that has its action, side and flags, and no size.
const fn quote_codes(snapshot: u8) -> u64 {
    let flags = LAST | TOB | snapshot;
    (Action::Modify as u64) << 32 | (Side::None as u64) << 40 | (flags as u64) << 48
}

#[inline]
fn publish_native<S: RecordSink>(
    output: Output,
    instrument: InstrumentId,
    context: &MessageContext,
    message: &[u8],
    sink: &mut S,
) {
    native::publish::<NATIVE_WORDS_MAX, S>(output, instrument, context, message, sink);
}
