//! A fixture a message type: bytes as the specifications' tables have them, and the records that they become.

use std::ffi::c_char;

use dbn::flags::{LAST, PUBLISHER_SPECIFIC};
use dbn::{UNDEF_ORDER_SIZE, UNDEF_PRICE, UNDEF_TIMESTAMP};
use gateway_feed::decoder::Decoder;
use gateway_feed::pitch::Market::{self, ComplexOptions, Equities, Futures, Options};
use gateway_feed::record::v3::{ImbalanceMsg, InstrumentDefMsg, MboMsg, StatusMsg};
use gateway_feed::sink::Output;

use crate::{Bench, RECEIVED, decoder, everything, message, view};

/// Time offset: 1,000 nanoseconds.
const OFFSET: [u8; 4] = [0xe8, 0x03, 0, 0];
/// Order 0x0102030405060708.
const ORDER: [u8; 8] = [8, 7, 6, 5, 4, 3, 2, 1];
const ORDER_ID: u64 = 0x0102_0304_0506_0708;
/// Execution 0x11.
const EXECUTION: [u8; 8] = [0x11, 0, 0, 0, 0, 0, 0, 0];
/// 100 in two and four bytes.
const HUNDRED: [u8; 4] = [100, 0, 0, 0];
/// 123.4567 as a long price.
const LONG_PRICE: [u8; 8] = [0x87, 0xd6, 0x12, 0, 0, 0, 0, 0];
/// 27.87 as a short price.
const SHORT_PRICE: [u8; 2] = [0xe3, 0x0a];

fn text(field: &[c_char]) -> String {
    field
        .iter()
        .map(|&byte| byte as u8 as char)
        .take_while(|&letter| letter != '\0')
        .collect()
}

fn unmapped(market: Market, bytes: &[u8], instrument: u32) {
    let mut bench = Bench::new(market);
    bench.take(bytes);
    let counters = bench.decoder.counters();
    assert_eq!(
        (counters.messages(), counters.unmapped),
        (2, 1),
        "{bytes:x?}"
    );
    let full = bench.sink.records(Output::Full);
    assert_eq!(full, bench.sink.records(Output::Native));
    assert_eq!(full.len(), 1);
    assert_eq!((full[0][0] >> 32) as u32, instrument);
}

/// C1 Options and, from late 2026, BZX and EDGX equities say the second since the epoch as well, or which midnight they mean.
#[test]
fn a_time_that_tells_the_epoch_is_taken_by_its_word_in_every_market() {
    // 2023-11-14 22:13:20 UTC, 1,700,000,000 s, whatever seconds since midnight stand beside it.
    let epoch = [0x00, 0xF1, 0x53, 0x65];
    let add = message(&[
        &[26, 0x22],
        &OFFSET,
        &ORDER,
        b"B",
        &HUNDRED[..2],
        b"XYZ   ",
        &SHORT_PRICE,
        &[1],
    ]);
    for market in [Equities, Options, Market::ComplexOptions] {
        let mut bench = Bench::new(market);
        bench.take(&message(&[&[10, 0x20], &[1, 0, 0, 0], &epoch]));
        bench.take(&add);
        let time = bench.one::<MboMsg>().hd.ts_event;
        assert_eq!(time, 1_700_000_000_000_001_000, "{market:?}");

        // Midnight, seconds since then (10), offset, trading day 20231115.
        let mut bench = Bench::new(market);
        let day = [0xCB, 0xB3, 0x34, 0x01];
        bench.take(&message(&[
            &[18, 0xB1],
            &epoch,
            &[10, 0, 0, 0],
            &[0; 4],
            &day,
        ]));
        bench.take(&add);
        let time = bench.one::<MboMsg>().hd.ts_event;
        assert_eq!(time, 1_700_000_010_000_001_000, "{market:?}");
        assert_eq!(bench.decoder.counters().length_errors(), 0);
    }
}

