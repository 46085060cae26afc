//! From messages to records.
//!
//! Order messages (nearly all of the feed) compose their records as words straight from the packet's bytes; nothing
//! else is touched on the way but a counter, the directory's word of the instrument, and the sink. The few types that
//! make up 95 % share one piece of code (`shape`), the others have an arm each (`other`).
//! `docs/feeds/nasdaq-itch50.md` has the table of what becomes of each message.
//!
//! `plain` records know what their message says. Where a complete record would say more (the side of an executed
//! order, the price of a deleted one) the field is undefined and the record carries
//! [`PUBLISHER_SPECIFIC`](dbn::flags::PUBLISHER_SPECIFIC).

use dbn::flags::{LAST, PUBLISHER_SPECIFIC};
use dbn::{Action, Side};

use super::directory::Directory;
use super::fields::Symbol;
use super::messages::{LENGTHS, NetOrderImbalance};
use super::reference::ReferenceRecords;
use super::shape::CommonOrder;
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
    mbo_channel: u64,
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
            mbo_channel: MboEvent::channel(config.channel_id),
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
    pub(super) fn offer<S: RecordSink>(
        &mut self,
        context: &MessageContext,
        message: &[u8],
        message_type: u8,
        stock_locate: u16,
        sink: &mut S,
    ) -> Option<InstrumentId> {
        self.counters.by_type[usize::from(message_type)] += 1;
        let instrument = InstrumentId(stock_locate.into());
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
            self.mbo_channel,
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
        if let Some(instrument) = self.offer(context, message, order.message_type(), locate, sink) {
            let event = self.event(context, instrument, order.timestamp());
            sink.publish(Output::Plain, instrument, &order.record(&event));
            if let Some(new) = order.replacement() {
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
                sink.publish(Output::Plain, instrument, &add);
            }
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

/// Publishes `message` as a native record: header, the exchange's bytes, zeros up to a whole word.
#[inline]
pub(super) fn publish_native<S: RecordSink>(
    output: Output,
    instrument: InstrumentId,
    context: &MessageContext,
    message: &[u8],
    sink: &mut S,
) {
    let mut words = [0; NATIVE_WORDS_MAX];
    let [head, ts_recv, body @ ..] = &mut words;
    [*head, *ts_recv] = NativeHeader::words(message.len(), instrument, context.ts_recv);
    let (chunks, rest) = message.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    for (word, chunk) in body.iter_mut().zip(chunks.iter().chain([&last])) {
        *word = u64::from_le_bytes(*chunk);
    }
    sink.publish(
        output,
        instrument,
        &words[..NativeHeader::words_for(message.len())],
    );
}
