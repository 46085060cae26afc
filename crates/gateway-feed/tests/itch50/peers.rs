//! Field by field what two independent decoders read: the `itch5` and `itchy` crates.

use gateway_feed::itch50::encode;
use gateway_feed::itch50::fields::{FieldValue, Price4, Price8, Symbol};
use gateway_feed::itch50::messages::{Message, TYPES};

/// A field as either decoder has it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Number(u64),
    Text(Vec<u8>),
}

/// Checks that `itch5` reads `message` as we do, and that `itchy` agrees on what it knows.
#[track_caller]
pub(crate) fn compare(message: &[u8]) {
    let view = Message::parse(message).unwrap();
    assert_eq!(our_fields(view), itch5_fields(message), "{view:?}");
    // `itchy` does not know these two.
    if !matches!(message[0], b'h' | b'O') {
        compare_with_itchy(message, view);
    }
}

fn our_fields(view: Message<'_>) -> Vec<Value> {
    let mut fields = Vec::new();
    view.visit_fields(|_, value| {
        fields.push(match value {
            FieldValue::Integer(number) => Value::Number(number),
            FieldValue::Price4(price) => Value::Number(price.0.into()),
            FieldValue::Price8(price) => Value::Number(price.0),
            FieldValue::Text { bytes, len: 1 } => Value::Number(bytes[0].into()),
            FieldValue::Text { bytes, len } => Value::Text(bytes[..len].to_vec()),
        });
    });
    fields
}

/// The fields as `itch5` prints its structs: it gives codes as enums only, but its derived `Debug` shows every field
/// raw, e.g. `AddOrder { tag: 65, stock_locate: U16(13), stock: Symbol([65, …]), … }`.
fn itch5_fields(message: &[u8]) -> Vec<Value> {
    macro_rules! printer {
        ($($method:ident $message:ident)*) => {
            impl itch5::MessageHandler for Printer {
                $(
                    fn $method(&mut self, message: &itch5::messages::$message) -> std::ops::ControlFlow<()> {
                        self.0.push(format!("{message:?}"));
                        std::ops::ControlFlow::Continue(())
                    }
                )*
            }
        };
    }
    struct Printer(Vec<String>);
    printer! {
        on_system_event SystemEvent
        on_stock_directory StockDirectory
        on_stock_trading_action StockTradingAction
        on_reg_sho_restriction RegSHORestriction
        on_market_participant_position MarketParticipantPosition
        on_mwcb_decline_level MWCBDeclineLevel
        on_mwcb_status MWCBStatus
        on_quoting_period_update QuotingPeriodUpdate
        on_luld_auction_collar LULDAuctionCollar
        on_operational_halt OperationalHalt
        on_add_order_no_mpid_attribution AddOrderNoMPIDAttribution
        on_add_order_with_mpid_attribution AddOrderWithMPIDAttribution
        on_order_executed OrderExecuted
        on_order_executed_with_price OrderExecutedWithPrice
        on_order_cancel OrderCancel
        on_order_delete OrderDelete
        on_order_replace OrderReplace
        on_trade Trade
        on_cross_trade CrossTrade
        on_broken_trade BrokenTrade
        on_net_order_imbalance_indicator NetOrderImbalanceIndicator
        on_retail_price_improvement_indicator RetailPriceImprovementIndicator
        on_direct_listing_with_capital_raise_price_discovery DirectListingwithCapitalRaisePriceDiscovery
    }
    let mut printer = Printer(Vec::new());
    itch5::Parser::new(&framed(message))
        .parse_stream(&mut printer)
        .unwrap();
    let [printed] = printer.0.as_slice() else {
        panic!("one message gives one callback")
    };
    let (_, fields) = printed
        .strip_suffix(" }")
        .unwrap()
        .split_once(" { ")
        .unwrap();
    split_fields(fields).skip(1).map(parse_value).collect()
}

/// The values of `name: value, name: value`, where values may hold commas in brackets.
fn split_fields(fields: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    fields
        .split(move |character| {
            depth += i32::from(character == '[') - i32::from(character == ']');
            character == ',' && depth == 0
        })
        .map(|field| field.split_once(": ").unwrap().1)
}

/// `78`, `U16(13)`, `Price4([0, 18, 214, 135])`, `Symbol([65, …])`, `[84, 49, 32, 32]`.
fn parse_value(text: &str) -> Value {
    let (wrapper, inner) = text
        .strip_suffix(')')
        .and_then(|text| text.split_once('('))
        .unwrap_or(("", text));
    let Some(list) = inner
        .strip_prefix('[')
        .and_then(|list| list.strip_suffix(']'))
    else {
        return Value::Number(inner.parse().unwrap());
    };
    let bytes: Vec<u8> = list.split(", ").map(|byte| byte.parse().unwrap()).collect();
    if matches!(wrapper, "Price4" | "Price8" | "Timestamp") {
        Value::Number(
            bytes
                .iter()
                .fold(0, |number, &byte| number << 8 | u64::from(byte)),
        )
    } else {
        Value::Text(bytes)
    }
}

fn framed(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap().to_be_bytes();
    [&length, message].concat()
}

