//! Whatever may come, in any order: the books do what their documentation says, and no more.

use std::collections::BTreeMap;

use dbn::StatusAction;
use dbn::flags::{LAST, MAYBE_BAD_BOOK, PUBLISHER_SPECIFIC, SNAPSHOT};
use gateway_book::record::v3::MboMsg;
use gateway_book::record::{ControlKind, InstrumentId};
use gateway_book::{Batch, BookSide, Books, Level, Subject, words};
use proptest::prelude::*;

use crate::naive::Naive;
use crate::support::{
    assert_same, assert_same_orders, books, books_of, control, definition, mbo, status,
};

#[derive(Clone, Debug)]
enum Happening {
    Order(MboMsg),
    Control {
        kind: u16,
        channel: u8,
        sequence: u64,
    },
    Status {
        instrument: u32,
        action: StatusAction,
        is_trading: u8,
    },
    Definition(u32),
    Words(Vec<u64>),
    Lost,
}

const FLAGS: [u8; 12] = [
    LAST,
    LAST,
    LAST,
    LAST,
    LAST,
    LAST,
    0,
    0,
    SNAPSHOT,
    SNAPSHOT | LAST,
    MAYBE_BAD_BOOK | LAST,
    PUBLISHER_SPECIFIC | LAST,
];

fn letters() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        6 => prop::sample::select(vec!["AB", "AA"]),
        5 => prop::sample::select(vec!["CB", "CA"]),
        2 => prop::sample::select(vec!["MB", "MA"]),
        1 => prop::sample::select(vec!["RN", "TN", "TA", "FB", "NN", "AN", "CN", "MN", "ZB", "A?"]),
    ]
}

fn price() -> impl Strategy<Value = i64> {
    prop_oneof![
        8 => 95..105_i64,
        1 => prop::sample::select(vec![i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX]),
    ]
}

fn size() -> impl Strategy<Value = u32> {
    prop_oneof![8 => 1..5_u32, 1 => prop::sample::select(vec![0, u32::MAX - 1, u32::MAX])]
}

