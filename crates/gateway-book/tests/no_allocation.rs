//! After construction books take no memory, whatever comes.

#![allow(clippy::unwrap_used, reason = "tests")]

use dbn::{Action, Side};
use gateway_book::record::{ControlKind, ControlRecord, InstrumentId, MboEvent, RTYPE_CONTROL};
use gateway_book::{Batch, Books, BooksOptions};
use gateway_test_support::allocations::{self, CountingAllocator};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn xorshift(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn applying_records_takes_no_memory() {
    let mut books = Books::new(&BooksOptions {
        orders_max: 500,
        levels_max: 300,
        instruments_max: 40,
        publisher_id: None,
    })
    .unwrap();
    let mut batch = Batch::new();
    let mut state = 1;
    let mut changes = 0_u64;
    let before = allocations::of_this_thread();
    for sequence in 0..200_000 {
        let draw = xorshift(&mut state);
        // More orders, levels and instruments than there is room for.
        let instrument = InstrumentId((draw >> 8) as u32 % 50);
        let event = MboEvent::new(
            MboEvent::head(2),
            0,
            instrument,
            sequence,
            sequence,
            sequence,
        );
        let action = match draw % 100 {
            0..50 => Action::Add,
            50..90 => Action::Cancel,
            90..97 => Action::Modify,
            97..99 => Action::Trade,
            _ => Action::Clear,
        };
        let side = [Side::Bid, Side::Ask, Side::None][(draw >> 20) as usize % 3];
        let price = (draw >> 24) as i64 % 500;
        let order = (draw >> 36) % 9_000;
        let record = event.record(action, side, order, price, (draw >> 50) as u32, draw as u8);
        if !batch.push(&record, sequence) {
            books.apply_batch(&mut batch, |books, applied| {
                changes += u64::from(applied.change > gateway_book::Change::Nothing);
                let book = books.instrument(InstrumentId(1));
                changes += book.map_or(0, |book| book.top::<10>().len() as u64);
            });
            assert!(batch.push(&record, sequence));
        }
        if draw.is_multiple_of(5_000) {
            let kind = ControlKind::from_number((draw >> 13) as u16 % 11);
            let record = ControlRecord {
                length: 14,
                rtype: RTYPE_CONTROL,
                publisher_id: 2,
                instrument_id: 0,
                ts_event: 0,
                kind: kind.map_or(0, |kind| kind as u16),
                channel_id: 0,
                reserved: [0; 5],
                sequence: 1,
                count: 1,
                ts_recv: 0,
                session: [0; 8],
            };
            let _ = books.apply(&record.words(), sequence);
        }
        if draw.is_multiple_of(7_000) {
            let _ = books.lost(sequence);
        }
    }
    assert_eq!(allocations::of_this_thread() - before, 0);
    let counters = books.counters();
    assert!(changes > 0 && counters.orders > 0);
    assert!(counters.orders_overflowed + counters.levels_overflowed > 0);
    assert!(counters.instruments_overflowed > 0);
}