#[test]
fn adds_say_all_in_each_form() {
    let short = |market: Market, flags: &[u8]| {
        let length = [25 + flags.len() as u8, 0x22];
        let mut bench = Bench::new(market);
        bench.take(&message(&[
            &length,
            &OFFSET,
            &ORDER,
            b"B",
            &HUNDRED[..2],
            b"XYZ   ",
            &SHORT_PRICE,
            flags,
        ]));
        bench.one::<MboMsg>()
    };
    for (market, flags) in [(Equities, &[1][..]), (Options, &[1]), (Futures, &[])] {
        let add = short(market, flags);
        assert_eq!(
            crate::summary(&add),
            (1, 'A', 'B', ORDER_ID, 27_870_000_000, 100, LAST)
        );
        assert_eq!((add.hd.publisher_id, add.channel_id), (5, 7));
        assert_eq!(add.hd.ts_event, RECEIVED + 1_000);
        assert_eq!(
            (add.ts_recv, add.ts_in_delta, add.sequence),
            (RECEIVED, -1_000, 2)
        );
    }

    let mut bench = Bench::new(Equities);
    bench.take(&message(&[
        &[34, 0x21],
        &OFFSET,
        &ORDER,
        b"S",
        &[0xa0, 0x86, 0x01, 0], // 100,000
        b"XYZ   ",
        &LONG_PRICE,
        &[1],
    ]));
    assert_eq!(
        bench.orders(Output::Full),
        [(1, 'A', 'A', ORDER_ID, 123_456_700_000, 100_000, LAST)]
    );
    // A side that is none is told so.
    bench.take(&message(&[
        &[41, 0x2F],
        &OFFSET,
        &[9; 8],
        b"?",
        &HUNDRED,
        b"LONGNAME",
        &LONG_PRICE,
        &[1],
        b"MPID",
        b"C",
    ]));
    let flags = LAST | PUBLISHER_SPECIFIC;
    assert_eq!(
        bench.orders(Output::Plain),
        [(
            2,
            'A',
            'N',
            0x0909_0909_0909_0909,
            123_456_700_000,
            100,
            flags
        )]
    );
}

#[test]
fn short_prices_are_signed_where_prices_may_be_negative() {
    // 0xa9cf: 434.71, or -220.65.
    for (market, flags, price) in [
        (Options, &[1][..], 434_710_000_000),
        (ComplexOptions, &[1], -220_650_000_000),
        (Futures, &[], -220_650_000_000),
    ] {
        let mut bench = Bench::new(market);
        let length = [25 + flags.len() as u8, 0x22];
        let add: [&[u8]; 8] = [
            &length,
            &OFFSET,
            &ORDER,
            b"B",
            &HUNDRED[..2],
            b"XYZ   ",
            &[0xcf, 0xa9],
            flags,
        ];
        bench.take(&message(&add));
        assert_eq!(bench.orders(Output::Full)[0].4, price, "{market:?}");
        // The index keeps it.
        bench.take(&message(&[&[14, 0x29], &OFFSET, &ORDER]));
        assert_eq!(bench.orders(Output::Full)[0].4, price, "{market:?}");
    }
}

#[test]
fn what_is_done_to_an_order_says_alone_what_it_says() {
    let mut bench = Bench::new(Equities);
    let flags = LAST | PUBLISHER_SPECIFIC;
    let mut plain = |parts: &[&[u8]]| {
        bench.take(&message(parts));
        // Of an unknown order both outputs have the same.
        assert_eq!(bench.orders(Output::Plain), bench.orders(Output::Full));
        bench.orders(Output::Plain)
    };
    assert_eq!(
        plain(&[&[14, 0x29], &OFFSET, &ORDER]),
        [(0, 'C', 'N', ORDER_ID, UNDEF_PRICE, UNDEF_ORDER_SIZE, flags)]
    );
    assert_eq!(
        plain(&[&[16, 0x26], &OFFSET, &ORDER, &HUNDRED[..2]]),
        [(0, 'C', 'N', ORDER_ID, UNDEF_PRICE, 100, flags)]
    );
    assert_eq!(
        plain(&[&[18, 0x25], &OFFSET, &ORDER, &HUNDRED]),
        [(0, 'C', 'N', ORDER_ID, UNDEF_PRICE, 100, flags)]
    );
    assert_eq!(
        plain(&[
            &[19, 0x28],
            &OFFSET,
            &ORDER,
            &HUNDRED[..2],
            &SHORT_PRICE,
            &[1]
        ]),
        [(0, 'M', 'N', ORDER_ID, 27_870_000_000, 100, flags)]
    );
    assert_eq!(
        plain(&[&[27, 0x27], &OFFSET, &ORDER, &HUNDRED, &LONG_PRICE, &[3]]),
        [(0, 'M', 'N', ORDER_ID, 123_456_700_000, 100, flags)]
    );
    assert_eq!(
        plain(&[&[26, 0x23], &OFFSET, &ORDER, &HUNDRED, &EXECUTION]),
        [
            (0, 'T', 'N', 0, UNDEF_PRICE, 100, PUBLISHER_SPECIFIC),
            (0, 'F', 'N', ORDER_ID, UNDEF_PRICE, 100, PUBLISHER_SPECIFIC),
            (0, 'C', 'N', ORDER_ID, UNDEF_PRICE, 100, flags),
        ]
    );
    let executed = &[
        &[38, 0x24][..],
        &OFFSET,
        &ORDER,
        &HUNDRED,
        &[7, 0, 0, 0],
        &EXECUTION,
    ];
    assert_eq!(
        plain(&[&executed[..], &[&LONG_PRICE]].concat()),
        [
            (0, 'T', 'N', 0, 123_456_700_000, 100, PUBLISHER_SPECIFIC),
            (
                0,
                'F',
                'N',
                ORDER_ID,
                123_456_700_000,
                100,
                PUBLISHER_SPECIFIC
            ),
            (0, 'C', 'N', ORDER_ID, UNDEF_PRICE, 100, flags),
        ]
    );
    assert_eq!(bench.decoder.counters().orders.unknown, 7);
}

