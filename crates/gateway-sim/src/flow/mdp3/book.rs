//! The books behind a day in MDP 3.0: price levels of which the ten best are published, and the orders in them.

use std::collections::BTreeMap;

use gateway_feed::mdp3::schema::{WriteBookEntry, WriteBookOrder, WriteOrderBookEntry};

/// Levels that are published of each side.
pub(super) const DEPTH: usize = 10;
/// From the flow's prices (four decimals) to units of 1e-9.
pub(super) const PRICE_FACTOR: i64 = 100_000;
/// "MDUpdateAction" of levels, "OrderUpdateAction" of orders.
const NEW: u8 = 0;
const CHANGE: u8 = 1;
const DELETE: u8 = 2;

#[derive(Clone, Copy, Debug, Default)]
struct Level {
    size: u64,
    orders: u32,
}

/// One side, the best price first: prices of bids count from above.
#[derive(Debug, Default)]
struct Side(BTreeMap<u32, Level>);

/// An instrument's book.
#[derive(Debug, Default)]
pub(super) struct Book {
    bids: Side,
    offers: Side,
    /// "RptSeq": how many entries were told about the instrument.
    rpt_seq: u32,
}

/// An order before and after what happens to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    pub(super) security_id: i32,
    pub(super) order_id: u64,
    pub(super) is_bid: bool,
    /// As the flow has it.
    pub(super) price: u32,
    /// Its shares before; `None`: it is new.
    pub(super) before: Option<u32>,
    /// Its shares after; `None`: it is gone.
    pub(super) after: Option<u32>,
}

/// What is told of changes.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Levels.
    pub(super) levels: Vec<WriteBookEntry>,
    /// The orders in them.
    pub(super) orders: Vec<WriteBookOrder>,
    /// Orders in levels that are not published.
    pub(super) deep: Vec<WriteOrderBookEntry>,
}

impl Side {
    const fn key(is_bid: bool, price: u32) -> u32 {
        if is_bid { u32::MAX - price } else { price }
    }
}

impl Book {
    /// The number of the next entry about the instrument.
    pub(super) const fn next_report(&mut self) -> u32 {
        self.rpt_seq += 1;
        self.rpt_seq
    }

    /// Makes a change, and tells it.
    pub(super) fn change(&mut self, change: &Change, told: &mut Told) {
        let Change {
            is_bid,
            before,
            after,
            ..
        } = *change;
        let side = if is_bid {
            &mut self.bids.0
        } else {
            &mut self.offers.0
        };
        let key = Side::key(is_bid, change.price);
        let level = side.entry(key).or_default();
        let existed = level.orders > 0;
        level.size = level.size + u64::from(after.unwrap_or(0)) - u64::from(before.unwrap_or(0));
        level.orders = level.orders + u32::from(after.is_some()) - u32::from(before.is_some());
        let now = *level;
        let gone = now.orders == 0;
        if gone {
            side.remove(&key);
        }
        let index = side.range(..key).take(DEPTH).count();
        let order_action = match (before, after) {
            (None, _) => NEW,
            (_, None) => DELETE,
            _ => CHANGE,
        };
        let left = after.unwrap_or(before.unwrap_or(0));
        let last = side
            .iter()
            .nth(DEPTH - 1)
            .map(|(key, level)| (*key, *level));
        if index >= DEPTH {
            told.deep.push(WriteOrderBookEntry {
                order_id: Some(change.order_id),
                order_priority: Some(change.order_id),
                price: Some(i64::from(change.price) * PRICE_FACTOR),
                display_quantity: Some(quantity(left.into())),
                security_id: change.security_id,
                update_action: order_action,
                entry_type: entry_type(is_bid),
            });
            return;
        }
        let update_action = if gone {
            DELETE
        } else if existed {
            CHANGE
        } else {
            NEW
        };
        let report = self.next_report();
        told.levels.push(entry(
            change,
            report,
            (change.price, now),
            index,
            update_action,
        ));
        let reference_id = told.levels.len() as u8;
        told.orders.push(WriteBookOrder {
            order_id: change.order_id,
            order_priority: Some(change.order_id),
            display_quantity: Some(quantity(left.into())),
            reference_id: Some(reference_id),
            update_action: order_action,
        });
        // The one that moves up to the tenth place was not published before.
        if let (true, Some((key, level))) = (gone, last) {
            let price = Side::key(is_bid, key);
            let report = self.next_report();
            told.levels
                .push(entry(change, report, (price, level), DEPTH - 1, NEW));
        }
    }
}

/// An entry about a level at `index`, from 0.
fn entry(
    change: &Change,
    rpt_seq: u32,
    (price, level): (u32, Level),
    index: usize,
    update_action: u8,
) -> WriteBookEntry {
    WriteBookEntry {
        price: Some(i64::from(price) * PRICE_FACTOR),
        size: Some(quantity(level.size)),
        security_id: change.security_id,
        rpt_seq,
        number_of_orders: Some(level.orders as i32),
        price_level: index as u8 + 1,
        update_action,
        entry_type: entry_type(change.is_bid),
        ..WriteBookEntry::default()
    }
}

const fn entry_type(is_bid: bool) -> u8 {
    if is_bid { b'0' } else { b'1' }
}

/// A quantity as a field has it.
fn quantity(shares: u64) -> i32 {
    i32::try_from(shares).unwrap_or(i32::MAX - 1)
}
