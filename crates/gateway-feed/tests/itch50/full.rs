//! `full` records: one fixture a message type, the messages before it and the records that it becomes.
//!
//! All are of stock locate 13 (`000d`), tracking number 2 and 09:30:00.000000001.

use gateway_feed::decoder::{Decoder, Discontinuity, OrderCounters};
use gateway_feed::itch50::harness::Collector;
use gateway_feed::itch50::{ItchConfig, ItchDecoder, OrderIndexConfig};
use gateway_feed::sink::{MessageContext, Output, Outputs};

use crate::support::{EVENT, RECEIVED, bytes, decoder, describe};

const CONTEXT: MessageContext = MessageContext {
    sequence: 0x1_0000_0005,
    ts_recv: RECEIVED,
};

/// Order 42: buys 300 AAPL at 123.4567.
const BUY: (&str, &str) = (
    "'A' 000d",
    "000000000000002a 'B' 0000012c 'AAPL    ' 0012d687",
);
/// Order 43: sells 500 AAPL at 123.46.
const SELL: (&str, &str) = (
    "'F' 000d",
    "000000000000002b 'S' 000001f4 'AAPL    ' 0012d6a8 'LEHM'",
);

fn message((type_and_locate, body): (&str, &str)) -> Vec<u8> {
    bytes(&format!("{type_and_locate} 0002 {EVENT:012x} {body}"))
}

/// The `full` records of one message.
fn decode(decoder: &mut ItchDecoder, parts: (&str, &str)) -> Vec<String> {
    let mut sink = Collector::new(Outputs::NONE.with(Output::Full));
    decoder.message(&CONTEXT, &message(parts), &mut sink);
    lines(&sink)
}

fn lines(sink: &Collector) -> Vec<String> {
    let records = sink.records(Output::Full);
    records
        .into_iter()
        .map(|words| describe(words, Output::Full))
        .collect()
}

/// The records of `parts` behind the two orders.
#[track_caller]
fn full(parts: (&str, &str), expected: &[&str]) -> OrderCounters {
    let mut decoder = decoder(2);
    decode(&mut decoder, BUY);
    decode(&mut decoder, SELL);
    assert_eq!(decode(&mut decoder, parts), expected);
    decoder.counters().orders
}

#[track_caller]
fn left(decoder: &ItchDecoder, reference: u64) -> Option<u32> {
    let index = decoder.order_index().unwrap();
    index.get(reference).map(|order| order.size)
}

#[test]
fn a_and_f_add() {
    let mut decoder = decoder(2);
    assert_eq!(
        decode(&mut decoder, BUY),
        ["A B order=42 price=123.456700000 size=300 flags=last"]
    );
    assert_eq!(
        decode(&mut decoder, SELL),
        ["A A order=43 price=123.460000000 size=500 flags=last"]
    );
    assert_eq!(decoder.counters().orders.live, 2);
}

#[test]
fn e_is_a_trade_by_the_other_side_a_fill_and_a_cancel() {
    full(
        ("'E' 000d", "000000000000002a 00000064 0000000000000309"),
        &[
            "T A order=0 price=123.456700000 size=100 flags=",
            "F B order=42 price=123.456700000 size=100 flags=",
            "C B order=42 price=123.456700000 size=100 flags=last",
        ],
    );
    full(
        ("'E' 000d", "000000000000002b 00000064 0000000000000309"),
        &[
            "T B order=0 price=123.460000000 size=100 flags=",
            "F A order=43 price=123.460000000 size=100 flags=",
            "C A order=43 price=123.460000000 size=100 flags=last",
        ],
    );
}

#[test]
fn c_has_a_price_of_its_own_and_takes_the_order_off_at_the_order_s() {
    full(
        (
            "'C' 000d",
            "000000000000002a 00000064 0000000000000309 'Y' 0012d688",
        ),
        &[
            "T A order=0 price=123.456800000 size=100 flags=",
            "F B order=42 price=123.456800000 size=100 flags=",
            "C B order=42 price=123.456700000 size=100 flags=last",
        ],
    );
}

#[test]
fn c_that_is_not_printable_is_no_trade() {
    full(
        (
            "'C' 000d",
            "000000000000002a 00000064 0000000000000309 'N' 0012d688",
        ),
        &[
            "F B order=42 price=123.456800000 size=100 flags=",
            "C B order=42 price=123.456700000 size=100 flags=last",
        ],
    );
}

#[test]
fn x_cancels_what_it_says() {
    let counters = full(
        ("'X' 000d", "000000000000002a 00000064"),
        &["C B order=42 price=123.456700000 size=100 flags=last"],
    );
    assert_eq!(counters.live, 2);
}

