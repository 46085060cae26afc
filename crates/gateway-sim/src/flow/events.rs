//! What happens next: opening, market events by their real frequency, closing.

use gateway_feed::itch50::encode::{
    AddOrder, AddOrderAttributed, CrossTrade, NetOrderImbalance, OrderCancel, OrderDelete,
    OrderExecuted, OrderExecutedWithPrice, OrderReplace, Trade,
};
use gateway_feed::itch50::fields::Price4;

use super::OrderFlow;
use super::book::{Order, OrderId, Side};
use super::listing::{PRICE_MAX, TICK, locate};

/// What may happen in the market phase, and how often in 999 messages.
const MIX: [(Event, u32); 10] = [
    (Event::Add, 367),
    (Event::Replace, 225),
    (Event::AddAttributed, 193),
    (Event::Delete, 167),
    (Event::Execute, 28),
    (Event::Cancel, 6),
    (Event::Imbalance, 4),
    (Event::Trade, 4),
    (Event::Cross, 4),
    (Event::ExecuteWithPrice, 1),
];
const MIX_TOTAL: u32 = 999;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Add,
    AddAttributed,
    Replace,
    Delete,
    Execute,
    ExecuteWithPrice,
    Cancel,
    Imbalance,
    Trade,
    Cross,
}

impl OrderFlow {
    pub(super) fn market_message(&mut self) {
        self.pass_time();
        let mut draw = self.random.below(MIX_TOTAL);
        let mut event = Event::Add;
        for (candidate, weight) in MIX {
            event = candidate;
            match draw.checked_sub(weight) {
                Some(rest) => draw = rest,
                None => break,
            }
        }
        if matches!(event, Event::Add | Event::AddAttributed)
            && self.book.len() >= self.options.orders_max as usize
        {
            event = Event::Delete;
        }
        let done = match event {
            Event::Add | Event::AddAttributed => false,
            Event::Replace => self.replace(),
            Event::Delete => self.delete(),
            Event::Execute => self.execute(),
            Event::ExecuteWithPrice => self.execute_with_price(),
            Event::Cancel => self.cancel(),
            Event::Imbalance => self.imbalance(),
            Event::Trade => self.trade(),
            Event::Cross => self.cross(),
        };
        // What finds no order to happen to becomes an addition; where the book is full there always is one.
        if !done {
            self.add(event == Event::AddAttributed);
        }
    }

    fn add(&mut self, attributed: bool) {
        let security = self.listing.pick(&mut self.random);
        self.listing.wander(security, &mut self.random);
        let wanted = if self.random.chance(1, 2) {
            Side::Buy
        } else {
            Side::Sell
        };
        let reference = self.listing.get(security).reference;
        // Where the other side stands at the last cent there is no room for a buyer, but there is for a seller.
        let (side, price) = match self.passive_price(security, wanted, reference) {
            Some(price) => (wanted, price),
            None => {
                let side = wanted.other();
                (
                    side,
                    self.passive_price(security, side, reference)
                        .unwrap_or(reference),
                )
            }
        };
        let shares = self.lot();
        let order = Order {
            reference: self.next_reference(),
            security,
            side,
            price,
            shares,
        };
        self.book.add(order);
        let (stock_locate, timestamp) = (locate(security), self.timestamp);
        let (order_reference, buy_sell, price) = (order.reference, side.code(), Price4(price));
        let stock = self.listing.get(security).symbol;
        if attributed {
            let attribution = self.maker();
            self.put(
                &AddOrderAttributed {
                    stock_locate,
                    tracking_number: 0,
                    timestamp,
                    order_reference,
                    buy_sell,
                    shares,
                    stock,
                    price,
                    attribution,
                }
                .encode(),
            );
        } else {
            let tracking_number = 0;
            self.put(
                &AddOrder {
                    stock_locate,
                    tracking_number,
                    timestamp,
                    order_reference,
                    buy_sell,
                    shares,
                    stock,
                    price,
                }
                .encode(),
            );
        }
    }

    fn replace(&mut self) -> bool {
        let Some(id) = self.book.any(&mut self.random) else {
            return false;
        };
        let old = self.book.get(id);
        // Between where the order stood and where the security trades now.
        let reference = self.listing.get(old.security).reference;
        let around = if self.random.chance(1, 2) {
            old.price
        } else {
            reference
        };
        let Some(price) = self.passive_price(old.security, old.side, around) else {
            return self.delete();
        };
        let shares = if self.random.chance(1, 2) {
            old.shares
        } else {
            self.lot()
        };
        let new = Order {
            reference: self.next_reference(),
            price,
            shares,
            ..old
        };
        self.book.remove(id);
        self.book.add(new);
        self.put(
            &OrderReplace {
                stock_locate: locate(old.security),
                tracking_number: 0,
                timestamp: self.timestamp,
                original_order_reference: old.reference,
                new_order_reference: new.reference,
                shares,
                price: Price4(price),
            }
            .encode(),
        );
        true
    }

