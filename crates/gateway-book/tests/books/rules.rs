//! One test for each row of the table in the crate's documentation.

use dbn::StatusAction;
use dbn::flags::{MAYBE_BAD_BOOK, SNAPSHOT};
use gateway_book::record::{ControlKind, InstrumentId};
use gateway_book::{
    Book, BookSide, Books, Change, LastTrade, Level, Reason, Subject, Validity, words,
};

use crate::support::{LAST, apply_all, books, books_of, control, definition, mbo, start, status};

fn book(books: &Books) -> Book<'_> {
    books.instrument(InstrumentId(7)).unwrap()
}

fn reason(books: &Books) -> Option<Reason> {
    match book(books).validity() {
        Validity::Valid { .. } => None,
        Validity::Invalid { reason, .. } => Some(reason),
    }
}

fn level(price: i64, size: u64, orders: u32) -> Option<Level> {
    Some(Level {
        price,
        size,
        orders,
    })
}

/// Books of a session that was seen from its start, with order 1 (bid, 30 at 100) and order 2 (ask, 20 at 101).
fn started() -> Books {
    let mut books = books();
    let _ = books.apply(&start(), 0);
    let orders = [
        mbo(7, "AB", 1, 100, 30, LAST),
        mbo(7, "AA", 2, 101, 20, LAST),
    ];
    apply_all(&mut books, &orders, 1);
    books
}

#[test]
fn a_book_of_a_session_seen_from_its_start_is_valid_since_then() {
    let books = started();
    assert_eq!(book(&books).validity(), Validity::Valid { since: 0 });
    assert_eq!(book(&books).best(BookSide::Bid), level(100, 30, 1));
    assert_eq!(book(&books).best(BookSide::Ask), level(101, 20, 1));
    assert_eq!((book(&books).sequence(), books.sequence()), (2, 2));
    assert_eq!(book(&books).venue_sequence(), 5);
    assert_eq!(book(&books).ts_event(), 77);
}

#[test]
fn what_changed_is_told_by_rank() {
    let mut books = started();
    let mut apply = |letters, order, price| {
        let record = mbo(7, letters, order, price, 5, LAST);
        books.apply(&words(&record), order)
    };
    for order in 0..9 {
        let applied = apply("AB", 10 + order, 99 - order as i64);
        assert_eq!(applied.change, Change::Ten, "level {}", order + 2);
    }
    assert_eq!(apply("AB", 30, 80).change, Change::Deeper);
    assert_eq!(apply("AB", 31, 102).change, Change::Best);
    // What was the tenth level is the eleventh now.
    assert_eq!(apply("CB", 18, 91).change, Change::Deeper);
    assert_eq!(apply("CB", 17, 92).change, Change::Ten);
    let applied = apply("FB", 31, 102);
    assert_eq!(applied.change, Change::Nothing);
    assert_eq!(
        applied.subject,
        Subject::Instrument {
            id: InstrumentId(7),
            slot: 0
        }
    );
}

#[test]
fn the_changes_of_a_message_add_up_until_it_is_complete() {
    let mut books = started();
    let cancel = books.apply(&words(&mbo(7, "CB", 1, 100, 30, 0)), 3);
    assert_eq!((cancel.change, cancel.complete), (Change::Best, false));
    assert!(!book(&books).is_complete());
    let trade = books.apply(&words(&mbo(7, "TA", 0, 100, 30, LAST)), 4);
    assert_eq!((trade.change, trade.complete), (Change::Best, true));
    assert!(book(&books).is_complete());
    let next = books.apply(&words(&mbo(7, "TA", 0, 100, 30, LAST)), 5);
    assert_eq!(next.change, Change::Nothing);
}

#[test]
fn the_last_trade_is_kept_and_one_of_nothing_is_none() {
    let mut books = started();
    let applied = books.apply(&words(&mbo(7, "TB", 0, 101, 4, LAST)), 3);
    assert!(applied.trade);
    let trade = LastTrade {
        price: 101,
        size: 4,
        aggressor: Some(BookSide::Bid),
        ts_event: 77,
        sequence: 3,
    };
    assert_eq!(book(&books).last_trade(), Some(trade));
    for nothing in [
        mbo(7, "TN", 0, i64::MAX, 4, LAST),
        mbo(7, "TN", 0, 9, 0, LAST),
    ] {
        assert!(!books.apply(&words(&nothing), 4).trade);
        assert_eq!(book(&books).last_trade(), Some(trade));
    }
}

