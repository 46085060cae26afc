//! The messages that are none of the common order messages: executions, trades, and what comes a few times per
//! instrument and day. Kept apart from the hot path's code.

use dbn::flags::{LAST, PUBLISHER_SPECIFIC};
use dbn::{Action, Side, UNDEF_PRICE};

use super::decoder::{ItchDecoder, publish_native};
use super::fields::Price4;
use super::full::Execution;
use super::messages::{
    BrokenTrade, CrossTrade, DirectListingPriceDiscovery, LuldAuctionCollar,
    MarketParticipantPosition, MwcbDeclineLevel, MwcbStatus, NetOrderImbalance, OperationalHalt,
    OrderExecuted, OrderExecutedWithPrice, QuotingPeriodUpdate, RegShoRestriction, RetailInterest,
    StockDirectory, StockTradingAction, SystemEvent, Trade,
};
use super::reference::{price_or_undefined, size_or_undefined};
use crate::record::{WORDS_MAX, v3, words_into};
use crate::sink::{InstrumentId, MessageContext, NORMALISED, Output, RecordSink, publish_each};

impl ItchDecoder {
    /// Decodes a message that is no common order message, or counts why it is no message at all.
    #[inline(never)]
    pub(super) fn other_message<S: RecordSink>(
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
        macro_rules! unmapped {
            ($view:ident) => {{
                let message = view!($view);
                self.publish_unmapped(context, message.bytes(), message.stock_locate(), sink);
            }};
            ($view:ident with stock) => {{
                let message = view!($view);
                self.observe(message.stock_locate(), message.stock(), sink);
                self.publish_unmapped(context, message.bytes(), message.stock_locate(), sink);
            }};
        }
        macro_rules! reference {
            ($view:ident, $build:ident) => {{
                let message = view!($view);
                self.observe(message.stock_locate(), message.stock(), sink);
                let ts_event = self.ts_event(message.timestamp());
                let record = self.reference.$build(&message, context, ts_event);
                self.publish_reference(
                    context,
                    message.bytes(),
                    message.stock_locate(),
                    record,
                    sink,
                );
            }};
        }
        match message.first() {
            Some(b'E') => {
                let message = view!(OrderExecuted);
                let execution = Execution {
                    stock_locate: message.stock_locate(),
                    timestamp: message.timestamp(),
                    order_reference: message.order_reference(),
                    shares: message.executed_shares(),
                    price: None,
                    printable: true,
                };
                self.execution(context, message.bytes(), &execution, sink);
            }
            Some(b'C') => {
                let message = view!(OrderExecutedWithPrice);
                let execution = Execution {
                    stock_locate: message.stock_locate(),
                    timestamp: message.timestamp(),
                    order_reference: message.order_reference(),
                    shares: message.executed_shares(),
                    price: Some(message.execution_price()),
                    printable: message.printable() == b'Y',
                };
                self.execution(context, message.bytes(), &execution, sink);
            }
            Some(b'P') => {
                let message = view!(Trade);
                self.observe(message.stock_locate(), message.stock(), sink);
                // The message's side is that of the resting order, and always "buy" since 2014: it says nothing.
                let trade = (message.price().to_nano(), message.shares());
                self.trade(
                    context,
                    message.bytes(),
                    (message.stock_locate(), message.timestamp()),
                    trade,
                    sink,
                );
            }
            Some(b'R') => reference!(StockDirectory, definition),
            Some(b'H') => reference!(StockTradingAction, trading_action),
            Some(b'Y') => reference!(RegShoRestriction, short_sale_restriction),
            Some(b'h') => reference!(OperationalHalt, operational_halt),
            Some(b'I') => reference!(NetOrderImbalance, imbalance),
            Some(b'S') => unmapped!(SystemEvent),
            Some(b'V') => unmapped!(MwcbDeclineLevel),
            Some(b'W') => unmapped!(MwcbStatus),
            Some(b'B') => unmapped!(BrokenTrade),
            Some(b'L') => unmapped!(MarketParticipantPosition with stock),
            Some(b'K') => unmapped!(QuotingPeriodUpdate with stock),
            Some(b'J') => unmapped!(LuldAuctionCollar with stock),
            Some(b'N') => unmapped!(RetailInterest with stock),
            Some(b'O') => unmapped!(DirectListingPriceDiscovery with stock),
            Some(b'Q') => {
                let message = view!(CrossTrade);
                self.observe(message.stock_locate(), message.stock(), sink);
                let price = price_or_undefined(message.cross_price());
                let trade = (price, size_or_undefined(message.shares()));
                self.trade(
                    context,
                    message.bytes(),
                    (message.stock_locate(), message.timestamp()),
                    trade,
                    sink,
                );
            }
            _ => self.skip(message),
        }
    }