#[test]
fn d_cancels_what_is_left() {
    let mut decoder = decoder(2);
    decode(&mut decoder, BUY);
    decode(
        &mut decoder,
        ("'E' 000d", "000000000000002a 00000064 0000000000000309"),
    );
    decode(&mut decoder, ("'X' 000d", "000000000000002a 00000032"));
    assert_eq!(left(&decoder, 42), Some(150));
    assert_eq!(
        decode(&mut decoder, ("'D' 000d", "000000000000002a")),
        ["C B order=42 price=123.456700000 size=150 flags=last"]
    );
    assert_eq!(decoder.counters().orders, OrderCounters::new());
}

#[test]
fn u_cancels_what_is_left_and_adds_on_the_same_side() {
    let mut decoder = decoder(2);
    decode(&mut decoder, SELL);
    decode(&mut decoder, ("'X' 000d", "000000000000002b 00000064"));
    assert_eq!(
        decode(
            &mut decoder,
            (
                "'U' 000d",
                "000000000000002b 000000000000002c 000000c8 0012d6a9"
            )
        ),
        [
            "C A order=43 price=123.460000000 size=400 flags=",
            "A A order=44 price=123.460100000 size=200 flags=last",
        ]
    );
    assert_eq!((left(&decoder, 43), left(&decoder, 44)), (None, Some(200)));
}

#[test]
fn trades_against_hidden_orders_and_crosses_touch_no_order() {
    let counters = full(
        (
            "'P' 000d",
            "0000000000000000 'B' 00000064 'AAPL    ' 0012d687 0000000000000309",
        ),
        &["T N order=0 price=123.456700000 size=100 flags=last"],
    );
    assert_eq!(counters.live, 2);
    full(
        (
            "'Q' 000d",
            "0000000000000064 'AAPL    ' 0012d687 0000000000000309 'O'",
        ),
        &["T N order=0 price=123.456700000 size=100 flags=last"],
    );
}

#[test]
fn what_concerns_an_instrument_or_has_no_counterpart_is_as_in_plain() {
    full(
        ("'H' 000d", "'AAPL    ' 'T' ' ' '    '"),
        &["Trading because None; trading Y quoting Y short-sale restricted ~"],
    );
    full(
        ("'B' 000d", "0000000000000309"),
        &["Full 19 bytes of B, instrument 13"],
    );
}

#[test]
fn an_order_goes_when_nothing_is_left_of_it() {
    for last in [
        ("'E' 000d", "000000000000002a 0000012c 0000000000000309"),
        ("'X' 000d", "000000000000002a 0000012c"),
    ] {
        let mut decoder = decoder(2);
        decode(&mut decoder, BUY);
        decode(&mut decoder, last);
        assert_eq!(left(&decoder, 42), None);
        assert_eq!(decoder.counters().orders, OrderCounters::new());
    }
}

#[test]
fn an_unknown_order_gives_the_plain_records_and_makes_its_instrument_suspect() {
    let mut decoder = decoder(2);
    let (delete, execute) = (
        ("'D' 000d", "0000000000000063"),
        ("'E' 000d", "0000000000000063 00000064 0000000000000309"),
    );
    assert_eq!(
        decode(&mut decoder, delete),
        ["C N order=99 price=- size=- flags=last+incomplete+suspect"]
    );
    assert_eq!(
        decode(&mut decoder, execute),
        [
            "T N order=0 price=- size=100 flags=incomplete+suspect",
            "F N order=99 price=- size=100 flags=incomplete+suspect",
            "C N order=99 price=- size=100 flags=last+incomplete+suspect",
        ]
    );
    assert_eq!(
        decode(
            &mut decoder,
            (
                "'U' 000d",
                "0000000000000063 0000000000000064 000000c8 0012d6a9"
            )
        ),
        [
            "C N order=99 price=- size=- flags=incomplete+suspect",
            "A N order=100 price=123.460100000 size=200 flags=last+incomplete+suspect",
        ]
    );
    // The replacement is known from here on, but for its side.
    assert_eq!(
        decode(&mut decoder, ("'X' 000d", "0000000000000064 00000001")),
        ["C N order=100 price=123.460100000 size=1 flags=last+incomplete+suspect"]
    );
    let expected = OrderCounters {
        live: 1,
        unknown: 3,
        ..OrderCounters::new()
    };
    assert_eq!(decoder.counters().orders, expected);
    assert_eq!(
        decode(&mut decoder, BUY),
        ["A B order=42 price=123.456700000 size=300 flags=last+suspect"]
    );
}

