//! `full` records: what a message says, completed from the index of resting orders.
//!
//! Databento's rules for the venue: an execution is a trade, a fill and a cancel; a delete cancels what is left; a
//! replacement is a cancel and an add. The trade's side is the aggressor's, that is the other one than the resting
//! order's, which the fill and the cancel have.
//!
//! A message about an order that is not known (it was added before the channel began to listen, in a gap, or when the
//! index was full) gives its `plain` records, and the instrument's book counts as suspect from there on.

use dbn::flags::{LAST, PUBLISHER_SPECIFIC};
use dbn::{Action, Side};

use super::decoder::ItchDecoder;
use super::fields::Price4;
use super::messages::{OrderCancel, OrderDelete, OrderReplace};
use super::shape::CommonOrder;
use crate::order_index::{Choice, Insertion, OrderIndex, RestingOrder};
use crate::record::MboEvent;
use crate::sink::{MessageContext, Output, RecordSink};

/// An execution, of type E or C.
#[derive(Clone, Copy)]
pub(super) struct Execution {
    pub(super) stock_locate: u16,
    pub(super) timestamp: u64,
    pub(super) order_reference: u64,
    pub(super) shares: u32,
    /// The price of a C; an E is executed at its order's.
    pub(super) price: Option<Price4>,
    /// Whether the trade is printed: of a C that is not, only fill and cancel are published.
    pub(super) printable: bool,
}

impl ItchDecoder {
    /// Publishes the `full` records of an add (A, F), a cancel (X), a delete (D) or a replacement (U).
    #[inline(always)]
    pub(super) fn full_order<S: RecordSink>(
        &mut self,
        context: &MessageContext,
        order: &CommonOrder<'_>,
        sink: &mut S,
    ) {
        let reference = order.order_reference();
        let (Some(orders), Some(adds)) = (&mut self.orders, order.whole()) else {
            return self.unusual_order(context, *order, sink);
        };
        let Some(done) = orders.exchange(reference, adds, order.resting()) else {
            return self.unusual_order(context, *order, sink);
        };
        self.counters.orders.live = u64::from(orders.len());
        let locate = done.instrument;
        let event = self.event(context, locate, order.timestamp());
        let first = event.record_of_codes(
            order.full_codes(done.side),
            reference,
            Price4(done.price).to_nano(),
            done.size,
        );
        sink.publish(Output::Full, event.instrument(), &first);
        if let Some(new) = order.replacement() {
            self.add_replacement(&event, &new, done, sink);
        }
    }

    /// Publishes the `full` records of any of these messages.
    ///
    /// Takes the order by value: a reference would have every message's order stored for the sake of these few.
    #[inline(never)]
    fn unusual_order<S: RecordSink>(
        &mut self,
        context: &MessageContext,
        order: CommonOrder<'_>,
        sink: &mut S,
    ) {
        let locate = order.stock_locate();
        let reference = order.order_reference();
        match order.message_type() {
            OrderDelete::TYPE => {
                let Some(resting) = self.take_off(locate, reference, u32::MAX) else {
                    return self.unknown_order(context, order, sink);
                };
                let event = self.event(context, locate, order.timestamp());
                let cancel = cancel(&event, reference, &resting, resting.size, LAST);
                sink.publish(Output::Full, event.instrument(), &cancel);
            }
            OrderCancel::TYPE => {
                let shares = order.shares();
                let Some(resting) = self.take_off(locate, reference, shares) else {
                    return self.unknown_order(context, order, sink);
                };
                let event = self.event(context, locate, order.timestamp());
                let cancel = cancel(&event, reference, &resting, shares, LAST);
                sink.publish(Output::Full, event.instrument(), &cancel);
            }
            OrderReplace::TYPE => {
                let resting = self.take_off(locate, reference, u32::MAX);
                let (Some(resting), Some(new)) = (resting, order.replacement()) else {
                    return self.unknown_order(context, order, sink);
                };
                let event = self.event(context, locate, order.timestamp());
                let cancel = cancel(&event, reference, &resting, resting.size, 0);
                sink.publish(Output::Full, event.instrument(), &cancel);
                self.add_replacement(&event, &new, resting, sink);
            }
            // A and F: the shapes hold no other type.
            _ => {
                let added = RestingOrder {
                    price: order.price(),
                    size: order.shares(),
                    instrument: locate,
                    side: order.side(),
                };
                self.remember(reference, added);
                let event = self.event(context, locate, order.timestamp());
                sink.publish(Output::Full, event.instrument(), &order.record(&event));
            }
        }
    }

    /// Remembers the new order of a replacement, which is on the side of the `original`, and publishes its record.
    #[inline(always)]
    fn add_replacement<S: RecordSink>(
        &mut self,
        event: &MboEvent,
        new: &OrderReplace<'_>,
        original: RestingOrder,
        sink: &mut S,
    ) {
        let replacement = RestingOrder {
            price: new.price().0,
            size: new.shares(),
            ..original
        };
        let reference = new.new_order_reference();
        let orders = self.orders.as_mut();
        let added = orders.and_then(|orders| {
            let added = orders.exchange(reference, Choice::YES, replacement);
            self.counters.orders.live = u64::from(orders.len());
            added
        });
        if added.is_none() {
            self.remember(reference, replacement);
        }
        let add = event.record(
            Action::Add,
            replacement.side,
            reference,
            new.price().to_nano(),
            replacement.size,
            LAST | completeness(replacement.side),
        );
        sink.publish(Output::Full, event.instrument(), &add);
    }

