//! The same day in CME's MDP 3.0, as one channel tells it.
//!
//! Each message of the [`OrderFlow`] becomes what MDP 3.0 would say: a security is a future, defined once; an order changes
//! a price level, of which the ten best are published with their orders ("MDIncrementalRefreshBook"), and those behind
//! them by their orders alone ("MDIncrementalRefreshOrderBook"); an execution is a trade summary and then the change of the
//! book. A replaced order is one that goes and one that comes. Where it is asked for, channel resets empty all books now and
//! then, and all that rests is told anew. What MDP 3.0 does not tell (market makers, Reg SHO, crosses,
//! imbalances) is left out, so that a day has another number of messages.

mod book;

use std::collections::{HashMap, VecDeque};

use book::{Book, Change, PRICE_FACTOR, Told};
use gateway_capture::CaptureError;
use gateway_feed::itch50::messages::Message;
use gateway_feed::mdp3::MessageBuilder;
use gateway_feed::mdp3::sbe::Text;
use gateway_feed::mdp3::schema::{
    WriteChannelResetEntry, WriteChannelResetRoot, WriteEventEntry, WriteFeedTypeEntry,
    WriteFutureRoot, WriteIncremental, WriteInstAttribEntry, WriteLotTypeEntry,
    WriteSecurityStatusRoot, WriteTradeEntry, WriteTradeOrder,
};

use super::OrderFlow;
use crate::source::{Source, SourceMessage};

/// The schema version that is written.
pub const VERSION: u16 = 9;
/// Midnight of the day, 2024-06-10 (a Monday), in nanoseconds since the Unix epoch.
pub const MIDNIGHT_NS: u64 = 1_717_977_600_000_000_000;
/// Security ids begin here.
const SECURITY_IDS_BEGIN: i32 = 100_000;
/// "MatchEventIndicator": the event is over, with its last quote; the last of its trades.
const END: u8 = 1 << 7 | 1 << 2;
const LAST_TRADE: u8 = 1;

/// An order as MDP 3.0 knows it.
#[derive(Clone, Copy, Debug)]
struct Resting {
    locate: u16,
    is_bid: bool,
    price: u32,
    shares: u32,
}

/// Tells an [`OrderFlow`] in MDP 3.0.
#[derive(Debug)]
pub struct Mdp3Flow {
    flow: OrderFlow,
    /// By the flow's reference.
    orders: HashMap<u64, Resting>,
    /// By stock locate.
    books: HashMap<u16, Book>,
    /// After so many messages of the flow the channel is reset, again and again; 0: never.
    reset_every: u64,
    /// Messages of the flow so far.
    told: u64,
    /// What is still to be given.
    waiting: VecDeque<Vec<u8>>,
    given: Vec<u8>,
    timestamp: u64,
}

impl Mdp3Flow {
    /// The day of `flow`, from where it stands.
    #[must_use]
    pub fn new(flow: OrderFlow) -> Self {
        Self {
            flow,
            orders: HashMap::new(),
            books: HashMap::new(),
            reset_every: 0,
            told: 0,
            waiting: VecDeque::new(),
            given: Vec::new(),
            timestamp: 0,
        }
    }

    /// The same with a channel reset after each `messages` of the flow; 0: none.
    #[must_use]
    pub const fn with_channel_resets(mut self, messages: u64) -> Self {
        self.reset_every = messages;
        self
    }

    /// Takes messages of the flow until there is something to give; `false` at the end.
    fn refill(&mut self) -> bool {
        while self.waiting.is_empty() {
            let Some(message) = self.flow.next() else {
                return false;
            };
            self.timestamp = message.timestamp;
            let mut teller = Teller {
                orders: &mut self.orders,
                books: &mut self.books,
                waiting: &mut self.waiting,
                transact_time: MIDNIGHT_NS + self.timestamp,
            };
            if let Ok(message) = Message::parse(message.bytes) {
                teller.tell(&message);
            }
            self.told += 1;
            if self.reset_every != 0 && self.told.is_multiple_of(self.reset_every) {
                teller.reset();
            }
        }
        true
    }
}

impl Source for Mdp3Flow {
    fn next(&mut self) -> Result<Option<SourceMessage<'_>>, CaptureError> {
        if !self.refill() {
            return Ok(None);
        }
        self.given = self.waiting.pop_front().unwrap_or_default();
        Ok(Some(SourceMessage {
            time_ns: self.timestamp,
            missing: 0,
            bytes: &self.given,
        }))
    }
}

