//! The published decoders that ours is compared with, each driven in its fastest way.

use std::{hint::black_box, ops::ControlFlow};

use itch5::{MessageHandler, Parser, messages};

/// `itch5`: a visitor that gets a pointer to a packed struct; this one reads the fields that our records hold.
#[derive(Default)]
struct Fields {
    messages: u64,
    sum: u64,
}

impl Fields {
    #[inline(always)]
    fn take(
        &mut self,
        locate: u16,
        timestamp: &messages::Timestamp,
        fields: [u64; 3],
    ) -> ControlFlow<()> {
        self.messages += 1;
        self.sum ^= u64::from(locate) ^ timestamp.to_u64() ^ fields[0] ^ fields[1] ^ fields[2];
        ControlFlow::Continue(())
    }
}

macro_rules! read {
    ($($method:ident($message:ident: $type:ident) => $fields:expr;)*) => {
        impl MessageHandler for Fields {
            $(#[inline]
            fn $method(&mut self, $message: &messages::$type) -> ControlFlow<()> {
                self.take($message.stock_locate(), $message.timestamp(), $fields)
            })*
        }
    };
}

read! {
    on_add_order_no_mpid_attribution(m: AddOrderNoMPIDAttribution) =>
        [m.order_reference_number(), u64::from(m.shares()), u64::from(m.price().into_u32())];
    on_add_order_with_mpid_attribution(m: AddOrderWithMPIDAttribution) =>
        [m.order_reference_number(), u64::from(m.shares()), u64::from(m.price().into_u32())];
    on_order_executed(m: OrderExecuted) => [m.order_reference_number(), u64::from(m.executed_shares()), m.match_number()];
    on_order_executed_with_price(m: OrderExecutedWithPrice) =>
        [m.order_reference_number(), u64::from(m.executed_shares()), u64::from(m.execution_price().into_u32())];
    on_order_cancel(m: OrderCancel) => [m.order_reference_number(), u64::from(m.cancelled_shares()), 0];
    on_order_delete(m: OrderDelete) => [m.order_reference_number(), 0, 0];
    on_order_replace(m: OrderReplace) => [
        m.original_order_reference_number() ^ m.new_order_reference_number(),
        u64::from(m.shares()),
        u64::from(m.price().into_u32())
    ];
    on_trade(m: Trade) => [m.order_reference_number(), u64::from(m.shares()), u64::from(m.price().into_u32())];
    on_cross_trade(m: CrossTrade) => [m.shares(), u64::from(m.cross_price().into_u32()), m.match_number()];
    on_net_order_imbalance_indicator(m: NetOrderImbalanceIndicator) =>
        [m.paired_shares(), m.imbalance_shares(), u64::from(m.near_price().into_u32())];
    on_system_event(m: SystemEvent) => [0, 0, 0];
    on_stock_directory(m: StockDirectory) => [0, 0, 0];
    on_stock_trading_action(m: StockTradingAction) => [0, 0, 0];
    on_market_participant_position(m: MarketParticipantPosition) => [0, 0, 0];
}

/// Decodes length-prefixed messages by `itch5`; returns how many.
pub(crate) fn itch5(stream: &[u8]) -> u64 {
    let mut fields = Fields::default();
    Parser::new(stream)
        .parse_stream(&mut fields)
        .expect("the input is well-formed ITCH 5.0");
    black_box(fields.sum);
    fields.messages
}

/// Decodes length-prefixed messages by `itchy`; returns how many.
pub(crate) fn itchy(stream: &[u8]) -> u64 {
    let mut messages = 0;
    for message in itchy::MessageStream::from_reader(stream) {
        black_box(message.expect("the input is well-formed ITCH 5.0"));
        messages += 1;
    }
    messages
}