#[test]
fn trades_in_each_form() {
    let mut bench = Bench::new(Equities);
    let expected = |price| [(1, 'T', 'N', 0, price, 100, LAST)];
    bench.take(&message(&[
        &[33, 0x2B],
        &OFFSET,
        &ORDER,
        b"B",
        &HUNDRED[..2],
        b"XYZ   ",
        &SHORT_PRICE,
        &EXECUTION,
    ]));
    assert_eq!(bench.orders(Output::Full), expected(27_870_000_000));
    bench.take(&message(&[
        &[41, 0x2A],
        &OFFSET,
        &ORDER,
        b"B",
        &HUNDRED,
        b"XYZ   ",
        &LONG_PRICE,
        &EXECUTION,
    ]));
    assert_eq!(bench.orders(Output::Full), expected(123_456_700_000));
    bench.take(&message(&[
        &[43, 0x30],
        &OFFSET,
        &ORDER,
        b"B",
        &HUNDRED,
        b"XYZ     ",
        &LONG_PRICE,
        &EXECUTION,
    ]));
    assert_eq!(bench.orders(Output::Plain), expected(123_456_700_000));
    // Options and futures append a condition.
    let mut bench = Bench::new(Options);
    bench.take(&message(&[
        &[34, 0x2B],
        &OFFSET,
        &ORDER,
        b"S",
        &HUNDRED[..2],
        b"XYZ   ",
        &SHORT_PRICE,
        &EXECUTION,
        b"a",
    ]));
    assert_eq!(bench.orders(Output::Full), expected(27_870_000_000));
}

#[test]
fn trading_status_in_each_market() {
    use dbn::StatusAction as Action;
    let status = |market, letter: u8, reg_sho: u8| {
        let mut bench = Bench::new(market);
        let symbol = match market {
            Equities => b"XYZ     ",
            _ => b"XYZ   \0\0",
        };
        bench.take(&message(&[
            &[18, 0x31],
            &OFFSET,
            symbol,
            &[letter, reg_sho],
            b"  ",
        ]));
        assert_eq!(bench.decoder.counters().symbols_refused, 0);
        let status: StatusMsg = bench.one();
        assert_eq!(status.hd.ts_event, RECEIVED + 1_000);
        (
            status.action,
            status.is_trading as u8 as char,
            status.is_quoting as u8 as char,
            status.is_short_sell_restricted as u8 as char,
        )
    };
    assert_eq!(
        status(Equities, b'A', b'0'),
        (Action::PreOpen as u16, 'N', 'Y', 'N')
    );
    assert_eq!(
        status(Equities, b'T', b'1'),
        (Action::Trading as u16, 'Y', 'Y', 'Y')
    );
    assert_eq!(
        status(Equities, b'H', b'0'),
        (Action::Halt as u16, 'N', 'N', 'N')
    );
    assert_eq!(
        status(Equities, b'Q', b'0'),
        (Action::Quoting as u16, 'N', 'Y', 'N')
    );
    assert_eq!(
        status(Equities, b'S', b'?'),
        (Action::Suspend as u16, 'N', 'N', '~')
    );
    assert_eq!(
        status(Options, b'R', b'1'),
        (Action::Rotation as u16, 'N', 'Y', '~')
    );
    assert_eq!(
        status(Options, b'L', b' '),
        (Action::Trading as u16, 'Y', 'Y', '~')
    );
    assert_eq!(
        status(Futures, b'Q', b' '),
        (Action::PreOpen as u16, 'N', 'Y', '~')
    );
    assert_eq!(
        status(Futures, b'?', b' '),
        (Action::None as u16, '~', '~', '~')
    );
}