#[test]
fn a_cancel_of_an_unknown_order_makes_the_book_invalid() {
    let mut books = started();
    let applied = books.apply(&words(&mbo(7, "CB", 99, 100, 30, LAST)), 3);
    assert!(applied.validity);
    let reason = Reason::UnknownOrder;
    assert_eq!(
        book(&books).validity(),
        Validity::Invalid { reason, since: 3 }
    );
    assert_eq!(books.counters().unknown_orders, 1);
    assert_eq!(book(&books).best(BookSide::Bid), level(100, 30, 1));
}

#[test]
fn a_cancel_of_another_instruments_order_leaves_it() {
    let mut books = started();
    let _ = books.apply(&words(&mbo(8, "CB", 1, 100, 30, LAST)), 3);
    assert_eq!(books.counters().unknown_orders, 1);
    assert_eq!(book(&books).best(BookSide::Bid), level(100, 30, 1));
    assert_eq!(reason(&books), None);
    let other = books.instrument(InstrumentId(8)).unwrap();
    assert!(!other.validity().is_valid());
}

#[test]
fn a_reduction_by_more_than_is_left_takes_the_order_and_is_counted() {
    let mut books = started();
    let _ = books.apply(&words(&mbo(7, "CB", 1, 100, 31, LAST)), 3);
    assert_eq!(book(&books).best(BookSide::Bid), None);
    assert_eq!(books.counters().overdrawn, 1);
    assert_eq!(reason(&books), None);
}

#[test]
fn a_cancel_without_price_side_or_size_takes_its_order() {
    let mut books = started();
    let _ = books.apply(&words(&mbo(7, "CN", 1, i64::MAX, 10, LAST)), 3);
    assert_eq!(book(&books).best(BookSide::Bid), level(100, 20, 1));
    let _ = books.apply(&words(&mbo(7, "CN", 1, i64::MAX, u32::MAX, LAST)), 3);
    assert_eq!(book(&books).best(BookSide::Bid), None);
    assert_eq!(reason(&books), None);
    assert_eq!(books.counters().overdrawn, 0);
}

#[test]
fn a_cancel_that_contradicts_its_order_is_applied_where_that_rests() {
    for contradiction in [
        mbo(7, "CB", 1, 101, 10, LAST),
        mbo(7, "CA", 1, 100, 10, LAST),
        mbo(7, "CA", 1, 101, 10, LAST),
    ] {
        let mut books = started();
        let _ = books.apply(&words(&contradiction), 3);
        assert_eq!(book(&books).best(BookSide::Bid), level(100, 20, 1));
        assert_eq!(book(&books).best(BookSide::Ask), level(101, 20, 1));
        assert_eq!(reason(&books), Some(Reason::Contradiction));
        assert_eq!(books.counters().contradictions, 1);
    }
}

#[test]
fn an_order_that_is_added_twice_rests_once() {
    let mut books = started();
    let _ = books.apply(&words(&mbo(7, "AB", 1, 98, 5, LAST)), 3);
    assert_eq!(book(&books).best(BookSide::Bid), level(98, 5, 1));
    assert_eq!(reason(&books), Some(Reason::DuplicateOrder));
    assert_eq!(books.counters().orders, 2);
    // Of another instrument: that one lost its order.
    let mut books = started();
    let applied = books.apply(&words(&mbo(8, "AB", 1, 98, 5, LAST)), 3);
    assert_eq!(applied.also, Some(0));
    assert_eq!(book(&books).best(BookSide::Bid), None);
    assert_eq!(reason(&books), Some(Reason::DuplicateOrder));
    let other = books.instrument(InstrumentId(8)).unwrap();
    assert!(!other.validity().is_valid());
}

#[test]
fn an_order_without_side_price_or_size_has_no_place_in_a_book() {
    for incomplete in [
        mbo(7, "AN", 3, 99, 5, LAST),
        mbo(7, "AB", 3, i64::MAX, 5, LAST),
        mbo(7, "AB", 3, 99, u32::MAX, LAST),
        mbo(7, "AB", 3, 99, 0, LAST),
        mbo(7, "MB", 1, 99, 0, LAST),
    ] {
        let mut books = started();
        let _ = books.apply(&words(&incomplete), 3);
        assert_eq!(reason(&books), Some(Reason::IncompleteRecord));
        assert_eq!(book(&books).levels(BookSide::Bid).count(), 1);
        assert_eq!(books.counters().incomplete, 1);
    }
}