/// What a message is told with.
struct Teller<'a> {
    orders: &'a mut HashMap<u64, Resting>,
    books: &'a mut HashMap<u16, Book>,
    waiting: &'a mut VecDeque<Vec<u8>>,
    transact_time: u64,
}

impl Teller<'_> {
    fn tell(&mut self, message: &Message<'_>) {
        match message {
            Message::StockDirectory(stock) => self.define(stock.stock_locate(), &stock.stock().0),
            Message::StockTradingAction(action) => {
                let trades = action.trading_state() == b'T';
                self.status(action.stock_locate(), if trades { 17 } else { 2 });
            }
            Message::AddOrder(order) => {
                let resting = Resting {
                    locate: order.stock_locate(),
                    is_bid: order.buy_sell() == b'B',
                    price: order.price().0,
                    shares: order.shares(),
                };
                self.change_to(&[(order.order_reference(), Some(resting))]);
            }
            Message::AddOrderAttributed(order) => {
                let resting = Resting {
                    locate: order.stock_locate(),
                    is_bid: order.buy_sell() == b'B',
                    price: order.price().0,
                    shares: order.shares(),
                };
                self.change_to(&[(order.order_reference(), Some(resting))]);
            }
            Message::OrderDelete(order) => self.change_to(&[(order.order_reference(), None)]),
            Message::OrderCancel(order) => {
                self.take_off(order.order_reference(), order.cancelled_shares());
            }
            Message::OrderReplace(order) => {
                let before = order.original_order_reference();
                let Some(resting) = self.orders.get(&before) else {
                    return;
                };
                let after = Resting {
                    price: order.price().0,
                    shares: order.shares(),
                    ..*resting
                };
                self.change_to(&[(before, None), (order.new_order_reference(), Some(after))]);
            }
            Message::OrderExecuted(order) => {
                self.execute(order.order_reference(), order.executed_shares(), None);
            }
            Message::OrderExecutedWithPrice(order) => self.execute(
                order.order_reference(),
                order.executed_shares(),
                Some(order.execution_price().0),
            ),
            Message::Trade(trade) => {
                // The order was never shown.
                self.trade(trade.stock_locate(), trade.price().0, trade.shares(), None);
                self.book(END, &Told::default());
            }
            _ => {}
        }
    }

    /// "ChannelReset": every book is empty, and what rests is told anew, each order as one that comes.
    fn reset(&mut self) {
        let root = WriteChannelResetRoot {
            transact_time: self.transact_time,
            match_event_indicator: 1 << 7,
        };
        let message = MessageBuilder::new(4, VERSION, &root);
        let message = message.group::<WriteChannelResetEntry>(&[]);
        self.waiting.push_back(message.finish());
        self.books.clear();
        let mut resting: Vec<_> = self.orders.drain().collect();
        resting.sort_unstable_by_key(|(reference, _)| *reference);
        for (reference, order) in resting {
            self.change_to(&[(reference, Some(order))]);
        }
    }

    fn execute(&mut self, reference: u64, shares: u32, price: Option<u32>) {
        let Some(resting) = self.orders.get(&reference).copied() else {
            return;
        };
        let price = price.unwrap_or(resting.price);
        self.trade(
            resting.locate,
            price,
            shares,
            Some((reference, resting.is_bid)),
        );
        self.take_off(reference, shares);
    }

    fn take_off(&mut self, reference: u64, shares: u32) {
        let Some(resting) = self.orders.get(&reference).copied() else {
            return;
        };
        let left = resting.shares.saturating_sub(shares);
        let after = (left > 0).then_some(Resting {
            shares: left,
            ..resting
        });
        self.change_to(&[(reference, after)]);
    }

    /// Makes orders what they are now, and tells that as one event.
    fn change_to(&mut self, changes: &[(u64, Option<Resting>)]) {
        let mut told = Told::default();
        for (reference, after) in changes {
            let before = self.orders.get(reference).copied();
            let Some(about) = before.or(*after) else {
                continue;
            };
            match after {
                Some(after) => self.orders.insert(*reference, *after),
                None => self.orders.remove(reference),
            };
            let change = Change {
                security_id: security_id(about.locate),
                order_id: *reference,
                is_bid: about.is_bid,
                price: about.price,
                before: before.map(|order| order.shares),
                after: after.map(|order| order.shares),
            };
            let book = self.books.entry(about.locate).or_default();
            book.change(&change, &mut told);
        }
        let deep = !told.deep.is_empty();
        if !told.levels.is_empty() {
            let indicator = if deep { 0 } else { END };
            self.book(indicator, &told);
        }
        if deep {
            let message = MessageBuilder::new(47, VERSION, &self.root(END)).group(&told.deep);
            self.waiting.push_back(message.finish());
        }
    }

    /// Levels and the orders in them.
    fn book(&mut self, match_event_indicator: u8, told: &Told) {
        let root = self.root(match_event_indicator);
        let message = MessageBuilder::new(46, VERSION, &root);
        let message = message.group(&told.levels).group_8(&told.orders);
        self.waiting.push_back(message.finish());
    }

    /// A trade with the order that rested, where it was shown.
    fn trade(&mut self, locate: u16, price: u32, shares: u32, resting: Option<(u64, bool)>) {
        let book = self.books.entry(locate).or_default();
        let size = i32::try_from(shares).unwrap_or(i32::MAX);
        let entry = WriteTradeEntry {
            price: i64::from(price) * PRICE_FACTOR,
            size,
            security_id: security_id(locate),
            rpt_seq: book.next_report(),
            number_of_orders: Some(2),
            // "AggressorSide": 1 buys, 2 sells.
            aggressor_side: resting.map(|(_, is_bid)| if is_bid { 2 } else { 1 }),
            ..WriteTradeEntry::default()
        };
        let orders = resting.map(|(order_id, _)| WriteTradeOrder {
            order_id,
            last_quantity: size,
        });
        let message = MessageBuilder::new(48, VERSION, &self.root(LAST_TRADE))
            .group(&[entry])
            .group_8(orders.as_slice());
        self.waiting.push_back(message.finish());
    }

    /// "MDInstrumentDefinitionFuture".
    fn define(&mut self, locate: u16, symbol: &[u8]) {
        let name = String::from_utf8_lossy(symbol.trim_ascii()).into_owned();
        let root = WriteFutureRoot {
            match_event_indicator: 1 << 7,
            security_update_action: b'A',
            last_update_time: self.transact_time,
            md_security_trading_status: Some(17),
            security_exchange: Text::new("XCME"),
            security_group: Text::new("SIM"),
            asset: Text::new(&name),
            symbol: Text::new(&name),
            security_id: security_id(locate),
            security_type: Text::new("FUT"),
            cfi_code: Text::new("FFIXSX"),
            currency: Text::new("USD"),
            settl_currency: Text::new("USD"),
            match_algorithm: b'F',
            min_trade_vol: 1,
            max_trade_vol: 1_000_000,
            min_price_increment: 10_000_000,
            display_factor: 1_000_000_000,
            contract_multiplier: Some(50),
            ..WriteFutureRoot::default()
        };
        let feeds = [WriteFeedTypeEntry {
            feed_type: Text::new("GBX"),
            market_depth: book::DEPTH as i8,
        }];
        let round_lot = WriteLotTypeEntry {
            lot_type: 2,
            // In units of 1e-4: one contract.
            min_lot_size: Some(10_000),
        };
        let message = MessageBuilder::new(54, VERSION, &root)
            .group::<WriteEventEntry>(&[])
            .group(&feeds)
            .group::<WriteInstAttribEntry>(&[])
            .group(&[round_lot]);
        self.waiting.push_back(message.finish());
    }

    /// "SecurityStatus" of one security.
    fn status(&mut self, locate: u16, security_trading_status: u8) {
        let root = WriteSecurityStatusRoot {
            transact_time: self.transact_time,
            security_group: Text::new("SIM"),
            security_id: Some(security_id(locate)),
            match_event_indicator: 1 << 7,
            security_trading_status: Some(security_trading_status),
            ..WriteSecurityStatusRoot::default()
        };
        let message = MessageBuilder::new(30, VERSION, &root);
        self.waiting.push_back(message.finish());
    }

    const fn root(&self, match_event_indicator: u8) -> WriteIncremental {
        WriteIncremental {
            transact_time: self.transact_time,
            match_event_indicator,
        }
    }
}

fn security_id(locate: u16) -> i32 {
    SECURITY_IDS_BEGIN + i32::from(locate)
}
