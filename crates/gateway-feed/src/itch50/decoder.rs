//! From messages to records.
//!
//! Each type has an arm of its own: one length check, then fields at known offsets. Order messages (nearly all of
//! the feed) compose their records as words straight from the packet's bytes; nothing else is touched on the way but
//! a counter, the directory's word of the instrument, and the sink. `docs/feeds/nasdaq-itch50.md` has the table of
//! what becomes of each message.
//!
//! `plain` records know what their message says. Where a complete record would say more (the side of an executed
//! order, the price of a deleted one) the field is undefined and the record carries
//! [`PUBLISHER_SPECIFIC`](dbn::flags::PUBLISHER_SPECIFIC).

use dbn::flags::{LAST, PUBLISHER_SPECIFIC};
use dbn::{Action, Side, UNDEF_ORDER_SIZE, UNDEF_PRICE};

use super::directory::Directory;
use super::fields::Symbol;
use super::messages::{
    AddOrder, AddOrderAttributed, LENGTHS, NetOrderImbalance, OrderCancel, OrderDelete,
    OrderExecuted, OrderExecutedWithPrice, OrderReplace, Trade,
};
use super::reference::ReferenceRecords;
use crate::decoder::{Decoder, DecoderCounters};
use crate::record::{MboEvent, NativeHeader};
use crate::session_time::{SessionClock, SessionDate, SessionTimeError};
use crate::sink::{InstrumentId, MessageContext, Nanos, Output, RecordSink};
use crate::symbols::{SymbolEntry, SymbolLimits};

/// What a symbols file for this feed may hold.
pub const SYMBOL_LIMITS: SymbolLimits = SymbolLimits {
    id_max: u16::MAX as u32,
    symbol_bytes_max: 8,
};

/// The venue's time zone: Nasdaq, BX and PSX stamp in New York's time.
pub const TIME_ZONE: &str = "America/New_York";

/// A midnight that no session has: the session's first message is still to come.
const MIDNIGHT_UNKNOWN: Nanos = Nanos::MAX;

/// Words of the longest native record (I, 50 bytes).
const NATIVE_WORDS_MAX: usize = NativeHeader::words_for(NetOrderImbalance::LENGTH);

/// How a channel's messages become records.
#[derive(Clone, Debug)]
pub struct ItchConfig {
    /// DBN's number of the publisher: 2 XNAS.ITCH (default), 3 XBOS.ITCH, 4 XPSX.ITCH.
    pub publisher_id: u16,
    /// The channel's id in its records.
    pub channel_id: u8,
    /// The session's date.
    pub session_date: SessionDate,
    /// Symbols known in advance, for the first session only: stock locates are valid for a day.
    pub symbols: Vec<SymbolEntry>,
}

impl Default for ItchConfig {
    fn default() -> Self {
        Self {
            publisher_id: dbn::Publisher::XnasItchXnas as u16,
            channel_id: 0,
            session_date: SessionDate::Auto,
            symbols: Vec::new(),
        }
    }
}

/// Why a decoder cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ItchConfigError {
    /// The session's date cannot be used.
    #[error(transparent)]
    SessionTime(#[from] SessionTimeError),
    /// A symbol that the feed cannot have.
    #[error(
        "instrument {id} \"{symbol}\": ITCH has stock locates 1 to 65535 and symbols of 1 to 8 ASCII characters"
    )]
    Symbol {
        /// The instrument's id.
        id: u32,
        /// The symbol.
        symbol: String,
    },
}

/// Decodes the messages of one ITCH 5.0 channel.
#[derive(Clone, Debug)]
pub struct ItchDecoder {
    midnight: Nanos,
    mbo_head: u64,
    channel_id: u8,
    directory: Directory,
    pub(super) counters: DecoderCounters,
    pub(super) reference: ReferenceRecords,
    clock: SessionClock,
    /// Symbols known in advance and not announced yet.
    presets: Vec<(u16, Symbol)>,
    presets_pending: bool,
}

impl ItchDecoder {
    /// A decoder for a channel whose first message is still to come.
    ///
    /// # Errors
    /// The session date does not fit 64 bits of nanoseconds, or a preset symbol cannot be one of this feed.
    pub fn new(config: &ItchConfig) -> Result<Self, ItchConfigError> {
        let presets = config
            .symbols
            .iter()
            .map(|entry| {
                let locate = u16::try_from(entry.instrument.0)
                    .ok()
                    .filter(|&locate| locate != 0);
                locate
                    .zip(Symbol::new(&entry.symbol))
                    .ok_or_else(|| ItchConfigError::Symbol {
                        id: entry.instrument.0,
                        symbol: entry.symbol.clone(),
                    })
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            midnight: MIDNIGHT_UNKNOWN,
            mbo_head: MboEvent::head(config.publisher_id),
            channel_id: config.channel_id,
            directory: Directory::new(),
            counters: DecoderCounters::new(),
            reference: ReferenceRecords::new(config.publisher_id, config.channel_id),
            clock: SessionClock::new(TIME_ZONE, config.session_date)?,
            presets_pending: !presets.is_empty(),
            presets,
        })
    }

