//! What a PITCH unit's messages lead to: who trades, and which orders rest.

use std::collections::{BTreeMap, HashMap};

use gateway_feed::itch50::fields::Symbol;
use gateway_feed::pitch::Market;
use gateway_feed::pitch::layout::{
    AddExpanded, AddLong, AddShort, Delete, Executed, ExecutedAtPrice, ModifyLong, ModifyShort,
    Price4, ReduceLong, ReduceShort, Symbol6, Time, TradingStatus, UnitClear, WriteAddExpanded,
    WriteAddLong, WriteTime,
};

use super::Snapshot;

/// The market that the simulator publishes.
const MARKET: Market = Market::Equities;

/// The state after the messages so far.
#[derive(Debug, Default)]
pub struct PitchState {
    /// The second that times count from.
    second: u32,
    /// The last status of each symbol, with its second.
    statuses: BTreeMap<[u8; 8], (u32, Vec<u8>)>,
    /// Orders by their place in the queue: a later one stands behind all earlier ones of its price.
    orders: BTreeMap<u64, Order>,
    /// Place by number.
    places: HashMap<u64, u64>,
    next_place: u64,
}

#[derive(Clone, Copy, Debug)]
struct Order {
    second: u32,
    add: WriteAddExpanded,
}

impl PitchState {
    /// Takes the next message, from its type on. What is none of those that change the state changes nothing.
    pub fn apply(&mut self, message: &[u8]) {
        if let Some(time) = Time::parse(message) {
            self.second = time.seconds();
        } else if UnitClear::parse(message).is_some() {
            (self.orders, self.places) = (BTreeMap::new(), HashMap::new());
        } else if let Some(status) = TradingStatus::parse(message) {
            let told = (self.second, message.to_vec());
            self.statuses.insert(status.symbol().0, told);
        } else if !self.add(message) {
            self.change(message);
        }
    }

    /// The state as messages: the status of each symbol, then orders in the order of their queues, each behind the second
    /// that it is of. How many orders there are is told, too.
    #[must_use]
    pub fn snapshot(&self) -> (Snapshot, u32) {
        let mut snapshot = Snapshot::default();
        let mut second = None;
        let mut tell = |snapshot: &mut Snapshot, of: u32, message: &[u8]| {
            if second.replace(of) != Some(of) {
                snapshot.push(&WriteTime { seconds: of }.encode(MARKET));
            }
            snapshot.push(message);
        };
        for (of, message) in self.statuses.values() {
            tell(&mut snapshot, *of, message);
        }
        for order in self.orders.values() {
            let add = order.add;
            let [a, b, c, d, e, f, g, h] = add.symbol.0;
            if [g, h] == *b"  " {
                let short = WriteAddLong {
                    time_offset: add.time_offset,
                    order_id: add.order_id,
                    side: add.side,
                    quantity: add.quantity,
                    symbol: Symbol6([a, b, c, d, e, f]),
                    price: add.price,
                };
                tell(&mut snapshot, order.second, &short.encode(MARKET));
            } else {
                tell(&mut snapshot, order.second, &add.encode(MARKET));
            }
        }
        (snapshot, self.orders.len() as u32)
    }

    /// Number and size of each order that rests.
    pub fn resting(&self) -> impl Iterator<Item = (u64, u32)> + '_ {
        let orders = self.orders.values();
        orders.map(|order| (order.add.order_id, order.add.quantity))
    }

    /// Takes an order that begins to rest; `false` where the message is none.
    fn add(&mut self, message: &[u8]) -> bool {
        let add = if let Some(order) = AddShort::parse(message) {
            WriteAddExpanded {
                time_offset: order.time_offset(),
                order_id: order.order_id(),
                side: order.side(),
                quantity: order.quantity().into(),
                symbol: order.symbol().padded(),
                price: order.price().long(MARKET),
            }
        } else if let Some(order) = AddLong::parse(message) {
            WriteAddExpanded {
                time_offset: order.time_offset(),
                order_id: order.order_id(),
                side: order.side(),
                quantity: order.quantity(),
                symbol: order.symbol().padded(),
                price: order.price(),
            }
        } else if let Some(order) = AddExpanded::parse(message) {
            WriteAddExpanded {
                time_offset: order.time_offset(),
                order_id: order.order_id(),
                side: order.side(),
                quantity: order.quantity(),
                symbol: Symbol(order.symbol().0),
                price: order.price(),
            }
        } else {
            return false;
        };
        let place = self.next_place;
        self.next_place += 1;
        if let Some(older) = self.places.insert(add.order_id, place) {
            self.orders.remove(&older);
        }
        let second = self.second;
        self.orders.insert(place, Order { second, add });
        true
    }

    /// Takes what is done to an order that rests.
    fn change(&mut self, message: &[u8]) {
        if let Some(order) = Executed::parse(message) {
            self.reduce(order.order_id(), order.quantity());
        } else if let Some(order) = ExecutedAtPrice::parse(message) {
            self.set(order.order_id(), order.remaining(), None);
        } else if let Some(order) = ReduceLong::parse(message) {
            self.reduce(order.order_id(), order.quantity());
        } else if let Some(order) = ReduceShort::parse(message) {
            self.reduce(order.order_id(), order.quantity().into());
        } else if let Some(order) = ModifyLong::parse(message) {
            self.set(order.order_id(), order.quantity(), Some(order.price()));
        } else if let Some(order) = ModifyShort::parse(message) {
            let price = order.price().long(MARKET);
            self.set(order.order_id(), order.quantity().into(), Some(price));
        } else if let Some(order) = Delete::parse(message) {
            self.set(order.order_id(), 0, None);
        }
    }

    fn reduce(&mut self, order_id: u64, quantity: u32) {
        let place = self.places.get(&order_id);
        let rests = place.and_then(|place| self.orders.get(place));
        let left = rests.map_or(0, |order| order.add.quantity.saturating_sub(quantity));
        self.set(order_id, left, None);
    }

    fn set(&mut self, order_id: u64, quantity: u32, price: Option<Price4>) {
        let Some(place) = self.places.get(&order_id).copied() else {
            return;
        };
        if quantity == 0 {
            self.places.remove(&order_id);
            self.orders.remove(&place);
        } else if let Some(order) = self.orders.get_mut(&place) {
            order.add.quantity = quantity;
            order.add.price = price.unwrap_or(order.add.price);
        }
    }
}