    fn delete(&mut self) -> bool {
        let Some(id) = self.book.any(&mut self.random) else {
            return false;
        };
        let order = self.book.get(id);
        self.book.remove(id);
        self.put(
            &OrderDelete {
                stock_locate: locate(order.security),
                tracking_number: 0,
                timestamp: self.timestamp,
                order_reference: order.reference,
            }
            .encode(),
        );
        true
    }

    fn execute(&mut self) -> bool {
        let Some((id, order, executed_shares)) = self.execution() else {
            return false;
        };
        let match_number = self.next_match();
        self.book.reduce(id, executed_shares);
        self.put(
            &OrderExecuted {
                stock_locate: locate(order.security),
                tracking_number: 0,
                timestamp: self.timestamp,
                order_reference: order.reference,
                executed_shares,
                match_number,
            }
            .encode(),
        );
        true
    }

    fn execute_with_price(&mut self) -> bool {
        let Some((id, order, executed_shares)) = self.execution() else {
            return false;
        };
        let match_number = self.next_match();
        self.book.reduce(id, executed_shares);
        // One cent better for the order than it asked.
        let price = match order.side {
            Side::Buy => order.price.saturating_sub(TICK).max(TICK),
            Side::Sell => (order.price + TICK).min(PRICE_MAX),
        };
        let printable = if self.random.chance(7, 10) {
            b'Y'
        } else {
            b'N'
        };
        self.put(
            &OrderExecutedWithPrice {
                stock_locate: locate(order.security),
                tracking_number: 0,
                timestamp: self.timestamp,
                order_reference: order.reference,
                executed_shares,
                match_number,
                printable,
                execution_price: Price4(price),
            }
            .encode(),
        );
        true
    }

    /// The order to execute and how much of it: that with priority, in a security that trades often.
    fn execution(&mut self) -> Option<(OrderId, Order, u32)> {
        let security = self.listing.pick(&mut self.random);
        let side = if self.random.chance(1, 2) {
            Side::Buy
        } else {
            Side::Sell
        };
        let id = self
            .book
            .best(security, side)
            .or_else(|| self.book.best(security, side.other()))
            .or_else(|| {
                let order = self.book.get(self.book.any(&mut self.random)?);
                self.book.best(order.security, order.side)
            })?;
        let order = self.book.get(id);
        let shares = if self.random.chance(3, 4) {
            order.shares
        } else {
            1 + self.random.below(order.shares)
        };
        Some((id, order, shares))
    }

    fn cancel(&mut self) -> bool {
        let Some(id) = self.book.any(&mut self.random) else {
            return false;
        };
        let order = self.book.get(id);
        if order.shares < 2 {
            return self.delete();
        }
        let cancelled_shares = 1 + self.random.below(order.shares - 1);
        self.book.reduce(id, cancelled_shares);
        self.put(
            &OrderCancel {
                stock_locate: locate(order.security),
                tracking_number: 0,
                timestamp: self.timestamp,
                order_reference: order.reference,
                cancelled_shares,
            }
            .encode(),
        );
        true
    }

    fn trade(&mut self) -> bool {
        let security = self.listing.pick(&mut self.random);
        let message = Trade {
            stock_locate: locate(security),
            tracking_number: 0,
            timestamp: self.timestamp,
            order_reference: 0,
            buy_sell: b'B',
            shares: self.lot(),
            stock: self.listing.get(security).symbol,
            price: Price4(self.midpoint(security)),
            match_number: self.next_match(),
        };
        self.put(&message.encode());
        true
    }

    fn cross(&mut self) -> bool {
        let security = self.listing.pick(&mut self.random);
        let crossed = self.random.chance(1, 2);
        let message = CrossTrade {
            stock_locate: locate(security),
            tracking_number: 0,
            timestamp: self.timestamp,
            shares: if crossed {
                u64::from(self.lot()) * 10
            } else {
                0
            },
            stock: self.listing.get(security).symbol,
            cross_price: Price4(if crossed { self.midpoint(security) } else { 0 }),
            match_number: self.next_match(),
            cross_type: b'O',
        };
        self.put(&message.encode());
        true
    }

    fn imbalance(&mut self) -> bool {
        let security = self.listing.pick(&mut self.random);
        let price = Price4(self.midpoint(security));
        let imbalance_shares = u64::from(self.random.below(20)) * 100;
        let direction = if self.random.chance(1, 2) { b'B' } else { b'S' };
        let message = NetOrderImbalance {
            stock_locate: locate(security),
            tracking_number: 0,
            timestamp: self.timestamp,
            paired_shares: u64::from(self.lot()) * 10,
            imbalance_shares,
            imbalance_direction: if imbalance_shares == 0 {
                b'N'
            } else {
                direction
            },
            stock: self.listing.get(security).symbol,
            far_price: price,
            near_price: price,
            reference_price: price,
            cross_type: b'O',
            price_variation: b'L',
        };
        self.put(&message.encode());
        true
    }
}
