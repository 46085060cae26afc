//! From messages to records. `docs/feeds/nasdaq-bbo.md` has the table of what becomes of each message.
//!
//! A quotation says all that there is to know of its instrument, so nothing is remembered of it, and a loss is over with the
//! next one. The messages about an instrument are those of ITCH 5.0 without the stock locate: they are given the number that
//! the instrument has here, and read as ITCH's.

use dbn::flags::{LAST, TOB};
use dbn::{Action, Side, UNDEF_PRICE};

use super::messages::{
    LENGTHS, MwcbDeclineLevel, MwcbStatus, NextSharesQuotation, OperationalHalt, Quotation,
    QuotingPeriodUpdate, RegShoRestriction, RetailInterest, StockDirectory, StockTradingAction,
    SystemEvent,
};
use crate::decoder::{Decoder, DecoderCounters, Discontinuity, SnapshotPart};
use crate::iex::directory::Directory;
use crate::itch50;
use crate::itch50::decoder::TIME_ZONE;
use crate::itch50::fields::Symbol;
use crate::itch50::reference::{ReferenceRecords, price_or_undefined};
use crate::native;
use crate::record::{MboEvent, NativeHeader, WORDS_MAX, v3, words_into};
use crate::session_time::{SessionClock, SessionDate, SessionTimeError};
use crate::sink::{
    InstrumentId, MessageContext, NORMALISED, Nanos, Output, Outputs, RecordSink, publish_each,
};
use crate::symbols::SymbolEntry;

/// A midnight that no session has: the session's first message is still to come.
const MIDNIGHT_UNKNOWN: Nanos = Nanos::MAX;
/// Words of the longest native record.
const NATIVE_WORDS_MAX: usize = NativeHeader::words_for(NextSharesQuotation::LENGTH);
/// Words of a quotation's record.
const QUOTE_WORDS: usize = size_of::<v3::Mbp1Msg>() / 8;
/// What ITCH has in front of the same message: a stock locate.
const LOCATE_BYTES: usize = 2;

/// How a channel's messages become records.
#[derive(Clone, Debug)]
pub struct BboConfig {
    /// DBN's number of the publisher: 46, XNAS.QBBO (default). DBN has none for the BBO of BX and PSX: 3 and 4 name the
    /// venue.
    pub publisher_id: u16,
    /// The channel's id in its records.
    pub channel_id: u8,
    /// The session's date.
    pub session_date: SessionDate,
    /// The most instruments that are numbered, 1 to 65,535. Some 24 bytes each, taken at the start.
    pub instruments_max: u16,
    /// Numbers for symbols, for the first session only; others are numbered as they appear.
    pub symbols: Vec<SymbolEntry>,
}

impl Default for BboConfig {
    fn default() -> Self {
        Self {
            publisher_id: dbn::Publisher::XnasQbboXnas as u16,
            channel_id: 0,
            session_date: SessionDate::Auto,
            instruments_max: 32_768,
            symbols: Vec::new(),
        }
    }
}

/// Why a decoder cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum BboConfigError {
    /// The session's date cannot be used.
    #[error(transparent)]
    SessionTime(#[from] SessionTimeError),
    /// A symbol that the feed cannot have.
    #[error(
        "instrument {id} \"{symbol}\": Nasdaq has symbols of 1 to 8 ASCII characters, and they are numbered 1 to 65535"
    )]
    Symbol {
        /// The instrument's id.
        id: u32,
        /// The symbol.
        symbol: String,
    },
}

/// Decodes the messages of one channel.
#[derive(Debug)]
pub struct BboDecoder {
    midnight: Nanos,
    mbo_head: u64,
    mbo_channel: u64,
    quote_head: u64,
    /// Action, side and flags of a quotation's record.
    quote_codes: u64,
    directory: Directory,
    counters: DecoderCounters,
    reference: ReferenceRecords,
    clock: SessionClock,
    /// Numbers given in advance and not announced yet.
    presets: Vec<(u16, Symbol)>,
    presets_pending: bool,
}

