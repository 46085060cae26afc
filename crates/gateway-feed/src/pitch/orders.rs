//! What is done to resting orders. The messages name the order by its number; all else comes from the index.
//!
//! `full` records follow Databento's rules for order feeds: an execution is a trade, a fill and a cancel, a delete cancels
//! what is left, a modification has the order's new price and size. The trade's side is the aggressor's, that is the other
//! one than the resting order's, which the fill and the cancel have.
//!
//! An order that is not known (it was added before the channel began to listen, in a gap, or when the index was full) is of
//! no instrument, and its records are the `plain` ones. Whatever makes an order unknown has made the books suspect already.

use dbn::flags::{LAST, PUBLISHER_SPECIFIC};
use dbn::{Action, Side, UNDEF_ORDER_SIZE, UNDEF_PRICE};

use super::decoder::{PitchDecoder, completeness};
use super::layout::Price4;
use super::price::expand;
use crate::order_index::{OrderIndex, RestingOrder};
use crate::record::MboEvent;
use crate::sink::{MessageContext, NORMALISED, Output, RecordSink};

/// An execution, of type 23 or 24.
#[derive(Clone, Copy)]
pub(super) struct Execution {
    pub(super) time_offset: u32,
    pub(super) order_id: u64,
    pub(super) quantity: u32,
    /// The price of a 24, and what it says is left of the order; a 23 is executed at its order's price.
    pub(super) price_and_rest: Option<(Price4, u32)>,
}

/// What becomes of the book by an execution.
enum Aftermath {
    /// So much is taken off the order.
    Taken(u32),
    /// The order rests with this size, and has lost its place in the queue.
    Resized(u32),
}

impl PitchDecoder {
    /// 25, 26: `quantity` is taken off an order. 29: all that is left is, `None`.
    #[inline(always)]
    pub(super) fn cancel<S: RecordSink>(
        &mut self,
        context: &MessageContext,
        message: &[u8],
        (time_offset, order_id): (u32, u64),
        quantity: Option<u32>,
        sink: &mut S,
    ) {
        let resting = self.take_off(order_id, quantity);
        let instrument = resting.map_or(0, |resting| resting.instrument);
        let wanted = self.offer(context, message, instrument, sink);
        let event = self.event(context, instrument, self.time.at(time_offset));
        for output in NORMALISED {
            if !wanted.contains(output) {
                continue;
            }
            let record = match resting {
                Some(resting) if output == Output::Full => {
                    let size = quantity.unwrap_or(resting.size);
                    taken(&event, order_id, &resting, size)
                }
                _ => event.record(
                    Action::Cancel,
                    Side::None,
                    order_id,
                    UNDEF_PRICE,
                    quantity.unwrap_or(UNDEF_ORDER_SIZE),
                    PUBLISHER_SPECIFIC | LAST,
                ),
            };
            sink.publish(output, event.instrument(), &record);
        }
    }

    /// 27, 28: an order has another size and price from now on.
    #[inline(always)]
    pub(super) fn modify<S: RecordSink>(
        &mut self,
        context: &MessageContext,
        message: &[u8],
        (time_offset, order_id): (u32, u64),
        (quantity, price): (u32, Price4),
        sink: &mut S,
    ) {
        let resting = self.find(order_id);
        if let Some(resting) = resting {
            self.change(order_id, price, quantity, resting);
        }
        let instrument = resting.map_or(0, |resting| resting.instrument);
        let wanted = self.offer(context, message, instrument, sink);
        let event = self.event(context, instrument, self.time.at(time_offset));
        for output in NORMALISED {
            if !wanted.contains(output) {
                continue;
            }
            let side = match resting {
                Some(resting) if output == Output::Full => resting.side,
                _ => Side::None,
            };
            let flags = LAST | completeness(side);
            let price = price.to_nano();
            let record = event.record(Action::Modify, side, order_id, price, quantity, flags);
            sink.publish(output, event.instrument(), &record);
        }
    }

    /// 23, 24: an order is executed, in part or whole.
    #[inline(always)]
    pub(super) fn execute<S: RecordSink>(
        &mut self,
        context: &MessageContext,
        message: &[u8],
        execution: &Execution,
        sink: &mut S,
    ) {
        let before = match execution.price_and_rest {
            None => {
                let resting = self.take_off(execution.order_id, Some(execution.quantity));
                resting.map(|resting| (resting, Aftermath::Taken(execution.quantity)))
            }
            Some((_, rest)) => self.take_off_but(execution, rest),
        };
        let instrument = before.as_ref().map_or(0, |(resting, _)| resting.instrument);
        let wanted = self.offer(context, message, instrument, sink);
        if wanted.is_empty() {
            return;
        }
        let event = self.event(context, instrument, self.time.at(execution.time_offset));
        for output in NORMALISED {
            if !wanted.contains(output) {
                continue;
            }
            match &before {
                Some((resting, aftermath)) if output == Output::Full => {
                    full_execution(&event, execution, resting, aftermath, sink);
                }
                _ => plain_execution(output, &event, execution, sink),
            }
        }
    }

