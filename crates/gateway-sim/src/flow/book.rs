//! The orders that rest, by price and by number: what may be executed, cancelled or replaced.

use std::collections::BTreeMap;

use crate::random::Random;

/// Side of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Buy,
    Sell,
}

impl Side {
    /// That of the feed's letter.
    pub(super) const fn of_code(code: u8) -> Self {
        if code == b'B' { Self::Buy } else { Self::Sell }
    }

    /// The feed's letter for it.
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Buy => b'B',
            Self::Sell => b'S',
        }
    }

    pub(super) const fn other(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }

    /// The place of a price in its side's order: the best comes first.
    const fn rank(self, price: u32) -> u32 {
        match self {
            Self::Buy => u32::MAX - price,
            Self::Sell => price,
        }
    }
}

/// A resting order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) reference: u64,
    /// Index of its security.
    pub(super) security: u16,
    pub(super) side: Side,
    /// In units of 0.0001 USD.
    pub(super) price: u32,
    pub(super) shares: u32,
}

/// Names a resting order until it is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OrderId(u32);

#[derive(Clone, Copy, Debug)]
struct Slot {
    order: Order,
    /// Its place in `live`.
    position: u32,
}

/// The orders of one side of a security in price-time priority: a later order has a higher reference.
type Queue = BTreeMap<(u32, u64), OrderId>;

/// All resting orders of all securities.
#[derive(Debug)]
pub(super) struct Book {
    slots: Vec<Slot>,
    free: Vec<OrderId>,
    live: Vec<OrderId>,
    /// Buy and sell side of each security.
    queues: Vec<[Queue; 2]>,
}

impl Book {
    pub(super) fn new(securities: u32) -> Self {
        let queues = (0..securities)
            .map(|_| [Queue::new(), Queue::new()])
            .collect();
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            live: Vec::new(),
            queues,
        }
    }

    /// How many orders rest.
    pub(super) fn len(&self) -> usize {
        self.live.len()
    }

    pub(super) fn add(&mut self, order: Order) {
        let slot = Slot {
            order,
            position: self.live.len() as u32,
        };
        let id = match self.free.pop() {
            Some(id) => {
                self.slots[id.0 as usize] = slot;
                id
            }
            None => {
                self.slots.push(slot);
                OrderId(self.slots.len() as u32 - 1)
            }
        };
        self.live.push(id);
        self.queue(order.security, order.side)
            .insert((order.side.rank(order.price), order.reference), id);
    }

    pub(super) fn get(&self, id: OrderId) -> Order {
        self.slots[id.0 as usize].order
    }

    /// Takes `shares` off an order, which leaves the book when none is left.
    pub(super) fn reduce(&mut self, id: OrderId, shares: u32) {
        let order = &mut self.slots[id.0 as usize].order;
        order.shares = order.shares.saturating_sub(shares);
        if order.shares == 0 {
            self.remove(id);
        }
    }

    pub(super) fn remove(&mut self, id: OrderId) {
        let Slot { order, position } = self.slots[id.0 as usize];
        self.live.swap_remove(position as usize);
        if let Some(moved) = self.live.get(position as usize) {
            self.slots[moved.0 as usize].position = position;
        }
        self.queue(order.security, order.side)
            .remove(&(order.side.rank(order.price), order.reference));
        self.free.push(id);
    }

    /// The order that would be executed first.
    pub(super) fn best(&self, security: u16, side: Side) -> Option<OrderId> {
        self.queues[usize::from(security)][side as usize]
            .first_key_value()
            .map(|(_, id)| *id)
    }

    /// Price of the order that would be executed first.
    pub(super) fn best_price(&self, security: u16, side: Side) -> Option<u32> {
        self.best(security, side).map(|id| self.get(id).price)
    }

    /// Any resting order.
    pub(super) fn any(&self, random: &mut Random) -> Option<OrderId> {
        self.live
            .get(random.below(self.live.len() as u32) as usize)
            .copied()
    }

    fn queue(&mut self, security: u16, side: Side) -> &mut Queue {
        &mut self.queues[usize::from(security)][side as usize]
    }
}