    /// Counts an execution and publishes its records.
    fn execution<S: RecordSink>(
        &mut self,
        context: &MessageContext,
        message: &[u8],
        execution: &Execution,
        sink: &mut S,
    ) {
        let wanted = self.offer(context, message, message[0], execution.stock_locate, sink);
        if wanted.contains(Output::Plain) {
            self.plain_execution(Output::Plain, context, execution, sink);
        }
        if wanted.contains(Output::Full) {
            self.full_execution(context, execution, sink);
        }
    }

    /// Publishes what an execution says alone: neither its order's side nor, but for type C, a price.
    pub(super) fn plain_execution<S: RecordSink>(
        &self,
        output: Output,
        context: &MessageContext,
        execution: &Execution,
        sink: &mut S,
    ) {
        let event = self.event(context, execution.stock_locate, execution.timestamp);
        let order = execution.order_reference;
        let price = execution.price.map_or(UNDEF_PRICE, Price4::to_nano);
        let mut publish = |action, order, price, flags| {
            let flags = PUBLISHER_SPECIFIC | flags;
            let record = event.record(action, Side::None, order, price, execution.shares, flags);
            sink.publish(output, event.instrument(), &record);
        };
        if execution.printable {
            publish(Action::Trade, 0, price, 0);
        }
        publish(Action::Fill, order, price, 0);
        publish(Action::Cancel, order, UNDEF_PRICE, LAST);
    }

    /// Counts a trade against no order that rests, and publishes it.
    fn trade<S: RecordSink>(
        &mut self,
        context: &MessageContext,
        message: &[u8],
        (stock_locate, timestamp): (u16, u64),
        (price, size): (i64, u32),
        sink: &mut S,
    ) {
        let wanted = self.offer(context, message, message[0], stock_locate, sink);
        let event = self.event(context, stock_locate, timestamp);
        let trade = event.record(Action::Trade, Side::None, 0, price, size, LAST);
        publish_each(wanted, event.instrument(), &trade, sink);
    }

    /// Publishes a message about an instrument as `record`, or as it is if it has none.
    fn publish_reference<S: RecordSink, R: v3::Record>(
        &mut self,
        context: &MessageContext,
        message: &[u8],
        stock_locate: u16,
        record: Option<R>,
        sink: &mut S,
    ) {
        let Some(record) = record else {
            return self.publish_unmapped(context, message, stock_locate, sink);
        };
        let wanted = self.offer(context, message, message[0], stock_locate, sink);
        let mut words = [0; WORDS_MAX];
        let words = words_into(&record, &mut words);
        publish_each(wanted, InstrumentId(stock_locate.into()), words, sink);
    }

    /// Publishes a message that has no counterpart in DBN: as it is.
    fn publish_unmapped<S: RecordSink>(
        &mut self,
        context: &MessageContext,
        message: &[u8],
        stock_locate: u16,
        sink: &mut S,
    ) {
        self.counters.unmapped += 1;
        let wanted = self.offer(context, message, message[0], stock_locate, sink);
        let instrument = InstrumentId(stock_locate.into());
        for output in NORMALISED {
            if wanted.contains(output) {
                publish_native(output, instrument, context, message, sink);
            }
        }
    }
}