#[test]
fn auctions_to_come() {
    let common: [&[u8]; 8] = [
        &OFFSET,
        b"XYZ     ",
        b"O",
        &LONG_PRICE,
        &[0x2c, 1, 0, 0],                // 300 buy
        &HUNDRED,                        // 100 sell
        &[0x10, 0x27, 0, 0, 0, 0, 0, 0], // indicative 1.0000
        &[0; 8],                         // no auction-only price
    ];
    let mut bench = Bench::new(Equities);
    bench.take(&message(&[&[&[47, 0x95][..]], &common[..]].concat()));
    let auction: ImbalanceMsg = bench.one();
    assert_eq!(auction.hd.ts_event, RECEIVED + 1_000);
    assert_eq!(
        (
            auction.ref_price,
            auction.cont_book_clr_price,
            auction.auct_interest_clr_price
        ),
        (123_456_700_000, 1_000_000_000, UNDEF_PRICE)
    );
    assert_eq!(
        (auction.paired_qty, auction.total_imbalance_qty),
        (100, 200)
    );
    assert_eq!(
        (auction.side as u8, auction.auction_type as u8),
        (b'B', b'O')
    );

    let mut bench = Bench::new(Options);
    let behind: [&[u8]; 3] = [b"O", &LONG_PRICE, &LONG_PRICE];
    bench.take(&message(
        &[&[&[64, 0xD1][..]], &common[..], &behind[..]].concat(),
    ));
    let auction: ImbalanceMsg = bench.one();
    assert_eq!((auction.paired_qty, auction.side as u8), (100, b'B'));
}

#[test]
fn a_series_is_defined_when_its_mapping_says_something_new() {
    let mapping = |osi: &[u8; 21]| message(&[&[38, 0x2E], b"01aBcD", osi, b"N", b"AAPL    "]);
    let mut bench = Bench::new(Options);
    bench.take(&mapping(b"AAPL  231117P00152500"));
    let definition: InstrumentDefMsg = bench.one();
    assert_eq!(definition.hd.instrument_id, 1);
    assert_eq!(definition.hd.ts_event, UNDEF_TIMESTAMP);
    assert_eq!(definition.instrument_class as u8, b'P');
    assert_eq!(text(&definition.raw_symbol), "AAPL  231117P00152500");
    assert_eq!(
        (text(&definition.asset), text(&definition.underlying)),
        ("AAPL".into(), "AAPL".into())
    );
    assert_eq!(definition.strike_price, 152_500_000_000);
    // 2023-11-17 00:00 in New York.
    assert_eq!(definition.expiration, 1_700_197_200_000_000_000);
    assert_eq!(
        (
            definition.maturity_year,
            definition.maturity_month,
            definition.maturity_day
        ),
        (2023, 11, 17)
    );
    assert_eq!(definition.channel_id, 7);
    // Sent again it is counted, and there for those who want the exchange's bytes.
    bench.take(&mapping(b"AAPL  231117P00152500"));
    assert!(bench.sink.records(Output::Full).is_empty());
    assert_eq!(bench.sink.records(Output::Native).len(), 1);
    bench.take(&mapping(b"AAPL  231117C00152500"));
    assert_eq!(bench.one::<InstrumentDefMsg>().instrument_class as u8, b'C');
    assert_eq!(bench.decoder.counters().unmapped, 0);
    for wrong in [
        b"AAPL  231117X00152500",
        b"AAPL  231317C00152500",
        b"AAPL  231117C0015250x",
        b"      231117C00152500",
    ] {
        unmapped(Options, &mapping(wrong), 1);
    }
}

