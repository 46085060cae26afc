//! From messages to records. `docs/feeds/cboe-pitch.md` has the table of what becomes of each message.
//!
//! Adds say all there is to say of an order; what is done to it later names the order alone, not even its symbol
//! (`orders`). So the decoder keeps an index of the resting orders, for `plain` records as well: without one, what is done
//! to an order is of no instrument, and every reader of the channel gets it. The rest is in `other`.

use dbn::flags::{LAST, MAYBE_BAD_BOOK, PUBLISHER_SPECIFIC, SNAPSHOT};
use dbn::{Action, Side, UNDEF_PRICE};

use super::Market;
use super::classes::classes;
use super::layout::{
    AddExpanded, AddLong, AddShort, Delete, Executed, ExecutedAtPrice, Lengths, ModifyLong,
    ModifyShort, Price4, ReduceLong, ReduceShort,
};
use super::orders::Execution;
use super::price::compact;
use super::records::ReferenceRecords;
use super::time::UnitTime;
use super::trust::Trust;
use crate::class::Classes;
use crate::decoder::{Decoder, DecoderCounters, Discontinuity, SnapshotPart};
use crate::iex::directory::Directory;
use crate::itch50::OrderIndexConfig;
use crate::itch50::fields::Symbol;
use crate::native;
use crate::order_index::{Insertion, OrderIndex, OrderIndexError, RestingOrder};
use crate::record::{MboEvent, NativeHeader};
use crate::session_time::{SessionDate, SessionTimeError};
use crate::sink::{
    InstrumentId, MessageContext, NORMALISED, Nanos, Output, Outputs, RecordSink, publish_each,
};
use crate::symbols::{SymbolEntry, SymbolLimits};

/// What a symbols file for these feeds may hold.
pub const SYMBOL_LIMITS: SymbolLimits = SymbolLimits {
    id_max: u16::MAX as u32,
    symbol_bytes_max: 8,
    blanks: false,
};

/// Words of the longest native record: a message's length is one byte.
const NATIVE_WORDS_MAX: usize = NativeHeader::words_for(u8::MAX as usize);
/// Where a message that names an order has its number, from the type on.
const ORDER_ID_AT: usize = 5;

/// How a unit's messages become records.
#[derive(Clone, Debug)]
pub struct PitchConfig {
    /// Whose messages they are.
    pub market: Market,
    /// DBN's number of the publisher: 5 BATS.PITCH (default), 6 BATY.PITCH, 7 EDGA.PITCH, 8 EDGX.PITCH, 105 XCBF.PITCH.
    pub publisher_id: u16,
    /// The channel's id in its records.
    pub channel_id: u8,
    /// The session's date; of no meaning for futures, which tell it.
    pub session_date: SessionDate,
    /// The most instruments that are numbered, 1 to 65,535. Some 24 bytes each, taken at the start.
    pub instruments_max: u16,
    /// Numbers for symbols, for the first session only; others are numbered as they appear.
    pub symbols: Vec<SymbolEntry>,
    /// The index of resting orders, without which what is done to an order is of no instrument, and there are no `full`
    /// records.
    pub orders: Option<OrderIndexConfig>,
}

impl PitchConfig {
    /// For a unit of `market`; without an index of orders.
    #[must_use]
    pub const fn new(market: Market) -> Self {
        Self {
            market,
            publisher_id: dbn::Publisher::BatsPitchBats as u16,
            channel_id: 0,
            session_date: SessionDate::Auto,
            instruments_max: match market {
                Market::Equities => 32_768,
                Market::Options | Market::ComplexOptions | Market::Futures => u16::MAX,
            },
            symbols: Vec::new(),
            orders: None,
        }
    }
}

/// Why a decoder cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PitchConfigError {
    /// The session's date cannot be used.
    #[error(transparent)]
    SessionTime(#[from] SessionTimeError),
    /// There is no index of resting orders to be had.
    #[error(transparent)]
    OrderIndex(#[from] OrderIndexError),
    /// A symbol that the feed cannot have.
    #[error(
        "instrument {id} \"{symbol}\": PITCH has symbols of 1 to 8 ASCII characters, and they are numbered 1 to 65535"
    )]
    Symbol {
        /// The instrument's id.
        id: u32,
        /// The symbol.
        symbol: String,
    },
}

