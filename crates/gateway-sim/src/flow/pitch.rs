//! The same day in Cboe PITCH, as one unit of equities tells it.
//!
//! Each message of the [`OrderFlow`] becomes what PITCH would say: an order keeps its number when it is replaced (Modify
//! Order), prices and sizes that fit go out in the short form, attributed orders in the expanded one, and a Time comes in
//! front of the first message of each second. What PITCH does not tell (market makers, Reg SHO apart from the status) is
//! left out, so that a day has another number of messages.

use std::collections::{HashMap, VecDeque};

use gateway_capture::CaptureError;
use gateway_feed::itch50::fields::Symbol;
use gateway_feed::itch50::messages::Message;
use gateway_feed::pitch::Market;
use gateway_feed::pitch::layout::{
    Price4, ShortPrice, Symbol6, WriteAddExpanded, WriteAddLong, WriteAddShort, WriteAuctionUpdate,
    WriteDelete, WriteEndOfSession, WriteExecuted, WriteExecutedAtPrice, WriteModifyLong,
    WriteModifyShort, WriteReduceLong, WriteReduceShort, WriteTime, WriteTradeLong,
    WriteTradeShort, WriteTradingStatus, WriteUnitClear, Written,
};

use super::OrderFlow;
use crate::source::{Source, SourceMessage};

const SECOND: u64 = 1_000_000_000;
/// Numbers of orders and executions begin far up, as the venue's do: they are made of the day and the unit.
const NUMBERS_BEGIN: u64 = 0x3904_B28A_0000_0000;

/// An order as PITCH knows it.
#[derive(Clone, Copy, Debug)]
struct Resting {
    order_id: u64,
    shares: u32,
}

/// Tells an [`OrderFlow`] in PITCH.
#[derive(Debug)]
pub struct PitchFlow {
    flow: OrderFlow,
    /// By the flow's reference.
    orders: HashMap<u64, Resting>,
    /// What is still to be given.
    waiting: VecDeque<Written>,
    given: Option<Written>,
    timestamp: u64,
    second: Option<u64>,
}

impl PitchFlow {
    /// The day of `flow`, from where it stands.
    #[must_use]
    pub fn new(flow: OrderFlow) -> Self {
        Self {
            flow,
            orders: HashMap::new(),
            waiting: VecDeque::new(),
            given: None,
            timestamp: 0,
            second: None,
        }
    }

    /// Takes messages of the flow until there is something to give; `false` at the end.
    fn refill(&mut self) -> bool {
        while self.waiting.is_empty() {
            let Some(message) = self.flow.next() else {
                return false;
            };
            self.timestamp = message.timestamp;
            let told = Message::parse(message.bytes)
                .ok()
                .and_then(|message| tell(&mut self.orders, &message, offset(self.timestamp)));
            let Some(told) = told else {
                continue;
            };
            let second = self.timestamp / SECOND;
            if self.second.replace(second) != Some(second) {
                let seconds = second as u32;
                self.waiting
                    .push_back(WriteTime { seconds }.encode(Market::Equities));
            }
            self.waiting.push_back(told);
        }
        true
    }
}

impl Source for PitchFlow {
    fn next(&mut self) -> Result<Option<SourceMessage<'_>>, CaptureError> {
        if !self.refill() {
            return Ok(None);
        }
        self.given = self.waiting.pop_front();
        Ok(self.given.as_deref().map(|bytes| SourceMessage {
            time_ns: self.timestamp,
            missing: 0,
            bytes,
        }))
    }
}

/// Nanoseconds since the second.
const fn offset(timestamp: u64) -> u32 {
    (timestamp % SECOND) as u32
}

