//! What is done to orders that are known: `full` records, and the instrument of `plain` ones.

use dbn::flags::{LAST, MAYBE_BAD_BOOK, PUBLISHER_SPECIFIC};
use dbn::{UNDEF_ORDER_SIZE, UNDEF_PRICE};
use gateway_feed::decoder::{Decoder, Discontinuity};
use gateway_feed::pitch::Market::Equities;
use gateway_feed::pitch::layout::{
    Price4, ShortPrice, Symbol6, WriteAddLong, WriteAddShort, WriteDelete, WriteExecuted,
    WriteExecutedAtPrice, WriteModifyLong, WriteModifyShort, WriteReduceLong, WriteReduceShort,
    WriteUnitClear,
};
use gateway_feed::sink::{MessageContext, Output};

use crate::Bench;

const ID: u64 = 0x3904_b28a_c1cd_c2d9;

/// A bench on which order [`ID`] to buy 100 at 27.87 rests.
fn resting() -> Bench {
    let mut bench = Bench::new(Equities);
    let add = WriteAddShort {
        order_id: ID,
        side: b'B',
        quantity: 100,
        symbol: Symbol6(*b"XYZ   "),
        price: ShortPrice(2_787),
        ..WriteAddShort::default()
    };
    bench.take(&add.encode(Equities));
    assert_eq!(bench.decoder.counters().orders.live, 1);
    bench
}

fn live(bench: &Bench) -> u64 {
    bench.decoder.counters().orders.live
}

#[test]
fn a_delete_cancels_what_is_left() {
    let mut bench = resting();
    let reduce = WriteReduceShort {
        order_id: ID,
        quantity: 30,
        ..WriteReduceShort::default()
    };
    bench.take(&reduce.encode(Equities));
    assert_eq!(
        bench.orders(Output::Full),
        [(1, 'C', 'B', ID, 27_870_000_000, 30, LAST)]
    );
    let flags = LAST | PUBLISHER_SPECIFIC;
    assert_eq!(
        bench.orders(Output::Plain),
        [(1, 'C', 'N', ID, UNDEF_PRICE, 30, flags)]
    );
    let delete = WriteDelete {
        order_id: ID,
        ..WriteDelete::default()
    };
    bench.take(&delete.encode(Equities));
    assert_eq!(
        bench.orders(Output::Full),
        [(1, 'C', 'B', ID, 27_870_000_000, 70, LAST)]
    );
    assert_eq!(
        bench.orders(Output::Plain),
        [(1, 'C', 'N', ID, UNDEF_PRICE, UNDEF_ORDER_SIZE, flags)]
    );
    assert_eq!(live(&bench), 0);
    // The same number may be added again.
    let add = WriteAddLong {
        order_id: ID,
        side: b'S',
        quantity: 5,
        symbol: Symbol6(*b"XYZ   "),
        // 700,000.00: in the index in units of 0.01.
        price: Price4(7_000_000_000),
        ..WriteAddLong::default()
    };
    bench.take(&add.encode(Equities));
    bench.take(&delete.encode(Equities));
    assert_eq!(
        bench.orders(Output::Full),
        [(1, 'C', 'A', ID, 700_000_000_000_000, 5, LAST)]
    );
    assert_eq!(bench.decoder.counters().orders.duplicate, 0);
}

#[test]
fn an_execution_is_a_trade_a_fill_and_a_cancel() {
    let mut bench = resting();
    let executed = WriteExecuted {
        order_id: ID,
        quantity: 60,
        ..WriteExecuted::default()
    };
    bench.take(&executed.encode(Equities));
    assert_eq!(
        bench.orders(Output::Full),
        [
            (1, 'T', 'A', 0, 27_870_000_000, 60, 0),
            (1, 'F', 'B', ID, 27_870_000_000, 60, 0),
            (1, 'C', 'B', ID, 27_870_000_000, 60, LAST),
        ]
    );
    assert_eq!(live(&bench), 1);
    // More than is left: the order is gone, and it is counted.
    bench.take(&executed.encode(Equities));
    assert_eq!(
        (live(&bench), bench.decoder.counters().orders.inconsistent),
        (0, 1)
    );
}

