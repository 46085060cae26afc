//! What each feed says of a message.

use std::collections::{HashMap, HashSet, VecDeque};

use gateway_feed::iex::messages::{
    Price4, WriteAddOrder, WriteAuctionInformation, WriteBuyLevelUpdate, WriteOfficialPrice,
    WriteOperationalHaltStatus, WriteOrderDelete, WriteOrderExecuted, WriteOrderModify,
    WriteQuoteUpdate, WriteSecurityDirectory, WriteSecurityEvent, WriteSellLevelUpdate,
    WriteShortSalePriceTestStatus, WriteSystemEvent, WriteTradeBreak, WriteTradeReport,
    WriteTradingStatus,
};
use gateway_feed::itch50::fields::Symbol;
use gateway_feed::itch50::messages::Message;
use gateway_feed::itch50::messages::NetOrderImbalance;

use super::super::book::Side;
use super::super::levels::{Book, Level, Quote, Resting};
use super::{IexFeed, Listed};

/// Every so many-th trade is broken.
const TRADES_A_BREAK: u64 = 16;
/// "Security Directory": a test security.
const TEST_SECURITY: u8 = 0x80;
/// "Sale Condition Flags".
const ODD_LOT: u8 = 0x20;
const SINGLE_PRICE_CROSS: u8 = 0x08;
/// "Event Flags": the event is complete.
const EVENT_COMPLETE: u8 = 1;
/// "Order Modify": the order keeps its place in the queue.
const KEEPS_PLACE: u8 = 1;
const ROUND_LOT: u32 = 100;
/// An auction is told of this long before it is to be, in seconds.
const AUCTION_AHEAD_S: u64 = 60;

/// A trade as its report has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trade {
    sale_conditions: u8,
    symbol: Symbol,
    size: u32,
    price: Price4,
    trade_id: u64,
}

/// What a message is told with.
pub(super) struct Teller<'a> {
    pub(super) feed: IexFeed,
    pub(super) listed: &'a [Listed],
    pub(super) book: &'a mut Book,
    pub(super) quotes: &'a mut HashMap<u16, Quote>,
    pub(super) completed: &'a mut HashSet<(u16, u8)>,
    pub(super) doubtful: &'a mut Option<Trade>,
    pub(super) waiting: &'a mut VecDeque<Vec<u8>>,
    /// Nanoseconds since the Unix epoch.
    pub(super) timestamp: u64,
}