#[test]
fn a_modified_order_keeps_its_place_unless_it_grows_or_moves() {
    let mut books = started();
    apply_all(
        &mut books,
        &[
            mbo(7, "AB", 3, 100, 30, LAST),
            mbo(7, "AB", 4, 100, 30, LAST),
            mbo(7, "MB", 1, 100, 10, LAST),
            mbo(7, "MB", 3, 100, 40, LAST),
            mbo(7, "MB", 4, 99, 5, LAST),
        ],
        3,
    );
    let mut records = Vec::new();
    assert!(books.orders(InstrumentId(7), &mut records));
    let orders: Vec<_> = records
        .iter()
        .map(|record| (record.order_id, record.price, record.size))
        .collect();
    assert_eq!(
        orders,
        [
            (0, i64::MAX, 0),
            (1, 100, 10),
            (3, 100, 40),
            (4, 99, 5),
            (2, 101, 20)
        ]
    );
    // Grown again, it comes last at its price.
    apply_all(&mut books, &[mbo(7, "MB", 1, 100, 50, LAST)], 8);
    records.clear();
    assert!(books.orders(InstrumentId(7), &mut records));
    assert_eq!((records[1].order_id, records[2].order_id), (3, 1));
    assert_eq!(book(&books).best(BookSide::Bid), level(100, 90, 2));
    assert_eq!(reason(&books), None);
    // One that nobody knows is added.
    apply_all(&mut books, &[mbo(7, "MA", 77, 101, 5, LAST)], 9);
    assert_eq!(book(&books).best(BookSide::Ask), level(101, 25, 2));
    assert_eq!(reason(&books), Some(Reason::UnknownOrder));
}

#[test]
fn a_clear_empties_the_book_and_makes_it_valid() {
    let mut books = books();
    apply_all(&mut books, &[mbo(7, "AB", 1, 100, 30, LAST)], 0);
    assert_eq!(reason(&books), Some(Reason::NeverBegun));
    let clear = mbo(7, "RN", 0, i64::MAX, 0, LAST);
    let applied = books.apply(&words(&clear), 1);
    assert!(applied.validity && applied.change == Change::Best);
    assert_eq!(book(&books).validity(), Validity::Valid { since: 1 });
    assert_eq!(book(&books).best(BookSide::Bid), None);
    assert_eq!(books.counters().orders, 0);
    // The order of before is unknown, and its reference free.
    apply_all(&mut books, &[mbo(7, "AB", 1, 99, 3, LAST)], 2);
    assert_eq!(book(&books).best(BookSide::Bid), level(99, 3, 1));
    assert_eq!(books.counters().duplicate_orders, 0);
    apply_all(&mut books, &[clear, mbo(7, "CB", 1, 99, 3, LAST)], 3);
    assert_eq!(reason(&books), Some(Reason::UnknownOrder));
}

#[test]
fn a_gap_makes_every_book_of_its_channel_invalid_until_a_clear() {
    let mut books = started();
    let mut other = mbo(8, "AB", 50, 100, 30, LAST);
    other.channel_id = 1;
    let _ = books.apply(&control(ControlKind::SessionStart as u16, 1, 1), 3);
    let _ = books.apply(&words(&other), 4);
    let applied = books.apply(&control(ControlKind::Gap as u16, 0, 900), 5);
    assert_eq!(applied.subject, Subject::Channel(0));
    assert!(applied.validity);
    let reason_of = Validity::Invalid {
        reason: Reason::Gap,
        since: 5,
    };
    assert_eq!(book(&books).validity(), reason_of);
    assert_eq!(books.channel_validity(0), reason_of);
    let other = books.instrument(InstrumentId(8)).unwrap();
    assert!(other.validity().is_valid());
    assert_eq!(book(&books).best(BookSide::Bid), level(100, 30, 1));
    apply_all(&mut books, &[mbo(7, "RN", 0, i64::MAX, 0, LAST)], 6);
    assert_eq!(reason(&books), None);
    // And the next gap again.
    let _ = books.apply(&control(ControlKind::Gap as u16, 0, 950), 7);
    assert_eq!(reason(&books), Some(Reason::Gap));
}

