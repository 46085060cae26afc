//! What price levels and orders are told: a message of DEEP or DEEP+ as the decoder takes it.

use dbn::{Action, Side, UNDEF_ORDER_SIZE, UNDEF_PRICE};

use super::messages::{
    AddOrder, BuyLevelUpdate, ClearBook, OrderDelete, OrderExecuted, OrderModify, Price4,
    SellLevelUpdate,
};
use super::records::price_or_undefined;
use crate::itch50::fields::Symbol;

/// A price level's update.
pub(super) struct Level {
    pub(super) symbol: Symbol,
    pub(super) timestamp: u64,
    pub(super) event_flags: u8,
    pub(super) size: u32,
    pub(super) price: Price4,
}

impl Level {
    #[inline(always)]
    pub(super) fn parse(message: &[u8]) -> Option<(Side, Self)> {
        macro_rules! level {
            ($side:ident, $view:ident) => {
                $view::parse(message).map(|level| {
                    let level = Self {
                        symbol: level.symbol(),
                        timestamp: level.timestamp(),
                        event_flags: level.event_flags(),
                        size: level.size(),
                        price: level.price(),
                    };
                    (Side::$side, level)
                })
            };
        }
        level!(Bid, BuyLevelUpdate).or_else(|| level!(Ask, SellLevelUpdate))
    }
}

/// What a message of DEEP+ does to an order; an execution is a [`Action::Fill`].
pub(super) struct Order {
    pub(super) action: Action,
    pub(super) symbol: Symbol,
    pub(super) timestamp: u64,
    pub(super) side: Side,
    pub(super) order_id: u64,
    pub(super) size: u32,
    pub(super) price: i64,
    pub(super) trade_id: u64,
}

impl Order {
    pub(super) fn parse(message: &[u8]) -> Option<Self> {
        let nothing = |action, symbol, timestamp| Self {
            action,
            symbol,
            timestamp,
            side: Side::None,
            order_id: 0,
            size: 0,
            price: UNDEF_PRICE,
            trade_id: 0,
        };
        Some(match *message.first()? {
            AddOrder::TYPE => {
                let order = AddOrder::parse(message)?;
                let side = match order.side() {
                    b'8' => Side::Bid,
                    b'5' => Side::Ask,
                    _ => Side::None,
                };
                Self {
                    side,
                    order_id: order.order_id(),
                    size: order.size(),
                    price: price_or_undefined(order.price()),
                    ..nothing(Action::Add, order.symbol(), order.timestamp())
                }
            }
            OrderModify::TYPE => {
                let order = OrderModify::parse(message)?;
                Self {
                    order_id: order.order_id(),
                    size: order.size(),
                    price: price_or_undefined(order.price()),
                    ..nothing(Action::Modify, order.symbol(), order.timestamp())
                }
            }
            OrderDelete::TYPE => {
                let order = OrderDelete::parse(message)?;
                Self {
                    order_id: order.order_id(),
                    size: UNDEF_ORDER_SIZE,
                    ..nothing(Action::Cancel, order.symbol(), order.timestamp())
                }
            }
            OrderExecuted::TYPE => {
                let order = OrderExecuted::parse(message)?;
                Self {
                    order_id: order.order_id(),
                    size: order.size(),
                    price: price_or_undefined(order.price()),
                    trade_id: order.trade_id(),
                    ..nothing(Action::Fill, order.symbol(), order.timestamp())
                }
            }
            ClearBook::TYPE => {
                let clear = ClearBook::parse(message)?;
                nothing(Action::Clear, clear.symbol(), clear.timestamp())
            }
            _ => return None,
        })
    }
}
