//! Trades, and the orders that took part in them.

use dbn::flags::LAST;
use dbn::{Action, Side};

use super::book::{completes, size_or_undefined};
use super::decoder::{END_OF_EVENT, Incoming, Mdp3Decoder};
use super::directory::Books;
use super::sbe::Group;
use super::schema::{LongTrades, TradeOrder, Trades};
use crate::sink::{RecordSink, publish_each};

/// A trade.
#[derive(Clone, Copy)]
pub(super) struct Trade {
    security_id: i32,
    price: i64,
    size: u32,
    /// How many of the message's orders took part in it.
    orders: usize,
    aggressor: Side,
    update_action: u8,
    trade_id: u64,
    rpt_seq: u32,
}

/// A message of trades.
pub(super) trait TradeSummary {
    fn root(&self) -> (u64, u8);
    fn trades(&self) -> impl Iterator<Item = Trade> + Clone;
    fn orders(&self) -> Group<'_, TradeOrder<'_>>;
}

macro_rules! trade_summary {
    ($view:ident, |$entry:ident| $orders:expr, $trade_id:expr) => {
        impl TradeSummary for $view<'_> {
            fn root(&self) -> (u64, u8) {
                (self.root.transact_time(), self.root.match_event_indicator())
            }

            fn trades(&self) -> impl Iterator<Item = Trade> + Clone {
                self.entries.iter().map(|$entry| Trade {
                    security_id: $entry.security_id(),
                    price: $entry.price(),
                    size: size_or_undefined(Some($entry.size())),
                    orders: $orders
                        .and_then(|count| usize::try_from(count).ok())
                        .unwrap_or(0),
                    aggressor: match $entry.aggressor_side() {
                        Some(1) => Side::Bid,
                        Some(2) => Side::Ask,
                        _ => Side::None,
                    },
                    update_action: $entry.update_action(),
                    trade_id: u64::from($trade_id.unwrap_or(0)),
                    rpt_seq: $entry.rpt_seq(),
                })
            }

            fn orders(&self) -> Group<'_, TradeOrder<'_>> {
                self.orders
            }
        }
    };
}

trade_summary!(
    Trades,
    |entry| entry.number_of_orders(),
    entry.trade_entry_id().flatten()
);
trade_summary!(
    LongTrades,
    |entry| Some(entry.number_of_orders()),
    Some(entry.trade_entry_id())
);

impl Mdp3Decoder {
    /// 42, 48, 65. The message's orders are those of its trades, one trade's behind the other's, the aggressor's first.
    pub(super) fn trades<V: TradeSummary, S: RecordSink>(
        &mut self,
        incoming: &Incoming<'_>,
        view: &V,
        sink: &mut S,
    ) {
        let (time, indicator) = view.root();
        let over = indicator & END_OF_EVENT != 0;
        let about = self.about(view.trades().map(|trade| trade.security_id));
        self.native(incoming, about, sink);
        let mut mapped = true;
        let mut orders = view.orders().into_iter();
        let mut trades = view.trades();
        while let Some(trade) = trades.next() {
            let place = self.directory.find(trade.security_id);
            if let Some(place) = place {
                self.report(place, [trade.rpt_seq; 2]);
            }
            // A trade that is corrected or cancelled has no counterpart among DBN's records.
            let (0, Some(place)) = (trade.update_action, place) else {
                mapped = false;
                orders.by_ref().take(trade.orders).for_each(drop);
                continue;
            };
            let last = over
                && !trades
                    .clone()
                    .any(|later| later.security_id == trade.security_id);
            let event = self.event(incoming.context, place, Books::Both, time);
            let price = incoming.price(Some(trade.price));
            let wanted = sink.wants(event.instrument());
            let mut publish = |action, side, order_id, size, flags| {
                let record = event.record(action, side, order_id, price, size, flags);
                publish_each(wanted, event.instrument(), &record, sink);
            };
            let of_last = |left: usize| if last && left == 0 { LAST } else { 0 };
            let mut left = trade.orders.min(orders.rest().len());
            publish(
                Action::Trade,
                trade.aggressor,
                trade.trade_id,
                trade.size,
                of_last(left),
            );
            let mut side = trade.aggressor;
            for order in orders.by_ref().take(trade.orders) {
                left -= 1;
                let size = size_or_undefined(Some(order.last_quantity()));
                publish(Action::Fill, side, order.order_id(), size, of_last(left));
                side = match trade.aggressor {
                    Side::Bid => Side::Ask,
                    Side::Ask => Side::Bid,
                    Side::None => Side::None,
                };
            }
            self.note_last(place, last);
        }
        if !mapped {
            self.unmapped_too(incoming, about, sink);
        }
        if completes(indicator) {
            self.close_event(incoming.context, time, sink);
        }
    }
}