#[test]
fn an_execution_at_another_price_leaves_what_it_says() {
    let at_price = |quantity, remaining| {
        let executed = WriteExecutedAtPrice {
            order_id: ID,
            quantity,
            remaining,
            price: Price4(280_000),
            ..WriteExecutedAtPrice::default()
        };
        executed.encode(Equities)
    };
    let trade_and_fill = |quantity| {
        [
            (1, 'T', 'A', 0, 28_000_000_000, quantity, 0),
            (1, 'F', 'B', ID, 28_000_000_000, quantity, 0),
        ]
    };
    let mut bench = resting();
    bench.take(&at_price(40, 60));
    let cancel = [(1, 'C', 'B', ID, 27_870_000_000, 40, LAST)];
    assert_eq!(
        bench.orders(Output::Full),
        [&trade_and_fill(40)[..], &cancel].concat()
    );
    // Sixty are left; it says fifty: the order rests anew.
    bench.take(&at_price(20, 50));
    let modify = [(1, 'M', 'B', ID, 27_870_000_000, 50, LAST)];
    assert_eq!(
        bench.orders(Output::Full),
        [&trade_and_fill(20)[..], &modify].concat()
    );
    assert_eq!(live(&bench), 1);
    // Fifty are left; all are gone with ten.
    bench.take(&at_price(10, 0));
    let cancel = [(1, 'C', 'B', ID, 27_870_000_000, 50, LAST)];
    assert_eq!(
        bench.orders(Output::Full),
        [&trade_and_fill(10)[..], &cancel].concat()
    );
    assert_eq!(
        (live(&bench), bench.decoder.counters().orders.inconsistent),
        (0, 0)
    );
}

#[test]
fn a_modification_has_the_order_s_side() {
    let mut bench = resting();
    let modify = WriteModifyShort {
        order_id: ID,
        quantity: 250,
        price: ShortPrice(2_790),
        ..WriteModifyShort::default()
    };
    bench.take(&modify.encode(Equities));
    assert_eq!(
        bench.orders(Output::Full),
        [(1, 'M', 'B', ID, 27_900_000_000, 250, LAST)]
    );
    let flags = LAST | PUBLISHER_SPECIFIC;
    assert_eq!(
        bench.orders(Output::Plain),
        [(1, 'M', 'N', ID, 27_900_000_000, 250, flags)]
    );
    let reduce = WriteReduceLong {
        order_id: ID,
        quantity: 50,
        ..WriteReduceLong::default()
    };
    bench.take(&reduce.encode(Equities));
    assert_eq!(
        bench.orders(Output::Full),
        [(1, 'C', 'B', ID, 27_900_000_000, 50, LAST)]
    );
    // A price that the index cannot keep: the order is unknown from here on, and the book suspect.
    let modify = WriteModifyLong {
        order_id: ID,
        quantity: 200,
        price: Price4(i64::MAX),
        ..WriteModifyLong::default()
    };
    bench.take(&modify.encode(Equities));
    assert_eq!(
        bench.orders(Output::Full),
        [(1, 'M', 'B', ID, UNDEF_PRICE, 200, LAST | MAYBE_BAD_BOOK)]
    );
    assert_eq!(
        (live(&bench), bench.decoder.counters().orders.overflowed),
        (0, 1)
    );
}

#[test]
fn a_unit_clear_empties_every_book_and_makes_it_right() {
    let mut bench = resting();
    let context = MessageContext {
        sequence: 9,
        ts_recv: crate::RECEIVED,
    };
    bench
        .decoder
        .discontinuity(Discontinuity::Lost, &context, &mut bench.sink);
    let reduce = WriteReduceShort {
        order_id: ID,
        quantity: 1,
        ..WriteReduceShort::default()
    };
    bench.take(&reduce.encode(Equities));
    let flags = LAST | MAYBE_BAD_BOOK;
    assert_eq!(
        bench.orders(Output::Full),
        [(1, 'C', 'B', ID, 27_870_000_000, 1, flags)]
    );
    bench.take(&WriteUnitClear::default().encode(Equities));
    assert_eq!(
        bench.orders(Output::Full),
        [(1, 'R', 'N', 0, UNDEF_PRICE, 0, LAST)]
    );
    assert_eq!(bench.orders(Output::Full), bench.orders(Output::Plain));
    assert_eq!(live(&bench), 0);
    bench.take(&reduce.encode(Equities));
    assert_eq!(
        bench.orders(Output::Full)[0].0,
        0,
        "the order is not known any more"
    );
}

#[test]
fn an_order_that_comes_twice_makes_its_book_suspect() {
    let mut bench = resting();
    let add = WriteAddShort {
        order_id: ID,
        side: b'S',
        quantity: 1,
        symbol: Symbol6(*b"ABC   "),
        price: ShortPrice(100),
        ..WriteAddShort::default()
    };
    bench.take(&add.encode(Equities));
    assert_eq!(
        bench.orders(Output::Full),
        [(2, 'A', 'A', ID, 1_000_000_000, 1, LAST | MAYBE_BAD_BOOK)]
    );
    assert_eq!(bench.decoder.counters().orders.duplicate, 1);
}
