//! The decoder's memory: symbols, date, counters.

use gateway_feed::decoder::{Decoder, Discontinuity};
use gateway_feed::itch50::encode::{
    AddOrder, OrderDelete, OrderExecuted, OrderReplace, StockDirectory, Trade,
};
use gateway_feed::itch50::fields::Symbol;
use gateway_feed::itch50::harness::{Collector, Published};
use gateway_feed::itch50::{ItchConfig, ItchDecoder, SYMBOL_LIMITS};
use gateway_feed::record::v3;
use gateway_feed::sink::{MessageContext, Output, Outputs};
use gateway_feed::symbols;

use crate::support::{MIDNIGHT, RECEIVED, decoder, typed};

const CONTEXT: MessageContext = MessageContext {
    sequence: 1,
    ts_recv: RECEIVED,
};
const PLAIN: Outputs = Outputs::NONE.with(Output::Plain);

fn add(stock_locate: u16, stock: &str) -> [u8; 36] {
    AddOrder {
        stock_locate,
        stock: Symbol::new(stock).unwrap(),
        buy_sell: b'B',
        ..Default::default()
    }
    .encode()
}

/// What became of `messages`, as `symbol id=...` and `record id`.
fn events(decoder: &mut ItchDecoder, messages: &[&[u8]]) -> Vec<String> {
    let mut sink = Collector::new(PLAIN);
    for message in messages {
        decoder.message(&CONTEXT, message, &mut sink);
    }
    lines(&sink)
}

fn lines(sink: &Collector) -> Vec<String> {
    let line = |published: &Published| match published {
        Published::Record { instrument, .. } => format!("record of {}", instrument.0),
        Published::Symbol { instrument, symbol } => {
            format!("{} is {:?}", instrument.0, String::from_utf8_lossy(symbol))
        }
        Published::Control(_) => unreachable!("a decoder has nothing to say about its channel"),
    };
    sink.published.iter().map(line).collect()
}

#[test]
fn a_symbol_is_learnt_before_its_first_record_and_once() {
    let mut decoder = decoder(2);
    let aapl = add(13, "AAPL");
    let directory = StockDirectory {
        stock_locate: 14,
        stock: Symbol::new("MSFT").unwrap(),
        ..Default::default()
    };
    let messages: [&[u8]; 4] = [&aapl, &aapl, &directory.encode(), &add(14, "MSFT")];
    assert_eq!(
        events(&mut decoder, &messages),
        [
            "13 is \"AAPL\"",
            "record of 13",
            "record of 13",
            "14 is \"MSFT\"",
            "record of 14",
            "record of 14"
        ]
    );
    assert_eq!(decoder.counters().instruments, 2);
    assert_eq!(decoder.directory().symbol(13), Symbol::new("AAPL"));
    assert_eq!(decoder.directory().symbol(15), None);
}

#[test]
fn an_order_of_an_instrument_that_nobody_named_goes_with_all_others() {
    let replace = OrderReplace {
        stock_locate: 77,
        new_order_reference: 5,
        ..Default::default()
    };
    for output in [Output::Plain, Output::Full] {
        for kind in [Discontinuity::Restarted, Discontinuity::SessionChanged] {
            let mut decoder = decoder(2);
            let mut sink = Collector::new(Outputs::NONE.with(output));
            decoder.message(&CONTEXT, &replace.encode(), &mut sink);
            decoder.discontinuity(kind, &CONTEXT, &mut sink);
            assert_eq!(lines(&sink), ["record of 77"; 3], "{output:?} {kind:?}");
        }
    }
}

#[test]
fn a_symbol_that_changes_is_told_again() {
    let mut decoder = decoder(2);
    let messages: [&[u8]; 2] = [&add(13, "FB"), &add(13, "META")];
    assert_eq!(
        events(&mut decoder, &messages),
        [
            "13 is \"FB\"",
            "record of 13",
            "13 is \"META\"",
            "record of 13"
        ]
    );
    assert_eq!(decoder.counters().instruments, 1);
}

#[test]
fn what_is_no_symbol_is_refused_and_its_record_published_all_the_same() {
    let mut decoder = decoder(2);
    let blank = AddOrder {
        stock_locate: 13,
        stock: Symbol(*b"        "),
        ..Default::default()
    };
    let binary = AddOrder {
        stock_locate: 13,
        stock: Symbol([0xFF; 8]),
        ..Default::default()
    };
    let nowhere = Trade {
        stock_locate: 0,
        stock: Symbol::new("AAPL").unwrap(),
        ..Default::default()
    };
    let messages: [&[u8]; 3] = [&blank.encode(), &binary.encode(), &nowhere.encode()];
    assert_eq!(
        events(&mut decoder, &messages),
        ["record of 13", "record of 13", "record of 0"]
    );
    assert_eq!(decoder.counters().symbols_refused, 2);
    assert_eq!(decoder.counters().instruments, 0);
}

