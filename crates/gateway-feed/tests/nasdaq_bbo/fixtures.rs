//! A fixture a message type: bytes as the specification's tables have them, and the records that they become.

use dbn::flags::{LAST, TOB};
use dbn::{Action, Side, UNDEF_PRICE};
use gateway_feed::class::Classes;
use gateway_feed::decoder::{Decoder, Discontinuity};
use gateway_feed::itch50::harness::Published;
use gateway_feed::nasdaq_bbo::messages::TYPES;
use gateway_feed::nasdaq_bbo::{BboConfig, BboDecoder, classes};
use gateway_feed::record::v3::{InstrumentDefMsg, MboMsg, Mbp1Msg, StatusMsg};
use gateway_feed::session_time::SessionDate;
use gateway_feed::sink::{InstrumentId, MessageContext, Output};
use gateway_feed::symbols::SymbolEntry;

use crate::{MIDNIGHT, RECEIVED, decode, decoder, everything, view};

/// 34,200.000000000 s: half past nine.
const HALF_PAST_NINE: [u8; 6] = [0x1F, 0x1A, 0xCE, 0xD9, 0xF0, 0x00];
const HALF_PAST_NINE_NS: u64 = 34_200_000_000_000;
const AAPL: &[u8] = b"AAPL    ";

/// Type, tracking number 0x0102 and time in front of `rest`.
fn message(kind: u8, rest: &[&[u8]]) -> Vec<u8> {
    [&[kind, 1, 2], &HALF_PAST_NINE[..], &rest.concat()].concat()
}

/// The full records of one message, and whether it counted as without a counterpart.
fn records(bytes: &[u8]) -> (Vec<Vec<u64>>, u64) {
    let (mut decoder, mut sink) = (decoder(), everything());
    decode(&mut decoder, &mut sink, 0x1_0000_0005, bytes);
    assert_eq!(decoder.counters().messages(), 1);
    let full = sink.records(Output::Full);
    assert_eq!(full, sink.records(Output::Plain), "every message says all");
    let full = full.iter().map(|record| record.to_vec()).collect();
    (full, decoder.counters().unmapped)
}

fn one<T>(bytes: &[u8]) -> T {
    let (records, unmapped) = records(bytes);
    assert_eq!((records.len(), unmapped), (1, 0));
    view(&records[0])
}

#[test]
fn a_quotation_is_the_best_bid_and_ask() {
    let bytes = message(
        b'Q',
        &[
            AAPL,
            b"Q",
            &[0, 0x21, 0xDA, 0x88], // 221.8632
            &[0, 0, 1, 0x2C],       // 300
            &[0, 0x21, 0xDB, 0x50], // 221.8832
            &[0, 0, 0, 0x64],       // 100
        ],
    );
    assert_eq!(bytes.len(), 34);
    let quote: Mbp1Msg = one(&bytes);
    assert_eq!((quote.hd.publisher_id, quote.hd.instrument_id), (46, 1));
    assert_eq!(quote.hd.rtype, dbn::rtype::MBP_1);
    assert_eq!(quote.hd.ts_event, MIDNIGHT + HALF_PAST_NINE_NS);
    assert_eq!((quote.ts_recv, quote.sequence), (RECEIVED, 5));
    assert_eq!(quote.ts_in_delta, 1);
    assert_eq!((quote.price, quote.size), (UNDEF_PRICE, 0));
    assert_eq!(
        (quote.action as u8, quote.side as u8),
        (Action::Modify as u8, Side::None as u8)
    );
    assert_eq!(quote.flags.raw(), LAST | TOB);
    let level = &quote.levels[0];
    assert_eq!((level.bid_px, level.bid_sz), (221_863_200_000, 300));
    assert_eq!((level.ask_px, level.ask_sz), (221_883_200_000, 100));
    assert_eq!((level.bid_ct, level.ask_ct), (0, 0));

    // Nobody offers.
    let none = message(
        b'Q',
        &[AAPL, b"Q", &[0, 0, 0x27, 0x10], &[0, 0, 0, 1], &[0; 8]],
    );
    let quote: Mbp1Msg = one(&none);
    let level = &quote.levels[0];
    assert_eq!((level.bid_px, level.bid_sz), (1_000_000_000, 1));
    assert_eq!((level.ask_px, level.ask_sz), (UNDEF_PRICE, 0));
}

#[test]
fn a_directory_message_is_a_definition() {
    let bytes = message(
        b'R',
        &[
            AAPL,
            b"Q",
            b"N",
            &[0, 0, 0, 100],
            b"N",
            b"C",
            b"Z ",
            b"P",
            b"N",
            b" ",
            b"1",
            b"N",
            &[0, 0, 0, 1],
            b"N",
        ],
    );
    assert_eq!(bytes.len(), 37);
    let definition: InstrumentDefMsg = one(&bytes);
    assert_eq!(definition.raw_symbol().unwrap(), "AAPL");
    assert_eq!(definition.exchange().unwrap(), "XNAS");
    assert_eq!(definition.group().unwrap(), "Q");
    assert_eq!(definition.min_lot_size_round_lot, 100);
    assert_eq!(definition.raw_instrument_id, 1);
    assert_eq!((definition.hd.publisher_id, definition.channel_id), (46, 7));
}

