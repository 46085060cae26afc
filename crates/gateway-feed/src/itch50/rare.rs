//! The messages that come a few times per instrument and day, and not from orders: kept out of the hot path's code.

use dbn::{Action, Side};

use super::decoder::{ItchDecoder, publish_native};
use super::messages::{
    BrokenTrade, CrossTrade, DirectListingPriceDiscovery, LuldAuctionCollar,
    MarketParticipantPosition, MwcbDeclineLevel, MwcbStatus, NetOrderImbalance, OperationalHalt,
    QuotingPeriodUpdate, RegShoRestriction, RetailInterest, StockDirectory, StockTradingAction,
    SystemEvent,
};
use super::reference::{price_or_undefined, size_or_undefined};
use crate::record::{WORDS_MAX, v3, words_into};
use crate::sink::{MessageContext, Output, RecordSink};

impl ItchDecoder {
    /// Decodes a message of a type that is rare: one in thousands; or counts why it is no message.
    #[inline(never)]
    pub(super) fn rare_message<S: RecordSink>(
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
                self.publish_unmapped(context, message.bytes(), sink);
            }};
            ($view:ident with stock) => {{
                let message = view!($view);
                self.observe(message.stock_locate(), message.stock(), sink);
                self.publish_unmapped(context, message.bytes(), sink);
            }};
        }
        macro_rules! reference {
            ($view:ident, $build:ident) => {{
                let message = view!($view);
                self.observe(message.stock_locate(), message.stock(), sink);
                let ts_event = self.ts_event(message.timestamp());
                let record = self.reference.$build(&message, context, ts_event);
                self.publish_reference(context, message.bytes(), record, sink);
            }};
        }
        match message.first() {
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
                if let Some(instrument) = self.offer(context, message.bytes(), sink) {
                    let event = self.event(context, instrument, message.timestamp());
                    let price = price_or_undefined(message.cross_price());
                    let size = size_or_undefined(message.shares());
                    let trade =
                        event.record(Action::Trade, Side::None, 0, price, size, dbn::flags::LAST);
                    sink.publish(Output::Plain, instrument, &trade);
                }
            }
            _ => self.skip(message),
        }
    }

    /// Publishes a message about an instrument as `record`, or as it is if it has none.
    fn publish_reference<S: RecordSink, R: v3::Record, const N: usize>(
        &mut self,
        context: &MessageContext,
        message: &[u8; N],
        record: Option<R>,
        sink: &mut S,
    ) {
        let Some(record) = record else {
            return self.publish_unmapped(context, message, sink);
        };
        if let Some(instrument) = self.offer(context, message, sink) {
            let mut words = [0; WORDS_MAX];
            sink.publish(Output::Plain, instrument, words_into(&record, &mut words));
        }
    }

    /// Publishes a message that has no counterpart in DBN: as it is.
    fn publish_unmapped<S: RecordSink, const N: usize>(
        &mut self,
        context: &MessageContext,
        message: &[u8; N],
        sink: &mut S,
    ) {
        self.counters.unmapped += 1;
        if let Some(instrument) = self.offer(context, message, sink) {
            publish_native(Output::Plain, instrument, context, message, sink);
        }
    }
}