impl BboDecoder {
    /// A decoder for a channel whose first message is still to come.
    ///
    /// # Errors
    /// The session date does not fit 64 bits of nanoseconds, or a preset symbol cannot be one of this feed.
    pub fn new(config: &BboConfig) -> Result<Self, BboConfigError> {
        let presets = config
            .symbols
            .iter()
            .map(|entry| {
                let id = u16::try_from(entry.instrument.0).ok().filter(|&id| id != 0);
                id.zip(Symbol::new(&entry.symbol))
                    .ok_or_else(|| BboConfigError::Symbol {
                        id: entry.instrument.0,
                        symbol: entry.symbol.clone(),
                    })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let quote_length = (QUOTE_WORDS * 2) as u64;
        Ok(Self {
            midnight: MIDNIGHT_UNKNOWN,
            mbo_head: MboEvent::head(config.publisher_id),
            mbo_channel: MboEvent::channel(config.channel_id),
            quote_head: quote_length
                | u64::from(dbn::rtype::MBP_1) << 8
                | u64::from(config.publisher_id) << 16,
            quote_codes: quote_codes(0),
            directory: Directory::new(config.instruments_max),
            counters: DecoderCounters::new(),
            reference: ReferenceRecords::new(config.publisher_id, config.channel_id),
            clock: SessionClock::new(TIME_ZONE, config.session_date)?,
            presets_pending: !presets.is_empty(),
            presets,
        })
    }

    #[cold]
    #[inline(never)]
    fn start_session<S: RecordSink>(&mut self, context: &MessageContext, sink: &mut S) {
        self.midnight = self.clock.midnight(context.ts_recv);
        if std::mem::take(&mut self.presets_pending) {
            for &(id, symbol) in &self.presets {
                self.directory.preset(symbol, id, &mut self.counters, sink);
            }
        }
    }

    /// Q.
    #[inline(always)]
    fn quotation<S: RecordSink>(
        &mut self,
        context: &MessageContext,
        quote: &Quotation<'_>,
        sink: &mut S,
    ) {
        let Some((instrument, wanted)) = self.begin(context, quote.bytes(), quote.stock(), sink)
        else {
            return;
        };
        if wanted.is_empty() {
            return;
        }
        let ts_event = self.ts_event(quote.timestamp());
        let delta = context
            .ts_recv
            .wrapping_sub(ts_event)
            .cast_signed()
            .clamp(i32::MIN.into(), i32::MAX.into()) as i32;
        let words: [u64; QUOTE_WORDS] = [
            self.quote_head | u64::from(instrument.0) << 32,
            ts_event,
            UNDEF_PRICE.cast_unsigned(),
            self.quote_codes,
            context.ts_recv,
            u64::from(delta.cast_unsigned()) | context.sequence << 32,
            price_or_undefined(quote.bid_price()).cast_unsigned(),
            price_or_undefined(quote.ask_price()).cast_unsigned(),
            u64::from(quote.bid_size()) | u64::from(quote.ask_size()) << 32,
            0,
        ];
        publish_each(wanted, instrument, &words, sink);
    }

    /// The messages that are none of those that make up the feed.
    #[inline(never)]
    fn other<S: RecordSink>(&mut self, context: &MessageContext, message: &[u8], sink: &mut S) {
        macro_rules! reference {
            ($view:ident, $build:ident) => {
                reference!($view, $build, |view: &$view<'_>, instrument| as_itch(
                    view.bytes(),
                    instrument
                ))
            };
            ($view:ident, $build:ident, $as_itch:expr) => {{
                let Some(view) = $view::parse(message) else {
                    return self.skip(message);
                };
                let Some((instrument, wanted)) = self.begin(context, message, view.stock(), sink)
                else {
                    return;
                };
                let ts_event = self.ts_event(view.timestamp());
                let itch: [u8; itch50::messages::$view::LENGTH] = $as_itch(&view, instrument);
                let record = itch50::messages::$view::parse(&itch)
                    .and_then(|view| self.reference.$build(&view, context, ts_event));
                self.publish_reference((context, message), instrument, wanted, record, sink);
            }};
        }
        macro_rules! unmapped {
            ($view:ident) => {{
                if $view::parse(message).is_none() {
                    return self.skip(message);
                }
                let instrument = InstrumentId(0);
                let wanted = self.offer(context, message, instrument, sink);
                self.unmapped(context, message, instrument, wanted, sink);
            }};
            ($view:ident with stock) => {{
                let Some(view) = $view::parse(message) else {
                    return self.skip(message);
                };
                if let Some((instrument, wanted)) = self.begin(context, message, view.stock(), sink)
                {
                    self.unmapped(context, message, instrument, wanted, sink);
                }
            }};
        }
        match message.first() {
            Some(b'R') => reference!(StockDirectory, definition),
            Some(b'H') => {
                reference!(StockTradingAction, trading_action, trading_action_as_itch)
            }
            Some(b'Y') => reference!(RegShoRestriction, short_sale_restriction),
            Some(b'h') => reference!(OperationalHalt, operational_halt),
            Some(b'A') => unmapped!(NextSharesQuotation with stock),
            Some(b'K') => unmapped!(QuotingPeriodUpdate with stock),
            Some(b'N') => unmapped!(RetailInterest with stock),
            Some(b'S') => unmapped!(SystemEvent),
            Some(b'V') => unmapped!(MwcbDeclineLevel),
            Some(b'W') => unmapped!(MwcbStatus),
            _ => self.skip(message),
        }
    }

    fn publish_reference<R: v3::Record, S: RecordSink>(
        &mut self,
        (context, message): (&MessageContext, &[u8]),
        instrument: InstrumentId,
        wanted: Outputs,
        record: Option<R>,
        sink: &mut S,
    ) {
        match record {
            None => self.unmapped(context, message, instrument, wanted, sink),
            Some(record) => {
                let mut words = [0; WORDS_MAX];
                publish_each(wanted, instrument, words_into(&record, &mut words), sink);
            }
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
    ) -> Option<(InstrumentId, Outputs)> {
        match self.directory.find(symbol, &mut self.counters, sink) {
            Some(place) => {
                let instrument = place.instrument();
                Some((instrument, self.offer(context, message, instrument, sink)))
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
    const fn ts_event(&self, timestamp: u64) -> Nanos {
        self.midnight.wrapping_add(timestamp)
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

    /// Tells readers that no quotation of any known instrument stands any more.
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

impl Decoder for BboDecoder {
    #[inline(always)]
    fn message<S: RecordSink>(&mut self, context: &MessageContext, message: &[u8], sink: &mut S) {
        if self.midnight == MIDNIGHT_UNKNOWN {
            self.start_session(context, sink);
        }
        match Quotation::parse(message) {
            Some(quote) => self.quotation(context, &quote, sink),
            None => self.other(context, message, sink),
        }
    }

    fn discontinuity<S: RecordSink>(
        &mut self,
        kind: Discontinuity,
        context: &MessageContext,
        sink: &mut S,
    ) {
        // What was lost of an instrument, its next quotation makes good.
        if kind == Discontinuity::Lost {
            return;
        }
        self.clear_books(context, sink);
        if kind == Discontinuity::SessionChanged {
            // The date is computed again with the session's first message.
            self.midnight = MIDNIGHT_UNKNOWN;
            self.directory.forget(&mut self.counters, sink);
        }
    }

    fn snapshot(&mut self, part: SnapshotPart) {
        self.quote_codes = quote_codes(part.flag());
    }

    fn counters(&self) -> &DecoderCounters {
        &self.counters
    }
}

/// A message as ITCH 5.0 has it: with a stock locate, the instrument's number here, behind the type.
fn as_itch<const N: usize, const M: usize>(message: &[u8; N], instrument: InstrumentId) -> [u8; M] {
    const { assert!(M == N + LOCATE_BYTES) };
    let mut bytes = [0; M];
    bytes[0] = message[0];
    // The directory numbers up to 65,535.
    bytes[1..1 + LOCATE_BYTES].copy_from_slice(&(instrument.0 as u16).to_be_bytes());
    bytes[1 + LOCATE_BYTES..].copy_from_slice(&message[1..]);
    bytes
}

/// The same, where ITCH 5.0 has no listing market, and a reserved byte behind the state.
fn trading_action_as_itch(
    message: &StockTradingAction<'_>,
    instrument: InstrumentId,
) -> [u8; itch50::messages::StockTradingAction::LENGTH] {
    itch50::encode::StockTradingAction {
        stock_locate: instrument.0 as u16,
        tracking_number: message.tracking_number(),
        timestamp: message.timestamp(),
        stock: message.stock(),
        trading_state: message.trading_state(),
        reserved: b' ',
        reason: message.reason(),
    }
    .encode()
}

/// The word of a quotation's record that has its action, side and flags, and no size.
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