    /// The symbols known now.
    #[must_use]
    pub const fn directory(&self) -> &Directory {
        &self.directory
    }

    #[cold]
    #[inline(never)]
    fn start_session<S: RecordSink>(&mut self, context: &MessageContext, sink: &mut S) {
        self.midnight = self.clock.midnight(context.ts_recv);
        if std::mem::take(&mut self.presets_pending) {
            for &(locate, symbol) in &self.presets {
                self.directory
                    .observe(locate, symbol, &mut self.counters, sink);
            }
        }
    }

    #[cold]
    #[inline(never)]
    pub(super) fn skip(&mut self, message: &[u8]) {
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

    #[inline(always)]
    pub(super) fn observe<S: RecordSink>(&mut self, locate: u16, stock: Symbol, sink: &mut S) {
        self.directory
            .observe(locate, stock, &mut self.counters, sink);
    }

    /// Counts a message, publishes it as it is to those who want that, and says of which instrument `plain` records
    /// are wanted, if any are.
    #[inline(always)]
    pub(super) fn offer<S: RecordSink, const N: usize>(
        &mut self,
        context: &MessageContext,
        message: &[u8; N],
        sink: &mut S,
    ) -> Option<InstrumentId> {
        self.counters.by_type[usize::from(message[0])] += 1;
        let instrument = InstrumentId(u16::from_be_bytes([message[1], message[2]]).into());
        let wanted = sink.wants(instrument);
        if wanted.contains(Output::Native) {
            publish_native(Output::Native, instrument, context, message, sink);
        }
        // `Output::Full` is not built here: the configuration refuses it.
        wanted.contains(Output::Plain).then_some(instrument)
    }

    /// What the order records of a message have in common.
    #[inline(always)]
    pub(super) fn event(
        &self,
        context: &MessageContext,
        instrument: InstrumentId,
        timestamp: u64,
    ) -> MboEvent {
        MboEvent::new(
            self.mbo_head,
            self.channel_id,
            instrument,
            self.ts_event(timestamp),
            context.ts_recv,
            context.sequence,
        )
    }

    #[inline(always)]
    pub(super) const fn ts_event(&self, timestamp: u64) -> Nanos {
        self.midnight.wrapping_add(timestamp)
    }
}

impl Decoder for ItchDecoder {
    #[inline]
    fn message<S: RecordSink>(&mut self, context: &MessageContext, message: &[u8], sink: &mut S) {
        if self.midnight == MIDNIGHT_UNKNOWN {
            self.start_session(context, sink);
        }
        /// Views the message, or counts why it cannot be viewed and returns.
        macro_rules! view {
            ($view:ident) => {
                match $view::parse(message) {
                    Some(view) => view,
                    None => return self.skip(message),
                }
            };
        }
        match message.first() {
            Some(b'A') => {
                let message = view!(AddOrder);
                self.observe(message.stock_locate(), message.stock(), sink);
                if let Some(instrument) = self.offer(context, message.bytes(), sink) {
                    let event = self.event(context, instrument, message.timestamp());
                    let (side, price) = (side(message.buy_sell()), message.price().to_nano());
                    let add = event.record(
                        Action::Add,
                        side,
                        message.order_reference(),
                        price,
                        message.shares(),
                        LAST,
                    );
                    sink.publish(Output::Plain, instrument, &add);
                }
            }
            Some(b'F') => {
                let message = view!(AddOrderAttributed);
                self.observe(message.stock_locate(), message.stock(), sink);
                if let Some(instrument) = self.offer(context, message.bytes(), sink) {
                    let event = self.event(context, instrument, message.timestamp());
                    let (side, price) = (side(message.buy_sell()), message.price().to_nano());
                    let add = event.record(
                        Action::Add,
                        side,
                        message.order_reference(),
                        price,
                        message.shares(),
                        LAST,
                    );
                    sink.publish(Output::Plain, instrument, &add);
                }
            }
            Some(b'E') => {
                let message = view!(OrderExecuted);
                if let Some(instrument) = self.offer(context, message.bytes(), sink) {
                    let event = self.event(context, instrument, message.timestamp());
                    let (order, size) = (message.order_reference(), message.executed_shares());
                    let record = |action, order, flags| {
                        event.record(
                            action,
                            Side::None,
                            order,
                            UNDEF_PRICE,
                            size,
                            PUBLISHER_SPECIFIC | flags,
                        )
                    };
                    sink.publish(Output::Plain, instrument, &record(Action::Trade, 0, 0));
                    sink.publish(Output::Plain, instrument, &record(Action::Fill, order, 0));
                    sink.publish(
                        Output::Plain,
                        instrument,
                        &record(Action::Cancel, order, LAST),
                    );
                }
            }
            Some(b'C') => {
                let message = view!(OrderExecutedWithPrice);
                if let Some(instrument) = self.offer(context, message.bytes(), sink) {
                    let event = self.event(context, instrument, message.timestamp());
                    let (order, size) = (message.order_reference(), message.executed_shares());
                    let price = message.execution_price().to_nano();
                    let record = |action, order, price, flags| {
                        event.record(
                            action,
                            Side::None,
                            order,
                            price,
                            size,
                            PUBLISHER_SPECIFIC | flags,
                        )
                    };
                    if message.printable() == b'Y' {
                        sink.publish(
                            Output::Plain,
                            instrument,
                            &record(Action::Trade, 0, price, 0),
                        );
                    }
                    sink.publish(
                        Output::Plain,
                        instrument,
                        &record(Action::Fill, order, price, 0),
                    );
                    sink.publish(
                        Output::Plain,
                        instrument,
                        &record(Action::Cancel, order, UNDEF_PRICE, LAST),
                    );
                }
            }
            Some(b'X') => {
                let message = view!(OrderCancel);
                if let Some(instrument) = self.offer(context, message.bytes(), sink) {
                    let event = self.event(context, instrument, message.timestamp());
                    let (order, size) = (message.order_reference(), message.cancelled_shares());
                    let flags = PUBLISHER_SPECIFIC | LAST;
                    let cancel =
                        event.record(Action::Cancel, Side::None, order, UNDEF_PRICE, size, flags);
                    sink.publish(Output::Plain, instrument, &cancel);
                }
            }
            Some(b'D') => {
                let message = view!(OrderDelete);
                if let Some(instrument) = self.offer(context, message.bytes(), sink) {
                    let event = self.event(context, instrument, message.timestamp());
                    let order = message.order_reference();
                    let flags = PUBLISHER_SPECIFIC | LAST;
                    let cancel = event.record(
                        Action::Cancel,
                        Side::None,
                        order,
                        UNDEF_PRICE,
                        UNDEF_ORDER_SIZE,
                        flags,
                    );
                    sink.publish(Output::Plain, instrument, &cancel);
                }
            }
            Some(b'U') => {
                let message = view!(OrderReplace);
                if let Some(instrument) = self.offer(context, message.bytes(), sink) {
                    let event = self.event(context, instrument, message.timestamp());
                    let original = message.original_order_reference();
                    let flags = PUBLISHER_SPECIFIC;
                    let cancel = event.record(
                        Action::Cancel,
                        Side::None,
                        original,
                        UNDEF_PRICE,
                        UNDEF_ORDER_SIZE,
                        flags,
                    );
                    sink.publish(Output::Plain, instrument, &cancel);
                    let (new, price) = (message.new_order_reference(), message.price().to_nano());
                    let flags = PUBLISHER_SPECIFIC | LAST;
                    let add =
                        event.record(Action::Add, Side::None, new, price, message.shares(), flags);
                    sink.publish(Output::Plain, instrument, &add);
                }
            }
            Some(b'P') => {
                let message = view!(Trade);
                self.observe(message.stock_locate(), message.stock(), sink);
                if let Some(instrument) = self.offer(context, message.bytes(), sink) {
                    let event = self.event(context, instrument, message.timestamp());
                    // The message's side is that of the resting order, and always "buy" since 2014: it says nothing.
                    let price = message.price().to_nano();
                    let trade =
                        event.record(Action::Trade, Side::None, 0, price, message.shares(), LAST);
                    sink.publish(Output::Plain, instrument, &trade);
                }
            }
            _ => self.rare_message(context, message, sink),
        }
    }

