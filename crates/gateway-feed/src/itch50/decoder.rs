//! From messages to records.
//!
//! Order messages (nearly all of the feed) compose their records as words straight from the packet's bytes; nothing
//! else is touched on the way but a counter, the directory's word of the instrument, and the sink. The few types that
//! make up 95 % share one piece of code (`shape`), the others have an arm each (`other`).
//! `docs/feeds/nasdaq-itch50.md` has the table of what becomes of each message.
//!
//! `plain` records know what their message says. Where a complete record would say more (the side of an executed
//! order, the price of a deleted one) the field is undefined and the record carries
//! [`PUBLISHER_SPECIFIC`](dbn::flags::PUBLISHER_SPECIFIC). `full` records are completed from an index of the resting
//! orders (`full`).

use dbn::flags::{LAST, MAYBE_BAD_BOOK, PUBLISHER_SPECIFIC, SNAPSHOT};
use dbn::{Action, Side, UNDEF_PRICE};

use super::directory::Directory;
use super::fields::Symbol;
use super::messages::{LENGTHS, NetOrderImbalance};
use super::reference::ReferenceRecords;
use super::shape::{self, CommonOrder};
use crate::decoder::{Decoder, DecoderCounters, Discontinuity, SnapshotPart};
use crate::native;
use crate::order_index::{OrderIndex, OrderIndexError};
use crate::record::{MboEvent, NativeHeader};
use crate::session_time::{SessionClock, SessionDate, SessionTimeError};
use crate::sink::{InstrumentId, MessageContext, Nanos, Output, Outputs, RecordSink};
use crate::symbols::{SymbolEntry, SymbolLimits};

/// What a symbols file for this feed may hold.
pub const SYMBOL_LIMITS: SymbolLimits = SymbolLimits {
    id_max: u16::MAX as u32,
    symbol_bytes_max: 8,
    blanks: false,
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
    /// The index of resting orders, without which there are no `full` records.
    pub orders: Option<OrderIndexConfig>,
}

/// The index of resting orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderIndexConfig {
    /// The most orders that rest at a time, 1 to [`ORDERS_MAX`](crate::order_index::ORDERS_MAX); 40 bytes each, taken
    /// at the start. Orders beyond it are not remembered. A million is enough for a busy day of all of Nasdaq.
    pub orders_max: u32,
    /// Walk over the messages of a packet to fetch what they will touch before they are decoded.
    pub prefetch: bool,
}

impl Default for OrderIndexConfig {
    fn default() -> Self {
        Self {
            orders_max: 1_000_000,
            prefetch: true,
        }
    }
}

impl Default for ItchConfig {
    fn default() -> Self {
        Self {
            publisher_id: dbn::Publisher::XnasItchXnas as u16,
            channel_id: 0,
            session_date: SessionDate::Auto,
            symbols: Vec::new(),
            orders: None,
        }
    }
}