#[test]
fn after_a_gap_all_is_suspect_until_the_session_changes() {
    let mut decoder = decoder(2);
    decode(&mut decoder, BUY);
    let mut sink = Collector::new(Outputs::NONE.with(Output::Full));
    decoder.discontinuity(Discontinuity::Lost, &CONTEXT, &mut sink);
    assert!(sink.published.is_empty());
    assert_eq!(
        decode(&mut decoder, ("'X' 000d", "000000000000002a 00000064")),
        ["C B order=42 price=123.456700000 size=100 flags=last+suspect"]
    );
    let mut plain = Collector::new(Outputs::NONE.with(Output::Plain));
    decoder.message(
        &CONTEXT,
        &message(("'D' 000d", "000000000000002a")),
        &mut plain,
    );
    assert_eq!(
        describe(plain.records(Output::Plain)[0], Output::Plain),
        "C N order=42 price=- size=- flags=last+incomplete+suspect"
    );
    decoder.discontinuity(Discontinuity::SessionChanged, &CONTEXT, &mut sink);
    assert_eq!(
        decode(&mut decoder, SELL),
        ["A A order=43 price=123.460000000 size=500 flags=last"]
    );
}

#[test]
fn numbers_that_restart_clear_the_books_and_keep_the_names() {
    let mut decoder = decoder(2);
    decode(&mut decoder, BUY);
    let mut sink = Collector::new(Outputs::NONE.with(Output::Full));
    let context = MessageContext {
        sequence: 1,
        ts_recv: RECEIVED,
    };
    decoder.discontinuity(Discontinuity::Restarted, &context, &mut sink);
    let records = sink.records(Output::Full);
    assert_eq!(records.len(), 1);
    let clear = crate::support::typed::<gateway_feed::record::v3::MboMsg>(records[0]);
    assert_eq!((clear.action as u8, clear.side as u8), (b'R', b'N'));
    assert_eq!((clear.hd.instrument_id, clear.sequence), (13, 1));
    assert_eq!((clear.order_id, clear.price, clear.size), (0, i64::MAX, 0));
    assert_eq!(clear.flags.raw(), dbn::flags::LAST);
    assert_eq!(left(&decoder, 42), None);
    assert_eq!(decoder.counters().instruments, 1);
    assert_eq!(decoder.counters().orders.live, 0);
}

#[test]
fn an_index_that_is_full_is_counted_and_flagged() {
    let config = ItchConfig {
        channel_id: 7,
        session_date: "2019-12-30".parse().unwrap(),
        orders: Some(OrderIndexConfig {
            orders_max: 1,
            prefetch: true,
        }),
        ..ItchConfig::default()
    };
    let mut decoder = ItchDecoder::new(&config).unwrap();
    decode(&mut decoder, BUY);
    assert_eq!(
        decode(&mut decoder, SELL),
        ["A A order=43 price=123.460000000 size=500 flags=last+suspect"]
    );
    assert_eq!(decoder.counters().orders.overflowed, 1);
    // What was there already is complete still.
    assert_eq!(
        decode(&mut decoder, ("'D' 000d", "000000000000002a")),
        ["C B order=42 price=123.456700000 size=300 flags=last+suspect"]
    );
}

#[test]
fn a_reference_that_comes_twice_names_the_later_order() {
    let again = (
        "'A' 000d",
        "000000000000002a 'S' 00000001 'AAPL    ' 0012d6a8",
    );
    let counters = full(
        again,
        &["A A order=42 price=123.460000000 size=1 flags=last+suspect"],
    );
    assert_eq!((counters.duplicate, counters.live), (1, 2));
}

#[test]
fn an_order_of_another_instrument_is_left_alone() {
    let mut decoder = decoder(2);
    decode(&mut decoder, BUY);
    let mut sink = Collector::new(Outputs::NONE.with(Output::Full));
    for of_another in [
        ("'D' 000e", "000000000000002a"),
        ("'X' 000e", "000000000000002a 00000064"),
    ] {
        decoder.message(&CONTEXT, &message(of_another), &mut sink);
    }
    assert_eq!(left(&decoder, 42), Some(300));
    let counters = decoder.counters().orders;
    assert_eq!(
        (counters.unknown, counters.inconsistent, counters.live),
        (2, 2, 1)
    );
}

#[test]
fn more_than_is_left_takes_all_that_is_left() {
    let counters = full(
        ("'X' 000d", "000000000000002a 0000012d"),
        &["C B order=42 price=123.456700000 size=301 flags=last"],
    );
    assert_eq!((counters.inconsistent, counters.live), (1, 1));
}

#[test]
fn without_an_index_every_order_but_a_new_one_is_unknown() {
    let config = ItchConfig {
        channel_id: 7,
        session_date: "2019-12-30".parse().unwrap(),
        ..ItchConfig::default()
    };
    let mut decoder = ItchDecoder::new(&config).unwrap();
    assert_eq!(
        decode(&mut decoder, BUY),
        ["A B order=42 price=123.456700000 size=300 flags=last"]
    );
    assert_eq!(
        decode(&mut decoder, ("'D' 000d", "000000000000002a")),
        ["C N order=42 price=- size=- flags=last+incomplete+suspect"]
    );
}