impl Teller<'_> {
    pub(super) fn tell(&mut self, message: &Message<'_>) {
        match message {
            Message::SystemEvent(event) => self.system_event(event.event_code()),
            Message::StockDirectory(stock) => self.define(stock.stock_locate()),
            Message::StockTradingAction(action) => {
                self.status(action.stock(), action.trading_state());
            }
            Message::RegShoRestriction(restriction) => {
                let status = WriteShortSalePriceTestStatus {
                    status: u8::from(restriction.reg_sho_action() != b'0'),
                    timestamp: self.timestamp,
                    symbol: restriction.stock(),
                    detail: b' ',
                };
                self.push(&status.encode());
            }
            Message::AddOrder(order) => self.add(Resting {
                order_id: order.order_reference(),
                locate: order.stock_locate(),
                side: Side::of_code(order.buy_sell()),
                price: order.price().0,
                shares: order.shares(),
            }),
            Message::AddOrderAttributed(order) => self.add(Resting {
                order_id: order.order_reference(),
                locate: order.stock_locate(),
                side: Side::of_code(order.buy_sell()),
                price: order.price().0,
                shares: order.shares(),
            }),
            Message::OrderReplace(order) => {
                let reference = order.original_order_reference();
                if let Some(before) = self.book.get(reference) {
                    let after = Resting {
                        price: order.price().0,
                        shares: order.shares(),
                        ..before
                    };
                    let now = (order.new_order_reference(), after);
                    self.modify(reference, now, 0);
                }
            }
            Message::OrderCancel(order) => {
                let reference = order.order_reference();
                match self.book.left(reference, order.cancelled_shares()) {
                    Some(after) => self.modify(reference, (reference, after), KEEPS_PLACE),
                    None => self.delete(reference),
                }
            }
            Message::OrderDelete(order) => self.delete(order.order_reference()),
            Message::OrderExecuted(order) => {
                let executed = (order.executed_shares(), order.match_number());
                self.execute(order.order_reference(), executed, None);
            }
            Message::OrderExecutedWithPrice(order) => {
                let executed = (order.executed_shares(), order.match_number());
                let price = Some(order.execution_price().0);
                self.execute(order.order_reference(), executed, price);
            }
            Message::Trade(trade) => {
                let (symbol, price) = (trade.stock(), Price4(trade.price().0.into()));
                self.report(trade_of(
                    symbol,
                    trade.shares(),
                    price,
                    trade.match_number(),
                ));
            }
            Message::CrossTrade(cross) if cross.shares() > 0 => {
                let size = u32::try_from(cross.shares()).unwrap_or(u32::MAX);
                let price = Price4(cross.cross_price().0.into());
                let mut trade = trade_of(cross.stock(), size, price, cross.match_number());
                trade.sale_conditions |= SINGLE_PRICE_CROSS;
                self.report(trade);
                self.complete(cross.stock_locate(), cross.cross_type(), price);
            }
            // DEEP+ tells nothing of auctions.
            Message::NetOrderImbalance(auction) if self.feed != IexFeed::DeepPlus => {
                self.auction(auction);
            }
            _ => {}
        }
    }

    fn push(&mut self, message: &[u8]) {
        self.waiting.push_back(message.to_vec());
    }

    fn symbol(&self, locate: u16) -> Symbol {
        let listed = self.listed.get(usize::from(locate).wrapping_sub(1));
        listed.map_or(Symbol([b' '; 8]), |listed| listed.symbol)
    }

    fn system_event(&mut self, event_code: u8) {
        let event = match event_code {
            // Start of market hours.
            b'Q' => b'R',
            same => same,
        };
        let event = WriteSystemEvent {
            event,
            timestamp: self.timestamp,
        };
        self.push(&event.encode());
    }

    fn define(&mut self, locate: u16) {
        let Some(listed) = self.listed.get(usize::from(locate).wrapping_sub(1)) else {
            return;
        };
        let directory = WriteSecurityDirectory {
            flags: TEST_SECURITY,
            timestamp: self.timestamp,
            symbol: listed.symbol,
            round_lot_size: ROUND_LOT,
            adjusted_poc_price: Price4(listed.closed_at.into()),
            luld_tier: 1,
        };
        self.push(&directory.encode());
    }

    fn status(&mut self, symbol: Symbol, trading_state: u8) {
        let (timestamp, reason) = (self.timestamp, [b' '; 4]);
        let status = WriteTradingStatus {
            status: match trading_state {
                // Quotes only: orders are accepted.
                b'Q' => b'O',
                same => same,
            },
            timestamp,
            symbol,
            reason,
        };
        self.push(&status.encode());
        let halt = WriteOperationalHaltStatus {
            status: b'N',
            timestamp,
            symbol,
        };
        self.push(&halt.encode());
    }

    fn add(&mut self, order: Resting) {
        if self.feed == IexFeed::DeepPlus {
            let added = WriteAddOrder {
                side: side_code(order.side),
                timestamp: self.timestamp,
                symbol: self.symbol(order.locate),
                order_id: order.order_id,
                size: order.shares,
                price: Price4(order.price.into()),
            };
            self.push(&added.encode());
        }
        let reference = order.order_id;
        let levels = self.book.exchange(None, Some((reference, order)));
        self.changed(order.locate, &levels);
    }

    fn modify(&mut self, before: u64, after: (u64, Resting), flags: u8) {
        let order = after.1;
        if self.feed == IexFeed::DeepPlus {
            let modified = WriteOrderModify {
                flags,
                timestamp: self.timestamp,
                symbol: self.symbol(order.locate),
                order_id: order.order_id,
                size: order.shares,
                price: Price4(order.price.into()),
            };
            self.push(&modified.encode());
        }
        let levels = self.book.exchange(Some(before), Some(after));
        self.changed(order.locate, &levels);
    }

    fn delete(&mut self, reference: u64) {
        let Some(order) = self.book.get(reference) else {
            return;
        };
        if self.feed == IexFeed::DeepPlus {
            let deleted = WriteOrderDelete {
                timestamp: self.timestamp,
                symbol: self.symbol(order.locate),
                order_id: order.order_id,
                ..WriteOrderDelete::default()
            };
            self.push(&deleted.encode());
        }
        let levels = self.book.exchange(Some(reference), None);
        self.changed(order.locate, &levels);
    }

    /// `executed` shares under a trade's number, at the order's price or another.
    fn execute(&mut self, reference: u64, executed: (u32, u64), price: Option<u32>) {
        let Some(order) = self.book.get(reference) else {
            return;
        };
        let (size, trade_id) = executed;
        let symbol = self.symbol(order.locate);
        let price = Price4(price.unwrap_or(order.price).into());
        let trade = trade_of(symbol, size, price, trade_id);
        if self.feed == IexFeed::DeepPlus {
            self.break_the_last(trade);
            let executed = WriteOrderExecuted {
                sale_conditions: trade.sale_conditions,
                timestamp: self.timestamp,
                symbol,
                order_id: order.order_id,
                size,
                price,
                trade_id,
            };
            self.push(&executed.encode());
        } else {
            self.report(trade);
        }
        let after = self
            .book
            .left(reference, size)
            .map(|left| (reference, left));
        let levels = self.book.exchange(Some(reference), after);
        self.changed(order.locate, &levels);
    }

    /// Tells what became of the levels and of the best prices, as one event.
    fn changed(&mut self, locate: u16, levels: &[Level]) {
        match self.feed {
            IexFeed::Tops => self.quote(locate),
            IexFeed::Deep => {
                for (number, level) in (1..).zip(levels) {
                    let event_flags = if number == levels.len() {
                        EVENT_COMPLETE
                    } else {
                        0
                    };
                    self.level(locate, level, event_flags);
                }
            }
            IexFeed::DeepPlus => {}
        }
    }

    fn quote(&mut self, locate: u16) {
        let quote = self.book.quote(locate);
        if self.quotes.insert(locate, quote) == Some(quote) {
            return;
        }
        let update = WriteQuoteUpdate {
            flags: 0,
            timestamp: self.timestamp,
            symbol: self.symbol(locate),
            bid_size: quote.bid.1,
            bid_price: Price4(quote.bid.0.into()),
            ask_price: Price4(quote.ask.0.into()),
            ask_size: quote.ask.1,
        };
        self.push(&update.encode());
    }

    fn level(&mut self, locate: u16, level: &Level, event_flags: u8) {
        let (timestamp, symbol) = (self.timestamp, self.symbol(locate));
        let (size, price) = (level.shares, Price4(level.price.into()));
        match level.side {
            Side::Buy => {
                let update = WriteBuyLevelUpdate {
                    event_flags,
                    timestamp,
                    symbol,
                    size,
                    price,
                };
                self.push(&update.encode());
            }
            Side::Sell => {
                let update = WriteSellLevelUpdate {
                    event_flags,
                    timestamp,
                    symbol,
                    size,
                    price,
                };
                self.push(&update.encode());
            }
        }
    }

    /// "Trade Report".
    fn report(&mut self, trade: Trade) {
        self.break_the_last(trade);
        let report = WriteTradeReport {
            sale_conditions: trade.sale_conditions,
            timestamp: self.timestamp,
            symbol: trade.symbol,
            size: trade.size,
            price: trade.price,
            trade_id: trade.trade_id,
        };
        self.push(&report.encode());
    }

    /// Breaks the trade that was to be broken, now that there is another, which may be the next one to be.
    fn break_the_last(&mut self, next: Trade) {
        let next_is_doubtful = next.trade_id.is_multiple_of(TRADES_A_BREAK);
        let broken = std::mem::replace(self.doubtful, next_is_doubtful.then_some(next));
        if let Some(trade) = broken {
            let broken = WriteTradeBreak {
                sale_conditions: trade.sale_conditions,
                timestamp: self.timestamp,
                symbol: trade.symbol,
                size: trade.size,
                price: trade.price,
                trade_id: trade.trade_id,
            };
            self.push(&broken.encode());
        }
    }

    /// Tells that the opening or closing process of a security is complete, once, and which official price it made.
    fn complete(&mut self, locate: u16, cross_type: u8, price: Price4) {
        let (price_type, event) = match cross_type {
            b'O' => (b'Q', b'O'),
            b'C' => (b'M', b'C'),
            _ => return,
        };
        if !self.completed.insert((locate, event)) {
            return;
        }
        let (timestamp, symbol) = (self.timestamp, self.symbol(locate));
        if self.feed != IexFeed::DeepPlus {
            let official = WriteOfficialPrice {
                price_type,
                timestamp,
                symbol,
                price,
            };
            self.push(&official.encode());
        }
        if self.feed != IexFeed::Tops {
            let event = WriteSecurityEvent {
                event,
                timestamp,
                symbol,
            };
            self.push(&event.encode());
        }
    }

    fn auction(&mut self, auction: &NetOrderImbalance<'_>) {
        let price = i64::from(auction.reference_price().0);
        let scheduled = self.timestamp / 1_000_000_000 + AUCTION_AHEAD_S;
        let told = WriteAuctionInformation {
            auction_type: auction.cross_type(),
            timestamp: self.timestamp,
            symbol: auction.stock(),
            paired_shares: u32::try_from(auction.paired_shares()).unwrap_or(u32::MAX),
            reference_price: Price4(price),
            indicative_clearing_price: Price4(auction.near_price().0.into()),
            imbalance_shares: u32::try_from(auction.imbalance_shares()).unwrap_or(u32::MAX),
            imbalance_side: auction.imbalance_direction(),
            extension_number: 0,
            // A number of 32 bits until 2106.
            scheduled_auction_time: scheduled as u32,
            auction_book_clearing_price: Price4(auction.far_price().0.into()),
            collar_reference_price: Price4(price),
            lower_collar: Price4(price - price / 10),
            upper_collar: Price4(price + price / 10),
        };
        self.push(&told.encode());
    }
}

/// The feed's digit for a side.
const fn side_code(side: Side) -> u8 {
    match side {
        Side::Buy => b'8',
        Side::Sell => b'5',
    }
}

/// A trade in the market phase.
const fn trade_of(symbol: Symbol, size: u32, price: Price4, trade_id: u64) -> Trade {
    Trade {
        sale_conditions: if size < ROUND_LOT { ODD_LOT } else { 0 },
        symbol,
        size,
        price,
        trade_id,
    }
}
