//! A fixture a message type: bytes as the specifications' tables have them, and the records that they become.

use dbn::flags::{LAST, MAYBE_BAD_BOOK, MBP, PUBLISHER_SPECIFIC, TOB};
use dbn::{UNDEF_ORDER_SIZE, UNDEF_PRICE};
use gateway_feed::decoder::{Decoder, Discontinuity};
use gateway_feed::itch50::harness::Published;
use gateway_feed::record::v3::{ImbalanceMsg, InstrumentDefMsg, MboMsg, Mbp1Msg, StatusMsg};
use gateway_feed::sink::{MessageContext, Output};

use crate::{RECEIVED, decode, decoder, everything};

/// 2018-01-02 14:59:59.999999000 UTC, little-endian: one microsecond before it is received.
const TIME: [u8; 8] = (RECEIVED - 1_000).to_le_bytes();
const IBKR: &[u8] = b"IBKR    ";

fn message(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// The full records of one message, and whether it counted as without a counterpart.
fn records(bytes: &[u8]) -> (Vec<Vec<u64>>, u64) {
    let (mut decoder, mut sink) = (decoder(), everything());
    decode(&mut decoder, &mut sink, 0x1_0000_0005, bytes);
    assert_eq!(decoder.counters().messages(), 1);
    let full: Vec<Vec<u64>> = sink
        .records(Output::Full)
        .iter()
        .map(|r| r.to_vec())
        .collect();
    assert_eq!(full, sink.records(Output::Plain), "every message says all");
    (full, decoder.counters().unmapped)
}

/// A record of words as the struct.
fn view<T>(words: &[u64]) -> T {
    assert_eq!(size_of_val(words), size_of::<T>());
    // SAFETY: DBN's structs are integers without padding, and the words are as long.
    unsafe { words.as_ptr().cast::<T>().read() }
}

fn one<T>(bytes: &[u8]) -> T {
    let (records, unmapped) = records(bytes);
    assert_eq!((records.len(), unmapped), (1, 0));
    view(&records[0])
}

fn orders(bytes: &[u8]) -> Vec<MboMsg> {
    let (records, unmapped) = records(bytes);
    assert_eq!(unmapped, 0);
    records.iter().map(|words| view(words)).collect()
}

fn summary(order: &MboMsg) -> (char, char, u64, i64, u32, u8) {
    (
        order.action as u8 as char,
        order.side as u8 as char,
        order.order_id,
        order.price,
        order.size,
        order.flags.raw(),
    )
}

#[test]
fn a_quote_is_the_best_bid_and_ask() {
    let bytes = message(&[
        b"Q\x00",
        &TIME,
        IBKR,
        &[0x64, 0, 0, 0],                   // bid size 100
        &[0x08, 0xd4, 0x14, 0, 0, 0, 0, 0], // bid 136.5000
        &[0x6c, 0xd4, 0x14, 0, 0, 0, 0, 0], // ask 136.5100
        &[0xc8, 0, 0, 0],                   // ask size 200
    ]);
    let quote: Mbp1Msg = one(&bytes);
    assert_eq!(quote.hd.rtype, dbn::rtype::MBP_1);
    assert_eq!((quote.hd.publisher_id, quote.hd.instrument_id), (38, 1));
    assert_eq!(quote.hd.ts_event, RECEIVED - 1_000);
    assert_eq!(
        (quote.ts_recv, quote.ts_in_delta, quote.sequence),
        (RECEIVED, 1_000, 5)
    );
    assert_eq!((quote.action as u8, quote.side as u8), (b'M', b'N'));
    assert_eq!((quote.price, quote.size, quote.depth), (UNDEF_PRICE, 0, 0));
    assert_eq!(quote.flags.raw(), LAST | TOB);
    let level = &quote.levels[0];
    assert_eq!((level.bid_px, level.bid_sz), (136_500_000_000, 100));
    assert_eq!((level.ask_px, level.ask_sz), (136_510_000_000, 200));
    assert_eq!((level.bid_ct, level.ask_ct), (0, 0));
}

#[test]
fn a_quote_without_a_side_has_no_price_there() {
    let bytes = message(&[b"Q\x40", &TIME, IBKR, &[0; 24]]);
    let level = &one::<Mbp1Msg>(&bytes).levels[0];
    assert_eq!((level.bid_px, level.bid_sz), (UNDEF_PRICE, 0));
    assert_eq!((level.ask_px, level.ask_sz), (UNDEF_PRICE, 0));
}

#[test]
fn a_price_level_is_all_that_rests_there() {
    let size_and_price: &[u8] = &[0xf8, 0, 0, 0, 0x82, 0x34, 0, 0, 0, 0, 0, 0]; // 248 at 1.3442
    let sell = orders(&message(&[b"5\x01", &TIME, b"UNH     ", size_and_price]));
    assert_eq!(
        summary(&sell[0]),
        ('M', 'A', 0, 1_344_200_000, 248, LAST | MBP)
    );
    // Within an event more is to come.
    let buy = orders(&message(&[b"8\x00", &TIME, b"UNH     ", size_and_price]));
    assert_eq!(summary(&buy[0]), ('M', 'B', 0, 1_344_200_000, 248, MBP));
    let gone = orders(&message(&[
        b"8\x01",
        &TIME,
        b"UNH     ",
        &[0; 4],
        &size_and_price[4..],
    ]));
    assert_eq!(
        summary(&gone[0]),
        ('C', 'B', 0, 1_344_200_000, 0, LAST | MBP)
    );
}

#[test]
fn a_trade_has_its_number() {
    let bytes = message(&[
        b"T\x40",
        &TIME,
        IBKR,
        &[0x64, 0, 0, 0],                   // 100 shares
        &[0x74, 0xf4, 0x14, 0, 0, 0, 0, 0], // at 137.3300
        &[0x90, 0, 0, 0, 0, 0x63, 0, 0],    // trade id
    ]);
    let trade = orders(&bytes);
    assert_eq!(trade.len(), 1);
    assert_eq!(
        summary(&trade[0]),
        ('T', 'N', 0x6300_0000_0090, 137_330_000_000, 100, LAST)
    );
    assert_eq!(trade[0].channel_id, 7);
    // A break has no counterpart.
    let mut broken = bytes;
    broken[0] = b'B';
    let (records, unmapped) = records(&broken);
    assert_eq!((records.len(), unmapped), (1, 1));
    assert_eq!(records[0].len(), 2 + 38_usize.div_ceil(8));
}

#[test]
fn orders_of_deep_plus_are_added_modified_executed_and_deleted() {
    let id: &[u8] = &[0x0a, 0, 0, 0, 0, 0, 0x63, 0];
    let order_id = 0x0063_0000_0000_000a;
    let size_and_price: &[u8] = &[0x64, 0, 0, 0, 0x08, 0xd4, 0x14, 0, 0, 0, 0, 0];
    let add = orders(&message(&[b"a5", &TIME, IBKR, id, size_and_price]));
    assert_eq!(
        summary(&add[0]),
        ('A', 'A', order_id, 136_500_000_000, 100, LAST)
    );
    let add = orders(&message(&[b"a8", &TIME, IBKR, id, size_and_price]));
    assert_eq!(
        summary(&add[0]),
        ('A', 'B', order_id, 136_500_000_000, 100, LAST)
    );

    // What is done to an order does not say its side.
    let modify = orders(&message(&[b"M\x01", &TIME, IBKR, id, size_and_price]));
    assert_eq!(
        summary(&modify[0]),
        (
            'M',
            'N',
            order_id,
            136_500_000_000,
            100,
            LAST | PUBLISHER_SPECIFIC
        )
    );
    let delete = orders(&message(&[b"R\x00", &TIME, IBKR, id]));
    assert_eq!(
        summary(&delete[0]),
        (
            'C',
            'N',
            order_id,
            UNDEF_PRICE,
            UNDEF_ORDER_SIZE,
            LAST | PUBLISHER_SPECIFIC
        )
    );
    let trade_id: &[u8] = &[0x18, 0, 0, 0, 0, 0, 0x63, 0];
    let executed = orders(&message(&[
        b"L\x40",
        &TIME,
        IBKR,
        id,
        size_and_price,
        trade_id,
    ]));
    let flags = PUBLISHER_SPECIFIC;
    assert_eq!(
        executed.iter().map(summary).collect::<Vec<_>>(),
        [
            ('T', 'N', 0x0063_0000_0000_0018, 136_500_000_000, 100, flags),
            ('F', 'N', order_id, 136_500_000_000, 100, flags),
            ('C', 'N', order_id, UNDEF_PRICE, 100, LAST | flags),
        ]
    );
    let clear = orders(&message(&[b"C\x00", &TIME, IBKR]));
    assert_eq!(summary(&clear[0]), ('R', 'N', 0, UNDEF_PRICE, 0, LAST));
}

#[test]
fn a_directory_entry_is_a_definition() {
    let bytes = message(&[
        b"D\x80",
        &TIME,
        b"ZIEXT   ",
        &[0x64, 0, 0, 0],                   // round lot 100
        &[0xa0, 0x86, 0x01, 0, 0, 0, 0, 0], // price of the day before
        &[1],                               // tier
    ]);
    let definition: InstrumentDefMsg = one(&bytes);
    assert_eq!(definition.min_lot_size_round_lot, 100);
    let text = |field: &[std::ffi::c_char]| -> String {
        field
            .iter()
            .take_while(|&&c| c != 0)
            .map(|&c| c as u8 as char)
            .collect()
    };
    assert_eq!(text(&definition.raw_symbol), "ZIEXT");
    assert_eq!(text(&definition.exchange), "IEXG");
    assert_eq!(definition.raw_instrument_id, 1);
}

#[test]
fn states_are_status_records() {
    let status = |bytes: &[&[u8]]| -> (u16, u16, char, char, char) {
        let status: StatusMsg = one(&message(bytes));
        let code = |c: std::ffi::c_char| c as u8 as char;
        (
            status.action,
            status.reason,
            code(status.is_trading),
            code(status.is_quoting),
            code(status.is_short_sell_restricted),
        )
    };
    use dbn::{StatusAction, StatusReason};
    let (halt, trading) = (StatusAction::Halt as u16, StatusAction::Trading as u16);
    assert_eq!(
        status(&[b"HH", &TIME, IBKR, b"T1  "]),
        (halt, StatusReason::NewsPending as u16, 'N', 'N', '~')
    );
    assert_eq!(
        status(&[b"HT", &TIME, IBKR, b"    "]),
        (trading, 0, 'Y', 'Y', '~')
    );
    let operational = StatusReason::Operational as u16;
    assert_eq!(
        status(&[b"OO", &TIME, IBKR]),
        (halt, operational, 'N', 'N', '~')
    );
    assert_eq!(
        status(&[b"ON", &TIME, IBKR]),
        (trading, operational, 'Y', 'Y', '~')
    );
    let change = StatusAction::SsrChange as u16;
    assert_eq!(
        status(&[b"P\x01", &TIME, IBKR, b"A"]),
        (change, StatusReason::MarketEvent as u16, '~', '~', 'Y')
    );
    assert_eq!(
        status(&[b"P\x00", &TIME, IBKR, b" "]),
        (change, 0, '~', '~', 'N')
    );
}

#[test]
fn an_auction_is_an_imbalance() {
    let price = |units: i64| units.to_le_bytes();
    let bytes = message(&[
        b"AC",
        &TIME,
        b"ZEXIT   ",
        &[0x10, 0, 0, 0], // paired 16
        &price(100_000),
        &price(99_000),   // reference, clearing
        &[0xe8, 3, 0, 0], // imbalance 1000
        b"B",
        &[2],                      // to buy, put off twice
        &[0xb8, 0xd5, 0x63, 0x59], // when, seconds
        &price(98_000),
        &price(0),
        &price(90_000),
        &price(110_000),
    ]);
    let auction: ImbalanceMsg = one(&bytes);
    assert_eq!(
        (auction.ref_price, auction.cont_book_clr_price),
        (10_000_000_000, 9_900_000_000)
    );
    assert_eq!(auction.auct_interest_clr_price, 9_800_000_000);
    assert_eq!(
        (auction.lower_collar, auction.upper_collar),
        (9_000_000_000, 11_000_000_000)
    );
    assert_eq!(
        (auction.paired_qty, auction.total_imbalance_qty),
        (16, 1_000)
    );
    assert_eq!(
        (auction.side as u8, auction.auction_type as u8),
        (b'B', b'C')
    );
    assert_eq!(
        (auction.num_extensions, auction.auction_time),
        (2, 0x5963_d5b8 * 1_000_000_000)
    );
}

#[test]
fn what_has_no_counterpart_goes_out_as_it_is() {
    for bytes in [
        message(&[b"SO", &TIME]),
        message(&[b"EO", &TIME, IBKR]),
        message(&[b"IA", &TIME, IBKR]),
        message(&[b"X?", &TIME, IBKR, &[0; 8]]),
    ] {
        let (records, unmapped) = records(&bytes);
        assert_eq!((records.len(), unmapped), (1, 1), "{bytes:?}");
        assert_eq!(
            records[0][0].to_le_bytes()[1],
            gateway_feed::record::RTYPE_NATIVE
        );
    }
}

#[test]
fn after_a_gap_a_quote_is_right_again_and_a_level_is_not() {
    let (mut decoder, mut sink) = (decoder(), everything());
    let quote = message(&[b"Q\x00", &TIME, IBKR, &[0; 24]]);
    let trade = message(&[b"T\x00", &TIME, IBKR, &[1; 20]]);
    let context = MessageContext {
        sequence: 9,
        ts_recv: RECEIVED,
    };
    let flags = |sink: &mut gateway_feed::itch50::harness::Collector| {
        let records = sink.records(Output::Full);
        let words = records.last().unwrap();
        let order: MboMsg = view(words);
        order.flags.raw() & MAYBE_BAD_BOOK
    };
    decode(&mut decoder, &mut sink, 1, &trade);
    assert_eq!(flags(&mut sink), 0);
    decoder.discontinuity(Discontinuity::Lost, &context, &mut sink);
    decode(&mut decoder, &mut sink, 3, &trade);
    assert_eq!(flags(&mut sink), MAYBE_BAD_BOOK);
    decode(&mut decoder, &mut sink, 4, &quote);
    decode(&mut decoder, &mut sink, 5, &trade);
    assert_eq!(flags(&mut sink), 0);
}

#[test]
fn a_new_session_clears_every_book_and_numbers_anew() {
    let (mut decoder, mut sink) = (decoder(), everything());
    for symbol in [b"A       ", b"B       "] {
        let bytes = message(&[b"ON", &TIME, symbol]);
        decode(&mut decoder, &mut sink, 1, &bytes);
    }
    sink.published.clear();
    let context = MessageContext {
        sequence: 1,
        ts_recv: RECEIVED,
    };
    decoder.discontinuity(Discontinuity::SessionChanged, &context, &mut sink);
    let cleared = sink.records(Output::Full);
    assert_eq!(cleared.len(), 2);
    assert!(
        cleared
            .iter()
            .all(|words| view::<MboMsg>(words).action as u8 == b'R')
    );
    let forgotten = sink.published.iter().filter(
        |published| matches!(published, Published::Symbol { symbol, .. } if symbol.is_empty()),
    );
    assert_eq!(forgotten.count(), 2);
    assert_eq!(decoder.counters().instruments, 0);
    let bytes = message(&[b"ON", &TIME, b"B       "]);
    decode(&mut decoder, &mut sink, 1, &bytes);
    let records = sink.records(Output::Full);
    assert_eq!(
        view::<StatusMsg>(records.last().unwrap()).hd.instrument_id,
        1
    );
}

#[test]
fn a_length_that_is_not_the_types_is_counted() {
    let (mut decoder, mut sink) = (decoder(), everything());
    for bytes in [&b"Q"[..], b"", b"Z", &[b'S'; 11]] {
        decode(&mut decoder, &mut sink, 1, bytes);
    }
    let counters = decoder.counters();
    assert_eq!((counters.too_short, counters.empty), (1, 1));
    assert_eq!((counters.unknown_types, counters.too_long), (1, 1));
    assert!(sink.published.is_empty());
}