    #[inline(always)]
    fn find(&mut self, order_id: u64) -> Option<RestingOrder> {
        let orders = self.orders.as_ref()?;
        let resting = orders.get(order_id);
        self.counters.orders.unknown += u64::from(resting.is_none());
        resting
    }

    /// Takes `quantity` off an order, or all that is left; gives the order as it was before.
    #[inline(always)]
    fn take_off(&mut self, order_id: u64, quantity: Option<u32>) -> Option<RestingOrder> {
        let orders = self.orders.as_mut()?;
        let Some(resting) = orders.reduce(order_id, quantity.unwrap_or(u32::MAX)) else {
            self.counters.orders.unknown += 1;
            return None;
        };
        let overdrawn = quantity.is_some_and(|quantity| quantity > resting.size);
        self.counters.orders.inconsistent += u64::from(overdrawn);
        self.counters.orders.live = u64::from(orders.len());
        Some(resting)
    }

    /// Leaves `rest` of an executed order; gives the order as it was before.
    fn take_off_but(
        &mut self,
        execution: &Execution,
        rest: u32,
    ) -> Option<(RestingOrder, Aftermath)> {
        let order_id = execution.order_id;
        let resting = self.find(order_id)?;
        let aftermath = if rest == 0 {
            self.take_off(order_id, None);
            Aftermath::Taken(resting.size)
        } else if execution.quantity.checked_add(rest) == Some(resting.size) {
            self.take_off(order_id, Some(execution.quantity));
            Aftermath::Taken(execution.quantity)
        } else {
            self.change(order_id, expand(resting.price), rest, resting);
            Aftermath::Resized(rest)
        };
        Some((resting, aftermath))
    }

    /// Has an order rest at another price with another size.
    #[inline(always)]
    fn change(&mut self, order_id: u64, price: Price4, size: u32, resting: RestingOrder) {
        let Some(orders) = &mut self.orders else {
            return;
        };
        match super::price::compact(price) {
            // Its place is there: it is replaced.
            Some(price) => {
                orders.insert(
                    order_id,
                    RestingOrder {
                        price,
                        size,
                        ..resting
                    },
                );
            }
            None => {
                orders.remove(order_id);
                self.counters.orders.live =
                    u64::from(self.orders.as_ref().map_or(0, OrderIndex::len));
                self.overflow(resting.instrument);
            }
        }
    }
}

/// What is taken off an order, at the order's own side and price.
#[inline(always)]
fn taken(event: &MboEvent, order_id: u64, resting: &RestingOrder, size: u32) -> [u64; 7] {
    event.record(
        Action::Cancel,
        resting.side,
        order_id,
        expand(resting.price).to_nano(),
        size,
        LAST | completeness(resting.side),
    )
}

fn full_execution<S: RecordSink>(
    event: &MboEvent,
    execution: &Execution,
    resting: &RestingOrder,
    aftermath: &Aftermath,
    sink: &mut S,
) {
    let Execution {
        order_id, quantity, ..
    } = *execution;
    let instrument = event.instrument();
    let limit = expand(resting.price);
    let price = execution.price_and_rest.map_or(limit, |(price, _)| price);
    let price = price.to_nano();
    let aggressor = match resting.side {
        Side::Bid => Side::Ask,
        Side::Ask => Side::Bid,
        Side::None => Side::None,
    };
    let flags = completeness(resting.side);
    let trade = event.record(Action::Trade, aggressor, 0, price, quantity, flags);
    sink.publish(Output::Full, instrument, &trade);
    let fill = event.record(Action::Fill, resting.side, order_id, price, quantity, flags);
    sink.publish(Output::Full, instrument, &fill);
    let last = match *aftermath {
        Aftermath::Taken(size) => taken(event, order_id, resting, size),
        Aftermath::Resized(size) => {
            let (side, flags) = (resting.side, flags | LAST);
            event.record(Action::Modify, side, order_id, limit.to_nano(), size, flags)
        }
    };
    sink.publish(Output::Full, instrument, &last);
}

/// Publishes what an execution says alone: neither its order's side nor, but for type 24, a price.
fn plain_execution<S: RecordSink>(
    output: Output,
    event: &MboEvent,
    execution: &Execution,
    sink: &mut S,
) {
    let Execution {
        order_id, quantity, ..
    } = *execution;
    let price = execution
        .price_and_rest
        .map_or(UNDEF_PRICE, |(price, _)| price.to_nano());
    let mut publish = |action, order_id, price, flags| {
        let flags = PUBLISHER_SPECIFIC | flags;
        let record = event.record(action, Side::None, order_id, price, quantity, flags);
        sink.publish(output, event.instrument(), &record);
    };
    publish(Action::Trade, 0, price, 0);
    publish(Action::Fill, order_id, price, 0);
    publish(Action::Cancel, order_id, UNDEF_PRICE, LAST);
}
