//! What an event needs besides its type: prices, sizes, numbers.

use super::OrderFlow;
use super::book::Side;
use super::listing::{PRICE_MAX, TICK};

/// Market makers that attribute their orders.
const MAKERS: [[u8; 4]; 6] = [*b"SIMA", *b"SIMB", *b"SIMC", *b"SIMD", *b"SIME", *b"SIMF"];

impl OrderFlow {
    /// A price for a resting order near `around`, at least a cent away from the other side's best; `None` where the
    /// other side leaves no room.
    pub(super) fn passive_price(&mut self, security: u16, side: Side, around: u32) -> Option<u32> {
        let away = (self.random.halving() * (1 + self.random.below(3))) * TICK;
        let opposite = self.book.best_price(security, side.other());
        match side {
            Side::Buy => {
                let limit = opposite.map_or(PRICE_MAX, |price| price.saturating_sub(TICK));
                let price = around.saturating_sub(away).max(TICK).min(limit);
                (price >= TICK).then_some(price)
            }
            Side::Sell => {
                let limit = opposite.map_or(TICK, |price| price + TICK);
                let price = around.saturating_add(TICK + away).min(PRICE_MAX).max(limit);
                (price <= PRICE_MAX).then_some(price)
            }
        }
    }

    /// Between the best prices, or where the security trades.
    pub(super) fn midpoint(&self, security: u16) -> u32 {
        match (
            self.book.best_price(security, Side::Buy),
            self.book.best_price(security, Side::Sell),
        ) {
            (Some(bid), Some(ask)) => bid + (ask - bid) / 2,
            _ => self.listing.get(security).reference,
        }
    }

    /// Most orders are for a round lot, some for less, some for more.
    pub(super) fn lot(&mut self) -> u32 {
        match self.random.below(10) {
            0..6 => 100,
            6..8 => 1 + self.random.below(99),
            _ => 200 + self.random.below(19) * 100,
        }
    }

    pub(super) fn maker(&mut self) -> [u8; 4] {
        MAKERS[self.random.below(MAKERS.len() as u32) as usize]
    }

    pub(super) fn next_reference(&mut self) -> u64 {
        self.order_reference += 1 + u64::from(self.random.halving());
        self.order_reference
    }

    pub(super) fn next_match(&mut self) -> u64 {
        self.match_number += 1;
        self.match_number
    }
}
