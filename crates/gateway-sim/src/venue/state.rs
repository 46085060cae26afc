//! What a session's messages lead to: who is listed, in what state, and which orders rest.

use std::collections::{BTreeMap, HashMap};

use gateway_feed::itch50::encode::{AddOrder, AddOrderAttributed};
use gateway_feed::itch50::messages::Message;
use gateway_feed::moldudp64::Messages;

/// The most system events that are kept; a day has six.
const EVENTS_MAX: usize = 64;

/// The state after the messages so far.
#[derive(Debug, Default)]
pub struct State {
    /// System events, in order.
    events: Vec<Vec<u8>>,
    securities: BTreeMap<u16, Security>,
    /// Orders by their place in the queue: a later one stands behind all earlier ones of its price.
    orders: BTreeMap<u64, Order>,
    /// Place by reference.
    places: HashMap<u64, u64>,
    next_place: u64,
    unknown_orders: u64,
}

/// The last message of each kind about a security, in the order in which a snapshot has them.
#[derive(Debug, Default)]
struct Security {
    /// Directory, trading action, operational halt, Reg SHO restriction, retail interest.
    last: [Option<Vec<u8>>; 5],
}

#[derive(Clone, Copy, Debug)]
struct Order {
    add: AddOrder,
    attribution: Option<[u8; 4]>,
}

/// A state as the messages that tell it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The messages, each behind its 2-byte length.
    bytes: Vec<u8>,
    messages: u32,
}

impl State {
    /// Takes the next message. What is no message of ITCH 5.0 changes nothing.
    pub fn apply(&mut self, bytes: &[u8]) {
        let Ok(message) = Message::parse(bytes) else {
            return;
        };
        match message {
            Message::SystemEvent(_) if self.events.len() < EVENTS_MAX => {
                self.events.push(bytes.to_vec());
            }
            Message::StockDirectory(view) => self.about(view.stock_locate(), 0, bytes),
            Message::StockTradingAction(view) => self.about(view.stock_locate(), 1, bytes),
            Message::OperationalHalt(view) => self.about(view.stock_locate(), 2, bytes),
            Message::RegShoRestriction(view) => self.about(view.stock_locate(), 3, bytes),
            Message::RetailInterest(view) => self.about(view.stock_locate(), 4, bytes),
            Message::AddOrder(view) => self.add(Order {
                add: view.into(),
                attribution: None,
            }),
            Message::AddOrderAttributed(view) => {
                let order = AddOrderAttributed::from(view);
                self.add(Order {
                    add: AddOrder {
                        stock_locate: order.stock_locate,
                        tracking_number: order.tracking_number,
                        timestamp: order.timestamp,
                        order_reference: order.order_reference,
                        buy_sell: order.buy_sell,
                        shares: order.shares,
                        stock: order.stock,
                        price: order.price,
                    },
                    attribution: Some(order.attribution),
                });
            }
            Message::OrderExecuted(view) => {
                self.reduce(view.order_reference(), view.executed_shares());
            }
            Message::OrderExecutedWithPrice(view) => {
                self.reduce(view.order_reference(), view.executed_shares());
            }
            Message::OrderCancel(view) => {
                self.reduce(view.order_reference(), view.cancelled_shares());
            }
            Message::OrderDelete(view) => self.reduce(view.order_reference(), u32::MAX),
            Message::OrderReplace(view) => {
                let Some(old) = self.remove(view.original_order_reference()) else {
                    return;
                };
                self.add(Order {
                    add: AddOrder {
                        tracking_number: view.tracking_number(),
                        timestamp: view.timestamp(),
                        order_reference: view.new_order_reference(),
                        shares: view.shares(),
                        price: view.price(),
                        ..old.add
                    },
                    ..old
                });
            }
            _ => {}
        }
    }

    /// Orders that rest.
    #[must_use]
    pub fn orders(&self) -> usize {
        self.orders.len()
    }

    /// Messages about orders that do not rest: those of a file that begins in the middle of a day.
    #[must_use]
    pub fn unknown_orders(&self) -> u64 {
        self.unknown_orders
    }

