//! Messages byte by byte as the schema has them, and the records that they become.

use gateway_feed::decoder::{Decoder, Discontinuity};
use gateway_feed::record::v3::{InstrumentDefMsg, MboMsg};
use gateway_feed::sink::{MessageContext, Output};

use crate::{RECEIVED, bytes, decode, decoder, everything, lines, view};

/// 2018-09-15 14:59:59.999999 UTC, little-endian: a microsecond before it is received.
fn time() -> String {
    let time = (RECEIVED - 1_000).to_le_bytes();
    time.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The lines of some messages; all are decoded.
fn told(messages: &[String]) -> Vec<String> {
    let (mut decoder, mut sink) = (decoder(), everything());
    for message in messages {
        decode(&mut decoder, &mut sink, &bytes(message));
    }
    assert_eq!(decoder.counters().messages(), messages.len() as u64);
    lines(&sink)
}

/// A message of version 9 with a root of incremental refreshes.
fn refresh(template: u8, indicator: u8, groups: &str) -> String {
    format!(
        "0b00 {template:02x}00 0100 0900 {} {indicator:02x} 0000 {groups}",
        time()
    )
}

const NO_ORDERS: &str = "1800 0000000000 00";

/// An entry of a book: 1.5 x 20 of security `id`.
fn entry(id: u8, level: u8, action: u8, kind: char) -> String {
    let kind = kind as u8;
    format!(
        "002f685900000000 14000000 {id:02x}000000 01000000 03000000 {level:02x} {action:02x} {kind:02x} 0000000000"
    )
}

#[test]
fn a_level_is_one_record_with_every_field() {
    let (mut decoder, mut sink) = (decoder(), everything());
    let message = refresh(
        46,
        0x84,
        &format!("2000 01 {} {NO_ORDERS}", entry(9, 2, 0, '1')),
    );
    decode(&mut decoder, &mut sink, &bytes(&message));
    let order: MboMsg = view(sink.records(Output::Full)[0]);
    assert_eq!((order.hd.publisher_id, order.hd.instrument_id), (1, 1));
    assert_eq!(
        (order.hd.ts_event, order.ts_recv),
        (RECEIVED - 1_000, RECEIVED)
    );
    assert_eq!(
        (order.ts_in_delta, order.sequence, order.channel_id),
        (1_000, 5, 7)
    );
    assert_eq!(
        (order.price, order.size, order.order_id),
        (1_500_000_000, 20, 2)
    );
    assert_eq!((order.action as u8, order.side as u8), (b'A', b'A'));
    assert_eq!(order.flags.raw(), dbn::flags::LAST | dbn::flags::MBP);
}

#[test]
fn what_is_done_to_levels() {
    let groups = |entries: &[String]| {
        format!(
            "2000 {:02x} {} {NO_ORDERS}",
            entries.len(),
            entries.concat()
        )
    };
    let actions: Vec<String> = [0, 1, 5, 2].map(|action| entry(9, 2, action, '0')).to_vec();
    assert_eq!(
        told(&[refresh(46, 0, &groups(&actions))]),
        [
            "A B #1 order 0x2 1500000000 x 20 M",
            "M B #1 order 0x2 1500000000 x 20 M",
            "M B #1 order 0x2 1500000000 x 20 M",
            "C B #1 order 0x2 1500000000 x 20 M",
        ]
    );
    // Delete through level 2, delete from level 9 of ten, delete from level 1 of two implied ones.
    let runs = [
        entry(9, 2, 3, '0'),
        entry(9, 9, 4, '1'),
        entry(9, 1, 4, 'E'),
    ];
    assert_eq!(
        told(&[refresh(46, 0x80, &groups(&runs))]),
        [
            "C B #1 order 0x2 - x - M",
            "C B #1 order 0x1 - x - M",
            "C A #1 order 0xa - x - M",
            "C A #1 order 0x9 - x - M",
            "C B #1 order 0x2 - x - Mp",
            "C B #1 order 0x1 - x - LMp",
        ]
    );
    // The implied book, and a reset of both.
    let others = [entry(9, 1, 0, 'F'), entry(9, 1, 0, 'J')];
    assert_eq!(
        told(&[refresh(46, 0x10, &groups(&others))]),
        [
            "A A #1 order 0x1 1500000000 x 20 Mp",
            "R N #1 order 0x0 - x 0",
            "R N #1 order 0x0 - x 0 LM",
        ]
    );
    // Neither an action nor an entry type of that number: the message goes out as it is, once, for what is left.
    let unknown = [
        entry(9, 1, 6, '0'),
        entry(9, 1, 0, 'Z'),
        entry(9, 1, 0, '0'),
    ];
    assert_eq!(
        told(&[refresh(46, 0, &groups(&unknown))]),
        ["A B #1 order 0x1 1500000000 x 20 M", "native #1"]
    );
}

#[test]
fn prices_and_quantities_that_are_none_or_do_not_fit_are_undefined() {
    // No price, no size.
    let none = "ffffffffffffff7f ffffff7f 09000000 01000000 ffffff7f 01 01 30 0000000000";
    assert_eq!(
        told(&[refresh(46, 0, &format!("2000 01 {none} {NO_ORDERS}"))]),
        ["M B #1 order 0x1 - x - M"]
    );
    // Seven decimal places: 2^57 units are more than 9,223,372,036; a negative size is none.
    let large = "0000000000000002 ffffffff 09000000 01000000 01000000 01 01 30 0000000000";
    assert_eq!(
        told(&[refresh(32, 0, &format!("2000 01 {large} {NO_ORDERS}"))]),
        ["M B #1 order 0x1 - x - M"]
    );
    // A negative price is a price.
    let negative = "ffffffffffffffff 01000000 09000000 01000000 01000000 01 01 30 0000000000";
    assert_eq!(
        told(&[refresh(32, 0, &format!("2000 01 {negative} {NO_ORDERS}"))]),
        ["M B #1 order 0x1 -100 x 1 M"]
    );
    // A long quantity that fits, and one that does not.
    let long =
        |size: &str| format!("002f685900000000 {size} 09000000 01000000 03000000 01 00 30 00");
    let groups = format!(
        "2000 02 {} {} {NO_ORDERS}",
        long("0094357700000000"),
        long("0000000001000000")
    );
    assert_eq!(
        told(&[refresh(64, 0, &groups)]),
        [
            "A B #1 order 0x1 1500000000 x 2000000000 M",
            "A B #1 order 0x1 1500000000 x - M",
        ]
    );
}

#[test]
fn orders_are_of_the_level_that_they_name() {
    let order = |id: u8, reference: u8, action: u8| {
        format!(
            "{id:02x}00000000000000 0700000000000000 05000000 {reference:02x} {action:02x} 0000"
        )
    };
    let groups = format!(
        "2000 02 {} {} 1800 0000000000 04 {} {} {} {}",
        entry(8, 1, 0, '0'),
        entry(9, 3, 2, '1'),
        order(0x21, 1, 0),
        order(0x22, 2, 2),
        order(0x23, 1, 1),
        // There is no third level.
        order(0x24, 3, 0),
    );
    assert_eq!(
        told(&[refresh(46, 0x84, &groups)]),
        [
            "A B #1 order 0x1 1500000000 x 20 M",
            "C A #2 order 0x3 1500000000 x 20 M",
            "A B #1 order 0x21 1500000000 x 5",
            "C A #2 order 0x22 1500000000 x 5 L",
            "M B #1 order 0x23 1500000000 x 5 L",
            "native #0",
        ]
    );
}

#[test]
fn the_last_record_of_each_instrument_says_that_the_event_is_over() {
    let book = |indicator, entries: &[String]| {
        let groups = format!(
            "2000 {:02x} {} {NO_ORDERS}",
            entries.len(),
            entries.concat()
        );
        refresh(46, indicator, &groups)
    };
    let bid = |id| entry(id, 1, 1, '0');
    // Within a message, each instrument's own last; those of the messages before are told behind.
    let messages = [
        book(0, &[bid(7), bid(8)]),
        book(0x84, &[bid(8), bid(9), bid(8)]),
    ];
    assert_eq!(
        told(&messages),
        [
            "M B #1 order 0x1 1500000000 x 20 M",
            "M B #2 order 0x1 1500000000 x 20 M",
            "M B #2 order 0x1 1500000000 x 20 M",
            "M B #3 order 0x1 1500000000 x 20 LM",
            "M B #2 order 0x1 1500000000 x 20 LM",
            "N N #1 order 0x0 - x 0 L",
        ]
    );
    // A message of statistics may end it.
    let volume = refresh(37, 0x80, "1000 01 0a000000 07000000 02000000 00 000000");
    assert_eq!(
        told(&[book(0, &[bid(7)]), volume]),
        [
            "M B #1 order 0x1 1500000000 x 20 M",
            "stat 10001 #1 - x 10 action 1 flags 0",
            "N N #1 order 0x0 - x 0 L",
        ]
    );
}

#[test]
fn trades_with_their_orders_and_those_that_are_taken_back() {
    let trade = |id: u8, orders: u8, aggressor: u8, action: u8| {
        format!(
            "002f685900000000 14000000 {id:02x}000000 01000000 {orders:02x}000000 {aggressor:02x} {action:02x} 2a000000 0000"
        )
    };
    let order = |id: u8| format!("{id:02x}00000000000000 0a000000 00000000");
    let groups = format!(
        "2000 03 {} {} {} 1000 0000000000 05 {} {} {} {} {}",
        trade(7, 2, 1, 0),
        trade(8, 2, 2, 2),
        trade(9, 2, 0, 0),
        order(1),
        order(2),
        order(3),
        order(4),
        order(5),
    );
    // Trade 42 twice; the orders of the one that was cancelled are not the others'. The last one has fewer orders than it says.
    assert_eq!(
        told(&[refresh(48, 0x80, &groups)]),
        [
            "T B #1 order 0x2a 1500000000 x 20",
            "F B #1 order 0x1 1500000000 x 10",
            "F A #1 order 0x2 1500000000 x 10 L",
            "T N #3 order 0x2a 1500000000 x 20",
            "F N #3 order 0x5 1500000000 x 10 L",
            "native #0",
        ]
    );
    let long =
        "002f685900000000 1400000000000000 07000000 01000000 00000000 2b000000 02 00 000000000000";
    assert_eq!(
        told(&[refresh(
            65,
            0x80,
            &format!("2800 01 {long} 1000 0000000000 00")
        )]),
        ["T A #1 order 0x2b 1500000000 x 20 L"]
    );
}

#[test]
fn statistics_of_the_day_and_limits() {
    let daily = |kind: char, action: u8| {
        format!(
            "002f685900000000 14000000 07000000 01000000 a046 07 {action:02x} {:02x} 00000000000000",
            kind as u8
        )
    };
    let groups = format!(
        "2000 04 {} {} {} {}",
        daily('6', 0),
        daily('B', 0),
        daily('C', 2),
        daily('W', 0)
    );
    assert_eq!(
        told(&[refresh(49, 0, &groups)]),
        [
            "stat 3 #1 1500000000 x 20 action 1 flags 7 of day 18080",
            "stat 6 #1 1500000000 x 20 action 1 flags 7 of day 18080",
            "stat 9 #1 1500000000 x 20 action 2 flags 7 of day 18080",
            "stat 10 #1 1500000000 x 20 action 1 flags 7 of day 18080",
        ]
    );
    // An upper limit, and none below any more.
    let limits = "2000 01 002f685900000000 ffffffffffffff7f 0065cd1d00000000 07000000 01000000";
    assert_eq!(
        told(&[refresh(50, 0, limits)]),
        [
            "stat 17 #1 1500000000 x - action 1 flags 0",
            "stat 18 #1 - x - action 2 flags 0",
        ]
    );
    let session = |kind: char, flag: u8| {
        format!(
            "002f685900000000 07000000 01000000 {flag:02x} 00 {:02x} 14000000 00",
            kind as u8
        )
    };
    let groups = format!(
        "1800 04 {} {} {} {}",
        session('4', 5),
        session('4', 0),
        session('N', 255),
        session('O', 255)
    );
    assert_eq!(
        told(&[refresh(51, 0, &groups)]),
        [
            "stat 2 #1 1500000000 x 20 action 1 flags 0",
            "stat 1 #1 1500000000 x 20 action 1 flags 0",
            "stat 8 #1 1500000000 x 20 action 1 flags 0",
            "stat 7 #1 1500000000 x 20 action 1 flags 0",
        ]
    );
}

#[test]
fn snapshots_begin_with_an_empty_book() {
    let level = |kind: char, level: u8| {
        format!(
            "002f685900000000 14000000 03000000 {level:02x} a046 ff 07 {:02x}",
            kind as u8
        )
    };
    let snapshot = format!(
        "3b00 3400 0100 0900 40000000 01000000 07000000 02000000 {} {} a046 11
        ffffffffffffff7f ffffffffffffff7f ffffffffffffff7f 1600 03 {} {} {}",
        time(),
        time(),
        level('0', 1),
        level('6', 0x7f),
        level('F', 2),
    );
    assert_eq!(
        told(&[snapshot]),
        [
            "R N #1 order 0x0 - x 0 MS",
            "A B #1 order 0x1 1500000000 x 20 MS",
            "A A #1 order 0x2 1500000000 x 20 LMpS",
            "stat 3 #1 1500000000 x 20 action 1 flags 7 of day 18080",
        ]
    );
    // Orders come in parts: the first clears, the last completes.
    let part = |current: u8, id: u8, kind: char| {
        format!(
            "1c00 3500 0100 0900 40000000 01000000 07000000 02000000 {current:02x}000000 {}
            1d00 01 {id:02x}00000000000000 0300000000000000 002f685900000000 14000000 {:02x}",
            time(),
            kind as u8
        )
    };
    assert_eq!(
        told(&[part(1, 0x21, '0'), part(2, 0x22, '1')]),
        [
            "R N #1 order 0x0 - x 0 S",
            "A B #1 order 0x21 1500000000 x 20 S",
            "A A #1 order 0x22 1500000000 x 20 LS",
        ]
    );
}

/// A message of a status of security `id`, or of the group ES.
fn status(id: Option<u8>, state: u8, reason: u8, event: u8) -> String {
    let id = id.map_or("ffffff7f".to_owned(), |id| format!("{id:02x}000000"));
    format!(
        "1e00 1e00 0100 0900 {} 455300000000 000000000000 {id} ed43 80 {state:02x} {reason:02x} {event:02x}",
        time()
    )
}

#[test]
fn states_of_an_instrument() {
    assert_eq!(
        told(&[
            status(Some(7), 2, 1, 0),
            status(Some(7), 17, 0, 1),
            status(Some(7), 25, 3, 5),
            status(Some(7), 255, 5, 0),
            status(None, 17, 0, 0),
        ]),
        [
            "status #1 action 8 reason 2 event 0 trading N quoting N",
            "status #1 action 7 reason 1 event 1 trading Y quoting Y",
            "status #1 action 4 reason 4 event 3 trading N quoting Y",
            "status #1 action 0 reason 0 event 0 trading ~ quoting ~",
            // Of a group of which no instrument is known.
            "native #0",
        ]
    );
}

#[test]
fn an_option_is_defined_with_its_underlying() {
    let text = |text: &str, length: usize| {
        let mut field = text.as_bytes().to_vec();
        field.resize(length, 0);
        field
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let none = "ffffffffffffff7f";
    let message = format!(
        "d500 3700 0100 0900 00 ffffffff 41 {} ff 3701 41 05 {} {} {} {} 0c000000 {} {} 01
        e207 0c ff ff {} 0088526a74000000 {} {} {none} 46 01000000 88130000 80b2e60e00000000 {none} 8096980000000000
        7f ff ff ff {} 00743ba40b000000 {none} 00 ffffff7f ffffff7f {none} {none} 4e ffff
        0900 00 0400 00 0400 00 0500 01 02 10270000 1800 01 07000000 {} 1800 00",
        time(),
        text("XCME", 4),
        text("ES", 6),
        text("ES", 6),
        text("ESZ8 C0500", 20),
        text("OOF", 6),
        text("OCAFPS", 6),
        text("USD", 3),
        text("USD", 3),
        text("USD", 3),
        text("IPNT", 30),
        text("ESZ8", 20),
    );
    let (mut decoder, mut sink) = (decoder(), everything());
    let raw = bytes(&message);
    decode(&mut decoder, &mut sink, &raw);
    assert_eq!(decoder.counters().by_type[55], 1, "{} bytes", raw.len());
    let option: InstrumentDefMsg = view(sink.records(Output::Full)[0]);
    assert_eq!((option.hd.instrument_id, option.raw_instrument_id), (1, 12));
    assert_eq!((option.instrument_class as u8, option.leg_count), (b'C', 0));
    assert_eq!(option.strike_price, 500_000_000_000);
    assert_eq!((option.maturity_year, option.maturity_month), (2018, 12));
    assert_eq!(option.min_price_increment, 250_000_000);
    assert_eq!(
        (option.display_factor, option.unit_of_measure_qty),
        (10_000_000, 50_000_000_000)
    );
    assert_eq!(
        (option.underlying_id, option.min_lot_size_round_lot),
        (2, 1)
    );
    assert_eq!(
        option.underlying[..5]
            .iter()
            .map(|c| *c as u8)
            .collect::<Vec<_>>(),
        b"ESZ8\0"
    );
    assert_eq!(
        (option.activation, option.market_depth),
        (u64::MAX, i32::MAX)
    );
    // A definition of a kind that DBN has no record for tells a symbol nevertheless.
    let head = message.replace("d500 3700", "4700 3f00");
    let (mut decoder, mut sink) = (self::decoder(), everything());
    decode(&mut decoder, &mut sink, &bytes(&head));
    assert_eq!(
        (decoder.counters().instruments, lines(&sink)),
        (1, vec!["native #1".to_owned()])
    );
}

#[test]
fn a_channel_reset_empties_every_book_and_ends_doubt() {
    let (mut decoder, mut sink) = (decoder(), everything());
    let context = MessageContext {
        sequence: 6,
        ts_recv: RECEIVED,
    };
    let book = bytes(&refresh(
        46,
        0x84,
        &format!("2000 01 {} {NO_ORDERS}", entry(9, 1, 1, '0')),
    ));
    decode(&mut decoder, &mut sink, &book);
    decoder.discontinuity(Discontinuity::Lost, &context, &mut sink);
    decode(&mut decoder, &mut sink, &book);
    let reset = format!("0900 0400 0100 0900 {} 80 0200 01 3601", time());
    decode(&mut decoder, &mut sink, &bytes(&reset));
    decode(&mut decoder, &mut sink, &book);
    // A reset of one instrument's book does the same for it alone.
    decoder.discontinuity(Discontinuity::Lost, &context, &mut sink);
    let empty = refresh(
        46,
        0x84,
        &format!("2000 01 {} {NO_ORDERS}", entry(9, 1, 0, 'J')),
    );
    decode(&mut decoder, &mut sink, &bytes(&empty));
    let level = "M B #1 order 0x1 1500000000 x 20 LM";
    assert_eq!(
        lines(&sink),
        [
            level,
            "M B #1 order 0x1 1500000000 x 20 LM?",
            "R N #1 order 0x0 - x 0",
            "R N #1 order 0x0 - x 0 LM",
            level,
            "R N #1 order 0x0 - x 0",
            "R N #1 order 0x0 - x 0 LM",
        ]
    );
}

#[test]
fn a_new_week_numbers_anew() {
    let (mut decoder, mut sink) = (decoder(), everything());
    let context = MessageContext {
        sequence: 1,
        ts_recv: RECEIVED,
    };
    let book = |id| {
        bytes(&refresh(
            46,
            0x84,
            &format!("2000 01 {} {NO_ORDERS}", entry(id, 1, 1, '0')),
        ))
    };
    decode(&mut decoder, &mut sink, &book(9));
    decoder.discontinuity(Discontinuity::SessionChanged, &context, &mut sink);
    decode(&mut decoder, &mut sink, &book(8));
    let level = "M B #1 order 0x1 1500000000 x 20 LM";
    assert_eq!(
        lines(&sink),
        [
            level,
            "R N #1 order 0x0 - x 0",
            "R N #1 order 0x0 - x 0 LM",
            level
        ]
    );
}

#[test]
fn what_is_no_message_is_counted_and_publishes_nothing() {
    let (mut decoder, mut sink) = (decoder(), everything());
    let entry = entry(9, 1, 0, '0');
    let whole = bytes(&refresh(46, 0x84, &format!("2000 01 {entry} {NO_ORDERS}")));
    // Cut anywhere but where the groups, or the last one, may be left out.
    let allowed = [8 + 11, whole.len() - 8];
    for length in (1..whole.len()).filter(|length| !allowed.contains(length)) {
        decode(&mut decoder, &mut sink, &whole[..length]);
        assert_eq!(decoder.counters().too_short, 1, "{length}");
        decoder = self::decoder();
    }
    decode(&mut decoder, &mut sink, &[]);
    // An entry that is shorter than the fields of every version.
    let short = refresh(46, 0x84, "0800 01 002f685900000000");
    decode(&mut decoder, &mut sink, &bytes(&short));
    // Another schema, an unknown template, and one beyond what a byte counts.
    for foreign in [
        "0000 0c00 0200 0900",
        "0000 c800 0100 0900",
        "0000 0c01 0100 0900",
    ] {
        decode(&mut decoder, &mut sink, &bytes(foreign));
    }
    let counters = decoder.counters();
    assert_eq!(
        (counters.empty, counters.too_short, counters.unknown_types),
        (1, 1, 3)
    );
    assert_eq!((counters.messages(), sink.published.len()), (0, 0));
    // A heartbeat is a message that says nothing.
    decode(&mut decoder, &mut sink, &bytes("0000 0c00 0100 0900"));
    assert_eq!(
        (decoder.counters().by_type[12], sink.published.len()),
        (1, 0)
    );
}
