//! The messages that are about no resting order: trades, and what comes a few times per instrument and day. Kept apart
//! from the hot path's code.

use dbn::flags::LAST;
use dbn::{Action, Side};

use super::Market;
use super::decoder::PitchDecoder;
use super::layout::{
    AuctionCancel, AuctionNotification, AuctionSummary, AuctionTrade, AuctionUpdate,
    ComplexDefinition, ConstituentMapping, EndOfDaySummary, EndOfSession, FuturesDefinition,
    OpenInterest, OptionsAuctionUpdate, Price4, PriceLimits, RetailPriceImprovement, Settlement,
    StrikeRangeUpdate, SymbolMapping, Time, TimeReference, TradeBreak, TradeExpanded, TradeLong,
    TradeShort, TradingStatus, TransactionBegin, TransactionEnd, UnitClear, VarianceMapping,
    WidthUpdate,
};
use super::records::{Auction, Legs, StatusOf};
use crate::itch50::fields::Symbol;
use crate::record::{WORDS_MAX, v3, words_into};
use crate::sink::{InstrumentId, MessageContext, Outputs, RecordSink, publish_each};

/// A trade, whatever the form of its message.
struct Trade {
    time_offset: u32,
    quantity: u32,
    symbol: Symbol,
    price: Price4,
}

impl PitchDecoder {
    /// Decodes a message whose length is one that its type may have.
    #[inline(never)]
    pub(super) fn other<S: RecordSink>(
        &mut self,
        context: &MessageContext,
        message: &[u8],
        sink: &mut S,
    ) {
        macro_rules! view {
            ($view:ident) => {
                match $view::parse(message) {
                    Some(view) => view,
                    None => return self.skip(message),
                }
            };
        }
        macro_rules! trade {
            ($view:ident, $trade:ident => $symbol:expr, $price:expr) => {{
                let $trade = view!($view);
                let trade = Trade {
                    time_offset: $trade.time_offset(),
                    quantity: $trade.quantity().into(),
                    symbol: $symbol,
                    price: $price,
                };
                self.trade(context, message, &trade, sink);
            }};
        }
        macro_rules! unmapped {
            ($view:ident) => {{
                view!($view);
                self.unmapped(context, message, 0, sink);
            }};
            ($view:ident of $view_name:ident => $symbol:expr) => {{
                let $view_name = view!($view);
                match self.number($symbol, sink) {
                    Some(instrument) => self.unmapped(context, message, instrument, sink),
                    None => self.numberless(context, message, sink),
                }
            }};
        }
        match message[0] {
            TradeShort::TYPE => {
                trade!(TradeShort, trade => trade.symbol().padded(), trade.price().long(self.market));
            }
            TradeLong::TYPE => trade!(TradeLong, trade => trade.symbol().padded(), trade.price()),
            TradeExpanded::TYPE => trade!(TradeExpanded, trade => trade.symbol(), trade.price()),
            Time::TYPE => {
                let time = view!(Time);
                let epoch = message.get(5..).and_then(|rest| rest.first_chunk::<4>());
                let epoch = epoch.map(|bytes| u32::from_le_bytes(*bytes));
                self.time.take(&time, epoch, context.ts_recv);
                self.offer(context, message, 0, sink);
            }
            TimeReference::TYPE => {
                let reference = view!(TimeReference);
                self.time.refer(&reference);
                self.offer(context, message, 0, sink);
            }
            UnitClear::TYPE => {
                let ts_event = self.time.at(view!(UnitClear).time_offset());
                self.offer(context, message, 0, sink);
                self.clear_books(context, ts_event, sink);
            }
            TradingStatus::TYPE => {
                let status = view!(TradingStatus);
                let mut symbol = status.symbol();
                let equities = self.market == Market::Equities;
                if !equities {
                    symbol.0[6..].fill(b' ');
                }
                let of = StatusOf {
                    ts_event: self.time.at(status.time_offset()),
                    status: status.status(),
                    reg_sho_action: equities.then(|| status.reg_sho_action()),
                    queues: self.market == Market::Futures,
                };
                let build =
                    |decoder: &Self, instrument| decoder.reference.status(instrument, context, &of);
                self.reference_record(context, message, symbol, build, sink);
            }
            AuctionUpdate::TYPE => {
                let update = view!(AuctionUpdate);
                let auction = Auction {
                    ts_event: self.time.at(update.time_offset()),
                    auction_type: update.auction_type(),
                    reference_price: update.reference_price(),
                    quantities: (update.buy_quantity(), update.sell_quantity()),
                    indicative_price: update.indicative_price(),
                    auction_only_price: update.auction_only_price(),
                };
                self.auction(context, message, update.symbol(), &auction, sink);
            }
            OptionsAuctionUpdate::TYPE => {
                let update = view!(OptionsAuctionUpdate);
                let auction = Auction {
                    ts_event: self.time.at(update.time_offset()),
                    auction_type: update.auction_type(),
                    reference_price: update.reference_price(),
                    quantities: (update.buy_quantity(), update.sell_quantity()),
                    indicative_price: update.indicative_price(),
                    auction_only_price: update.auction_only_price(),
                };
                self.auction(context, message, update.symbol(), &auction, sink);
            }
            SymbolMapping::TYPE => self.symbol_mapping(context, message, sink),
            ComplexDefinition::TYPE => self.complex_definition(context, message, sink),
            FuturesDefinition::TYPE => self.futures_definition(context, message, sink),
            AuctionSummary::TYPE => unmapped!(AuctionSummary of view => view.symbol()),
            RetailPriceImprovement::TYPE => {
                unmapped!(RetailPriceImprovement of view => view.symbol());
            }
            AuctionNotification::TYPE => {
                unmapped!(AuctionNotification of view => view.symbol().padded());
            }
            ConstituentMapping::TYPE => {
                unmapped!(ConstituentMapping of view => view.feed_symbol().padded());
            }
            PriceLimits::TYPE => unmapped!(PriceLimits of view => view.symbol().padded()),
            Settlement::TYPE => unmapped!(Settlement of view => view.symbol().padded()),
            OpenInterest::TYPE => unmapped!(OpenInterest of view => view.symbol().padded()),
            EndOfDaySummary::TYPE => unmapped!(EndOfDaySummary of view => view.symbol().padded()),
            VarianceMapping::TYPE => {
                unmapped!(VarianceMapping of view => view.feed_symbol().padded());
            }
            TradeBreak::TYPE => unmapped!(TradeBreak),
            EndOfSession::TYPE => unmapped!(EndOfSession),
            WidthUpdate::TYPE => unmapped!(WidthUpdate),
            AuctionCancel::TYPE => unmapped!(AuctionCancel),
            AuctionTrade::TYPE => unmapped!(AuctionTrade),
            TransactionBegin::TYPE => unmapped!(TransactionBegin),
            TransactionEnd::TYPE => unmapped!(TransactionEnd),
            StrikeRangeUpdate::TYPE => unmapped!(StrikeRangeUpdate),
            _ => self.skip(message),
        }
    }