/// What PITCH says of a message; `None` where it says nothing.
fn tell(
    orders: &mut HashMap<u64, Resting>,
    message: &Message<'_>,
    time_offset: u32,
) -> Option<Written> {
    let written = match message {
        Message::SystemEvent(event) => match event.event_code() {
            b'O' => WriteUnitClear { time_offset }.encode(Market::Equities),
            b'C' => WriteEndOfSession { time_offset }.encode(Market::Equities),
            _ => return None,
        },
        Message::StockTradingAction(action) => WriteTradingStatus {
            time_offset,
            symbol: action.stock(),
            status: action.trading_state(),
            reg_sho_action: b'0',
            gth_status: b' ',
            reserved: b' ',
        }
        .encode(Market::Equities),
        Message::AddOrder(order) => {
            let resting = rest(orders, order.order_reference(), order.shares());
            let added = (order.buy_sell(), order.stock(), order.price().0);
            add(time_offset, resting, added)
        }
        Message::AddOrderAttributed(order) => WriteAddExpanded {
            time_offset,
            order_id: rest(orders, order.order_reference(), order.shares()).order_id,
            side: order.buy_sell(),
            quantity: order.shares(),
            symbol: order.stock(),
            price: Price4(order.price().0.into()),
        }
        .encode(Market::Equities),
        Message::OrderReplace(order) => {
            let before = orders.remove(&order.original_order_reference())?;
            let resting = Resting {
                shares: order.shares(),
                ..before
            };
            orders.insert(order.new_order_reference(), resting);
            modify(time_offset, resting, order.price().0)
        }
        Message::OrderDelete(order) => WriteDelete {
            time_offset,
            order_id: orders.remove(&order.order_reference())?.order_id,
        }
        .encode(Market::Equities),
        Message::OrderCancel(order) => {
            let quantity = order.cancelled_shares();
            let resting = take_off(orders, order.order_reference(), quantity)?;
            reduce(time_offset, resting.order_id, quantity)
        }
        Message::OrderExecuted(order) => {
            let quantity = order.executed_shares();
            WriteExecuted {
                time_offset,
                order_id: take_off(orders, order.order_reference(), quantity)?.order_id,
                quantity,
                execution_id: NUMBERS_BEGIN + order.match_number(),
            }
            .encode(Market::Equities)
        }
        Message::OrderExecutedWithPrice(order) => {
            let quantity = order.executed_shares();
            let left = take_off(orders, order.order_reference(), quantity)?;
            WriteExecutedAtPrice {
                time_offset,
                order_id: left.order_id,
                quantity,
                remaining: left.shares,
                execution_id: NUMBERS_BEGIN + order.match_number(),
                price: Price4(order.execution_price().0.into()),
            }
            .encode(Market::Equities)
        }
        Message::Trade(trade) => {
            let traded = (trade.stock(), trade.price().0, trade.shares());
            print(time_offset, trade.match_number(), traded)
        }
        Message::NetOrderImbalance(auction) => {
            let (paired, rest) = (
                auction.paired_shares() as u32,
                auction.imbalance_shares() as u32,
            );
            let price = |price: u32| Price4(price.into());
            let (buys, sells) = match auction.imbalance_direction() {
                b'B' => (paired + rest, paired),
                _ => (paired, paired + rest),
            };
            WriteAuctionUpdate {
                time_offset,
                symbol: auction.stock(),
                auction_type: auction.cross_type(),
                reference_price: price(auction.reference_price().0),
                buy_quantity: buys,
                sell_quantity: sells,
                indicative_price: price(auction.near_price().0),
                auction_only_price: price(auction.far_price().0),
            }
            .encode(Market::Equities)
        }
        _ => return None,
    };
    Some(written)
}

fn rest(orders: &mut HashMap<u64, Resting>, reference: u64, shares: u32) -> Resting {
    let resting = Resting {
        order_id: NUMBERS_BEGIN + reference,
        shares,
    };
    orders.insert(reference, resting);
    resting
}

/// Takes shares off an order; gives it as it is then.
fn take_off(orders: &mut HashMap<u64, Resting>, reference: u64, shares: u32) -> Option<Resting> {
    let resting = orders.get_mut(&reference)?;
    resting.shares = resting.shares.saturating_sub(shares);
    let left = *resting;
    if left.shares == 0 {
        orders.remove(&reference);
    }
    Some(left)
}

/// The symbol of six characters, where it has no more.
fn symbol6(symbol: Symbol) -> Symbol6 {
    let [a, b, c, d, e, f, ..] = symbol.0;
    Symbol6([a, b, c, d, e, f])
}

/// Price and size as the short form has them, where they fit.
fn shortened(price: u32, shares: u32) -> Option<(ShortPrice, u16)> {
    let cents = u16::try_from(price / 100).ok()?;
    let shares = u16::try_from(shares).ok()?;
    price
        .is_multiple_of(100)
        .then_some((ShortPrice(cents), shares))
}

fn add(time_offset: u32, resting: Resting, (side, stock, price): (u8, Symbol, u32)) -> Written {
    let Resting { order_id, shares } = resting;
    let symbol = symbol6(stock);
    match shortened(price, shares) {
        Some((price, quantity)) => WriteAddShort {
            time_offset,
            order_id,
            side,
            quantity,
            symbol,
            price,
        }
        .encode(Market::Equities),
        None => WriteAddLong {
            time_offset,
            order_id,
            side,
            quantity: shares,
            symbol,
            price: Price4(price.into()),
        }
        .encode(Market::Equities),
    }
}

fn modify(time_offset: u32, resting: Resting, price: u32) -> Written {
    let Resting { order_id, shares } = resting;
    match shortened(price, shares) {
        Some((price, quantity)) => WriteModifyShort {
            time_offset,
            order_id,
            quantity,
            price,
        }
        .encode(Market::Equities),
        None => WriteModifyLong {
            time_offset,
            order_id,
            quantity: shares,
            price: Price4(price.into()),
        }
        .encode(Market::Equities),
    }
}

fn reduce(time_offset: u32, order_id: u64, quantity: u32) -> Written {
    match u16::try_from(quantity) {
        Ok(quantity) => WriteReduceShort {
            time_offset,
            order_id,
            quantity,
        }
        .encode(Market::Equities),
        Err(_) => WriteReduceLong {
            time_offset,
            order_id,
            quantity,
        }
        .encode(Market::Equities),
    }
}

fn print(time_offset: u32, number: u64, (stock, price, shares): (Symbol, u32, u32)) -> Written {
    let (symbol, side) = (symbol6(stock), b'B');
    // The order was never shown: nothing else has its number.
    let (order_id, execution_id) = (NUMBERS_BEGIN - number, NUMBERS_BEGIN + number);
    match shortened(price, shares) {
        Some((price, quantity)) => WriteTradeShort {
            time_offset,
            order_id,
            side,
            quantity,
            symbol,
            price,
            execution_id,
        }
        .encode(Market::Equities),
        None => WriteTradeLong {
            time_offset,
            order_id,
            side,
            quantity: shares,
            symbol,
            price: Price4(price.into()),
            execution_id,
        }
        .encode(Market::Equities),
    }
}
