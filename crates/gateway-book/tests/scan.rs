//! A scan of the orders of a large book, in pieces, while records go on.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use dbn::flags::LAST;
use dbn::{Action, Side};
use gateway_book::record::{ControlKind, ControlRecord, InstrumentId, MboEvent, RTYPE_CONTROL};
use gateway_book::{Books, BooksOptions, OrderScan};

const PUBLISHER: u16 = 2;
const INSTRUMENTS: u32 = 8_000;
/// As the book service has it.
const PIECE_BUCKETS: usize = 256;

/// A session's start and `live` orders of all instruments.
fn books(live: u32) -> Books {
    let options = BooksOptions {
        orders_max: live + live / 10,
        levels_max: live + live / 10,
        instruments_max: INSTRUMENTS,
        publisher_id: Some(PUBLISHER),
    };
    let mut books = Books::new(&options).unwrap();
    let start = ControlRecord {
        length: 14,
        rtype: RTYPE_CONTROL,
        publisher_id: PUBLISHER,
        instrument_id: 0,
        ts_event: 0,
        kind: ControlKind::SessionStart as u16,
        channel_id: 0,
        reserved: [0; 5],
        sequence: 1,
        count: 0,
        ts_recv: 0,
        session: [0; 8],
    };
    let _ = books.apply(&start.words(), 0);
    for order in 1..=u64::from(live) {
        let _ = books.apply(&add(order), order);
    }
    books
}

/// References, prices and instruments as if drawn, the same in every run.
fn drawn(order: u64) -> u64 {
    let spread = (order ^ order >> 31).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    spread ^ spread >> 29
}

fn instrument(order: u64) -> InstrumentId {
    InstrumentId((drawn(order) % u64::from(INSTRUMENTS)) as u32 + 1)
}

fn record(order: u64, action: Action, size: u32) -> [u64; 7] {
    let (drawn, instrument) = (drawn(order), instrument(order));
    let head = (MboEvent::head(PUBLISHER), MboEvent::channel(0));
    let event = MboEvent::new(head.0, head.1, instrument, order, order, order);
    let side = if drawn >> 60 & 1 == 0 {
        Side::Bid
    } else {
        Side::Ask
    };
    let away = (drawn >> 40 & 31) as i64;
    let price = if side == Side::Bid {
        99 - away
    } else {
        101 + away
    };
    event.record(action, side, order * 7, price * 10_000_000, size, LAST)
}

fn add(order: u64) -> [u64; 7] {
    record(order, Action::Add, 100)
}

fn apply(books: &mut Books, scan: &mut OrderScan, record: &[u64], sequence: u64) {
    scan.expect(books, record);
    let _ = books.apply(record, sequence);
    scan.follow(books);
}

#[test]
fn pieces_are_whole_though_orders_come_and_go_between_them() {
    let live = 20_000;
    let mut books = books(live);
    // What rests, kept as simply as can be: sizes by order.
    let mut resting: BTreeMap<u64, u32> = (1..=u64::from(live)).map(|o| (o, 100)).collect();
    let (mut next, mut oldest) = (u64::from(live) + 1, 1);
    for of in [None, Some([InstrumentId(5), InstrumentId(77)])] {
        let mut scan = books.begin_scan(of.as_ref().map(|of| of.as_slice()));
        let mut sequence = books.sequence();
        while !books.scan(&mut scan, 16) {
            for _ in 0..3 {
                sequence += 4;
                apply(&mut books, &mut scan, &add(next), sequence);
                // The newest but one loses a part, the oldest goes, and comes again with another size.
                let part = record(next - 1, Action::Cancel, 40);
                apply(&mut books, &mut scan, &part, sequence + 1);
                let all = record(oldest, Action::Cancel, 100);
                apply(&mut books, &mut scan, &all, sequence + 2);
                resting.insert(next, 100);
                if let Some(size) = resting.get_mut(&(next - 1)) {
                    *size -= 40;
                }
                resting.remove(&oldest);
                if oldest.is_multiple_of(2) {
                    let again = record(oldest, Action::Add, 7);
                    apply(&mut books, &mut scan, &again, sequence + 3);
                    resting.insert(oldest, 7);
                }
                (next, oldest) = (next + 1, oldest + 1);
            }
        }
        assert!(scan.followed() > 5_000 && !scan.is_void());
        let all: Vec<_> = books.instruments().map(|book| book.id()).collect();
        let (mut now, mut collected) = (Vec::new(), Vec::new());
        let wanted = of.map_or(all, |of| of.to_vec());
        assert_eq!(books.orders_of(&wanted, &mut now), wanted.len());
        let scanned = books.end_scan(scan);
        assert_eq!(
            (scanned.instruments(), scanned.invalid()),
            (wanted.len(), 0)
        );
        scanned.records(|record| collected.push(record));
        assert_eq!(collected.len(), now.len());
        assert!(collected == now);
        collected.retain(|record| record.action == Action::Add as std::ffi::c_char);
        let mut found: Vec<_> = collected.iter().map(|r| (r.order_id / 7, r.size)).collect();
        found.sort_unstable();
        let of_wanted = resting.iter().map(|(&order, &size)| (order, size));
        let of_wanted = of_wanted.filter(|(order, _)| wanted.contains(&instrument(*order)));
        assert!(found.into_iter().eq(of_wanted));
    }
}

/// How long a request for all orders keeps whoever applies records: in one go, and in pieces. A measurement: `cargo test
/// -p gateway-book --release --test scan -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn how_long_orders_of_a_large_book_keep_the_builder() {
    let books = books(850_000);
    let all: Vec<_> = books.instruments().map(|book| book.id()).collect();
    for _ in 0..5 {
        let began = Instant::now();
        let mut records = Vec::new();
        books.orders_of(&all, &mut records);
        let words: Vec<u64> = records.iter().flat_map(gateway_book::words).collect();
        let at_once = began.elapsed();
        drop((records, words));
        let began = Instant::now();
        let mut scan = books.begin_scan(None);
        let mut pieces = vec![began.elapsed()];
        let mut whole = false;
        while !whole {
            let began = Instant::now();
            whole = books.scan(&mut scan, PIECE_BUCKETS);
            pieces.push(began.elapsed());
        }
        let began = Instant::now();
        let scanned = books.end_scan(scan);
        let end = began.elapsed();
        let began = Instant::now();
        let mut words = Vec::new();
        scanned.records(|record| words.extend(gateway_book::words(&record)));
        let elsewhere = began.elapsed();
        let sum: Duration = pieces.iter().sum();
        pieces.sort_unstable();
        println!(
            "at once {at_once:?}; {} pieces, {sum:?} together: median {:?}, p99 {:?}, longest {:?}; the end {end:?}; on \
             another thread {elsewhere:?}",
            pieces.len(),
            pieces[pieces.len() / 2],
            pieces[pieces.len() * 99 / 100],
            pieces[pieces.len() - 1]
        );
    }
}