#[test]
fn a_reader_that_was_lapped_trusts_nothing() {
    let mut books = started();
    let applied = books.lost(40);
    assert_eq!((applied.subject, applied.validity), (Subject::All, true));
    assert_eq!(reason(&books), Some(Reason::Lapped));
    assert_eq!(books.counters().losses, 1);
}

#[test]
fn a_record_that_says_so_makes_its_book_invalid() {
    let mut books = started();
    let flags = LAST | MAYBE_BAD_BOOK;
    let _ = books.apply(&words(&mbo(7, "AB", 3, 99, 5, flags)), 3);
    assert_eq!(reason(&books), Some(Reason::Flagged));
    assert_eq!(book(&books).levels(BookSide::Bid).count(), 2);
    let _ = books.apply(&words(&mbo(7, "RN", 0, i64::MAX, 0, flags)), 4);
    assert_eq!(reason(&books), Some(Reason::Flagged));
}

#[test]
fn a_late_start_needs_a_snapshot_and_a_clear_is_none() {
    let mut books = books();
    let _ = books.apply(&control(ControlKind::SessionStart as u16, 0, 500), 0);
    let clear = mbo(7, "RN", 0, i64::MAX, 0, LAST);
    apply_all(&mut books, std::slice::from_ref(&clear), 1);
    assert_eq!(reason(&books), Some(Reason::LateStart));
    // A snapshot of the whole channel.
    let _ = books.apply(&control(ControlKind::SnapshotBegin as u16, 0, 500), 2);
    let add = mbo(7, "AB", 1, 100, 30, LAST | SNAPSHOT);
    apply_all(&mut books, &[clear, add], 3);
    assert_eq!(reason(&books), Some(Reason::Snapshot));
    let applied = books.apply(&control(ControlKind::SnapshotEnd as u16, 0, 600), 5);
    assert_eq!(applied.subject, Subject::Channel(0));
    assert_eq!(book(&books).validity(), Validity::Valid { since: 5 });
    assert_eq!(books.counters().snapshots, 1);
}

#[test]
fn a_snapshot_of_one_instrument_is_valid_with_its_last_record() {
    let mut books = books();
    let _ = books.apply(&control(ControlKind::SessionStart as u16, 0, 500), 0);
    apply_all(
        &mut books,
        &[
            mbo(7, "RN", 0, i64::MAX, 0, SNAPSHOT),
            mbo(7, "AB", 1, 100, 30, SNAPSHOT),
        ],
        1,
    );
    assert_eq!(reason(&books), Some(Reason::Snapshot));
    apply_all(&mut books, &[mbo(7, "AA", 2, 101, 5, SNAPSHOT | LAST)], 3);
    assert_eq!(reason(&books), None);
    // One that something else breaks off is none.
    apply_all(
        &mut books,
        &[
            mbo(7, "RN", 0, i64::MAX, 0, SNAPSHOT),
            mbo(7, "AB", 1, 100, 30, LAST),
            mbo(7, "AB", 2, 100, 30, SNAPSHOT | LAST),
        ],
        4,
    );
    assert_eq!(reason(&books), Some(Reason::Snapshot));
}

#[test]
fn a_snapshot_that_a_gap_broke_off_does_not_make_valid() {
    let mut books = started();
    for (sequence, kind) in (3..).zip([
        ControlKind::SnapshotBegin,
        ControlKind::Gap,
        ControlKind::SnapshotEnd,
    ]) {
        let _ = books.apply(&control(kind as u16, 0, 700), sequence);
    }
    assert_eq!(reason(&books), Some(Reason::Gap));
    assert_eq!(book(&books).best(BookSide::Bid), None);
    assert_eq!(books.counters().orders, 0);
}

#[test]
fn what_goes_wrong_within_a_snapshot_outlasts_it() {
    let mut books = started();
    let _ = books.apply(&control(ControlKind::SnapshotBegin as u16, 0, 700), 3);
    let unknown = mbo(7, "CB", 99, 100, 30, LAST | SNAPSHOT);
    let _ = books.apply(&words(&unknown), 4);
    let _ = books.apply(&control(ControlKind::SnapshotEnd as u16, 0, 700), 5);
    assert_eq!(reason(&books), Some(Reason::UnknownOrder));
}

