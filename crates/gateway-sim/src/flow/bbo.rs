//! The same day in Nasdaq BBO 2.1: a quotation whenever the best bid or offer of a security is another than was told.
//!
//! Directory, states and Reg SHO messages are those of the [`OrderFlow`], as the feed has them. What it does not tell (trades,
//! market makers, imbalances, orders behind the best) is left out, so that a day has another number of messages.

use std::collections::{HashMap, VecDeque};

use gateway_capture::CaptureError;
use gateway_feed::itch50::fields::{Price4, Symbol};
use gateway_feed::itch50::messages::Message;
use gateway_feed::nasdaq_bbo::messages::write;

use super::OrderFlow;
use super::book::Side;
use super::levels::{Book, Quote, Resting};
use crate::source::{Source, SourceMessage};

/// A security, and what was told of it last.
#[derive(Debug, Default)]
struct Security {
    symbol: Symbol,
    listing_market: u8,
    told: Quote,
}

/// Tells an [`OrderFlow`] in Nasdaq BBO.
#[derive(Debug)]
pub struct BboFlow {
    flow: OrderFlow,
    book: Book,
    /// By stock locate.
    securities: HashMap<u16, Security>,
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
            book: Book::default(),
            securities: HashMap::new(),
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
                book: &mut self.book,
                securities: &mut self.securities,
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
    book: &'a mut Book,
    securities: &'a mut HashMap<u16, Security>,
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
                let security = self.securities.entry(stock.stock_locate()).or_default();
                security.symbol = stock.stock();
                security.listing_market = match stock.market_category() {
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
                let security = self.securities.entry(action.stock_locate()).or_default();
                let action = write::StockTradingAction {
                    tracking_number: 0,
                    timestamp: self.timestamp,
                    stock: action.stock(),
                    security_class: security.listing_market,
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
            Message::OrderDelete(order) => self.exchange(order.order_reference(), None),
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
                let reference = order.original_order_reference();
                if let Some(before) = self.book.get(reference) {
                    let after = Resting {
                        price: order.price().0,
                        shares: order.shares(),
                        ..before
                    };
                    self.exchange(reference, Some((order.new_order_reference(), after)));
                }
            }
            _ => {}
        }
    }

    fn add(&mut self, order: Resting) {
        self.book.exchange(None, Some((order.order_id, order)));
        self.quote(order.locate);
    }

    fn take_off(&mut self, reference: u64, shares: u32) {
        let left = self.book.left(reference, shares);
        self.exchange(reference, left.map(|left| (reference, left)));
    }

    fn exchange(&mut self, before: u64, after: Option<(u64, Resting)>) {
        if let Some(order) = self.book.get(before) {
            self.book.exchange(Some(before), after);
            self.quote(order.locate);
        }
    }

    /// Tells a security's best bid and offer, if these are others than before.
    fn quote(&mut self, locate: u16) {
        let quote = self.book.quote(locate);
        let security = self.securities.entry(locate).or_default();
        if std::mem::replace(&mut security.told, quote) == quote {
            return;
        }
        let quotation = write::Quotation {
            tracking_number: 0,
            timestamp: self.timestamp,
            stock: security.symbol,
            security_class: security.listing_market,
            bid_price: Price4(quote.bid.0),
            bid_size: quote.bid.1,
            ask_price: Price4(quote.ask.0),
            ask_size: quote.ask.1,
        };
        self.push(&quotation.encode());
    }

    fn push(&mut self, message: &[u8]) {
        self.waiting.push_back(message.to_vec());
    }
}