#[test]
fn spreads_are_defined_leg_by_leg() {
    let mut bench = Bench::new(ComplexOptions);
    bench.take(&message(&[
        &[25 + 2 * 13, 0x9A],
        &OFFSET,
        b"T00001",
        b"AAPL    ",
        b"E   ",
        &[2],
        b"01aBcD  ",
        &[1, 0, 0, 0],
        b"O",
        b"AAPL    ",
        &[0x9c, 0xff, 0xff, 0xff], // -100
        b"E",
    ]));
    let records: Vec<InstrumentDefMsg> = bench
        .sink
        .records(Output::Full)
        .iter()
        .map(|r| view(r))
        .collect();
    assert_eq!(records.len(), 2);
    for (record, (number, symbol, ratio, side, class)) in records
        .iter()
        .zip([(2, "01aBcD", 1, b'B', 0), (3, "AAPL", 100, b'A', b'K')])
    {
        assert_eq!(record.hd.instrument_id, 1);
        assert_eq!(record.hd.ts_event, RECEIVED + 1_000);
        assert_eq!(
            (text(&record.raw_symbol), text(&record.underlying)),
            ("T00001".into(), "AAPL".into())
        );
        assert_eq!((record.instrument_class as u8, record.leg_count), (b'M', 2));
        assert_eq!(
            (record.leg_instrument_id, text(&record.leg_raw_symbol)),
            (number, symbol.into())
        );
        assert_eq!(
            (
                record.leg_ratio_qty_numerator,
                record.leg_ratio_qty_denominator
            ),
            (ratio, 1)
        );
        assert_eq!(
            (record.leg_side as u8, record.leg_instrument_class as u8),
            (side, class)
        );
    }
    assert_eq!((records[0].leg_index, records[1].leg_index), (0, 1));
}

#[test]
fn futures_are_defined_with_a_time_of_their_own() {
    let definition = |legs: u8, behind: &[u8]| {
        let length = [45 + behind.len() as u8, 0xBB];
        let leg_offset = if legs == 0 { 0 } else { 45 };
        message(&[
            &length,
            &OFFSET,
            b"0003Gc",
            &[0, 0xf1, 0x53, 0x65], // 1,700,000,000 seconds
            b"VX    ",
            &[0],
            &[0x9d, 0xb0, 0x34, 1], // 20,230,301
            &[0xe8, 0x03],          // 1,000
            b"A",
            &[0xf4, 1, 0, 0, 0, 0, 0, 0], // 0.0500
            &[legs, leg_offset, 0],
            &[0; 4],
            behind,
        ])
    };
    let mut bench = Bench::new(Futures);
    bench.take(&definition(0, &[]));
    let record: InstrumentDefMsg = bench.one();
    assert_eq!(record.hd.ts_event, RECEIVED + 1_000);
    assert_eq!(
        (text(&record.raw_symbol), text(&record.asset)),
        ("0003Gc".into(), "VX".into())
    );
    assert_eq!((record.instrument_class as u8, record.leg_count), (b'F', 0));
    assert_eq!(
        (record.min_price_increment, record.contract_multiplier),
        (50_000_000, 1_000)
    );
    // 2023-03-01 00:00 in Chicago.
    assert_eq!(record.expiration, 1_677_650_400_000_000_000);
    // Sent again later, it says nothing new.
    let mut again = definition(0, &[]);
    again[11] += 1;
    bench.take(&again);
    assert!(bench.sink.records(Output::Full).is_empty());

    let legs = [
        &[0xff, 0xff, 0xff, 0xff][..],
        b"0003Gd",
        &[1, 0, 0, 0],
        b"0003Ge",
    ]
    .concat();
    bench.take(&definition(2, &legs));
    let records: Vec<InstrumentDefMsg> = bench
        .sink
        .records(Output::Plain)
        .iter()
        .map(|r| view(r))
        .collect();
    let legs: Vec<_> = records
        .iter()
        .map(|leg| {
            (
                leg.leg_side as u8,
                leg.leg_ratio_qty_numerator,
                text(&leg.leg_raw_symbol),
            )
        })
        .collect();
    assert_eq!(
        legs,
        [(b'A', 1, "0003Gd".into()), (b'B', 1, "0003Ge".into())]
    );
    assert_eq!(records[0].instrument_class as u8, b'S');
}