#[test]
fn a_restart_and_the_next_session_begin_anew() {
    for kind in [ControlKind::Reset, ControlKind::SessionStart] {
        let mut books = started();
        let _ = books.apply(&words(&mbo(7, "TB", 0, 101, 4, LAST)), 3);
        let _ = books.apply(&control(ControlKind::Gap as u16, 0, 900), 4);
        let applied = books.apply(&control(kind as u16, 0, 1), 5);
        assert_eq!(applied.subject, Subject::Channel(0));
        assert_eq!(book(&books).validity(), Validity::Valid { since: 5 });
        assert_eq!(book(&books).best(BookSide::Ask), None);
        // The day's last trade is the day's.
        let same_day = kind == ControlKind::Reset;
        assert_eq!(book(&books).last_trade().is_some(), same_day);
    }
}

#[test]
fn silence_and_what_is_asked_for_again_leave_the_books_as_they_are() {
    let mut books = started();
    for kind in [
        ControlKind::Recovering,
        ControlKind::Recovered,
        ControlKind::Stale,
        ControlKind::Live,
        ControlKind::SessionEnd,
        ControlKind::SnapshotEnd,
    ] {
        let applied = books.apply(&control(kind as u16, 0, 900), 3);
        assert_eq!(applied.subject, Subject::Nobody);
        assert_eq!(reason(&books), None);
    }
    assert_eq!(books.counters().ignored, 6);
    assert_eq!(book(&books).best(BookSide::Bid), level(100, 30, 1));
}

#[test]
fn a_crossed_book_is_invalid_while_it_trades_and_a_locked_one_is_not() {
    let mut books = started();
    let applied = books.apply(&status(7, StatusAction::Trading, b'Y'), 3);
    assert!(applied.status);
    assert_eq!(book(&books).status().is_trading, b'Y');
    let _ = books.apply(&words(&mbo(7, "AB", 3, 101, 5, LAST)), 4);
    assert!(book(&books).is_locked() && !book(&books).is_crossed());
    assert_eq!(reason(&books), None);
    // Between the records of a message it may be crossed.
    let _ = books.apply(&words(&mbo(7, "AB", 4, 102, 5, 0)), 5);
    assert!(book(&books).is_crossed());
    assert_eq!(reason(&books), None);
    let _ = books.apply(&words(&mbo(7, "NN", 0, 0, 0, LAST)), 6);
    assert_eq!(reason(&books), Some(Reason::Crossed));
    assert_eq!(books.counters().crossed, 1);
}

#[test]
fn a_halted_book_may_be_crossed_and_its_orders_cancelled() {
    let mut books = started();
    let _ = books.apply(&status(7, StatusAction::Halt, b'N'), 3);
    let halted = book(&books).status();
    assert_eq!(
        (halted.action, halted.is_trading, halted.ts_event),
        (StatusAction::Halt as u16, b'N', 78)
    );
    apply_all(
        &mut books,
        &[
            mbo(7, "AB", 3, 105, 5, LAST),
            mbo(7, "CA", 2, 101, 20, LAST),
        ],
        4,
    );
    assert_eq!(book(&books).best(BookSide::Bid), level(105, 5, 1));
    assert_eq!(book(&books).best(BookSide::Ask), None);
    assert_eq!(reason(&books), None);
}

#[test]
fn a_change_of_the_short_sale_restriction_says_nothing_about_trading() {
    let mut books = started();
    let _ = books.apply(&status(7, StatusAction::Trading, b'Y'), 3);
    let _ = books.apply(&status(7, StatusAction::SsrChange, b'~'), 4);
    let status = book(&books).status();
    assert_eq!(
        (status.action, status.is_trading),
        (StatusAction::Trading as u16, b'Y')
    );
}

#[test]
fn orders_levels_and_instruments_beyond_the_limits_are_counted() {
    let mut books = books_of(2, 100, 1);
    let _ = books.apply(&start(), 0);
    for order in 1..=3 {
        let _ = books.apply(&words(&mbo(7, "AB", order, 100, 1, LAST)), order);
    }
    assert_eq!(reason(&books), Some(Reason::Overflow));
    assert_eq!(books.counters().orders_overflowed, 1);
    let applied = books.apply(&words(&mbo(8, "AB", 9, 100, 1, LAST)), 4);
    assert_eq!(applied.subject, Subject::Nobody);
    assert!(books.instrument(InstrumentId(8)).is_none());
    assert_eq!(books.counters().instruments_overflowed, 1);

    let mut books = books_of(100, 2, 1);
    let _ = books.apply(&start(), 0);
    for order in 1..=3 {
        let _ = books.apply(&words(&mbo(7, "AB", order, order as i64, 1, LAST)), order);
    }
    assert_eq!(reason(&books), Some(Reason::Overflow));
    assert_eq!(books.counters().levels_overflowed, 1);
    assert_eq!(book(&books).levels(BookSide::Bid).count(), 2);
    // Cleared, there is room again.
    apply_all(&mut books, &[mbo(7, "RN", 0, i64::MAX, 0, LAST)], 4);
    assert_eq!(reason(&books), None);
}