    fn session_changed<S: RecordSink>(&mut self, sink: &mut S) {
        // The date is computed again with the session's first message.
        self.midnight = MIDNIGHT_UNKNOWN;
        self.directory.forget(&mut self.counters, sink);
    }

    fn counters(&self) -> &DecoderCounters {
        &self.counters
    }
}

/// The side of a displayed order; a code that the specification does not list has none.
#[inline(always)]
const fn side(buy_sell: u8) -> Side {
    match buy_sell {
        b'B' => Side::Bid,
        b'S' => Side::Ask,
        _ => Side::None,
    }
}

/// Publishes `message` as a native record: header, the exchange's bytes, zeros up to a whole word.
#[inline(always)]
pub(super) fn publish_native<S: RecordSink, const N: usize>(
    output: Output,
    instrument: InstrumentId,
    context: &MessageContext,
    message: &[u8; N],
    sink: &mut S,
) {
    const { assert!(NativeHeader::words_for(N) <= NATIVE_WORDS_MAX) };
    let mut words = [0; NATIVE_WORDS_MAX];
    words[..2].copy_from_slice(&NativeHeader::words(N, instrument, context.ts_recv));
    let (chunks, rest) = message.as_chunks::<8>();
    for (word, chunk) in words[2..].iter_mut().zip(chunks) {
        *word = u64::from_le_bytes(*chunk);
    }
    if !rest.is_empty() {
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        words[2 + chunks.len()] = u64::from_le_bytes(last);
    }
    sink.publish(output, instrument, &words[..NativeHeader::words_for(N)]);
}