#[test]
fn what_dbn_has_no_record_for_goes_out_as_it_is() {
    let symbol6: &[u8] = b"XYZ   ";
    let symbol8: &[u8] = b"XYZ     ";
    unmapped(Equities, &message(&[&[14, 0x2C], &OFFSET, &EXECUTION]), 0);
    unmapped(Equities, &message(&[&[6, 0x2D], &OFFSET]), 0);
    unmapped(
        Equities,
        &message(&[&[27, 0x96], &OFFSET, symbol8, b"O", &LONG_PRICE, &HUNDRED]),
        1,
    );
    unmapped(
        Equities,
        &message(&[&[15, 0x98], &OFFSET, symbol8, b"A"]),
        1,
    );
    unmapped(
        Options,
        &message(&[&[19, 0xD2], &OFFSET, symbol8, b"R", &[15, 0, 0, 0]]),
        0,
    );
    unmapped(Options, &message(&[&[14, 0xAE], &OFFSET, &ORDER]), 0);
    unmapped(
        Options,
        &message(&[
            &[34, 0xAF],
            &OFFSET,
            &ORDER,
            &EXECUTION,
            &LONG_PRICE,
            &HUNDRED,
        ]),
        0,
    );
    unmapped(Options, &message(&[&[6, 0xBC], &OFFSET]), 0);
    unmapped(Futures, &message(&[&[6, 0xBD], &OFFSET]), 0);
    unmapped(
        Options,
        &message(&[&[42, 0x9D], &OFFSET, &[b'S'; 20], &LONG_PRICE, &LONG_PRICE]),
        0,
    );
    unmapped(
        Options,
        &message(&[
            &[58, 0x9E],
            symbol6,
            &[b'O'; 21],
            b"N",
            symbol8,
            &[b'S'; 20],
        ]),
        1,
    );
    let notification: [&[u8]; 11] = [
        &[47, 0xAD],
        &OFFSET,
        symbol6,
        &ORDER,
        b"BS",
        &LONG_PRICE,
        &HUNDRED,
        b"C",
        b"MPID",
        &OFFSET,
        b"CLNT",
    ];
    unmapped(Options, &message(&notification), 1);
    unmapped(
        Futures,
        &message(&[&[28, 0xBE], &OFFSET, symbol6, &LONG_PRICE, &LONG_PRICE]),
        1,
    );
    unmapped(
        Futures,
        &message(&[&[25, 0xB9], &OFFSET, symbol6, &HUNDRED, &LONG_PRICE, b"S"]),
        1,
    );
    unmapped(
        Futures,
        &message(&[&[20, 0xD3], &OFFSET, symbol6, &HUNDRED, &HUNDRED]),
        1,
    );
    unmapped(
        Futures,
        &message(&[&[65, 0xBA], &OFFSET, symbol6, &[0; 53]]),
        1,
    );
    unmapped(
        Futures,
        &message(&[
            &[40, 0xFA],
            &OFFSET,
            &HUNDRED,
            symbol6,
            &[b' '; 12],
            &[0; 12],
        ]),
        1,
    );
}

#[test]
fn a_length_that_does_not_fit_is_refused_and_counted() {
    let delete = |length: usize| {
        let mut bytes = vec![0x29];
        bytes.resize(length - 1, 0);
        bytes
    };
    let cases: [(Market, Vec<u8>, [u64; 4]); 7] = [
        (Equities, delete(13), [0, 1, 0, 0]),
        (Equities, delete(15), [0, 0, 1, 0]),
        (Equities, vec![], [0, 0, 0, 1]),
        (Equities, vec![0x99, 1], [1, 0, 0, 0]),
        // What another market has: a futures' add has no flags, equities have no Symbol Mapping.
        (Equities, [&[0x22], &[b' '; 23][..]].concat(), [0, 1, 0, 0]),
        (Futures, [&[0x22], &[b' '; 24][..]].concat(), [0, 0, 1, 0]),
        (Equities, [&[0x2E], &[b' '; 36][..]].concat(), [1, 0, 0, 0]),
    ];
    for (market, bytes, expected) in cases {
        let (mut decoder, mut sink) = (decoder(market), everything());
        decoder.message(&Default::default(), &bytes, &mut sink);
        let counters = decoder.counters();
        let counted = [
            counters.unknown_types,
            counters.too_short,
            counters.too_long,
            counters.empty,
        ];
        assert_eq!(counted, expected, "{market:?} {bytes:x?}");
        assert!(sink.published.is_empty());
    }
}
