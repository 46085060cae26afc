//! Best prices from order records, `full` or `plain`.
//!
//! A `plain` record says what its message says and no more: an execution or a cancel names an order, not its price. So
//! the books remember the orders that they saw added, which serves `full` records as well. Orders added before they
//! began, or lost on the way, are not in them: their prices are the best *they know*.

#![allow(dead_code, reason = "each example uses a part")]

use std::collections::{BTreeMap, HashMap};

use gateway_client::MboMsg;
use gateway_client::dbn::{Action, Side, UNDEF_ORDER_SIZE, UNDEF_PRICE};

/// An order as it stands.
#[derive(Clone, Copy)]
struct Order {
    instrument: u32,
    is_bid: bool,
    price: i64,
    size: u32,
}

/// A price in 1e-9 and the total size that rests at it.
pub(crate) type Level = (i64, u64);

/// Total size at each price of one instrument.
#[derive(Default)]
struct Levels {
    bids: BTreeMap<i64, u64>,
    asks: BTreeMap<i64, u64>,
    changes: u64,
}

/// The best prices of every instrument of a queue.
#[derive(Default)]
pub(crate) struct Books {
    orders: HashMap<u64, Order>,
    levels: HashMap<u32, Levels>,
    /// The order that the last whole cancel took away, and its message: a replacement follows within the same one.
    taken: Option<(u32, Order)>,
}

impl Books {
    /// Applies one record.
    pub(crate) fn apply(&mut self, record: &MboMsg) {
        match record.action() {
            Ok(Action::Add) => self.add(record),
            // A fill follows the trade it belongs to, and the cancel that follows both is what changes the order.
            Ok(Action::Cancel) => self.cancel(record),
            Ok(Action::Clear) => self.clear(record.hd.instrument_id),
            _ => {}
        }
    }

    /// Forgets everything: what follows a gap or a new session may contradict it.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    /// The best bid and ask of an instrument.
    pub(crate) fn best(&self, instrument: u32) -> (Option<Level>, Option<Level>) {
        let Some(levels) = self.levels.get(&instrument) else {
            return (None, None);
        };
        let level = |(price, size): (&i64, &u64)| (*price, *size);
        (
            levels.bids.last_key_value().map(level),
            levels.asks.first_key_value().map(level),
        )
    }

    /// The instruments that changed most, with their best bid and ask; prices are in 1e-9.
    pub(crate) fn busiest(&self, count: usize) -> Vec<(u32, Option<i64>, Option<i64>)> {
        let mut by_changes: Vec<(&u32, &Levels)> = self.levels.iter().collect();
        by_changes
            .sort_by_key(|(instrument, levels)| (std::cmp::Reverse(levels.changes), **instrument));
        let best = |(instrument, levels): (&u32, &Levels)| {
            (
                *instrument,
                levels.bids.keys().next_back().copied(),
                levels.asks.keys().next().copied(),
            )
        };
        by_changes.into_iter().take(count).map(best).collect()
    }

    fn add(&mut self, record: &MboMsg) {
        let is_bid = match record.side() {
            Ok(Side::Bid) => true,
            Ok(Side::Ask) => false,
            // A replacement keeps the side of the order it replaces.
            _ => match self.taken {
                Some((sequence, order)) if sequence == record.sequence => order.is_bid,
                _ => return,
            },
        };
        if record.price == UNDEF_PRICE {
            return;
        }
        let instrument = record.hd.instrument_id;
        let order = Order {
            instrument,
            is_bid,
            price: record.price,
            size: record.size,
        };
        self.orders.insert(record.order_id, order);
        let levels = self.levels.entry(instrument).or_default();
        levels.changes += 1;
        levels.uncross(is_bid, order.price);
        *levels.side(is_bid).entry(order.price).or_default() += u64::from(order.size);
    }

    /// No order of the instrument rests any more.
    pub(crate) fn clear(&mut self, instrument: u32) {
        self.orders
            .retain(|_, order| order.instrument != instrument);
        self.levels.remove(&instrument);
    }

    fn cancel(&mut self, record: &MboMsg) {
        let Some(order) = self.orders.get_mut(&record.order_id) else {
            return;
        };
        let before = *order;
        let taken = if record.size == UNDEF_ORDER_SIZE {
            order.size
        } else {
            record.size.min(order.size)
        };
        order.size -= taken;
        if order.size == 0 {
            self.orders.remove(&record.order_id);
            self.taken = Some((record.sequence, before));
        }
        let levels = self.levels.entry(before.instrument).or_default();
        levels.changes += 1;
        let side = levels.side(before.is_bid);
        if let Some(size) = side.get_mut(&before.price) {
            *size = size.saturating_sub(u64::from(taken));
            if *size == 0 {
                side.remove(&before.price);
            }
        }
    }
}

impl Levels {
    /// An order that rests at `price` proves that nothing rests opposite at a better one: what is there was executed
    /// or cancelled by a message that was lost.
    fn uncross(&mut self, is_bid: bool, price: i64) {
        if is_bid {
            self.asks = self.asks.split_off(&(price + 1));
        } else {
            self.bids.split_off(&price);
        }
    }

    fn side(&mut self, is_bid: bool) -> &mut BTreeMap<i64, u64> {
        if is_bid {
            &mut self.bids
        } else {
            &mut self.asks
        }
    }
}
