//! The orders that rest, and what they make of each price level and of the best prices.

use std::collections::{BTreeMap, HashMap};

use super::book::Side;

/// An order as other feeds know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Resting {
    /// Its number, which it keeps.
    pub(super) order_id: u64,
    pub(super) locate: u16,
    pub(super) side: Side,
    /// With four decimals.
    pub(super) price: u32,
    pub(super) shares: u32,
}

/// Price and shares of the best levels; 0 where a side is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Quote {
    pub(super) bid: (u32, u32),
    pub(super) ask: (u32, u32),
}

/// A price level, and the shares in it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Level {
    pub(super) side: Side,
    pub(super) price: u32,
    pub(super) shares: u32,
}

/// Shares by price.
type Levels = BTreeMap<u32, u64>;

/// All resting orders of all securities.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// By the flow's reference.
    orders: HashMap<u64, Resting>,
    /// By stock locate: bids and offers.
    levels: HashMap<u16, [Levels; 2]>,
}

impl Book {
    pub(super) fn get(&self, reference: u64) -> Option<Resting> {
        self.orders.get(&reference).copied()
    }

    /// The order without `shares`; `None` where nothing is left of it.
    pub(super) fn left(&self, reference: u64, shares: u32) -> Option<Resting> {
        let order = self.get(reference)?;
        let shares = order.shares.saturating_sub(shares);
        (shares > 0).then_some(Resting { shares, ..order })
    }

    /// Puts `after`, known by a reference of its own, in the place of the order known by `before`, where there is one.
    /// Gives the levels that have other shares then: that of the order before, and that of the order after.
    pub(super) fn exchange(
        &mut self,
        before: Option<u64>,
        after: Option<(u64, Resting)>,
    ) -> Vec<Level> {
        let before = before.and_then(|reference| self.orders.remove(&reference));
        let orders = [before, after.map(|(_, order)| order)];
        let mut touched: Vec<(Resting, u32)> = Vec::new();
        for order in orders.into_iter().flatten() {
            let same = |(other, _): &(Resting, u32)| {
                (other.side, other.price) == (order.side, order.price)
            };
            if !touched.iter().any(same) {
                touched.push((order, self.shares(order.locate, order.side, order.price)));
            }
        }
        if let Some(order) = before {
            self.add(&order, |level| level.saturating_sub(order.shares.into()));
        }
        if let Some((reference, order)) = after {
            self.orders.insert(reference, order);
            self.add(&order, |level| level + u64::from(order.shares));
        }
        let levels = touched.into_iter().filter_map(|(order, shares_before)| {
            let Resting {
                locate,
                side,
                price,
                ..
            } = order;
            let shares = self.shares(locate, side, price);
            (shares != shares_before).then_some(Level {
                side,
                price,
                shares,
            })
        });
        levels.collect()
    }

    /// The best prices of a security.
    pub(super) fn quote(&self, locate: u16) -> Quote {
        let Some([bids, asks]) = self.levels.get(&locate) else {
            return Quote::default();
        };
        let shown = |level: Option<(&u32, &u64)>| {
            level.map_or((0, 0), |(price, shares)| (*price, quantity(*shares)))
        };
        Quote {
            bid: shown(bids.last_key_value()),
            ask: shown(asks.first_key_value()),
        }
    }

    fn add(&mut self, order: &Resting, change: impl FnOnce(u64) -> u64) {
        let levels = &mut self.levels.entry(order.locate).or_default()[order.side as usize];
        let shares = change(levels.remove(&order.price).unwrap_or(0));
        if shares > 0 {
            levels.insert(order.price, shares);
        }
    }

    fn shares(&self, locate: u16, side: Side, price: u32) -> u32 {
        let levels = self.levels.get(&locate);
        let shares = levels.and_then(|levels| levels[side as usize].get(&price));
        shares.map_or(0, |shares| quantity(*shares))
    }
}

/// A quantity as a field has it.
fn quantity(shares: u64) -> u32 {
    u32::try_from(shares).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: Resting = Resting {
        order_id: 1,
        locate: 7,
        side: Side::Buy,
        price: 10_000,
        shares: 100,
    };

    fn level(price: u32, shares: u32) -> Level {
        Level {
            side: Side::Buy,
            price,
            shares,
        }
    }

    #[test]
    fn levels_are_told_where_they_have_other_shares() {
        let mut book = Book::default();
        let more = Resting {
            order_id: 2,
            shares: 50,
            ..ORDER
        };
        assert_eq!(book.exchange(None, Some((1, ORDER))), [level(10_000, 100)]);
        assert_eq!(book.exchange(None, Some((2, more))), [level(10_000, 150)]);
        let moved = Resting {
            price: 10_100,
            ..ORDER
        };
        assert_eq!(
            book.exchange(Some(1), Some((3, moved))),
            [level(10_000, 50), level(10_100, 100)]
        );
        assert_eq!(book.quote(7).bid, (10_100, 100));
        // The same shares at the same price: nothing to tell.
        assert_eq!(book.exchange(Some(3), Some((4, moved))), []);
        assert_eq!(book.exchange(Some(4), None), [level(10_100, 0)]);
        let expected = Quote {
            bid: (10_000, 50),
            ask: (0, 0),
        };
        assert_eq!(book.quote(7), expected);
        assert_eq!((book.get(4), book.get(2)), (None, Some(more)));
    }
}