    /// 2A, 2B, 30: a trade against no order that rests.
    fn trade<S: RecordSink>(
        &mut self,
        context: &MessageContext,
        message: &[u8],
        trade: &Trade,
        sink: &mut S,
    ) {
        let Some(instrument) = self.number(trade.symbol, sink) else {
            return self.numberless(context, message, sink);
        };
        let wanted = self.offer(context, message, instrument, sink);
        let event = self.event(context, instrument, self.time.at(trade.time_offset));
        // The message's side is that of an order which was not displayed, and off the book there is none: nobody is told to be
        // the aggressor.
        let (price, size) = (trade.price.to_nano(), trade.quantity);
        let record = event.record(Action::Trade, Side::None, 0, price, size, LAST);
        publish_each(wanted, event.instrument(), &record, sink);
    }

    fn auction<S: RecordSink>(
        &mut self,
        context: &MessageContext,
        message: &[u8],
        symbol: Symbol,
        auction: &Auction,
        sink: &mut S,
    ) {
        let build =
            |decoder: &Self, instrument| decoder.reference.auction(instrument, context, auction);
        self.reference_record(context, message, symbol, build, sink);
    }

    /// Publishes a message about an instrument as the record that `build` makes.
    fn reference_record<S: RecordSink, R: v3::Record>(
        &mut self,
        context: &MessageContext,
        message: &[u8],
        symbol: Symbol,
        build: impl FnOnce(&Self, u16) -> R,
        sink: &mut S,
    ) {
        let Some(instrument) = self.number(symbol, sink) else {
            return self.numberless(context, message, sink);
        };
        let wanted = self.offer(context, message, instrument, sink);
        let record = build(self, instrument);
        publish_record(wanted, instrument, &record, sink);
    }

