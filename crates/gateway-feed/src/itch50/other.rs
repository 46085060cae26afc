//! The messages that are none of the common order messages: executions, trades, and what comes a few times per
//! instrument and day. Kept apart from the hot path's code.

use dbn::flags::{LAST, PUBLISHER_SPECIFIC};
use dbn::{Action, Side, UNDEF_PRICE};

use super::decoder::{ItchDecoder, publish_native};
use super::messages::{
    BrokenTrade, CrossTrade, DirectListingPriceDiscovery, LuldAuctionCollar,
    MarketParticipantPosition, MwcbDeclineLevel, MwcbStatus, NetOrderImbalance, OperationalHalt,
    OrderExecuted, OrderExecutedWithPrice, QuotingPeriodUpdate, RegShoRestriction, RetailInterest,
    StockDirectory, StockTradingAction, SystemEvent, Trade,
};
use super::reference::{price_or_undefined, size_or_undefined};
use crate::record::{WORDS_MAX, v3, words_into};
use crate::sink::{MessageContext, Output, RecordSink};

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
        macro_rules! offer {
            ($message:ident) => {
                self.offer(
                    context,
                    $message.bytes(),
                    $message.bytes()[0],
                    $message.stock_locate(),
                    sink,
                )
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
                if let Some(instrument) = offer!(message) {
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
                if let Some(instrument) = offer!(message) {
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
            Some(b'P') => {
                let message = view!(Trade);
                self.observe(message.stock_locate(), message.stock(), sink);
                if let Some(instrument) = offer!(message) {
                    let event = self.event(context, instrument, message.timestamp());
                    // The message's side is that of the resting order, and always "buy" since 2014: it says nothing.
                    let price = message.price().to_nano();
                    let trade =
                        event.record(Action::Trade, Side::None, 0, price, message.shares(), LAST);
                    sink.publish(Output::Plain, instrument, &trade);
                }
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
                if let Some(instrument) = offer!(message) {
                    let event = self.event(context, instrument, message.timestamp());
                    let price = price_or_undefined(message.cross_price());
                    let size = size_or_undefined(message.shares());
                    let trade = event.record(Action::Trade, Side::None, 0, price, size, LAST);
                    sink.publish(Output::Plain, instrument, &trade);
                }
            }
            _ => self.skip(message),
        }
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
        if let Some(instrument) = self.offer(context, message, message[0], stock_locate, sink) {
            let mut words = [0; WORDS_MAX];
            sink.publish(Output::Plain, instrument, words_into(&record, &mut words));
        }
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
        if let Some(instrument) = self.offer(context, message, message[0], stock_locate, sink) {
            publish_native(Output::Plain, instrument, context, message, sink);
        }
    }
}