/// Why a decoder cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ItchConfigError {
    /// The session's date cannot be used.
    #[error(transparent)]
    SessionTime(#[from] SessionTimeError),
    /// There is no index of resting orders to be had.
    #[error(transparent)]
    OrderIndex(#[from] OrderIndexError),
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
#[derive(Debug)]
pub struct ItchDecoder {
    midnight: Nanos,
    mbo_head: u64,
    mbo_channel: u64,
    pub(super) directory: Directory,
    pub(super) orders: Option<OrderIndex>,
    prefetch: bool,
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
    /// The session date does not fit 64 bits of nanoseconds, a preset symbol cannot be one of this feed, or the index
    /// of orders cannot be made.
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
            mbo_channel: MboEvent::channel(config.channel_id),
            directory: Directory::new(),
            orders: config
                .orders
                .map(|orders| OrderIndex::new(orders.orders_max))
                .transpose()?,
            prefetch: config.orders.is_some_and(|orders| orders.prefetch),
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

    /// The index of resting orders, for what it takes of memory.
    #[must_use]
    pub const fn order_index(&self) -> Option<&OrderIndex> {
        self.orders.as_ref()
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

    /// Counts a message, publishes it as it is to those who want that, and says which other records are wanted.
    #[inline(always)]
    pub(super) fn offer<S: RecordSink>(
        &mut self,
        context: &MessageContext,
        message: &[u8],
        message_type: u8,
        stock_locate: u16,
        sink: &mut S,
    ) -> Outputs {
        self.counters.by_type[usize::from(message_type)] += 1;
        let instrument = InstrumentId(stock_locate.into());
        let wanted = sink.wants(instrument);
        if wanted.contains(Output::Native) {
            publish_native(Output::Native, instrument, context, message, sink);
        }
        wanted.without(Output::Native)
    }

    /// What the order records of a message have in common.
    #[inline(always)]
    pub(super) fn event(
        &self,
        context: &MessageContext,
        stock_locate: u16,
        timestamp: u64,
    ) -> MboEvent {
        let suspect = u64::from(!self.directory.is_clean(stock_locate));
        MboEvent::new(
            self.mbo_head,
            self.mbo_channel | (suspect * MboEvent::flags(MAYBE_BAD_BOOK)),
            InstrumentId(stock_locate.into()),
            self.ts_event(timestamp),
            context.ts_recv,
            context.sequence,
        )
    }

    /// Publishes what an order message says alone.
    #[inline(always)]
    pub(super) fn plain_order<S: RecordSink>(
        &mut self,
        output: Output,
        event: &MboEvent,
        order: &CommonOrder<'_>,
        sink: &mut S,
    ) {
        let instrument = event.instrument();
        sink.publish(output, instrument, &order.record(event));
        if let Some(new) = order.replacement() {
            let locate = order.stock_locate();
            if self.directory.word(locate) == 0 {
                // Its readers have an order of an instrument that no message has named.
                self.directory.taint(locate);
            }
            let price = new.price().to_nano();
            let flags = PUBLISHER_SPECIFIC | LAST;
            let add = event.record(
                Action::Add,
                Side::None,
                new.new_order_reference(),
                price,
                new.shares(),
                flags,
            );
            sink.publish(output, instrument, &add);
        }
    }

    /// Tells readers of order records that no order of any instrument rests any more.
    #[cold]
    fn clear_books<S: RecordSink>(&self, context: &MessageContext, sink: &mut S) {
        for instrument in self.directory.may_have_orders() {
            let event = MboEvent::new(
                self.mbo_head,
                self.mbo_channel,
                instrument,
                context.ts_recv,
                context.ts_recv,
                context.sequence,
            );
            let clear = event.record(Action::Clear, Side::None, 0, UNDEF_PRICE, 0, LAST);
            let wanted = sink.wants(instrument);
            for output in [Output::Plain, Output::Full] {
                if wanted.contains(output) {
                    sink.publish(output, instrument, &clear);
                }
            }
        }
    }

    #[inline(always)]
    pub(super) const fn ts_event(&self, timestamp: u64) -> Nanos {
        self.midnight.wrapping_add(timestamp)
    }
}

impl Decoder for ItchDecoder {
    #[inline(always)]
    fn message<S: RecordSink>(&mut self, context: &MessageContext, message: &[u8], sink: &mut S) {
        if self.midnight == MIDNIGHT_UNKNOWN {
            self.start_session(context, sink);
        }
        let Some(order) = CommonOrder::parse(message) else {
            return self.other_message(context, message, sink);
        };
        let locate = order.stock_locate();
        if order.has_news_of(self.directory.word(locate)) {
            self.directory
                .learn(locate, order.stock(), &mut self.counters, sink);
        }
        let wanted = self.offer(context, message, order.message_type(), locate, sink);
        if wanted.contains(Output::Plain) {
            let event = self.event(context, locate, order.timestamp());
            self.plain_order(Output::Plain, &event, &order, sink);
        }
        if wanted.contains(Output::Full) {
            self.full_order(context, &order, sink);
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
        if let Some(orders) = &mut self.orders {
            orders.clear();
            self.counters.orders.live = 0;
        }
        if kind == Discontinuity::SessionChanged {
            // The date is computed again with the session's first message.
            self.midnight = MIDNIGHT_UNKNOWN;
            self.directory.forget(&mut self.counters, sink);
        }
    }

    fn snapshot(&mut self, part: SnapshotPart) {
        self.mbo_channel &= !MboEvent::flags(SNAPSHOT);
        self.mbo_channel |= MboEvent::flags(part.flag());
    }

    #[inline(always)]
    fn prefetches(&self) -> bool {
        self.prefetch
    }

    #[inline(always)]
    fn prefetch(&self, message: &[u8]) {
        if let Some(orders) = &self.orders {
            for reference in shape::order_references(message) {
                orders.prefetch(reference);
            }
        }
    }

    fn counters(&self) -> &DecoderCounters {
        &self.counters
    }
}

/// Publishes `message` as a native record.
#[inline]
pub(super) fn publish_native<S: RecordSink>(
    output: Output,
    instrument: InstrumentId,
    context: &MessageContext,
    message: &[u8],
    sink: &mut S,
) {
    native::publish::<NATIVE_WORDS_MAX, S>(output, instrument, context, message, sink);
}
