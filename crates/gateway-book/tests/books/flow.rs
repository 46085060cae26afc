//! A generated trading day: ITCH messages, decoded by the real decoder, into books and naive books.

use dbn::flags::LAST;
use gateway_book::record::{ControlKind, InstrumentId};
use gateway_book::{Applied, Batch, BookSide, Change, Level, Subject, words};
use gateway_feed::decoder::Decoder;
use gateway_feed::itch50::harness::{Collector, Published};
use gateway_feed::itch50::{ItchConfig, ItchDecoder, OrderIndexConfig};
use gateway_feed::sink::{MessageContext, Output, Outputs};
use gateway_sim::flow::{FlowOptions, OrderFlow};

use crate::naive::Naive;
use crate::support::{assert_same, assert_same_orders, books_of, control, typed};

/// The `full` records of a day, in order.
fn day(seed: u64, symbols: u32, messages: u64, orders_max: u32) -> Vec<Vec<u64>> {
    let mut flow = OrderFlow::new(FlowOptions {
        seed,
        symbols,
        messages,
        orders_max,
        ..FlowOptions::default()
    });
    let mut decoder = ItchDecoder::new(&ItchConfig {
        orders: Some(OrderIndexConfig {
            orders_max: orders_max + 10,
            prefetch: false,
        }),
        ..ItchConfig::default()
    })
    .unwrap();
    let mut sink = Collector::new(Outputs::NONE.with(Output::Full));
    let mut context = MessageContext {
        sequence: 0,
        ts_recv: 1_577_716_200_000_000_000,
    };
    while let Some(message) = flow.next() {
        context.sequence += 1;
        decoder.message(&context, message.bytes, &mut sink);
    }
    sink.published
        .into_iter()
        .filter_map(|published| match published {
            Published::Record { words, .. } => Some(words),
            _ => None,
        })
        .collect()
}

fn both_sides(naive: &Naive, instrument: u32) -> [Vec<Level>; 2] {
    [BookSide::Bid, BookSide::Ask].map(|side| {
        naive
            .books
            .get(&instrument)
            .map_or_else(Vec::new, |book| book.levels(side))
    })
}

/// The change between two books.
fn change(before: &[Vec<Level>; 2], after: &[Vec<Level>; 2]) -> Change {
    let of_side = |side: usize| {
        let (before, after) = (&before[side], &after[side]);
        let longest = before.len().max(after.len());
        match (0..longest).find(|&rank| before.get(rank) != after.get(rank)) {
            None => Change::Nothing,
            Some(0) => Change::Best,
            Some(1..10) => Change::Ten,
            Some(_) => Change::Deeper,
        }
    };
    of_side(0).max(of_side(1))
}

fn compare_day(seed: u64, symbols: u32, messages: u64, orders_max: u32) {
    let mut books = books_of(orders_max + 10, orders_max + 10, symbols);
    let mut naive = Naive::new();
    let start = control(ControlKind::SessionStart as u16, 0, 1);
    assert_eq!(books.apply(&start, 0).subject, Subject::Channel(0));
    naive.control(ControlKind::SessionStart as u16, 0, 1);
    let mut before: Option<[Vec<Level>; 2]> = None;
    let mut single_records = 0;
    for (sequence, record) in (1..).zip(day(seed, symbols, messages, orders_max)) {
        let applied = books.apply(&record, sequence);
        let Some(order) = typed(&record) else {
            continue;
        };
        let instrument = order.hd.instrument_id;
        let first = before.is_none();
        let was = before
            .take()
            .unwrap_or_else(|| both_sides(&naive, instrument));
        naive.order(&order);
        assert_same(&books, &naive, instrument);
        let actual = change(&was, &both_sides(&naive, instrument));
        assert!(
            applied.change >= actual,
            "{order:?}: {applied:?}, {actual:?}"
        );
        let complete = order.flags.raw() & LAST != 0;
        assert_eq!(applied.complete, complete);
        if first && complete {
            single_records += 1;
            assert_eq!(applied.change, actual, "{order:?}");
        }
        if !complete {
            before = Some(was);
        }
    }
    assert!(single_records > messages / 4);
    let counters = books.counters();
    assert_eq!(
        counters.unknown_orders + counters.incomplete + counters.contradictions + counters.crossed,
        0,
        "{counters:?}"
    );
    assert!(counters.orders > 0);
    for book in books.instruments() {
        assert!(book.validity().is_valid());
        if naive.books.contains_key(&book.id().0) {
            assert_same_orders(&books, &naive, book.id().0);
        }
    }
}

