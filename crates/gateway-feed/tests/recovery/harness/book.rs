//! The naive book: what rests by the messages alone, and what rests by order records alone.

use std::collections::BTreeMap;

use gateway_feed::itch50::messages::Message;

/// A resting order: instrument, side, price in 1e-4, shares.
pub(crate) type Order = (u16, u8, u32, u32);

/// Orders by reference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Book(pub(crate) BTreeMap<u64, Order>);

impl Book {
    /// Takes a message of ITCH 5.0 whose order, if it names one, has to rest.
    pub(crate) fn apply(&mut self, message: &[u8]) -> Result<(), String> {
        match Message::parse(message).map_err(|error| error.to_string())? {
            Message::AddOrder(add) => {
                let order = (
                    add.stock_locate(),
                    add.buy_sell(),
                    add.price().0,
                    add.shares(),
                );
                self.add(add.order_reference(), order)
            }
            Message::AddOrderAttributed(add) => {
                let order = (
                    add.stock_locate(),
                    add.buy_sell(),
                    add.price().0,
                    add.shares(),
                );
                self.add(add.order_reference(), order)
            }
            Message::OrderExecuted(view) => {
                self.take(view.order_reference(), view.executed_shares())
            }
            Message::OrderExecutedWithPrice(view) => {
                self.take(view.order_reference(), view.executed_shares())
            }
            Message::OrderCancel(view) => {
                self.take(view.order_reference(), view.cancelled_shares())
            }
            Message::OrderDelete(view) => self.take(view.order_reference(), u32::MAX),
            Message::OrderReplace(view) => {
                let old = view.original_order_reference();
                let (instrument, side, ..) = self
                    .0
                    .remove(&old)
                    .ok_or_else(|| format!("order {old} does not rest"))?;
                let order = (instrument, side, view.price().0, view.shares());
                self.add(view.new_order_reference(), order)
            }
            _ => Ok(()),
        }
    }

    fn add(&mut self, reference: u64, order: Order) -> Result<(), String> {
        match self.0.insert(reference, order) {
            None => Ok(()),
            Some(_) => Err(format!("order {reference} rests already")),
        }
    }

    fn take(&mut self, reference: u64, shares: u32) -> Result<(), String> {
        let order = self
            .0
            .get_mut(&reference)
            .ok_or_else(|| format!("order {reference} does not rest"))?;
        order.3 = order.3.saturating_sub(shares);
        if order.3 == 0 {
            self.0.remove(&reference);
        }
        Ok(())
    }

    /// Takes an order record (DBN `MboMsg`), as a reader does that trusts the stream.
    pub(crate) fn apply_record(&mut self, record: &Mbo) -> Result<(), String> {
        match record.action {
            b'R' => self
                .0
                .retain(|_, order| u32::from(order.0) != record.instrument),
            b'A' => {
                let price =
                    u32::try_from(record.price / 100_000).map_err(|error| error.to_string())?;
                // ITCH says B and S, DBN B and A.
                let side = if record.side == b'A' {
                    b'S'
                } else {
                    record.side
                };
                return self.add(
                    record.order,
                    (record.instrument as u16, side, price, record.size),
                );
            }
            b'C' => return self.take(record.order, record.size),
            _ => {}
        }
        Ok(())
    }
}

/// What is looked at of an order record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mbo {
    pub(crate) instrument: u32,
    pub(crate) order: u64,
    price: i64,
    pub(crate) size: u32,
    pub(crate) flags: u8,
    pub(crate) action: u8,
    side: u8,
}

impl Mbo {
    /// Reads the 56 bytes of an `MboMsg`; `None` for another record.
    pub(crate) fn read(words: &[u64]) -> Option<Self> {
        let &[head, _, order, price, rest, _, _] = words else {
            return None;
        };
        let [.., flags, _, action, side] = rest.to_le_bytes();
        Some(Self {
            instrument: (head >> 32) as u32,
            order,
            price: price as i64,
            size: rest as u32,
            flags,
            action,
            side,
        })
    }
}