    /// 2E. It is sent all day: a definition is published where it says something new.
    fn symbol_mapping<S: RecordSink>(
        &mut self,
        context: &MessageContext,
        message: &[u8],
        sink: &mut S,
    ) {
        let Some(mapping) = SymbolMapping::parse(message) else {
            return self.skip(message);
        };
        let symbol = mapping.feed_symbol().padded();
        let Some(instrument) = self.number(symbol, sink) else {
            return self.numberless(context, message, sink);
        };
        let clock = self.time.clock();
        let Some(definition) = self.reference.option(instrument, context, &mapping, clock) else {
            return self.unmapped(context, message, instrument, sink);
        };
        let wanted = self.offer(context, message, instrument, sink);
        if wanted != Outputs::NONE && self.is_news(instrument, message) {
            publish_record(wanted, instrument, &definition, sink);
        }
    }

    /// 9A.
    fn complex_definition<S: RecordSink>(
        &mut self,
        context: &MessageContext,
        message: &[u8],
        sink: &mut S,
    ) {
        let Some(definition) = ComplexDefinition::parse(message) else {
            return self.skip(message);
        };
        let symbol = definition.symbol().padded();
        let Some(instrument) = self.number(symbol, sink) else {
            return self.numberless(context, message, sink);
        };
        let mut record = self.reference.complex(instrument, context, &definition);
        record.hd.ts_event = self.time_of(context, definition.time_offset());
        let what = message.get(5..).unwrap_or_default();
        let legs = Legs::complex(message, &definition);
        self.definition(context, message, (record, legs), what, sink);
    }

    /// BB.
    fn futures_definition<S: RecordSink>(
        &mut self,
        context: &MessageContext,
        message: &[u8],
        sink: &mut S,
    ) {
        let Some(definition) = FuturesDefinition::parse(message) else {
            return self.skip(message);
        };
        let symbol = definition.symbol().padded();
        let Some(instrument) = self.number(symbol, sink) else {
            return self.numberless(context, message, sink);
        };
        let clock = self.time.clock();
        let record = self
            .reference
            .future(instrument, context, &definition, clock);
        // Without the times, which are those of its sending.
        let what = message.get(15..).unwrap_or_default();
        let legs = Legs::futures(message, &definition);
        self.definition(context, message, (record, legs), what, sink);
    }

    /// Publishes a definition, one record a leg where it has any, if it says something new by `what`.
    fn definition<S: RecordSink>(
        &mut self,
        context: &MessageContext,
        message: &[u8],
        (mut record, legs): (v3::InstrumentDefMsg, Legs<'_>),
        what: &[u8],
        sink: &mut S,
    ) {
        // The directory numbers up to 65,535.
        let instrument = record.hd.instrument_id as u16;
        let wanted = self.offer(context, message, instrument, sink);
        if wanted == Outputs::NONE || !self.is_news(instrument, what) {
            return;
        }
        if legs.is_empty() {
            return publish_record(wanted, instrument, &record, sink);
        }
        for leg in legs {
            let number = self.number(leg.symbol(), sink);
            leg.describe(&mut record, number);
            publish_record(wanted, instrument, &record, sink);
        }
    }

    /// Whether `what` differs from what was last told of the instrument.
    fn is_news(&mut self, instrument: u16, what: &[u8]) -> bool {
        // FNV-1a; never 0, which stands for "nothing yet".
        let hash = what.iter().fold(0xCBF2_9CE4_8422_2325_u64, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
        }) | 1;
        match self.told.get_mut(usize::from(instrument)) {
            Some(told) => std::mem::replace(told, hash) != hash,
            None => true,
        }
    }

    /// The time of a message; undefined where it is sent again without a number, when its offset counts from nothing.
    const fn time_of(&self, context: &MessageContext, offset: u32) -> u64 {
        if context.sequence == 0 {
            super::time::UNDEFINED
        } else {
            self.time.at(offset)
        }
    }
}

fn publish_record<S: RecordSink>(
    wanted: Outputs,
    instrument: u16,
    record: &impl v3::Record,
    sink: &mut S,
) {
    let mut words = [0; WORDS_MAX];
    let words = words_into(record, &mut words);
    publish_each(wanted, InstrumentId(instrument.into()), words, sink);
}