/// An order that is added, whatever the form of its message.
#[derive(Clone, Copy)]
struct Added {
    time_offset: u32,
    order_id: u64,
    side: u8,
    quantity: u32,
    symbol: Symbol,
    price: Price4,
}

/// Decodes the messages of one unit.
#[derive(Debug)]
pub struct PitchDecoder {
    pub(super) market: Market,
    lengths: &'static Lengths,
    mbo_head: u64,
    mbo_channel: u64,
    pub(super) directory: Directory,
    pub(super) trust: Trust,
    pub(super) orders: Option<OrderIndex>,
    prefetch: bool,
    pub(super) counters: DecoderCounters,
    pub(super) reference: ReferenceRecords,
    pub(super) time: UnitTime,
    /// What was last told of each instrument, as a number that differs when it does; empty where the market has no
    /// definitions.
    pub(super) told: Box<[u64]>,
    /// Numbers given in advance and not announced yet.
    presets: Vec<(u16, Symbol)>,
    presets_pending: bool,
    snapshot: SnapshotPart,
}

impl PitchDecoder {
    /// A decoder for a unit whose first message is still to come.
    ///
    /// # Errors
    /// The session date does not fit 64 bits of nanoseconds, a preset symbol cannot be one of these feeds, or the index of
    /// orders cannot be made.
    pub fn new(config: &PitchConfig) -> Result<Self, PitchConfigError> {
        let presets = config
            .symbols
            .iter()
            .map(|entry| {
                let id = u16::try_from(entry.instrument.0).ok().filter(|&id| id != 0);
                id.zip(Symbol::new(&entry.symbol))
                    .ok_or_else(|| PitchConfigError::Symbol {
                        id: entry.instrument.0,
                        symbol: entry.symbol.clone(),
                    })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let told = match config.market {
            Market::Equities => 0,
            Market::Options | Market::ComplexOptions | Market::Futures => 1 << 16,
        };
        Ok(Self {
            market: config.market,
            lengths: Lengths::of(config.market),
            mbo_head: MboEvent::head(config.publisher_id),
            mbo_channel: MboEvent::channel(config.channel_id),
            directory: Directory::new(config.instruments_max),
            trust: Trust::new(),
            orders: config
                .orders
                .map(|orders| OrderIndex::new(orders.orders_max))
                .transpose()?,
            prefetch: config.orders.is_some_and(|orders| orders.prefetch),
            counters: DecoderCounters::new(),
            reference: ReferenceRecords::new(config.publisher_id, config.channel_id),
            time: UnitTime::new(config.market, config.session_date)?,
            told: vec![0; told].into_boxed_slice(),
            presets_pending: !presets.is_empty(),
            presets,
            snapshot: SnapshotPart::Over,
        })
    }

    /// The index of resting orders, for what it takes of memory.
    #[must_use]
    pub const fn order_index(&self) -> Option<&OrderIndex> {
        self.orders.as_ref()
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

    /// 21, 22, 2F.
    #[inline(always)]
    fn add<S: RecordSink>(
        &mut self,
        context: &MessageContext,
        message: &[u8],
        added: &Added,
        sink: &mut S,
    ) {
        let Some(instrument) = self.number(added.symbol, sink) else {
            return self.numberless(context, message, sink);
        };
        if self.orders.is_some() {
            self.remember(
                added.order_id,
                added.price,
                RestingOrder {
                    price: 0,
                    size: added.quantity,
                    instrument,
                    side: side_of(added.side),
                },
            );
        }
        let wanted = self.offer(context, message, instrument, sink);
        if wanted.is_empty() {
            return;
        }
        self.trust.touch(instrument);
        let event = self.event(context, instrument, self.time.at(added.time_offset));
        let record = event.record_of_codes(
            ADD_CODES[usize::from(added.side)],
            added.order_id,
            added.price.to_nano(),
            added.quantity,
        );
        publish_each(wanted, event.instrument(), &record, sink);
    }

    /// Takes an order into the index, at `price`. One that is there already, or has no place, makes a book suspect.
    #[inline(always)]
    pub(super) fn remember(&mut self, order_id: u64, price: Price4, order: RestingOrder) {
        let Some(orders) = &mut self.orders else {
            return;
        };
        let Some(price) = compact(price) else {
            // No exchange has such prices; what comes of the order later is of an unknown one, and not of what had its number.
            if let Some(before) = orders.remove(order_id) {
                self.counters.orders.duplicate += 1;
                self.counters.orders.live = u64::from(orders.len());
                self.trust.taint(before.instrument);
            }
            return self.overflow(order.instrument);
        };
        match orders.insert(order_id, RestingOrder { price, ..order }) {
            Insertion::New => self.counters.orders.live = u64::from(orders.len()),
            Insertion::Replaced(before) => {
                self.counters.orders.duplicate += 1;
                self.trust.taint(before.instrument);
                self.trust.taint(order.instrument);
            }
            Insertion::Full => self.overflow(order.instrument),
        }
    }

    #[cold]
    pub(super) fn overflow(&mut self, instrument: u16) {
        self.counters.orders.overflowed += 1;
        self.trust.taint(instrument);
    }

    /// The number of a symbol's instrument; `None` where it has none, which is counted.
    #[inline(always)]
    pub(super) fn number<S: RecordSink>(&mut self, symbol: Symbol, sink: &mut S) -> Option<u16> {
        let place = self.directory.find(symbol, &mut self.counters, sink)?;
        // The directory numbers up to 65,535.
        Some(place.instrument().0 as u16)
    }

    /// Publishes a message of a symbol without a number: as it is, of no instrument.
    #[cold]
    #[inline(never)]
    pub(super) fn numberless<S: RecordSink>(
        &mut self,
        context: &MessageContext,
        message: &[u8],
        sink: &mut S,
    ) {
        self.unmapped(context, message, 0, sink);
    }

    /// Counts a message, publishes it as it is to those who want that, and says which other records are wanted.
    #[inline(always)]
    pub(super) fn offer<S: RecordSink>(
        &mut self,
        context: &MessageContext,
        message: &[u8],
        instrument: u16,
        sink: &mut S,
    ) -> Outputs {
        self.counters.by_type[usize::from(message[0])] += 1;
        let instrument = InstrumentId(instrument.into());
        let wanted = sink.wants(instrument);
        if wanted.contains(Output::Native) {
            publish_native(Output::Native, instrument, context, message, sink);
        }
        wanted.without(Output::Native)
    }

    /// Publishes a message that has no counterpart in DBN: as it is.
    pub(super) fn unmapped<S: RecordSink>(
        &mut self,
        context: &MessageContext,
        message: &[u8],
        instrument: u16,
        sink: &mut S,
    ) {
        self.counters.unmapped += 1;
        let wanted = self.offer(context, message, instrument, sink);
        let instrument = InstrumentId(instrument.into());
        for output in NORMALISED {
            if wanted.contains(output) {
                publish_native(output, instrument, context, message, sink);
            }
        }
    }

    /// What the order records of a message have in common.
    #[inline(always)]
    pub(super) fn event(
        &self,
        context: &MessageContext,
        instrument: u16,
        ts_event: Nanos,
    ) -> MboEvent {
        let suspect = u64::from(!self.trust.is_clean(instrument));
        MboEvent::new(
            self.mbo_head,
            self.mbo_channel | (suspect * MboEvent::flags(MAYBE_BAD_BOOK)),
            InstrumentId(instrument.into()),
            ts_event,
            context.ts_recv,
            context.sequence,
        )
    }

    #[cold]
    #[inline(never)]
    pub(super) fn skip(&mut self, message: &[u8]) {
        let Some(&message_type) = message.first() else {
            self.counters.empty += 1;
            return;
        };
        match usize::from(self.lengths.usual(message_type)) {
            0 => self.counters.unknown_types += 1,
            usual if message.len() + 1 < usual => self.counters.too_short += 1,
            _ => self.counters.too_long += 1,
        }
    }

    /// No order rests any more, and readers are told so: of instruments of which something was told since the last time, and
    /// of all where more may have been. A packet has room for hundreds of Unit Clears.
    #[cold]
    pub(super) fn clear_books<S: RecordSink>(
        &mut self,
        context: &MessageContext,
        ts_event: Nanos,
        sink: &mut S,
    ) {
        if self.trust.is_in_doubt() {
            for instrument in self.directory.known() {
                self.clear_book(context, instrument, ts_event, sink);
            }
        } else {
            for instrument in self.trust.touched() {
                self.clear_book(context, instrument, ts_event, sink);
            }
        }
        self.trust.begin_anew();
        if let Some(orders) = &mut self.orders {
            orders.clear();
            self.counters.orders.live = 0;
        }
    }

    fn clear_book<S: RecordSink>(
        &self,
        context: &MessageContext,
        instrument: InstrumentId,
        ts_event: Nanos,
        sink: &mut S,
    ) {
        let event = MboEvent::new(
            self.mbo_head,
            self.mbo_channel,
            instrument,
            ts_event,
            context.ts_recv,
            context.sequence,
        );
        let clear = event.record(Action::Clear, Side::None, 0, UNDEF_PRICE, 0, LAST);
        publish_each(sink.wants(instrument), instrument, &clear, sink);
    }
}

impl Decoder for PitchDecoder {
    /// A unit's day has no name.
    const RESTARTS_ARE_DAYS: bool = true;

    #[inline(always)]
    fn message<S: RecordSink>(&mut self, context: &MessageContext, message: &[u8], sink: &mut S) {
        macro_rules! view {
            ($view:ident) => {
                match $view::parse(message) {
                    Some(view) => view,
                    None => return self.skip(message),
                }
            };
        }
        if self.presets_pending {
            self.announce_presets(sink);
        }
        if !self.lengths.fit(message) {
            return self.skip(message);
        }
        let is_numbered = context.sequence != 0 || self.snapshot == SnapshotPart::State;
        if !is_numbered && !is_repeated(message[0]) {
            return self.numberless(context, message, sink);
        }
        match message[0] {
            AddShort::TYPE => {
                let order = view!(AddShort);
                let added = Added {
                    time_offset: order.time_offset(),
                    order_id: order.order_id(),
                    side: order.side(),
                    quantity: order.quantity().into(),
                    symbol: order.symbol().padded(),
                    price: order.price().long(self.market),
                };
                self.add(context, message, &added, sink);
            }
            AddLong::TYPE => {
                let order = view!(AddLong);
                let added = Added {
                    time_offset: order.time_offset(),
                    order_id: order.order_id(),
                    side: order.side(),
                    quantity: order.quantity(),
                    symbol: order.symbol().padded(),
                    price: order.price(),
                };
                self.add(context, message, &added, sink);
            }
            AddExpanded::TYPE => {
                let order = view!(AddExpanded);
                let added = Added {
                    time_offset: order.time_offset(),
                    order_id: order.order_id(),
                    side: order.side(),
                    quantity: order.quantity(),
                    symbol: order.symbol(),
                    price: order.price(),
                };
                self.add(context, message, &added, sink);
            }
            Delete::TYPE => {
                let order = view!(Delete);
                let of = (order.time_offset(), order.order_id());
                self.cancel(context, message, of, None, sink);
            }
            ReduceLong::TYPE => {
                let order = view!(ReduceLong);
                let of = (order.time_offset(), order.order_id());
                self.cancel(context, message, of, Some(order.quantity()), sink);
            }
            ReduceShort::TYPE => {
                let order = view!(ReduceShort);
                let of = (order.time_offset(), order.order_id());
                self.cancel(context, message, of, Some(order.quantity().into()), sink);
            }
            ModifyLong::TYPE => {
                let order = view!(ModifyLong);
                let of = (order.time_offset(), order.order_id());
                let to = (order.quantity(), order.price());
                self.modify(context, message, of, to, sink);
            }
            ModifyShort::TYPE => {
                let order = view!(ModifyShort);
                let of = (order.time_offset(), order.order_id());
                let to = (order.quantity().into(), order.price().long(self.market));
                self.modify(context, message, of, to, sink);
            }
            Executed::TYPE => {
                let order = view!(Executed);
                let execution = Execution {
                    time_offset: order.time_offset(),
                    order_id: order.order_id(),
                    quantity: order.quantity(),
                    price_and_rest: None,
                };
                self.execute(context, message, &execution, sink);
            }
            ExecutedAtPrice::TYPE => {
                let order = view!(ExecutedAtPrice);
                let execution = Execution {
                    time_offset: order.time_offset(),
                    order_id: order.order_id(),
                    quantity: order.quantity(),
                    price_and_rest: Some((order.price(), order.remaining())),
                };
                self.execute(context, message, &execution, sink);
            }
            _ => self.other(context, message, sink),
        }
    }

    fn discontinuity<S: RecordSink>(
        &mut self,
        kind: Discontinuity,
        context: &MessageContext,
        sink: &mut S,
    ) {
        if kind == Discontinuity::Lost {
            self.time.forget();
            return self.trust.taint_all();
        }
        if self.snapshot == SnapshotPart::State {
            // The day goes on, and with it what instruments there are.
            self.time.forget();
            return self.clear_books(context, context.ts_recv, sink);
        }
        // A unit's day is no session with a name: what tells that it is over is that the numbers begin anew.
        self.time.begin_anew();
        self.clear_books(context, context.ts_recv, sink);
        self.told.fill(0);
        self.directory.forget(&mut self.counters, sink);
        self.presets_pending = !self.presets.is_empty();
    }

    fn snapshot(&mut self, part: SnapshotPart) {
        self.mbo_channel &= !MboEvent::flags(SNAPSHOT);
        self.mbo_channel |= MboEvent::flags(part.flag());
        self.snapshot = part;
        // The snapshot's last Time is not the stream's.
        if part == SnapshotPart::Replay {
            self.time.forget();
        }
    }

    #[inline(always)]
    fn prefetches(&self) -> bool {
        self.prefetch
    }

    #[inline(always)]
    fn prefetch(&self, message: &[u8]) {
        let order_id = message
            .get(ORDER_ID_AT..)
            .and_then(|rest| rest.first_chunk::<8>());
        if let (Some(orders), Some(order_id)) = (&self.orders, order_id) {
            orders.prefetch(u64::from_le_bytes(*order_id));
        }
    }

    fn counters(&self) -> &DecoderCounters {
        &self.counters
    }
}

/// Whether a message is one of those that a venue sends again without a number, for who comes late. Any other without a
/// number comes at no known place among the others, and from each line: it changes no book and no time.
#[inline(always)]
const fn is_repeated(message_type: u8) -> bool {
    classes(message_type).meets(Classes::DEFINITIONS)
}

/// A side by the letter that names it.
static SIDES: [Side; 256] = {
    let mut sides = [Side::None; 256];
    sides[b'B' as usize] = Side::Bid;
    sides[b'S' as usize] = Side::Ask;
    sides
};

/// What the record of an added order has of its side, and what all of them have, by the letter that names the side.
static ADD_CODES: [u64; 256] = {
    let mut codes = [0; 256];
    let mut letter = 0;
    while letter < 256 {
        let side = SIDES[letter];
        let flags = LAST | completeness(side);
        codes[letter] = MboEvent::codes(Action::Add, flags) | MboEvent::side_code(side);
        letter += 1;
    }
    codes
};

#[inline(always)]
fn side_of(letter: u8) -> Side {
    SIDES[usize::from(letter)]
}

/// The flag of a record that lacks its side.
#[inline(always)]
pub(super) const fn completeness(side: Side) -> u8 {
    match side {
        Side::None => PUBLISHER_SPECIFIC,
        Side::Bid | Side::Ask => 0,
    }
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