#[test]
fn a_day_of_many_symbols_is_as_the_naive_books_have_it() {
    compare_day(1, 500, 30_000, 4_000);
}

#[test]
fn a_day_of_one_symbol_with_a_deep_book_is_as_the_naive_book_has_it() {
    compare_day(2, 1, 12_000, 800);
}

#[test]
fn batches_give_what_single_records_give() {
    let records = day(3, 50, 20_000, 3_000);
    let mut one_by_one = books_of(4_000, 4_000, 50);
    let mut in_batches = books_of(4_000, 4_000, 50);
    let mut single: Vec<Applied> = Vec::new();
    let mut batched: Vec<Applied> = Vec::new();
    let mut batch = Batch::new();
    for (sequence, record) in (0..).zip(&records) {
        single.push(one_by_one.apply(record, sequence));
        if !batch.push(record, sequence) {
            in_batches.apply_batch(&mut batch, |_, applied| batched.push(applied));
            assert!(batch.is_empty() && batch.push(record, sequence));
        }
    }
    in_batches.apply_batch(&mut batch, |_, applied| batched.push(applied));
    assert_eq!(single, batched);
    assert_eq!(one_by_one.counters(), in_batches.counters());
    for (one, other) in one_by_one.instruments().zip(in_batches.instruments()) {
        assert_eq!(one.top::<20>(), other.top::<20>());
    }
}

#[test]
fn who_comes_late_and_takes_a_snapshot_has_what_who_was_there_has() {
    let records = day(4, 20, 12_000, 2_000);
    let mut early = books_of(3_000, 3_000, 20);
    let mut late = books_of(3_000, 3_000, 20);
    let _ = early.apply(&control(ControlKind::SessionStart as u16, 0, 1), 0);
    let middle = records.len() * 2 / 3;
    for (sequence, record) in (1..).zip(&records[..middle]) {
        let _ = early.apply(record, sequence);
    }
    let valid_at = early.sequence();
    let mut snapshot = Vec::new();
    for book in early.instruments() {
        assert!(early.orders(book.id(), &mut snapshot));
    }
    for record in &snapshot {
        let _ = late.apply(&words(record), valid_at);
    }
    // All of them together are the same, whoever is asked for twice and whoever has no book.
    let mut ids: Vec<_> = early.instruments().map(|book| book.id()).collect();
    ids.reverse();
    ids.extend([ids[0], InstrumentId(60_000)]);
    let mut together = Vec::new();
    assert_eq!(early.orders_of(&ids, &mut together), ids.len() - 2);
    assert_eq!(together, snapshot);
    for (sequence, record) in (valid_at + 1..).zip(&records[middle..]) {
        let _ = early.apply(record, sequence);
        let _ = late.apply(record, sequence);
    }
    for book in early.instruments() {
        let twin = late.instrument(book.id()).unwrap();
        for side in [BookSide::Bid, BookSide::Ask] {
            assert!(book.levels(side).eq(twin.levels(side)));
        }
        assert!(twin.validity().is_valid());
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        assert!(early.orders(book.id(), &mut ours) && late.orders(book.id(), &mut theirs));
        assert_eq!(ours, theirs);
    }
    assert_eq!(early.counters().orders, late.counters().orders);
    let mut nothing = Vec::new();
    assert!(!early.orders(InstrumentId(60_000), &mut nothing) && nothing.is_empty());
}