    /// Publishes the `full` records of an execution.
    pub(super) fn full_execution<S: RecordSink>(
        &mut self,
        context: &MessageContext,
        execution: &Execution,
        sink: &mut S,
    ) {
        let Execution {
            stock_locate,
            order_reference,
            shares,
            ..
        } = *execution;
        let Some(resting) = self.take_off(stock_locate, order_reference, shares) else {
            return self.unknown_execution(context, execution, sink);
        };
        let event = self.event(context, stock_locate, execution.timestamp);
        let instrument = event.instrument();
        let price = execution.price.unwrap_or(Price4(resting.price)).to_nano();
        let (aggressor, flags) = match resting.side {
            Side::Bid => (Side::Ask, 0),
            Side::Ask => (Side::Bid, 0),
            Side::None => (Side::None, PUBLISHER_SPECIFIC),
        };
        if execution.printable {
            let trade = event.record(Action::Trade, aggressor, 0, price, shares, flags);
            sink.publish(Output::Full, instrument, &trade);
        }
        let fill = event.record(
            Action::Fill,
            resting.side,
            order_reference,
            price,
            shares,
            flags,
        );
        sink.publish(Output::Full, instrument, &fill);
        let cancel = cancel(&event, order_reference, &resting, shares, LAST);
        sink.publish(Output::Full, instrument, &cancel);
    }

    /// Takes `shares` off an order, or all that is left for `u32::MAX`; gives the order as it was before, if it is one
    /// of the instrument.
    #[inline(always)]
    fn take_off(&mut self, locate: u16, reference: u64, shares: u32) -> Option<RestingOrder> {
        let orders = self.orders.as_mut()?;
        let resting = orders.reduce(reference, shares)?;
        if resting.instrument != locate {
            self.restore(reference, resting);
            return None;
        }
        let overdrawn = shares > resting.size && shares != u32::MAX;
        self.counters.orders.inconsistent += u64::from(overdrawn);
        self.counters.orders.live = u64::from(self.orders.as_ref().map_or(0, OrderIndex::len));
        Some(resting)
    }

    /// Puts back an order from which a message of another instrument took something.
    #[cold]
    fn restore(&mut self, reference: u64, resting: RestingOrder) {
        self.counters.orders.inconsistent += 1;
        if let Some(orders) = &mut self.orders {
            // Its place was vacated just now, or it is there still and is replaced.
            orders.insert(reference, resting);
        }
    }

    #[inline(always)]
    fn remember(&mut self, reference: u64, order: RestingOrder) {
        let Some(orders) = &mut self.orders else {
            return;
        };
        match orders.insert(reference, order) {
            Insertion::New => self.counters.orders.live = u64::from(orders.len()),
            Insertion::Replaced(before) => {
                self.counters.orders.duplicate += 1;
                self.directory.taint(before.instrument);
                self.directory.taint(order.instrument);
            }
            Insertion::Full => {
                self.counters.orders.overflowed += 1;
                self.directory.taint(order.instrument);
            }
        }
    }

    /// Publishes what the message says alone. The new order of a replacement is remembered without its side.
    ///
    /// Takes the order by value: a reference would have every message's order stored for the sake of these few.
    #[cold]
    #[inline(never)]
    fn unknown_order<S: RecordSink>(
        &mut self,
        context: &MessageContext,
        order: CommonOrder<'_>,
        sink: &mut S,
    ) {
        self.counters.orders.unknown += 1;
        let locate = order.stock_locate();
        self.directory.taint(locate);
        if let Some(new) = order.replacement() {
            let replacement = RestingOrder {
                price: new.price().0,
                size: new.shares(),
                instrument: locate,
                side: Side::None,
            };
            self.remember(new.new_order_reference(), replacement);
        }
        let event = self.event(context, locate, order.timestamp());
        self.plain_order(Output::Full, &event, &order, sink);
    }

    #[cold]
    #[inline(never)]
    fn unknown_execution<S: RecordSink>(
        &mut self,
        context: &MessageContext,
        execution: &Execution,
        sink: &mut S,
    ) {
        self.counters.orders.unknown += 1;
        self.directory.taint(execution.stock_locate);
        self.plain_execution(Output::Full, context, execution, sink);
    }
}

/// What is taken off an order, at the order's own side and price.
#[inline(always)]
fn cancel(
    event: &MboEvent,
    reference: u64,
    resting: &RestingOrder,
    shares: u32,
    flags: u8,
) -> [u64; 7] {
    event.record(
        Action::Cancel,
        resting.side,
        reference,
        Price4(resting.price).to_nano(),
        shares,
        flags | completeness(resting.side),
    )
}

/// The flag of a record that lacks its side.
#[inline(always)]
const fn completeness(side: Side) -> u8 {
    match side {
        Side::None => PUBLISHER_SPECIFIC,
        Side::Bid | Side::Ask => 0,
    }
}