fn order() -> impl Strategy<Value = Happening> {
    (
        (1..4_u32, letters(), 1..16_u64, price(), size()),
        prop::sample::select(FLAGS.to_vec()),
        prop::sample::select(vec![0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
    )
        .prop_map(
            |((instrument, letters, order, price, size), flags, channel)| {
                let mut record = mbo(instrument, letters, order, price, size, flags);
                // Instrument 3 is of the second channel; now and then one strays.
                record.channel_id = u8::from(instrument == 3) ^ channel;
                Happening::Order(record)
            },
        )
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        40 => order(),
        3 => (0..13_u16, 0..2_u8, prop::sample::select(vec![0, 1, 2, u64::MAX]))
            .prop_map(|(kind, channel, sequence)| Happening::Control { kind, channel, sequence }),
        1 => (1..4_u32, prop::sample::select(vec![
            (StatusAction::Trading, b'Y'),
            (StatusAction::Halt, b'N'),
            (StatusAction::None, b'~'),
            (StatusAction::SsrChange, b'~'),
        ]))
            .prop_map(|(instrument, (action, is_trading))| {
                Happening::Status { instrument, action, is_trading }
            }),
        1 => (1..4_u32).prop_map(Happening::Definition),
        1 => prop::collection::vec(any::<u64>(), 0..9).prop_map(Happening::Words),
        1 => Just(Happening::Lost),
    ]
}

fn row() -> impl Strategy<Value = Vec<Happening>> {
    prop::collection::vec(happening(), 1..120)
}

/// The validity of each book, and its levels.
fn seen(books: &Books) -> BTreeMap<u32, (bool, [Vec<Level>; 2])> {
    books
        .instruments()
        .map(|book| {
            let levels = [BookSide::Bid, BookSide::Ask].map(|side| book.levels(side).collect());
            (book.id().0, (book.validity().is_valid(), levels))
        })
        .collect()
}

fn happen(books: &mut Books, happening: &Happening, sequence: u64) {
    let before = seen(books);
    let applied = match happening {
        Happening::Order(record) => books.apply(&words(record), sequence),
        Happening::Control {
            kind,
            channel,
            sequence: of,
        } => books.apply(&control(*kind, *channel, *of), sequence),
        Happening::Status {
            instrument,
            action,
            is_trading,
        } => books.apply(&status(*instrument, *action, *is_trading), sequence),
        Happening::Definition(instrument) => books.apply(&definition(*instrument), sequence),
        Happening::Words(words) => books.apply(words, sequence),
        Happening::Lost => books.lost(sequence),
    };
    assert_eq!(books.sequence(), sequence);
    // Whoever heeds what was told has missed nothing.
    for (id, after) in seen(books) {
        let book = books.instrument(InstrumentId(id)).unwrap();
        let concerned = match applied.subject {
            Subject::Nobody => false,
            Subject::Instrument { id: of, slot } => {
                assert_eq!(books.slot(slot).unwrap().id(), of);
                of.0 == id
            }
            Subject::Channel(channel) => channel == book.channel(),
            Subject::All => true,
        };
        let also = applied.also == Some(book.slot());
        let was = before.get(&id);
        let valid_before = was.map_or_else(
            || books.channel_validity(book.channel()).is_valid(),
            |was| was.0,
        );
        if valid_before != after.0 && was.is_some() {
            assert!(
                concerned && applied.validity || also,
                "{happening:?} {applied:?}"
            );
        }
        if was.is_some_and(|was| was.1 != after.1) {
            let changed = applied.change != gateway_book::Change::Nothing;
            assert!(concerned && changed || also, "{happening:?} {applied:?}");
        }
        check(books, id);
    }
    let resting: u64 = books
        .instruments()
        .flat_map(|book| book.levels(BookSide::Bid).chain(book.levels(BookSide::Ask)))
        .map(|level| u64::from(level.orders))
        .sum();
    assert_eq!(books.counters().orders, resting);
}

/// A book in itself: ordered, nothing empty, and ten levels that are the first ten.
fn check(books: &Books, id: u32) {
    let book = books.instrument(InstrumentId(id)).unwrap();
    let bids: Vec<_> = book.levels(BookSide::Bid).collect();
    let asks: Vec<_> = book.levels(BookSide::Ask).collect();
    assert!(bids.is_sorted_by(|one, next| one.price > next.price));
    assert!(asks.is_sorted_by(|one, next| one.price < next.price));
    assert!(
        bids.iter()
            .chain(&asks)
            .all(|level| level.orders > 0 && level.size > 0)
    );
    for (rank, pair) in book.top::<10>().iter().enumerate() {
        let of = |levels: &[Level]| {
            levels.get(rank).map_or((i64::MAX, 0, 0), |level| {
                let size = level.size.min(u64::from(u32::MAX - 1));
                (level.price, size as u32, level.orders)
            })
        };
        assert_eq!((pair.bid_px, pair.bid_sz, pair.bid_ct), of(&bids));
        assert_eq!((pair.ask_px, pair.ask_sz, pair.ask_ct), of(&asks));
    }
}

fn happen_naively(naive: &mut Naive, happening: &Happening) {
    match happening {
        Happening::Order(record) => naive.order(record),
        Happening::Control {
            kind,
            channel,
            sequence,
        } => naive.control(*kind, *channel, *sequence),
        Happening::Status {
            instrument,
            action,
            is_trading,
        } => {
            let tells = *action != StatusAction::SsrChange;
            naive.status(*instrument, tells.then_some(*is_trading == b'Y'));
        }
        Happening::Definition(instrument) => naive.define(*instrument),
        // None of them is long enough and of this publisher: next to impossible.
        Happening::Words(_) => {}
        Happening::Lost => naive.lost(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn books_are_what_naive_books_are_whatever_comes(row in row()) {
        let mut books = books();
        let mut naive = Naive::new();
        for (sequence, happening) in (0..).zip(&row) {
            happen(&mut books, happening, sequence);
            happen_naively(&mut naive, happening);
            for &id in naive.books.keys() {
                assert_same(&books, &naive, id);
            }
        }
        for &id in naive.books.keys() {
            assert_same_orders(&books, &naive, id);
        }
    }

    /// What does not fit makes its book invalid, and no other; a book that says that it is valid is right.
    #[test]
    fn a_book_that_is_valid_is_right_even_where_there_is_no_room(
        row in row(),
        (orders_max, levels_max) in (1..12_u32, 1..8_u32),
    ) {
        let mut books = books_of(orders_max, levels_max, 3);
        let mut naive = Naive::new();
        for (sequence, happening) in (0..).zip(&row) {
            happen(&mut books, happening, sequence);
            happen_naively(&mut naive, happening);
            prop_assert!(books.counters().orders <= orders_max.into());
            prop_assert!(books.counters().levels <= levels_max.into());
            for book in books.instruments().filter(|book| book.validity().is_valid()) {
                for side in [BookSide::Bid, BookSide::Ask] {
                    let levels: Vec<_> = book.levels(side).collect();
                    prop_assert_eq!(levels, naive.books[&book.id().0].levels(side));
                }
            }
        }
    }

    #[test]
    fn a_batch_is_what_its_records_are(row in row()) {
        let (mut single, mut batched, mut plain) = (books(), books(), books());
        gateway_book::harness::forgo_vectors(&mut plain);
        let (mut batch, mut plain_batch) = (Batch::new(), Batch::new());
        let mut expected = Vec::new();
        let (mut given, mut given_plainly) = (Vec::new(), Vec::new());
        for (sequence, happening) in (0..).zip(&row) {
            let record = match happening {
                Happening::Order(record) => words(record).to_vec(),
                Happening::Control { kind, channel, sequence } => {
                    control(*kind, *channel, *sequence).to_vec()
                }
                Happening::Status { instrument, action, is_trading } => {
                    status(*instrument, *action, *is_trading)
                }
                Happening::Definition(instrument) => definition(*instrument),
                Happening::Words(words) => words.clone(),
                Happening::Lost => continue,
            };
            expected.push(single.apply(&record, sequence));
            if !batch.push(&record, sequence) {
                batched.apply_batch(&mut batch, |_, applied| given.push(applied));
                plain.apply_batch(&mut plain_batch, |_, applied| given_plainly.push(applied));
                prop_assert!(batch.push(&record, sequence));
            }
            prop_assert!(plain_batch.push(&record, sequence));
        }
        batched.apply_batch(&mut batch, |_, applied| given.push(applied));
        plain.apply_batch(&mut plain_batch, |_, applied| given_plainly.push(applied));
        prop_assert_eq!(&expected, &given);
        prop_assert_eq!(&expected, &given_plainly);
        for batched in [&batched, &plain] {
            prop_assert_eq!(single.counters(), batched.counters());
            prop_assert_eq!(seen(&single), seen(batched));
        }
    }

    /// What the fuzz target looks for, on rows that are drawn rather than found.
    #[test]
    fn books_stay_books(data in prop::collection::vec(any::<u8>(), 0..4_000)) {
        gateway_book::harness::exercise(&data);
    }

    #[test]
    fn any_words_at_all_are_counted(rows in prop::collection::vec(
        (prop::collection::vec(any::<u64>(), 0..70), any::<u8>(), any::<bool>()), 1..50))
    {
        let mut books = books();
        for (sequence, (mut words, rtype, ours)) in (0..).zip(rows) {
            if let Some(head) = words.first_mut() {
                let rtype = if ours { dbn::rtype::MBO } else { rtype };
                *head = *head & !0xFFFF_FF00 | u64::from(rtype) << 8 | 2 << 16;
            }
            let _ = books.apply(&words, sequence);
            prop_assert_eq!(books.counters().records, sequence + 1);
        }
    }
}

/// A record that is longer than its kind allows is none of that kind, one by one and in a batch, which keeps its beginning
/// only.
#[test]
fn a_record_with_a_word_too_many_is_malformed_in_a_batch_too() {
    let order = words(&mbo(1, "AB", 1, 100, 1, LAST));
    let rows = [
        control(ControlKind::SessionStart as u16, 1, 1).to_vec(),
        status(1, StatusAction::Trading, b'Y'),
        definition(1),
        order.to_vec(),
    ];
    for row in rows {
        let (mut single, mut batched) = (books(), books());
        let _ = single.apply(&order, 0);
        let _ = batched.apply(&order, 0);
        let mut longer = row.clone();
        longer.push(0);
        let mut batch = Batch::new();
        assert!(batch.push(&longer, 1));
        let mut given = Vec::new();
        batched.apply_batch(&mut batch, |_, applied| given.push(applied));
        assert_eq!(given, [single.apply(&longer, 1)], "{row:x?}");
        assert_eq!(single.counters(), batched.counters(), "{row:x?}");
        assert_eq!(batched.counters().malformed, 1, "{row:x?}");
    }
}

fn xorshift(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// Long rows in which books are emptied again and again, so that stale orders come and go.
#[test]
fn clearing_leaves_nothing_behind_that_is_ever_seen() {
    for seed in 1..6_u64 {
        let mut state = seed;
        let mut books = books_of(3_000, 4_000, 20);
        let mut naive = Naive::new();
        for sequence in 0..60_000 {
            let draw = xorshift(&mut state);
            let instrument = 1 + (draw >> 8) as u32 % 20;
            let order = (draw >> 16) % 3_000;
            let price = 100 + (draw >> 32) as i64 % 60;
            let letters = ["AB", "AA", "CB", "CA", "RN"][match draw % 1_000 {
                0..450 => 0,
                450..900 => 1,
                900..948 => 2,
                948..996 => 3,
                _ => 4,
            }];
            let record = mbo(
                instrument,
                letters,
                order,
                price,
                1 + (draw >> 50) as u32 % 9,
                LAST,
            );
            let _ = books.apply(&words(&record), sequence);
            naive.order(&record);
            if sequence % 64 == 0 {
                assert_same(&books, &naive, instrument);
            }
        }
        for id in 1..=20 {
            assert_same(&books, &naive, id);
            assert_same_orders(&books, &naive, id);
        }
        let counters = books.counters();
        assert_eq!(
            counters.orders_overflowed + counters.levels_overflowed,
            0,
            "{counters:?}"
        );
        assert!(counters.duplicate_orders > 100 && counters.unknown_orders > 100);
    }
}
