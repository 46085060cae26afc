//! The same day in Nasdaq BBO 2.1: a quotation whenever the best bid or offer of a security is another than was told.
//!
//! Directory, states and Reg SHO messages are those of the [`OrderFlow`], as the feed has them. What it does not tell (trades,
//! market makers, imbalances, orders behind the best) is left out, so that a day has another number of messages.

use std::collections::{BTreeMap, HashMap, VecDeque};

use gateway_capture::CaptureError;
use gateway_feed::itch50::fields::{Price4, Symbol};
use gateway_feed::itch50::messages::Message;
use gateway_feed::nasdaq_bbo::messages::write;

use super::OrderFlow;
use crate::source::{Source, SourceMessage};

/// An order that rests.
#[derive(Clone, Copy, Debug)]
struct Resting {
    locate: u16,
    is_bid: bool,
    price: u32,
    shares: u32,
}

/// Price and shares of the best bid and offer; zeros where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Best {
    bid: (u32, u32),
    ask: (u32, u32),
}

/// A security's book: shares by price.
#[derive(Debug, Default)]
struct Book {
    symbol: Symbol,
    listing_market: u8,
    bids: BTreeMap<u32, u64>,
    asks: BTreeMap<u32, u64>,
    told: Best,
}

impl Book {
    fn best(&self) -> Best {
        let level = |level: Option<(&u32, &u64)>| {
            let shares = |shares: u64| u32::try_from(shares).unwrap_or(u32::MAX);
            level.map_or((0, 0), |(price, size)| (*price, shares(*size)))
        };
        Best {
            bid: level(self.bids.last_key_value()),
            ask: level(self.asks.first_key_value()),
        }
    }

    /// Adds to the shares at a price, or takes from them.
    fn change(&mut self, is_bid: bool, price: u32, by: i64) {
        let side = if is_bid {
            &mut self.bids
        } else {
            &mut self.asks
        };
        let level = side.entry(price).or_default();
        *level = level.saturating_add_signed(by);
        if *level == 0 {
            side.remove(&price);
        }
    }
}

/// Tells an [`OrderFlow`] in Nasdaq BBO.
#[derive(Debug)]
pub struct BboFlow {
    flow: OrderFlow,
    /// By the flow's reference.
    orders: HashMap<u64, Resting>,
    /// By stock locate.
    books: HashMap<u16, Book>,
    /// What is still to be given.
    waiting: VecDeque<Vec<u8>>,
    given: Vec<u8>,
    timestamp: u64,
}

impl BboFlow {
    /// The day of `flow`, from where it stands.
    #[must_use]
    pub fn new(flow: OrderFlow) -> Self {
        Self {
            flow,
            orders: HashMap::new(),
            books: HashMap::new(),
            waiting: VecDeque::new(),
            given: Vec::new(),
            timestamp: 0,
        }
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
                timestamp: self.timestamp,
            };
            if let Ok(message) = Message::parse(message.bytes) {
                teller.tell(&message);
            }
        }
        true
    }
}

impl Source for BboFlow {
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
    timestamp: u64,
}

impl Teller<'_> {
    fn tell(&mut self, message: &Message<'_>) {
        match message {
            Message::SystemEvent(event) => self.push(
                &write::SystemEvent {
                    timestamp: self.timestamp,
                    event_code: event.event_code(),
                    ..write::SystemEvent::default()
                }
                .encode(),
            ),
            Message::StockDirectory(stock) => {
                let book = self.books.entry(stock.stock_locate()).or_default();
                book.symbol = stock.stock();
                book.listing_market = match stock.market_category() {
                    b'G' | b'S' => b'Q',
                    other => other,
                };
                let directory = write::StockDirectory {
                    tracking_number: 0,
                    timestamp: self.timestamp,
                    stock: stock.stock(),
                    market_category: stock.market_category(),
                    financial_status: stock.financial_status(),
                    round_lot_size: stock.round_lot_size(),
                    round_lots_only: stock.round_lots_only(),
                    issue_classification: stock.issue_classification(),
                    issue_sub_type: stock.issue_sub_type(),
                    authenticity: stock.authenticity(),
                    short_sale_threshold: stock.short_sale_threshold(),
                    ipo_flag: stock.ipo_flag(),
                    luld_reference_price_tier: stock.luld_reference_price_tier(),
                    etp_flag: stock.etp_flag(),
                    etp_leverage_factor: stock.etp_leverage_factor(),
                    inverse_indicator: stock.inverse_indicator(),
                };
                self.push(&directory.encode());
            }
            Message::StockTradingAction(action) => {
                let book = self.books.entry(action.stock_locate()).or_default();
                let action = write::StockTradingAction {
                    tracking_number: 0,
                    timestamp: self.timestamp,
                    stock: action.stock(),
                    security_class: book.listing_market,
                    trading_state: action.trading_state(),
                    reason: action.reason(),
                };
                self.push(&action.encode());
            }
            Message::RegShoRestriction(restriction) => self.push(
                &write::RegShoRestriction {
                    tracking_number: 0,
                    timestamp: self.timestamp,
                    stock: restriction.stock(),
                    reg_sho_action: restriction.reg_sho_action(),
                }
                .encode(),
            ),
            _ => self.tell_of_orders(message),
        }
    }

    fn tell_of_orders(&mut self, message: &Message<'_>) {
        match message {
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
            Message::OrderExecuted(order) => {
                self.take_off(order.order_reference(), order.executed_shares());
            }
            Message::OrderExecutedWithPrice(order) => {
                self.take_off(order.order_reference(), order.executed_shares());
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
            _ => {}
        }
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

    /// Makes orders of one security what they are now, and tells its best bid and offer if these are others than before.
    fn change_to(&mut self, changes: &[(u64, Option<Resting>)]) {
        let mut about = None;
        for (reference, after) in changes {
            let before = match after {
                Some(after) => self.orders.insert(*reference, *after),
                None => self.orders.remove(reference),
            };
            for (order, sign) in [(before, -1), (*after, 1)] {
                if let Some(order) = order {
                    let book = self.books.entry(order.locate).or_default();
                    book.change(order.is_bid, order.price, sign * i64::from(order.shares));
                    about = Some(order.locate);
                }
            }
        }
        let Some(book) = about.and_then(|locate| self.books.get_mut(&locate)) else {
            return;
        };
        let best = book.best();
        if std::mem::replace(&mut book.told, best) == best {
            return;
        }
        let quotation = write::Quotation {
            tracking_number: 0,
            timestamp: self.timestamp,
            stock: book.symbol,
            security_class: book.listing_market,
            bid_price: Price4(best.bid.0),
            bid_size: best.bid.1,
            ask_price: Price4(best.ask.0),
            ask_size: best.ask.1,
        };
        self.push(&quotation.encode());
    }

    fn push(&mut self, message: &[u8]) {
        self.waiting.push_back(message.to_vec());
    }
}