    /// The state as messages: system events, each security with its states, orders in the order of their queues.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot {
            bytes: Vec::with_capacity(48 * self.orders.len() + 128 * self.securities.len()),
            messages: 0,
        };
        let securities = self.securities.values().flat_map(|security| &security.last);
        for message in self.events.iter().chain(securities.flatten()) {
            snapshot.push(message);
        }
        for Order { add, attribution } in self.orders.values() {
            match *attribution {
                None => snapshot.push(&add.encode()),
                Some(attribution) => snapshot.push(
                    &AddOrderAttributed {
                        stock_locate: add.stock_locate,
                        tracking_number: add.tracking_number,
                        timestamp: add.timestamp,
                        order_reference: add.order_reference,
                        buy_sell: add.buy_sell,
                        shares: add.shares,
                        stock: add.stock,
                        price: add.price,
                        attribution,
                    }
                    .encode(),
                ),
            }
        }
        snapshot
    }

    fn about(&mut self, locate: u16, kind: usize, bytes: &[u8]) {
        let security = self.securities.entry(locate).or_default();
        security.last[kind] = Some(bytes.to_vec());
    }

    fn add(&mut self, order: Order) {
        let reference = order.add.order_reference;
        let place = self.next_place;
        self.next_place += 1;
        if let Some(older) = self.places.insert(reference, place) {
            self.orders.remove(&older);
        }
        self.orders.insert(place, order);
    }

    fn reduce(&mut self, reference: u64, shares: u32) {
        let place = self.places.get(&reference);
        let order = place.and_then(|place| self.orders.get_mut(place));
        match order {
            Some(order) if order.add.shares > shares => order.add.shares -= shares,
            _ => {
                self.remove(reference);
            }
        }
    }

    fn remove(&mut self, reference: u64) -> Option<Order> {
        let place = self.places.remove(&reference);
        let order = place.and_then(|place| self.orders.remove(&place));
        self.unknown_orders += u64::from(order.is_none());
        order
    }
}