#[test]
fn halts_and_restrictions_are_statuses() {
    // A pause of a security that NYSE lists: the listing market is not taken for the state.
    let halt = message(b'H', &[AAPL, b"N", b"P", b"LUDP"]);
    assert_eq!(halt.len(), 23);
    let status: StatusMsg = one(&halt);
    assert_eq!(status.action, dbn::StatusAction::Pause as u16);
    assert_eq!(status.reason, dbn::StatusReason::LuldPause as u16);
    assert_eq!(
        (status.is_trading as u8, status.is_quoting as u8),
        (b'N', b'N')
    );

    let restricted: StatusMsg = one(&message(b'Y', &[AAPL, b"1"]));
    assert_eq!(restricted.action, dbn::StatusAction::SsrChange as u16);
    assert_eq!(restricted.is_short_sell_restricted as u8, b'Y');

    let own: StatusMsg = one(&message(b'h', &[AAPL, b"Q", b"H"]));
    assert_eq!(own.reason, dbn::StatusReason::Operational as u16);
    // That of another market centre is not the state here.
    let (_, unmapped) = records(&message(b'h', &[AAPL, b"B", b"H"]));
    assert_eq!(unmapped, 1);
}

#[test]
fn what_dbn_has_no_place_for_goes_out_as_it_is() {
    let all: [(u8, Vec<u8>, u32); 6] = [
        (b'S', message(b'S', &[b"Q"]), 0),
        (b'V', message(b'V', &[&[1; 24]]), 0),
        (b'W', message(b'W', &[b"1"]), 0),
        (
            b'K',
            message(b'K', &[AAPL, &[0, 0, 0x86, 0x10], b"A", &[0; 4]]),
            1,
        ),
        (b'N', message(b'N', &[AAPL, b"A"]), 1),
        (b'A', message(b'A', &[AAPL, b"Q", &[1; 24]]), 1),
    ];
    for (kind, bytes, instrument) in all {
        let (mut decoder, mut sink) = (decoder(), everything());
        decode(&mut decoder, &mut sink, 1, &bytes);
        assert_eq!(decoder.counters().unmapped, 1, "{}", kind as char);
        let natives = sink
            .published
            .iter()
            .filter_map(|published| match published {
                Published::Record {
                    instrument, words, ..
                } => Some((*instrument, words)),
                _ => None,
            });
        let natives: Vec<_> = natives.collect();
        // One for each output.
        assert_eq!(natives.len(), 3, "{}", kind as char);
        for (of, words) in natives {
            assert_eq!(of, InstrumentId(instrument), "{}", kind as char);
            let read = gateway_feed::itch50::harness::native_bytes(words);
            assert_eq!(read.as_deref(), Some(&bytes[..]));
        }
    }
}

#[test]
fn every_type_has_a_class_and_quotations_are_those_of_books() {
    assert_eq!(classes(b'Q'), Classes::ORDERS);
    let named = TYPES
        .iter()
        .filter(|kind| classes(**kind) != Classes::OTHER);
    assert_eq!(named.count(), 5);
}

#[test]
fn what_is_no_message_is_counted() {
    let (mut decoder, mut sink) = (decoder(), everything());
    let quote = message(b'Q', &[AAPL, b"Q", &[0; 16]]);
    let long = [&quote[..], &[0]].concat();
    for bytes in [&quote[..33], &long, b"", b"Z123456789"] {
        decode(&mut decoder, &mut sink, 1, bytes);
    }
    let counters = decoder.counters();
    assert_eq!((counters.too_short, counters.too_long), (1, 1));
    assert_eq!((counters.empty, counters.unknown_types), (1, 1));
    assert!(sink.published.is_empty());
}

#[test]
fn a_new_session_clears_forgets_and_has_a_date_of_its_own() {
    let preset = SymbolEntry {
        instrument: InstrumentId(9),
        symbol: "AAPL".to_owned(),
    };
    let mut decoder = BboDecoder::new(&BboConfig {
        symbols: vec![preset],
        session_date: SessionDate::Auto,
        ..BboConfig::default()
    })
    .unwrap();
    let mut sink = everything();
    let quote = message(b'Q', &[AAPL, b"Q", &[0; 16]]);
    decode(&mut decoder, &mut sink, 1, &quote);
    let told: Mbp1Msg = view(sink.records(Output::Full)[0]);
    assert_eq!(told.hd.instrument_id, 9);

    sink.published.clear();
    let next_day = RECEIVED + 86_400_000_000_000;
    let context = MessageContext {
        sequence: 1,
        ts_recv: next_day,
    };
    decoder.discontinuity(Discontinuity::Lost, &context, &mut sink);
    assert!(
        sink.published.is_empty(),
        "the next quotation makes it good"
    );
    decoder.discontinuity(Discontinuity::SessionChanged, &context, &mut sink);
    let clear: MboMsg = view(sink.records(Output::Full)[0]);
    assert_eq!(
        (clear.action as u8, clear.hd.instrument_id, clear.size),
        (b'R', 9, 0)
    );
    sink.published.clear();
    decoder.message(&context, &quote, &mut sink);
    let told: Mbp1Msg = view(sink.records(Output::Full)[0]);
    assert_eq!(told.hd.instrument_id, 1, "numbered anew");
    assert_eq!((told.hd.ts_event - MIDNIGHT) / 86_400_000_000_000, 1);
}