#[test]
fn records_of_others_and_of_other_kinds_are_not_applied() {
    let mut books = started();
    let mut foreign = mbo(7, "CB", 1, 100, 30, LAST);
    foreign.hd.publisher_id = 3;
    let _ = books.apply(&words(&foreign), 3);
    assert_eq!(books.counters().foreign, 1);
    let mut native = words(&mbo(7, "CB", 1, 100, 30, LAST));
    native[0] = native[0] & !0xFF00 | 0xF1 << 8;
    let _ = books.apply(&native, 4);
    assert_eq!(books.counters().ignored, 1);
    let _ = books.apply(&native[..3], 5);
    let _ = books.apply(&[], 6);
    let _ = books.apply(&words(&foreign)[..6], 7);
    let short = words(&mbo(7, "CB", 1, 100, 30, LAST));
    let _ = books.apply(&short[..6], 8);
    let _ = books.apply(&words(&mbo(7, "?B", 1, 100, 30, LAST)), 9);
    let counters = books.counters();
    assert_eq!((counters.malformed, counters.ignored), (3, 2));
    assert_eq!(counters.foreign, 2);
    assert_eq!(book(&books).best(BookSide::Bid), level(100, 30, 1));
    assert_eq!(reason(&books), None);
}

#[test]
fn the_publisher_of_the_first_record_is_that_of_the_books() {
    let mut books = Books::new(&gateway_book::BooksOptions {
        orders_max: 10,
        levels_max: 10,
        instruments_max: 2,
        publisher_id: None,
    })
    .unwrap();
    assert_eq!(books.publisher_id(), None);
    let _ = books.apply(&start(), 0);
    assert_eq!(
        books.publisher_id(),
        None,
        "a control record is of a channel"
    );
    apply_all(&mut books, &[mbo(7, "AB", 1, 100, 30, LAST)], 1);
    assert_eq!(books.publisher_id(), Some(2));
    assert_eq!(book(&books).best(BookSide::Bid), level(100, 30, 1));
}

#[test]
fn a_definition_gives_an_instrument_an_empty_book() {
    let mut books = books();
    let _ = books.apply(&start(), 0);
    let _ = books.apply(&definition(7), 1);
    assert_eq!(book(&books).best(BookSide::Bid), None);
    assert_eq!(book(&books).validity(), Validity::Valid { since: 0 });
}

#[test]
fn limits_out_of_range_are_refused_by_name() {
    for (name, orders_max, levels_max, instruments_max) in [
        ("orders_max", 0, 1, 1),
        ("orders_max", u32::MAX, 1, 1),
        ("levels_max", 1, 0, 1),
        ("instruments_max", 1, 1, 0),
        ("instruments_max", 1, 1, (1 << 20) + 1),
    ] {
        let refused = Books::new(&gateway_book::BooksOptions {
            orders_max,
            levels_max,
            instruments_max,
            publisher_id: None,
        });
        let message = refused.unwrap_err().to_string();
        assert!(message.starts_with(name), "{message}");
    }
}

#[test]
fn sizes_beyond_32_bits_are_whole_in_the_book_and_end_in_dbn() {
    let mut books = books();
    let huge = u32::MAX - 1;
    apply_all(
        &mut books,
        &[
            mbo(7, "AA", 1, i64::MIN, huge, LAST),
            mbo(7, "AA", 2, i64::MIN, huge, LAST),
        ],
        0,
    );
    let best = level(i64::MIN, 2 * u64::from(huge), 2);
    assert_eq!(book(&books).best(BookSide::Ask), best);
    let [pair] = book(&books).top::<1>();
    assert_eq!((pair.ask_px, pair.ask_sz, pair.ask_ct), (i64::MIN, huge, 2));
    assert_eq!((pair.bid_px, pair.bid_sz, pair.bid_ct), (i64::MAX, 0, 0));
}