impl Snapshot {
    /// Messages in it.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.messages
    }

    /// Whether nothing has happened yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.messages == 0
    }

    /// The messages, from behind the first `offset` bytes on, each with the offset behind it.
    pub fn messages_from(&self, offset: usize) -> impl Iterator<Item = (usize, &[u8])> {
        let rest = self.bytes.get(offset..).unwrap_or_default();
        Messages::new(rest, u32::MAX).map(move |message| {
            let end = offset + message.offset + 2 + message.bytes.len();
            (end, message.bytes)
        })
    }

    /// All messages.
    pub fn messages(&self) -> impl Iterator<Item = &[u8]> {
        self.messages_from(0).map(|(_, message)| message)
    }

    pub(super) fn push(&mut self, message: &[u8]) {
        // No message of ITCH 5.0 has more than 50 bytes, none of PITCH more than 254.
        self.bytes
            .extend_from_slice(&(message.len() as u16).to_be_bytes());
        self.bytes.extend_from_slice(message);
        self.messages += 1;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use gateway_feed::itch50::encode::{OrderDelete, OrderExecuted, OrderReplace};
    use gateway_feed::itch50::fields::Price4;

    use super::*;
    use crate::flow::{FlowOptions, OrderFlow};

    /// What rests by the messages alone: side, shares, price, locate by reference.
    fn resting<'a>(messages: impl Iterator<Item = &'a [u8]>) -> BTreeMap<u64, (u8, u32, u32, u16)> {
        let mut orders = BTreeMap::new();
        for message in messages {
            let mut take = |reference: u64, shares: u32| {
                let order: &mut (u8, u32, u32, u16) = orders.get_mut(&reference).unwrap();
                order.1 -= shares.min(order.1);
                if order.1 == 0 {
                    orders.remove(&reference);
                }
            };
            match Message::parse(message).unwrap() {
                Message::AddOrder(add) => {
                    let order = (
                        add.buy_sell(),
                        add.shares(),
                        add.price().0,
                        add.stock_locate(),
                    );
                    assert!(orders.insert(add.order_reference(), order).is_none());
                }
                Message::AddOrderAttributed(add) => {
                    let order = (
                        add.buy_sell(),
                        add.shares(),
                        add.price().0,
                        add.stock_locate(),
                    );
                    assert!(orders.insert(add.order_reference(), order).is_none());
                }
                Message::OrderExecuted(view) => {
                    take(view.order_reference(), view.executed_shares())
                }
                Message::OrderExecutedWithPrice(view) => {
                    take(view.order_reference(), view.executed_shares());
                }
                Message::OrderCancel(view) => take(view.order_reference(), view.cancelled_shares()),
                Message::OrderDelete(view) => take(view.order_reference(), u32::MAX),
                Message::OrderReplace(view) => {
                    let old = orders.remove(&view.original_order_reference()).unwrap();
                    let new = (old.0, view.shares(), view.price().0, old.3);
                    orders.insert(view.new_order_reference(), new);
                }
                _ => {}
            }
        }
        orders
    }

    #[test]
    fn a_snapshot_leads_to_the_orders_that_the_day_led_to() {
        let mut flow = OrderFlow::new(FlowOptions {
            messages: 20_000,
            symbols: 30,
            orders_max: 2_000,
            ..FlowOptions::default()
        });
        let (mut state, mut day) = (State::default(), Vec::new());
        while let Some(message) = flow.next() {
            state.apply(message.bytes);
            day.push(message.bytes.to_vec());
            if day.len() % 2_500 == 0 || day.len() == 20_000 {
                let snapshot = state.snapshot();
                let expected = resting(day.iter().map(Vec::as_slice));
                assert_eq!(resting(snapshot.messages()), expected);
                assert_eq!(state.orders(), expected.len());
                assert_eq!(snapshot.messages().count(), snapshot.len() as usize);
                let again = {
                    let mut copy = State::default();
                    snapshot.messages().for_each(|message| copy.apply(message));
                    copy.snapshot()
                };
                assert_eq!(again, snapshot, "a snapshot's snapshot is itself");
            }
        }
        assert_eq!(state.unknown_orders(), 0);
        // Three events at the start, three at the end; each security's directory, trading action and restriction.
        let kinds = |kind| {
            let snapshot = state.snapshot();
            snapshot
                .messages()
                .filter(|message| message[0] == kind)
                .count()
        };
        assert_eq!([b'S', b'R', b'H', b'Y'].map(kinds), [6, 30, 30, 30]);
    }

    #[test]
    fn a_replaced_order_stands_at_the_end_of_the_queue_and_keeps_who_entered_it() {
        let order = |order_reference| AddOrderAttributed {
            order_reference,
            buy_sell: b'B',
            shares: 100,
            price: Price4(10_000),
            attribution: *b"MAKR",
            ..AddOrderAttributed::default()
        };
        let mut state = State::default();
        state.apply(&order(1).encode());
        state.apply(&order(2).encode());
        let executed = OrderExecuted {
            order_reference: 2,
            executed_shares: 40,
            ..OrderExecuted::default()
        };
        state.apply(&executed.encode());
        let replace = OrderReplace {
            original_order_reference: 1,
            new_order_reference: 3,
            shares: 70,
            price: Price4(10_000),
            timestamp: 5,
            ..OrderReplace::default()
        };
        state.apply(&replace.encode());
        let left = AddOrderAttributed {
            shares: 60,
            ..order(2)
        };
        let replaced = AddOrderAttributed {
            shares: 70,
            timestamp: 5,
            ..order(3)
        };
        let snapshot = state.snapshot();
        let messages: Vec<&[u8]> = snapshot.messages().collect();
        assert_eq!(messages, [&left.encode()[..], &replaced.encode()]);
        state.apply(
            &OrderDelete {
                order_reference: 1,
                ..OrderDelete::default()
            }
            .encode(),
        );
        assert_eq!((state.orders(), state.unknown_orders()), (2, 1));
        state.apply(b"no message");
        state.apply(b"");
        assert_eq!(state.snapshot(), snapshot);
    }
}