fn compare_with_itchy(message: &[u8], ours: Message<'_>) {
    use itchy::Body;
    let framed = framed(message);
    let theirs = itchy::MessageStream::from_reader(framed.as_slice())
        .next()
        .unwrap()
        .unwrap();
    let header = [
        theirs.stock_locate.into(),
        theirs.tracking_number.into(),
        theirs.timestamp,
    ];
    assert_eq!(our_fields(ours)[..3], header.map(Value::Number));
    match (ours, theirs.body) {
        (Message::AddOrder(ours), Body::AddOrder(theirs)) => {
            let sides = [(b'B', itchy::Side::Buy), (b'S', itchy::Side::Sell)];
            assert!(sides.contains(&(ours.buy_sell(), theirs.side)));
            assert_eq!(
                (
                    ours.order_reference(),
                    ours.shares(),
                    &ours.stock().0[..],
                    ours.price().0
                ),
                (
                    theirs.reference,
                    theirs.shares,
                    theirs.stock.as_bytes(),
                    theirs.price.raw()
                )
            );
        }
        (
            Message::OrderExecuted(ours),
            Body::OrderExecuted {
                reference,
                executed,
                match_number,
            },
        ) => assert_eq!(
            (
                ours.order_reference(),
                ours.executed_shares(),
                ours.match_number()
            ),
            (reference, executed, match_number)
        ),
        (
            Message::OrderCancel(ours),
            Body::OrderCancelled {
                reference,
                cancelled,
            },
        ) => {
            assert_eq!(
                (ours.order_reference(), ours.cancelled_shares()),
                (reference, cancelled)
            );
        }
        (Message::OrderDelete(ours), Body::DeleteOrder { reference }) => {
            assert_eq!(ours.order_reference(), reference);
        }
        (Message::OrderReplace(ours), Body::ReplaceOrder(theirs)) => assert_eq!(
            (
                ours.original_order_reference(),
                ours.new_order_reference(),
                ours.shares(),
                ours.price().0
            ),
            (
                theirs.old_reference,
                theirs.new_reference,
                theirs.shares,
                theirs.price.raw()
            )
        ),
        _ => {}
    }
}

/// One of each type, every field with a value of its own and a code that the specification lists.
pub(crate) fn one_of_each() -> Vec<Vec<u8>> {
    let stock = Symbol::new("ZVZZT").unwrap();
    let (stock_locate, tracking_number, timestamp) = (8007, 2, 34_200_123_456_789);
    macro_rules! encoded {
        ($($name:ident { $($field:ident: $value:expr),* })*) => {
            vec![$(
                encode::$name { stock_locate, tracking_number, timestamp, $($field: $value),* }.encode().to_vec()
            ),*]
        };
    }
    encoded! {
        SystemEvent { event_code: b'Q' }
        StockDirectory {
            stock: stock, market_category: b'Q', financial_status: b'N', round_lot_size: 100, round_lots_only: b'N',
            issue_classification: b'C', issue_sub_type: *b"Z ", authenticity: b'T', short_sale_threshold: b'N',
            ipo_flag: b' ', luld_reference_price_tier: b'2', etp_flag: b'Y', etp_leverage_factor: 3,
            inverse_indicator: b'Y'
        }
        StockTradingAction { stock: stock, trading_state: b'H', reserved: b' ', reason: *b"LUDP" }
        RegShoRestriction { stock: stock, reg_sho_action: b'1' }
        MarketParticipantPosition {
            mpid: *b"LEHM", stock: stock, primary_market_maker: b'Y', market_maker_mode: b'N', participant_state: b'A'
        }
        MwcbDeclineLevel { level_1: Price8(300_000_000_001), level_2: Price8(280_000_000_002), level_3: Price8(3) }
        MwcbStatus { breached_level: b'2' }
        QuotingPeriodUpdate { stock: stock, release_time: 36_000, release_qualifier: b'A', ipo_price: Price4(190_000) }
        LuldAuctionCollar {
            stock: stock, reference_price: Price4(100_001), upper_price: Price4(105_002), lower_price: Price4(95_003),
            extension: 1
        }
        OperationalHalt { stock: stock, market_code: b'Q', halt_action: b'H' }
        AddOrder { order_reference: 1 << 40, buy_sell: b'B', shares: 100, stock: stock, price: Price4(1_234_567) }
        AddOrderAttributed {
            order_reference: 43, buy_sell: b'S', shares: 200, stock: stock, price: Price4(2_000_000_000),
            attribution: *b"NITE"
        }
        OrderExecuted { order_reference: 43, executed_shares: 50, match_number: 777 }
        OrderExecutedWithPrice {
            order_reference: 43, executed_shares: 51, match_number: 778, printable: b'N', execution_price: Price4(9)
        }
        OrderCancel { order_reference: 43, cancelled_shares: 7 }
        OrderDelete { order_reference: 43 }
        OrderReplace { original_order_reference: 43, new_order_reference: 44, shares: 300, price: Price4(10_000) }
        Trade {
            order_reference: 0, buy_sell: b'B', shares: 10, stock: stock, price: Price4(55_555), match_number: 779
        }
        CrossTrade {
            shares: 1 << 33, stock: stock, cross_price: Price4(55_556), match_number: 780, cross_type: b'O'
        }
        BrokenTrade { match_number: 780 }
        NetOrderImbalance {
            paired_shares: 1 << 34, imbalance_shares: 5, imbalance_direction: b'S', stock: stock,
            far_price: Price4(1), near_price: Price4(2), reference_price: Price4(3), cross_type: b'C',
            price_variation: b'L'
        }
        RetailInterest { stock: stock, interest_flag: b'A' }
        DirectListingPriceDiscovery {
            stock: stock, open_eligibility: b'Y', minimum_price: Price4(1), maximum_price: Price4(2),
            near_execution_price: Price4(3), near_execution_time: 34_200_123_456_700, lower_collar: Price4(4),
            upper_collar: Price4(5)
        }
    }
}

#[test]
fn our_encoders_are_read_alike_by_two_other_decoders() {
    let messages = one_of_each();
    let types: Vec<u8> = messages.iter().map(|message| message[0]).collect();
    assert_eq!(types, TYPES);
    for message in &messages {
        compare(message);
    }
}