#[test]
fn symbols_of_a_file_are_told_with_the_first_message_and_end_with_the_session() {
    let entries = symbols::parse("13,AAPL\n14,MSFT\n", SYMBOL_LIMITS).unwrap();
    let config = ItchConfig {
        symbols: entries,
        ..ItchConfig::default()
    };
    let mut decoder = ItchDecoder::new(&config).unwrap();
    let delete = OrderDelete {
        stock_locate: 14,
        ..Default::default()
    }
    .encode();
    let expected = [
        "13 is \"AAPL\"",
        "14 is \"MSFT\"",
        "record of 14",
        "record of 14",
    ];
    assert_eq!(events(&mut decoder, &[&delete, &delete]), expected);

    let mut sink = Collector::new(PLAIN);
    decoder.discontinuity(Discontinuity::SessionChanged, &CONTEXT, &mut sink);
    // Their books are cleared first.
    let expected = ["record of 13", "record of 14", "13 is \"\"", "14 is \"\""];
    assert_eq!(lines(&sink), expected);
    assert_eq!(decoder.counters().instruments, 0);
    let messages: [&[u8]; 2] = [&delete, &add(14, "AAPL")];
    assert_eq!(
        events(&mut decoder, &messages),
        ["record of 14", "14 is \"AAPL\"", "record of 14"]
    );
}

#[test]
fn a_preset_that_the_feed_cannot_have_is_refused() {
    let limits = symbols::SymbolLimits {
        id_max: u32::MAX,
        symbol_bytes_max: 20,
        blanks: false,
    };
    for content in ["65536,A", "1,NINECHARS"] {
        let config = ItchConfig {
            symbols: symbols::parse(content, limits).unwrap(),
            ..ItchConfig::default()
        };
        assert!(ItchDecoder::new(&config).is_err(), "{content}");
    }
}

#[test]
fn an_automatic_date_is_that_of_each_session_s_first_message() {
    const DAY: u64 = 86_400_000_000_000;
    const TEN: u64 = 36_000_000_000_000;
    let mut decoder = ItchDecoder::new(&ItchConfig::default()).unwrap();
    let message = OrderDelete {
        timestamp: TEN,
        ..Default::default()
    }
    .encode();
    let mut sink = Collector::new(PLAIN);
    decoder.message(
        &MessageContext {
            sequence: 1,
            ts_recv: MIDNIGHT + TEN + 500,
        },
        &message,
        &mut sink,
    );
    decoder.discontinuity(Discontinuity::SessionChanged, &CONTEXT, &mut sink);
    decoder.message(
        &MessageContext {
            sequence: 1,
            ts_recv: MIDNIGHT + DAY + TEN - 500,
        },
        &message,
        &mut sink,
    );
    let times: Vec<_> = sink
        .records(Output::Plain)
        .into_iter()
        .map(typed::<v3::MboMsg>)
        .map(|record| (record.hd.ts_event, record.ts_in_delta))
        .collect();
    assert_eq!(times, [(MIDNIGHT + TEN, 500), (MIDNIGHT + DAY + TEN, -500)]);
}

#[test]
fn nothing_is_built_for_nobody_but_everything_is_counted_and_learnt() {
    let mut decoder = decoder(2);
    let mut sink = Collector::new(Outputs::NONE);
    decoder.message(&CONTEXT, &add(13, "AAPL"), &mut sink);
    decoder.message(&CONTEXT, &OrderExecuted::default().encode(), &mut sink);
    assert_eq!(lines(&sink), ["13 is \"AAPL\""]);
    assert_eq!(decoder.counters().messages(), 2);
}

#[test]
fn each_reason_to_skip_a_message_has_a_counter() {
    let mut decoder = decoder(2);
    let delete = OrderDelete::default().encode();
    let longer = [&delete[..], &[0]].concat();
    let messages: [&[u8]; 7] = [&delete, &delete[..18], &longer, b"A", b"Z", b"", b"\0"];
    assert_eq!(events(&mut decoder, &messages), ["record of 0"]);
    let counters = decoder.counters();
    assert_eq!(counters.by_type[usize::from(b'D')], 1);
    assert_eq!(counters.messages(), 1);
    assert_eq!(
        (counters.too_short, counters.too_long, counters.empty),
        (2, 1, 1)
    );
    assert_eq!(counters.length_errors(), 4);
    assert_eq!(counters.unknown_types, 2);
}

#[test]
fn unmapped_messages_are_counted_whether_or_not_anybody_reads_them() {
    let mut decoder = decoder(2);
    let event = gateway_feed::itch50::encode::SystemEvent {
        event_code: b'O',
        ..Default::default()
    };
    decoder.message(
        &CONTEXT,
        &event.encode(),
        &mut Collector::new(Outputs::NONE),
    );
    decoder.message(&CONTEXT, &event.encode(), &mut Collector::new(PLAIN));
    assert_eq!(decoder.counters().unmapped, 2);
    assert_eq!(decoder.counters().by_type[usize::from(b'S')], 2);
}
